//! Why a request was not done: one shape for all, and its status.

use crate::failure::{Exit, Failure};
use crate::operations::Trouble;
use crate::operations::configure::ConfigureError;
use crate::operations::connect::{ConnectError, TokenError};
use crate::operations::hooks::RotateError;
use crate::operations::named::{FolderError, NamedError};
use crate::operations::pickers::PickError;
use crate::serve::deeds::DeedError;
use crate::serve::people::{NameError, PeopleError};
use crate::server::ServerError;
use crate::store::DatabaseError;
use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use gitlab_sync_host::connection::{ConnectionError, Refusal};
use serde::Serialize;
use std::error::Error;

/// What every error of the API looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    /// To switch on: of the connector's catalogue, or one of those in this file.
    code: String,
    /// What happened.
    message: String,
    /// What to do about it.
    remedy: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// For the log alone.
    #[serde(skip)]
    within: Option<String>,
}

/// An error's inside, on its way to the log.
#[derive(Clone)]
pub(super) struct Within(pub(super) String);

impl Problem {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (code, message, remedy) = (code.into(), message.into(), remedy.into());
        Self { status, code, message, remedy, retry_after_ms: None, within: None }
    }

    pub(super) fn not_signed_in() -> Self {
        let remedy = "send a user's token as `Authorization: Bearer TOKEN`; `gitlab-sync user add` makes one";
        Self::new(StatusCode::UNAUTHORIZED, "not-signed-in", "the token is missing or nobody's", remedy)
    }

    pub(super) fn too_often(wait_ms: u64) -> Self {
        let message = "too many wrong tokens came from this address";
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-often", message, "wait, then send the right one");
        Self { retry_after_ms: Some(wait_ms), ..problem }
    }

    pub(super) fn not_admin() -> Self {
        let remedy = "ask an admin of your organisation to do it";
        Self::new(StatusCode::FORBIDDEN, "not-admin", "this is for admins of your organisation", remedy)
    }

    /// Also what is another organisation's.
    pub(super) fn not_here() -> Self {
        let remedy = "look at the address; `GET /api/v1/connections` lists connections";
        Self::new(StatusCode::NOT_FOUND, "not-found", "there is nothing here", remedy)
    }

    pub(super) fn method() -> Self {
        let message = "this address does not do that";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", message, "see /api/openapi.json")
    }

    pub(super) fn misread(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", why, "see /api/openapi.json for what is expected")
    }

    pub(super) fn refused(code: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message, remedy)
    }

    /// Broken within: the log has the reason, the answer does not.
    pub(super) fn of(error: impl Error) -> Self {
        let failure = Failure::of(&error);
        Self::broken(format!("{}: {}", failure.message(), failure.causes().join(": ")))
    }

    fn broken(within: String) -> Self {
        let remedy = "try again; if it stays, the operator of this server finds the reason in its log";
        let problem =
            Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something broke on this server", remedy);
        Self { within: Some(within), ..problem }
    }

    fn remedied(self, remedy: &str) -> Self {
        Self { remedy: remedy.into(), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let (status, within) = (self.status, self.within.take());
        let wait = self.retry_after_ms.map(|ms| HeaderValue::from(ms.div_ceil(1_000)));
        let mut response = (status, Json(self)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = wait {
            response.headers_mut().insert(RETRY_AFTER, wait);
        }
        if let Some(within) = within {
            response.extensions_mut().insert(Within(within));
        }
        response
    }
}

/// The connector's no. What GitLab could not be asked is told apart from what it refused.
fn refusal(refusal: Refusal) -> Problem {
    let Refusal { code, message, remedy, retry_after_ms, denials } = refusal;
    let status = match code.as_str() {
        "rate-limited" => StatusCode::TOO_MANY_REQUESTS,
        "host-unreachable" => StatusCode::BAD_GATEWAY,
        "plan-outdated" | "conflict" | "edited-since" => StatusCode::CONFLICT,
        "conflict-unknown" => StatusCode::NOT_FOUND,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let remedy = [remedy].into_iter().chain(denials).collect::<Vec<_>>().join("; ");
    Problem { retry_after_ms, ..Problem::new(status, &code, message, remedy) }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Call(ConnectionError::Refused(refused)) => refusal(refused),
            Trouble::Call(error @ ConnectionError::Stopped(_)) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "budget-exhausted", error.to_string(), error.hint())
            }
            Trouble::Open(error) => Self::refused("denied", error.to_string(), error.hint()),
            Trouble::Folder(error) => {
                let message = "the folder of this connection cannot be used";
                let broken = Self::of(error);
                Self { code: "folder".into(), message: message.into(), ..broken }
            }
            Trouble::Store(error) => error.into(),
            other => Self::of(other),
        }
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        let (message, remedy) = (error.to_string(), error.hint().unwrap_or_default());
        match error {
            DatabaseError::Entry { .. } => {
                Self { code: "connection-damaged".into(), message, remedy, ..Self::of(error) }
            }
            _ => Self::of(error),
        }
    }
}

impl From<ConnectionError> for Problem {
    fn from(error: ConnectionError) -> Self {
        Trouble::from(error).into()
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let remedy = failure.hints().join("; ");
        match (failure.code(), failure.exit()) {
            (Some("connection-gone"), _) => Self::not_here(),
            (Some(code), _) => Self::refused(code, failure.message(), remedy),
            (None, Exit::Misused) => Self::misread(failure.message()).remedied(&remedy),
            (None, _) => Self::broken(format!("{}: {}", failure.message(), failure.causes().join(": "))),
        }
    }
}

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        let message = error.to_string();
        match error {
            ConnectError::Trouble(trouble) => trouble.into(),
            ConnectError::DeployToken(trouble) => Self::from(trouble)
                .remedied("this looks like a deploy token, which GitLab's API does not accept: make a project or group access token"),
            // Folders of other organisations are nobody's business.
            ConnectError::SharedFolder { .. }
            | ConnectError::NoFolder { .. }
            | ConnectError::OtherFolder { .. }
            | ConnectError::OwnHome { .. } => {
                Self::refused("folder", "the folder of this name cannot be used", "choose another name")
            }
            ConnectError::Taken { .. } => Self::refused("taken", message, "disconnect it first"),
            ConnectError::NoProfile { known, .. } => {
                Self::refused("no-profile", message, format!("choose one of {}", known.join(", ")))
            }
            ConnectError::NoAddress => Self::misread(message),
            ConnectError::Gone(_) => Self::not_here(),
        }
    }
}

impl From<NamedError> for Problem {
    fn from(error: NamedError) -> Self {
        let error = match error {
            NamedError::Folder(error) => error,
            NamedError::Connect(error) => return error.into(),
        };
        let (message, remedy) = (error.to_string(), error.hint());
        match error {
            FolderError::Name(_) => Self::misread(message).remedied(remedy),
            FolderError::Taken(_) => Self::new(StatusCode::CONFLICT, "name-taken", message, remedy),
        }
    }
}

impl From<RotateError> for Problem {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::Waiting => {
                let remedy =
                    "paste the present one into GitLab, or end the one before it: `DELETE …/webhook/former-secret`";
                Self::new(StatusCode::CONFLICT, "rotation-waits", error.to_string(), remedy)
            }
            RotateError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl<E: Into<Self>> From<DeedError<E>> for Problem {
    fn from(error: DeedError<E>) -> Self {
        match error {
            DeedError::Refused(error) => error.into(),
            DeedError::Broken(failure) => failure.into(),
        }
    }
}

impl From<PickError> for Problem {
    fn from(error: PickError) -> Self {
        let message = error.to_string();
        match error {
            PickError::Trouble(trouble) => trouble.into(),
            PickError::NoProject(_) => {
                Self::refused("project-not-found", message, "choose one of the list of projects")
            }
            PickError::TooMany(_) => Self::refused("too-many", message, "search by a part of the name"),
        }
    }
}

impl From<ConfigureError> for Problem {
    fn from(error: ConfigureError) -> Self {
        match error {
            ConfigureError::Trouble(trouble) => trouble.into(),
            ConfigureError::Pick(error) => error.into(),
            ConfigureError::ReadOnly => {
                Self::refused("read-only", "this connection may only read", "choose `pull` for the first sync")
            }
            // Which connection that is may be another organisation's.
            ConfigureError::Clash { branch, .. } => Self::refused(
                "ownership-clash",
                format!("another connection of this server writes to `{branch}` of this project already"),
                "choose another branch or other directories",
            ),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        Self::refused("token-malformed", error.to_string(), "copy it out of GitLab once more")
    }
}

impl From<ServerError> for Problem {
    fn from(error: ServerError) -> Self {
        Self::refused("not-an-address", error.to_string(), error.hint())
    }
}

impl From<NameError> for Problem {
    fn from(error: NameError) -> Self {
        Self::misread(error.to_string())
    }
}

impl From<PeopleError> for Problem {
    fn from(error: PeopleError) -> Self {
        match &error {
            PeopleError::Taken { name, .. } => {
                let message = format!("there is a user `{name}` already");
                Self::new(StatusCode::CONFLICT, "user-taken", message, error.hint().unwrap_or_default())
            }
            PeopleError::Store(_) => Self::of(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_broke_within_is_not_in_the_answer() {
        let problem = Problem::of(std::io::Error::other("/srv/secret/path"));
        assert!(!serde_json::to_string(&problem).unwrap().contains("secret"));
        let response = problem.into_response();
        assert!(response.extensions().get::<Within>().is_some_and(|within| within.0.contains("/srv/secret/path")));
    }

    #[test]
    fn the_status_says_whose_turn_it_is() {
        for (code, status) in [
            ("rate-limited", 429),
            ("host-unreachable", 502),
            ("plan-outdated", 409),
            ("conflict-unknown", 404),
            ("edited-since", 409),
            ("token-expired", 422),
        ] {
            let (code, message, remedy) = (code.to_owned(), String::new(), String::new());
            let answer = Refusal { code, message, remedy, retry_after_ms: Some(1_500), denials: vec![] };
            let response = Problem::from(ConnectionError::Refused(answer)).into_response();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()[RETRY_AFTER], "2");
        }
    }
}
