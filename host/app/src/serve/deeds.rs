//! What people do with a connection, the same on the page and by the API, down to the line in the history.
//!
//! Decided here: what belongs to each deed beside the operation itself. Work that a person asks for goes on where it was paused; another
//! project begins anew; what a connection leaves behind goes with it. Not decided here: who may, and the words of an answer.

use super::hooks::{self, Keeper};
use super::job::{Cause, Job, JobNumber, Order, Wake};
use super::people::Person;
use super::server::Server;
use super::states::Change;
use super::trail::{Actor, Entry as Line, Outcome};
use crate::failure::Failure;
use crate::operations::Trouble;
use crate::operations::configure::{Choice, ConfigureError, configure, grant_author, keep_grant};
use crate::operations::connect::{ConnectError, renew};
use crate::operations::disconnect::{Left, disconnect};
use crate::operations::hooks::{RotateError, before, retire, rotate};
use crate::operations::named::{Asked, NamedError, admit, wish};
use crate::server::Server as Address;
use crate::store::connections::Entry;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::sync::{Configured, Connected, WebhookEvents, WebhookMode, WebhookPlace};

/// A connection that a person wants.
pub(crate) struct NewConnection<'a> {
    /// As it was typed; empty for the usual one.
    pub(crate) name: &'a str,
    pub(crate) server: Address,
    pub(crate) profile: String,
    pub(crate) secret: Secret,
}

/// Why a deed was not done: what the person can do something about, or what broke within.
#[derive(Debug)]
pub(crate) enum DeedError<E> {
    Refused(E),
    Broken(Failure),
}

impl<E> From<Failure> for DeedError<E> {
    fn from(failure: Failure) -> Self {
        Self::Broken(failure)
    }
}

/// Of the operation itself.
fn refused<E>(error: impl Into<E>) -> DeedError<E> {
    DeedError::Refused(error.into())
}

impl Server {
    /// A new connection of the person's organisation.
    pub(crate) async fn connect(
        &self,
        new: NewConnection<'_>,
        who: &Person,
    ) -> Result<(ConnectionId, Connected), DeedError<NamedError>> {
        let NewConnection { name, server, profile, secret } = new;
        let (workspaces, network) = (self.config.workspaces.as_path(), self.config.network.clone());
        let asked = Asked { organisation: &who.organisation, name, server, profile, workspaces, network };
        let wish = wish(asked, &self.installation).await.map_err(refused)?;
        let id = wish.id.clone();
        let admitted = admit(wish, secret, &who.organisation, &self.installation, self.hearing(&id)).await;
        let connected = admitted.map_err(refused)?;
        hooks::path(&id, &self.vault, &self.database, self.now_ms()).await?;
        self.changed(&id);
        self.tell(who, Some(&id), "connect", format!("as @{}", connected.username)).await?;
        Ok((id, connected))
    }

    /// Another token for the same GitLab. What waited for it goes on.
    pub(crate) async fn replace_token(
        &self,
        entry: &Entry,
        secret: Secret,
        who: &Person,
    ) -> Result<Connected, DeedError<ConnectError>> {
        let kept = renew(entry, secret, &self.installation, self.hearing(&entry.id)).await;
        let connected = kept.map_err(refused)?;
        self.changed(&entry.id);
        self.due.notify_one();
        self.tell(who, Some(&entry.id), "token", format!("as @{}", connected.username)).await?;
        Ok(connected)
    }

    /// What to sync. After another project or branch, what jobs did before says nothing of it, and edits are not pushed before somebody
    /// says so again.
    pub(crate) async fn configure(
        &self,
        mut choice: Choice,
        keeper: Option<Keeper>,
        entry: &Entry,
        who: &Person,
    ) -> Result<Configured, DeedError<ConfigureError>> {
        let mut granted = grant_author(entry.clone(), &choice.author, &self.installation).await.map_err(refused)?;
        if let Some(keeper) = keeper {
            let (looked_after, mode) = self.keeper(granted, keeper).await?;
            (granted, choice.webhook) = (looked_after, Some(mode));
        }
        let (before, configured) = match self.configured(choice, &granted).await {
            Ok(done) => done,
            Err(error) => {
                // What was configured before goes on, and needs what it was granted.
                keep_grant(entry, &self.installation).await.map_err(refused)?;
                self.changed(&entry.id);
                return Err(DeedError::Refused(error));
            }
        };
        let place = |configured: &Configured| (configured.project.id, configured.branch.clone());
        self.resume_for_a_person(&entry.id).await?;
        if before.is_some_and(|before| place(&before) != place(&configured)) {
            self.auto_sync(&entry.id, false).await?;
            self.states.forget(&entry.id).await.map_err(Failure::from)?;
        }
        self.changed(&entry.id);
        let detail = format!("{}, branch {}", configured.project.path, configured.branch);
        self.tell(who, Some(&entry.id), "configure", detail).await?;
        Ok(configured)
    }

    /// What was configured before, and what is now.
    async fn configured(
        &self,
        choice: Choice,
        entry: &Entry,
    ) -> Result<(Option<Configured>, Configured), ConfigureError> {
        let connection = self.opened(entry.clone()).await?;
        let before = connection.status().await?.configured;
        Ok((before, configure(choice, entry, &connection, &self.installation).await?))
    }

    /// Has it done by the queue, also where that was paused: a person has done something about whatever held it.
    pub(crate) async fn start(
        &self,
        id: &ConnectionId,
        job: Job,
        order: Order,
        who: &Person,
    ) -> Result<JobNumber, Failure> {
        self.resume_for_a_person(id).await?;
        let cause = Cause::Person { name: who.name.to_string() };
        self.wake(Wake { order, ..Wake::new(id.clone(), job, cause) }).await
    }

    async fn resume_for_a_person(&self, id: &ConnectionId) -> Result<(), Failure> {
        if self.states.get(id).await?.paused.is_some() {
            self.resume(id).await?;
        }
        Ok(())
    }

    pub(crate) async fn switch_auto_sync(&self, id: &ConnectionId, on: bool, who: &Person) -> Result<(), Failure> {
        self.auto_sync(id, on).await?;
        self.tell(who, Some(id), if on { "auto-sync on" } else { "auto-sync off" }, "").await
    }

    /// So many conflicts are left; with the last one, what was held by them goes on.
    pub(crate) async fn resolved(
        &self,
        id: &ConnectionId,
        left: usize,
        detail: String,
        who: &Person,
    ) -> Result<(), Failure> {
        let conflicts = u32::try_from(left).unwrap_or(u32::MAX);
        self.states.change(id, vec![Change::Conflicts(conflicts)]).await?;
        if left == 0 {
            self.resume_for_a_person(id).await?;
        }
        self.tell(who, Some(id), "resolve", detail).await
    }

    /// Who puts the webhook into GitLab from now on. What stands in the way of the connector is a part of how the webhook stands, and no
    /// failure. Where there is no project yet, it is done when there is.
    pub(crate) async fn choose_keeper(
        &self,
        entry: &Entry,
        keeper: Keeper,
        who: &Person,
    ) -> Result<(), DeedError<Trouble>> {
        self.look_after(entry, keeper).await?;
        let action = match keeper {
            Keeper::Auto => "webhook by itself",
            Keeper::Manual => "webhook by hand",
            Keeper::None => "no webhook",
        };
        Ok(self.tell(who, Some(&entry.id), action, "").await?)
    }

    /// A new address for the webhook, which is looked after as before. The old one is nobody's at once: somebody else may know it.
    pub(crate) async fn readdress(&self, entry: &Entry, who: &Person) -> Result<(), DeedError<Trouble>> {
        let connection = self.opened(entry.clone()).await.map_err(refused)?;
        let keeper = match before(&connection).await.map_err(refused)? {
            Some(WebhookMode::Auto(_)) => Keeper::Auto,
            Some(WebhookMode::None) => Keeper::None,
            Some(WebhookMode::Manual(_)) | None => Keeper::Manual,
        };
        hooks::renew(&entry.id, &self.vault, &self.database, self.now_ms()).await?;
        self.look_after(entry, keeper).await?;
        Ok(self.tell(who, Some(&entry.id), "new webhook address", "").await?)
    }

    async fn look_after(&self, entry: &Entry, keeper: Keeper) -> Result<(), DeedError<Trouble>> {
        let (entry, mode) = self.keeper(entry.clone(), keeper).await?;
        let connection = self.opened(entry).await.map_err(refused)?;
        if let Some(configured) = connection.status().await.map_err(refused)?.configured {
            let place = WebhookPlace::Project(configured.project.id);
            connection.set_webhook(place, WebhookEvents::Pushes, mode).await.map_err(refused)?;
        }
        Ok(())
    }

    /// A new secret for the webhook; the one before stays good for a while.
    pub(crate) async fn rotate(&self, entry: &Entry, who: &Person) -> Result<(), DeedError<RotateError>> {
        let connection = self.opened(entry.clone()).await.map_err(refused)?;
        rotate(&connection, &entry.id, &self.installation).await.map_err(refused)?;
        Ok(self.tell(who, Some(&entry.id), "new webhook secret", "").await?)
    }

    /// Ends the secret before the present one at once.
    pub(crate) async fn retire(&self, id: &ConnectionId, who: &Person) -> Result<(), Failure> {
        if retire(id, &self.vault).await? {
            self.tell(who, Some(id), "old webhook secret ended", "").await?;
        }
        Ok(())
    }

    /// Everything that is kept of it goes, but files.
    pub(crate) async fn disconnect(&self, entry: &Entry, who: &Person) -> Result<Left, Failure> {
        let id = &entry.id;
        let left = disconnect(entry, &self.installation, self.hearing(id)).await?;
        self.gone(id).await?;
        if let Some(trouble) = &left.failure {
            self.log.warn("the connector could not clear up", &[("why", Failure::of(trouble).innermost())]);
        }
        self.tell(who, Some(id), "disconnect", "").await?;
        Ok(left)
    }

    /// Writes down what a person did.
    pub(crate) async fn tell(
        &self,
        who: &Person,
        connection: Option<&ConnectionId>,
        action: &str,
        detail: impl Into<String>,
    ) -> Result<(), Failure> {
        let line = Line {
            at_ms: self.now_ms(),
            organisation: who.organisation.clone(),
            connection: connection.cloned(),
            actor: Actor::Person { name: who.name.to_string() },
            action: action.into(),
            outcome: Outcome::Done,
            detail: detail.into(),
        };
        self.trail.add(line).await.map_err(|error| Failure::of(&error))
    }
}
