//! What hooks are told when a project or group access token is about to expire.

use serde_json::{Value, json};

use super::blocks::utc;
use super::project_block;
use crate::app::App;
use crate::world::World;
use crate::world::members::Source;
use crate::world::tokens::Token;

/// The payload for a token of `source`.
pub(crate) fn expiring(app: &App, world: &World, source: Source, token: &Token) -> Option<Value> {
    let mut payload = json!({
        "object_kind": "access_token",
        "event_name": "expiring_access_token",
        "object_attributes": {
            "user_id": token.user_id,
            "created_at": utc(token.created_at),
            "id": token.id,
            "name": token.name,
            "expires_at": token.expires_at.map(|day| day.to_string()),
            "last_used_at": token.last_used_at.map(utc),
        },
    });
    match source {
        Source::Project(id) => payload["project"] = project_block(app, world, world.projects.get(id)?),
        Source::Group(id) => {
            let group = world.namespaces.group(id)?;
            payload["group"] = json!({
                "group_name": group.name,
                "group_path": group.path,
                "group_id": group.id,
                "full_path": world.namespaces.group_full_path(id),
            });
        }
    }
    Some(payload)
}
