//! Everything that touches repositories: real bare git repositories on disk, read and written with libgit2.
//!
//! Nothing in here knows HTTP, users or JSON.

pub mod actions;
pub mod diff;
mod edits;
pub mod history;
pub mod lfs;
pub mod refs;
pub mod repositories;
pub mod transplant;
pub mod tree;
pub mod unequal;
pub mod write;
