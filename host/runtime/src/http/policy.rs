//! Whether a request is allowed. Pure: neutral types in, a rule or a refusal out; no clock, no network.
//!
//! Decided here, in this order: is anything granted; is it the one origin, exactly; is it below the base path; does a rule of
//! the profile want method and path, on this way; are all headers the guest's to set; are all query parameters in the rule; does
//! the body fit in length, type and shape. First the destination, so that a refusal names the largest thing that is wrong.
//! Where several rules want a request, the first of the profile's order that it fits decides.
//!
//! Not decided here: the address (`address`), the credential (`sender`), how much in total (`budget`), which secret may go into
//! which rule (`secrets`).
//!
//! Known gap: an allowed server gets what the connector puts into values and bodies. Allowing a server means trusting it with
//! that.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, header};

use super::denied::Denied;
use super::headers::{self, MAX_GUEST_HEADER_BYTES};
use super::shape::{self, ShapeFault};
use super::target::Target;
use super::template::matches_below;
use crate::permission::{Permission, Rule, Site};

/// The way a request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// `wasi:http/outgoing-handler`.
    Handler,
    /// `secrets.exchange`.
    Exchange,
}

/// What is known of a body before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none.
    None,
    /// So many bytes.
    Exactly(u64),
    /// To be seen.
    Unknown,
}

/// A request as the guest wants it.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// How it comes.
    pub via: Via,
    /// Its method.
    pub method: &'a Method,
    /// Its destination.
    pub target: &'a Target,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: BodyLength,
}

/// What a body says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyType {
    Json,
    Form,
    Bytes,
    Other,
}

/// A request whose head is allowed, by at least one rule.
#[derive(Clone, Debug)]
pub struct HeadAllowed {
    method: Method,
    path: String,
    rules: Vec<Arc<Rule>>,
    body_type: BodyType,
    body: BodyLength,
}

/// Judges a request whose body is at hand.
pub fn decide(permission: &Permission, ask: &Ask<'_>, body: &[u8]) -> Result<Arc<Rule>, Denied> {
    decide_head(permission, ask)?.decide_body(body)
}

/// Judges everything but the body.
pub fn decide_head(permission: &Permission, ask: &Ask<'_>) -> Result<HeadAllowed, Denied> {
    let site = permission.site().map_err(|hint| Denied::Nothing { hint: hint.to_owned() })?;
    check_place(site, ask)?;
    let rules = rules_for(permission, site, ask)?;
    check_headers(ask)?;
    let rules = keep_with_query(rules, ask)?;
    let rules = keep_with_length(rules, ask)?;
    let body_type = body_type(ask.headers);
    let rules = keep_with_type(rules, ask, body_type)?;
    Ok(HeadAllowed { method: ask.method.clone(), path: path(ask), rules, body_type, body: ask.body })
}

impl HeadAllowed {
    /// Whether the body must be read before anything is sent: to judge what is in it, or that there is none.
    pub fn must_read_body(&self) -> bool {
        let judged = |rule: &Arc<Rule>| rule.wanted.json.is_some() || rule.wanted.max_request_bytes == 0;
        self.body != BodyLength::None && (self.body_type == BodyType::Form || self.rules.iter().any(judged))
    }

    /// No more than so many bytes are read.
    pub fn max_request_bytes(&self) -> u64 {
        self.rules.iter().map(|rule| rule.wanted.max_request_bytes).max().unwrap_or(0)
    }

    /// Allows a body to be sent while it is read; only where [`Self::must_read_body`] says no.
    pub fn decide_unread(self) -> Result<Arc<Rule>, Denied> {
        match self.body {
            BodyLength::Unknown => Err(Denied::LengthRequired { method: self.method, path: self.path }),
            BodyLength::None => self.decide_body(&[]),
            _ if self.must_read_body() => Err(self.shape(ShapeFault::NotAnObject)),
            _ => Ok(self.rules.into_iter().next().expect("a head is allowed by at least one rule")),
        }
    }

    /// Judges the body that was read.
    pub fn decide_body(self, body: &[u8]) -> Result<Arc<Rule>, Denied> {
        let mut denied = None;
        for rule in &self.rules {
            match self.fits(rule, body) {
                Ok(()) => return Ok(Arc::clone(rule)),
                // What a line of the grant would allow is the most that can be said of it.
                Err(error) if error.is_a_line() => denied = Some(error),
                Err(error) => denied = denied.or(Some(error)),
            }
        }
        Err(denied.expect("a head is allowed by at least one rule"))
    }

    /// The refusal of a body that turned out to be too long.
    pub fn too_large(&self) -> Denied {
        Denied::BodySize { method: self.method.clone(), path: self.path.clone(), limit: self.max_request_bytes() }
    }

    /// The refusal of trailers behind the body.
    pub fn trailers(&self) -> Denied {
        Denied::Trailers { method: self.method.clone(), path: self.path.clone() }
    }

    fn fits(&self, rule: &Rule, body: &[u8]) -> Result<(), Denied> {
        if u64::try_from(body.len()).is_ok_and(|length| length > rule.wanted.max_request_bytes) {
            let limit = rule.wanted.max_request_bytes;
            return Err(Denied::BodySize { method: self.method.clone(), path: self.path.clone(), limit });
        }
        let judged = match (&rule.wanted.json, self.body_type) {
            (shape, _) if body.is_empty() => shape.as_ref().map_or(Ok(()), shape::check_empty),
            (Some(shape), BodyType::Json) => shape::check_json(shape, body),
            (Some(_), _) => Err(ShapeFault::NotAnObject),
            (None, BodyType::Form) => shape::check_form(body),
            (None, _) => Ok(()),
        };
        judged.map_err(|fault| match fault {
            ShapeFault::Pinned(key) => {
                let line = rule.granted_keys.iter().find(|(granted, _)| *granted == key).map(|(_, line)| *line);
                self.shape(match line {
                    Some(line) => ShapeFault::Granted { key, line },
                    None => ShapeFault::Pinned(key),
                })
            }
            fault => self.shape(fault),
        })
    }

    fn shape(&self, fault: ShapeFault) -> Denied {
        Denied::Shape { method: self.method.clone(), path: self.path.clone(), fault }
    }
}

fn check_place(site: &Site, ask: &Ask<'_>) -> Result<(), Denied> {
    let method = ask.method.clone();
    if ask.target.origin() != site.origin() {
        let asked = Box::new(ask.target.origin().clone());
        return Err(Denied::Origin { method, asked, granted: Box::new(site.origin().clone()) });
    }
    if ask.target.path().below(site.base_path()).is_none() {
        return Err(Denied::BasePath { method, path: path(ask), base: site.base_path().to_string() });
    }
    Ok(())
}

fn rules_for(permission: &Permission, site: &Site, ask: &Ask<'_>) -> Result<Vec<Arc<Rule>>, Denied> {
    let wants = |rule: &&Arc<Rule>| {
        rule.method == *ask.method && matches_below(&rule.path, ask.target.path(), site.base_path())
    };
    let exchange = ask.via == Via::Exchange;
    let (ours, others): (Vec<_>, Vec<_>) =
        site.rules.iter().filter(wants).cloned().partition(|rule| rule.moves_secrets() == exchange);
    if !ours.is_empty() {
        return Ok(ours);
    }
    let (method, path) = (ask.method.clone(), path(ask));
    Err(match (others.is_empty(), ask.via) {
        (true, _) => Denied::NotWanted { method, path, profile: permission.profile().to_owned() },
        (false, Via::Handler) => Denied::ExchangeOnly { method, path },
        (false, Via::Exchange) => Denied::NotForExchange { method, path },
    })
}

fn check_headers(ask: &Ask<'_>) -> Result<(), Denied> {
    if let Some(name) = ask.headers.keys().find(|name| !headers::guest_may_set(name)) {
        return Err(Denied::Header { method: ask.method.clone(), path: path(ask), name: name.clone() });
    }
    let bytes: usize = ask.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > MAX_GUEST_HEADER_BYTES || ask.headers.len() > ask.headers.keys_len() {
        return Err(Denied::Headers { method: ask.method.clone(), path: path(ask) });
    }
    Ok(())
}

fn keep_with_query(mut rules: Vec<Arc<Rule>>, ask: &Ask<'_>) -> Result<Vec<Arc<Rule>>, Denied> {
    let Some(query) = ask.target.query() else { return Ok(rules) };
    for name in query.names() {
        rules.retain(|rule| rule.wanted.query.contains(&name));
        if rules.is_empty() {
            let name = name.chars().take(64).flat_map(char::escape_debug).collect();
            return Err(Denied::Query { method: ask.method.clone(), path: path(ask), name });
        }
    }
    Ok(rules)
}

fn keep_with_length(mut rules: Vec<Arc<Rule>>, ask: &Ask<'_>) -> Result<Vec<Arc<Rule>>, Denied> {
    let limit = rules.iter().map(|rule| rule.wanted.max_request_bytes).max().unwrap_or(0);
    if let BodyLength::Exactly(length) = ask.body {
        rules.retain(|rule| length <= rule.wanted.max_request_bytes);
    }
    if rules.is_empty() {
        return Err(Denied::BodySize { method: ask.method.clone(), path: path(ask), limit });
    }
    Ok(rules)
}

/// A body without content type is a form to Rack, and a multipart body may hide a form: both are refused.
fn keep_with_type(mut rules: Vec<Arc<Rule>>, ask: &Ask<'_>, body_type: BodyType) -> Result<Vec<Arc<Rule>>, Denied> {
    if matches!(ask.body, BodyLength::None | BodyLength::Exactly(0)) {
        return Ok(rules);
    }
    let wanted = if rules.iter().all(|rule| rule.wanted.json.is_some()) {
        "application/json"
    } else {
        "application/octet-stream"
    };
    rules.retain(|rule| rule.wanted.max_request_bytes == 0 || fits_type(rule, body_type));
    if rules.is_empty() {
        return Err(Denied::ContentType { method: ask.method.clone(), path: path(ask), wanted });
    }
    Ok(rules)
}

fn fits_type(rule: &Rule, body_type: BodyType) -> bool {
    match rule.wanted.json {
        Some(_) => body_type == BodyType::Json,
        None => body_type != BodyType::Other,
    }
}

fn body_type(headers: &HeaderMap) -> BodyType {
    let text = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default().to_ascii_lowercase();
    let (essence, parameters) = match text.iter().position(|byte| *byte == b';') {
        Some(at) => (text[..at].trim_ascii(), text[at + 1..].trim_ascii()),
        None => (text.trim_ascii(), &b""[..]),
    };
    if !matches!(parameters, b"" | b"charset=utf-8") {
        return BodyType::Other;
    }
    match essence {
        b"application/json" => BodyType::Json,
        b"application/x-www-form-urlencoded" => BodyType::Form,
        b"application/octet-stream" | b"text/plain" => BodyType::Bytes,
        _ => BodyType::Other,
    }
}

/// Shown to people and logged: without the query, and not endless.
fn path(ask: &Ask<'_>) -> String {
    ask.target.path().to_string().chars().take(200).collect()
}
