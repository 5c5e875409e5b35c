//! Git LFS: the batch API with basic transfers, and locks as far as every push asks for them.
//!
//! Contents are kept per repository by `git::lfs`, where API commits and archives find them too. Nobody holds a lock here,
//! and none can be taken.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use http::{Method, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::git_http::admission::{self, Right};
use crate::app::App;
use crate::error::ApiError;
use crate::git::lfs::{self, Pointer};
use crate::reply::{Answer, Reply};
use crate::world::projects::Project;

/// What every answer of the batch API is.
const KIND: &str = "application/vnd.git-lfs+json";

/// What a client of LFS asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Where to get or put these objects.
    Batch,
    /// The content of one.
    Download(String),
    /// Here is the content of one.
    Upload(String, u64),
    /// Who holds which lock.
    Locks,
    /// Whether somebody else holds a lock, before a push.
    VerifyLocks,
}

impl Wish {
    /// Recognises the requests of LFS by their path.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let (_, rest) = request.uri().path().split_once(".git/")?;
        let parts: Vec<&str> = rest.split('/').collect();
        match (request.method(), parts.as_slice()) {
            (&Method::POST, ["info", "lfs", "objects", "batch"]) => Some(Self::Batch),
            (&Method::GET, ["gitlab-lfs", "objects", oid]) => Some(Self::Download((*oid).into())),
            (&Method::PUT, ["gitlab-lfs", "objects", oid, size]) => {
                Some(Self::Upload((*oid).into(), size.parse().ok()?))
            }
            (&Method::GET, ["info", "lfs", "locks"]) => Some(Self::Locks),
            (&Method::POST, ["info", "lfs", "locks", "verify"]) => Some(Self::VerifyLocks),
            _ => None,
        }
    }
}

/// Answers one request of LFS.
pub(crate) async fn serve(app: Arc<App>, wish: Wish, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return ApiError::text(StatusCode::BAD_REQUEST, "the body could not be read").into_response();
    };
    let answer = tokio::task::block_in_place(|| answer(&app, &wish, &parts, &body));
    answer.map_or_else(ApiError::into_response, Reply::into_response)
}

fn answer(app: &App, wish: &Wish, parts: &http::request::Parts, body: &[u8]) -> Answer {
    let asked: Value =
        if *wish == Wish::Batch { serde_json::from_slice(body).unwrap_or_default() } else { Value::Null };
    let right = match (wish, asked["operation"].as_str()) {
        (Wish::Upload(..), _) | (Wish::Batch, Some("upload")) => Right::Upload,
        (Wish::Batch, Some("download")) | (Wish::Download(_) | Wish::Locks | Wish::VerifyLocks, _) => Right::Download,
        (Wish::Batch, _) => return Err(refusal(app, StatusCode::NOT_FOUND, "Not found.")),
    };
    // Not at the first `.git`: a group may be called `my.github`.
    let path = parts.uri.path();
    let suffix = path.find(".git/").map_or("", |at| &path[at + ".git".len()..]);
    let admitted = admission::admit(app, &parts.headers, &parts.uri, suffix, right);
    let (project, _) = admitted.map_err(|error| in_words_of_lfs(app, error))?;
    if !project.lfs_enabled {
        return Err(refusal(app, StatusCode::FORBIDDEN, "Access forbidden. Check your access level."));
    }
    let own = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match wish {
        Wish::Batch => batch(app, &project, &asked, right, own),
        Wish::Download(oid) => match lfs::load(&app.repositories.path(project.id), oid) {
            Some(content) => Ok(Reply::bytes("application/octet-stream", content)),
            None => Err(refusal(app, StatusCode::NOT_FOUND, "Not found.")),
        },
        Wish::Upload(oid, size) => upload(app, &project, oid, *size, body),
        Wish::Locks => typed(&json!({ "locks": [] })),
        Wish::VerifyLocks => typed(&json!({ "ours": [], "theirs": [] })),
    }
}

fn typed(body: &Value) -> Answer {
    Ok(Reply::ok(body)?.with(header::CONTENT_TYPE, KIND))
}

fn refusal(app: &App, status: StatusCode, text: &str) -> ApiError {
    let body = json!({ "message": text, "documentation_url": format!("{}/help", app.url()) });
    ApiError::body(status, body).with_content_type(KIND)
}

/// 403 and 404 are said in JSON here, a challenge is as for git.
fn in_words_of_lfs(app: &App, error: ApiError) -> ApiError {
    match error.status {
        StatusCode::FORBIDDEN => refusal(app, error.status, "Access forbidden. Check your access level."),
        StatusCode::NOT_FOUND => refusal(app, error.status, "Not found."),
        _ => error,
    }
}

/// For each object what to do: nothing when it is there already, or missing for good. The credential of the request goes
/// with the transfer too; GitLab makes one of its own that lives for an hour and is for the same user.
fn batch(app: &App, project: &Project, asked: &Value, right: Right, own: Option<&str>) -> Answer {
    let objects = asked["objects"].as_array().filter(|objects| !objects.is_empty());
    let Some(objects) = objects else { return Err(refusal(app, StatusCode::NOT_FOUND, "Not found.")) };
    let folder = app.repositories.path(project.id);
    let base = format!("{}/{}.git/gitlab-lfs/objects", app.url(), app.world().project_path(project));
    let told: Vec<Value> = objects
        .iter()
        .map(|object| {
            let (oid, size) = (object["oid"].as_str().unwrap_or_default(), object["size"].as_u64().unwrap_or(0));
            let mut shown = json!({ "oid": oid, "size": size });
            match (right, lfs::contains(&folder, oid)) {
                (Right::Download, true) => {
                    let mut action = json!({ "href": format!("{base}/{oid}"), "header": {} });
                    if let Some(own) = own {
                        action["header"]["Authorization"] = json!(own);
                    } else {
                        shown["authenticated"] = json!(true);
                    }
                    shown["actions"] = json!({ "download": action });
                }
                (Right::Download, false) => {
                    let text = "Object does not exist on the server or you don't have permissions to access it";
                    shown["error"] = json!({ "code": 404, "message": text });
                }
                (Right::Upload, true) => {}
                (Right::Upload, false) => {
                    let headers = json!({
                        "Authorization": own,
                        "Content-Type": "application/octet-stream",
                        "Transfer-Encoding": "chunked",
                    });
                    let href = format!("{base}/{oid}/{size}");
                    shown["actions"] = json!({ "upload": { "href": href, "header": headers } });
                }
            }
            shown
        })
        .collect();
    typed(&json!({ "objects": told }))
}

fn upload(app: &App, project: &Project, oid: &str, size: u64, content: &[u8]) -> Answer {
    let pointer = Pointer::to(content);
    if pointer.oid != oid || pointer.size != size {
        return Err(ApiError::text(StatusCode::BAD_REQUEST, "SHA256 or size mismatch"));
    }
    let stored = lfs::store(&app.repositories.path(project.id), &pointer, content);
    stored.map_err(|_| ApiError::text(StatusCode::UNPROCESSABLE_ENTITY, "Unprocessable entity"))?;
    Ok(Reply::bytes(KIND, Vec::new()))
}
