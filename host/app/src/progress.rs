//! What the connector tells while it works, on stderr: a bar on a terminal, now and then a line elsewhere.

use crate::output::Output;
use crate::text::{Paint, Style, Text};
use gitlab_sync_host::log::{self, Event, Level, LogSink};
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Letters of the bar.
const WIDTH: u64 = 24;
/// Between two drawings on a terminal, and between two lines elsewhere.
const FRAME: Duration = Duration::from_millis(80);
const LINE: Duration = Duration::from_secs(5);

/// Draws what a call tells.
pub(crate) struct Progress {
    output: Arc<Output>,
    terminal: bool,
    drawn: Mutex<Drawn>,
}

#[derive(Default)]
struct Drawn {
    at: Option<Instant>,
    /// Whether a bar stands on the terminal's last line.
    bar: bool,
}

impl Progress {
    pub(crate) fn new(output: &Arc<Output>) -> Arc<Self> {
        let terminal = std::io::stderr().is_terminal();
        Arc::new(Self { output: output.clone(), terminal, drawn: Mutex::default() })
    }

    /// Takes the bar away, so that other words can follow.
    pub(crate) fn clear(&self) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut drawn.bar) {
            write("\r\u{1b}[K");
        }
    }

    /// Whether it is time to draw again.
    fn due(&self) -> bool {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = if self.terminal { FRAME } else { LINE };
        let now = Instant::now();
        // Elsewhere than on a terminal the first line waits too: most calls are over by then.
        let last = *drawn.at.get_or_insert(if self.terminal { now - pause } else { now });
        if now.duration_since(last) < pause {
            return false;
        }
        drawn.at = Some(now);
        drawn.bar = self.terminal;
        true
    }
}

impl LogSink for Progress {
    fn event(&self, event: Event) {
        let (style, word) = match event.level {
            Level::Debug | Level::Info => return,
            Level::Warn => (Style::Warn, "warning: "),
            Level::Error => (Style::Bad, "error: "),
        };
        self.clear();
        let fields: String = event.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        self.output.talk(Text::new().with(style, word).plain(event.message).dim(fields));
    }

    fn progress(&self, progress: log::Progress) {
        if !self.due() {
            return;
        }
        let line = line(&progress, self.terminal);
        if self.terminal {
            // One letter less than the narrowest terminal, so that it never wraps.
            let line: String = line.render(Paint::Plain).chars().take(79).collect();
            write(&format!("\r\u{1b}[K{line}"));
        } else {
            self.output.talk(line);
        }
    }
}

fn line(progress: &log::Progress, bar: bool) -> Text {
    let log::Progress { done, total, unit } = progress;
    if *total == 0 {
        return Text::from(format!("{done} {unit}"));
    }
    let filled = (WIDTH.saturating_mul(*done.min(total)) / total) as usize;
    let empty = WIDTH as usize - filled;
    let drawing = if bar { format!("[{}{}] ", "#".repeat(filled), ".".repeat(empty)) } else { String::new() };
    Text::from(format!("{drawing}{done}/{total} {unit}"))
}

fn write(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_the_work_is_done() {
        let shown = |done, total, unit: &str, bar| {
            line(&log::Progress { done, total, unit: unit.into() }, bar).render(Paint::Plain)
        };
        let table = [
            (0, 4, "[........................] 0/4 files"),
            (1, 4, "[######..................] 1/4 files"),
            (4, 4, "[########################] 4/4 files"),
            (9, 4, "[########################] 9/4 files"),
            (9, 0, "9 files"),
        ];
        for (done, total, expected) in table {
            assert_eq!(shown(done, total, "files", true), expected);
        }
        assert_eq!(shown(1, 4, "fi\u{1b}les", false), "1/4 fi\u{fffd}les");
    }
}
