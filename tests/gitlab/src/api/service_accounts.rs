//! Service accounts of the instance and of groups, and their tokens. Premium.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{groups, personal_tokens};
use crate::admin::{UserSpec, add_user};
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get, post};
use crate::version::Tier;
use crate::world::access::AccessLevel;
use crate::world::members::{Member, Source};
use crate::world::tokens::TokenKind;
use crate::world::users::{User, UserKind};

const WRITE: Access = Access::write("Service Account: Create");

pub(crate) fn routes() -> Router<Arc<App>> {
    let group = "/api/v4/groups/{id}/service_accounts";
    Router::new()
        .route("/api/v4/service_accounts", get(endpoint(list)).post(endpoint(create)))
        .route(group, get(endpoint(list_of_group)).post(endpoint(create_in_group)))
        .route(&format!("{group}/{{user_id}}/personal_access_tokens"), post(endpoint(create_token)))
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

fn create_token(call: &Call) -> Answer {
    let (_, group) = groups::managed(call, WRITE, AccessLevel::Owner)?;
    require_premium(call)?;
    let id = call.path.get("user_id").parse().unwrap_or_default();
    let known = call.app.world().members.get(Source::Group(group.id), id).is_some();
    let service = call.app.world().users.get(id).is_some_and(|user| user.kind == UserKind::ServiceAccount);
    if !known || !service {
        return Err(ApiError::not_found("User"));
    }
    let made = personal_tokens::from_params(call, id, TokenKind::Personal, &mut call.app.world_mut())?;
    let mut shown = personal_tokens::entity(&call.app, &made);
    shown["token"] = json!(made.secret);
    Reply::created(&shown)
}
