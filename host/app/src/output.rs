//! Where words go: data to stdout, talk to stderr.
//!
//! Decided here: colours only on a terminal and without `NO_COLOR`, one JSON value per command with `--json`, and that a reader who
//! goes away (`| head`) is no failure.

use crate::cli::{Color, DEFAULT_CONNECTION, Global};
use crate::failure::Failure;
use crate::pages;
use crate::text::{Page, Paint, Style, Text, is_unsafe, own_words};
use gitlab_sync_host::connection_id::ConnectionId;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// To the line's begin, and everything after it gone.
const CLEAR: &str = "\r\u{1b}[K";

/// The two streams of a command.
pub(crate) struct Output {
    json: bool,
    /// The connection that was named, if it is not the usual one: commands that are told next are for it.
    connection: Option<ConnectionId>,
    stdout: Paint,
    stderr: Paint,
    /// Whether a progress bar stands on the terminal's last line.
    bar: AtomicBool,
    /// Why not all of the result was written.
    lost: OnceLock<String>,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let (color, json) = (global.color, global.json);
        let paint = |terminal: bool| match color {
            Color::Always => Paint::Colors,
            Color::Auto if terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) => {
                Paint::Colors
            }
            Color::Auto | Color::Never => Paint::Plain,
        };
        let (stdout, stderr) = (paint(std::io::stdout().is_terminal()), paint(std::io::stderr().is_terminal()));
        let named = Some(&global.connection).filter(|name| *name != DEFAULT_CONNECTION);
        let connection = named.and_then(|name| ConnectionId::parse(name).ok());
        Self { json, connection, stdout, stderr, bar: AtomicBool::new(false), lost: OnceLock::new() }
    }

    /// Whether the result is for a program.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// How to write to stderr.
    pub(crate) fn stderr(&self) -> Paint {
        self.stderr
    }

    /// The command's result: `value` with `--json`, otherwise the page.
    pub(crate) fn result(&self, value: &impl Serialize, page: impl FnOnce() -> Page) {
        if self.json {
            self.json(value);
        } else {
            self.print(&self.rendered(&page()));
        }
    }

    /// A text that is the same for people and programs.
    pub(crate) fn text(&self, text: &str) {
        self.print(text);
    }

    /// A part of a longer result, for people; with `--json` only the whole is printed.
    #[cfg(feature = "demo")]
    pub(crate) fn show(&self, page: &Page) {
        if !self.json {
            self.print(&self.rendered(page));
        }
    }

    /// A line for the person who waits.
    pub(crate) fn talk(&self, line: impl Into<Text>) {
        self.tell(&(line.into().render_for(self.connection.as_ref(), self.stderr) + "\n"));
    }

    /// The same in the program's own words, which name a command.
    pub(crate) fn advise(&self, words: &str) {
        self.talk(Text::new().own(Style::Plain, words));
    }

    /// A question: the answer is typed on the same line.
    pub(crate) fn ask(&self, question: impl Into<Text>) {
        self.tell(&(question.into().render(self.stderr) + " "));
    }

    /// Why the command did not do what was asked. With `--json` on stdout too.
    pub(crate) fn failure(&self, failure: &Failure) {
        if !self.json && pages::changes::any(failure.done()) {
            self.print(&self.rendered(&pages::changes::steps(failure.done(), pages::changes::UNTIL_THEN)));
        }
        self.talk(Text::new().with(Style::Bad, "error: ").plain(failure.message()));
        for cause in failure.causes().iter().filter(|cause| !failure.hints().contains(cause)) {
            self.talk(Text::new().dim("  caused by: ").plain(cause));
        }
        for hint in failure.hints() {
            self.talk(Text::new().with(Style::Accent, "hint: ").own(Style::Plain, hint));
        }
        if self.json {
            let mut value = serde_json::json!({ "error": failure });
            if let Some(hints) = value.pointer_mut("/error/hints").and_then(Value::as_array_mut) {
                hints.iter_mut().for_each(|hint| *hint = hint.as_str().map(|hint| self.own_words(hint)).into());
            }
            self.json(&value);
        }
    }

    /// The program's own words for a program that reads them.
    pub(crate) fn own_words(&self, words: &str) -> String {
        own_words(words, self.connection.as_ref())
    }

    fn rendered(&self, page: &Page) -> String {
        page.render_for(self.connection.as_ref(), self.stdout)
    }

    fn json(&self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).expect("plain data with text keys");
        self.print(&(escaped(&text) + "\n"));
    }
}

impl Output {
    /// Replaces the progress bar. Only for a terminal; whatever is written next takes it away.
    pub(crate) fn bar(&self, line: &Text) {
        // One letter less than the narrowest terminal, so that it never wraps.
        let line: String = line.render(Paint::Plain).chars().take(79).collect();
        self.bar.store(true, Ordering::Relaxed);
        let _ = write_all(std::io::stderr(), &format!("{CLEAR}{line}"));
    }

    /// Fails where a part of the result could not be written, as on a full disk. A reader who went away is no such failure.
    pub(crate) fn check_written(&self) -> Result<(), Failure> {
        let Some(why) = self.lost.get() else { return Ok(()) };
        Err(Failure::new(format!("the result could not be written: {why}"))
            .hint("what the command was to do is done; ask for its outcome with `gitlab-sync status`"))
    }

    fn print(&self, text: &str) {
        self.clear();
        match write_all(std::io::stdout(), text) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => drop(self.lost.set(error.to_string())),
            _ => {}
        }
    }

    fn tell(&self, text: &str) {
        self.clear();
        let _ = write_all(std::io::stderr(), text);
    }

    fn clear(&self) {
        if self.bar.swap(false, Ordering::Relaxed) {
            let _ = write_all(std::io::stderr(), CLEAR);
        }
    }
}

/// JSON may hold letters that a terminal obeys. They can only be within its strings, where an escape means the same.
fn escaped(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter == '\n' || !is_unsafe(letter) {
            safe.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            let _ = write!(safe, "\\u{unit:04x}");
        }
    }
    safe
}

fn write_all(mut stream: impl Write, text: &str) -> std::io::Result<()> {
    stream.write_all(text.as_bytes()).and_then(|()| stream.flush())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_means_the_same_after_escaping() {
        let value = serde_json::json!({ "a": "\u{1b}[2J \u{9b} \u{202e} \u{e0041} ä\n" });
        let text = escaped(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.chars().any(|letter| letter != '\n' && is_unsafe(letter)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
