//! Everything that is asked of the simulator over the wire. One file per noun, test names are sentences.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod branches;
mod clients;
mod commits;
mod compare;
mod conformance;
mod deploy_tokens;
mod error_shapes;
mod faults;
mod files;
mod forks;
mod front_door;
mod git_client;
mod graphql;
mod hook_deliveries;
mod hooks;
mod lfs;
mod limits;
mod members;
mod oauth;
mod pages;
mod projects;
mod push_rules;
mod receiver;
mod records;
mod rules;
mod speed;
mod submodules;
mod support;
mod tags;
mod tokens;
mod tree;
mod versions;
