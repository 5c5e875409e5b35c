//! The query of a request: its names are judged, its values pass.
//!
//! Decided here: what a name is, as a Rails server reads it: form-decoded, split at `&`. A plain `;` is refused because older
//! Rack versions split there too, so that `page=1;private_token=x` would smuggle a second name.

use std::fmt;

use thiserror::Error;

/// Longer queries are refused.
pub const MAX_QUERY_BYTES: usize = 8 * 1024;

/// Parameters that a GitLab server reads as a credential, as another user or as another method. No profile may list them.
const BELONG_TO_HOST: [&str; 15] = [
    "_method",
    "access_token",
    "bearer_token",
    "client_secret",
    "deploy_token",
    "feed_token",
    "incoming_email_token",
    "job_token",
    "oauth_token",
    "password",
    "private_token",
    "rss_token",
    "static_object_token",
    "sudo",
    "token",
];

/// Whether a rule may not have this query parameter. `page_token`, which is a cursor, is none of them.
pub(crate) fn belongs_to_host(name: &str) -> bool {
    BELONG_TO_HOST.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// A query as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query(String);

/// Why a text is no query.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum QueryError {
    /// More than [`MAX_QUERY_BYTES`].
    #[error("a query has at most {MAX_QUERY_BYTES} bytes")]
    TooLong,
    /// A character that must be percent-encoded.
    #[error("the character `{0}` must be percent-encoded in a query")]
    Unencoded(char),
    /// `%` without two hexadecimal digits.
    #[error("a `%` in a query is followed by two hexadecimal digits")]
    Percent,
    /// A name with control characters or that is not UTF-8.
    #[error("the name of a query parameter is text without control characters")]
    Name,
}

impl Query {
    /// Reads what follows the `?`.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > MAX_QUERY_BYTES {
            return Err(QueryError::TooLong);
        }
        if let Some(char) = text.chars().find(|char| !is_query_char(*char)) {
            return Err(QueryError::Unencoded(char));
        }
        for after in text.split('%').skip(1) {
            if !after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                return Err(QueryError::Percent);
            }
        }
        let query = Self(text.to_owned());
        let clean = |name: &str| !name.chars().any(|char| char.is_control() || char == char::REPLACEMENT_CHARACTER);
        if query.names().all(|name| clean(&name)) { Ok(query) } else { Err(QueryError::Name) }
    }

    /// The decoded names, in order.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let pairs = self.0.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| form_name(pair.as_bytes()))
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The decoded name of one `name=value` pair of a form or a query.
pub(super) fn form_name(pair: &[u8]) -> String {
    url::form_urlencoded::parse(pair).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

fn is_query_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || "-._~!$&'()*+,=:@/?[]%".contains(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_server_reads_them() {
        let query = Query::parse("page=1&scopes%5B%5D=api&scopes[]=x&priv%61te_token=y&&+a=b&c").unwrap();
        let names: Vec<_> = query.names().collect();
        assert_eq!(names, ["page", "scopes[]", "scopes[]", "private_token", " a", "c"]);
    }

    #[test]
    fn a_query_that_two_programs_could_split_differently_is_refused() {
        for (text, error) in [
            ("page=1;private_token=x", QueryError::Unencoded(';')),
            ("a=b#c", QueryError::Unencoded('#')),
            ("a=\u{e4}", QueryError::Unencoded('\u{e4}')),
            ("a=%", QueryError::Percent),
            ("a=%4", QueryError::Percent),
            ("a%00b=1", QueryError::Name),
            ("a%0Ab=1", QueryError::Name),
            ("%ff=1", QueryError::Name),
        ] {
            assert_eq!(Query::parse(text), Err(error), "{text}");
        }
    }
}
