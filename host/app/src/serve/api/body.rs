//! What came with a request: JSON in its body, and what stands behind the question mark. Names that nobody knows are errors.

use super::Api;
use super::problem::Problem;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// For the whole body to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// The body.
pub(super) struct Sent<T>(pub(super) T);

/// Behind the question mark.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Api>> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Arc<Api>) -> Result<Self, Problem> {
        let read = tokio::time::timeout(PATIENCE, Json::from_request(request, api)).await;
        match read.map_err(|_| Problem::misread("the body took too long"))? {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_large()),
            // The text of the others may repeat what was sent, which may be a token.
            Err(JsonRejection::MissingJsonContentType(_)) => {
                Err(Problem::misread("the body is not announced as `content-type: application/json`"))
            }
            Err(JsonRejection::JsonSyntaxError(_)) => Err(Problem::misread("the body is no JSON")),
            Err(_) => Err(Problem::misread("the body has other fields than are expected")),
        }
    }
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the body is too large", "send less at once")
}

impl<T: DeserializeOwned> FromRequestParts<Arc<Api>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let read = Query::from_request_parts(parts, api).await;
        read.map(|Query(value)| Self(value)).map_err(|_| Problem::misread("what stands behind `?` is not expected"))
    }
}
