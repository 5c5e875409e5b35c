//! What the server says of itself: one JSON line on stderr for each thing that happened.
//!
//! Never a secret, a body or a header: what the connector says is redacted by the library, everything else is this program's own words.

use gitlab_sync_host::clock::{Clock, SystemClock};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::log::{Event, Level};
use serde::Serialize;
use std::io::Write;

/// Where lines go.
#[derive(Debug, Default)]
pub(crate) struct Log;

#[derive(Serialize)]
struct Line<'a> {
    time_ms: u64,
    level: Level,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<&'a ConnectionId>,
    message: &'a str,
    #[serde(flatten)]
    fields: serde_json::Map<String, serde_json::Value>,
}

impl Log {
    pub(crate) fn info(&self, message: &str, fields: &[(&str, &str)]) {
        self.line(Level::Info, None, message, fields);
    }

    pub(crate) fn warn(&self, message: &str, fields: &[(&str, &str)]) {
        self.line(Level::Warn, None, message, fields);
    }

    pub(crate) fn error(&self, message: &str, fields: &[(&str, &str)]) {
        self.line(Level::Error, None, message, fields);
    }

    /// What the connector said during a call.
    pub(crate) fn of_connection(&self, id: &ConnectionId, event: &Event) {
        let fields: Vec<_> = event.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.line(event.level, Some(id), &event.message, &fields);
    }

    #[expect(clippy::unused_self, reason = "where lines go may become a choice")]
    fn line(&self, level: Level, connection: Option<&ConnectionId>, message: &str, fields: &[(&str, &str)]) {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let line = Line { time_ms: SystemClock.now_ms(), level, connection, message, fields };
        let text = serde_json::to_string(&line).expect("plain data") + "\n";
        // Whoever reads may have gone away; the server goes on.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}
