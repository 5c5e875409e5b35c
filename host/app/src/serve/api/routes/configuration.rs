//! What to sync: what there is to choose from, and the choice.

use super::{Answer, Parameter};
use crate::operations::configure::{Authorship, Choice};
use crate::serve::api::Api;
use crate::serve::api::body::{Asked, Sent};
use crate::serve::api::caller::{Admin, Own};
use crate::serve::api::problem::Problem;
use crate::serve::hooks::Keeper;
use axum::Json;
use axum::extract::State;
use gitlab_sync_host::sync::{
    Author, BranchPage, Configured, ConflictPolicy, FirstSync, Ownership, ProjectPage, Target,
};
use serde::{Deserialize, Deserializer};
use std::sync::Arc;

const PART: Parameter = Parameter { name: "search", kind: "string", words: "A part of the name", required: false };
const CURSOR: Parameter =
    Parameter { name: "cursor", kind: "string", words: "`next` of the page before", required: false };
const PROJECT: Parameter =
    Parameter { name: "project", kind: "integer", words: "The project's number", required: true };

pub(super) const SEARCH: [Parameter; 2] = [PART, CURSOR];
pub(super) const BRANCHES: [Parameter; 3] = [PROJECT, PART, CURSOR];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    #[serde(default)]
    search: String,
    cursor: Option<String>,
}

pub(super) async fn projects(
    State(api): State<Arc<Api>>,
    own: Own<Admin>,
    Asked(Search { search, cursor }): Asked<Search>,
) -> Answer<ProjectPage> {
    Ok(Json(api.connection(own.id()).await?.projects(&search, cursor).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Branches {
    project: u64,
    #[serde(default)]
    search: String,
    cursor: Option<String>,
}

pub(super) async fn branches(
    State(api): State<Arc<Api>>,
    own: Own<Admin>,
    Asked(Branches { project, search, cursor }): Asked<Branches>,
) -> Answer<BranchPage> {
    Ok(Json(api.connection(own.id()).await?.branches(project, &search, cursor).await?))
}

/// Either an existing project or a new one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    project: Option<u64>,
    create: Option<String>,
    branch: Option<String>,
    #[serde(default)]
    directories: Vec<String>,
    #[serde(default)]
    patterns: Vec<String>,
    #[serde(default)]
    conflicts: Policy,
    #[serde(default)]
    first: First,
    message_template: Option<String>,
    #[serde(default, deserialize_with = "authorship")]
    author: Authorship,
    webhook: Option<Keeper>,
    #[serde(default)]
    take_over: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Policy {
    #[default]
    KeepBoth,
    LastWriteWins,
    Fail,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum First {
    Push,
    Pull,
    #[default]
    Merge,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
    email: String,
}

/// Left out it is as before, and null is the token's user.
fn authorship<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Authorship, D::Error> {
    let named = Option::<Named>::deserialize(deserializer)?;
    Ok(named.map_or(Authorship::User, |Named { name, email }| Authorship::Other(Author { name, email })))
}

pub(super) async fn configure(
    State(api): State<Arc<Api>>,
    own: Own<Admin>,
    Sent(wanted): Sent<Wanted>,
) -> Answer<Configured> {
    let keeper = wanted.webhook;
    Ok(Json(api.configure(wanted.choice()?, keeper, &own.entry, own.person()).await?))
}

impl Wanted {
    fn choice(self) -> Result<Choice, Problem> {
        let target = match (self.project, self.create) {
            (Some(project), None) => Target::Existing(project),
            (None, Some(name)) => Target::Create(name),
            _ => return Err(Problem::misread("either `project` or `create` says what to sync with")),
        };
        Ok(Choice {
            target,
            branch: self.branch.filter(|branch| !branch.is_empty()),
            directories: self.directories,
            patterns: self.patterns,
            conflicts: match self.conflicts {
                Policy::KeepBoth => ConflictPolicy::KeepBoth,
                Policy::LastWriteWins => ConflictPolicy::LastWriteWins,
                Policy::Fail => ConflictPolicy::Fail,
            },
            first: match self.first {
                First::Push => FirstSync::Push,
                First::Pull => FirstSync::Pull,
                First::Merge => FirstSync::Merge,
            },
            message_template: self.message_template,
            author: self.author,
            webhook: None,
            ownership: if self.take_over { Ownership::TakeOver } else { Ownership::Respect },
        })
    }
}
