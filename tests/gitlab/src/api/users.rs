//! Users: the caller itself, others, and the forms in which other entities show them.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::clock::iso_millis;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::version::Version;
use crate::world::users::{User, UserState};

const READ: Access = Access::scopes(&["api", "read_api", "read_user"], "User: Read");

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v4/user", get(endpoint(current)))
        .route("/api/v4/users", get(endpoint(list)))
        .route("/api/v4/users/{id}", get(endpoint(show)))
}

/// The small form that every author, owner and member has.
pub(crate) fn basic(app: &App, user: &User) -> Value {
    json!({
        "id": user.id,
        "username": user.username,
        "public_email": user.public_email,
        "name": user.name,
        "state": user.state.word(),
        "locked": false,
        "avatar_url": user.avatar_url(),
        "web_url": format!("{}/{}", app.url(), user.username),
    })
}

fn current(call: &Call) -> Answer {
    let caller = call.caller(READ)?;
    let version = call.app.world().settings.version.clone();
    Reply::ok(&own(&call.app, &caller.user, &version))
}

/// Exact by `username`, loose by `search`. Everybody for those who are signed in, nobody for the rest.
fn list(call: &Call) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let (active, humans) = (checks.flag("active", false), checks.flag("humans", false));
    checks.finish()?;
    let username = call.params.filled("username");
    if caller.is_none() && username.is_none() {
        return Err(ApiError::forbidden_because("Not authorized to access /api/v4/users"));
    }
    let search = call.params.filled("search").unwrap_or_default().to_lowercase();
    let world = call.app.world();
    let fits = |user: &&User| {
        username.as_ref().is_none_or(|name| user.username.eq_ignore_ascii_case(name))
            && (user.name.to_lowercase().contains(&search) || user.username.to_lowercase().contains(&search))
            && (!active || user.state == UserState::Active)
            && (!humans || !user.is_bot())
    };
    // GitLab lists the newest first.
    let all: Vec<&User> = world.users.table.iter().rev().filter(fits).collect();
    let version = world.settings.version.clone();
    let admin = caller.is_some_and(|caller| caller.user.admin);
    let show = |user: &&User| if admin { for_admin(&call.app, user, &version) } else { basic(&call.app, user) };
    if call.params.text("pagination").as_deref() == Some("keyset") {
        return keyset(call, page, all, show);
    }
    let page = page.cap(call, "User")?;
    let shown: Vec<Value> = page.slice(&all).iter().map(show).collect();
    let total = page::Total::Known(all.len() as u64);
    drop(world);
    page::with_headers(call, page, total, Reply::ok(&shown)?)
}

/// By id, name or username; the cursor is the last user's key of that order.
fn keyset(call: &Call, page: Page, mut all: Vec<&User>, show: impl FnMut(&&User) -> Value) -> Answer {
    let mut checks = call.params.checks();
    let order = checks.one_of("order_by", &["id", "name", "username", "created_at", "updated_at"]);
    let rising = checks.one_of("sort", &["desc", "asc"]) == "asc";
    checks.finish()?;
    let key = |user: &User| match order {
        "name" => format!("{}\u{0}{:020}", user.name, user.id),
        "username" => format!("{}\u{0}{:020}", user.username, user.id),
        _ => format!("{:020}", user.id),
    };
    if !["id", "name", "username"].contains(&order) {
        return Err(ApiError::no_keyset());
    }
    all.sort_by_key(|user| key(user));
    if !rising {
        all.reverse();
    }
    let cursor = call.params.filled("cursor").and_then(|cursor| BASE64_URL_SAFE.decode(cursor).ok());
    if let Some(last) = cursor.and_then(|bytes| String::from_utf8(bytes).ok()) {
        all.retain(|user| if rising { key(user) > last } else { key(user) < last });
    }
    let picked = &all[..all.len().min(page.size as usize)];
    let reply = Reply::ok(&picked.iter().map(show).collect::<Vec<_>>())?;
    let Some(last) = picked.last().filter(|_| all.len() > picked.len()) else { return Ok(reply) };
    let cursor = BASE64_URL_SAFE.encode(key(last));
    Ok(page::with_next_link(call, &[("cursor", cursor)], reply))
}

fn show(call: &Call) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    let id: u64 = call.path.get("id").parse().map_err(|_| ApiError::invalid_params("id is invalid"))?;
    let world = call.app.world();
    let user = world.users.get(id).ok_or_else(|| ApiError::not_found("User"))?;
    let admin = caller.is_some_and(|caller| caller.user.admin);
    let version = &world.settings.version;
    Reply::ok(&if admin { for_admin(&call.app, user, version) } else { public(&call.app, user) })
}

/// What anybody may see.
pub(crate) fn public(app: &App, user: &User) -> Value {
    let mut shown = basic(app, user);
    let more = json!({
        "created_at": iso_millis(user.created_at),
        "bio": "", "location": "", "linkedin": "", "twitter": "", "discord": "", "website_url": "", "github": "",
        "job_title": "", "pronouns": null, "organization": "",
        "bot": user.is_bot(),
        "work_information": null,
        "followers": 0, "following": 0, "is_followed": false,
        "local_time": null,
    });
    merge(&mut shown, more);
    shown
}

/// What an administrator sees of anybody.
fn for_admin(app: &App, user: &User, version: &Version) -> Value {
    let mut shown = own(app, user, version);
    let more = json!({
        "is_admin": user.admin, "note": null, "namespace_id": user.namespace_id, "created_by": null,
        "email_reset_offered_at": null, "plan": null, "trial": null, "sign_in_count": 1,
        "current_sign_in_ip": null, "last_sign_in_ip": null,
    });
    merge(&mut shown, more);
    shown
}

/// What a user sees of itself.
fn own(app: &App, user: &User, version: &Version) -> Value {
    let mut shown = public(app, user);
    if !version.at_least(18, 0) {
        shown["skype"] = "".into();
    }
    let more = json!({
        "last_sign_in_at": null,
        "confirmed_at": iso_millis(user.created_at),
        "last_activity_on": user.created_at.to_zoned(TimeZone::UTC).date().to_string(),
        "email": user.email,
        "theme_id": 3, "color_scheme_id": 1,
        "projects_limit": user.projects_limit,
        "current_sign_in_at": null,
        "identities": [],
        "can_create_group": !user.external, "can_create_project": !user.external,
        "two_factor_enabled": false,
        "external": user.external,
        "private_profile": false,
        "commit_email": user.commit_email(),
        "preferred_language": "en",
        "scim_identities": [],
        "shared_runners_minutes_limit": null, "extra_shared_runners_minutes_limit": null,
    });
    merge(&mut shown, more);
    if user.admin {
        let more = json!({
            "is_admin": true, "note": null, "namespace_id": user.namespace_id, "created_by": null, "sign_in_count": 1,
            "current_sign_in_ip": null, "last_sign_in_ip": null, "highest_role": null,
        });
        merge(&mut shown, more);
    }
    shown
}

/// Adds the keys of `more` to `target`.
pub(crate) fn merge(target: &mut Value, more: Value) {
    if let (Value::Object(target), Value::Object(more)) = (target, more) {
        target.extend(more);
    }
}
