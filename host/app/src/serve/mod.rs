//! The server.

#[cfg_attr(not(test), expect(dead_code, reason = "the server that signs people in comes next"))]
pub(crate) mod people;
#[cfg_attr(not(test), expect(dead_code, reason = "the server that listens comes next"))]
mod watcher;
