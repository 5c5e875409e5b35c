//! Loads the gitlab-sync component and lends it HTTP, secrets, files and state.

pub mod connection_id;
pub mod contract;
pub mod files;
pub mod grant;
pub mod limits;
pub mod load;
pub mod manifest;
