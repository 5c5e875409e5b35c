//! Members of projects and groups: direct ones, and all with the inherited.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::groups;
use super::users::{self, merge};
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::clock::iso_millis;
use crate::error::ApiError;
use crate::hooks::lifecycle::Membership;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::telling;
use crate::world::access::AccessLevel;
use crate::world::members::{Member, Source};
use crate::world::users::User;

const READ: Access = Access::read("Member: Read");
const WRITE: Access = Access::write("Member: Create");

pub(crate) fn routes() -> Router<Arc<App>> {
    let under = |router: Router<Arc<App>>, kind: Kind| {
        let base = match kind {
            Kind::Project => "/api/v4/projects/{id}/members",
            Kind::Group => "/api/v4/groups/{id}/members",
        };
        let one = get(endpoint(move |call| show(call, kind, Reach::Direct)))
            .put(endpoint(move |call| change(call, kind)))
            .delete(endpoint(move |call| remove(call, kind)));
        router
            .route(
                base,
                get(endpoint(move |call| list(call, kind, Reach::Direct))).post(endpoint(move |call| add(call, kind))),
            )
            .route(&format!("{base}/all"), get(endpoint(move |call| list(call, kind, Reach::All))))
            .route(&format!("{base}/{{user_id}}"), one)
            .route(&format!("{base}/all/{{user_id}}"), get(endpoint(move |call| show(call, kind, Reach::All))))
    };
    [Kind::Project, Kind::Group].into_iter().fold(Router::new(), under)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Project,
    Group,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Direct,
    All,
}

fn entity(call: &Call, member: &Member) -> Option<Value> {
    let world = call.app.world();
    let user = world.users.get(member.user_id)?;
    let mut shown = users::basic(&call.app, user);
    let by = member.created_by.and_then(|id| world.users.get(id)).map(|user| users::basic(&call.app, user));
    merge(
        &mut shown,
        json!({
            "access_level": member.access_level,
            "created_at": iso_millis(member.created_at),
            "expires_at": member.expires_at.map(|day| day.to_string()),
            "membership_state": "active",
        }),
    );
    if let Some(by) = by {
        merge(&mut shown, json!({ "created_by": by }));
    }
    Some(shown)
}

/// The source of the route, for this user to read.
fn source(call: &Call, kind: Kind, user: Option<&User>) -> Result<Source, ApiError> {
    match kind {
        Kind::Project => Ok(Source::Project(call.project(user)?.id)),
        Kind::Group => Ok(Source::Group(groups::found(call, user)?.id)),
    }
}

/// Members of a source, one per user with the highest role.
fn members(call: &Call, source: Source, reach: Reach) -> Vec<Member> {
    let world = call.app.world();
    let mut sources = vec![source];
    if reach == Reach::All {
        let namespace = match source {
            Source::Group(id) => Some(id),
            Source::Project(id) => world.projects.get(id).map(|project| project.namespace_id),
        };
        let above = namespace.map(|id| world.namespaces.lineage(id)).unwrap_or_default();
        sources.extend(above.iter().map(|group| Source::Group(group.id)).filter(|above| *above != source));
    }
    let mut best: BTreeMap<u64, Member> = BTreeMap::new();
    for member in sources.into_iter().flat_map(|source| world.members.of(source)) {
        let known = best.entry(member.user_id).or_insert_with(|| member.clone());
        if member.access_level > known.access_level {
            *known = member.clone();
        }
    }
    best.into_values().collect()
}

fn list(call: &Call, kind: Kind, reach: Reach) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    let user = caller.as_ref().map(|caller| &caller.user);
    let source = source(call, kind, user)?;
    let page = Page::of(call)?;
    if reach == Reach::All {
        let (limited, limit) = {
            let settings = &call.app.world().settings;
            (settings.version.at_least(18, 6), settings.limits.members_all)
        };
        let key = format!("members_all:{source:?}:{}", user.map_or(0, |user| user.id));
        call.limit(&key, if limited { limit } else { 0 }, 60)?;
    }
    let query = call.params.filled("query").unwrap_or_default().to_lowercase();
    let all: Vec<Value> = members(call, source, reach).iter().filter_map(|member| entity(call, member)).collect();
    let fits = |shown: &&Value| {
        ["name", "username"]
            .iter()
            .any(|key| shown[key].as_str().is_some_and(|text| text.to_lowercase().contains(&query)))
    };
    let all: Vec<&Value> = all.iter().filter(fits).collect();
    page::paged(call, page, &all, |shown| (*shown).clone())
}

fn show(call: &Call, kind: Kind, reach: Reach) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    let source = source(call, kind, caller.as_ref().map(|caller| &caller.user))?;
    let id: u64 = call.path.get("user_id").parse().map_err(|_| ApiError::invalid_params("user_id is invalid"))?;
    let found = members(call, source, reach).into_iter().find(|member| member.user_id == id);
    let shown = found.and_then(|member| entity(call, &member)).ok_or_else(ApiError::record_not_found)?;
    Reply::ok(&shown)
}

/// The source of the route, for a caller who may change its members.
fn managed(call: &Call, kind: Kind) -> Result<(User, Source, Option<AccessLevel>), ApiError> {
    match kind {
        Kind::Project => {
            let (caller, project) = call.managed(WRITE, AccessLevel::Maintainer)?;
            let role = call.app.world().project_role(caller.user.id, &project);
            Ok((caller.user, Source::Project(project.id), role))
        }
        Kind::Group => {
            let (user, group) = groups::managed(call, WRITE, AccessLevel::Owner)?;
            let role = call.app.world().group_role(user.id, group.id);
            Ok((user, Source::Group(group.id), role))
        }
    }
}

fn level(call: &Call) -> Result<AccessLevel, ApiError> {
    let mut checks = call.params.checks();
    checks.required("access_level");
    let level = checks.integer("access_level", 0);
    checks.finish()?;
    let level = u8::try_from(level).ok().and_then(|level| AccessLevel::try_from(level).ok());
    let text = json!({ "access_level": ["is not included in the list", "does not have a valid value"] });
    level.ok_or_else(|| ApiError::invalid_record(&text))
}

/// The day on which a membership ends, if one is given.
fn last_day(call: &Call) -> Result<Option<Date>, ApiError> {
    let Some(text) = call.params.filled("expires_at") else { return Ok(None) };
    let day: Date = text.parse().map_err(|_| ApiError::invalid_params("expires_at is invalid"))?;
    if day < call.app.clock.today() {
        return Err(ApiError::invalid_record(&json!({ "expires_at": ["cannot be a date in the past"] })));
    }
    Ok(Some(day))
}

fn add(call: &Call, kind: Kind) -> Answer {
    let (user, source, role) = managed(call, kind)?;
    let mut checks = call.params.checks();
    let id = checks.integer("user_id", 0);
    checks.finish()?;
    let wanted = level(call)?;
    if !user.admin && role < Some(wanted) {
        return Err(ApiError::forbidden());
    }
    let expires_at = last_day(call)?;
    let named = call.params.filled("username");
    let mut world = call.app.world_mut();
    let target = match named {
        Some(name) => world.users.by_username(&name).map(|user| user.id),
        None => world.users.get(id.unsigned_abs()).map(|user| user.id),
    };
    let user_id = target.ok_or_else(|| ApiError::not_found("User"))?;
    if world.members.get(source, user_id).is_some() {
        return Err(ApiError::message(StatusCode::CONFLICT, "Member already exists"));
    }
    let created_at = call.app.now();
    let member = Member { source, user_id, access_level: wanted, created_at, created_by: Some(user.id), expires_at };
    world.members.set(member.clone());
    drop(world);
    telling::member(&call.app, &member, Membership::Added);
    Reply::created(&entity(call, &member))
}

fn existing(call: &Call, source: Source) -> Result<Member, ApiError> {
    let id: u64 = call.path.get("user_id").parse().map_err(|_| ApiError::invalid_params("user_id is invalid"))?;
    call.app.world().members.get(source, id).cloned().ok_or_else(ApiError::record_not_found)
}

fn change(call: &Call, kind: Kind) -> Answer {
    let (user, source, role) = managed(call, kind)?;
    let mut member = existing(call, source)?;
    member.access_level = level(call)?;
    if !user.admin && role < Some(member.access_level) {
        return Err(ApiError::forbidden());
    }
    // An empty day lifts the end.
    if call.params.has("expires_at") {
        member.expires_at = last_day(call)?;
    }
    call.app.world_mut().members.set(member.clone());
    telling::member(&call.app, &member, Membership::Updated);
    Reply::ok(&entity(call, &member))
}

fn remove(call: &Call, kind: Kind) -> Answer {
    let (_, source, _) = managed(call, kind)?;
    let member = existing(call, source)?;
    call.app.world_mut().members.remove(source, member.user_id);
    telling::member(&call.app, &member, Membership::Removed);
    Reply::no_content()
}
