//! `connect`: what was typed, and whose token it turned out to be.

use crate::cli::Connect;
use crate::failure::{Exit, Failure};
use crate::operations::connect::{ConnectError, Wish, find, keep};
use crate::operations::named::NamedError;
use crate::pages;
use crate::reach;
use crate::server::Server;
use crate::session::Session;
use crate::store::connections::Entry;
use crate::token;
use gitlab_sync_host::grant::Network;

/// Where products that sign in by OAuth keep the address, too.
const VARIABLE: &str = "GITLAB_OAUTH_BASE_URL";

/// Of a new connection, unless another is named.
const PROFILE: &str = "files-read-write";

pub(crate) async fn run(arguments: &Connect, session: &Session) -> Result<Exit, Failure> {
    let entry = locate(arguments, session).await?;
    let secret = token::read(&session.output).await?;
    let connected = keep(&entry, secret, &session.installation, session.progress.clone()).await?;
    session.output.result(&connected, || pages::account::connected(&connected, &entry.server()));
    Ok(Exit::Done)
}

/// Where the GitLab is, before anyone is asked for a token.
pub(crate) async fn locate(arguments: &Connect, session: &Session) -> Result<Entry, Failure> {
    let known = session.installation.database.entry(&session.id).await?;
    let (server, network) = match (address(arguments), &known) {
        (None, Some(known)) => {
            (known.server(), granted_anew(arguments)?.unwrap_or_else(|| known.grant.network.clone()))
        }
        (typed, _) => (typed.unwrap_or_default(), granted_anew(arguments)?.unwrap_or_default()),
    };
    let server = Server::parse(&server).map_err(|error| Failure::of(&error).hint(error.hint()))?;
    if let Some(failure) = reach::missing(&server, &network).await {
        return Err(failure);
    }
    // Somebody who brings a new token stands in any folder.
    let (folder, profile) = known.map_or((None, None), |known| (Some(known.workspace), known.grant.profile));
    let wish = Wish {
        id: session.id.clone(),
        server,
        workspace: arguments.workspace.clone().or(folder).unwrap_or_else(|| ".".into()),
        profile: arguments.profile.clone().or(profile).unwrap_or_else(|| PROFILE.into()),
        network,
    };
    Ok(find(wish, &session.installation, session.progress.clone()).await?)
}

fn address(arguments: &Connect) -> Option<String> {
    arguments.url.clone().or_else(|| std::env::var(VARIABLE).ok().filter(|url| !url.is_empty()))
}

/// None: nothing is said of how the server may be reached.
fn granted_anew(arguments: &Connect) -> Result<Option<Network>, Failure> {
    let network = Network {
        private_addresses: arguments.private_addresses.clone(),
        plain_text: arguments.plain_text,
        ca_pem: arguments.ca_file.as_deref().map(certificates).transpose()?,
        proxy: arguments.proxy.clone(),
        ..Network::default()
    };
    Ok(Some(network).filter(|network| *network != Network::default()))
}

fn certificates(path: &std::path::Path) -> Result<String, Failure> {
    let unfit = |why: String| {
        Failure::new(format!("`{}` {why}", path.display()))
            .hint("give a PEM file, with `-----BEGIN CERTIFICATE-----` in it")
    };
    let text = std::fs::read_to_string(path).map_err(|error| unfit(format!("cannot be read: {error}")))?;
    if text.contains("-----BEGIN CERTIFICATE-----") { Ok(text) } else { Err(unfit("holds no certificate".into())) }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let failure = Self::of(&error);
        match error {
            ConnectError::Trouble(trouble) => trouble.into(),
            ConnectError::DeployToken(trouble) => Self::from(trouble).hint(
                "this looks like a deploy token, which GitLab's API does not accept: make a project or group access token instead",
            ),
            ConnectError::NoProfile { known, .. } => {
                let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                failure.hint(format!("choose one of {}", names.join(", ")))
            }
            ConnectError::NoFolder { .. } => {
                Self::new(failure.message()).hint("give an existing folder with `--workspace DIR`")
            }
            ConnectError::SharedFolder { other, .. } => failure
                .hint(format!("give another folder with `--workspace DIR`, or disconnect `{other}` first"))
                .ending(Exit::Refused),
            ConnectError::OtherFolder { .. } => failure
                .hint("to go on with it, leave `--workspace` out; to sync another one, name another connection with `--connection NAME`, or disconnect this one first: files stay")
                .ending(Exit::Refused),
            ConnectError::OwnHome { .. } => failure
                .hint("give a folder with nothing but the files, or keep the connections elsewhere with `--home DIR`")
                .ending(Exit::Refused),
            ConnectError::Taken { .. } => failure
                .hint("disconnect it first, or name another one with `--connection NAME`")
                .ending(Exit::Refused),
            ConnectError::NoAddress => failure,
            ConnectError::Gone(_) => failure.coded("connection-gone"),
        }
    }
}

impl From<NamedError> for Failure {
    fn from(error: NamedError) -> Self {
        match error {
            NamedError::Folder(error) => Self::of(&error).hint(error.hint()),
            NamedError::Connect(error) => error.into(),
        }
    }
}
