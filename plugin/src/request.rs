//! Requests to one GitLab instance, built from parts that cannot change its address.
//!
//! Decided here: how parts of a path and values of a query are percent-encoded, and that a target always starts below the
//! instance's base path. Not decided here: which requests exist (`gitlab`) and which are allowed (`about`).

use std::fmt::{self, Display, Write as _};

use crate::body::Body;

/// Where a GitLab server answers, in pieces that the host has parsed and normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `https`, or `http` where plain text was granted.
    pub scheme: String,
    /// Host and, where it is not the scheme's own, port.
    pub authority: String,
    /// Empty, or such as `/gitlab`.
    pub base_path: String,
}

impl Display for Instance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}{}", self.scheme, self.authority, self.base_path)
    }
}

/// The methods the connector uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates.
    Post,
    /// Changes.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// As it goes over the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One request, without credential: the host adds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// Where.
    pub instance: Instance,
    /// What it is about.
    pub target: Target,
    /// A JSON body.
    pub body: Option<Body>,
}

impl Request {
    /// A request that only reads.
    pub fn get(instance: &Instance, target: Target) -> Self {
        Self { method: Method::Get, instance: instance.clone(), target, body: None }
    }

    /// A request with a JSON body.
    pub fn post(instance: &Instance, target: Target, json: impl Into<Body>) -> Self {
        Self { method: Method::Post, instance: instance.clone(), target, body: Some(json.into()) }
    }

    /// From the server's root on, as it goes over the wire.
    pub fn path_with_query(&self) -> String {
        format!("{}{}", self.instance.base_path, self.target)
    }
}

/// Path and query below an instance's base path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    path: String,
    query: String,
}

impl Target {
    /// `/api/v4` and these fixed parts.
    pub fn api(parts: &str) -> Self {
        Self { path: format!("/api/v4/{parts}"), query: String::new() }
    }

    /// GraphQL's one address.
    pub fn graphql() -> Self {
        Self { path: "/api/graphql".into(), query: String::new() }
    }

    /// `/oauth` and these fixed parts.
    pub fn oauth(parts: &str) -> Self {
        Self { path: format!("/oauth/{parts}"), query: String::new() }
    }

    /// `/api/v4/projects/7` and these fixed parts. Always the number: paths change and redirect.
    pub fn project(id: u64, parts: &str) -> Self {
        let slash = if parts.is_empty() { "" } else { "/" };
        Self::api(&format!("projects/{id}{slash}{parts}"))
    }

    /// `/api/v4/groups/7` and these fixed parts.
    pub fn group(id: u64, parts: &str) -> Self {
        Self::api(&format!("groups/{id}/{parts}"))
    }

    /// One more part, whatever it holds: `feature/x` becomes `feature%2Fx`.
    #[must_use]
    pub fn part(mut self, part: &str) -> Self {
        self.path.push('/');
        encode(part, &mut self.path);
        self
    }

    /// One more fixed part.
    #[must_use]
    pub fn fixed(mut self, part: &str) -> Self {
        self.path.push('/');
        self.path.push_str(part);
        self
    }

    /// One more parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push(if self.query.is_empty() { '?' } else { '&' });
        encode(name, &mut self.query);
        self.query.push('=');
        encode(value, &mut self.query);
        self
    }

    /// The path alone, encoded.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The names of the parameters, encoded.
    pub fn query_names(&self) -> impl Iterator<Item = &str> {
        let pairs = self.query.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split('=').next().unwrap_or(pair))
    }
}

impl Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path)?;
        formatter.write_str(&self.query)
    }
}

/// Everything but RFC 3986's unreserved characters. A part of dots only is encoded too, lest someone on the way resolves it.
fn encode(text: &str, into: &mut String) {
    let only_dots = text.bytes().all(|byte| byte == b'.');
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) || (byte == b'.' && !only_dots);
        if plain {
            into.push(char::from(byte));
        } else {
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

/// The opposite of the encoding; None for a broken escape or text that is not UTF-8. `+` is a space, as in queries.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'%' => {
                let [high, low, tail @ ..] = rest else { return None };
                bytes.push(hex_digit(*high)? << 4 | hex_digit(*low)?);
                rest = tail;
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_one_segment_whatever_they_hold() {
        for (part, expected) in [
            ("main", "/api/v4/projects/7/repository/branches/main"),
            ("feature/x", "/api/v4/projects/7/repository/branches/feature%2Fx"),
            ("..", "/api/v4/projects/7/repository/branches/%2E%2E"),
            ("v1.2", "/api/v4/projects/7/repository/branches/v1.2"),
            ("a b?c#d%e+f", "/api/v4/projects/7/repository/branches/a%20b%3Fc%23d%25e%2Bf"),
            ("ü", "/api/v4/projects/7/repository/branches/%C3%BC"),
        ] {
            assert_eq!(Target::project(7, "repository/branches").part(part).to_string(), expected);
        }
    }

    #[test]
    fn query_values_survive_plus_and_ampersand() {
        let target = Target::api("projects").query("search", "a+b&c=d").query("per_page", "50");
        assert_eq!(target.to_string(), "/api/v4/projects?search=a%2Bb%26c%3Dd&per_page=50");
        assert_eq!(target.query_names().collect::<Vec<_>>(), ["search", "per_page"]);
    }

    #[test]
    fn decoding_undoes_encoding_and_refuses_broken_escapes() {
        for text in ["", "a b", "100% ü/+", "\u{1f600}"] {
            let mut encoded = String::new();
            encode(text, &mut encoded);
            assert_eq!(decode(&encoded).as_deref(), Some(text));
        }
        for broken in ["%", "%4", "%zz", "%+4", "%ff"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
