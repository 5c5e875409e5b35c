//! Loads the gitlab-sync component and lends it HTTP, secrets, files and state.

mod bindings;
pub mod contract;
pub mod grant;
pub mod limits;
pub mod load;
pub mod manifest;
