//! Outbound HTTP as the host lends it: policy first, then the address, then the credential.
//!
//! The way of a request: [`hooks`] (from the guest) or `secrets.exchange` → [`call`] (budget, record) → [`policy`] (pure) →
//! [`sender`] (pool, timeouts, credential) → [`connect`] (resolve, judge, dial). Nothing else in this crate opens a socket.

pub mod address;
mod ahead;
pub(crate) mod broken;
pub mod budget;
pub mod call;
pub mod connect;
pub mod credential;
mod demand;
pub mod denied;
mod dial;
pub mod error;
mod gzip;
pub mod headers;
pub mod hooks;
pub mod path;
pub mod policy;
pub mod query;
pub mod record;
pub mod reply;
pub mod resolve;
pub mod sender;
pub mod shape;
pub mod target;
pub mod template;
pub mod timeouts;
mod tls;
pub mod upload;

pub use dial::TunnelError;
pub use gzip::GzipError;
