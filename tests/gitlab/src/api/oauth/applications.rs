//! Applications of the instance. Administrators only.

use serde_json::{Value, json};

use crate::auth::Access;
use crate::call::Call;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::world::World;
use crate::world::applications::Application;

const WRITE: Access = Access::write("Application: Create");

fn require_admin(call: &Call) -> Result<(), ApiError> {
    if call.caller(WRITE)?.user.admin { Ok(()) } else { Err(ApiError::forbidden()) }
}

fn entity(application: &Application) -> Value {
    json!({
        "id": application.id,
        "application_id": application.uid,
        "application_name": application.name,
        "callback_url": application.redirect_uris.join("\n"),
        "confidential": application.confidential,
    })
}

pub(super) fn list(call: &Call) -> Answer {
    require_admin(call)?;
    let page = Page::of(call)?;
    let all: Vec<Application> = call.app.world().applications.table.iter().cloned().collect();
    page::paged(call, page, &all, entity)
}

/// The secret is shown once.
pub(super) fn create(call: &Call) -> Answer {
    require_admin(call)?;
    let mut checks = call.params.checks();
    let name = checks.required("name");
    let redirect_uri = checks.required("redirect_uri");
    let scopes = checks.required("scopes");
    let confidential = checks.flag("confidential", true);
    checks.finish()?;
    let lines: Vec<&str> = redirect_uri.split_whitespace().collect();
    let scopes: Vec<&str> = scopes.split_whitespace().collect();
    let made = add(&mut call.app.world_mut(), &name, &lines, &scopes, confidential);
    let mut shown = entity(&made);
    shown["secret"] = json!(made.secret);
    Reply::created(&shown)
}

pub(super) fn remove(call: &Call) -> Answer {
    require_admin(call)?;
    let id = call.path.get("id").parse().unwrap_or_default();
    call.app.world_mut().applications.table.remove(id).ok_or_else(ApiError::record_not_found)?;
    Reply::no_content()
}

/// Adds an application.
pub(crate) fn add(
    world: &mut World,
    name: &str,
    redirect_uris: &[&str],
    scopes: &[&str],
    confidential: bool,
) -> Application {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let (uid, secret) = (world.dice.hex(64), format!("gloas-{}", world.dice.hex(64)));
    let build = |id| Application {
        id,
        uid,
        secret,
        name: name.to_owned(),
        redirect_uris: owned(redirect_uris),
        scopes: owned(scopes),
        confidential,
    };
    world.applications.table.add(build).clone()
}
