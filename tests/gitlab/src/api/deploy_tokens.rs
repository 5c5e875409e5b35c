//! Deploy tokens of projects and groups, and of the whole instance for administrators.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::groups;
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::clock::iso_millis;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::params::Checks;
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::world::access::AccessLevel;
use crate::world::deploy_tokens::{DeployToken, Holder, SCOPES};

const READ: Access = Access::read("Deploy Token: Read");
const CREATE: Access = Access::write("Deploy Token: Create");
const DELETE: Access = Access::write("Deploy Token: Delete");

pub(crate) fn routes() -> Router<Arc<App>> {
    let under = |router: Router<Arc<App>>, kind: Kind| {
        let base = match kind {
            Kind::Project => "/api/v4/projects/{id}/deploy_tokens",
            Kind::Group => "/api/v4/groups/{id}/deploy_tokens",
        };
        let one = get(endpoint(move |call| show(call, kind))).delete(endpoint(move |call| remove(call, kind)));
        router
            .route(base, get(endpoint(move |call| list(call, kind))).post(endpoint(move |call| create(call, kind))))
            .route(&format!("{base}/{{token_id}}"), one)
    };
    let instance = Router::new().route("/api/v4/deploy_tokens", get(endpoint(list_all)));
    [Kind::Project, Kind::Group].into_iter().fold(instance, under)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Project,
    Group,
}

/// What the tokens of this route are for. Those of a project are for maintainers; those of a group are seen by
/// maintainers and changed by owners.
fn holder(call: &Call, kind: Kind, access: Access, role: AccessLevel) -> Result<Holder, ApiError> {
    match kind {
        Kind::Project => Ok(Holder::Project(call.managed(access, AccessLevel::Maintainer)?.1.id)),
        Kind::Group => Ok(Holder::Group(groups::managed(call, access, role)?.1.id)),
    }
}

fn entity(token: &DeployToken, now: Timestamp) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "username": token.username,
        "expires_at": token.expires_at.map(iso_millis),
        "scopes": token.scopes,
        "revoked": token.revoked,
        "expired": token.is_expired(now),
    })
}

fn paged(call: &Call, fits: impl Fn(&DeployToken) -> bool) -> Answer {
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let only_active = checks.flag("active", false);
    checks.finish()?;
    let now = call.app.now();
    let all: Vec<DeployToken> = call.app.world().deploy_tokens.table.iter().cloned().collect();
    let all: Vec<DeployToken> =
        all.into_iter().filter(|token| fits(token) && (!only_active || token.is_active(now))).collect();
    page::paged(call, page, &all, |token| entity(token, now))
}

fn list_all(call: &Call) -> Answer {
    if !call.caller(READ)?.user.admin {
        return Err(ApiError::forbidden());
    }
    paged(call, |_| true)
}

fn list(call: &Call, kind: Kind) -> Answer {
    let holder = holder(call, kind, READ, AccessLevel::Maintainer)?;
    paged(call, |token| token.holder == holder)
}

fn named(call: &Call, holder: Holder) -> Result<DeployToken, ApiError> {
    let id = call.path.get("token_id").parse().map_err(|_| ApiError::invalid_params("token_id is invalid"))?;
    let world = call.app.world();
    let token = world.deploy_tokens.table.get(id).filter(|token| token.holder == holder);
    token.cloned().ok_or_else(ApiError::record_not_found)
}

fn show(call: &Call, kind: Kind) -> Answer {
    let holder = holder(call, kind, READ, AccessLevel::Maintainer)?;
    Reply::ok(&entity(&named(call, holder)?, call.app.now()))
}

/// `scopes` as a list of words, as a list or with commas.
fn scopes(call: &Call, checks: &mut Checks<'_>) -> Vec<String> {
    let words: Vec<String> = match call.params.get("scopes") {
        None => {
            checks.complain("scopes is missing".into());
            return Vec::new();
        }
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(_) => call.params.filled("scopes").unwrap_or_default().split(',').map(|word| word.trim().into()).collect(),
    };
    if words.iter().any(|word| !SCOPES.contains(&word.as_str())) {
        checks.complain("scopes does not have a valid value".into());
    }
    SCOPES.iter().filter(|scope| words.iter().any(|word| word == *scope)).map(|&scope| scope.to_owned()).collect()
}

/// The secret is shown once.
fn create(call: &Call, kind: Kind) -> Answer {
    let holder = holder(call, kind, CREATE, AccessLevel::Owner)?;
    let mut checks = call.params.checks();
    let name = checks.required("name");
    let scopes = scopes(call, &mut checks);
    let expires_at = checks.time("expires_at");
    checks.finish()?;
    let username = call.params.filled("username");
    let sound = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+_-".contains(&byte));
    if username.as_ref().is_some_and(|name| !sound(name)) {
        let text = "Username can contain only letters, digits, '_', '-', '+', and '.'";
        return Err(ApiError::message(http::StatusCode::BAD_REQUEST, text));
    }
    if scopes.is_empty() {
        return Err(ApiError::message(http::StatusCode::BAD_REQUEST, "Scopes can't be blank"));
    }
    let mut world = call.app.world_mut();
    let secret = world.dice.token("gldt-");
    let made = world.deploy_tokens.table.add(|id| DeployToken {
        id,
        holder,
        name,
        username: username.unwrap_or_else(|| format!("gitlab+deploy-token-{id}")),
        secret,
        scopes,
        expires_at,
        revoked: false,
    });
    let mut shown = entity(made, call.app.now());
    shown["token"] = json!(made.secret);
    Reply::created(&shown)
}

fn remove(call: &Call, kind: Kind) -> Answer {
    let holder = holder(call, kind, DELETE, AccessLevel::Owner)?;
    let id = named(call, holder)?.id;
    call.app.world_mut().deploy_tokens.table.remove(id);
    Reply::no_content()
}
