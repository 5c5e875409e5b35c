//! A connector's profile, read once: its rules and where the credential goes.
//!
//! Decided here: that a profile is well-formed and that a reviewer can rely on what it says: everything is bounded, no rule moves the
//! credential, and no two rules for one request differ in which secrets they keep. What the operator grants of it is `permission`'s.

use std::collections::BTreeSet;

use http::{HeaderName, Method};
use thiserror::Error;

use crate::grant::Grant;
use crate::http::headers;
use crate::http::query;
use crate::http::template::{Template, TemplateError};
use crate::manifest::{self, Capture, Profile, Slot};
use crate::secrets::names::SlotName;

/// A profile has at most this many rules, and a rule at most this many names of each kind.
const MAX_ENTRIES: usize = 256;
/// No rule may ask for a larger request body; GitLab's own limit for a commit is 300 MB, ours in practice 20 MB.
const MAX_REQUEST_BYTES: u64 = 64 << 20;
/// No rule may ask for a larger reply: an archive of a large repository, read as a stream.
const MAX_REPLY_BYTES: u64 = 4 << 30;

/// What there is to grant.
pub(super) struct ParsedProfile {
    pub(super) rules: Vec<Rule>,
    pub(super) credential: Credential,
}

/// Where the host puts the connection's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The slot it is taken from.
    pub slot: String,
    /// Belongs to the host alone from here on.
    pub header: HeaderName,
    /// Put before the secret.
    pub prefix: String,
}

/// One kind of request, as the profile wants it, and what had to be parsed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Every word of it was checked.
    pub wanted: manifest::Rule,
    /// One of six.
    pub method: Method,
    /// Below the base path.
    pub path: Template,
    /// Keys of the body whose value is the grant's, with its line there.
    pub granted_keys: Vec<(String, &'static str)>,
}

/// What is wrong with a connector's profile.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ManifestFault {
    /// More than a reviewer could read.
    #[error("it has more than {MAX_ENTRIES} {0}")]
    TooMany(&'static str),
    /// Not one of the six.
    #[error("the method `{0}` is not one of GET, HEAD, POST, PUT, PATCH, DELETE")]
    Method(String),
    /// Not a template.
    #[error("the path `{path}`: {source}")]
    Path {
        /// As written.
        path: String,
        /// Why.
        source: TemplateError,
    },
    /// More than the host ever moves.
    #[error("the rule for `{0}` wants more bytes than the host ever sends or reads")]
    Bytes(String),
    /// A body that the host would have to understand although none may be sent.
    #[error("the rule for `{0}` describes a body but allows none")]
    ShapeWithoutBody(String),
    /// A slot that is not declared.
    #[error("the slot `{0}` is used but not declared")]
    UnknownSlot(String),
    /// Declared twice.
    #[error("the slot `{0}` is declared twice")]
    RepeatedSlot(String),
    /// Not a name.
    #[error("the slot `{0}` has no proper name")]
    SlotName(String),
    /// The credential goes into its header and nowhere else. A reply may bring a new one.
    #[error("the slot `{0}` holds the credential, so it can neither be used nor go out in another way")]
    CredentialSlot(String),
    /// A query parameter that the server reads as a credential or as another method.
    #[error("the query parameter `{0}` belongs to the host")]
    QueryParameter(String),
    /// A rule that names something twice.
    #[error("the rule for `{path}` names the {what} `{name}` twice")]
    Repeated {
        /// As written.
        path: String,
        /// Of which kind it is.
        what: &'static str,
        /// What is named.
        name: String,
    },
    /// A secret would be read as a date, and its date be shown.
    #[error("the rule for `{path}` captures the field `{field}` and reads an expiry from it")]
    CapturedExpiry {
        /// As written.
        path: String,
        /// The field.
        field: String,
    },
    /// Two rules for one request, of which one keeps a secret of the reply that the other would show.
    #[error("the rules `{one}` and `{other}` want the same request but do not capture the same secrets of its reply")]
    Unclear {
        /// Method, path and purpose of the first.
        one: String,
        /// Likewise of the second.
        other: String,
    },
    /// A header that cannot carry a credential.
    #[error("the header `{0}` cannot carry a credential")]
    CredentialHeader(String),
    /// Not plain text.
    #[error("the credential's prefix is longer than 32 characters or not plain text")]
    CredentialPrefix,
}

impl ParsedProfile {
    /// Of what a connector wrote.
    pub(super) fn parse(profile: &Profile) -> Result<Self, ManifestFault> {
        bounded(&profile.rules, "rules")?;
        bounded(&profile.slots, "slots")?;
        for (index, slot) in profile.slots.iter().enumerate() {
            if SlotName::parse(&slot.name).is_err() {
                return Err(ManifestFault::SlotName(shown(&slot.name)));
            }
            if profile.slots[..index].iter().any(|earlier| earlier.name == slot.name) {
                return Err(ManifestFault::RepeatedSlot(slot.name.clone()));
            }
        }
        check_credential_slot(profile)?;
        let rules = profile.rules.iter().map(|rule| parse_rule(rule, &profile.slots));
        let rules = rules.collect::<Result<Vec<_>, _>>()?;
        check_clear(&rules)?;
        Ok(Self { rules, credential: parse_credential(&profile.credential, &profile.slots)? })
    }
}

impl Rule {
    /// With the grant's value where a pin stands for it. Without one in the grant, no value fits.
    pub(super) fn bound(mut self, grant: &Grant) -> Self {
        for pin in self.wanted.json.iter_mut().flat_map(|shape| &mut shape.pins) {
            if let Some((line, value)) = pin.values.iter().find_map(|value| grant.line(value)) {
                pin.values = value.into_iter().cloned().collect();
                self.granted_keys.push((pin.key.clone(), line));
            }
        }
        self
    }

    /// Whether it moves secrets: such a request is made by `secrets.exchange` and in no other way.
    pub fn moves_secrets(&self) -> bool {
        !self.wanted.fills.is_empty() || !self.wanted.captures.is_empty()
    }
}

/// Else the credential could leave its header: in a body, or moved into a slot that may go out.
fn check_credential_slot(profile: &Profile) -> Result<(), ManifestFault> {
    let credential = &profile.credential.slot;
    let used = profile.slots.iter().any(|slot| slot.name == *credential && !slot.uses.is_empty());
    let filled = profile.rules.iter().any(|rule| rule.fills.contains(credential));
    if used || filled { Err(ManifestFault::CredentialSlot(shown(credential))) } else { Ok(()) }
}

/// What a connector wrote, as a person can be shown it.
fn shown(text: &str) -> String {
    text.chars().take(120).flat_map(char::escape_debug).collect()
}

fn parse_rule(rule: &manifest::Rule, slots: &[Slot]) -> Result<Rule, ManifestFault> {
    let path = Template::parse(&rule.path).map_err(|source| ManifestFault::Path { path: shown(&rule.path), source })?;
    if rule.max_request_bytes > MAX_REQUEST_BYTES || rule.max_reply_bytes > MAX_REPLY_BYTES {
        return Err(ManifestFault::Bytes(shown(&rule.path)));
    }
    if rule.json.is_some() && rule.max_request_bytes == 0 {
        return Err(ManifestFault::ShapeWithoutBody(shown(&rule.path)));
    }
    bounded(&rule.query, "query parameters in a rule")?;
    if let Some(name) = rule.query.iter().find(|name| query::belongs_to_host(name)) {
        return Err(ManifestFault::QueryParameter(shown(name)));
    }
    if let Some(shape) = &rule.json {
        bounded(&shape.keys, "keys in a rule")?;
        bounded(&shape.pins, "pinned keys in a rule")?;
    }
    check_secrets(rule, slots)?;
    Ok(Rule { method: parse_method(&rule.method)?, path, wanted: rule.clone(), granted_keys: Vec::new() })
}

/// What goes out and what comes in must be as clear to the reviewer as it is to the host.
fn check_secrets(rule: &manifest::Rule, slots: &[Slot]) -> Result<(), ManifestFault> {
    bounded(&rule.fills, "slots to send in a rule")?;
    bounded(&rule.captures, "fields to capture in a rule")?;
    let (filled, fields): (Vec<_>, Vec<_>) =
        rule.captures.iter().map(|capture| (&capture.slot, &capture.field)).unzip();
    for slot in rule.fills.iter().chain(filled.iter().copied()) {
        declared(slot, slots)?;
    }
    let sent = rule.fills.iter().collect();
    for (what, names) in [("slot to send", sent), ("slot to fill", filled), ("field to capture", fields.clone())] {
        let mut seen = BTreeSet::new();
        if let Some(name) = names.into_iter().find(|name| !seen.insert(*name)) {
            return Err(ManifestFault::Repeated { path: shown(&rule.path), what, name: shown(name) });
        }
    }
    let mut expiries = rule.captures.iter().filter_map(|capture| capture.expires_field.as_ref());
    match expiries.find(|expiry| fields.contains(expiry)) {
        Some(field) => Err(ManifestFault::CapturedExpiry { path: shown(&rule.path), field: shown(field) }),
        None => Ok(()),
    }
}

/// Of two rules that want one request the first that fits decides. If they do not keep the same secrets of its reply, the connector
/// would choose by the way it asks, or by its body, whether it sees one.
fn check_clear(rules: &[Rule]) -> Result<(), ManifestFault> {
    let captures = |rule: &Rule| rule.wanted.captures.iter().cloned().collect::<BTreeSet<Capture>>();
    let unclear = |one: &Rule, other: &Rule| {
        one.method == other.method && one.path.overlaps(&other.path) && captures(one) != captures(other)
    };
    let name = |rule: &Rule| format!("{} {} ({})", rule.method, rule.path, shown(&rule.wanted.purpose));
    for (index, other) in rules.iter().enumerate() {
        if let Some(one) = rules[..index].iter().find(|one| unclear(one, other)) {
            return Err(ManifestFault::Unclear { one: name(one), other: name(other) });
        }
    }
    Ok(())
}

fn parse_method(text: &str) -> Result<Method, ManifestFault> {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    known.into_iter().find(|method| method.as_str() == text).ok_or_else(|| ManifestFault::Method(shown(text)))
}

fn parse_credential(credential: &manifest::Credential, slots: &[Slot]) -> Result<Credential, ManifestFault> {
    declared(&credential.slot, slots)?;
    let header = credential.header.to_ascii_lowercase().parse::<HeaderName>().ok();
    let header = header.filter(headers::may_carry_credential);
    let plain = credential.prefix.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if !plain || credential.prefix.len() > 32 {
        return Err(ManifestFault::CredentialPrefix);
    }
    Ok(Credential {
        slot: credential.slot.clone(),
        header: header.ok_or_else(|| ManifestFault::CredentialHeader(shown(&credential.header)))?,
        prefix: credential.prefix.clone(),
    })
}

fn declared(slot: &str, slots: &[Slot]) -> Result<(), ManifestFault> {
    let known = slots.iter().any(|declared| declared.name == slot);
    if known { Ok(()) } else { Err(ManifestFault::UnknownSlot(shown(slot))) }
}

fn bounded<T>(entries: &[T], what: &'static str) -> Result<(), ManifestFault> {
    if entries.len() <= MAX_ENTRIES { Ok(()) } else { Err(ManifestFault::TooMany(what)) }
}
