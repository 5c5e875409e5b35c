//! A connector that misbehaves in every way we could think of, to prove the sandbox.
//!
//! Natively this crate is the list of its modes ([`Mode`], [`AboutMode`]) and of the values they try, so that the tests can name
//! them. As a component it exports the same world as the connector and does what it is asked. Nothing here decides whether the
//! sandbox holds: that is in `tests/suite`.

mod about_mode;
mod lists;
mod mode;
mod needle;

pub use about_mode::AboutMode;
pub use lists::{
    ABI_ABUSES, ALLOCATIONS, EVIL_KEYS, EVIL_PATHS, FORBIDDEN_HEADERS, FORBIDDEN_PARAMETERS, OVERRIDE_HEADERS,
    OVERSIZED, PATH_ESCAPES,
};
pub use mode::Mode;
pub use needle::Needle;

#[cfg(target_family = "wasm")]
mod guest;
