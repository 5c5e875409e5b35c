//! The component: what each mode does. Only compiled for wasm.

mod abi;
mod about;
mod allocator;
mod bindings;
mod computing;
mod export;
mod files;
mod floods;
mod handles;
mod headers;
mod memory;
mod paths;
mod raw;
mod replies;
mod run;
mod secrets;
mod sizes;
mod state;
mod targets;
mod waiting;
mod wire;
