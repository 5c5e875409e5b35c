//! Why a request gets no page, and the page it gets instead.

use super::fields::Fields;
use super::words::broken;
use crate::failure::Failure;
use crate::operations::Trouble;
use crate::serve::page::address::{GITLAB, SIGN_IN};
use crate::serve::page::{Frame, Problem, document, html};
use crate::serve::people::PeopleError;
use crate::serve::sessions::SessionsError;
use crate::serve::states::StatesError;
use crate::serve::trail::TrailError;
use crate::store::DatabaseError;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};

/// Each has one answer.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nobody is signed in, or not any more.
    SignedOut,
    NotAdmin,
    /// Also of what is another organisation's.
    NotHere,
    /// A form that does not prove that it came from a page of ours.
    Foreign,
    TooLarge,
    /// A form that no page of ours sends.
    Malformed,
    /// A connection of which nothing can be read, with what the log is told.
    Unreadable(Problem, String),
    /// What went wrong within, which only the log tells.
    Broken(String),
}

impl Refusal {
    fn told(&self) -> (StatusCode, &'static str, Problem) {
        match self {
            // Answered by a redirect.
            Self::SignedOut => (StatusCode::UNAUTHORIZED, "Sign in", Problem::new("you are not signed in")),
            Self::NotAdmin => (
                StatusCode::FORBIDDEN,
                "For admins",
                Problem::new("this is for admins of your organisation").remedy("ask one of them to do it"),
            ),
            Self::NotHere => (
                StatusCode::NOT_FOUND,
                "Not found",
                Problem::new("there is nothing here")
                    .remedy("it may have been disconnected, or the address is incomplete"),
            ),
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "Not done",
                Problem::new("nothing was done, because the form did not come from a page of this session")
                    .remedy("go back, reload the page, and try again"),
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "Too large",
                Problem::new("that is more than a form may hold").remedy("edit the file in the folder instead"),
            ),
            Self::Malformed => (
                StatusCode::BAD_REQUEST,
                "Not understood",
                Problem::new("something in the form was not understood")
                    .remedy("go back, reload the page, and try again"),
            ),
            Self::Unreadable(problem, _) => (StatusCode::INTERNAL_SERVER_ERROR, "Cannot be read", problem.clone()),
            Self::Broken(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Something broke", broken()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if matches!(self, Self::SignedOut) {
            return Redirect::to(SIGN_IN).into_response();
        }
        let (status, title, problem) = self.told();
        let frame = Frame { title, signed_in: None, crumbs: &[], notice: None, again: None };
        let main = html! {
            div.narrow { h1 { (title) } (problem.html()) p { a href=(GITLAB) { "To the connections" } } }
        };
        let mut response = (status, Html(document(&frame, &main).into_string())).into_response();
        if let Self::Broken(why) | Self::Unreadable(_, why) = self {
            response.extensions_mut().insert(Broken(why));
        }
        response
    }
}

/// For the log, beside an answer that says nothing of it.
#[derive(Clone)]
pub(super) struct Broken(pub(super) String);

impl From<PeopleError> for Refusal {
    fn from(error: PeopleError) -> Self {
        Self::broken(&error)
    }
}

impl From<SessionsError> for Refusal {
    fn from(error: SessionsError) -> Self {
        Self::broken(&error)
    }
}

impl From<StatesError> for Refusal {
    fn from(error: StatesError) -> Self {
        Self::broken(&error)
    }
}

impl From<TrailError> for Refusal {
    fn from(error: TrailError) -> Self {
        Self::broken(&error)
    }
}

impl From<DatabaseError> for Refusal {
    fn from(error: DatabaseError) -> Self {
        let why = within(&Failure::of(&error));
        match error {
            DatabaseError::Entry { .. } => Self::Unreadable(error.into(), why),
            _ => Self::Broken(why),
        }
    }
}

impl From<Trouble> for Refusal {
    fn from(error: Trouble) -> Self {
        Self::broken(&error)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Broken(within(&failure))
    }
}

impl Refusal {
    fn broken(error: &dyn std::error::Error) -> Self {
        let failure = Failure::of(error);
        failure.into()
    }
}

fn within(failure: &Failure) -> String {
    format!("{}: {}", failure.message(), failure.causes().join(": "))
}

/// What was just done, out of an address.
pub(super) fn notice(fields: &Fields) -> Option<crate::serve::page::Notice> {
    crate::serve::page::Notice::parse(fields.text("done"))
}
