//! What hooks are told of a deployment. There is no full commit id in it.

use serde_json::{Value, json};

use super::{blocks, project_block};
use crate::app::App;
use crate::world::deployments::Deployment;

/// The payload.
pub(crate) fn payload(app: &App, row: &Deployment) -> Option<Value> {
    let world = app.world();
    let project = world.projects.get(row.project_id)?;
    let web = format!("{}/{}", app.url(), world.project_path(project));
    let commit = blocks::commit(app, project, &web, &row.sha);
    let user_url = world.users.get(row.user_id).map(|user| format!("{}/{}", app.url(), user.username));
    Some(json!({
        "object_kind": "deployment",
        "status": row.status.word(),
        "status_changed_at": row.updated_at.strftime("%Y-%m-%d %H:%M:%S +0000").to_string(),
        "deployment_id": row.id,
        "deployable_id": null,
        "deployable_url": null,
        "environment": row.environment,
        "environment_tier": row.tier(),
        "environment_slug": row.slug(),
        "environment_external_url": null,
        "project": project_block(app, &world, project),
        "ref": row.reference,
        "short_sha": row.sha.get(..8),
        "user": blocks::user(&world, row.user_id),
        "user_url": user_url,
        "commit_url": format!("{web}/-/commit/{}", row.sha),
        "commit_title": commit["title"],
    }))
}
