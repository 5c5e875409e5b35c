//! What the library and the operations say, in the words of the page: fields of a form and keys of the server's settings, where the
//! command line names its options.

use crate::operations::Trouble;
use crate::operations::configure::ConfigureError;
use crate::operations::connect::ConnectError;
use crate::operations::hooks::RotateError;
use crate::operations::named::NamedError;
use crate::operations::pickers::PickError;
use crate::serve::page::Problem;
use crate::server::ServerError;
use crate::store::DatabaseError;
use gitlab_sync_host::connection::ConnectionError;

/// Keys of `[network]` in the server's settings, as the library's hints spell them in a grant.
const KEYS: [&str; 4] = ["private-addresses = ", "plain-text = ", "ca-pem", "proxy = "];
const NETWORK: &str = "[network]";

/// An error that a page can tell of.
pub(crate) trait Told: Into<Problem> {
    /// What any operation may meet, if it was that.
    fn trouble(&self) -> Option<&Trouble>;
}

impl Told for Trouble {
    fn trouble(&self) -> Option<&Trouble> {
        Some(self)
    }
}

impl Told for ConnectError {
    fn trouble(&self) -> Option<&Trouble> {
        if let Self::Trouble(trouble) | Self::DeployToken(trouble) = self { Some(trouble) } else { None }
    }
}

impl Told for NamedError {
    fn trouble(&self) -> Option<&Trouble> {
        if let Self::Connect(error) = self { error.trouble() } else { None }
    }
}

impl Told for ConfigureError {
    fn trouble(&self) -> Option<&Trouble> {
        if let Self::Trouble(trouble) | Self::Pick(PickError::Trouble(trouble)) = self { Some(trouble) } else { None }
    }
}

impl Told for RotateError {
    fn trouble(&self) -> Option<&Trouble> {
        if let Self::Trouble(trouble) = self { Some(trouble) } else { None }
    }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Call(ConnectionError::Refused(refusal)) => {
                let denied =
                    refusal.denials.iter().fold(Self::new(refusal.message), |told, denial| hinted(told, denial));
                // The line says it better than "add it to the grant".
                let problem = if denied.lines.is_empty() { hinted(denied, &refusal.remedy) } else { denied };
                match refusal.retry_after_ms {
                    Some(wait) => problem.remedy(format!("it can succeed again in {} s", wait.div_ceil(1000))),
                    None => problem,
                }
            }
            Trouble::Call(error) => hinted(Self::new(error.to_string()), error.hint()),
            Trouble::Open(error) => hinted(Self::new(error.to_string()), &error.hint()),
            Trouble::About(error) => hinted(Self::new(error.to_string()), error.hint()),
            Trouble::Folder(_) | Trouble::Files(_) => Self::new("the folder of this connection cannot be used")
                .remedy("tell the operator of this server; the log says why"),
            Trouble::Busy => Self::new(trouble.to_string()).remedy("wait for it, and try again"),
            Trouble::Store(error) => error.into(),
            Trouble::Vault(_) | Trouble::Audit(_) | Trouble::Random(_) => broken(),
        }
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        match error.hint() {
            Some(hint) if matches!(error, DatabaseError::Entry { .. }) => Self::new(error.to_string())
                .remedy("nothing of it is synced meanwhile, and no file is touched")
                .remedy(format!("the operator of this server can {hint}")),
            _ => broken(),
        }
    }
}

/// What the log knows more of.
pub(super) fn broken() -> Problem {
    Problem::new("something broke on this server")
        .remedy("try again; if it stays, its operator finds the reason in the log")
}

/// A hint that names a line of a grant names one of the server's settings here.
fn hinted(problem: Problem, hint: &str) -> Problem {
    let line = hint.split('`').skip(1).step_by(2).find(|code| KEYS.iter().any(|key| code.starts_with(key)));
    match line {
        Some("ca-pem") => problem
            .remedy("if the server’s certificate is of your own authority, that one has to be trusted")
            .line(NETWORK, "ca-pem = '''\n-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n'''"),
        Some(line) => problem.line(NETWORK, line),
        None => problem.remedy(hint),
    }
}

impl From<ServerError> for Problem {
    fn from(error: ServerError) -> Self {
        Self::new(error.to_string()).remedy(error.hint())
    }
}

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        let sentence = error.to_string();
        match error {
            ConnectError::Trouble(trouble) => trouble.into(),
            ConnectError::DeployToken(trouble) => Self::from(trouble).remedy(
                "this looks like a deploy token, which GitLab’s API does not accept: make a project or group access token instead",
            ),
            // Folders of other organisations are nobody's business.
            ConnectError::SharedFolder { .. }
            | ConnectError::NoFolder { .. }
            | ConnectError::OtherFolder { .. }
            | ConnectError::OwnHome { .. } => {
                Self::new("the folder of this name cannot be used").remedy("choose another name")
            }
            ConnectError::Taken { .. } => Self::new(sentence).remedy("disconnect it first"),
            ConnectError::NoProfile { .. } | ConnectError::NoAddress | ConnectError::Gone(_) => Self::new(sentence),
        }
    }
}

impl From<NamedError> for Problem {
    fn from(error: NamedError) -> Self {
        match error {
            NamedError::Folder(error) => Self::new(error.to_string()).remedy(error.hint()),
            NamedError::Connect(error) => error.into(),
        }
    }
}

impl From<RotateError> for Problem {
    fn from(error: RotateError) -> Self {
        let sentence = error.to_string();
        match error {
            RotateError::Waiting => {
                Self::new(sentence).remedy("paste the present one into GitLab first, or end the one before it below")
            }
            RotateError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl From<PickError> for Problem {
    fn from(error: PickError) -> Self {
        let sentence = error.to_string();
        match error {
            PickError::Trouble(trouble) => trouble.into(),
            PickError::NoProject(_) => Self::new(sentence).remedy("choose one of the list"),
            PickError::TooMany(_) => Self::new(sentence).remedy("give a part of the name"),
        }
    }
}

impl From<ConfigureError> for Problem {
    fn from(error: ConfigureError) -> Self {
        match error {
            ConfigureError::Trouble(trouble) => trouble.into(),
            ConfigureError::Pick(error) => error.into(),
            ConfigureError::ReadOnly => {
                Self::new("this connection may only read").remedy("choose “GitLab → folder” for the first sync")
            }
            // Which connection that is may be another organisation's.
            ConfigureError::Clash { branch, .. } => {
                Self::new(format!("another connection of this server writes to `{branch}` of this project already"))
                    .remedy("choose another branch or other folders")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gitlab_sync_host::connection::Refusal;

    #[test]
    fn a_denial_names_the_key_of_the_settings_and_no_option_of_the_command_line() {
        let refusal = Refusal {
            code: "denied".into(),
            message: "the address is not allowed".into(),
            remedy: "ask the operator".into(),
            retry_after_ms: None,
            denials: vec![
                "if this is your server, add `private-addresses = [\"10.0.0.7/32:443\"]` under `[network]` of the grant".into(),
            ],
        };
        let problem = Problem::from(Trouble::Call(ConnectionError::Refused(refusal)));
        assert!(problem.remedies.is_empty());
        assert_eq!(problem.lines[0].text, "private-addresses = [\"10.0.0.7/32:443\"]");
        let html = problem.html().into_string();
        assert!(html.contains("<code>[network]</code>") && !html.contains("gitlab-sync connect"), "{html}");
    }
}
