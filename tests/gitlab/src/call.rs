//! One API request as endpoints see it: parameters, caller, project.
//!
//! An endpoint is a plain function from a [`Call`] to an [`Answer`]; [`endpoint`] makes a route of it. It runs on a thread
//! that may block, so it can use git directly.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::handler::Handler;
use http::{HeaderMap, Method, Response, Uri, header};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::app::App;
use crate::auth::{self, Access, Caller, Presented};
use crate::error::ApiError;
use crate::limiter::Limiter;
use crate::params::Params;
use crate::reply::Answer;
use crate::world::access::{AccessLevel, Visibility};
use crate::world::projects::Project;
use crate::world::users::User;

/// One API request.
#[derive(Debug)]
pub struct Call {
    /// The instance.
    pub app: Arc<App>,
    /// Query and body together.
    pub params: Params,
    /// Parts of the path, decoded.
    pub path: PathParams,
    /// The headers.
    pub headers: HeaderMap,
    /// The method.
    pub method: Method,
    /// The URI below the base path, as sent.
    pub uri: Uri,
    /// What became of the body.
    pub body: RawBody,
}

/// The body as it came.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawBody {
    /// Its length.
    pub bytes: u64,
    /// Whether it said it was JSON and was none.
    pub broken_json: bool,
    /// Whether it was a form with files in it.
    pub has_files: bool,
}

/// Decoded parts of the path, by name.
#[derive(Debug, Clone, Default)]
pub struct PathParams(Vec<(String, String)>);

impl PathParams {
    /// The part of this name; empty when the route has none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

/// Makes a route of an endpoint.
pub fn endpoint<F>(run: F) -> impl Handler<(Request,), Arc<App>>
where
    F: Fn(&Call) -> Answer + Clone + Send + Sync + 'static,
{
    Endpoint(run)
}

#[derive(Clone)]
struct Endpoint<F>(F);

impl<F> Handler<(Request,), Arc<App>> for Endpoint<F>
where
    F: Fn(&Call) -> Answer + Clone + Send + Sync + 'static,
{
    type Future = std::pin::Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

    fn call(self, request: Request, app: Arc<App>) -> Self::Future {
        Box::pin(async move {
            let call = match Call::read(app, request).await {
                Ok(call) => call,
                Err(refusal) => return refusal.into_response(),
            };
            match tokio::task::block_in_place(|| (self.0)(&call)) {
                Ok(reply) => reply.into_response(),
                Err(refusal) => refusal.into_response(),
            }
        })
    }
}

impl Call {
    /// Reads a request to its end.
    pub async fn read(app: Arc<App>, request: Request) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let path = read_path(&mut parts).await?;
        let mut params = Params::from_query(parts.uri.query().unwrap_or_default());
        let bytes = body.collect().await.map_err(|_| ApiError::bad_request("body could not be read"))?.to_bytes();
        let mut raw = RawBody { bytes: bytes.len() as u64, ..RawBody::default() };
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        read_body(kind, &bytes, &mut params, &mut raw);
        Ok(Self { app, params, path, headers: parts.headers, method: parts.method, uri: parts.uri, body: raw })
    }

    fn presented(&self) -> Presented<'_> {
        Presented { headers: &self.headers, params: &self.params, method: &self.method, path: self.uri.path() }
    }

    /// The caller, who may be nobody.
    pub fn caller_or_nobody(&self, access: Access) -> Result<Option<Caller>, ApiError> {
        let boundary = self.boundary();
        let now = self.app.now();
        let mut world = self.app.world_mut();
        if self.body.broken_json && !self.uri.path().ends_with("/repository/commits") {
            return Err(ApiError::invalid_params("message body does not match declared format"));
        }
        auth::authenticate(&mut world, now, self.presented(), access, boundary.as_deref())
    }

    /// The caller; 401 when it is nobody.
    pub fn caller(&self, access: Access) -> Result<Caller, ApiError> {
        self.caller_or_nobody(access)?.ok_or_else(ApiError::unauthorized)
    }

    /// The project of the route's `id`, as far as `user` sees it. A path that the project had earlier is redirected.
    pub fn project(&self, user: Option<&User>) -> Result<Project, ApiError> {
        self.project_named(self.path.get("id"), user, true)
    }

    /// The project of this id or full path. Redirects are for the `id` of the route only.
    pub fn project_named(&self, id: &str, user: Option<&User>, redirect: bool) -> Result<Project, ApiError> {
        let missing = || ApiError::not_found("Project");
        let world = self.app.world();
        if is_integer(id) {
            let project = id.parse().ok().and_then(|id| world.projects.get(id)).ok_or_else(missing)?;
            return world.sees_project(user, project).then(|| project.clone()).ok_or_else(missing);
        }
        if !id.contains('/') {
            return Err(missing());
        }
        if let Some(project) = world.projects.by_path(id) {
            return world.sees_project(user, project).then(|| project.clone()).ok_or_else(missing);
        }
        let moved = world.projects.moved_from(id).filter(|project| world.sees_project(user, project));
        let project = moved.ok_or_else(missing)?;
        if !redirect || !world.settings.version.at_least(16, 7) {
            return Ok(project.clone());
        }
        Err(self.moved(project.id))
    }

    /// The caller and a project whose code it may read.
    pub fn code(&self, access: Access) -> Result<(Option<Caller>, Project), ApiError> {
        let caller = self.caller_or_nobody(access)?;
        let user = caller.as_ref().map(|caller| &caller.user);
        let project = self.project(user)?;
        self.require_code(user, &project)?;
        Ok((caller, project))
    }

    /// 403 for those who see a private project but not its code; 404 when the repository is off.
    pub fn require_code(&self, user: Option<&User>, project: &Project) -> Result<(), ApiError> {
        let role = user.and_then(|user| self.app.world().project_role(user.id, project));
        let admin = user.is_some_and(|user| user.admin);
        if project.visibility == Visibility::Private && role < Some(AccessLevel::Reporter) && !admin {
            return Err(ApiError::forbidden());
        }
        if project.repository_enabled { Ok(()) } else { Err(ApiError::not_found("Repository")) }
    }

    /// The caller and a project in which it has at least this role.
    pub fn managed(&self, access: Access, role: AccessLevel) -> Result<(Caller, Project), ApiError> {
        let caller = self.caller(access)?;
        let project = self.project(Some(&caller.user))?;
        self.require_role(&caller.user, &project, role)?;
        Ok((caller, project))
    }

    /// Runs something with the repository of a project.
    pub fn with_repository<T>(
        &self,
        project: &Project,
        run: impl FnOnce(&git2::Repository) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        if !self.app.repositories.exists(project.id) {
            return Err(ApiError::not_found("Repository"));
        }
        self.app.repositories.with(project.id, run)
    }

    /// 403 unless `user` has at least this role in the project.
    pub fn require_role(&self, user: &User, project: &Project, role: AccessLevel) -> Result<(), ApiError> {
        let have = self.app.world().project_role(user.id, project);
        if user.admin || have >= Some(role) { Ok(()) } else { Err(ApiError::forbidden()) }
    }

    /// 403 for writes to a project that is archived or on its way out.
    pub fn require_writable(&self, project: &Project) -> Result<(), ApiError> {
        if project.archived || project.marked_for_deletion_on.is_some() { Err(ApiError::forbidden()) } else { Ok(()) }
    }

    /// Counts one request against the limit of a feature. A limit of 0 is none.
    pub fn limit(&self, key: &str, limit: u32, seconds: u32) -> Result<(), ApiError> {
        self.limit_of("endpoint", key, limit, seconds)
    }

    /// The same with another noun in the refusal: `archive`.
    pub fn limit_of(&self, noun: &str, key: &str, limit: u32, seconds: u32) -> Result<(), ApiError> {
        let limiter: &Limiter = &self.app.limiter;
        let refused = limit > 0 && limiter.count(key, limit, seconds, self.app.now()).is_over();
        if refused { Err(ApiError::limited(noun)) } else { Ok(()) }
    }

    fn moved(&self, id: u64) -> ApiError {
        if self.method != Method::GET {
            return ApiError::moved_and_not_get();
        }
        let rest = self.uri.path().splitn(6, '/').nth(5).map(|rest| format!("/{rest}")).unwrap_or_default();
        let query = self.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        ApiError::moved_permanently(&format!("{}/api/v4/projects/{id}{rest}{query}", self.app.url()))
    }

    /// What a fine-grained refusal names: the project of the route.
    fn boundary(&self) -> Option<String> {
        let id = self.path.get("id");
        if id.is_empty() || !self.uri.path().starts_with("/api/v4/projects/") {
            return None;
        }
        let world = self.app.world();
        let project = match id.parse() {
            Ok(number) => world.projects.get(number),
            Err(_) => world.projects.by_path(id),
        };
        project.map(|project| world.project_path(project))
    }
}

/// What GitLab takes for an id rather than a path.
pub fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

async fn read_path(parts: &mut http::request::Parts) -> Result<PathParams, ApiError> {
    let raw = RawPathParams::from_request_parts(parts, &()).await;
    // A route without parameters has nothing to read.
    let Ok(raw) = raw else { return Ok(PathParams::default()) };
    Ok(PathParams(raw.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()))
}

fn read_body(kind: &str, bytes: &[u8], params: &mut Params, raw: &mut RawBody) {
    if bytes.is_empty() {
        return;
    }
    let text = || String::from_utf8_lossy(bytes);
    if kind.starts_with("application/x-www-form-urlencoded") {
        params.merge(Params::from_query(&text()));
    } else if kind.starts_with("multipart/form-data") {
        read_multipart(kind, bytes, params, raw);
    } else if kind.contains("json") {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(map)) => params.merge(Params::from_map(map)),
            Ok(_) => {}
            Err(_) => raw.broken_json = true,
        }
    }
}

fn read_multipart(kind: &str, bytes: &[u8], params: &mut Params, raw: &mut RawBody) {
    let Some((_, boundary)) = kind.split_once("boundary=") else { return };
    let body = String::from_utf8_lossy(bytes);
    let mut query = Vec::new();
    for part in body.split(&format!("--{}", boundary.trim_matches('"'))) {
        let Some((head, value)) = part.trim_start_matches("\r\n").split_once("\r\n\r\n") else { continue };
        if head.contains("filename=") {
            raw.has_files = true;
            continue;
        }
        let Some((_, rest)) = head.split_once("name=\"") else { continue };
        let name = rest.split('"').next().unwrap_or_default();
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        query.push(format!("{}={}", encode(name), encode(value.strip_suffix("\r\n").unwrap_or(value))));
    }
    params.merge(Params::from_query(&query.join("&")));
}
