//! What the pages' handlers work with: the server, behind calls that ask for whose connection it is.
//!
//! The server itself is private here, so that no handler opens a connection by a name that came with the request.

use super::caller::{Admin, Caller, Own, Visitor};
use super::cookie::Transport;
use super::limiter::Limiter;
use super::refusal::Refusal;
use super::session::SessionKey;
use super::words::Told;
use crate::failure::Failure;
use crate::installation::{TOKEN, slot};
use crate::operations::Trouble;
use crate::operations::configure::{Choice, ConfigureError};
use crate::operations::connect::ConnectError;
use crate::operations::disconnect::Left;
use crate::operations::hooks::{Former, RotateError, SECRET, former};
use crate::operations::named::NamedError;
use crate::serve::config::Config;
use crate::serve::deeds::{DeedError, NewConnection};
use crate::serve::hooks::{self, Keeper};
use crate::serve::job::{Job, Order};
use crate::serve::live::Progress;
use crate::serve::page::Problem;
use crate::serve::people::{Organisation, Person, Token};
use crate::serve::server::Server;
use crate::serve::states::State;
use crate::serve::trail::{Numbered, Page};
use crate::store::DatabaseError;
use crate::store::connections::Entry;
use gitlab_sync_host::about::About;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::secrets::vault::SlotStatus;
use gitlab_sync_host::sync::{Configured, Connected, SyncStatus};
use std::sync::Arc;
use tokio::sync::watch;

/// How a webhook stands, and what a person needs to put it into GitLab.
pub(crate) struct Hooked {
    /// None: nobody has asked for one yet, of a connection that was made on the command line.
    pub(crate) url: Option<String>,
    /// None: there is no project yet.
    pub(crate) secret: Option<String>,
    pub(crate) former: Option<Former>,
    pub(crate) status: SyncStatus,
}

/// One per server.
pub(crate) struct Desk {
    server: Arc<Server>,
    pub(crate) limiter: Limiter,
    pub(crate) transport: Transport,
    end: watch::Receiver<bool>,
}

impl Desk {
    pub(crate) fn new(server: Arc<Server>, end: watch::Receiver<bool>) -> Self {
        let is_https = server.config.public_url.as_ref().is_some_and(|url| url.scheme() == "https");
        let transport = if is_https { Transport::Https } else { Transport::Plain };
        Self { server, limiter: Limiter::default(), transport, end }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.server.config
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.server.now_ms()
    }

    /// Whoever has this token, and a session for them.
    pub(crate) async fn sign_in(&self, token: &Token) -> Result<Option<SessionKey>, Refusal> {
        let digest = token.digest();
        let Some(person) = self.server.people.who(&digest).await? else { return Ok(None) };
        let key = SessionKey::generate().map_err(Trouble::from)?;
        self.server.sessions.begin(&key.digest(), &digest, self.now_ms()).await?;
        self.server.tell(&person, None, "sign-in", "").await?;
        Ok(Some(key))
    }

    /// Who it is, if they are still there.
    pub(crate) async fn person(&self, key: &SessionKey) -> Result<Option<Person>, Refusal> {
        match self.server.sessions.token(&key.digest(), self.now_ms()).await? {
            Some(digest) => Ok(self.server.people.who(&digest).await?),
            None => Ok(None),
        }
    }

    pub(crate) async fn sign_out(&self, key: &SessionKey) -> Result<(), Refusal> {
        Ok(self.server.sessions.end(&key.digest()).await?)
    }

    /// The connection of this name, if it is this organisation's.
    pub(super) async fn entry_of(
        &self,
        id: &ConnectionId,
        organisation: &Organisation,
    ) -> Result<Option<Entry>, Refusal> {
        // First, so that nobody else is told that there is one which cannot be read.
        if self.server.database.organisation(id).await? != *organisation {
            return Ok(None);
        }
        Ok(self.server.database.entry(id).await?)
    }

    /// All of the visitor's organisation, each as far as it can be read.
    pub(crate) async fn entries(&self, visitor: &Visitor) -> Result<Vec<Result<Entry, DatabaseError>>, Refusal> {
        Ok(self.server.database.connections_of(&visitor.person().organisation).await?)
    }

    /// For reading; what changes something asks for [`connection`](Self::connection).
    pub(super) async fn opened(&self, entry: &Entry) -> Result<Connection, Trouble> {
        self.server.opened(entry.clone()).await
    }

    /// Ready to be called.
    pub(crate) async fn connection(&self, own: &Own<Admin>) -> Result<Connection, Trouble> {
        self.opened(own.entry()).await
    }

    pub(crate) async fn state(&self, id: &ConnectionId) -> Result<State, Refusal> {
        Ok(self.server.states.get(id).await?)
    }

    pub(crate) async fn token_expires_ms(&self, id: &ConnectionId) -> Result<Option<u64>, Trouble> {
        let status: SlotStatus = self.server.vault.status(id, &slot(TOKEN)).await?;
        Ok(status.present.and_then(|dates| dates.expires_ms))
    }

    /// How the webhook stands, with what an admin pastes into GitLab.
    pub(crate) async fn webhook(&self, own: &Own<Admin>) -> Result<Hooked, Refusal> {
        let (vault, now_ms) = (&self.server.vault, self.now_ms());
        let status = self.connection(own).await?.status().await.map_err(Trouble::from)?;
        let stored = vault.reveal(own.id(), &slot(SECRET)).await.map_err(Trouble::from)?;
        let former = former(status.webhook.as_ref(), own.id(), vault, now_ms).await.map_err(Trouble::from)?;
        let path = hooks::known(own.id(), vault, &self.server.database).await?;
        Ok(Hooked {
            url: path.map(|path| format!("{}{}", self.server.config.base(), path.route())),
            secret: stored.map(|stored| String::from_utf8_lossy(stored.secret.expose()).into_owned()),
            former,
            status,
        })
    }

    pub(crate) fn progress<W>(&self, own: &Own<W>) -> watch::Receiver<Progress> {
        self.server.live(own.id())
    }

    pub(super) fn progress_of(&self, id: &ConnectionId) -> Progress {
        self.server.live(id).borrow().clone()
    }

    pub(crate) async fn history<W: Caller>(
        &self,
        own: &Own<W>,
        before: Option<i64>,
        most: usize,
    ) -> Result<Vec<Numbered>, Refusal> {
        let page = Page {
            organisation: own.visitor().person().organisation.clone(),
            connection: Some(own.id().clone()),
            before,
            most,
        };
        Ok(self.server.trail.page(page).await?)
    }

    pub(crate) async fn about(&self) -> Result<Arc<About>, Trouble> {
        Ok(self.server.connector.about().await?)
    }

    /// Why something did not work, in the words of the page. What is this server's own fault is in the log.
    pub(crate) fn problem<E: Told>(&self, error: E) -> Problem {
        match error.trouble() {
            None | Some(Trouble::Call(_) | Trouble::Open(_)) => {}
            Some(own) => self.complain(&Failure::of(own).causes().join(": ")),
        }
        error.into()
    }

    /// The same of a deed. Of what broke within, a page cannot tell more.
    pub(crate) fn not_done<E: Told>(&self, error: DeedError<E>) -> Result<Problem, Refusal> {
        match error {
            DeedError::Refused(error) => Ok(self.problem(error)),
            DeedError::Broken(failure) => Err(failure.into()),
        }
    }

    /// For the operator.
    pub(crate) fn complain(&self, why: &str) {
        self.server.log.error("a page could not be made", &[("why", why)]);
    }

    /// Turns true when the server is to end.
    pub(crate) fn ending(&self) -> watch::Receiver<bool> {
        self.end.clone()
    }
}

/// Deeds, each for the connection that the handler was given, by whoever asked.
impl Desk {
    pub(crate) async fn connect(
        &self,
        admin: &Admin,
        new: NewConnection<'_>,
    ) -> Result<ConnectionId, DeedError<NamedError>> {
        Ok(self.server.connect(new, admin.visitor().person()).await?.0)
    }

    pub(crate) async fn replace_token(
        &self,
        own: &Own<Admin>,
        secret: Secret,
    ) -> Result<Connected, DeedError<ConnectError>> {
        self.server.replace_token(own.entry(), secret, own.visitor().person()).await
    }

    pub(crate) async fn configure(
        &self,
        own: &Own<Admin>,
        choice: Choice,
    ) -> Result<Configured, DeedError<ConfigureError>> {
        self.server.configure(choice, None, own.entry(), own.visitor().person()).await
    }

    /// Has it done by the queue.
    pub(crate) async fn start(&self, own: &Own<Admin>, job: Job, order: Order) -> Result<(), Refusal> {
        self.server.start(own.id(), job, order, own.visitor().person()).await?;
        Ok(())
    }

    pub(crate) async fn auto_sync(&self, own: &Own<Admin>, on: bool) -> Result<(), Refusal> {
        Ok(self.server.switch_auto_sync(own.id(), on, own.visitor().person()).await?)
    }

    pub(crate) async fn resolved(&self, own: &Own<Admin>, left: usize, detail: String) -> Result<(), Refusal> {
        Ok(self.server.resolved(own.id(), left, detail, own.visitor().person()).await?)
    }

    pub(crate) async fn choose_keeper(&self, own: &Own<Admin>, keeper: Keeper) -> Result<(), DeedError<Trouble>> {
        self.server.choose_keeper(own.entry(), keeper, own.visitor().person()).await
    }

    pub(crate) async fn readdress(&self, own: &Own<Admin>) -> Result<(), DeedError<Trouble>> {
        self.server.readdress(own.entry(), own.visitor().person()).await
    }

    pub(crate) async fn rotate(&self, own: &Own<Admin>) -> Result<(), DeedError<RotateError>> {
        self.server.rotate(own.entry(), own.visitor().person()).await
    }

    pub(crate) async fn retire(&self, own: &Own<Admin>) -> Result<(), Refusal> {
        Ok(self.server.retire(own.id(), own.visitor().person()).await?)
    }

    pub(crate) async fn disconnect(&self, own: &Own<Admin>) -> Result<Left, Refusal> {
        Ok(self.server.disconnect(own.entry(), own.visitor().person()).await?)
    }
}
