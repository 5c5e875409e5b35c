//! The real program, run: what it prints, where, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

mod at_once;
mod component;
mod connection;
#[cfg(feature = "demo")]
mod demo;
mod folders;
mod gitlab;
mod help;
mod hooks;
mod inspect;
mod keyring;
mod keys;
mod limited;
mod page;
mod program;
mod progress;
mod promises;
mod serve;
mod setup;
mod stores;
mod tokens;
mod two_ways;
mod user;
mod webhook;
