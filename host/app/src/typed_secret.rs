//! A secret, as the operator hands it over: from a variable of the environment, a pipe, or a prompt without echo. Never an argument, which
//! every process of the machine could read.

use crate::failure::Failure;
use crate::output::Output;
use gitlab_sync_host::secrets::secret::Secret;
use std::io::{BufRead, IsTerminal, Read};
use zeroize::Zeroizing;

/// GitLab's longest are some hundred letters.
const MOST_BYTES: u64 = 16 << 10;

/// Which secret is wanted.
pub(crate) struct Wanted {
    /// The variable that may hold it.
    pub(crate) variable: &'static str,
    /// What the prompt calls it.
    pub(crate) prompt: &'static str,
    /// What a sentence calls it.
    pub(crate) noun: &'static str,
    /// A command that is given it through a pipe.
    pub(crate) example: &'static str,
    /// Which letters it may have.
    pub(crate) letters: fn(char) -> bool,
}

impl Wanted {
    /// The first that is there of the variable, a prompt and a pipe.
    pub(crate) async fn read(&self, output: &Output) -> Result<Secret, Failure> {
        self.secret(&self.text(output).await?)
    }

    /// The same before it is looked at.
    pub(crate) async fn text(&self, output: &Output) -> Result<Zeroizing<String>, Failure> {
        match std::env::var(self.variable) {
            Ok(text) => Ok(Zeroizing::new(text)),
            Err(_) if std::io::stdin().is_terminal() => self.ask(output).await,
            Err(_) => self.line().await,
        }
    }

    /// A secret of letters that it may have, without the blanks around it.
    pub(crate) fn secret(&self, text: &str) -> Result<Secret, Failure> {
        let text = text.trim();
        let plain = !text.is_empty() && text.chars().all(self.letters);
        if !plain {
            let missing = if text.is_empty() {
                format!("no {} was given", self.noun)
            } else {
                format!("what was given is not a {}", self.noun)
            };
            let hint = format!("set {}, or pipe it in: `{}`", self.variable, self.example);
            return Err(Failure::new(missing).hint(hint));
        }
        Secret::new(text.as_bytes()).map_err(|error| Failure::of(&error).hint(error.hint()))
    }

    async fn ask(&self, output: &Output) -> Result<Zeroizing<String>, Failure> {
        // Before the question, so that an answer pasted at once is neither shown nor lost. Held here and not in the reading thread, so that
        // the terminal is given back when Ctrl-C ends the wait.
        let _silence = Silence::begin();
        output.ask(format!("{} (not shown):", self.prompt));
        let text = self.line().await;
        output.talk("");
        text
    }

    async fn line(&self) -> Result<Zeroizing<String>, Failure> {
        let read = || {
            let mut text = Zeroizing::new(String::with_capacity(1024));
            std::io::stdin().lock().take(MOST_BYTES).read_line(&mut text).map(|_| text)
        };
        let read = tokio::task::spawn_blocking(read).await.map_err(|error| Failure::of(&error))?;
        read.map_err(|error| Failure::new(format!("the {} cannot be read from stdin: {error}", self.noun)))
    }
}

/// A terminal that does not show what is typed, until dropped.
struct Silence {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Silence {
    #[cfg(unix)]
    fn begin() -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(std::io::stdin()).ok();
        if let Some(mut silent) = before.clone() {
            silent.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &silent);
        }
        Self { before }
    }

    #[cfg(not(unix))]
    fn begin() -> Self {
        Self {}
    }
}

#[cfg(unix)]
impl Drop for Silence {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Some(before) = &self.before {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, before);
        }
    }
}
