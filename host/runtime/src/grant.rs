//! What the operator grants to one connection, as typed. Nothing granted means nothing allowed.
//!
//! Decided here: which words a grant file has; unknown ones are errors. Not decided here: what is in force, which is the
//! intersection with the connector's manifest (`permission`).

use serde::{Deserialize, Serialize};

use crate::manifest::{GRANTED_AUTHOR_EMAIL, GRANTED_AUTHOR_NAME, GRANTED_URL};

/// One connection's grants: what a grant file (TOML) says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Grant {
    /// Scheme, host and port of the one server: `https://gitlab.example.com`.
    pub origin: Option<String>,
    /// Where GitLab is mounted there: empty, or `/gitlab`.
    pub base_path: String,
    /// The approved profile, such as `files-read-write`.
    pub profile: Option<String>,
    /// The digest of the approved profile. Another digest is refused until it is approved.
    pub approved: Option<String>,
    /// What the workspace may be used for, at most. None: what the approved profile says.
    pub workspace: Option<crate::manifest::WorkspaceUse>,
    /// The one URL that webhooks may be made for: where the product receives them. None: the connector makes none.
    pub webhook_url: Option<String>,
    /// The one name that commits may have as their author's, beside that of the token's user. None: no other.
    pub author_name: Option<String>,
    /// The address that goes with it.
    pub author_email: Option<String>,
    /// How to reach the server.
    pub network: Network,
    /// Lower limits than the host's own.
    pub limits: LimitGrant,
}

impl Grant {
    /// The line that a pinned value of a rule stands for, and what it says. None: the value stands for itself.
    pub(crate) fn line(&self, pinned: &str) -> Option<(&'static str, Option<&String>)> {
        match pinned {
            GRANTED_URL => Some(("webhook-url", self.webhook_url.as_ref())),
            GRANTED_AUTHOR_NAME => Some(("author-name", self.author_name.as_ref())),
            GRANTED_AUTHOR_EMAIL => Some(("author-email", self.author_email.as_ref())),
            _ => None,
        }
    }
}

/// How the one server may be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Network {
    /// Private, loopback or otherwise special addresses the host name may resolve to: `10.1.2.3/32`, `127.0.0.1/32`.
    pub private_addresses: Vec<String>,
    /// Allow `http://`: the credential then crosses the network in the clear.
    pub plain_text: bool,
    /// Certificates in PEM to trust beside the platform's.
    pub ca_pem: Option<String>,
    /// An HTTP proxy for `CONNECT`: `http://proxy.example.com:3128`. Proxy variables of the environment are never read.
    pub proxy: Option<String>,
    /// Let the proxy look the server's name up. Its addresses are then not judged here, so trust the proxy with that.
    pub proxy_resolves: bool,
}

/// Lower limits for this connection. None keeps the host's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LimitGrant {
    /// Requests in one call.
    pub requests: Option<u32>,
    /// Requests in flight at once.
    pub in_flight: Option<u32>,
    /// Bytes sent in one call, and as many received.
    pub bytes: Option<u64>,
}
