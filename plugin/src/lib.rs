//! Keeps a product's files and one branch of one GitLab project in step.
//!
//! The crate is built twice. For WebAssembly it is the component: `component` lends the host's imports to the domain and exports
//! what the contract names. Natively it is a plain library over the traits of [`host`], so that every decision is tested
//! without a sandbox around it.
//!
//! What is asked of GitLab stands in [`gitlab`], what may be asked in [`about`], and what is done in the modules named after it.
//! The sync itself is a pure function of three maps of files: [`plan`].

pub mod ability;
pub mod about;
pub mod attributes;
pub mod author;
pub mod blob;
pub mod body;
pub mod brake;
#[cfg(target_family = "wasm")]
mod component;
pub mod configure;
pub mod conflict;
pub mod conflicts;
pub mod connect;
mod date;
mod delta;
pub mod diagnose;
mod diff;
pub mod error;
pub mod estimate;
pub mod fingerprint;
pub mod fold;
mod gather;
pub mod gitlab;
pub mod history;
pub mod hooks;
pub mod host;
mod inbound;
pub mod json;
pub mod ledger;
mod lower;
pub mod merge;
pub mod message;
mod moves;
mod names;
mod order;
mod outbound;
mod owner;
pub mod path;
pub mod plan;
pub mod preview;
pub mod pull;
pub mod push;
mod refused;
mod remote;
pub mod report;
pub mod request;
pub mod selection;
mod session;
mod slot;
pub mod sorted;
mod spelling;
pub mod status;
pub mod tree;
pub mod unselected;
pub mod webhook;
mod workspace;
