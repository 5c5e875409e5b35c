//! What a new token is to be: its scopes, its last day, and what it takes over from the one it replaces. For personal,
//! project and group tokens alike.

use http::StatusCode;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

use crate::call::Call;
use crate::error::ApiError;
use crate::world::World;
use crate::world::tokens::{Token, TokenKind};

/// Days that a rotated token lives when nothing is said.
const ROTATED_DAYS: i64 = 7;

/// Scopes that can be asked for, by everyone and by administrators.
const SCOPES: [&str; 21] = [
    "api",
    "read_api",
    "read_user",
    "read_repository",
    "write_repository",
    "read_registry",
    "write_registry",
    "read_virtual_registry",
    "write_virtual_registry",
    "create_runner",
    "manage_runner",
    "ai_features",
    "ai_workflows",
    "k8s_proxy",
    "self_rotate",
    "read_observability",
    "write_observability",
    "read_service_ping",
    "sudo",
    "admin_mode",
    "mcp",
];

/// Why a token cannot have the last day that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadDay {
    /// It is no day.
    Invalid,
    /// It is not after today.
    Past,
    /// It is later than the instance allows.
    TooLate(Date),
}

impl BadDay {
    fn text(self) -> String {
        match self {
            Self::Invalid => "expires_at is invalid".into(),
            Self::Past => "Expiration date must be in the future".into(),
            Self::TooLate(last) => format!("Expiration date must be before {last}"),
        }
    }

    /// The words of the endpoints that make tokens for a user; all others say it with a 400.
    pub(crate) fn unprocessable(self) -> ApiError {
        match self {
            Self::Invalid => self.into(),
            _ => ApiError::message(StatusCode::UNPROCESSABLE_ENTITY, self.text()),
        }
    }
}

impl From<BadDay> for ApiError {
    fn from(bad: BadDay) -> Self {
        match bad {
            BadDay::Invalid => Self::invalid_params(&bad.text()),
            _ => Self::bad_request(&bad.text()),
        }
    }
}

/// How many days a token may live.
pub(crate) fn longest(call: &Call) -> i64 {
    i64::from(call.app.world().settings.token_lifetime_days)
}

/// The day a new token dies on: as asked, within the instance's limit, or after `days`.
pub(crate) fn last_day(call: &Call, days: i64) -> Result<Option<Date>, BadDay> {
    let today = call.app.clock.today();
    let after = |days: i64| today.checked_add(days.days()).ok();
    let Some(text) = call.params.filled("expires_at") else { return Ok(after(days)) };
    let day: Date = text.parse().map_err(|_| BadDay::Invalid)?;
    if day <= today {
        return Err(BadDay::Past);
    }
    match after(longest(call)) {
        Some(last) if day > last => Err(BadDay::TooLate(last)),
        _ => Ok(Some(day)),
    }
}

/// `scopes` as a list of known words.
pub(crate) fn scopes(call: &Call) -> Result<Vec<String>, ApiError> {
    let list: Vec<String> = match call.params.get("scopes") {
        None => return Err(ApiError::invalid_params("scopes is missing")),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(text)) => text.split([',', ' ']).filter(|s| !s.is_empty()).map(str::to_owned).collect(),
        Some(_) => return Err(ApiError::invalid_params("scopes is invalid")),
    };
    if list.is_empty() {
        return Err(ApiError::invalid_params("scopes is empty"));
    }
    if list.iter().any(|scope| !SCOPES.contains(&scope.as_str())) {
        return Err(ApiError::invalid_params("scopes does not have a valid value"));
    }
    Ok(list)
}

/// A token from the parameters `name`, `scopes` and `description`, with this last day.
pub(crate) fn from_params(
    call: &Call,
    user_id: u64,
    kind: TokenKind,
    expires_at: Option<Date>,
    world: &mut World,
) -> Result<Token, ApiError> {
    let mut checks = call.params.checks();
    let name = checks.required("name");
    checks.finish()?;
    let scopes = scopes(call)?;
    let secret = world.dice.token("glpat-");
    let created_at = call.app.now();
    let description = call.params.filled("description");
    let build = |id| Token {
        id,
        user_id,
        kind,
        name,
        description,
        secret,
        scopes,
        permissions: Vec::new(),
        created_at,
        expires_at,
        revoked: false,
        last_used_at: None,
        family: 0,
    };
    Ok(world.tokens.add(build).clone())
}

/// Replaces a token: the old one is dead at once, the new one inherits everything but id, secret and day.
pub(crate) fn rotate(call: &Call, old: &Token) -> Result<Token, ApiError> {
    let expires_at = last_day(call, ROTATED_DAYS)?;
    let now = call.app.now();
    let today = call.app.clock.today();
    let mut world = call.app.world_mut();
    // Looked at under the lock: of two rotations at once only one may win.
    let current = world.tokens.get(old.id).ok_or_else(ApiError::unauthorized)?.clone();
    if current.revoked {
        world.tokens.revoke_family(current.family);
        return Err(ApiError::unauthorized());
    }
    if current.is_expired(today) {
        return Err(ApiError::unauthorized());
    }
    if let Some(token) = world.tokens.get_mut(old.id) {
        token.revoked = true;
    }
    let secret = world.dice.token("glpat-");
    let next = Token { created_at: now, expires_at, secret, revoked: false, last_used_at: None, ..current };
    Ok(world.tokens.add(|id| Token { id, ..next }).clone())
}
