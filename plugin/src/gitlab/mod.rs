//! GitLab as it talks: one file for each thing it knows, with the requests about it and the parts of the replies we read.
//!
//! Decided here: paths, parameters and the JSON of GitLab's REST API. Not decided here: what the answers mean for a sync.

pub mod archive;
pub mod blob;
pub mod blobs;
pub mod client;
pub mod commit;
pub mod compare;
pub mod hook;
pub mod membership;
pub mod page;
mod patience;
pub mod project;
pub mod refusal;
pub mod role;
pub mod token;
pub mod tree;
