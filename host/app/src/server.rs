//! The address of a GitLab as a person types it: an instance, a project's page, or nothing for gitlab.com.
//!
//! Decided here: the origin, and which sub-paths are worth a question. Not decided here: which of them is a GitLab (the connector's
//! `locate`), and whether it may be reached (the grant).

use url::{Position, Url};

/// Addresses asked, at most: GitLab is at the root or below one or two path parts.
const MOST_BASES: usize = 3;

/// Where GitLab may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// `https` or `http`.
    pub(crate) scheme: String,
    /// `gitlab.example.com:8443`.
    pub(crate) authority: String,
    /// Sub-paths to ask at, the root first; never with a slash at the end.
    pub(crate) bases: Vec<String>,
}

/// Why a text is no such address. Texts with a password are not repeated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("`{0}` is not a web address")]
    Malformed(String),
    #[error("the address begins with `{0}://`, which is not the web")]
    Scheme(String),
    #[error("the address holds a user name or password")]
    UserInfo,
}

impl ServerError {
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::Scheme(_) => "give it as `https://gitlab.example.com`",
            Self::UserInfo => "leave it out of the address; the token is asked for separately",
        }
    }
}

impl Server {
    pub(crate) fn parse(typed: &str) -> Result<Self, ServerError> {
        let typed = typed.trim();
        let text = match typed {
            "" => "https://gitlab.com".to_owned(),
            _ if typed.contains("://") => typed.to_owned(),
            _ => format!("https://{typed}"),
        };
        let url = Url::parse(&text).map_err(|_| ServerError::Malformed(typed.into()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ServerError::UserInfo);
        }
        if !matches!(url.scheme(), "https" | "http") {
            return Err(ServerError::Scheme(url.scheme().into()));
        }
        let authority = url[Position::BeforeHost..Position::BeforePath].into();
        Ok(Self { scheme: url.scheme().into(), authority, bases: bases(&url) })
    }
}

impl Server {
    /// As a grant has it.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }
}

/// The root, and what the path begins with; the likeliest first, because each costs a request. What follows `/-/` is a page within
/// a project.
fn bases(url: &Url) -> Vec<String> {
    if url.host_str() == Some("gitlab.com") {
        return vec![String::new()];
    }
    let parts = url.path_segments().into_iter().flatten();
    let parts: Vec<_> = parts.take_while(|part| *part != "-").filter(|part| !part.is_empty()).collect();
    let base = |length: usize| parts[..length].iter().map(|part| format!("/{part}")).collect();
    let mut bases: Vec<String> = (0..=parts.len()).take(MOST_BASES).map(base).collect();
    // One part is what somebody typed for a GitLab below it; two or more were mostly pasted from a project.
    if is_likely_base(&parts) {
        bases.swap(0, 1);
    }
    bases
}

fn is_likely_base(parts: &[&str]) -> bool {
    matches!(parts, [_]) || parts.first().is_some_and(|part| part.eq_ignore_ascii_case("gitlab"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_types_becomes_an_origin_and_places_to_ask() {
        let table = [
            ("", "https://gitlab.com", &[""][..]),
            ("  ", "https://gitlab.com", &[""]),
            ("gitlab.example.com", "https://gitlab.example.com", &[""]),
            ("GitLab.Example.com/", "https://gitlab.example.com", &[""]),
            ("https://gitlab.com/acme/handbook", "https://gitlab.com", &[""]),
            ("https://a.example/acme/handbook", "https://a.example", &["", "/acme", "/acme/handbook"]),
            (
                "https://a.example/acme/handbook/-/tree/main?x=1#y",
                "https://a.example",
                &["", "/acme", "/acme/handbook"],
            ),
            ("http://127.0.0.1:8080/code", "http://127.0.0.1:8080", &["/code", ""]),
            ("https://a.example/gitlab/b/c/d/", "https://a.example", &["/gitlab", "", "/gitlab/b"]),
            ("https://a.example:443", "https://a.example", &[""]),
            ("https://[::1]:8443", "https://[::1]:8443", &[""]),
        ];
        for (typed, origin, bases) in table {
            let server = Server::parse(typed).unwrap();
            assert_eq!(
                (server.origin().as_str(), server.bases),
                (origin, bases.iter().map(ToString::to_string).collect())
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_a_password_not_repeated() {
        assert_eq!(Server::parse("ssh://git@gitlab.com/a/b"), Err(ServerError::UserInfo));
        assert_eq!(Server::parse("ftp://gitlab.com"), Err(ServerError::Scheme("ftp".into())));
        assert_eq!(Server::parse("https://"), Err(ServerError::Malformed("https://".into())));
        let error = Server::parse("https://oauth2:glpat-canary@gitlab.com").unwrap_err();
        assert!(!error.to_string().contains("canary"));
    }
}
