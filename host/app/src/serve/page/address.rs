//! The addresses of the pages. Handlers are bound to the same words (`web`).

use gitlab_sync_host::connection_id::ConnectionId;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub(crate) const SIGN_IN: &str = "/sign-in";
pub(crate) const SIGN_OUT: &str = "/sign-out";
/// Settings → Version Control → GitLab.
pub(crate) const GITLAB: &str = "/settings/version-control/gitlab";
pub(crate) const CONNECT: &str = "/settings/version-control/gitlab/connect";

/// What a connection has pages of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Overview,
    AutoSync,
    Project,
    Settings,
    Plan,
    Push,
    Pull,
    Sync,
    Live,
    History,
    Conflicts,
    Webhook,
    Address,
    Secret,
    Review,
    Check,
    Token,
    Disconnect,
}

impl Place {
    /// After the connection's own address.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::AutoSync => "/auto-sync",
            Self::Project => "/project",
            Self::Settings => "/settings",
            Self::Plan => "/plan",
            Self::Push => "/push",
            Self::Pull => "/pull",
            Self::Sync => "/sync",
            Self::Live => "/live",
            Self::History => "/history",
            Self::Conflicts => "/conflicts",
            Self::Webhook => "/webhook",
            Self::Address => "/webhook/address",
            Self::Secret => "/webhook/secret",
            Self::Review => "/review",
            Self::Check => "/check",
            Self::Token => "/token",
            Self::Disconnect => "/disconnect",
        }
    }

    pub(crate) fn of(self, id: &ConnectionId) -> String {
        format!("{GITLAB}/on/{id}{}", self.path())
    }

    /// With a question: values are encoded here and nowhere else.
    pub(crate) fn with(self, id: &ConnectionId, pairs: &[(&str, &str)]) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={}", encoded(value))).collect();
        format!("{}?{}", self.of(id), pairs.join("&"))
    }
}

/// One conflict. Its id comes from the connector.
pub(crate) fn conflict(id: &ConnectionId, conflict: &str) -> String {
    format!("{}/{}", Place::Conflicts.of(id), utf8_percent_encode(conflict, NON_ALPHANUMERIC))
}
