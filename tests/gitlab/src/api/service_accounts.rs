//! Service accounts of the instance and of groups, and the tokens of the latter. Premium.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::groups;
use super::personal_tokens::making::BadDay;
use super::personal_tokens::{self, making};
use crate::admin::{UserSpec, add_user};
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, delete, get, post};
use crate::version::Tier;
use crate::world::access::AccessLevel;
use crate::world::members::{Member, Source};
use crate::world::tokens::{Token, TokenKind};
use crate::world::users::{User, UserKind};

const WRITE: Access = Access::write("Service Account: Create");

pub(crate) fn routes() -> Router<Arc<App>> {
    let group = "/api/v4/groups/{id}/service_accounts";
    let tokens = format!("{group}/{{user_id}}/personal_access_tokens");
    Router::new()
        .route("/api/v4/service_accounts", get(endpoint(list)).post(endpoint(create)))
        .route(group, get(endpoint(list_of_group)).post(endpoint(create_in_group)))
        .route(&format!("{group}/{{user_id}}"), delete(endpoint(remove)).patch(endpoint(change)))
        .route(&tokens, get(endpoint(list_tokens)).post(endpoint(create_token)))
        .route(&format!("{tokens}/{{token_id}}"), delete(endpoint(revoke_token)))
        .route(&format!("{tokens}/{{token_id}}/rotate"), post(endpoint(rotate_token)))
}

fn entity(user: &User) -> Value {
    json!({ "id": user.id, "username": user.username, "name": user.name, "email": user.email, "public_email": user.public_email })
}

fn require_premium(call: &Call) -> Result<(), ApiError> {
    if call.app.world().settings.tier >= Tier::Premium { Ok(()) } else { Err(ApiError::forbidden()) }
}

fn require_admin(call: &Call) -> Result<(), ApiError> {
    let caller = call.caller(WRITE)?;
    require_premium(call)?;
    if caller.user.admin { Ok(()) } else { Err(ApiError::forbidden()) }
}

fn accounts(call: &Call, fits: impl Fn(&User) -> bool) -> Vec<Value> {
    let world = call.app.world();
    world.users.table.iter().filter(|user| user.kind == UserKind::ServiceAccount && fits(user)).map(entity).collect()
}

fn list(call: &Call) -> Answer {
    require_admin(call)?;
    page::paged(call, Page::of(call)?, &accounts(call, |_| true), Clone::clone)
}

fn list_of_group(call: &Call) -> Answer {
    let (_, group) = groups::managed(call, WRITE, AccessLevel::Owner)?;
    require_premium(call)?;
    let members: Vec<u64> = call.app.world().members.of(Source::Group(group.id)).map(|member| member.user_id).collect();
    page::paged(call, Page::of(call)?, &accounts(call, |user| members.contains(&user.id)), Clone::clone)
}

fn make(call: &Call, prefix: &str) -> User {
    let mut world = call.app.world_mut();
    let username = call.params.filled("username").unwrap_or_else(|| format!("{prefix}_{}", world.dice.hex(32)));
    let name = call.params.filled("name").unwrap_or_else(|| "Service account user".into());
    let spec = UserSpec { username, name, kind: UserKind::ServiceAccount, external: false, admin: false };
    add_user(&mut world, spec, call.app.now())
}

fn create(call: &Call) -> Answer {
    require_admin(call)?;
    Reply::created(&entity(&make(call, "service_account")))
}

fn create_in_group(call: &Call) -> Answer {
    let (owner, group) = groups::managed(call, WRITE, AccessLevel::Owner)?;
    require_premium(call)?;
    let user = make(call, &format!("service_account_group_{}", group.id));
    // It belongs to the group without a role until it is added somewhere.
    call.app.world_mut().members.set(Member {
        source: Source::Group(group.id),
        user_id: user.id,
        access_level: AccessLevel::Minimal,
        created_at: call.app.now(),
        created_by: Some(owner.id),
        expires_at: None,
    });
    Reply::created(&entity(&user))
}

/// A service account of a group that the caller owns.
fn owned(call: &Call) -> Result<User, ApiError> {
    let (_, group) = groups::managed(call, WRITE, AccessLevel::Owner)?;
    require_premium(call)?;
    let id = call.path.get("user_id").parse().unwrap_or_default();
    let world = call.app.world();
    let known = world.members.get(Source::Group(group.id), id).is_some();
    let user = world.users.get(id).filter(|_| known).ok_or_else(|| ApiError::not_found("User"))?;
    if user.kind != UserKind::ServiceAccount {
        return Err(ApiError::bad_request("User is not of type Service Account"));
    }
    Ok(user.clone())
}

fn change(call: &Call) -> Answer {
    let mut user = owned(call)?;
    user.name = call.params.filled("name").unwrap_or(user.name);
    if let Some(username) = call.params.filled("username") {
        let taken = call.app.world().users.by_username(&username).is_some_and(|other| other.id != user.id);
        if taken {
            return Err(ApiError::message(StatusCode::BAD_REQUEST, "Username has already been taken"));
        }
        user.username = username;
    }
    call.app.world_mut().users.table.put(user.id, user.clone());
    Reply::ok(&entity(&user))
}

/// Its tokens and memberships go with it.
fn remove(call: &Call) -> Answer {
    let user = owned(call)?;
    let mut world = call.app.world_mut();
    let tokens: Vec<u64> = world.tokens.iter().filter(|token| token.user_id == user.id).map(|token| token.id).collect();
    for id in tokens {
        if let Some(token) = world.tokens.get_mut(id) {
            token.revoked = true;
        }
    }
    let sources: Vec<Source> = world.members.of_user(user.id).map(|member| member.source).collect();
    for source in sources {
        world.members.remove(source, user.id);
    }
    world.users.table.remove(user.id);
    Reply::no_content()
}

fn list_tokens(call: &Call) -> Answer {
    let user = owned(call)?;
    let page = Page::of(call)?;
    let all: Vec<Token> = call.app.world().tokens.iter().filter(|token| token.user_id == user.id).cloned().collect();
    page::paged(call, page, &all, |token| personal_tokens::entity(&call.app, token))
}

fn create_token(call: &Call) -> Answer {
    let user = owned(call)?;
    let day = making::last_day(call, making::longest(call)).map_err(BadDay::unprocessable)?;
    let made = making::from_params(call, user.id, TokenKind::Personal, day, &mut call.app.world_mut())?;
    Reply::created(&personal_tokens::with_secret(&call.app, &made))
}

fn token_of(call: &Call, user: &User) -> Option<Token> {
    let id = call.path.get("token_id").parse().ok()?;
    call.app.world().tokens.get(id).filter(|token| token.user_id == user.id).cloned()
}

fn revoke_token(call: &Call) -> Answer {
    let user = owned(call)?;
    let token = token_of(call, &user).ok_or_else(|| ApiError::not_found("Personal Access Token"))?;
    personal_tokens::set_revoked(call, token.id);
    Reply::no_content()
}

fn rotate_token(call: &Call) -> Answer {
    let user = owned(call)?;
    let token = token_of(call, &user).ok_or_else(ApiError::nothing_found)?;
    let new = making::rotate(call, &token)?;
    Reply::ok(&personal_tokens::with_secret(&call.app, &new))
}
