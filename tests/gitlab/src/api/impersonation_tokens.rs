//! Impersonation tokens: made by administrators in the name of a user, and seen by administrators only.

use std::sync::Arc;

use serde_json::{Value, json};

use super::personal_tokens::making::BadDay;
use super::personal_tokens::{self, making};
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::world::tokens::{Token, TokenKind};

const READ: Access = Access::read("Impersonation Token: Read");
const WRITE: Access = Access::write("Impersonation Token: Create");

pub(crate) fn routes() -> Router<Arc<App>> {
    let all = "/api/v4/users/{id}/impersonation_tokens";
    Router::new()
        .route(all, get(endpoint(list)).post(endpoint(create)))
        .route(&format!("{all}/{{token_id}}"), get(endpoint(show)).delete(endpoint(revoke)))
}

/// The user of the route, for an administrator.
fn user(call: &Call, access: Access) -> Result<u64, ApiError> {
    if !call.caller(access)?.user.admin {
        return Err(ApiError::forbidden());
    }
    let id = call.path.get("id").parse().unwrap_or_default();
    let known = call.app.world().users.get(id).is_some();
    if known { Ok(id) } else { Err(ApiError::not_found("User")) }
}

fn entity(call: &Call, token: &Token) -> Value {
    let mut shown = personal_tokens::entity(&call.app, token);
    shown["impersonation"] = json!(true);
    shown
}

fn list(call: &Call) -> Answer {
    let user = user(call, READ)?;
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let state = checks.one_of("state", &["all", "active", "inactive"]);
    checks.finish()?;
    let today = call.app.clock.today();
    let fits = |token: &&Token| {
        token.kind == TokenKind::Impersonation
            && token.user_id == user
            && (state == "all" || (state == "active") == token.is_active(today))
    };
    let all: Vec<Token> = call.app.world().tokens.iter().filter(fits).cloned().collect();
    page::paged(call, page, &all, |token| entity(call, token))
}

fn named(call: &Call, user: u64) -> Result<Token, ApiError> {
    let id = call.path.get("token_id").parse().unwrap_or_default();
    let world = call.app.world();
    let fits = |token: &&Token| token.kind == TokenKind::Impersonation && token.user_id == user;
    world.tokens.get(id).filter(fits).cloned().ok_or_else(|| ApiError::not_found("Impersonation Token"))
}

fn show(call: &Call) -> Answer {
    let user = user(call, READ)?;
    Reply::ok(&entity(call, &named(call, user)?))
}

fn create(call: &Call) -> Answer {
    let user = user(call, WRITE)?;
    let day = making::last_day(call, making::longest(call)).map_err(BadDay::unprocessable)?;
    let made = making::from_params(call, user, TokenKind::Impersonation, day, &mut call.app.world_mut())?;
    let mut shown = entity(call, &made);
    shown["token"] = json!(made.secret);
    Reply::created(&shown)
}

fn revoke(call: &Call) -> Answer {
    let user = user(call, WRITE)?;
    personal_tokens::set_revoked(call, named(call, user)?.id);
    Reply::no_content()
}
