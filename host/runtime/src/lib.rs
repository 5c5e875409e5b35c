//! Loads the gitlab-sync component and lends it HTTP, secrets, files and state.

mod bindings;
mod call;
pub mod contract;
mod engine;
pub mod grant;
pub mod limits;
pub mod load;
pub mod manifest;

pub use call::{CallError, Limit};
pub use engine::{Allocation, Connector, Engine, EngineError, EngineOptions};
