//! What every kind of event is, whom it concerns and what it asks for. The bodies are restated: what tells them apart, in the words of the
//! versions that had them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod anything;
mod bodies;
mod lifecycle;
mod merge_requests;
mod pipelines;
mod pushes;
mod recorded;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
mod told;
