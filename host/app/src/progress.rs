//! What the connector tells while it works, on stderr: a bar on a terminal, now and then a line elsewhere, and nothing to programs.

use crate::output::Output;
use crate::text::{Style, Text};
use gitlab_sync_host::clock::Clock;
use gitlab_sync_host::log::{self, Event, Level, LogSink};
use std::collections::BTreeMap;
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
    /// For each unit.
    wholes: Mutex<BTreeMap<String, Whole>>,
}

/// Work that many calls do one after the other, each of which counts what was left when it began.
#[derive(Default)]
struct Whole {
    all: u64,
    /// As the call said last.
    done: u64,
    total: u64,
}

impl Whole {
    fn count(&mut self, done: u64, total: u64) -> (u64, u64) {
        let goes_on = total > 0 && (total == self.total || total < self.total && self.done < self.total);
        if !goes_on {
            self.all = total;
        }
        (self.done, self.total) = (done, total);
        (self.all - total + done, self.all)
    }
}

impl Progress {
    pub(crate) fn new(output: &Arc<Output>) -> Arc<Self> {
        let terminal = std::io::stderr().is_terminal();
        Arc::new(Self { output: output.clone(), terminal, drawn: Mutex::new(Instant::now()), wholes: Mutex::default() })
    }

    /// From now on something else is counted.
    pub(crate) fn begin(&self) {
        self.wholes.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Lets this much time pass; on a terminal the seconds are counted.
    pub(crate) async fn count_down(&self, time: Duration, clock: &dyn Clock) {
        if !self.terminal || self.output.is_json() {
            return clock.wait(time).await;
        }
        let mut left = time;
        while !left.is_zero() {
            self.output.bar(&Text::from(format!("going on in {} s", seconds(left))));
            let part = left.min(Duration::from_secs(1));
            clock.wait(part).await;
            left -= part;
        }
        self.output.bar(&Text::new());
    }

    fn counted(&self, progress: log::Progress) -> log::Progress {
        let mut wholes = self.wholes.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = wholes.entry(progress.unit.clone()).or_default();
        let (done, total) = whole.count(progress.done, progress.total);
        log::Progress { done, total, ..progress }
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
        if self.output.is_json() {
            return;
        }
        let progress = self.counted(progress);
        if !self.due() {
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

/// As people are told: never less than it takes.
pub(crate) fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
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

    /// Of 3,000 files it said `80/2680`, `80/2280`, `40/1880`.
    #[test]
    fn work_of_many_calls_is_counted_as_a_whole() {
        let mut whole = Whole::default();
        let table = [
            ((0, 3_000), (0, 3_000)),
            ((360, 3_000), (360, 3_000)),
            ((0, 2_600), (400, 3_000)),
            ((80, 2_600), (480, 3_000)),
            ((2_600, 2_600), (3_000, 3_000)),
            ((1, 10), (1, 10)),
            ((5, 20), (5, 20)),
            ((7, 0), (7, 0)),
        ];
        for ((done, total), expected) in table {
            assert_eq!(whole.count(done, total), expected, "{done}/{total}");
        }
    }

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
