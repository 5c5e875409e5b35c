//! Questions on a terminal, and never anywhere else: a pipe or a pipeline gets an error that names the options to give.

use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::text::Text;
use std::io::{BufRead, IsTerminal, Read};

/// Far more than anyone types.
const MOST_BYTES: u64 = 4 << 10;

/// Someone who can be asked.
#[derive(Clone, Copy)]
pub(crate) struct Terminal<'a> {
    output: &'a Output,
}

impl<'a> Terminal<'a> {
    /// None: nobody is there, or the output is for a program.
    pub(crate) fn of(output: &'a Output) -> Option<Self> {
        let is_there = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        (is_there && !output.is_json()).then_some(Self { output })
    }

    /// What was typed, without blanks around it.
    pub(crate) async fn ask(self, question: impl Into<Text>) -> Result<String, Failure> {
        self.output.ask(question);
        let read = || {
            let mut line = String::new();
            let count = std::io::stdin().lock().take(MOST_BYTES).read_line(&mut line)?;
            Ok::<_, std::io::Error>((count > 0).then(|| line.trim().to_owned()))
        };
        let read = tokio::task::spawn_blocking(read).await.map_err(|error| Failure::of(&error))?;
        let typed = read.map_err(|error| Failure::new(format!("the answer cannot be read: {error}")))?;
        typed.ok_or_else(|| Failure::new("nothing was chosen").ending(Exit::Interrupted))
    }

    /// The same, with what an empty answer means.
    pub(crate) async fn ask_or(self, question: &str, usual: &str) -> Result<String, Failure> {
        let typed = self.ask(Text::from(question).dim(format!(" [{usual}]")).plain(":")).await?;
        Ok(if typed.is_empty() { usual.to_owned() } else { typed })
    }

    /// A line to read.
    pub(crate) fn say(self, line: impl Into<Text>) {
        self.output.talk(line);
    }
}
