//! What a hook was told in the last week, telling it again, and testing it.

use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::entity::shown_triggers;
use super::{READ, WRITE, found, place};
use crate::call::Call;
use crate::error::ApiError;
use crate::hooks::deliveries::Delivery;
use crate::hooks::dispatch::{self, Start};
use crate::hooks::hook::{Hook, Owner};
use crate::hooks::payload;
use crate::hooks::payload::merge_request::Deed;
use crate::hooks::request::Errand;
use crate::hooks::trigger::Trigger;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::world::members::Source;
use crate::world::merge_requests::{MergeRequest, NoteKind};
use crate::world::projects::Project;
use crate::world::tokens::{Token, TokenKind};
use crate::world::users::User;

/// How long deliveries stay in the log.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Tests of one owner's hooks by one user, per minute; repetitions likewise.
const PER_MINUTE: u32 = 5;
/// The log has smaller pages than everything else.
const MAX_PER_PAGE: i64 = 20;

fn since(call: &Call, major: u32, minor: u32) -> Result<(), ApiError> {
    let known = call.app.world().settings.version.at_least(major, minor);
    if known { Ok(()) } else { Err(ApiError::no_route()) }
}

fn recent(call: &Call, hook: &Hook) -> Vec<Delivery> {
    let now = call.app.now();
    call.app.deliveries.of_hook(hook.id, now.checked_sub(WEEK).unwrap_or(now))
}

/// The log, newest first.
pub(super) fn list(call: &Call) -> Answer {
    since(call, 17, 3)?;
    let (_, owner) = place(call, READ)?;
    let mut checks = call.params.checks();
    let size = checks.integer("per_page", MAX_PER_PAGE);
    if !(1..=MAX_PER_PAGE).contains(&size) {
        checks.complain("per_page does not have a valid value".into());
    }
    let wanted = wanted_statuses(call);
    if !wanted.iter().all(|word| is_status(word)) {
        checks.complain("status does not have a valid value".into());
    }
    checks.finish()?;
    let hook = found(call, owner)?;
    let fits = |delivery: &Delivery| wanted.is_empty() || wanted.iter().any(|word| covers(word, &delivery.status()));
    let entries: Vec<Value> =
        recent(call, &hook).iter().filter(|delivery| fits(delivery)).map(Delivery::entry).collect();
    page::paged(call, Page::of(call)?, &entries, Clone::clone)
}

fn wanted_statuses(call: &Call) -> Vec<String> {
    match call.params.get("status") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => {
            let text = call.params.filled("status").unwrap_or_default();
            text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
        }
    }
}

fn is_status(word: &str) -> bool {
    let code = word.parse::<u16>().ok().and_then(|code| StatusCode::from_u16(code).ok());
    ["successful", "client_failure", "server_failure"].contains(&word)
        || code.is_some_and(|code| code.canonical_reason().is_some())
}

/// Failures to get any answer count as the server's.
fn covers(word: &str, status: &str) -> bool {
    match word {
        "successful" => status.starts_with('2'),
        "client_failure" => status.starts_with('4'),
        "server_failure" => status.starts_with('5') || status == "internal error",
        code => code == status,
    }
}

/// Tells a hook again, under the same key, unless its URL is another one now.
pub(super) fn resend(call: &Call) -> Answer {
    since(call, 17, 4)?;
    let (user, owner) = place(call, WRITE)?;
    let hook = found(call, owner)?;
    call.limit(&format!("web_hook_event_resend:{owner:?}:{}", user.id), PER_MINUTE, 60)?;
    let id = call.path.get("event_id").parse::<u64>().unwrap_or_default();
    let delivery = recent(call, &hook).into_iter().find(|delivery| delivery.id == id);
    let delivery = delivery.ok_or_else(ApiError::record_not_found)?;
    let refuse = |text: &str| ApiError::message(StatusCode::UNPROCESSABLE_ENTITY, text);
    if delivery.hook_url != hook.url {
        return Err(refuse("The hook URL has changed, and this log entry cannot be retried"));
    }
    let repeats = delivery.idempotency_key().map(str::to_owned);
    // What was sent already is what the template made of it.
    let hook = Hook { template: None, ..hook };
    let errand = Errand { hook, trigger: delivery.trigger, payload: delivery.payload, chain: None, repeats };
    match dispatch::deliver(&call.app, &errand, Start::Resend) {
        Ok(answer) => Reply::created(&json!({ "response_status": answer.status })),
        Err(problem) => Err(refuse(&problem)),
    }
}

/// Tells a hook something made up of what the project has.
pub(super) fn test(call: &Call) -> Answer {
    since(call, 16, 11)?;
    let (user, owner) = place(call, WRITE)?;
    let version = call.app.world().settings.version.clone();
    let trigger = Trigger::of_parameter(call.path.get("trigger"));
    let trigger = trigger.filter(|&wanted| shown_triggers(owner, &version).any(|known| known == wanted));
    let trigger = trigger.ok_or_else(|| ApiError::invalid_params("trigger does not have a valid value"))?;
    let hook = found(call, owner)?;
    call.limit(&format!("web_hook_test:{owner:?}:{}", user.id), PER_MINUTE, 60)?;
    let refuse = |text: &str| ApiError::message(StatusCode::UNPROCESSABLE_ENTITY, text);
    let payload = sample(call, owner, &user, trigger).map_err(refuse)?;
    let errand = Errand { hook, trigger, payload, chain: None, repeats: None };
    match dispatch::deliver(&call.app, &errand, Start::Test) {
        Ok(answer) if (200..300).contains(&answer.status) => Reply::created(&json!({ "message": "201 Created" })),
        Ok(answer) => Err(refuse(&answer.body)),
        Err(problem) => Err(refuse(&problem)),
    }
}

/// A payload for a test, or what is missing for one. A group's test takes its first project.
fn sample(call: &Call, owner: Owner, user: &User, trigger: Trigger) -> Result<Value, &'static str> {
    let project = {
        let world = call.app.world();
        let mut projects = world.projects.table.iter();
        let found = match owner {
            Owner::Project(id) => world.projects.get(id),
            Owner::Group(id) => projects.find(|project| world.namespaces.is_within(project.namespace_id, id)),
            Owner::System => projects.next(),
        };
        found.cloned()
    };
    let project = project.ok_or("Ensure the group has a project with commits.")?;
    match trigger {
        Trigger::Push | Trigger::TagPush => payload::sample(&call.app, &project, user, trigger == Trigger::TagPush)
            .ok_or("Ensure the project has at least one commit."),
        Trigger::MergeRequests => {
            of_merge_request(call, &project, user).ok_or("Ensure the project has merge requests.")
        }
        Trigger::Issues | Trigger::ConfidentialIssues => Err("Ensure the project has issues."),
        Trigger::Note => of_note(call, &project).ok_or("Ensure the project has notes."),
        Trigger::ConfidentialNote | Trigger::Emoji => Err("Ensure the project has notes."),
        Trigger::Pipeline => of_pipeline(call, &project).ok_or("Ensure the project has CI pipelines."),
        Trigger::Job => of_job(call, &project).ok_or("Ensure the project has CI jobs."),
        Trigger::WikiPage => Err("Ensure the wiki is enabled and has pages."),
        Trigger::Deployment => of_deployment(call, &project).ok_or("Ensure the project has deployments."),
        Trigger::ResourceAccessToken => of_token(call, owner, user).ok_or("Ensure the project has access tokens."),
        Trigger::Milestone => Err("Ensure the project has milestones."),
        Trigger::Releases => Err("Ensure the project has releases."),
        Trigger::Vulnerability => Err("Ensure the project has vulnerabilities."),
        _ => Err("Testing not available for this hook"),
    }
}

/// The newest merge request, without an action: nothing was done to it.
fn of_merge_request(call: &Call, project: &Project, user: &User) -> Option<Value> {
    let row = call.app.world().merge_requests.of(project.id).last().cloned()?;
    payload::merge_request::payload(&call.app, &row, user.id, &Deed::default())
}

/// The newest comment of a person.
fn of_note(call: &Call, project: &Project) -> Option<Value> {
    let rows: Vec<MergeRequest> = call.app.world().merge_requests.of(project.id).cloned().collect();
    let notes = rows.iter().flat_map(|row| row.notes.iter().map(move |note| (row, note)));
    let (row, note) = notes.filter(|(_, note)| note.kind != NoteKind::System).max_by_key(|(_, note)| note.id)?;
    payload::note::on_merge_request(&call.app, row, note, "create")
}

fn of_pipeline(call: &Call, project: &Project) -> Option<Value> {
    let row = call.app.world().pipelines.of(project.id).next_back().cloned()?;
    payload::pipeline::payload(&call.app, &row)
}

fn of_job(call: &Call, project: &Project) -> Option<Value> {
    let row = call.app.world().pipelines.of(project.id).rev().find(|row| !row.jobs.is_empty()).cloned()?;
    payload::job::payload(&call.app, &row, row.jobs.last()?)
}

fn of_deployment(call: &Call, project: &Project) -> Option<Value> {
    let row = call.app.world().deployments.of(project.id).last().cloned()?;
    payload::deployment::payload(&call.app, &row)
}

/// A token made up for the test, as GitLab makes one up: it ends tomorrow.
fn of_token(call: &Call, owner: Owner, user: &User) -> Option<Value> {
    let source = match owner {
        Owner::Project(id) => Source::Project(id),
        Owner::Group(id) => Source::Group(id),
        Owner::System => return None,
    };
    let now = call.app.now();
    let token = Token {
        id: 1,
        user_id: user.id,
        kind: TokenKind::Personal,
        name: "Sample access token".into(),
        description: None,
        secret: String::new(),
        scopes: vec!["api".into()],
        permissions: Vec::new(),
        created_at: now,
        expires_at: call.app.clock.today().tomorrow().ok(),
        revoked: false,
        last_used_at: None,
        family: 1,
    };
    payload::access_token::expiring(&call.app, &call.app.world(), source, &token)
}

/// System hooks are tested with one fixed payload, and the answer shows it.
pub(super) fn test_system(call: &Call) -> Answer {
    let (_, owner) = place(call, WRITE)?;
    let hook = found(call, owner)?;
    let payload = json!({
        "event_name": "project_create",
        "name": "Ruby",
        "path": "ruby",
        "project_id": 1,
        "owner_name": "Someone",
        "owner_email": "example@gitlabhq.com",
    });
    let errand = Errand { hook, trigger: Trigger::System, payload: payload.clone(), chain: None, repeats: None };
    // Whatever the receiver says, the payload is the answer.
    let _ = dispatch::deliver(&call.app, &errand, Start::Resend);
    Reply::created(&payload)
}
