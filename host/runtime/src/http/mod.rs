//! Outbound HTTP as the host lends it: policy first, then the address, then the credential.

pub mod address;
pub mod path;
pub mod query;
pub mod target;
pub mod template;
