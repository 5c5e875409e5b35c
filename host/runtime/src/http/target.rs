//! Where a request goes: origin, path and query, in one normal form. The same value is judged and dialled, so there is no
//! second parser that could read it differently.
//!
//! Decided here: what an origin is. Names become lower-case ASCII (IDNA), one trailing dot is dropped, IP addresses in decimal,
//! octal or hexadecimal become the usual spelling (all by the `url` crate), the scheme's port is filled in, user-info is refused.
//! Not decided here: whether it is allowed (`policy`) and what the name resolves to (`address`).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;
use url::Url;

use super::path::{Path, PathError};
use super::query::{Query, QueryError};

/// The two schemes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear, by an operator's explicit grant only.
    Http,
    /// The normal case.
    Https,
}

/// A host name or an address, normalised.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// Lower case, ASCII, without the dot at the end.
    Name(String),
    /// As `url` reads it, IPv4 in any of its spellings.
    Address(IpAddr),
}

/// Scheme, host and port. Two are equal only if all three are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

/// A request's destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    origin: Origin,
    path: Path,
    query: Option<Query>,
}

/// Why a text is no origin. The text itself is not repeated: user-info could hold a secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum OriginError {
    /// Neither `http` nor `https`.
    #[error("the scheme is neither `https` nor `http`")]
    Scheme,
    /// `user:password@host`.
    #[error("a user name or password before `@` is not allowed")]
    UserInfo,
    /// A path, query or fragment behind the host.
    #[error("only scheme, host and port belong here")]
    Extra,
    /// No host or one that is none.
    #[error("the host is not valid")]
    Host,
}

/// Why a request has no destination.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TargetError {
    /// The part before the path.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The query.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// `*` or an authority alone.
    #[error("a request names scheme, host and path")]
    Incomplete,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Host {
    /// The address, if it is written as one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::Address(address) => Some(*address),
        }
    }

    fn of(url: &Url) -> Result<Self, OriginError> {
        match url.host().ok_or(OriginError::Host)? {
            url::Host::Ipv4(address) => Ok(Self::Address(address.into())),
            url::Host::Ipv6(address) => Ok(Self::Address(address.into())),
            url::Host::Domain(name) => Self::name(name),
        }
    }

    fn name(name: &str) -> Result<Self, OriginError> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let bounded = !name.is_empty() && name.len() <= 253 && !name.ends_with('.') && !name.starts_with('.');
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
        if bounded && !name.contains("..") && name.bytes().all(plain) {
            Ok(Self::Name(name.to_owned()))
        } else {
            Err(OriginError::Host)
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl Origin {
    /// Scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Port, filled in where it was not written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host, and port where it is not the scheme's own.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    /// Reads `https://gitlab.example.com:8443`, with or without one slash at the end.
    fn from_str(text: &str) -> Result<Self, OriginError> {
        // The `url` crate drops tabs and line breaks and turns backslashes into slashes: such texts are refused before.
        if text.chars().any(|char| char.is_control() || char.is_whitespace() || char == '\\') {
            return Err(OriginError::Host);
        }
        let (scheme, rest) = text.split_once("://").ok_or(OriginError::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(OriginError::Scheme),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            return Err(OriginError::UserInfo);
        }
        if authority.contains(['/', '?', '#']) {
            return Err(OriginError::Extra);
        }
        let url = Url::parse(&format!("{}://{authority}/", scheme.as_str())).map_err(|_| OriginError::Host)?;
        let port = url.port().unwrap_or(scheme.default_port());
        if port == 0 {
            return Err(OriginError::Host);
        }
        Ok(Self { scheme, host: Host::of(&url)?, port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl Target {
    /// Reads the destination of a request as the guest wrote it.
    pub fn from_uri(uri: &http::Uri) -> Result<Self, TargetError> {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(TargetError::Incomplete);
        };
        let origin = format!("{scheme}://{authority}").parse()?;
        let path_with_query = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        Self::new(origin, &Path::default(), path_with_query)
    }

    /// A destination at `origin`: `path_with_query` counts from `base` on.
    pub fn new(origin: Origin, base: &Path, path_with_query: &str) -> Result<Self, TargetError> {
        let (path, query) = match path_with_query.split_once('?') {
            Some((path, query)) => (path, Some(Query::parse(query)?)),
            None => (path_with_query, None),
        };
        Ok(Self { origin, path: base.join(&Path::parse(path)?), query })
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The path, base path included.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The query, if there is one.
    pub fn query(&self) -> Option<&Query> {
        self.query.as_ref()
    }

    /// The one spelling that is sent.
    pub fn to_uri(&self) -> http::Uri {
        let query = self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
        let text = format!("{}{}{query}", self.origin, self.path);
        text.parse().expect("a normal form has only characters of a URI")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(text: &str) -> Result<String, OriginError> {
        text.parse().map(|origin: Origin| origin.to_string())
    }

    #[test]
    fn all_spellings_of_one_origin_are_equal() {
        for (written, normal) in [
            ("https://gitlab.example.com", "https://gitlab.example.com"),
            ("HTTPS://GitLab.Example.COM:443/", "https://gitlab.example.com"),
            ("https://gitlab.example.com.", "https://gitlab.example.com"),
            ("https://gitlab.example.com.:8443", "https://gitlab.example.com:8443"),
            ("http://gitlab.example.com:443", "http://gitlab.example.com:443"),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example"),
            ("https://%67itlab.example.com", "https://gitlab.example.com"),
            ("http://2130706433", "http://127.0.0.1"),
            ("http://0x7f.1", "http://127.0.0.1"),
            ("http://0177.0.0.1", "http://127.0.0.1"),
            ("http://127.0.0.1.", "http://127.0.0.1"),
            ("http://\u{ff11}\u{ff12}\u{ff17}.0.0.1", "http://127.0.0.1"),
            ("http://[::FFFF:127.0.0.1]:80", "http://[::ffff:127.0.0.1]"),
            ("https://my_host.example", "https://my_host.example"),
        ] {
            assert_eq!(origin(written).as_deref(), Ok(normal), "{written}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        use OriginError::*;
        for (written, error) in [
            ("ftp://gitlab.example.com", Scheme),
            ("gitlab.example.com", Scheme),
            ("https:gitlab.example.com", Scheme),
            ("https://user@gitlab.example.com", UserInfo),
            ("https://gitlab.example.com@evil.example", UserInfo),
            ("https://:@gitlab.example.com", UserInfo),
            ("https://gitlab.example.com/gitlab", Extra),
            ("https://gitlab.example.com?x", Extra),
            ("https://gitlab.example.com#x", Extra),
            ("https://evil.example\\gitlab.example.com", Host),
            ("https://git\tlab.example.com", Host),
            ("https://gitlab.example.com..", Host),
            ("https://.example.com", Host),
            ("https://a..b", Host),
            ("https://", Host),
            ("https://*.example.com", Host),
            ("https://gitlab.example.com:0", Host),
            ("https://gitlab.example.com:65536", Host),
            ("https://256.256.256.256", Host),
            ("https://[::1%25eth0]", Host),
            ("https://a%2fb", Host),
        ] {
            assert_eq!(origin(written), Err(error), "{written}");
        }
    }

    #[test]
    fn userinfo_in_a_request_is_refused() {
        let uri = "https://gitlab.example.com@evil.example/x".parse().unwrap();
        assert_eq!(Target::from_uri(&uri), Err(OriginError::UserInfo.into()));
    }

    proptest! {
        #[test]
        fn the_normal_form_is_stable(text in "(https?|HTTPS)://[a-zA-Z0-9.%\\[\\]:-]{1,30}(/[a-z%2Ff.;]{0,12}){0,4}(\\?[a-z=&%2]{0,9})?") {
            let Ok(uri) = text.parse::<http::Uri>() else { return Ok(()) };
            if let Ok(target) = Target::from_uri(&uri) {
                prop_assert_eq!(Target::from_uri(&target.to_uri()), Ok(target));
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
            let _ = text.parse::<Origin>();
            let _ = Path::parse(&text);
            let _ = Query::parse(&text);
        }
    }
}
