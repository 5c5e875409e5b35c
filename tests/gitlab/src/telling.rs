//! Telling hooks of records: who is told what, when something other than a reference changed.
//!
//! Pushes are told by [`crate::pushes`]. What a payload looks like is decided under `hooks/payload` and `hooks/lifecycle`.

use jiff::civil::Date;
use serde_json::Value;

use crate::app::App;
use crate::events::{Audience, Event, Telling};
use crate::hooks::dispatch::anybody_wants;
use crate::hooks::lifecycle::{self, Membership};
use crate::hooks::payload;
use crate::hooks::payload::merge_request::Deed;
use crate::hooks::trigger::Trigger;
use crate::world::deployments::{Deployment, DeploymentStatus};
use crate::world::groups::Group;
use crate::world::members::{Member, Source};
use crate::world::merge_requests::{MergeRequest, Note};
use crate::world::pipelines::{Job, Pipeline};
use crate::world::projects::Project;
use crate::world::tokens::TokenKind;
use crate::world::users::User;

/// Days before its end on which the owner of a token is told.
const NOTICE_DAYS: [i32; 3] = [60, 30, 7];

fn tell(app: &App, audience: Audience, trigger: Trigger, chain: Option<&str>, make: impl FnOnce() -> Option<Value>) {
    if !anybody_wants(app, audience, trigger) {
        return;
    }
    if let Some(payload) = make() {
        let chain = chain.map(str::to_owned);
        app.events.tell(&Event::Record(Telling { audience, trigger, payload, chain }));
    }
}

/// A merge request was opened, changed, approved, merged, ...
pub(crate) fn merge_request(app: &App, row: &MergeRequest, user_id: u64, deed: &Deed, chain: Option<&str>) {
    let make = || payload::merge_request::payload(app, row, user_id, deed);
    tell(app, Audience::Project(row.project_id), Trigger::MergeRequests, chain, make);
}

/// Somebody wrote a comment, or changed one, of which versions before 16.11 do not tell.
pub(crate) fn note(app: &App, row: &MergeRequest, note: &Note, action: &'static str, chain: Option<&str>) {
    if action != "create" && !app.world().settings.version.at_least(16, 11) {
        return;
    }
    let make = || payload::note::on_merge_request(app, row, note, action);
    tell(app, Audience::Project(row.project_id), Trigger::Note, chain, make);
}

/// A pipeline changed its state.
pub(crate) fn pipeline(app: &App, row: &Pipeline) {
    tell(app, Audience::Project(row.project_id), Trigger::Pipeline, None, || payload::pipeline::payload(app, row));
}

/// A job changed its state.
pub(crate) fn job(app: &App, row: &Pipeline, job: &Job) {
    tell(app, Audience::Project(row.project_id), Trigger::Job, None, || payload::job::payload(app, row, job));
}

/// A deployment changed its state. One that was only made is not told.
pub(crate) fn deployment(app: &App, row: &Deployment) {
    if row.status != DeploymentStatus::Created {
        let make = || payload::deployment::payload(app, row);
        tell(app, Audience::Project(row.project_id), Trigger::Deployment, None, make);
    }
}

/// A membership began, changed or ended.
pub(crate) fn member(app: &App, row: &Member, what: Membership) {
    let make = || lifecycle::member(&app.world(), row, what);
    tell(app, Audience::Instance, Trigger::System, None, make);
    if let Source::Group(id) = row.source {
        tell(app, Audience::Group(id), Trigger::Member, None, make);
    }
}

/// An account came or went: `user_create`, `user_destroy`.
pub(crate) fn user(app: &App, user: &User, event: &str) {
    tell(app, Audience::Instance, Trigger::System, None, || Some(lifecycle::user(user, event)));
}

/// A group came or went: `create` or `destroy`.
pub(crate) fn group(app: &App, group: &Group, verb: &str) {
    let system = || Some(lifecycle::group(group, &format!("group_{verb}")));
    tell(app, Audience::Instance, Trigger::System, None, system);
    if let Some(parent) = group.parent_id {
        let above = || lifecycle::subgroup(&app.world(), group, &format!("subgroup_{verb}"));
        tell(app, Audience::Group(parent), Trigger::Subgroup, None, above);
    }
}

/// A group got another path.
pub(crate) fn group_renamed(app: &App, group: &Group, old_path: &str, old_full_path: &str) {
    let make = || Some(lifecycle::group_rename(&app.world(), group, old_path, old_full_path));
    tell(app, Audience::Instance, Trigger::System, None, make);
}

/// A project changed or went. Group hooks are told of the latter only.
pub(crate) fn project(app: &App, project: &Project, event: &'static str) {
    let make = || Some(lifecycle::project(&app.world(), project, event));
    tell(app, Audience::Instance, Trigger::System, None, make);
    if event == "project_destroy" {
        tell(app, Audience::Group(project.namespace_id), Trigger::Project, None, make);
    }
}

/// A project got another path: `project_rename` or `project_transfer`.
pub(crate) fn project_moved(app: &App, project: &Project, event: &'static str, old_path: &str) {
    let make = || {
        let mut payload = lifecycle::project(&app.world(), project, event);
        payload["old_path_with_namespace"] = old_path.into();
        Some(payload)
    };
    tell(app, Audience::Instance, Trigger::System, None, make);
}

/// What GitLab does once a day: tells of the project and group access tokens that end in exactly 7 days, since 17.6 also in
/// 30 and 60. Says how many.
pub fn of_expiring_tokens(app: &App) -> usize {
    let today = app.clock.today();
    let all = app.world().settings.version.at_least(17, 6);
    let due = |day: Date| {
        let left = (day - today).get_days();
        left == 7 || (all && NOTICE_DAYS.contains(&left))
    };
    let tokens: Vec<_> = {
        let world = app.world();
        let tokens = world.tokens.iter().filter(|token| !token.revoked && token.expires_at.is_some_and(due));
        tokens.cloned().collect()
    };
    let mut told = 0;
    for token in tokens {
        let (audience, source) = match token.kind {
            TokenKind::Project(id) => (Audience::Project(id), Source::Project(id)),
            TokenKind::Group(id) => (Audience::Group(id), Source::Group(id)),
            _ => continue,
        };
        told += 1;
        let make = || payload::access_token::expiring(app, &app.world(), source, &token);
        tell(app, audience, Trigger::ResourceAccessToken, None, make);
    }
    told
}
