//! What is in force for one connection: what the connector's profile wants, as far as the operator's grant allows it.
//!
//! Decided here: that profile and grant are well-formed and fit together, once, when the connection is opened. A `Permission`
//! has everything parsed, normalised and bounded, and only `Permission::new` makes one that allows anything. Not decided here:
//! single requests (`http::policy`), addresses (`http::address`), uses of secrets (`secrets`).
//!
//! Nothing granted is not an error: such a permission refuses every request with the line to add, so that `about` and
//! everything else that needs no network still runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::{HeaderName, Method};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;

use crate::grant::{Grant, LimitGrant, Network};
use crate::http::address::{AddressPolicy, CarveOutError};
use crate::http::budget::Limits;
use crate::http::headers;
use crate::http::path::{Path, PathError};
use crate::http::query;
use crate::http::target::{Origin, OriginError, Scheme};
use crate::http::template::{Template, TemplateError};
use crate::manifest::{self, Capture, Profile, Slot, SlotUse, WorkspaceUse};
use crate::secrets::names::SlotName;

/// A profile has at most this many rules, and a rule at most this many names of each kind.
const MAX_ENTRIES: usize = 256;
/// No rule may ask for a larger request body; GitLab's own limit for a commit is 300 MB, ours in practice 20 MB.
const MAX_REQUEST_BYTES: u64 = 64 << 20;
/// No rule may ask for a larger reply: an archive of a large repository, read as a stream.
const MAX_REPLY_BYTES: u64 = 4 << 30;

/// What one connection may do. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Permission(Arc<Effective>);

#[derive(Debug)]
struct Effective {
    profile: String,
    state: State,
    slots: Vec<Slot>,
    workspace: WorkspaceUse,
    limits: Limits,
}

#[derive(Debug)]
enum State {
    Nothing { hint: String },
    Site(Box<Site>),
}

/// The one server, how to reach it, and what may be asked of it.
#[derive(Debug)]
pub struct Site {
    pub(crate) origin: Origin,
    pub(crate) base: Path,
    pub(crate) rules: Vec<Arc<Rule>>,
    pub(crate) credential: Credential,
    pub(crate) addresses: AddressPolicy,
    pub(crate) ca: Vec<CertificateDer<'static>>,
    pub(crate) proxy: Option<Proxy>,
}

/// An HTTP proxy that tunnels to the one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Where it listens; always plain HTTP.
    pub origin: Origin,
    /// Who looks the server's name up.
    pub names: ProxyNames,
}

/// Who looks the server's name up behind a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyNames {
    /// The host: every address is judged, and the proxy is given the judged address.
    Host,
    /// The proxy: it is given the name, and the operator trusts it with the choice of the address.
    Proxy,
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

/// Why there is no permission.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PermissionError {
    /// The grant's `origin`.
    #[error("`origin` of the grant cannot be read: {0}")]
    Origin(OriginError),
    /// The grant's `base-path`.
    #[error("`base-path` of the grant cannot be read: {0}")]
    BasePath(PathError),
    /// `http://` without `plain-text`.
    #[error("`origin = \"{0}\"` is not encrypted")]
    PlainText(Origin),
    /// Another profile than the one offered.
    #[error("the grant is for the profile `{granted}`, not for `{offered}`")]
    Profile {
        /// In the grant.
        granted: String,
        /// By the connector.
        offered: String,
    },
    /// The profile is not the one that was approved.
    #[error(
        "the profile `{profile}` is not the one that was approved: it has the digest `{offered}`, approved is `{approved}`"
    )]
    Digest {
        /// Its name.
        profile: String,
        /// What it is now.
        offered: String,
        /// What the grant says.
        approved: String,
    },
    /// An entry of `private-addresses`.
    #[error("`{entry}` in `private-addresses` of the grant cannot be read")]
    PrivateAddress {
        /// As typed.
        entry: String,
        /// Why.
        #[source]
        source: CarveOutError,
    },
    /// The grant's `ca-pem`.
    #[error("`ca-pem` of the grant holds no readable certificate")]
    CaPem,
    /// The grant's `proxy`.
    #[error("`proxy` of the grant cannot be read: {0}")]
    Proxy(OriginError),
    /// A proxy that is reached by TLS.
    #[error("`proxy` of the grant is not an `http://` address")]
    ProxyScheme,
    /// The connector's own table is wrong. No grant helps.
    #[error("the connector's profile `{profile}` is not valid: {fault}")]
    Manifest {
        /// Its name.
        profile: String,
        /// What is wrong.
        fault: ManifestFault,
    },
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

impl Permission {
    /// What `profile` wants, as far as `grant` allows it.
    pub fn new(profile: &Profile, grant: &Grant) -> Result<Self, PermissionError> {
        let parts = parse_profile(profile)
            .map_err(|fault| PermissionError::Manifest { profile: profile.name.clone(), fault })?;
        if let Some(hint) = missing_line(profile, grant)? {
            return Ok(Self::nothing_because(&profile.name, hint));
        }
        let workspace = grant.workspace.map_or(profile.workspace, |granted| granted.min(profile.workspace));
        Ok(Self(Arc::new(Effective {
            profile: profile.name.clone(),
            state: State::Site(Box::new(Site::new(parts, grant)?)),
            slots: profile.slots.clone(),
            workspace,
            limits: limits(&grant.limits),
        })))
    }

    /// Allows nothing: for calls that need no permission, such as those of `about`.
    pub fn nothing() -> Self {
        Self::nothing_because(
            "none",
            "add `profile = \"…\"` to the grant; `gitlab-sync inspect` lists what there is".to_owned(),
        )
    }

    fn nothing_because(profile: &str, hint: String) -> Self {
        Self(Arc::new(Effective {
            profile: profile.to_owned(),
            state: State::Nothing { hint },
            slots: Vec::new(),
            workspace: WorkspaceUse::None,
            limits: Limits::default(),
        }))
    }

    /// The profile's name.
    pub fn profile(&self) -> &str {
        &self.0.profile
    }

    /// The one server, or the line that is missing in the grant.
    pub fn site(&self) -> Result<&Site, &str> {
        match &self.0.state {
            State::Site(site) => Ok(site),
            State::Nothing { hint } => Err(hint),
        }
    }

    /// What may be done with the workspace.
    pub fn workspace(&self) -> WorkspaceUse {
        self.0.workspace
    }

    /// A declared slot, if anything is granted.
    pub fn slot(&self, name: &str) -> Option<&Slot> {
        self.0.slots.iter().find(|slot| slot.name == name)
    }

    /// Whether a slot may be used so outside a request.
    pub fn allows_slot(&self, name: &str, wanted: SlotUse) -> bool {
        self.slot(name).is_some_and(|slot| slot.uses.contains(&wanted))
    }

    /// What one call may spend.
    pub fn limits(&self) -> Limits {
        self.0.limits
    }
}

impl Site {
    fn new(profile: ParsedProfile, grant: &Grant) -> Result<Self, PermissionError> {
        let network = &grant.network;
        let origin = parse_origin(grant)?;
        Ok(Self {
            base: Path::parse(&grant.base_path).map_err(PermissionError::BasePath)?,
            addresses: AddressPolicy::parse(&network.private_addresses)
                .map_err(|(entry, source)| PermissionError::PrivateAddress { entry, source })?,
            ca: parse_ca(network)?,
            proxy: parse_proxy(network)?,
            rules: profile.rules.into_iter().map(|rule| Arc::new(rule.bound(grant))).collect(),
            credential: profile.credential,
            origin,
        })
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Where GitLab is mounted; without parts if it is at the root.
    pub fn base_path(&self) -> &Path {
        &self.base
    }

    /// The requests, in the profile's order.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(Arc::as_ref)
    }

    /// Where the credential goes.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }
}

impl Rule {
    /// With the grant's value where a pin stands for it. Without one in the grant, no value fits.
    fn bound(mut self, grant: &Grant) -> Self {
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

impl PermissionError {
    /// What to change, in one sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Origin(_) => "write `origin = \"https://gitlab.example.com\"`: scheme, host and perhaps port".to_owned(),
            Self::BasePath(_) => "write `base-path = \"/gitlab\"`, or leave it out if GitLab is at the root".to_owned(),
            Self::PlainText(_) => {
                "use `https://`, or add `plain-text = true` under `[network]`: the credential then crosses the network in the clear"
                    .to_owned()
            }
            Self::Profile { offered, .. } => format!("write `profile = \"{offered}\"` after reading what it wants"),
            Self::Digest { offered, .. } => {
                format!("compare both versions with `inspect`, and to approve this one write `approved = \"{offered}\"`")
            }
            Self::PrivateAddress { source, .. } => source.to_string(),
            Self::CaPem => "put the text of a PEM file there, with `-----BEGIN CERTIFICATE-----`".to_owned(),
            Self::Proxy(_) | Self::ProxyScheme => {
                "write `proxy = \"http://proxy.example.com:3128\"`, without user name or path".to_owned()
            }
            Self::Manifest { .. } => "use a connector whose profile is valid; no grant can help".to_owned(),
        }
    }
}

/// The line to add, if something of the three that every grant needs is not there.
fn missing_line(profile: &Profile, grant: &Grant) -> Result<Option<String>, PermissionError> {
    if grant.origin.is_none() {
        return Ok(Some("add `origin = \"https://…\"` with your server to the grant".to_owned()));
    }
    let Some(granted) = &grant.profile else {
        return Ok(Some(format!("add `profile = \"{}\"` to the grant", profile.name)));
    };
    if *granted != profile.name {
        return Err(PermissionError::Profile { granted: granted.clone(), offered: profile.name.clone() });
    }
    let offered = profile.digest();
    match &grant.approved {
        None => Ok(Some(format!("add `approved = \"{offered}\"` to the grant after reading what the profile wants"))),
        Some(approved) if *approved == offered => Ok(None),
        Some(approved) => {
            Err(PermissionError::Digest { profile: profile.name.clone(), offered, approved: approved.clone() })
        }
    }
}

fn parse_origin(grant: &Grant) -> Result<Origin, PermissionError> {
    let origin: Origin = grant.origin.as_deref().unwrap_or_default().parse().map_err(PermissionError::Origin)?;
    if origin.scheme() == Scheme::Http && !grant.network.plain_text {
        return Err(PermissionError::PlainText(origin));
    }
    Ok(origin)
}

fn parse_ca(network: &Network) -> Result<Vec<CertificateDer<'static>>, PermissionError> {
    let Some(pem) = &network.ca_pem else { return Ok(Vec::new()) };
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().map_err(|_| PermissionError::CaPem)?;
    let mut store = rustls::RootCertStore::empty();
    let readable = certificates.iter().all(|certificate| store.add(certificate.clone()).is_ok());
    if readable && !certificates.is_empty() { Ok(certificates) } else { Err(PermissionError::CaPem) }
}

fn parse_proxy(network: &Network) -> Result<Option<Proxy>, PermissionError> {
    let Some(proxy) = &network.proxy else { return Ok(None) };
    let origin: Origin = proxy.parse().map_err(PermissionError::Proxy)?;
    if origin.scheme() != Scheme::Http {
        return Err(PermissionError::ProxyScheme);
    }
    let names = if network.proxy_resolves { ProxyNames::Proxy } else { ProxyNames::Host };
    Ok(Some(Proxy { origin, names }))
}

fn limits(grant: &LimitGrant) -> Limits {
    let host = Limits::default();
    Limits {
        requests: grant.requests.map_or(host.requests, |limit| limit.min(host.requests)),
        in_flight: grant.in_flight.map_or(host.in_flight, |limit| limit.min(host.in_flight)),
        bytes_up: grant.bytes.map_or(host.bytes_up, |limit| limit.min(host.bytes_up)),
        bytes_down: grant.bytes.map_or(host.bytes_down, |limit| limit.min(host.bytes_down)),
    }
}

struct ParsedProfile {
    rules: Vec<Rule>,
    credential: Credential,
}

fn parse_profile(profile: &Profile) -> Result<ParsedProfile, ManifestFault> {
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
    Ok(ParsedProfile { rules, credential: parse_credential(&profile.credential, &profile.slots)? })
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
