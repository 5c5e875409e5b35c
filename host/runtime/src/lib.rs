//! Loads the gitlab-sync component and lends it HTTP, secrets, files and state.

pub mod audit;
pub mod connection_id;
pub mod contract;
pub mod files;
pub mod grant;
pub mod http;
pub mod limits;
pub mod load;
pub mod log;
pub mod manifest;
pub mod permission;
pub mod secrets;
pub mod state;
