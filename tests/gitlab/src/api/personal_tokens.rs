//! Personal access tokens: the one in use, others, rotation and revocation. What a new token is to be is `making`.
//!
//! Replay of a rotation is answered in two places: a revoked token used as credential revokes its family in `auth`, a
//! revoked token named in the path does so here.

pub(crate) mod making;

use std::sync::Arc;

use serde_json::{Value, json};

use super::users::merge;
use crate::app::App;
use crate::auth::{Access, Caller};
use crate::call::{Call, endpoint};
use crate::clock::iso_millis;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get, post};
use crate::world::tokens::{Token, TokenKind};
use making::BadDay;

/// Any scope will do to look at oneself.
const SELF: Access = Access::scopes(&[], "Personal Access Token: Read");
const REVOKE_SELF: Access = Access::scopes(&[], "Personal Access Token: Revoke");
const READ: Access = Access::read("Personal Access Token: Read");
const WRITE: Access = Access::write("Personal Access Token: Create");
const ROTATE: Access = Access::scopes(&["api", "self_rotate"], "Personal Access Token: Rotate");

pub(crate) fn routes() -> Router<Arc<App>> {
    let base = "/api/v4/personal_access_tokens";
    Router::new()
        .route(base, get(endpoint(list)))
        .route(&format!("{base}/self"), get(endpoint(show_self)).delete(endpoint(revoke_self)))
        .route(&format!("{base}/self/rotate"), post(endpoint(rotate_self)))
        .route(&format!("{base}/self/associations"), get(endpoint(associations)))
        .route(&format!("{base}/{{token_id}}"), get(endpoint(show)).delete(endpoint(revoke)))
        .route(&format!("{base}/{{token_id}}/rotate"), post(endpoint(rotate_other)))
        .route("/api/v4/user/personal_access_tokens", post(endpoint(create_own)))
        .route("/api/v4/users/{user_id}/personal_access_tokens", post(endpoint(create_for_user)))
}

/// The token entity.
pub(crate) fn entity(app: &App, token: &Token) -> Value {
    let (major, today) = (app.world().settings.version.at_least(18, 10), app.clock.today());
    let mut shown = json!({
        "id": token.id,
        "name": token.name,
        "revoked": token.revoked,
        "created_at": iso_millis(token.created_at),
        "description": token.description,
        "scopes": token.scopes,
        "user_id": token.user_id,
        "last_used_at": token.last_used_at.map(iso_millis),
        "active": token.is_active(today),
        "expires_at": token.expires_at.map(|day| day.to_string()),
    });
    if major {
        shown["granular"] = json!(token.is_granular());
    }
    shown
}

pub(crate) fn with_secret(app: &App, token: &Token) -> Value {
    let mut shown = entity(app, token);
    merge(&mut shown, json!({ "token": token.secret }));
    shown
}

/// The access token of the caller, or the refusal by which OAuth tokens are told apart.
fn own_token(caller: &Caller) -> Result<&Token, ApiError> {
    caller
        .token()
        .ok_or_else(|| ApiError::bad_request("This endpoint requires token type to be a personal access token"))
}

fn show_self(call: &Call) -> Answer {
    if !call.app.world().settings.version.at_least(15, 5) {
        return Err(ApiError::no_route());
    }
    let caller = call.caller(SELF)?;
    let token = own_token(&caller)?;
    // As it is after this use.
    let token = call.app.world().tokens.get(token.id).cloned().ok_or_else(ApiError::unauthorized)?;
    let mut shown = entity(&call.app, &token);
    if call.app.world().settings.version.at_least(17, 9) {
        shown["last_used_ips"] = json!(["127.0.0.1"]);
    }
    Reply::ok(&shown)
}

fn revoke_self(call: &Call) -> Answer {
    let caller = call.caller(REVOKE_SELF)?;
    let id = own_token(&caller)?.id;
    set_revoked(call, id);
    Reply::no_content()
}

pub(crate) fn set_revoked(call: &Call, id: u64) {
    if let Some(token) = call.app.world_mut().tokens.get_mut(id) {
        token.revoked = true;
    }
}

fn associations(call: &Call) -> Answer {
    let caller = call.caller(SELF)?;
    own_token(&caller)?;
    let app = &call.app;
    let world = app.world();
    let user = caller.user.id;
    let groups = world.namespaces.groups().filter_map(|group| {
        let level = world.group_role(user, group.id)?;
        let shown = super::groups::basic(app, &world, group);
        let mut picked = json!({ "access_levels": level });
        for key in ["id", "web_url", "name", "parent_id", "organization_id", "visibility"] {
            picked[key] = shown[key].clone();
        }
        Some(picked)
    });
    let groups: Vec<Value> = groups.collect();
    let projects = world.projects.table.iter().filter_map(|project| {
        world.project_role(user, project)?;
        let own = world.members.get(crate::world::members::Source::Project(project.id), user);
        let path = world.project_path(project);
        Some(json!({
            "id": project.id, "description": project.description, "name": project.name,
            "name_with_namespace": format!("{} / {}", world.namespace_name(project.namespace_id), project.name),
            "path": project.path, "path_with_namespace": path, "created_at": iso_millis(project.created_at),
            "access_levels": {
                "project_access_level": own.map(|member| member.access_level),
                "group_access_level": world.group_role(user, project.namespace_id),
            },
            "visibility": project.visibility.word(), "web_url": format!("{}/{path}", app.url()),
            "namespace": super::namespaces::basic(app, &world, project.namespace_id),
        }))
    });
    let projects: Vec<Value> = projects.collect();
    Reply::ok(&json!({ "groups": groups, "projects": projects }))
}

fn list(call: &Call) -> Answer {
    let caller = call.caller(READ)?;
    let page = Page::of(call)?;
    let wanted = call.params.filled("user_id").and_then(|id| id.parse().ok());
    let user = wanted.or((!caller.user.admin).then_some(caller.user.id));
    if !caller.user.admin && user != Some(caller.user.id) {
        return Err(ApiError::unauthorized());
    }
    let state = call.params.filled("state");
    let today = call.app.clock.today();
    let fits = |token: &&Token| {
        matches!(token.kind, TokenKind::Personal | TokenKind::Impersonation)
            && user.is_none_or(|user| token.user_id == user)
            && state.as_ref().is_none_or(|state| (state == "active") == token.is_active(today))
    };
    let all: Vec<Token> = call.app.world().tokens.iter().filter(fits).cloned().collect();
    page::paged(call, page, &all, |token| entity(&call.app, token))
}

/// A token by id: 401 for what is not the caller's, 404 for administrators when there is none.
fn named(call: &Call, caller: &Caller) -> Result<Token, ApiError> {
    let id: u64 = call.path.get("token_id").parse().map_err(|_| ApiError::invalid_params("id is invalid"))?;
    let token = call.app.world().tokens.get(id).cloned();
    match token {
        Some(token) if token.user_id == caller.user.id || caller.user.admin => Ok(token),
        None if caller.user.admin => Err(ApiError::nothing_found()),
        _ => Err(ApiError::unauthorized()),
    }
}

fn show(call: &Call) -> Answer {
    let caller = call.caller(READ)?;
    Reply::ok(&entity(&call.app, &named(call, &caller)?))
}

fn revoke(call: &Call) -> Answer {
    let caller = call.caller(WRITE)?;
    set_revoked(call, named(call, &caller)?.id);
    Reply::no_content()
}

fn rotate_self(call: &Call) -> Answer {
    let caller = call.caller(ROTATE)?;
    let token = own_token(&caller)?.clone();
    let new = making::rotate(call, &token)?;
    Reply::ok(&with_secret(&call.app, &new))
}

fn rotate_other(call: &Call) -> Answer {
    let caller = call.caller(WRITE)?;
    let token = named(call, &caller)?;
    let new = making::rotate(call, &token)?;
    Reply::ok(&with_secret(&call.app, &new))
}

/// A user may make itself a token of scope `k8s_proxy` or `self_rotate` only.
fn create_own(call: &Call) -> Answer {
    let caller = call.caller(WRITE)?;
    if making::scopes(call)?.iter().any(|scope| scope != "k8s_proxy" && scope != "self_rotate") {
        return Err(ApiError::invalid_params("scopes does not have a valid value"));
    }
    let day = making::last_day(call, making::longest(call)).map_err(BadDay::unprocessable)?;
    let made = making::from_params(call, caller.user.id, TokenKind::Personal, day, &mut call.app.world_mut())?;
    Reply::created(&with_secret(&call.app, &made))
}

fn create_for_user(call: &Call) -> Answer {
    let caller = call.caller(WRITE)?;
    if !caller.user.admin {
        return Err(ApiError::forbidden());
    }
    let id = call.path.get("user_id").parse().unwrap_or_default();
    if call.app.world().users.get(id).is_none() {
        return Err(ApiError::not_found("User"));
    }
    let day = making::last_day(call, making::longest(call)).map_err(BadDay::unprocessable)?;
    let made = making::from_params(call, id, TokenKind::Personal, day, &mut call.app.world_mut())?;
    Reply::created(&with_secret(&call.app, &made))
}
