//! What an endpoint answers when it does not refuse.

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::error::ApiError;

/// What endpoints return.
pub type Answer = Result<Reply, ApiError>;

/// A good answer.
#[derive(Debug)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
}

impl Reply {
    /// JSON with any status.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Answer {
        let text = serde_json::to_vec(body).map_err(|_| ApiError::internal())?;
        let reply = Self { status, headers: HeaderMap::new(), body: Body::from(text) };
        Ok(reply.with(header::CONTENT_TYPE, "application/json"))
    }

    /// 200 with JSON.
    pub fn ok(body: &impl Serialize) -> Answer {
        Self::json(StatusCode::OK, body)
    }

    /// 201 with JSON.
    pub fn created(body: &impl Serialize) -> Answer {
        Self::json(StatusCode::CREATED, body)
    }

    /// 202 `{"message":"202 Accepted"}`.
    pub fn accepted() -> Answer {
        Self::json(StatusCode::ACCEPTED, &serde_json::json!({ "message": "202 Accepted" }))
    }

    /// 204.
    pub fn no_content() -> Answer {
        Ok(Self { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: Body::empty() })
    }

    /// 200 with bytes of some type.
    pub fn bytes(content_type: &str, body: impl Into<Body>) -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() }
            .with(header::CONTENT_TYPE, content_type)
    }

    /// The same with another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Adds a header. Values go out as raw bytes, as Rails sends them; what HTTP cannot carry is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The answer to send.
    pub fn into_response(self) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
