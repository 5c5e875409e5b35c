//! Which merge requests a list keeps, in which order, and how much of each it shows.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde_json::Value;

use super::entity;
use crate::app::App;
use crate::call::Call;
use crate::error::ApiError;
use crate::world::World;
use crate::world::merge_requests::{MergeRequest, State};
use crate::world::users::User;

/// What the parameters ask for.
#[derive(Debug)]
pub(super) struct Filter {
    state: Option<State>,
    order_by: &'static str,
    rising: bool,
    simple: bool,
    created: (Option<Timestamp>, Option<Timestamp>),
    updated: (Option<Timestamp>, Option<Timestamp>),
    iids: Vec<u64>,
    author: Option<u64>,
    assignee: Option<u64>,
    reviewer: Option<u64>,
    labels: Vec<String>,
    draft: Option<bool>,
    search: Option<String>,
    branches: (Option<String>, Option<String>),
}

impl Filter {
    /// Reads the parameters. `scope` says whose are meant when the caller does not.
    pub(super) fn read(call: &Call, caller: Option<&User>, scope: &'static str) -> Result<Self, ApiError> {
        let params = &call.params;
        let mut checks = params.checks();
        let state = checks.one_of("state", &["all", "opened", "closed", "locked", "merged"]);
        let orders = ["created_at", "updated_at", "merged_at", "title", "popularity", "priority"];
        let order_by = checks.one_of("order_by", &orders);
        let rising = checks.one_of("sort", &["desc", "asc"]) == "asc";
        let simple = checks.one_of("view", &["", "simple"]) == "simple";
        let created = (checks.time("created_after"), checks.time("created_before"));
        let updated = (checks.time("updated_after"), checks.time("updated_before"));
        let scopes =
            [scope, "created_by_me", "created-by-me", "assigned_to_me", "assigned-to-me", "reviews_for_me", "all"];
        let scope = checks.one_of("scope", &scopes).replace('-', "_");
        let draft = match checks.one_of("wip", &["", "yes", "no"]) {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        let iids = numbers(&mut checks, params.get("iids"));
        let mut author = person(call, &mut checks, "author");
        let mut assignee = person(call, &mut checks, "assignee");
        let mut reviewer = person(call, &mut checks, "reviewer");
        checks.finish()?;
        let me = caller.map_or(0, |user| user.id);
        match scope.as_str() {
            "created_by_me" => author = Some(me),
            "assigned_to_me" => assignee = Some(me),
            "reviews_for_me" => reviewer = Some(me),
            _ => {}
        }
        Ok(Self {
            state: state_of(state),
            order_by,
            rising,
            simple,
            created,
            updated,
            iids,
            author,
            assignee,
            reviewer,
            labels: words(params.get("labels")),
            draft,
            search: params.filled("search").map(|text| text.to_lowercase()),
            branches: (params.filled("source_branch"), params.filled("target_branch")),
        })
    }

    /// Whether one is kept. Bounds of time are kept themselves.
    pub(super) fn passes(&self, world: &World, row: &MergeRequest) -> bool {
        let within = |(after, before): (Option<Timestamp>, Option<Timestamp>), time: Timestamp| {
            after.is_none_or(|after| time >= after) && before.is_none_or(|before| time <= before)
        };
        let is = |wanted: &Option<String>, have: &str| wanted.as_ref().is_none_or(|wanted| wanted == have);
        let found =
            |text: &String| row.title.to_lowercase().contains(text) || row.description.to_lowercase().contains(text);
        self.state.is_none_or(|state| row.state == state)
            && within(self.created, row.created_at)
            && within(self.updated, row.updated_at)
            && (self.iids.is_empty() || self.iids.contains(&row.iid))
            && self.author.is_none_or(|user| row.author_id == user)
            && self.assignee.is_none_or(|user| row.assignee_ids.contains(&user))
            && self.reviewer.is_none_or(|user| row.reviewer_ids.contains(&user))
            && self.has_labels(row)
            && self.draft.is_none_or(|draft| row.is_draft() == draft)
            && self.search.as_ref().is_none_or(found)
            && is(&self.branches.0, &row.source_branch)
            && is(&self.branches.1, &row.target_branch)
            && world.projects.get(row.project_id).is_some()
    }

    /// All labels, or `None` and `Any`.
    fn has_labels(&self, row: &MergeRequest) -> bool {
        match self.labels.first().map(String::as_str) {
            None => true,
            Some("None") => row.labels.is_empty(),
            Some("Any") => !row.labels.is_empty(),
            Some(_) => self.labels.iter().all(|label| row.labels.contains(label)),
        }
    }

    /// Puts them in order. Equal ones keep the order of their ids, in the same direction.
    pub(super) fn sort(&self, rows: &mut [&MergeRequest]) {
        match self.order_by {
            "updated_at" => rows.sort_by_key(|row| (row.updated_at, row.id)),
            "merged_at" => rows.sort_by_key(|row| (row.merged, row.id)),
            "title" => rows.sort_by(|a, b| (&a.title, a.id).cmp(&(&b.title, b.id))),
            _ => rows.sort_by_key(|row| (row.created_at, row.id)),
        }
        if !self.rising {
            rows.reverse();
        }
        // Those that were never merged come last either way.
        if self.order_by == "merged_at" {
            rows.sort_by_key(|row| Reverse(row.merged.is_some()));
        }
    }

    /// One entry.
    pub(super) fn show(&self, app: &App, world: &World, row: &MergeRequest) -> Value {
        let row = &row.as_of(app.now());
        if self.simple { entity::simple(app, world, row) } else { entity::basic(app, world, row) }
    }
}

fn state_of(word: &str) -> Option<State> {
    [State::Opened, State::Closed, State::Locked, State::Merged].into_iter().find(|state| state.word() == word)
}

fn numbers(checks: &mut crate::params::Checks<'_>, sent: Option<&Value>) -> Vec<u64> {
    let list = match sent {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(list)) => list.clone(),
        Some(Value::String(text)) => text.split(',').map(Value::from).collect(),
        Some(other) => vec![other.clone()],
    };
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    let numbers: Vec<u64> = list.iter().filter_map(number).collect();
    if numbers.len() < list.len() {
        checks.complain("iids is invalid".into());
    }
    numbers
}

/// A list, or words between commas.
pub(super) fn words(sent: Option<&Value>) -> Vec<String> {
    let split = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    match sent {
        Some(Value::String(text)) => split(text),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).flat_map(split).collect(),
        _ => Vec::new(),
    }
}

/// `author_id` or `author_username`; somebody who is not there has no merge requests.
fn person(call: &Call, checks: &mut crate::params::Checks<'_>, role: &str) -> Option<u64> {
    if call.params.filled(&format!("{role}_id")).is_some() {
        return Some(checks.integer(&format!("{role}_id"), 0).unsigned_abs());
    }
    let name = call.params.filled(&format!("{role}_username"))?;
    Some(call.app.world().users.by_username(&name).map_or(0, |user| user.id))
}
