//! Single URL variables and custom headers of a hook.

use std::collections::BTreeMap;

use http::StatusCode;

use super::{WRITE, fields, found, keep, place};
use crate::call::Call;
use crate::error::ApiError;
use crate::hooks::hook::Hook;
use crate::reply::{Answer, Reply};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A variable of the URL.
    Variable,
    /// A custom header.
    Header,
}

impl Kind {
    fn map(self, hook: &mut Hook) -> &mut BTreeMap<String, String> {
        match self {
            Self::Variable => &mut hook.variables,
            Self::Header => &mut hook.headers,
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Variable => "URL variable",
            Self::Header => "custom header",
        }
    }
}

fn require_known(call: &Call, kind: Kind) -> Result<(), ApiError> {
    let known = kind == Kind::Variable || call.app.world().settings.version.at_least(16, 11);
    if known { Ok(()) } else { Err(ApiError::no_route()) }
}

/// Sets one.
pub(super) fn set(call: &Call, kind: Kind) -> Answer {
    require_known(call, kind)?;
    let (_, owner) = place(call, WRITE)?;
    let mut hook = found(call, owner)?;
    let mut checks = call.params.checks();
    let value = checks.required("value");
    checks.finish()?;
    kind.map(&mut hook).insert(call.path.get("key").to_owned(), value);
    let refuse = |_| ApiError::service(StatusCode::UNPROCESSABLE_ENTITY, "Illegal key or value");
    fields::judge(call, &hook).map_err(refuse)?;
    keep(call, &hook);
    Reply::no_content()
}

/// Takes one out. A variable that the URL needs stays.
pub(super) fn unset(call: &Call, kind: Kind) -> Answer {
    require_known(call, kind)?;
    let (_, owner) = place(call, WRITE)?;
    let mut hook = found(call, owner)?;
    if kind.map(&mut hook).remove(call.path.get("key")).is_none() {
        return Err(ApiError::not_found(kind.noun()));
    }
    let text = format!("Could not unset {}", kind.noun());
    let refuse = |_| ApiError::service(StatusCode::UNPROCESSABLE_ENTITY, text);
    fields::judge(call, &hook).map_err(refuse)?;
    keep(call, &hook);
    Reply::no_content()
}
