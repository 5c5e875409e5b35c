//! A small client, and worlds to point it at.

use bytes::Bytes;
use gitlab_sim::{Admin, CommitSpec, ProjectSpec, Running, Settings, Simulator, TokenSpec, UserSpec};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// An instance with a user `alice`, a project `demo/handbook` that she maintains, and a client with her token.
pub(crate) struct Lab {
    pub(crate) gitlab: Running,
    pub(crate) client: Client<HttpConnector, Full<Bytes>>,
    pub(crate) token: String,
    pub(crate) alice: u64,
    pub(crate) project: u64,
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status and body at once, for tables.
    pub(crate) fn is(&self, status: u16, body: &Value) {
        assert_eq!((self.status.as_u16(), &self.json()), (status, body), "{}", self.text());
    }
}

impl Lab {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default(), "").await
    }

    pub(crate) async fn with(settings: Settings, base_path: &str) -> Self {
        let gitlab = Simulator::builder().settings(settings).base_path(base_path).start().await.unwrap();
        let admin = gitlab.admin();
        let alice = admin.create_user(UserSpec::person("alice")).id;
        let project = admin.create_project(&ProjectSpec::at("demo/handbook")).unwrap().id;
        admin.add_member(gitlab_sim::Source::Project(project), alice, gitlab_sim::AccessLevel::Maintainer);
        let token = admin.create_token(TokenSpec::personal(alice, &["api"])).secret;
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { gitlab, client, token, alice, project }
    }

    pub(crate) fn admin(&self) -> Admin {
        self.gitlab.admin()
    }

    /// Any request with these headers. The path is below the base path.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Seen, String> {
        self.send_to(&format!("{}{path}", self.gitlab.url()), method, headers, body).await
    }

    /// Any request to any address.
    pub(crate) async fn send_to(
        &self,
        url: &str,
        method: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Seen, String> {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let response = self.client.request(request).await.map_err(|error| error.to_string())?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Seen { status: parts.status, headers: parts.headers, body })
    }

    /// A project that everybody sees.
    pub(crate) fn public_project(&self, path: &str) -> u64 {
        self.admin().create_project(&ProjectSpec::at(path).public()).unwrap().id
    }

    /// A commit of one new file on `main`.
    pub(crate) fn commit(&self, path: &str, content: &str) -> String {
        self.admin().commit(self.project, CommitSpec::on("main", "Add a file").create(path, content)).unwrap()
    }

    /// An OAuth token of alice.
    pub(crate) fn oauth_token(&self, scopes: &[&str]) -> String {
        self.admin().create_oauth_token(self.alice, scopes)
    }

    /// The path of something below alice's project.
    pub(crate) fn at(&self, rest: &str) -> String {
        format!("/projects/{}{rest}", self.project)
    }

    /// GET below `/api/v4` with alice's token.
    pub(crate) async fn get(&self, path: &str) -> Seen {
        self.as_token(&self.token, "GET", path, Value::Null).await
    }

    /// Any method below `/api/v4` with alice's token and a JSON body.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Seen {
        self.as_token(&self.token, method, path, body).await
    }

    /// The same with another token; an empty one sends none.
    pub(crate) async fn as_token(&self, token: &str, method: &str, path: &str, body: Value) -> Seen {
        let mut headers = vec![("content-type", "application/json")];
        if !token.is_empty() {
            headers.push(("private-token", token));
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &format!("/api/v4{path}"), &headers, body).await.unwrap()
    }
}
