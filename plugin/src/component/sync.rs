//! The `sync` interface over the domain.

use super::bindings::exports::gitlab_sync::connector::sync as wit;
use super::bindings::gitlab_sync::connector::types;
use super::exports::{Connector, lent};
use crate::ability::Ability;
use crate::author::Author;
use crate::gitlab::client::Client;
use crate::gitlab::membership::{self, Membership};
use crate::plan::Direction;
use crate::request::Instance;
use crate::tree::Side;
use crate::{
    configure, conflicts, connect, diagnose, gitlab, hooks, preview, pull, push, report, status, unselected, webhook,
};

type Answer<T> = Result<T, types::Error>;

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

    fn plan(instance: types::Instance, direction: wit::Direction) -> Answer<Option<wit::SyncPlan>> {
        Ok(preview::preview(&lent(), &instance.into(), direction.into())?.map(wit::SyncPlan::from))
    }

    fn push(instance: types::Instance, options: wit::Options) -> Answer<wit::Step> {
        let step = push::push(&lent(), &instance.into(), &options.into())?;
        configure::after_first(&lent(), &step)?;
        Ok(step.into())
    }

    fn pull(instance: types::Instance, options: wit::Options) -> Answer<wit::Step> {
        let step = pull::pull(&lent(), &instance.into(), &options.into())?;
        configure::after_first(&lent(), &step)?;
        Ok(step.into())
    }

    fn conflicts() -> Answer<Vec<wit::Conflict>> {
        Ok(conflicts::list(&lent())?.into_iter().map(wit::Conflict::from).collect())
    }

    fn conflict_versions(id: String) -> Answer<wit::Versions> {
        Ok(conflicts::versions(&lent(), &id)?.into())
    }

    fn resolve(id: String, resolution: wit::Resolution) -> Answer<()> {
        Ok(conflicts::resolve(&lent(), &id, resolution.into())?)
    }

    fn verify_webhook(delivery: wit::Delivery, watched: Option<wit::Watched>) -> Answer<wit::Verdict> {
        let delivery = webhook::Delivery { headers: delivery.headers, body: delivery.body };
        let watched = watched.map(|it| webhook::Watched { project: it.project, branch: it.branch });
        Ok(webhook::verify(&lent(), &delivery, watched)?.into())
    }

    fn status() -> Answer<wit::SyncStatus> {
        Ok(status::status(&lent())?.into())
    }

    fn diagnose(instance: types::Instance) -> Answer<Vec<wit::Check>> {
        Ok(diagnose::diagnose(&lent(), &instance.into())?.into_iter().map(wit::Check::from).collect())
    }

    fn ensure_webhook(instance: types::Instance) -> Answer<wit::WebhookReport> {
        let instance = instance.into();
        Ok(hooks::ensure(&Client { host: &lent(), instance: &instance })?.into())
    }

    fn set_webhook(
        instance: types::Instance,
        place: wit::WebhookPlace,
        events: wit::WebhookEvents,
        mode: wit::WebhookMode,
    ) -> Answer<wit::WebhookReport> {
        let instance = instance.into();
        let client = Client { host: &lent(), instance: &instance };
        Ok(hooks::set(&client, place.into(), events.into(), mode.into())?.into())
    }

    fn rotate_webhook(instance: types::Instance) -> Answer<wit::WebhookReport> {
        let instance = instance.into();
        Ok(hooks::rotate(&Client { host: &lent(), instance: &instance })?.into())
    }

    fn check_webhook(instance: types::Instance) -> Answer<Vec<wit::Check>> {
        let instance = instance.into();
        let checks = hooks::check(&Client { host: &lent(), instance: &instance })?;
        Ok(checks.into_iter().map(wit::Check::from).collect())
    }

    fn disconnect(instance: types::Instance) -> Answer<Vec<String>> {
        Ok(status::disconnect(&lent(), &instance.into())?)
    }
}

impl From<connect::Connected> for wit::Connected {
    fn from(connected: connect::Connected) -> Self {
        let ability = |ability: Ability| wit::Ability {
            job: ability.job.into(),
            allowed: ability.refused.is_none(),
            reason: ability.reason,
        };
        let membership = |membership: Membership| wit::Membership {
            role: membership.role.name().into(),
            path: membership.path,
            place: match membership.place {
                membership::Place::Project => wit::MembershipPlace::Project,
                membership::Place::Group => wit::MembershipPlace::Group,
            },
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
            roles: connected.memberships.some.into_iter().map(membership).collect(),
            more_roles: connected.memberships.more,
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
            first: match settings.first {
                wit::FirstSync::Push => configure::First::Push,
                wit::FirstSync::Pull => configure::First::Pull,
                wit::FirstSync::Merge => configure::First::Merge,
            },
            message: settings.message_template,
            author: settings.author.map(|author| Author { name: author.name, email: author.email }),
            ownership: configure::Ownership {
                mark: settings.owner,
                take_over: settings.ownership == wit::Ownership::TakeOver,
            },
            webhook: settings.webhook.into(),
        }
    }
}

impl From<configure::Configured> for wit::Configured {
    fn from(configured: configure::Configured) -> Self {
        let role = configured.role.map(|role| role.name().to_owned());
        let webhook = configured.webhook.map(wit::WebhookReport::from);
        Self { head: configured.head, role, warnings: configured.warnings, webhook, ..configured.configuration.into() }
    }
}

impl From<configure::Configuration> for wit::Configured {
    fn from(configuration: configure::Configuration) -> Self {
        Self {
            project: wit::Project {
                id: configuration.project,
                path: configuration.path,
                default_branch: configuration.default_branch,
                web_url: configuration.web_url,
                obstacle: None,
            },
            branch: configuration.branch,
            head: None,
            directories: configuration.directories,
            patterns: configuration.patterns,
            conflicts: match configuration.conflicts {
                configure::ConflictPolicy::KeepBoth => wit::ConflictPolicy::KeepBoth,
                configure::ConflictPolicy::LastWriteWins => wit::ConflictPolicy::LastWriteWins,
                configure::ConflictPolicy::Fail => wit::ConflictPolicy::Fail,
            },
            first: match configuration.first {
                configure::First::Push => wit::FirstSync::Push,
                configure::First::Pull => wit::FirstSync::Pull,
                configure::First::Merge => wit::FirstSync::Merge,
            },
            message_template: configuration.message,
            author: configuration.author.map(|author| wit::Author { name: author.name, email: author.email }),
            role: None,
            warnings: Vec::new(),
            webhook: None,
        }
    }
}

impl From<wit::Direction> for Direction {
    fn from(direction: wit::Direction) -> Self {
        match direction {
            wit::Direction::Push => Self::Push,
            wit::Direction::Pull => Self::Pull,
            wit::Direction::Both => Self::Both,
        }
    }
}

impl From<preview::Preview> for wit::SyncPlan {
    fn from(preview: preview::Preview) -> Self {
        Self {
            digest: preview.digest,
            head: preview.head,
            changes: preview.changes.into_iter().map(wit::Change::from).collect(),
            requests: preview.requests,
            bytes: preview.bytes,
            unselected: preview.unselected.into_iter().map(wit::Unselected::from).collect(),
        }
    }
}

impl From<unselected::Unselected> for wit::Unselected {
    fn from(unselected: unselected::Unselected) -> Self {
        let files = u32::try_from(unselected.files).unwrap_or(u32::MAX);
        Self { ending: unselected.ending, files }
    }
}

impl From<report::Change> for wit::Change {
    fn from(change: report::Change) -> Self {
        Self {
            path: change.path,
            action: match change.kind {
                report::Kind::Create => wit::Action::Create,
                report::Kind::Update => wit::Action::Update,
                report::Kind::Move => wit::Action::Move,
                report::Kind::Delete => wit::Action::Delete,
                report::Kind::Merge => wit::Action::Merge,
                report::Kind::Conflict => wit::Action::Conflict,
                report::Kind::Skip => wit::Action::Skip,
            },
            side: match change.side {
                Side::Workspace => wit::Side::Workspace,
                Side::Branch => wit::Side::Branch,
            },
            from: change.from,
            size: change.size,
            reason: change.reason,
            code: change.code.map(|code| code.name().into()),
        }
    }
}

impl From<wit::Options> for pull::Options {
    fn from(options: wit::Options) -> Self {
        Self {
            plan: options.plan,
            deletions: match options.deletions {
                wit::Deletions::Brake => pull::Deletions::Brake,
                wit::Deletions::Approved => pull::Deletions::Approved,
            },
            message: options.message,
        }
    }
}

impl From<report::Step> for wit::Step {
    fn from(step: report::Step) -> Self {
        Self {
            changes: step.changes.into_iter().map(wit::Change::from).collect(),
            more: step.more,
            head: step.head,
            commits: step.commits,
            conflicts: step.conflicts,
        }
    }
}

impl From<conflicts::Conflict> for wit::Conflict {
    fn from(conflict: conflicts::Conflict) -> Self {
        Self { id: conflict.id, path: conflict.path, found_ms: conflict.found_ms, reason: conflict.reason }
    }
}

impl From<conflicts::Versions> for wit::Versions {
    fn from(versions: conflicts::Versions) -> Self {
        Self { path: versions.path, base: versions.base, ours: versions.ours, theirs: versions.theirs }
    }
}

impl From<wit::Resolution> for conflicts::Resolution {
    fn from(resolution: wit::Resolution) -> Self {
        match resolution {
            wit::Resolution::Ours => Self::Ours,
            wit::Resolution::Theirs => Self::Theirs,
            wit::Resolution::Merged => Self::Merged,
            wit::Resolution::Content(bytes) => Self::Content(bytes),
        }
    }
}

impl From<status::Status> for wit::SyncStatus {
    fn from(status: status::Status) -> Self {
        Self {
            configured: status.configuration.map(wit::Configured::from),
            synced_head: status.synced_head,
            synced_ms: status.synced_ms,
            left_alone: u32::try_from(status.left_alone).unwrap_or(u32::MAX),
            conflicts: status.conflicts,
            webhook: status.webhook.map(wit::Webhook::from),
        }
    }
}

impl From<diagnose::Check> for wit::Check {
    fn from(check: diagnose::Check) -> Self {
        Self {
            name: check.name.into(),
            outcome: match check.outcome {
                diagnose::Outcome::Passed => wit::CheckOutcome::Passed,
                diagnose::Outcome::Failed(_) => wit::CheckOutcome::Failed,
                diagnose::Outcome::Unchecked => wit::CheckOutcome::Unchecked,
            },
            finding: check.finding,
            remedy: check.remedy,
            code: match check.outcome {
                diagnose::Outcome::Failed(code) => Some(code.name().into()),
                _ => None,
            },
        }
    }
}
