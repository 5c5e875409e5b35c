//! What the pages' handlers work with: the server, behind calls that ask for whose connection it is.
//!
//! The server itself is private here, so that no handler opens a connection by a name that came with the request.

use super::caller::{Admin, Caller, Own, Visitor};
use super::cookie::Transport;
use super::limiter::Limiter;
use super::refusal::Refusal;
use super::session::{SessionKey, Sessions};
use crate::failure::Failure;
use crate::operations::Trouble;
use crate::operations::connect::ConnectError;
use crate::serve::config::Config;
use crate::serve::hooks::{self, Keeper};
use crate::serve::job::{Cause, Job, Order, Wake};
use crate::serve::live::Progress;
use crate::serve::page::Problem;
use crate::serve::people::{Organisation, Person, Token};
use crate::serve::server::Server;
use crate::serve::states::{Change, State};
use crate::serve::trail::{Actor, Entry as Line, Numbered, Outcome, Page};
use crate::store::connections::Entry;
use gitlab_sync_host::about::About;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::log::LogSink;
use gitlab_sync_host::secrets::names::SlotName;
use gitlab_sync_host::secrets::vault::SlotStatus;
use gitlab_sync_host::sync::WebhookMode;
use std::sync::Arc;
use tokio::sync::watch;

/// One per server.
pub(crate) struct Desk {
    server: Arc<Server>,
    sessions: Sessions,
    pub(crate) limiter: Limiter,
    pub(crate) transport: Transport,
    end: watch::Receiver<bool>,
}

impl Desk {
    pub(crate) fn new(server: Arc<Server>, end: watch::Receiver<bool>) -> Self {
        let is_https = server.config.public_url.as_ref().is_some_and(|url| url.scheme() == "https");
        let transport = if is_https { Transport::Https } else { Transport::Plain };
        Self { server, sessions: Sessions::default(), limiter: Limiter::default(), transport, end }
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
        let key = self.sessions.begin(digest, self.now_ms()).map_err(Trouble::from)?;
        self.note(&person.organisation, &person, None, "sign-in", String::new()).await?;
        Ok(Some(key))
    }

    /// Who it is, if they are still there.
    pub(crate) async fn person(&self, key: &SessionKey) -> Result<Option<Person>, Refusal> {
        let Some(digest) = self.sessions.token(key, self.now_ms()) else { return Ok(None) };
        Ok(self.server.people.who(&digest).await?)
    }

    pub(crate) fn sign_out(&self, key: &SessionKey) {
        self.sessions.end(key);
    }

    /// The connection of this name, if it is this organisation's.
    pub(super) async fn entry_of(
        &self,
        id: &ConnectionId,
        organisation: &Organisation,
    ) -> Result<Option<Entry>, Refusal> {
        let owner = self.server.database.organisation(id).await?;
        let entry = self.server.database.entry(id).await?;
        Ok(entry.filter(|_| owner == *organisation))
    }

    /// All of the visitor's organisation.
    pub(crate) async fn entries(&self, visitor: &Visitor) -> Result<Vec<Entry>, Refusal> {
        let mut entries = vec![];
        for id in self.server.database.connections_of(&visitor.person().organisation).await? {
            entries.extend(self.server.database.entry(&id).await?);
        }
        Ok(entries)
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

    pub(crate) async fn change(&self, own: &Own<Admin>, change: Change) -> Result<(), Refusal> {
        self.server.states.change(own.id(), vec![change]).await?;
        Ok(())
    }

    pub(crate) async fn auto_sync(&self, own: &Own<Admin>, on: bool) -> Result<(), Refusal> {
        Ok(self.server.auto_sync(own.id(), on).await?)
    }

    /// A person has done something about whatever held it.
    pub(crate) async fn resume(&self, own: &Own<Admin>) -> Result<(), Refusal> {
        if self.state(own.id()).await?.paused.is_some() {
            self.server.resume(own.id()).await?;
        }
        Ok(())
    }

    pub(crate) async fn token_expires_ms(&self, id: &ConnectionId) -> Result<Option<u64>, Trouble> {
        let status: SlotStatus =
            self.server.vault.status(id, &crate::installation::slot(crate::installation::TOKEN)).await?;
        Ok(status.present.and_then(|dates| dates.expires_ms))
    }

    /// A secret that an admin has to paste into GitLab.
    pub(crate) async fn secret(&self, own: &Own<Admin>, slot: &SlotName) -> Result<Option<String>, Trouble> {
        let stored = self.server.vault.reveal(own.id(), slot).await?;
        Ok(stored.map(|stored| String::from_utf8_lossy(stored.secret.expose()).into_owned()))
    }

    /// Where GitLab sends deliveries of this connection.
    pub(crate) async fn hook_address(&self, own: &Own<Admin>) -> Result<String, Refusal> {
        let path = hooks::path(own.id(), &self.server.vault, &self.server.database, self.now_ms()).await?;
        Ok(format!("{}/hooks/{}", self.server.config.base(), path.as_str()))
    }

    /// Who looks after the webhook from now on, and the connection to tell the connector with.
    pub(crate) async fn keeper(&self, own: &Own<Admin>, keeper: Keeper) -> Result<(Connection, WebhookMode), Refusal> {
        let (entry, mode) = self.server.keeper(own.entry().clone(), keeper).await?;
        Ok((self.server.opened(entry).await?, mode))
    }

    pub(crate) fn progress<W>(&self, own: &Own<W>) -> watch::Receiver<Progress> {
        self.server.live(own.id())
    }

    pub(super) fn progress_of(&self, id: &ConnectionId) -> Progress {
        self.server.live(id).borrow().clone()
    }

    /// Has it done by the queue.
    pub(crate) async fn order(&self, own: &Own<Admin>, job: Job, order: Order) -> Result<(), Refusal> {
        self.resume(own).await?;
        let cause = Cause::Person { name: own.visitor().person().name.to_string() };
        self.server.wake(Wake { order, ..Wake::new(own.id().clone(), job, cause) }).await?;
        Ok(())
    }

    /// Writes down what a person did for a connection that is new.
    pub(crate) async fn tell_of(
        &self,
        admin: &Admin,
        id: &ConnectionId,
        action: &str,
        detail: String,
    ) -> Result<(), Refusal> {
        let person = admin.visitor().person();
        self.note(&person.organisation, person, Some(id.clone()), action, detail).await
    }

    /// Writes down what a person did.
    pub(crate) async fn tell(&self, own: &Own<Admin>, action: &str, detail: impl Into<String>) -> Result<(), Refusal> {
        let person = own.visitor().person();
        self.note(&person.organisation, person, Some(own.id().clone()), action, detail.into()).await
    }

    pub(super) async fn note(
        &self,
        organisation: &Organisation,
        person: &Person,
        connection: Option<ConnectionId>,
        action: &str,
        detail: String,
    ) -> Result<(), Refusal> {
        let line = Line {
            at_ms: self.now_ms(),
            organisation: organisation.clone(),
            connection,
            actor: Actor::Person { name: person.name.to_string() },
            action: action.into(),
            outcome: Outcome::Done,
            detail,
        };
        Ok(self.server.trail.add(line).await?)
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

    /// For the operations, which are the same on the command line.
    pub(crate) fn installation(&self, _: &Admin) -> &crate::installation::Installation {
        &self.server.installation
    }

    pub(crate) fn hearing(&self, id: &ConnectionId) -> Arc<dyn LogSink> {
        self.server.hearing(id)
    }

    /// From now on a connection belongs to the admin's organisation. Before it is saved.
    pub(crate) async fn claim(&self, admin: &Admin, id: &ConnectionId) -> Result<(), Refusal> {
        Ok(self.server.database.give_to(id, &admin.visitor().person().organisation).await?)
    }

    /// Its token or its project is another one now.
    pub(crate) fn renewed(&self, id: &ConnectionId) {
        self.server.changed(id);
    }

    /// It was not kept after all.
    pub(crate) async fn unclaim(&self, _: &Admin, id: &ConnectionId) -> Result<(), Refusal> {
        Ok(self.server.database.remove_entry(id).await?)
    }

    /// Another project: what jobs did before says nothing of it, and edits are not pushed before somebody says so again.
    pub(crate) async fn begin_anew(&self, own: &Own<Admin>) -> Result<(), Refusal> {
        self.resume(own).await?;
        self.auto_sync(own, false).await?;
        Ok(self.server.states.forget(own.id()).await?)
    }

    /// It is gone.
    pub(crate) async fn forget(&self, own: &Own<Admin>) -> Result<(), Refusal> {
        Ok(self.server.gone(own.id()).await?)
    }

    pub(crate) async fn about(&self) -> Result<Arc<About>, Trouble> {
        Ok(self.server.connector.about().await?)
    }

    /// Why something did not work, in the words of the page. What is this server's own fault is in the log.
    pub(crate) fn problem(&self, trouble: Trouble) -> Problem {
        if !matches!(trouble, Trouble::Call(_) | Trouble::Open(_)) {
            self.complain(&Failure::of(&trouble).causes().join(": "));
        }
        trouble.into()
    }

    pub(crate) fn told(&self, error: ConnectError) -> Problem {
        match error {
            ConnectError::Trouble(trouble) => self.problem(trouble),
            other => other.into(),
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
