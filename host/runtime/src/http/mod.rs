//! Outbound HTTP as the host lends it: policy first, then the address, then the credential.

pub mod address;
pub mod budget;
pub mod denied;
pub mod headers;
pub mod path;
pub mod policy;
pub mod query;
pub mod shape;
pub mod target;
pub mod template;
