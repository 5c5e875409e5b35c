//! What the connector tells while it works, on stderr: a bar on a terminal, now and then a line elsewhere, and nothing to programs.

use crate::output::Output;
use crate::text::{Style, Text};
use gitlab_sync_host::log::{self, Event, Level, LogSink};
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Letters of the bar.
const WIDTH: u64 = 24;
/// Between two drawings on a terminal, and between two lines elsewhere.
const FRAME: Duration = Duration::from_millis(150);
const LINE: Duration = Duration::from_secs(5);

/// Draws what a call tells.
pub(crate) struct Progress {
    output: Arc<Output>,
    terminal: bool,
    /// When something was drawn last; at first, when the program began.
    drawn: Mutex<Instant>,
}

impl Progress {
    pub(crate) fn new(output: &Arc<Output>) -> Arc<Self> {
        let terminal = std::io::stderr().is_terminal();
        Arc::new(Self { output: output.clone(), terminal, drawn: Mutex::new(Instant::now()) })
    }

    /// Whether it is time to draw again. The first drawing waits too: most calls are over by then.
    fn due(&self) -> bool {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.elapsed() < if self.terminal { FRAME } else { LINE } {
            return false;
        }
        *drawn = Instant::now();
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
        let fields: String = event.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        self.output.talk(Text::new().with(style, word).plain(event.message).dim(fields));
    }

    fn progress(&self, progress: log::Progress) {
        if self.output.is_json() || !self.due() {
            return;
        }
        let line = line(&progress, self.terminal);
        if self.terminal {
            self.output.bar(&line);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Paint;

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
