//! Users: the caller itself, others, and the forms in which other entities show them.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::clock::iso_millis;
use crate::reply::{Answer, Reply};
use crate::world::users::User;

const READ: Access = Access::scopes(&["api", "read_api", "read_user"], "User: Read");

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v4/user", get(endpoint(current)))
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
        "avatar_url": null,
        "web_url": format!("{}/{}", app.url(), user.username),
    })
}

fn current(call: &Call) -> Answer {
    let caller = call.caller(READ)?;
    Reply::ok(&own(&call.app, &caller.user))
}

/// What anybody may see.
fn public(app: &App, user: &User) -> Value {
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

/// What a user sees of itself.
fn own(app: &App, user: &User) -> Value {
    let mut shown = public(app, user);
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
        merge(&mut shown, json!({ "is_admin": true, "note": null, "namespace_id": user.namespace_id }));
    }
    shown
}

/// Adds the keys of `more` to `target`.
pub(crate) fn merge(target: &mut Value, more: Value) {
    if let (Value::Object(target), Value::Object(more)) = (target, more) {
        target.extend(more);
    }
}
