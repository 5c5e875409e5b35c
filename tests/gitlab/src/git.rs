//! Everything that touches repositories: real bare git repositories on disk, read and written with libgit2.
//!
//! Nothing in here knows HTTP, users or JSON.

pub mod repositories;
