//! Where a hook points: its URL with variables filled in, taken apart.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use url::{Host, Url};

/// `{name}` in a hook's URL.
static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\{([A-Za-z]+[0-9]*(?:[._-][A-Za-z0-9]+)*)\}").expect("the pattern is constant"));

/// A URL that can be posted to.
#[derive(Debug, Clone)]
pub struct Target {
    url: Url,
}

/// Why a text is no URL for a hook.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadUrl {
    /// A variable has no value.
    #[error("Invalid URL template. Missing key {0}")]
    MissingKey(String),
    /// Not HTTP, or no host.
    #[error("`{0}` is no HTTP URL")]
    NotHttp(String),
}

/// Fills the variables in.
pub fn interpolate(url: &str, variables: &BTreeMap<String, String>) -> Result<String, BadUrl> {
    let missing = VARIABLE.captures_iter(url).find(|found| !variables.contains_key(&found[1]));
    if let Some(found) = missing {
        return Err(BadUrl::MissingKey(found[1].to_owned()));
    }
    let filled = VARIABLE.replace_all(url, |found: &regex::Captures<'_>| variables[&found[1]].clone());
    Ok(filled.into_owned())
}

impl Target {
    /// Reads a URL whose variables are filled in.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        let bad = || BadUrl::NotHttp(text.to_owned());
        let url = Url::parse(text.trim()).map_err(|_| bad())?;
        let http = ["http", "https"].contains(&url.scheme());
        let host = url.host_str().is_some_and(|host| !host.is_empty());
        if http && host { Ok(Self { url }) } else { Err(bad()) }
    }

    /// Whether TLS is wanted.
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether it is in the instance's own network.
    pub fn is_local(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
            Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unspecified(),
            None => false,
        }
    }

    /// The address on loopback, or nothing when it is elsewhere.
    pub fn loopback(&self) -> Option<SocketAddr> {
        let ip = match self.url.host()? {
            Host::Domain("localhost") => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Host::Domain(_) => return None,
            Host::Ipv4(ip) => IpAddr::V4(ip),
            Host::Ipv6(ip) => IpAddr::V6(ip),
        };
        ip.is_loopback().then(|| SocketAddr::new(ip, self.port()))
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }

    /// Host without port.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The value of `Host`.
    pub fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.host()),
            None => self.host().to_owned(),
        }
    }

    /// Path and query.
    pub fn path_and_query(&self) -> String {
        self.url.query().map_or_else(|| self.url.path().to_owned(), |query| format!("{}?{query}", self.url.path()))
    }

    /// User and password of the URL, as `Authorization` carries them.
    pub fn basic_auth(&self) -> Option<String> {
        if self.url.username().is_empty() && self.url.password().is_none() {
            return None;
        }
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pair = format!("{}:{}", decode(self.url.username()), decode(self.url.password().unwrap_or_default()));
        Some(format!("Basic {}", STANDARD.encode(pair)))
    }

    /// The URL without user and password.
    pub fn without_secrets(&self) -> String {
        let mut url = self.url.clone();
        // Both fail for URLs without a host only, and there is one.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_and_missing_ones_named() {
        let variables = BTreeMap::from([("token".to_owned(), "s3".to_owned())]);
        assert_eq!(interpolate("http://a/{token}?x={token}", &variables).unwrap(), "http://a/s3?x=s3");
        assert_eq!(interpolate("http://a/{other}", &variables), Err(BadUrl::MissingKey("other".into())));
        assert_eq!(interpolate("http://a/{9}", &variables).unwrap(), "http://a/{9}");
    }

    #[test]
    fn only_http_urls_with_a_host_are_targets() {
        for (text, good) in [
            ("http://localhost:1/x", true),
            ("https://user:p%40ss@hooks.test/x?y=1", true),
            ("ftp://a/x", false),
            ("hooks.test/x", false),
            ("http://", false),
            ("", false),
        ] {
            assert_eq!(Target::parse(text).is_ok(), good, "{text}");
        }
        let target = Target::parse("https://user:p%40ss@hooks.test/x?y=1").unwrap();
        assert_eq!(target.basic_auth().unwrap(), format!("Basic {}", STANDARD.encode("user:p@ss")));
        assert_eq!(target.without_secrets(), "https://hooks.test/x?y=1");
        assert_eq!(target.loopback(), None);
    }
}
