//! The vault and `secrets.exchange`, from outside: what a kill leaves, what a thief of the folder gets, what the connector sees.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

#[path = "secrets/directory.rs"]
mod directory;
#[path = "secrets/exchange.rs"]
mod exchange;
#[path = "secrets/faults.rs"]
mod faults;
#[path = "secrets/kill.rs"]
mod kill;
#[path = "secrets/support.rs"]
mod support;
#[path = "secrets/uses.rs"]
mod uses;
#[path = "secrets/vault.rs"]
mod vault;
