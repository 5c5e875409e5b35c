//! Everything that is asked of the simulator over the wire. One file per noun, test names are sentences.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod branches;
mod checklist;
mod commits;
mod compare;
mod conformance;
mod faults;
mod files;
mod front_door;
mod git_client;
mod graphql;
mod hook_deliveries;
mod hooks;
mod limits;
mod oauth;
mod pages;
mod projects;
mod python_gitlab;
mod python_records;
mod receiver;
mod records;
mod speed;
mod support;
mod tokens;
mod tree;
mod versions;
