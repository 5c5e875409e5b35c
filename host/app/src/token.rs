//! The access token, as the operator hands it over: from `GITLAB_TOKEN`, a pipe, or a prompt without echo. Never an argument, which
//! every process of the machine could read.

use crate::failure::Failure;
use crate::operations::connect::{self, TokenError};
use crate::output::Output;
use gitlab_sync_host::secrets::secret::Secret;
use std::io::{BufRead, IsTerminal, Read};
use zeroize::Zeroizing;

const VARIABLE: &str = "GITLAB_TOKEN";
/// GitLab's longest are some hundred letters.
const MOST_BYTES: u64 = 16 << 10;

pub(crate) async fn read(output: &Output) -> Result<Secret, Failure> {
    let text = match std::env::var(VARIABLE) {
        Ok(text) => Zeroizing::new(text),
        Err(_) if std::io::stdin().is_terminal() => prompt(output).await?,
        Err(_) => line().await?,
    };
    connect::token(&text).map_err(|error| match &error {
        TokenError::Length(length) => Failure::of(&error).hint(length.hint()),
        TokenError::Missing | TokenError::Malformed => {
            let hint = format!("set {VARIABLE}, or pipe it in: `gitlab-sync connect < token-file`");
            Failure::of(&error).hint(hint)
        }
    })
}

async fn prompt(output: &Output) -> Result<Zeroizing<String>, Failure> {
    output.ask("Access token (not shown):");
    // Held here and not in the reading thread, so that it is given back when Ctrl-C ends the wait.
    let _silence = Silence::begin();
    let text = line().await;
    output.talk("");
    text
}

async fn line() -> Result<Zeroizing<String>, Failure> {
    let read = || {
        let mut text = Zeroizing::new(String::with_capacity(1024));
        std::io::stdin().lock().take(MOST_BYTES).read_line(&mut text).map(|_| text)
    };
    let read = tokio::task::spawn_blocking(read).await.map_err(|error| Failure::of(&error))?;
    read.map_err(|error| Failure::new(format!("the token cannot be read from stdin: {error}")))
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
