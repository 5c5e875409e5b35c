//! What the server says of itself on stderr: one JSON line for each thing that happened, or on a terminal one line for people.
//!
//! Never a secret, a body or a header: what the connector says is redacted by the library, everything else is this program's own words. A
//! line that is written while a request is answered has the request's id, which the answer has too (`x-request-id`).

use crate::text::{Paint, Style, Text};
use gitlab_sync_host::clock::{Clock, SystemClock};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::log::{Event, Level};
use serde::Serialize;
use std::io::{IsTerminal, Write};

tokio::task_local! {
    /// Of the request that is answered by this task.
    pub(crate) static REQUEST: String;
}

/// What lines look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// For programs.
    #[default]
    Json,
    /// For people.
    Plain(Paint),
}

/// Where lines go.
#[derive(Debug, Default)]
pub(crate) struct Log {
    form: Form,
}

#[derive(Serialize)]
struct Line<'a> {
    time_ms: u64,
    level: Level,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<&'a ConnectionId>,
    message: &'a str,
    /// Apart, so that a name that the connector chose cannot take the place of one above.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    fields: serde_json::Map<String, serde_json::Value>,
}

impl Log {
    /// For people on a terminal, for programs elsewhere.
    pub(crate) fn to_stderr(paint: Paint) -> Self {
        Self { form: if std::io::stderr().is_terminal() { Form::Plain(paint) } else { Form::Json } }
    }

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

    fn line(&self, level: Level, connection: Option<&ConnectionId>, message: &str, fields: &[(&str, &str)]) {
        let request = REQUEST.try_with(Clone::clone).ok();
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let line = Line { time_ms: SystemClock.now_ms(), level, request, connection, message, fields };
        // Whoever reads may have gone away; the server goes on.
        let _ = std::io::stderr().write_all(line.render(self.form).as_bytes());
    }
}

impl Line<'_> {
    fn render(&self, form: Form) -> String {
        match form {
            Form::Json => serde_json::to_string(self).expect("plain data") + "\n",
            Form::Plain(paint) => self.text().render(paint) + "\n",
        }
    }

    /// Time of day in UTC, because a terminal is looked at within the day.
    fn text(&self) -> Text {
        let second = self.time_ms / 1_000;
        let clock = format!("{:02}:{:02}:{:02} ", second / 3_600 % 24, second / 60 % 60, second % 60);
        let (style, word) = match self.level {
            Level::Debug => (Style::Dim, "debug"),
            Level::Info => (Style::Plain, "info"),
            Level::Warn => (Style::Warn, "warn"),
            Level::Error => (Style::Bad, "error"),
        };
        let mut text = Text::new().dim(clock).column(style, word, 5).plain(self.message);
        let own = self.connection.map(|id| ("connection", id.to_string()));
        let fields =
            self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default().to_owned()));
        for (name, value) in own.into_iter().chain(fields) {
            text = text.dim(format!(" {name}=")).plain(value);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'a>(id: &'a ConnectionId, fields: &[(&str, &str)]) -> Line<'a> {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let (level, request) = (Level::Warn, Some("r1".into()));
        Line { time_ms: 3_723_004, level, request, connection: Some(id), message: "slow", fields }
    }

    #[test]
    fn a_line_is_json_for_programs_and_words_for_people() {
        let id = ConnectionId::parse("acme").unwrap();
        let hostile = line(&id, &[("message", "\n\u{1b}[2J"), ("ms", "12")]);
        let json = hostile.render(Form::Json);
        assert_eq!(json.matches('\n').count(), 1, "{json}");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&value["message"], &value["request"]), (&"slow".into(), &"r1".into()));
        assert_eq!((&value["connection"], &value["fields"]["ms"]), (&"acme".into(), &"12".into()));
        let text = hostile.render(Form::Plain(Paint::Plain));
        assert!(
            text.starts_with("01:02:03 warn   slow connection=acme message=") && text.ends_with(" ms=12\n"),
            "{text}"
        );
        assert!(!text.trim_end().contains(['\u{1b}', '\n']), "{text:?}");
    }

    #[tokio::test]
    async fn a_line_within_a_request_has_its_id() {
        assert!(REQUEST.try_with(Clone::clone).is_err());
        let seen = REQUEST.scope("r7".into(), async { REQUEST.try_with(Clone::clone) }).await;
        assert_eq!(seen.unwrap(), "r7");
    }
}
