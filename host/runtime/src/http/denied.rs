//! Why a request was refused, in words that teach: what was refused, and which line of the grant would allow it or that none
//! can. No header value, query value or body is ever part of the words.

use http::{HeaderName, Method};
use thiserror::Error;

use super::query::QueryError;
use super::shape::ShapeFault;
use super::target::{Origin, TargetError};

/// A refused request. Nothing of it was sent.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Denied {
    /// The grant is not complete.
    #[error("denied: nothing is granted to this connection")]
    Nothing {
        /// The line to add.
        hint: String,
    },
    /// There is no reading it.
    #[error("denied: the request has no clear destination: {0}")]
    Target(TargetError),
    /// Another server.
    #[error("denied {method} at {asked}: granted is {granted}")]
    Origin {
        /// Asked for.
        method: Method,
        /// Asked for.
        asked: Box<Origin>,
        /// In the grant.
        granted: Box<Origin>,
    },
    /// Outside of where GitLab is mounted.
    #[error("denied {method} {path}: it is not below the granted base path `{base}`")]
    BasePath {
        /// Asked for.
        method: Method,
        /// Asked for.
        path: String,
        /// In the grant.
        base: String,
    },
    /// No rule.
    #[error("denied {method} {path}: the profile `{profile}` does not want it")]
    NotWanted {
        /// Asked for.
        method: Method,
        /// Asked for.
        path: String,
        /// In force.
        profile: String,
    },
    /// A rule that moves secrets.
    #[error("denied {method} {path}: this request moves secrets, so it is made by `secrets.exchange` only")]
    ExchangeOnly {
        /// Asked for.
        method: Method,
        /// Asked for.
        path: String,
    },
    /// A rule that moves none.
    #[error("denied {method} {path}: this request moves no secret, so it is not made by `secrets.exchange`")]
    NotForExchange {
        /// Asked for.
        method: Method,
        /// Asked for.
        path: String,
    },
    /// A query parameter.
    #[error("denied {method} {path}: the query parameter `{name}` is not in the rule")]
    Query {
        /// Asked for.
        method: Method,
        /// Asked for.
        path: String,
        /// The parameter.
        name: String,
    },
    /// A header.
    #[error("denied {method} {path}: the header `{name}` is not the connector's to set")]
    Header {
        /// Asked for.
        method: Method,
        /// Asked for.
        path: String,
        /// The header.
        name: HeaderName,
    },
    /// Too many bytes of headers, or one twice.
    #[error("denied {method} {path}: its headers are repeated or larger than 4 KiB")]
    Headers {
        /// Asked for.
        method: Method,
        /// Asked for.
        path: String,
    },
    /// Trailers.
    #[error("denied {method} {path}: a request has no trailers")]
    Trailers {
        /// Asked for.
        method: Method,
        /// Asked for.
        path: String,
    },
    /// Not the content type that goes with the rule.
    #[error("denied {method} {path}: the body needs the header `content-type: {wanted}`")]
    ContentType {
        /// Asked for.
        method: Method,
        /// Asked for.
        path: String,
        /// What goes with the rule.
        wanted: &'static str,
    },
    /// Too large.
    #[error("denied {method} {path}: its body has more than the rule's {limit} bytes")]
    BodySize {
        /// Asked for.
        method: Method,
        /// Asked for.
        path: String,
        /// Of the rule.
        limit: u64,
    },
    /// A streamed body of unknown length could be cut off and still look complete.
    #[error("denied {method} {path}: its body needs the header `content-length`")]
    LengthRequired {
        /// Asked for.
        method: Method,
        /// Asked for.
        path: String,
    },
    /// What is in the body.
    #[error("denied {method} {path}: {fault}")]
    Shape {
        /// Asked for.
        method: Method,
        /// Asked for.
        path: String,
        /// What is wrong.
        fault: ShapeFault,
    },
}

impl Denied {
    /// Whether a line of the grant would allow it that stands for a value of the body.
    pub(super) fn is_a_line(&self) -> bool {
        matches!(self, Self::Shape { fault: ShapeFault::Granted { .. }, .. })
    }

    /// What to change, in one sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Nothing { hint } => hint.clone(),
            Self::Target(TargetError::Query(QueryError::Unencoded(_))) => {
                "percent-encode the query's values".to_owned()
            }
            Self::Target(_) => {
                "no grant can allow it: the connector must name scheme, host and a plain path".to_owned()
            }
            Self::Origin { asked, .. } => {
                format!(
                    "a connection has one server; if it should be this one, write `origin = \"{asked}\"` in the grant"
                )
            }
            Self::BasePath { .. } => "if GitLab is mounted elsewhere, change `base-path` in the grant".to_owned(),
            Self::NotWanted { .. } => {
                "no grant can allow it under this profile; another profile may want it, see `inspect`".to_owned()
            }
            Self::Shape { fault: ShapeFault::Granted { line, .. }, .. } if line.starts_with("author") => {
                "write who is to be the author of commits as `author-name = \"…\"` and `author-email = \"…\"` in the grant"
                    .to_owned()
            }
            Self::Shape { fault: ShapeFault::Granted { .. }, .. } => {
                "write the address where the product receives webhooks as `webhook-url = \"https://…\"` in the grant"
                    .to_owned()
            }
            Self::Query { .. } | Self::Shape { .. } | Self::BodySize { .. } => {
                "no grant can allow it: the rule in the connector's profile does not want it".to_owned()
            }
            Self::Header { .. } | Self::Headers { .. } | Self::Trailers { .. } => {
                "no grant can allow it: the host sets everything else by itself".to_owned()
            }
            Self::ExchangeOnly { .. } | Self::NotForExchange { .. } => "no grant can allow it".to_owned(),
            Self::ContentType { .. } | Self::LengthRequired { .. } => "the connector must set it".to_owned(),
        }
    }
}
