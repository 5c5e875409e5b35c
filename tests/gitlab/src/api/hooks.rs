//! Hooks of projects, groups and the instance: list, one, create, change, delete. Premium for groups.
//!
//! What fields there are and which values they take is `fields`; how hooks look is `entity`; log, test and repetition
//! are `events`; single variables and headers are `keys`.

mod entity;
mod events;
mod fields;
mod keys;

use std::sync::Arc;

use http::StatusCode;

use self::entity::Detail;
use super::branches::require_unmodified;
use super::groups;
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::hooks::hook::{Hook, Owner};
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get, post, put};
use crate::version::Tier;
use crate::world::access::AccessLevel;
use crate::world::users::User;

const READ: Access = Access::read("Webhook: Read");
const WRITE: Access = Access::write("Webhook: Create");

pub(crate) fn routes() -> Router<Arc<App>> {
    let (project, group, system) = ("/api/v4/projects/{id}/hooks", "/api/v4/groups/{id}/hooks", "/api/v4/hooks");
    let mut router = Router::new();
    for base in [project, group, system] {
        let one = format!("{base}/{{hook_id}}");
        let single = get(endpoint(show)).put(endpoint(change)).delete(endpoint(remove));
        // Only system hooks are tested by a POST to themselves.
        let single = if base == system { single.post(endpoint(events::test_system)) } else { single };
        router = router
            .route(base, get(endpoint(list)).post(endpoint(create)))
            .route(&one, single)
            .route(
                &format!("{one}/url_variables/{{key}}"),
                put(endpoint(|call| keys::set(call, keys::Kind::Variable)))
                    .delete(endpoint(|call| keys::unset(call, keys::Kind::Variable))),
            )
            .route(
                &format!("{one}/custom_headers/{{key}}"),
                put(endpoint(|call| keys::set(call, keys::Kind::Header)))
                    .delete(endpoint(|call| keys::unset(call, keys::Kind::Header))),
            );
    }
    for base in [project, group] {
        let one = format!("{base}/{{hook_id}}");
        router = router
            .route(&format!("{one}/events"), get(endpoint(events::list)))
            .route(&format!("{one}/events/{{event_id}}/resend"), post(endpoint(events::resend)))
            .route(&format!("{one}/test/{{trigger}}"), post(endpoint(events::test)));
    }
    router
}

/// The caller and whose hooks the route is about, when the caller may manage them.
fn place(call: &Call, access: Access) -> Result<(User, Owner), ApiError> {
    if call.uri.path().starts_with("/api/v4/projects/") {
        let (caller, project) = call.managed(access, AccessLevel::Maintainer)?;
        return Ok((caller.user, Owner::Project(project.id)));
    }
    if call.uri.path().starts_with("/api/v4/groups/") {
        let (user, group) = groups::managed(call, access, AccessLevel::Owner)?;
        let licensed = call.app.world().settings.tier >= Tier::Premium;
        return if licensed { Ok((user, Owner::Group(group.id))) } else { Err(ApiError::forbidden()) };
    }
    let caller = call.caller(access)?;
    if caller.user.admin { Ok((caller.user, Owner::System)) } else { Err(ApiError::forbidden()) }
}

/// The hook of the route.
fn found(call: &Call, owner: Owner) -> Result<Hook, ApiError> {
    let id = call.path.get("hook_id").parse().map_err(|_| ApiError::invalid_params("hook_id is invalid"))?;
    call.app.world().hooks.get(owner, id).cloned().ok_or_else(ApiError::record_not_found)
}

fn list(call: &Call) -> Answer {
    let (_, owner) = place(call, READ)?;
    let page = Page::of(call)?;
    let hooks: Vec<Hook> = call.app.world().hooks.of(owner).cloned().collect();
    // Only lists of projects and groups leave variables and headers out.
    let detail = if owner == Owner::System { Detail::Full } else { Detail::List };
    page::paged(call, page, &hooks, |hook| entity::show(&call.app, hook, detail))
}

fn show(call: &Call) -> Answer {
    let (_, owner) = place(call, READ)?;
    let hook = found(call, owner)?;
    Reply::ok(&entity::show(&call.app, &hook, Detail::Full))
}

fn create(call: &Call) -> Answer {
    let (_, owner) = place(call, WRITE)?;
    let mut checks = call.params.checks();
    checks.required("url");
    let read = fields::read(call, owner, checks)?;
    let mut hook = Hook::new(0, owner, call.app.now());
    fields::fill(&mut hook, read);
    let refuse = |text: String| ApiError::service(StatusCode::UNPROCESSABLE_ENTITY, text);
    fields::judge(call, &hook).map_err(|complaint| refuse(complaint.on_create()))?;
    let since = call.app.events.told();
    let mut world = call.app.world_mut();
    let limits = &world.settings.hooks;
    let limit = match owner {
        Owner::Project(_) => Some(("project", limits.per_project)),
        Owner::Group(_) => Some(("group", limits.per_group)),
        Owner::System => None,
    };
    if let Some((noun, limit)) = limit
        && world.hooks.of(owner).count() >= limit
    {
        return Err(refuse(format!("Maximum number of {noun} hooks ({limit}) exceeded")));
    }
    let made = world.hooks.add(|id| Hook { id, since, ..hook }).clone();
    drop(world);
    Reply::created(&entity::show(&call.app, &made, Detail::Full))
}

fn change(call: &Call) -> Answer {
    let (_, owner) = place(call, WRITE)?;
    let mut hook = found(call, owner)?;
    let read = fields::read(call, owner, call.params.checks())?;
    if read.is_empty() {
        return Err(ApiError::service(StatusCode::BAD_REQUEST, "No parameters provided"));
    }
    fields::fill(&mut hook, read);
    fields::judge(call, &hook).map_err(fields::Complaint::on_change)?;
    keep(call, &hook);
    Reply::ok(&entity::show(&call.app, &hook, Detail::Full))
}

/// Puts a changed hook back. Its failures stay what they are.
fn keep(call: &Call, changed: &Hook) {
    if let Some(hook) = call.app.world_mut().hooks.get_mut(changed.id) {
        *hook = Hook { breaker: hook.breaker, ..changed.clone() };
    }
}

fn remove(call: &Call) -> Answer {
    let (_, owner) = place(call, WRITE)?;
    let hook = found(call, owner)?;
    require_unmodified(call, hook.created_at.as_second())?;
    call.app.world_mut().hooks.remove(hook.id);
    Reply::no_content()
}
