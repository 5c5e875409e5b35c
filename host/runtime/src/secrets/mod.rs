//! Secrets that the connector works with and never sees.
//!
//! A reader who knows one file knows the way: [`secret`] is one secret in memory, [`master`] the key above all others, [`envelope`]
//! the sealed form, [`store`] the border to a disk or database ([`memory`], [`directory`]), [`vault`] all of them together. Above
//! that, [`policy`] says what a profile permits, `placeholder` and `capture` are the pure part of [`exchange`], and
//! [`connection`] is what a call is given. [`observer`] hears of every use, never of a value.
//!
//! The library reads no environment, no home folder and no terminal: keys, folders and the time are handed in.

mod capture;
pub mod connection;
pub mod directory;
pub mod envelope;
pub mod exchange;
pub(crate) mod lend;
mod locks;
pub mod master;
pub mod memory;
pub mod names;
pub mod observer;
mod placeholder;
pub mod policy;
pub mod secret;
pub mod store;
pub(crate) mod transport;
pub mod vault;
