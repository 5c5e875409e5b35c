//! `/api/graphql` over HTTP: one query or a list of them, and the refusals that come before any query runs.

use std::sync::{Arc, LazyLock};

use async_graphql::{EmptyMutation, EmptySubscription, Schema, Variables};
use axum::body::Body;
use axum::extract::{Request, State};
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use regex::Regex;
use serde_json::{Value, json};

use super::limits::{Ceiling, Limits};
use super::query::{Query, Viewer};
use crate::app::App;
use crate::auth::{self, Access, Presented};
use crate::error::ApiError;
use crate::params::Params;
use crate::reply::Reply;
use crate::routing::{Router, get};
use crate::world::users::{User, UserState};

/// Characters of all queries of one request.
const MAX_QUERY: usize = 10_000;
const READ: Access = Access::read("GraphQL: Read");

static SCHEMA: LazyLock<Schema<Query, EmptyMutation, EmptySubscription>> =
    LazyLock::new(|| Schema::build(Query, EmptyMutation, EmptySubscription).extension(Limits).finish());

static UNKNOWN_FIELD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"^Unknown field "([^"]+)" on type "([^"]+)"\."#).expect("the pattern is constant"));

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/graphql", get(handle).post(handle))
}

/// One query as it was sent.
#[derive(Debug)]
struct Asked {
    query: String,
    operation: Option<String>,
    variables: Variables,
}

async fn handle(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return ApiError::internal().into_response() };
    let body = body.to_bytes();
    // Resolvers read git: this thread may block.
    let answer = tokio::task::block_in_place(|| answer(&app, &parts.method, &parts.uri, &parts.headers, &body));
    match answer.and_then(|value| Reply::ok(&value)) {
        Ok(reply) => reply.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

fn refuse(status: StatusCode, text: &str) -> ApiError {
    ApiError::graphql(status, text)
}

fn answer(app: &Arc<App>, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Value, ApiError> {
    let mut params = Params::from_query(uri.query().unwrap_or_default());
    let sent: Value = if body.is_empty() { Value::Null } else { read_body(headers, body)? };
    if let Value::Object(map) = &sent {
        params.merge(Params::from_map(map.clone()));
    }
    let presented = Presented { headers, params: &params, method, path: uri.path() };
    let user = viewer(app, presented)?;
    let list = match &sent {
        Value::Array(list) => Some(list.iter().map(asked).collect::<Result<Vec<_>, _>>()?),
        _ => None,
    };
    let many = list.is_some();
    let queries = match list {
        Some(list) => list,
        None => vec![asked(&Value::Object(params.iter().map(|(key, value)| (key.clone(), value.clone())).collect()))?],
    };
    if queries.iter().map(|asked| asked.query.chars().count()).sum::<usize>() > MAX_QUERY {
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "Query too large"));
    }
    let mut answers = queries.into_iter().map(|asked| execute(app, user.as_ref(), asked));
    if many { Ok(answers.collect()) } else { Ok(answers.next().unwrap_or_default()) }
}

fn read_body(headers: &HeaderMap, body: &[u8]) -> Result<Value, ApiError> {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let params = Params::from_query(&String::from_utf8_lossy(body));
        return Ok(Value::Object(params.iter().map(|(key, value)| (key.clone(), value.clone())).collect()));
    }
    // Rails answers a body that is no JSON before GraphQL sees it.
    serde_json::from_slice(body)
        .map_err(|_| ApiError::body(StatusCode::BAD_REQUEST, json!({ "status": 400, "error": "Bad Request" })))
}

/// The viewer. A credential that is not good for this is an invalid token, whatever is wrong with it.
fn viewer(app: &App, presented: Presented<'_>) -> Result<Option<User>, ApiError> {
    let now = app.now();
    let mut world = app.world_mut();
    match auth::authenticate(&mut world, now, presented, READ, None) {
        Ok(caller) => Ok(caller.map(|caller| caller.user)),
        Err(_) => {
            let known = auth::throttled_user(&world, presented).and_then(|id| world.users.get(id));
            if known.is_some_and(|user| user.state != UserState::Active) {
                return Err(refuse(StatusCode::FORBIDDEN, "API not accessible for user"));
            }
            // A fine-grained token sees what nobody sees; nothing says so.
            if is_granular(&world, presented) {
                return Ok(None);
            }
            Err(refuse(StatusCode::UNAUTHORIZED, "Invalid token"))
        }
    }
}

fn is_granular(world: &crate::world::World, presented: Presented<'_>) -> bool {
    let header = |name: &str| presented.headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = header("authorization").and_then(|value| value.split_once(' ')).map(|(_, secret)| secret);
    let secret = header("private-token").or(bearer).unwrap_or_default();
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    world.tokens.by_secret(secret).is_some_and(|token| token.is_granular() && token.is_active(today))
}

fn asked(sent: &Value) -> Result<Asked, ApiError> {
    let invalid = || refuse(StatusCode::UNPROCESSABLE_ENTITY, "Invalid variables");
    let variables = match &sent["variables"] {
        Value::Null => Value::Null,
        Value::String(text) if text.is_empty() => Value::Null,
        Value::String(text) => serde_json::from_str(text).map_err(|_| invalid())?,
        other => other.clone(),
    };
    if !variables.is_null() && !variables.is_object() {
        return Err(invalid());
    }
    Ok(Asked {
        query: sent["query"].as_str().unwrap_or_default().to_owned(),
        operation: sent["operationName"].as_str().map(str::to_owned),
        variables: Variables::from_json(variables),
    })
}

fn execute(app: &Arc<App>, user: Option<&User>, asked: Asked) -> Value {
    let mut request = async_graphql::Request::new(asked.query)
        .variables(asked.variables)
        .data(Viewer { app: Arc::clone(app), user: user.cloned() })
        .data(Ceiling::of(user));
    if let Some(name) = asked.operation {
        request = request.operation_name(name);
    }
    let response = tokio::runtime::Handle::current().block_on(SCHEMA.execute(request));
    let mut shown = serde_json::to_value(&response).unwrap_or_default();
    if let Value::Object(shown) = &mut shown {
        shown.remove("extensions");
        // A query that did not run has no data at all.
        if shown.contains_key("errors") && shown.get("data").is_none_or(Value::is_null) {
            shown.remove("data");
        }
        let errors = shown.get_mut("errors").and_then(Value::as_array_mut);
        errors.into_iter().flatten().for_each(in_gitlabs_words);
    }
    shown
}

fn in_gitlabs_words(error: &mut Value) {
    if error["locations"].as_array().is_some_and(Vec::is_empty)
        && let Value::Object(error) = error
    {
        error.remove("locations");
    }
    let Some(found) = error["message"].as_str().and_then(|text| UNKNOWN_FIELD.captures(text)) else { return };
    let (field, kind) = (found[1].to_owned(), found[2].to_owned());
    error["message"] = format!("Field '{field}' doesn't exist on type '{kind}'").into();
    error["extensions"] = json!({ "code": "undefinedField", "typeName": kind, "fieldName": field });
}
