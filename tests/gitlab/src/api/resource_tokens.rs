//! Project and group access tokens, each with a bot of its own.

use std::sync::Arc;

use serde_json::{Value, json};

use super::groups;
use super::personal_tokens::{self, from_params, rotate};
use super::users::merge;
use crate::admin::{TokenSpec, add_bot};
use crate::app::App;
use crate::auth::{Access, Caller};
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get, post};
use crate::world::access::AccessLevel;
use crate::world::members::Source;
use crate::world::tokens::{Token, TokenKind};

const READ: Access = Access::read("Resource Access Token: Read");
const WRITE: Access = Access::write("Resource Access Token: Create");
const ROTATE: Access = Access::scopes(&["api", "self_rotate"], "Resource Access Token: Rotate");

pub(crate) fn routes() -> Router<Arc<App>> {
    let under = |router: Router<Arc<App>>, kind: Kind| {
        let base = match kind {
            Kind::Project => "/api/v4/projects/{id}/access_tokens",
            Kind::Group => "/api/v4/groups/{id}/access_tokens",
        };
        let one = get(endpoint(move |call| show(call, kind))).delete(endpoint(move |call| revoke(call, kind)));
        router
            .route(base, get(endpoint(move |call| list(call, kind))).post(endpoint(move |call| create(call, kind))))
            .route(&format!("{base}/{{token_id}}"), one)
            .route(&format!("{base}/self/rotate"), post(endpoint(move |call| rotate_self(call, kind))))
            .route(&format!("{base}/{{token_id}}/rotate"), post(endpoint(move |call| rotate_other(call, kind))))
    };
    [Kind::Project, Kind::Group].into_iter().fold(Router::new(), under)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Project,
    Group,
}

/// What the tokens of this route belong to, for a caller who manages it.
fn managed(call: &Call, kind: Kind, access: Access) -> Result<(Caller, TokenKind), ApiError> {
    match kind {
        Kind::Project => {
            let (caller, project) = call.managed(access, AccessLevel::Maintainer)?;
            Ok((caller, TokenKind::Project(project.id)))
        }
        Kind::Group => {
            let (_, group) = groups::managed(call, access, AccessLevel::Owner)?;
            Ok((call.caller(access)?, TokenKind::Group(group.id)))
        }
    }
}

fn source(kind: TokenKind) -> Source {
    match kind {
        TokenKind::Group(id) => Source::Group(id),
        TokenKind::Project(id) => Source::Project(id),
        TokenKind::Personal | TokenKind::Impersonation => Source::Project(0),
    }
}

fn entity(call: &Call, token: &Token) -> Value {
    let mut shown = personal_tokens::entity(&call.app, token);
    let world = call.app.world();
    let level = world.members.get(source(token.kind), token.user_id).map(|member| member.access_level);
    let (kind, id) = match token.kind {
        TokenKind::Group(id) => ("group", id),
        TokenKind::Project(id) => ("project", id),
        TokenKind::Personal | TokenKind::Impersonation => ("user", token.user_id),
    };
    merge(&mut shown, json!({ "access_level": level, "resource_type": kind, "resource_id": id }));
    shown
}

fn with_secret(call: &Call, token: &Token) -> Value {
    let mut shown = entity(call, token);
    merge(&mut shown, json!({ "token": token.secret }));
    shown
}

fn list(call: &Call, kind: Kind) -> Answer {
    let (_, owner) = managed(call, kind, READ)?;
    let page = Page::of(call)?;
    let state = call.params.filled("state");
    let today = call.app.clock.today();
    let fits = |token: &&Token| {
        token.kind == owner && state.as_ref().is_none_or(|state| (state == "active") == token.is_active(today))
    };
    let all: Vec<Token> = call.app.world().tokens.iter().filter(fits).cloned().collect();
    page::paged(call, page, &all, |token| entity(call, token))
}

fn named(call: &Call, owner: TokenKind) -> Result<Token, ApiError> {
    let id = call.path.get("token_id").parse().unwrap_or_default();
    let token = call.app.world().tokens.get(id).filter(|token| token.kind == owner).cloned();
    token.ok_or_else(|| {
        ApiError::message(
            http::StatusCode::NOT_FOUND,
            format!(
                "404 Could not find {} access token with token_id: {} Not Found",
                word(owner),
                call.path.get("token_id")
            ),
        )
    })
}

fn word(owner: TokenKind) -> &'static str {
    if matches!(owner, TokenKind::Group(_)) { "group" } else { "project" }
}

fn show(call: &Call, kind: Kind) -> Answer {
    let (_, owner) = managed(call, kind, READ)?;
    Reply::ok(&entity(call, &named(call, owner)?))
}

fn revoke(call: &Call, kind: Kind) -> Answer {
    let (_, owner) = managed(call, kind, WRITE)?;
    let id = named(call, owner)?.id;
    if let Some(token) = call.app.world_mut().tokens.get_mut(id) {
        token.revoked = true;
    }
    Reply::no_content()
}

fn create(call: &Call, kind: Kind) -> Answer {
    let (caller, owner) = managed(call, kind, WRITE)?;
    // A bot cannot make further bots.
    if caller.token().is_some_and(|token| matches!(token.kind, TokenKind::Project(_) | TokenKind::Group(_))) {
        return Err(ApiError::bad_request("User does not have permission to create project access token"));
    }
    let mut checks = call.params.checks();
    let name = checks.required("name");
    let level = checks.integer("access_level", 40);
    checks.finish()?;
    let level = u8::try_from(level).ok().and_then(|level| AccessLevel::try_from(level).ok());
    let level = level.ok_or_else(|| ApiError::invalid_params("access_level does not have a valid value"))?;
    personal_tokens::scopes(call)?;
    personal_tokens::expiry(call, 1)?;
    let mut world = call.app.world_mut();
    let role = match owner {
        TokenKind::Project(id) => {
            world.projects.get(id).and_then(|project| world.project_role(caller.user.id, project))
        }
        TokenKind::Group(id) => world.group_role(caller.user.id, id),
        TokenKind::Personal | TokenKind::Impersonation => None,
    };
    if !caller.user.admin && role < Some(level) {
        let text = "Could not provision project access token with access level greater than your own";
        return Err(ApiError::bad_request(text));
    }
    let spec = TokenSpec { kind: owner, name, access_level: Some(level), ..TokenSpec::default() };
    let bot = add_bot(&mut world, &spec, call.app.now());
    let made = from_params(call, bot, owner, &mut world)?;
    drop(world);
    Reply::created(&with_secret(call, &made))
}

/// A token of this resource replaces itself.
fn rotate_self(call: &Call, kind: Kind) -> Answer {
    let caller = call.caller(ROTATE)?;
    let own = caller.token().ok_or_else(ApiError::method_not_allowed)?;
    let owner = match kind {
        Kind::Project => TokenKind::Project(call.project(Some(&caller.user))?.id),
        Kind::Group => TokenKind::Group(groups::found(call, Some(&caller.user))?.id),
    };
    if own.kind != owner {
        return Err(ApiError::method_not_allowed());
    }
    let new = rotate(call, own)?;
    Reply::ok(&with_secret(call, &new))
}

fn rotate_other(call: &Call, kind: Kind) -> Answer {
    let (caller, owner) = managed(call, kind, ROTATE)?;
    let target = call.path.get("token_id").parse().ok();
    let is_bot = caller.token().is_some_and(|token| matches!(token.kind, TokenKind::Project(_) | TokenKind::Group(_)));
    if is_bot && caller.token().map(|token| token.id) != target {
        return Err(ApiError::unauthorized());
    }
    let known = target.and_then(|id| call.app.world().tokens.get(id).filter(|token| token.kind == owner).cloned());
    let missing = if caller.user.admin { ApiError::nothing_found() } else { ApiError::unauthorized() };
    let new = rotate(call, &known.ok_or(missing)?)?;
    Reply::ok(&with_secret(call, &new))
}
