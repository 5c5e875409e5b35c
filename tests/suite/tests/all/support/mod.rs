//! What several modules of tests need.

pub(crate) mod canary;
pub(crate) mod connector;
pub(crate) mod made;
pub(crate) mod server;
pub(crate) mod sources;
pub(crate) mod tenant;
pub(crate) mod trap;
pub(crate) mod wit;
