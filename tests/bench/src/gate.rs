//! Gates: figures that the design promises. A benchmark prints each as held or not held, and ends with a failure if one is not.

use std::fmt::Write;
use std::process::ExitCode;

/// The gates of one benchmark.
#[derive(Debug, Default)]
pub struct Gates {
    text: String,
    failed: bool,
}

impl Gates {
    /// Judges one figure, in the words of `unit`.
    pub fn at_most(&mut self, what: &str, found: f64, most: f64, unit: &str) {
        let verdict = if found <= most { "held" } else { "NOT held" };
        writeln!(self.text, "gate: {what}: {found:.2} {unit}, at most {most} {unit}: {verdict}")
            .expect("a text takes any number of lines");
        self.failed |= found > most;
    }

    /// The lines to print.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the program ends with.
    pub fn exit(&self) -> ExitCode {
        if self.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}
