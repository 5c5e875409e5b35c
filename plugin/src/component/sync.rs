//! The `sync` interface over the domain.

use super::bindings::exports::gitlab_sync::connector::sync as wit;
use super::bindings::gitlab_sync::connector::types;
use super::exports::{Connector, lent};
use crate::error::Code;
use crate::request::Instance;
use crate::{configure, connect, gitlab, webhook};

type Answer<T> = Result<T, types::Error>;

fn later<T>() -> Answer<T> {
    Err(crate::error::Error::from(Code::NotConfigured).into())
}

impl wit::Guest for Connector {
    fn locate(candidates: Vec<types::Instance>) -> Answer<types::Instance> {
        let candidates: Vec<Instance> = candidates.into_iter().map(Instance::from).collect();
        Ok(connect::locate(&lent(), &candidates)?.into())
    }

    fn connect(instance: types::Instance) -> Answer<wit::Connected> {
        Ok(connect::connect(&lent(), &instance.into())?.into())
    }

    fn projects(instance: types::Instance, search: String, cursor: Option<String>) -> Answer<wit::ProjectPage> {
        let (projects, next) = connect::projects(&lent(), &instance.into(), &search, cursor.as_deref())?;
        Ok(wit::ProjectPage { projects: projects.into_iter().map(wit::Project::from).collect(), next })
    }

    fn branches(
        instance: types::Instance,
        project: u64,
        search: String,
        cursor: Option<String>,
    ) -> Answer<wit::BranchPage> {
        let (branches, next) = connect::branches(&lent(), &instance.into(), project, &search, cursor.as_deref())?;
        Ok(wit::BranchPage { branches: branches.into_iter().map(wit::Branch::from).collect(), next })
    }

    fn configure(instance: types::Instance, settings: wit::Settings) -> Answer<wit::Configured> {
        Ok(configure::configure(&lent(), &instance.into(), settings.into())?.into())
    }

    fn plan(_instance: types::Instance, _direction: wit::Direction) -> Answer<wit::SyncPlan> {
        later()
    }

    fn push(_instance: types::Instance, _options: wit::Options) -> Answer<wit::Step> {
        later()
    }

    fn pull(_instance: types::Instance, _options: wit::Options) -> Answer<wit::Step> {
        later()
    }

    fn conflicts() -> Answer<Vec<wit::Conflict>> {
        later()
    }

    fn conflict_versions(_id: String) -> Answer<wit::Versions> {
        later()
    }

    fn resolve(_id: String, _resolution: wit::Resolution) -> Answer<()> {
        later()
    }

    fn verify_webhook(delivery: wit::Delivery) -> Answer<wit::Verdict> {
        let delivery = webhook::Delivery { headers: delivery.headers, body: delivery.body };
        Ok(webhook::verify(&lent(), &delivery)?.into())
    }

    fn status() -> Answer<wit::SyncStatus> {
        later()
    }

    fn diagnose(_instance: types::Instance) -> Answer<Vec<wit::Check>> {
        later()
    }

    fn disconnect(_instance: types::Instance) -> Answer<()> {
        later()
    }
}

impl From<connect::Connected> for wit::Connected {
    fn from(connected: connect::Connected) -> Self {
        let ability = |ability: connect::Ability| wit::Ability {
            job: ability.job.into(),
            allowed: ability.allowed,
            reason: ability.reason,
        };
        Self {
            username: connected.username,
            name: connected.name,
            token_kind: match connected.kind {
                connect::TokenKind::Personal => wit::TokenKind::Personal,
                connect::TokenKind::Project => wit::TokenKind::Project,
                connect::TokenKind::Group => wit::TokenKind::Group,
                connect::TokenKind::ServiceAccount => wit::TokenKind::ServiceAccount,
                connect::TokenKind::Oauth => wit::TokenKind::Oauth,
                connect::TokenKind::FineGrained => wit::TokenKind::FineGrained,
            },
            scopes: connected.scopes,
            expires_on: connected.expires_on,
            version: connected.version,
            abilities: connected.abilities.into_iter().map(ability).collect(),
            warnings: connected.warnings,
        }
    }
}

impl From<gitlab::project::Project> for wit::Project {
    fn from(project: gitlab::project::Project) -> Self {
        Self {
            id: project.id,
            obstacle: project.obstacle().map(|code| code.name().into()),
            path: project.path_with_namespace,
            default_branch: project.default_branch,
            web_url: project.web_url,
        }
    }
}

impl From<gitlab::project::Branch> for wit::Branch {
    fn from(branch: gitlab::project::Branch) -> Self {
        Self { name: branch.name, head: branch.commit.id, default: branch.default, can_push: branch.can_push }
    }
}

impl From<wit::Settings> for configure::Settings {
    fn from(settings: wit::Settings) -> Self {
        Self {
            goal: match settings.target {
                wit::Target::Existing(id) => configure::Goal::Existing(id),
                wit::Target::Create(name) => configure::Goal::Create(name),
            },
            branch: settings.branch,
            directories: settings.directories,
            patterns: settings.patterns,
            conflicts: match settings.conflicts {
                wit::ConflictPolicy::KeepBoth => configure::ConflictPolicy::KeepBoth,
                wit::ConflictPolicy::LastWriteWins => configure::ConflictPolicy::LastWriteWins,
                wit::ConflictPolicy::Fail => configure::ConflictPolicy::Fail,
            },
        }
    }
}

impl From<configure::Configured> for wit::Configured {
    fn from(configured: configure::Configured) -> Self {
        let configuration = configured.configuration;
        Self {
            project: wit::Project {
                id: configuration.project,
                path: configuration.path,
                default_branch: configuration.default_branch,
                web_url: configuration.web_url,
                obstacle: None,
            },
            branch: configuration.branch,
            head: configured.head,
            warnings: configured.warnings,
        }
    }
}

impl From<webhook::Verdict> for wit::Verdict {
    fn from(verdict: webhook::Verdict) -> Self {
        let event = match verdict {
            webhook::Verdict::Rejected(reason) => return Self::Rejected(reason.into()),
            webhook::Verdict::Verified(event) => event,
        };
        Self::Verified(wit::Event {
            proof: match event.proof {
                webhook::Proof::Token => wit::Proof::Token,
                webhook::Proof::Signature => wit::Proof::Signature,
            },
            kind: event.kind,
            project: event.project,
            deduplication_key: event.deduplication_key,
            work: match event.work {
                webhook::Work::Pull => wit::Work::Pull,
                webhook::Work::Nothing(reason) => wit::Work::Nothing(reason),
            },
        })
    }
}
