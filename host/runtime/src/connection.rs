//! One tenant's connection: what it is lent, and every call of the contract.
//!
//! Decided here: how a grant, storage and a connector become a connection, and how a call's answer reaches the product. Each call runs
//! in a store of its own (`call`); what is allowed is judged in `permission` and by each capability.

use crate::about::AboutError;
use crate::audit::AuditTrail;
use crate::bindings::Lent as Guest;
use crate::bindings::exports::gitlab_sync::connector::sync as wit;
use crate::bindings::gitlab_sync::connector::types::{self, Instance};
use crate::call::{self, CallError, CallState, Calling, Lending};
use crate::clock::Clock;
use crate::connection_id::ConnectionId;
use crate::engine::Connector;
use crate::files::Workspace;
use crate::grant::Grant;
use crate::http::call::Refusal as Denial;
use crate::http::resolve::{Resolve, SystemResolver};
use crate::http::sender::{Sender, SenderConfig};
use crate::log::LogSink;
use crate::manifest::Profile;
use crate::permission::{Permission, PermissionError};
use crate::secrets::transport::VaultCredentials;
use crate::secrets::vault::Vault;
use crate::state::StateStore;
use serde::Serialize;
use std::sync::Arc;
use wasmtime::Store;
use wit::{
    BranchPage, Check, Configured, Conflict, Connected, Delivery, Direction, Options, ProjectPage, Resolution,
    Settings, Step, SyncPlan, SyncStatus, Verdict, Versions, Watched, WebhookEvents, WebhookMode, WebhookPlace,
    WebhookReport,
};

/// A connector with everything one tenant lends it. Cheap to clone; calls may run at the same time, each in its own store.
#[derive(Clone)]
pub struct Connection {
    connector: Connector,
    instance: Instance,
    lending: Arc<Lending>,
}

/// What a connection is made of. Only the grant can be left out, and then nothing is allowed.
pub struct ConnectionParts {
    /// Whose: keeps state, secrets and audit lines apart.
    pub id: ConnectionId,
    /// What the operator allows.
    pub grant: Grant,
    /// The product's files. None: the connector has no workspace.
    pub workspace: Option<Arc<dyn Workspace>>,
    /// Where the connector keeps its notes.
    pub state: Arc<dyn StateStore>,
    /// Where its secrets are.
    pub vault: Arc<Vault>,
    /// Who hears its log lines and progress.
    pub log: Arc<dyn LogSink>,
    /// Who writes down what it did.
    pub audit: Arc<dyn AuditTrail>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Grant and profile do not fit.
    #[error(transparent)]
    Permission(#[from] PermissionError),
    /// The connector has no such profile.
    #[error("the connector has no profile `{wanted}`; it has {}", known.join(", "))]
    Profile {
        /// What the grant says.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The connector could not say what it wants.
    #[error(transparent)]
    About(#[from] AboutError),
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The connector says no, in its own words.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The call did not end by itself.
    #[error(transparent)]
    Stopped(#[from] CallError),
    /// Call after call, it said that there is more to read.
    #[error("the connector always says that there is more to read")]
    Endless,
}

/// The connector's no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// One of `about`'s errors, such as `token-expired`.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
    /// When to try again.
    pub retry_after_ms: Option<u64>,
    /// What the host refused during the call, with the grant's line to add.
    pub denials: Vec<String>,
}

impl ConnectionError {
    /// What to do about it.
    pub fn hint(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.remedy,
            Self::Stopped(error) => error.hint(),
            Self::Endless => "do not use this connector, and report it: each call is to get on",
        }
    }
}

impl OpenError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Permission(error) => error.hint(),
            Self::Profile { .. } => "set `profile` in the grant to one of them".into(),
            Self::About(error) => error.hint().into(),
        }
    }
}

impl Connection {
    /// Opens a connection. Reads what the connector wants; reaches nothing.
    pub async fn open(connector: &Connector, parts: ConnectionParts) -> Result<Self, OpenError> {
        Self::open_with_resolver(connector, parts, Arc::new(SystemResolver)).await
    }

    /// As [`open`](Self::open), with the product's own way to look names up. What it answers is judged like any other address.
    pub async fn open_with_resolver(
        connector: &Connector,
        parts: ConnectionParts,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, OpenError> {
        let ConnectionParts { id, grant, workspace, state, vault, log, audit, clock } = parts;
        let (permission, profile) = permission(connector, &grant).await?;
        let credentials = Arc::new(VaultCredentials { vault: vault.clone(), connection: id.clone() });
        let sender =
            Arc::new(Sender::new(permission.clone(), SenderConfig { resolver, ..SenderConfig::new(credentials) }));
        let instance = instance(&permission);
        let lending = Lending { id, profile, permission, sender, workspace, state, vault, log, audit, clock };
        Ok(Self { connector: connector.clone(), instance, lending: Arc::new(lending) })
    }

    /// What is in force.
    pub fn permission(&self) -> &Permission {
        &self.lending.permission
    }
}

/// A request that is refused is often tried again, so each denial is told once.
fn refusal(error: types::Error, denials: Vec<Denial>) -> Refusal {
    let mut denials: Vec<String> = denials.into_iter().map(|it| format!("{}; {}", it.message, it.hint)).collect();
    denials.dedup();
    let types::Error { code, message, remedy, retry_after_ms } = error;
    Refusal { code, message, remedy, retry_after_ms, denials }
}

/// Profile and grant together. Without a profile in the grant, nothing is allowed.
async fn permission(connector: &Connector, grant: &Grant) -> Result<(Permission, Profile), OpenError> {
    let Some(wanted) = &grant.profile else { return Ok((Permission::nothing(), Profile::nothing())) };
    let profiles = connector.profiles().await?;
    let profile = profiles.iter().find(|profile| profile.name == *wanted).ok_or_else(|| OpenError::Profile {
        wanted: wanted.clone(),
        known: profiles.iter().map(|profile| format!("`{}`", profile.name)).collect(),
    })?;
    let permission = Permission::new(profile, grant)?;
    // What is not approved in full is not wanted either: its slots do not exist.
    let profile = if permission.site().is_ok() { profile.clone() } else { Profile::nothing() };
    Ok((permission, profile))
}

/// Where requests go when nothing is granted. No such name can exist (RFC 2606), and the policy refuses before it is looked up.
const NOWHERE: &str = "nothing-is-granted.invalid";

/// The granted server in ready pieces.
fn instance(permission: &Permission) -> Instance {
    let Ok(site) = permission.site() else {
        return Instance { scheme: "https".into(), authority: NOWHERE.into(), base_path: String::new() };
    };
    let base = site.base_path().to_string();
    Instance {
        scheme: site.origin().scheme().as_str().into(),
        authority: site.origin().authority(),
        base_path: if base == "/" { String::new() } else { base },
    }
}

/// Makes one call: clones what it is given into the call's own future, so that the product may drop it at any time.
macro_rules! call {
    ($connection:expr, $export:literal, |$sync:ident, $store:ident| $call:expr) => {
        $connection
            .call($export, move |guest, $store| {
                Box::pin(async move {
                    let $sync = guest.gitlab_sync_connector_sync();
                    $call.await
                })
            })
            .await
    };
}

type Answer<T> = Result<T, ConnectionError>;

/// Calls of one plan before something is wrong: ours reads 256 MiB in each.
const MOST_PLAN_CALLS: usize = 10_000;

/// The calls of the contract. `wit/sync.wit` has the words for each; none is repeated here but whether it reaches the network.
impl Connection {
    /// Which of these addresses is a GitLab. Reaches the network, without the credential.
    pub async fn locate(&self, candidates: Vec<Instance>) -> Answer<Instance> {
        call!(self, "locate", |sync, store| sync.call_locate(store, &candidates))
    }

    /// Who the token is and what it is good for. Reaches the network.
    pub async fn connect(&self) -> Answer<Connected> {
        let instance = self.instance.clone();
        call!(self, "connect", |sync, store| sync.call_connect(store, &instance))
    }

    /// Projects for a picker. Reaches the network.
    pub async fn projects(&self, search: &str, cursor: Option<String>) -> Answer<ProjectPage> {
        let (instance, search) = (self.instance.clone(), search.to_owned());
        call!(self, "projects", |sync, store| sync.call_projects(store, &instance, &search, cursor.as_deref()))
    }

    /// Branches for a picker. Reaches the network.
    pub async fn branches(&self, project: u64, search: &str, cursor: Option<String>) -> Answer<BranchPage> {
        let (instance, search) = (self.instance.clone(), search.to_owned());
        call!(self, "branches", |sync, store| sync.call_branches(store, &instance, project, &search, cursor.as_deref()))
    }

    /// Remember what to sync. Reaches the network.
    pub async fn configure(&self, settings: Settings) -> Answer<Configured> {
        let instance = self.instance.clone();
        call!(self, "configure", |sync, store| sync.call_configure(store, &instance, &settings))
    }

    /// What push, pull or both would do. Reaches the network, changes neither side. Calls until the whole workspace has been read.
    pub async fn plan(&self, direction: Direction) -> Answer<SyncPlan> {
        for _ in 0..MOST_PLAN_CALLS {
            if let Some(plan) = self.plan_step(direction).await? {
                return Ok(plan);
            }
        }
        Err(ConnectionError::Endless)
    }

    /// One bounded step of a plan. None: there was more to read than one call takes on, and the next goes on. Reaches the network.
    pub async fn plan_step(&self, direction: Direction) -> Answer<Option<SyncPlan>> {
        let instance = self.instance.clone();
        call!(self, "plan", |sync, store| sync.call_plan(store, &instance, direction))
    }

    /// One bounded step of a push. Reaches the network.
    pub async fn push(&self, options: Options) -> Answer<Step> {
        let instance = self.instance.clone();
        call!(self, "push", |sync, store| sync.call_push(store, &instance, &options))
    }

    /// One bounded step of a pull. Reaches the network.
    pub async fn pull(&self, options: Options) -> Answer<Step> {
        let instance = self.instance.clone();
        call!(self, "pull", |sync, store| sync.call_pull(store, &instance, &options))
    }

    /// Conflicts waiting to be resolved.
    pub async fn conflicts(&self) -> Answer<Vec<Conflict>> {
        call!(self, "conflicts", |sync, store| sync.call_conflicts(store))
    }

    /// All versions of one conflict.
    pub async fn conflict_versions(&self, id: &str) -> Answer<Versions> {
        let id = id.to_owned();
        call!(self, "conflict-versions", |sync, store| sync.call_conflict_versions(store, &id))
    }

    /// Put the chosen version into the workspace.
    pub async fn resolve(&self, id: &str, resolution: Resolution) -> Answer<()> {
        let id = id.to_owned();
        call!(self, "resolve", |sync, store| sync.call_resolve(store, &id, &resolution))
    }

    /// Who sent a delivery and what it asks for.
    pub async fn verify_webhook(&self, delivery: Delivery) -> Answer<Verdict> {
        call!(self, "verify-webhook", |sync, store| sync.call_verify_webhook(store, &delivery, None))
    }

    /// The same, with what is watched instead of the settings: for a product that has none here, or whose one hook of a group tells of
    /// several connections.
    pub async fn verify_webhook_for(&self, delivery: Delivery, watched: Watched) -> Answer<Verdict> {
        call!(self, "verify-webhook", |sync, store| sync.call_verify_webhook(store, &delivery, Some(&watched)))
    }

    /// What is configured and when it was last in step.
    pub async fn status(&self) -> Answer<SyncStatus> {
        call!(self, "status", |sync, store| sync.call_status(store))
    }

    /// Probe everything a sync needs. Reaches the network.
    pub async fn diagnose(&self) -> Answer<Vec<Check>> {
        let instance = self.instance.clone();
        call!(self, "diagnose", |sync, store| sync.call_diagnose(store, &instance))
    }

    /// See to it that GitLab has the webhook that is wanted. Reaches the network.
    pub async fn ensure_webhook(&self) -> Answer<WebhookReport> {
        let instance = self.instance.clone();
        call!(self, "ensure-webhook", |sync, store| sync.call_ensure_webhook(store, &instance))
    }

    /// Want another webhook, or none. Reaches the network.
    pub async fn set_webhook(
        &self,
        place: WebhookPlace,
        events: WebhookEvents,
        mode: WebhookMode,
    ) -> Answer<WebhookReport> {
        let instance = self.instance.clone();
        call!(self, "set-webhook", |sync, store| sync.call_set_webhook(store, &instance, place, events, &mode))
    }

    /// Make a new secret and give it to GitLab. Reaches the network.
    pub async fn rotate_webhook(&self) -> Answer<WebhookReport> {
        let instance = self.instance.clone();
        call!(self, "rotate-webhook", |sync, store| sync.call_rotate_webhook(store, &instance))
    }

    /// Whether deliveries can arrive. Reaches the network, changes nothing.
    pub async fn check_webhook(&self) -> Answer<Vec<Check>> {
        let instance = self.instance.clone();
        call!(self, "check-webhook", |sync, store| sync.call_check_webhook(store, &instance))
    }

    /// Remove our webhooks, forget their secrets and the settings. Gives what is left in GitLab. Reaches the network.
    pub async fn disconnect(&self) -> Answer<Vec<String>> {
        let instance = self.instance.clone();
        call!(self, "disconnect", |sync, store| sync.call_disconnect(store, &instance))
    }

    async fn call<T: Send>(
        &self,
        export: &'static str,
        body: impl for<'s> FnOnce(&'s Guest, &'s mut Store<CallState>) -> Calling<'s, T> + Send,
    ) -> Answer<T> {
        match call::run(&self.connector, &self.lending, export, body).await {
            (Ok(Ok(answer)), _) => Ok(answer),
            (Ok(Err(error)), denials) => Err(ConnectionError::Refused(refusal(error, denials))),
            (Err(error), _) => Err(error.into()),
        }
    }
}
