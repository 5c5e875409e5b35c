//! What is kept between runs: one SQLite file behind the library's traits.
//!
//! One file, one noun per table: [`connections`] is the program's own list, [`secrets`] holds sealed records for the vault, [`state`] each
//! connection's ledger, [`claims`] who writes what, `turn` whose turn it is, `installation` this store's own mark, `users` (in `serve::people`) who may sign in and
//! `sessions` who has. Decided here: that a change is on disk when a call returns, and how two processes wait for each other. Not decided
//! here: what the bytes mean.

pub(crate) mod claims;
pub(crate) mod connections;
mod database;
mod installation;
#[cfg(test)]
pub(crate) mod scratch;
mod secrets;
mod state;
mod turn;
mod writer;

pub(crate) use database::{Database, DatabaseError, parsed};
pub(crate) use secrets::named;
