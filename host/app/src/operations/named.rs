//! Connect for an organisation of a server: whoever asks gives a name, and never a folder or an id.
//!
//! Decided here: that nobody chooses a path of the machine, that an id meets no other organisation's and cannot be guessed, and that a
//! connection is its organisation's before it is saved, so that it never shows up elsewhere. Not decided here: who may ask.

use super::Trouble;
use super::connect::{ConnectError, Wish, find, keep};
use crate::installation::Installation;
use crate::serve::people::Organisation;
use crate::server::Server;
use crate::store::connections::Entry;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::grant::Network;
use gitlab_sync_host::log::LogSink;
use gitlab_sync_host::secrets::secret::{Recipe, Secret};
use gitlab_sync_host::sync::Connected;
use std::path::Path;
use std::sync::Arc;

/// What is chosen if nobody says.
pub(crate) const PROFILE: &str = "files-read-write";
/// What a folder is called if nobody said.
const USUAL: &str = "gitlab";
/// Of a name, so that an id with it is not too long.
const MOST_LETTERS: usize = 24;
/// Of an id's end.
const RANDOM_LETTERS: usize = 10;

/// What was asked for.
pub(crate) struct Asked<'a> {
    pub(crate) organisation: &'a Organisation,
    /// As it was typed; empty for the first usual one that is free.
    pub(crate) name: &'a str,
    pub(crate) server: Server,
    pub(crate) profile: String,
    /// Below it each organisation has its folders.
    pub(crate) workspaces: &'a Path,
    /// What the server's operator grants to connections.
    pub(crate) network: Network,
}

/// Why there is no connection of this name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NamedError {
    #[error(transparent)]
    Folder(FolderError),
    #[error(transparent)]
    Connect(ConnectError),
}

/// Why a folder is not called so.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("`{0}` cannot be the name of a folder")]
    Name(String),
    #[error("there is a connection with the folder `{0}` already")]
    Taken(String),
}

impl FolderError {
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Name(_) => "give 1 to 24 small letters, digits and dashes, no dash at the beginning",
            Self::Taken(_) => "choose another name, or disconnect that one first",
        }
    }
}

impl<E: Into<ConnectError>> From<E> for NamedError {
    fn from(error: E) -> Self {
        Self::Connect(error.into())
    }
}

/// The wish that `admit` takes, with its folder made.
pub(crate) async fn wish(asked: Asked<'_>, installation: &Installation) -> Result<Wish, NamedError> {
    let Asked { organisation, name, server, profile, workspaces, network } = asked;
    let name = free(name, &taken(organisation, installation).await?).map_err(NamedError::Folder)?;
    let workspace = workspaces.join(organisation.as_str()).join(&name);
    if let Err(source) = std::fs::create_dir_all(&workspace) {
        return Err(ConnectError::NoFolder { folder: workspace, source }.into());
    }
    Ok(Wish { id: new_id(&name)?, server, workspace, profile, network })
}

/// Finds the GitLab, asks it who the token is, and keeps the connection for the organisation if it is anyone.
pub(crate) async fn admit(
    wish: Wish,
    secret: Secret,
    organisation: &Organisation,
    installation: &Installation,
    log: Arc<dyn LogSink>,
) -> Result<Connected, ConnectError> {
    let id = wish.id.clone();
    let entry = find(wish, installation, log.clone()).await?;
    installation.database.give_to(&id, organisation).await?;
    let kept = keep(&entry, secret, installation, log).await;
    if kept.is_err() {
        installation.database.remove_entry(&id).await?;
    }
    kept
}

/// The last part of the folder: the name that was chosen for it.
pub(crate) fn folder_name(entry: &Entry) -> String {
    entry.workspace.file_name().map_or_else(|| entry.id.to_string(), |name| name.to_string_lossy().into_owned())
}

async fn taken(organisation: &Organisation, installation: &Installation) -> Result<Vec<String>, Trouble> {
    let all = installation.database.connections_of(organisation).await?;
    // The folder of one that cannot be read is not known.
    Ok(all.iter().flatten().map(folder_name).collect())
}

fn free(typed: &str, taken: &[String]) -> Result<String, FolderError> {
    let is_free = |name: &String| !taken.contains(name);
    if typed.is_empty() {
        let numbered = (2..).map(|number| format!("{USUAL}-{number}"));
        let first = std::iter::once(USUAL.to_owned()).chain(numbered).find(is_free);
        return Ok(first.expect("there are more numbers than connections"));
    }
    let letters = typed.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !letters || typed.len() > MOST_LETTERS || typed.starts_with('-') {
        return Err(FolderError::Name(typed.into()));
    }
    Some(typed.to_owned()).filter(is_free).ok_or_else(|| FolderError::Taken(typed.into()))
}

/// Random at its end, so that two organisations never meet in a name, and none learns another's.
fn new_id(name: &str) -> Result<ConnectionId, Trouble> {
    let random = Secret::generate(Recipe::Hex)?;
    let random: String = random.expose().iter().take(RANDOM_LETTERS).copied().map(char::from).collect();
    Ok(ConnectionId::parse(&format!("{name}-{random}")).expect("letters and length of both are good"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_good_for_the_longest_name_and_never_the_same() {
        let name = "n".repeat(MOST_LETTERS);
        let (one, two) = (new_id(&name).unwrap(), new_id(&name).unwrap());
        assert!(one.as_str().starts_with(&name) && one != two);
    }

    #[test]
    fn a_name_is_one_folder_and_free_and_there_is_one_for_whoever_gives_none() {
        let taken = ["gitlab".to_owned(), "gitlab-2".to_owned(), "notes".to_owned()];
        assert_eq!(free("", &taken).unwrap(), "gitlab-3");
        assert_eq!(free("", &[]).unwrap(), "gitlab");
        assert_eq!(free("handbook-7", &taken).unwrap(), "handbook-7");
        assert!(matches!(free("notes", &taken), Err(FolderError::Taken(_))));
        for wrong in ["../up", "a/b", "-a", "Notes", "a b", ".", "ä", &"n".repeat(MOST_LETTERS + 1)] {
            assert!(matches!(free(wrong, &taken), Err(FolderError::Name(_))), "{wrong}");
        }
    }
}
