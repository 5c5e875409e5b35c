//! Where the connection's secret comes from, and the one function that puts it on a request.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use thiserror::Error;
use zeroize::Zeroizing;

use super::target::{Scheme, Target};
use crate::manifest::CredentialUse;
use crate::permission::{Rule, Site};

/// Lends the secret for the moment of one request.
#[async_trait]
pub trait CredentialSource: Send + Sync + 'static {
    /// The secret of `slot`, without the profile's prefix; none if the slot is empty.
    async fn secret(&self, slot: &str) -> Result<Option<Zeroizing<Vec<u8>>>, CredentialError>;
}

/// Why a request that needs the credential is not sent.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CredentialError {
    /// Sending without it would make a private project look missing.
    #[error("the slot `{0}` is empty, so the request is not sent")]
    Empty(String),
    /// It has bytes that no header can have.
    #[error("the secret in the slot `{0}` cannot be a header: it has a line break or another control character")]
    Unusable(String),
    /// The request is not for the credential's own server.
    #[error("the credential stays with its own server")]
    Elsewhere,
    /// The vault failed.
    #[error("the vault failed: {0}")]
    Vault(String),
}

/// A source without any secret.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCredential;

#[async_trait]
impl CredentialSource for NoCredential {
    async fn secret(&self, _: &str) -> Result<Option<Zeroizing<Vec<u8>>>, CredentialError> {
        Ok(None)
    }
}

impl CredentialError {
    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Empty(slot) | Self::Unusable(slot) => Some(format!("put the secret into the slot `{slot}`")),
            Self::Elsewhere | Self::Vault(_) => None,
        }
    }
}

/// Puts the credential on a request that the policy has allowed. The destination is compared once more, here, beside the line
/// that does it: a mistake elsewhere must not be enough to send a token to a stranger.
pub(super) async fn attach(
    source: &dyn CredentialSource,
    site: &Site,
    rule: &Rule,
    target: &Target,
    headers: &mut HeaderMap,
) -> Result<Option<Zeroizing<Vec<u8>>>, CredentialError> {
    // Whatever came before, nobody but this function decides what stands in this header.
    headers.remove(&site.credential.header);
    if rule.credential == CredentialUse::Withhold {
        return Ok(None);
    }
    // `Permission::new` has refused a plain-text origin without its grant, so an equal origin has a granted scheme.
    debug_assert!(matches!(target.origin().scheme(), Scheme::Https | Scheme::Http));
    if target.origin() != site.origin() || target.path().below(site.base_path()).is_none() {
        return Err(CredentialError::Elsewhere);
    }
    let slot = &site.credential.slot;
    let secret = source.secret(slot).await?.filter(|secret| !secret.is_empty());
    let secret = secret.ok_or_else(|| CredentialError::Empty(slot.clone()))?;
    let mut value = Zeroizing::new(Vec::with_capacity(site.credential.prefix.len() + secret.len()));
    value.extend_from_slice(site.credential.prefix.as_bytes());
    value.extend_from_slice(&secret);
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(value))
        .map_err(|_| CredentialError::Unusable(slot.clone()))?;
    value.set_sensitive(true);
    headers.insert(&site.credential.header, value);
    Ok(Some(secret))
}
