//! What several modules of tests need.

pub(crate) mod canary;
pub(crate) mod server;
pub(crate) mod trap;
pub(crate) mod wit;
