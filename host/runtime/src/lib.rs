//! Loads the gitlab-sync component and lends it HTTP, secrets, files and state.

pub mod audit;
pub mod connection;
pub mod files;
pub mod grant;
pub mod log;
pub mod manifest;
pub mod state;
