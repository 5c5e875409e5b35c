//! What is in force for one connection: what the connector's profile wants, as far as the operator's grant allows it.
//!
//! Decided here: that the grant is well-formed and fits the profile, once, when the connection is opened. A `Permission` has
//! everything parsed, normalised and bounded, and only `Permission::new` makes one that allows anything. Not decided here: whether
//! the profile itself is in order (`permission::profile`), single requests (`http::policy`), addresses (`http::address`), uses of
//! secrets (`secrets`).
//!
//! Nothing granted is not an error: such a permission refuses every request with the line to add, so that `about` and
//! everything else that needs no network still runs.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;

use crate::grant::{Grant, LimitGrant, Network};
use crate::http::address::{AddressPolicy, CarveOutError};
use crate::http::budget::Limits;
use crate::http::path::{Path, PathError};
use crate::http::target::{Origin, OriginError, Scheme};
use crate::manifest::{Profile, Slot, SlotUse, WorkspaceUse};

mod profile;

use profile::ParsedProfile;
pub use profile::{Credential, ManifestFault, Rule};

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

impl Permission {
    /// What `profile` wants, as far as `grant` allows it.
    pub fn new(profile: &Profile, grant: &Grant) -> Result<Self, PermissionError> {
        let parts = ParsedProfile::parse(profile)
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
