//! Project and group access tokens, each with a bot of its own.

use std::sync::Arc;

use serde_json::{Value, json};

use super::groups;
use super::personal_tokens::{self, making};
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

/// Scopes that no bot may have.
const FOR_PEOPLE: [&str; 3] = ["read_user", "sudo", "admin_mode"];

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

/// The caller, and what the tokens of this route belong to, as far as the caller sees it.
fn seen(call: &Call, kind: Kind, access: Access) -> Result<(Caller, TokenKind), ApiError> {
    let caller = call.caller(access)?;
    let owner = match kind {
        Kind::Project => TokenKind::Project(call.project(Some(&caller.user))?.id),
        Kind::Group => TokenKind::Group(groups::found(call, Some(&caller.user))?.id),
    };
    Ok((caller, owner))
}

/// Maintainers manage the tokens of a project, owners those of a group.
fn manages(call: &Call, caller: &Caller, owner: TokenKind) -> bool {
    let needed = if matches!(owner, TokenKind::Group(_)) { AccessLevel::Owner } else { AccessLevel::Maintainer };
    caller.user.admin || role(call, caller, owner) >= Some(needed)
}

fn role(call: &Call, caller: &Caller, owner: TokenKind) -> Option<AccessLevel> {
    let world = call.app.world();
    match owner {
        TokenKind::Project(id) => world.project_role(caller.user.id, world.projects.get(id)?),
        TokenKind::Group(id) => world.group_role(caller.user.id, id),
        TokenKind::Personal | TokenKind::Impersonation => None,
    }
}

/// The same for reading: 401 for those who do not manage them.
fn readable(call: &Call, kind: Kind) -> Result<TokenKind, ApiError> {
    let (caller, owner) = seen(call, kind, READ)?;
    if manages(call, &caller, owner) { Ok(owner) } else { Err(ApiError::unauthorized()) }
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
    let owner = readable(call, kind)?;
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
    token.ok_or_else(|| ApiError::not_found(&format!("{} Access Token", word(owner))))
}

fn word(owner: TokenKind) -> &'static str {
    if matches!(owner, TokenKind::Group(_)) { "group" } else { "project" }
}

fn show(call: &Call, kind: Kind) -> Answer {
    let owner = readable(call, kind)?;
    Reply::ok(&entity(call, &named(call, owner)?))
}

fn revoke(call: &Call, kind: Kind) -> Answer {
    let (caller, owner) = seen(call, kind, WRITE)?;
    let token = named(call, owner)?;
    if !manages(call, &caller, owner) {
        let bot = call.app.world().users.get(token.user_id).map(|user| user.name.clone()).unwrap_or_default();
        return Err(ApiError::bad_request(&format!("{} cannot delete {bot}", caller.user.name)));
    }
    if let Some(token) = call.app.world_mut().tokens.get_mut(token.id) {
        token.revoked = true;
    }
    Reply::no_content()
}

/// Whether the caller came with a token of a project or group, whose bots cannot make further bots.
fn is_bot(caller: &Caller) -> bool {
    caller.token().is_some_and(|token| matches!(token.kind, TokenKind::Project(_) | TokenKind::Group(_)))
}

fn create(call: &Call, kind: Kind) -> Answer {
    let mut checks = call.params.checks();
    let name = checks.required("name");
    let level = checks.integer("access_level", 40);
    let level = u8::try_from(level).ok().and_then(|level| AccessLevel::try_from(level).ok());
    if level.is_none() {
        checks.complain("access_level does not have a valid value".into());
    }
    let (caller, owner) = seen(call, kind, WRITE)?;
    checks.finish()?;
    let level = level.unwrap_or(AccessLevel::Maintainer);
    if making::scopes(call)?.iter().any(|scope| FOR_PEOPLE.contains(&scope.as_str())) {
        return Err(ApiError::invalid_params("scopes does not have a valid value"));
    }
    if is_bot(&caller) || !manages(call, &caller, owner) {
        let text = format!("User does not have permission to create {} access token", word(owner));
        return Err(ApiError::bad_request(&text));
    }
    if !caller.user.admin && role(call, &caller, owner) < Some(level) {
        let text = "Access level of the token contains permissions not held by the creating user";
        return Err(ApiError::bad_request(text));
    }
    let day = making::last_day(call, making::longest(call))?;
    let mut world = call.app.world_mut();
    let spec = TokenSpec { kind: owner, name, access_level: Some(level), ..TokenSpec::default() };
    let bot = add_bot(&mut world, &spec, call.app.now());
    let made = making::from_params(call, bot, owner, day, &mut world)?;
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
    let new = making::rotate(call, own)?;
    Reply::ok(&with_secret(call, &new))
}

fn rotate_other(call: &Call, kind: Kind) -> Answer {
    let (caller, owner) = seen(call, kind, ROTATE)?;
    let target = call.path.get("token_id").parse().ok();
    if is_bot(&caller) && caller.token().map(|token| token.id) != target {
        return Err(ApiError::unauthorized());
    }
    let known = target.and_then(|id| call.app.world().tokens.get(id).filter(|token| token.kind == owner).cloned());
    let known = known.filter(|_| manages(call, &caller, owner));
    let missing = if caller.user.admin { ApiError::nothing_found() } else { ApiError::unauthorized() };
    let new = making::rotate(call, &known.ok_or(missing)?)?;
    Reply::ok(&with_secret(call, &new))
}
