//! `POST /projects/:id/repository/commits`: the order of checks up to the service, which is `committing`.
//!
//! Size, rate, JSON; caller, project, branch permission; parameters by hand (18.7 and later) or by Grape (before).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Map, Value};

use super::commits;
use crate::app::App;
use crate::auth::{Access, Caller};
use crate::call::{Call, endpoint};
use crate::committing::{self, GuardedAction, Order, Overwrite, Revision, Start};
use crate::error::ApiError;
use crate::git::actions::Action;
use crate::git::refs;
use crate::pushes;
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::world::projects::Project;

const WRITE: Access = Access::write("Commit: Create");
/// Seconds over which large commits are counted.
const LARGE_PERIOD_SECONDS: u32 = 30;

pub(crate) fn routes() -> Router<Arc<App>> {
    let path = "/api/v4/projects/{id}/repository/commits";
    Router::new().route(path, get(endpoint(commits::list)).post(endpoint(create)))
}

/// Refuses bodies that are too large, or large and too frequent. Since 18.7.
pub(crate) fn guard_body(call: &Call, access: Access) -> Result<(), ApiError> {
    let (version, limits) = {
        let world = call.app.world();
        (world.settings.version.clone(), world.settings.limits.clone())
    };
    if !version.at_least(18, 7) {
        return Ok(());
    }
    let (size, most) = (call.body.bytes, limits.commit_body_bytes);
    if size > most {
        let text = format!(
            "RequestBody: upload failed: the upload size {size} is over maximum of {most} bytes: entity is too large"
        );
        return Err(ApiError::text(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    if size > limits.large_commit_bytes {
        let user = call.caller(access)?.user.id;
        call.limit(&format!("large_commit:{user}"), limits.large_commit, LARGE_PERIOD_SECONDS)?;
    }
    Ok(())
}

/// 403 unless the caller may push into this branch.
fn require_push(call: &Call, caller: &Caller, project: &Project, branch: &str) -> Result<(), ApiError> {
    call.require_code(Some(&caller.user), project)?;
    let empty = call.with_repository(project, |repository| Ok(refs::is_empty(repository)))?;
    let allowed = pushes::may_push(&call.app.world(), &caller.user, project, branch, empty);
    if allowed && project.marked_for_deletion_on.is_none() {
        Ok(())
    } else {
        Err(ApiError::forbidden_because(pushes::text::API))
    }
}

fn create(call: &Call) -> Answer {
    guard_body(call, WRITE)?;
    if call.body.broken_json {
        return Err(ApiError::twice(StatusCode::BAD_REQUEST, "Invalid json"));
    }
    let by_hand = call.app.world().settings.version.at_least(18, 7);
    let caller = call.caller(WRITE)?;
    let project = call.project(Some(&caller.user))?;
    let branch = call.params.filled("branch").unwrap_or_default();
    let order = if by_hand {
        require_push(call, &caller, &project, &branch)?;
        if call.body.has_files {
            return Err(ApiError::bad_request("This endpoint does not support form encoded file uploads"));
        }
        read_by_hand(call)?
    } else {
        let order = read_by_grape(call)?;
        require_push(call, &caller, &project, &branch)?;
        order
    };
    let order = match start_elsewhere(call, &caller, &project, &order)? {
        Some(start) => Order { start, ..order },
        None => order,
    };
    let id = committing::commit(&call.app, &project, &caller.user, &order)
        .map_err(|error| ApiError::message(StatusCode::BAD_REQUEST, error.to_string()))?;
    let mut checks = call.params.checks();
    let with_stats = checks.flag("stats", true);
    checks.finish()?;
    let shown = call.with_repository(&project, |repository| {
        commits::detail(&call.app, &project, repository, &repository.find_commit(id)?, with_stats)
    })?;
    Reply::created(&shown)
}

/// Another project to start from must share the fork network, and the caller must be allowed to read its code.
fn start_elsewhere(call: &Call, caller: &Caller, project: &Project, order: &Order) -> Result<Option<Start>, ApiError> {
    let Some(wanted) = call.params.filled("start_project") else { return Ok(None) };
    let other = call.project_named(&wanted, Some(&caller.user), false)?;
    if other.id == project.id {
        return Ok(None);
    }
    if !call.app.world().projects.are_related(project.id, other.id) {
        let name = &project.name;
        return Err(ApiError::forbidden_because(&format!("Project is not included in the fork network for {name}")));
    }
    call.require_code(Some(&caller.user), &other)?;
    let revision = match &order.start {
        Start::Sha(sha) => Revision::Sha(sha.clone()),
        Start::Branch(branch) => Revision::Branch(branch.clone()),
        Start::Target | Start::Elsewhere { .. } => Revision::Branch(order.branch.clone()),
    };
    Ok(Some(Start::Elsewhere { project_id: other.id, revision }))
}

fn is_flag(value: &Value) -> bool {
    value.is_boolean() || matches!(value.as_str(), Some("true" | "false"))
}

fn flag(value: Option<&Value>) -> bool {
    value.is_some_and(|value| value.as_bool().unwrap_or_else(|| value.as_str() == Some("true")))
}

fn text_of(map: &Map<String, Value>, key: &str) -> Option<String> {
    match map.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn order(call: &Call, actions: Vec<GuardedAction>) -> Order {
    let start = match (call.params.filled("start_sha"), call.params.filled("start_branch")) {
        (Some(sha), _) => Start::Sha(sha),
        (None, Some(branch)) => Start::Branch(branch),
        (None, None) => Start::Target,
    };
    let overwrite = if flag(call.params.get("force")) { Overwrite::Force } else { Overwrite::Refuse };
    Order {
        branch: call.params.filled("branch").unwrap_or_default(),
        start,
        overwrite,
        message: call.params.text("commit_message").unwrap_or_default(),
        author: (call.params.text("author_name"), call.params.text("author_email")),
        actions,
        chain: chain(call),
    }
}

/// `X-Gitlab-Event-UUID`, which a webhook receiver may echo.
pub(crate) fn chain(call: &Call) -> Option<String> {
    call.headers.get("x-gitlab-event-uuid").and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The checks of 18.7 and later, in GitLab's order.
pub(crate) fn read_by_hand(call: &Call) -> Result<Order, ApiError> {
    let bad = |text: &str| Err(ApiError::bad_request(text));
    let params = &call.params;
    if params.filled("branch").is_none() {
        return bad("branch is required");
    }
    if params.filled("commit_message").is_none() {
        return bad("commit_message is required");
    }
    let allows_empty = call.app.world().settings.version.at_least(18, 8);
    let actions = match params.get("actions") {
        None | Some(Value::Null) if allows_empty && flag(params.get("allow_empty")) => &[],
        None | Some(Value::Null) if allows_empty => {
            return bad("Provide at least one action, or set allow_empty to true");
        }
        None | Some(Value::Null) => return bad("actions is required"),
        Some(Value::Array(actions)) => actions.as_slice(),
        Some(_) => return bad("actions must be an array"),
    };
    if actions.is_empty() && !(allows_empty && flag(params.get("allow_empty"))) {
        return bad(if allows_empty {
            "Provide at least one action, or set allow_empty to true"
        } else {
            "actions is required"
        });
    }
    if params.filled("start_branch").is_some() && params.filled("start_sha").is_some() {
        return bad("start_branch, start_sha are mutually exclusive");
    }
    let read: Result<Vec<GuardedAction>, ApiError> =
        actions.iter().enumerate().map(|(index, action)| read_action(index, action)).collect();
    Ok(order(call, read?))
}

fn read_action(index: usize, action: &Value) -> Result<GuardedAction, ApiError> {
    let at = |key: &str| format!("actions[{index}][{key}]");
    let bad = |key: &str, rest: &str| Err(ApiError::bad_request(&format!("{} {rest}", at(key))));
    let empty = Map::new();
    let map = action.as_object().unwrap_or(&empty);
    let filled = |key: &str| text_of(map, key).filter(|text| !text.is_empty());
    let Some(kind) = filled("action") else { return bad("action", "is required") };
    if filled("file_path").is_none() {
        return bad("file_path", "is required");
    }
    if !["create", "update", "move", "delete", "chmod"].contains(&kind.as_str()) {
        return bad("action", "must be one of: create, update, move, delete, chmod");
    }
    if filled("encoding").is_some_and(|encoding| encoding != "text" && encoding != "base64") {
        return bad("encoding", "must be text or base64");
    }
    if kind == "update" && text_of(map, "content").is_none() {
        return bad("content", "is required for update action");
    }
    if kind == "move" && filled("previous_path").is_none() {
        return bad("previous_path", "is required for move action");
    }
    if kind == "chmod" && map.get("execute_filemode").is_none_or(Value::is_null) {
        return bad("execute_filemode", "is required for chmod action");
    }
    if map.get("execute_filemode").is_some_and(|value| !value.is_null() && !is_flag(value)) {
        return bad("execute_filemode", "must be a boolean");
    }
    make_action(&kind, map)
}

fn make_action(kind: &str, map: &Map<String, Value>) -> Result<GuardedAction, ApiError> {
    let path = text_of(map, "file_path").unwrap_or_default();
    let base64 = text_of(map, "encoding").as_deref() == Some("base64");
    let content = text_of(map, "content").map(|text| decode(&text, base64)).transpose()?;
    let executable = flag(map.get("execute_filemode"));
    let action = match kind {
        "create" => Action::Create { path, content: content.unwrap_or_default(), executable },
        "update" => Action::Update { path, content: content.unwrap_or_default() },
        "move" => Action::Move { from: text_of(map, "previous_path").unwrap_or_default(), to: path, content },
        "delete" => Action::Delete { path },
        _ => Action::Chmod { path, executable },
    };
    Ok(GuardedAction { action, last_commit_id: text_of(map, "last_commit_id") })
}

/// Content as bytes. Ruby's lenient decoder skips line breaks; what is no base64 at all has been seen to end in a 500.
pub(crate) fn decode(text: &str, base64: bool) -> Result<Vec<u8>, ApiError> {
    if !base64 {
        return Ok(text.as_bytes().to_vec());
    }
    let joined: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(joined).map_err(|_| ApiError::internal())
}

/// The checks before 18.7: Grape's, all complaints at once.
fn read_by_grape(call: &Call) -> Result<Order, ApiError> {
    let mut checks = call.params.checks();
    checks.required("branch");
    checks.required("commit_message");
    let none = Vec::new();
    let actions = match call.params.get("actions") {
        Some(Value::Array(actions)) => actions,
        Some(_) => {
            checks.complain("actions is invalid".into());
            &none
        }
        None => {
            checks.complain("actions is missing".into());
            &none
        }
    };
    for (index, action) in actions.iter().enumerate() {
        let kind = action.get("action").and_then(Value::as_str);
        match kind {
            None => checks.complain(format!("actions[{index}][action] is missing")),
            Some("create" | "update" | "move" | "delete" | "chmod") => {}
            Some(_) => checks.complain(format!("actions[{index}][action] does not have a valid value")),
        }
        if action.get("file_path").and_then(Value::as_str).is_none_or(str::is_empty) {
            checks.complain(format!("actions[{index}][file_path] is missing"));
        }
        if kind == Some("update") && action.get("content").is_none() {
            checks.complain(format!("actions[{index}][content] is missing"));
        }
        if kind == Some("move") && action.get("previous_path").is_none() {
            checks.complain(format!("actions[{index}][previous_path] is missing"));
        }
    }
    if call.params.has("start_branch") && call.params.has("start_sha") {
        checks.complain("start_branch, start_sha are mutually exclusive".into());
    }
    checks.finish()?;
    let made: Result<Vec<GuardedAction>, ApiError> = actions
        .iter()
        .filter_map(Value::as_object)
        .map(|map| make_action(&text_of(map, "action").unwrap_or_default(), map))
        .collect();
    Ok(order(call, made?))
}
