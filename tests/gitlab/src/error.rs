//! Every shape in which GitLab says no. The numbers follow the order in which GitLab's answers
//! were collected; a test below holds each of them to its exact bytes.
//!
//! Decided here: status, body and headers of a refusal. Not decided here: when to refuse.

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::server::fault::Canned;

/// A refusal, ready to be sent.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// Status of the answer.
    pub status: StatusCode,
    body: ErrorBody,
    headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Debug, Clone)]
enum ErrorBody {
    Json(Value),
    Text(String),
    Html(String),
}

impl ErrorBody {
    /// Its content type, and itself as text.
    fn spelled(self) -> (&'static str, String) {
        match self {
            Self::Json(value) => ("application/json", value.to_string()),
            Self::Text(text) => ("text/plain", text),
            Self::Html(page) => ("text/html; charset=utf-8", page),
        }
    }
}

/// Every refusal can be planned as a fault, also one that no endpoint of this instance comes to by itself.
impl From<ApiError> for Canned {
    fn from(error: ApiError) -> Self {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = error.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let (kind, body) = error.body.spelled();
        Self { status: error.status.as_u16(), content_type: Some(kind.into()), body: Some(body), headers }
    }
}

/// Seconds after which `too_many_requests` says one may come back.
const DEFAULT_RETRY_SECONDS: u32 = 60;

impl ApiError {
    fn json(status: StatusCode, body: Value) -> Self {
        Self { status, body: ErrorBody::Json(body), headers: Vec::new() }
    }

    /// `{"message": <text>}` with any status: service errors, and the base of most helpers below.
    pub fn message(status: StatusCode, text: impl Into<String>) -> Self {
        Self::json(status, json!({ "message": text.into() }))
    }

    /// Shape 1: no or unknown token where a user is needed.
    pub fn unauthorized() -> Self {
        Self::message(StatusCode::UNAUTHORIZED, "401 Unauthorized")
    }

    /// Shape 2 without a reason.
    pub fn forbidden() -> Self {
        Self::message(StatusCode::FORBIDDEN, "403 Forbidden")
    }

    /// Shape 2 with a reason.
    pub fn forbidden_because(reason: &str) -> Self {
        Self::message(StatusCode::FORBIDDEN, format!("403 Forbidden - {reason}"))
    }

    /// Shape 3: `404 Project Not Found` and its like.
    pub fn not_found(thing: &str) -> Self {
        Self::message(StatusCode::NOT_FOUND, format!("404 {thing} Not Found"))
    }

    /// Shape 3 without a noun.
    pub fn nothing_found() -> Self {
        Self::message(StatusCode::NOT_FOUND, "404 Not Found")
    }

    /// Shape 4: a database row that is not there, with the small f.
    pub fn record_not_found() -> Self {
        Self::message(StatusCode::NOT_FOUND, "404 Not found")
    }

    /// Shape 5: no such route.
    pub fn no_route() -> Self {
        Self::json(StatusCode::NOT_FOUND, json!({ "error": "404 Not Found" }))
    }

    /// Shape 6.
    pub fn bad_request(reason: &str) -> Self {
        Self::message(StatusCode::BAD_REQUEST, format!("400 Bad request - {reason}"))
    }

    /// Any other JSON.
    pub fn body(status: StatusCode, body: Value) -> Self {
        Self::json(status, body)
    }

    /// Shape 7: a required attribute is blank.
    pub fn not_given(attribute: &str) -> Self {
        Self::bad_request(&format!("\"{attribute}\" not given"))
    }

    /// Shape 8: parameter validation, all complaints in one line.
    pub fn invalid_params(complaints: &str) -> Self {
        Self::json(StatusCode::BAD_REQUEST, json!({ "error": complaints }))
    }

    /// Shape 8b: a service error under `error`, text or list.
    pub fn service(status: StatusCode, error: impl Into<Value>) -> Self {
        Self::json(status, json!({ "error": error.into() }))
    }

    /// Shape 9: complaints of a model by attribute.
    pub fn invalid_record(complaints: &Value) -> Self {
        Self::json(StatusCode::BAD_REQUEST, json!({ "message": complaints }))
    }

    /// Shape 10: a conflict told as a list.
    pub fn conflict_list(text: &str) -> Self {
        Self::json(StatusCode::CONFLICT, json!({ "message": [text] }))
    }

    /// Shape 11: the limit of one feature, without any header.
    pub fn limited(what: &str) -> Self {
        let text = format!("This {what} has been requested too many times. Try again later.");
        Self::json(StatusCode::TOO_MANY_REQUESTS, json!({ "message": { "error": text } }))
    }

    /// Shape 12: the throttle in front of everything, in plain text.
    pub fn throttled(text: &str) -> Self {
        let body = ErrorBody::Text(format!("{text}\n"));
        Self { status: StatusCode::TOO_MANY_REQUESTS, body, headers: Vec::new() }
    }

    /// Shape 13: the token is good, its scope is not. Without `WWW-Authenticate`, unlike the standard wants it.
    pub fn insufficient_scope(wanted: &[&str]) -> Self {
        let description = "The request requires higher privileges than provided by the access token.";
        let body =
            json!({ "error": "insufficient_scope", "error_description": description, "scope": wanted.join(" ") });
        Self::json(StatusCode::FORBIDDEN, body)
    }

    /// Shape 14: expired, revoked or switched off.
    pub fn invalid_token(description: &str) -> Self {
        let body = json!({ "error": "invalid_token", "error_description": description });
        let challenge = format!(
            "Bearer realm=\"Protected by OAuth 2.0\", error=\"invalid_token\", error_description=\"{description}\""
        );
        Self::json(StatusCode::UNAUTHORIZED, body).with_header(header::WWW_AUTHENTICATE, &challenge)
    }

    /// Shape 15: a fine-grained token lacks a permission.
    pub fn insufficient_granular_scope(token: &str, permission: &str, boundary: Option<&str>) -> Self {
        let place = boundary.map(|path| format!(" for \"{path}\"")).unwrap_or_default();
        let description = format!("Access denied: Your {token} lacks the required permissions: [{permission}]{place}.");
        let body = json!({ "error": "insufficient_granular_scope", "error_description": description });
        Self::json(StatusCode::FORBIDDEN, body)
    }

    /// Shape 16: offset pagination went too far.
    pub fn offset_too_far(kind: &str, limit: u64) -> Self {
        let text = format!(
            "Offset pagination has a maximum allowed offset of {limit} for requests that return objects of type {kind}. \
             Remaining records can be retrieved using keyset pagination."
        );
        Self::json(StatusCode::METHOD_NOT_ALLOWED, json!({ "error": text }))
    }

    /// Shape 16's sibling: keyset pagination with an order that has none.
    pub fn no_keyset() -> Self {
        let text = "Keyset pagination is not yet available for this type of request";
        Self::json(StatusCode::METHOD_NOT_ALLOWED, json!({ "error": text }))
    }

    /// A verb that the path does not have, in Grape's own words.
    pub fn no_such_verb() -> Self {
        Self::json(StatusCode::METHOD_NOT_ALLOWED, json!({ "error": "405 Not Allowed" }))
    }

    /// Shape 17.
    pub fn method_not_allowed() -> Self {
        Self::message(StatusCode::METHOD_NOT_ALLOWED, "405 Method Not Allowed")
    }

    /// Shape 17 for a project that moved.
    pub fn moved_and_not_get() -> Self {
        Self::message(StatusCode::METHOD_NOT_ALLOWED, "Non GET methods are not allowed for moved projects")
    }

    /// Shape 18.
    pub fn precondition_failed() -> Self {
        Self::message(StatusCode::PRECONDITION_FAILED, "412 Precondition Failed")
    }

    /// Shape 19.
    pub fn too_large() -> Self {
        Self::message(StatusCode::PAYLOAD_TOO_LARGE, "413 Request Entity Too Large")
    }

    /// Shape 20.
    pub fn too_many_requests() -> Self {
        Self::message(StatusCode::TOO_MANY_REQUESTS, "429 Too Many Requests")
            .with_header(header::RETRY_AFTER, &DEFAULT_RETRY_SECONDS.to_string())
    }

    /// Shape 21.
    pub fn internal() -> Self {
        Self::message(StatusCode::INTERNAL_SERVER_ERROR, "500 Internal Server Error")
    }

    /// Shape 22: GraphQL's own form.
    pub fn graphql(status: StatusCode, text: &str) -> Self {
        Self::json(status, json!({ "errors": [{ "message": text }] }))
    }

    /// Shape 23: the OAuth endpoints.
    pub fn oauth(status: StatusCode, error: &str, description: &str) -> Self {
        Self::json(status, json!({ "error": error, "error_description": description }))
    }

    /// Shape 24: what stands in front of GitLab says it in HTML.
    pub fn html(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Error");
        let code = status.as_u16();
        let page = format!(
            "<!DOCTYPE html>\n<html>\n<head>\n  <title>{reason} ({code})</title>\n</head>\n<body>\n  \
             <h1>{code}</h1>\n  <h3>{reason}</h3>\n  <p>Please contact your GitLab administrator if this problem \
             persists.</p>\n</body>\n</html>\n"
        );
        Self { status, body: ErrorBody::Html(page), headers: Vec::new() }
    }

    /// Shape 25: a lock was not obtained; safe to repeat.
    pub fn resource_lock() -> Self {
        Self::message(StatusCode::CONFLICT, "409 Conflict: Resource lock")
    }

    /// Shape 26: the git service is overloaded, or writes are off for maintenance.
    pub fn unavailable(text: &str, retry_after: u32) -> Self {
        Self::message(StatusCode::SERVICE_UNAVAILABLE, text).with_header(header::RETRY_AFTER, &retry_after.to_string())
    }

    /// Shape 27: the project has another path now.
    pub fn moved_permanently(url: &str) -> Self {
        let body = ErrorBody::Text(format!("This resource has been moved permanently to {url}"));
        Self { status: StatusCode::MOVED_PERMANENTLY, body, headers: Vec::new() }.with_header(header::LOCATION, url)
    }

    /// Plain text with any status.
    pub fn text(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, body: ErrorBody::Text(text.into()), headers: Vec::new() }
    }

    /// The body of shape 3, 6, ... under both keys, as the upload guard of the Commits API has it.
    pub fn twice(status: StatusCode, text: &str) -> Self {
        Self::json(status, json!({ "message": text, "error": text }))
    }

    /// Adds a header; one that HTTP cannot carry is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The same in another content type than that of its body.
    #[must_use]
    pub fn with_content_type(self, kind: &'static str) -> Self {
        self.with_header(header::CONTENT_TYPE, kind)
    }

    /// The answer to send.
    pub fn into_response(self) -> Response<Body> {
        let (kind, body) = self.body.spelled();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers: &mut HeaderMap = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}

/// What git could not do and no endpoint expected is a 500.
impl From<git2::Error> for ApiError {
    fn from(_: git2::Error) -> Self {
        Self::internal()
    }
}

impl axum::response::IntoResponse for ApiError {
    fn into_response(self) -> axum::response::Response {
        Self::into_response(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(error: &ApiError) -> String {
        match &error.body {
            ErrorBody::Json(value) => value.to_string(),
            ErrorBody::Text(text) | ErrorBody::Html(text) => text.clone(),
        }
    }

    fn header(error: &ApiError, name: &HeaderName) -> Option<String> {
        let found = error.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn every_shape_has_its_exact_bytes() {
        let bad = StatusCode::BAD_REQUEST;
        for (error, status, expected) in [
            (ApiError::unauthorized(), 401, r#"{"message":"401 Unauthorized"}"#),
            (ApiError::forbidden(), 403, r#"{"message":"403 Forbidden"}"#),
            (ApiError::forbidden_because("x"), 403, r#"{"message":"403 Forbidden - x"}"#),
            (ApiError::not_found("Project"), 404, r#"{"message":"404 Project Not Found"}"#),
            (ApiError::nothing_found(), 404, r#"{"message":"404 Not Found"}"#),
            (ApiError::record_not_found(), 404, r#"{"message":"404 Not found"}"#),
            (ApiError::no_route(), 404, r#"{"error":"404 Not Found"}"#),
            (ApiError::bad_request("x"), 400, r#"{"message":"400 Bad request - x"}"#),
            (ApiError::not_given("title"), 400, r#"{"message":"400 Bad request - \"title\" not given"}"#),
            (ApiError::invalid_params("a is missing, b is empty"), 400, r#"{"error":"a is missing, b is empty"}"#),
            (
                ApiError::service(StatusCode::UNPROCESSABLE_ENTITY, "Invalid url given"),
                422,
                r#"{"error":"Invalid url given"}"#,
            ),
            (ApiError::invalid_record(&json!({"path": ["taken"]})), 400, r#"{"message":{"path":["taken"]}}"#),
            (ApiError::conflict_list("x"), 409, r#"{"message":["x"]}"#),
            (
                ApiError::limited("endpoint"),
                429,
                r#"{"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#,
            ),
            (ApiError::throttled("Retry later"), 429, "Retry later\n"),
            (
                ApiError::insufficient_scope(&["api", "read_api"]),
                403,
                r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api read_api"}"#,
            ),
            (ApiError::invalid_token("x"), 401, r#"{"error":"invalid_token","error_description":"x"}"#),
            (ApiError::method_not_allowed(), 405, r#"{"message":"405 Method Not Allowed"}"#),
            (ApiError::moved_and_not_get(), 405, r#"{"message":"Non GET methods are not allowed for moved projects"}"#),
            (ApiError::precondition_failed(), 412, r#"{"message":"412 Precondition Failed"}"#),
            (ApiError::too_large(), 413, r#"{"message":"413 Request Entity Too Large"}"#),
            (ApiError::too_many_requests(), 429, r#"{"message":"429 Too Many Requests"}"#),
            (ApiError::internal(), 500, r#"{"message":"500 Internal Server Error"}"#),
            (
                ApiError::graphql(StatusCode::UNAUTHORIZED, "Invalid token"),
                401,
                r#"{"errors":[{"message":"Invalid token"}]}"#,
            ),
            (ApiError::oauth(bad, "invalid_grant", "x"), 400, r#"{"error":"invalid_grant","error_description":"x"}"#),
            (ApiError::resource_lock(), 409, r#"{"message":"409 Conflict: Resource lock"}"#),
            (ApiError::unavailable("x", 30), 503, r#"{"message":"x"}"#),
            (ApiError::moved_permanently("http://h/p"), 301, "This resource has been moved permanently to http://h/p"),
            (
                ApiError::no_keyset(),
                405,
                r#"{"error":"Keyset pagination is not yet available for this type of request"}"#,
            ),
        ] {
            assert_eq!((error.status.as_u16(), body(&error).as_str()), (status, expected));
        }
        assert_eq!(header(&ApiError::too_many_requests(), &header::RETRY_AFTER).as_deref(), Some("60"));
        assert_eq!(header(&ApiError::unavailable("x", 30), &header::RETRY_AFTER).as_deref(), Some("30"));
        assert_eq!(header(&ApiError::insufficient_scope(&["api"]), &header::WWW_AUTHENTICATE), None);
        assert!(body(&ApiError::html(StatusCode::BAD_GATEWAY)).starts_with("<!DOCTYPE html>"));
    }
}
