//! What the instance says of itself: `/version` and `/metadata`.

use std::sync::Arc;

use serde_json::json;

use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};

const READ: Access = Access::scopes(&["api", "read_api", "read_user", "ai_features"], "Metadata: Read");

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v4/version", get(endpoint(metadata))).route("/api/v4/metadata", get(endpoint(metadata)))
}

fn metadata(call: &Call) -> Answer {
    call.caller(READ)?;
    let world = call.app.world();
    let version = &world.settings.version;
    Reply::ok(&json!({
        "version": version.to_string(),
        "revision": "6714c913625",
        "kas": { "enabled": false, "externalUrl": null, "externalK8sProxyUrl": null, "version": null },
        "enterprise": version.is_enterprise(),
    }))
}
