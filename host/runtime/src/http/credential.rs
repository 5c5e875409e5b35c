//! Where the connection's secrets come from, and the one function that puts one of them on a request.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use thiserror::Error;
use zeroize::Zeroizing;

use super::target::Target;
use crate::manifest::CredentialUse;
use crate::permission::{Rule, Site};

/// Secrets by their slots, zeroed when dropped.
pub type Lent = Vec<(String, Zeroizing<Vec<u8>>)>;

/// Lends the secrets for the moment of one request.
#[async_trait]
pub trait CredentialSource: Send + Sync + 'static {
    /// Every secret of the connection, without the profile's prefix: at most one goes out, and none may come back in the reply.
    async fn secrets(&self) -> Result<Lent, CredentialError>;
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
    #[error("the vault failed: {message}")]
    Vault {
        /// Why.
        message: String,
        /// What to do, where that is known.
        hint: Option<String>,
    },
}

/// A source without any secret.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCredential;

#[async_trait]
impl CredentialSource for NoCredential {
    async fn secrets(&self) -> Result<Lent, CredentialError> {
        Ok(Lent::new())
    }
}

impl CredentialError {
    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Empty(slot) | Self::Unusable(slot) => Some(format!("put the secret into the slot `{slot}`")),
            Self::Vault { hint, .. } => hint.clone(),
            Self::Elsewhere => None,
        }
    }
}

/// Puts the credential on a request that the policy has allowed. The destination is compared once more, here, beside the line
/// that does it: a mistake elsewhere must not be enough to send a token to a stranger. (An origin in the clear was granted as
/// such, or there would be no `Site`.)
pub(super) fn attach(
    secrets: &Lent,
    site: &Site,
    rule: &Rule,
    target: &Target,
    headers: &mut HeaderMap,
) -> Result<(), CredentialError> {
    // Whatever came before, nobody but this function decides what stands in this header.
    headers.remove(&site.credential.header);
    if rule.wanted.credential == CredentialUse::Withhold {
        return Ok(());
    }
    if target.origin() != site.origin() || target.path().below(site.base_path()).is_none() {
        return Err(CredentialError::Elsewhere);
    }
    let slot = &site.credential.slot;
    let secret = secrets.iter().find(|(name, secret)| name == slot && !secret.is_empty());
    let (_, secret) = secret.ok_or_else(|| CredentialError::Empty(slot.clone()))?;
    let mut value = Zeroizing::new(Vec::with_capacity(site.credential.prefix.len() + secret.len()));
    value.extend_from_slice(site.credential.prefix.as_bytes());
    value.extend_from_slice(secret);
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(value))
        .map_err(|_| CredentialError::Unusable(slot.clone()))?;
    value.set_sensitive(true);
    headers.insert(&site.credential.header, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::Grant;
    use crate::manifest::{self, Profile, Slot, WorkspaceUse};
    use crate::permission::Permission;

    fn token() -> Lent {
        [("other", "nobody's"), ("token", "canary")]
            .map(|(slot, text)| (slot.into(), text.as_bytes().to_vec().into()))
            .into()
    }

    fn permission() -> Permission {
        let rule = manifest::Rule {
            purpose: String::new(),
            method: "GET".into(),
            path: "/{any}".into(),
            query: Vec::new(),
            credential: CredentialUse::Attach,
            max_request_bytes: 0,
            max_reply_bytes: 0,
            json: None,
            fills: Vec::new(),
            captures: Vec::new(),
        };
        let profile = Profile {
            name: "p".into(),
            summary: String::new(),
            credential: manifest::Credential {
                slot: "token".into(),
                header: "authorization".into(),
                prefix: "Bearer ".into(),
            },
            workspace: WorkspaceUse::None,
            rules: vec![manifest::Rule { credential: CredentialUse::Withhold, ..rule.clone() }, rule],
            slots: vec![Slot { name: "token".into(), purpose: String::new(), uses: Vec::new() }],
        };
        let grant = Grant {
            origin: Some("https://gitlab.example.com".into()),
            base_path: "/gitlab".into(),
            profile: Some("p".into()),
            approved: Some(profile.digest()),
            ..Grant::default()
        };
        Permission::new(&profile, &grant).unwrap()
    }

    #[test]
    fn a_credential_goes_to_its_own_origin_below_its_base_path_and_nowhere_else() {
        let permission = permission();
        let site = permission.site().unwrap();
        for (url, goes) in [
            ("https://gitlab.example.com/gitlab/x", true),
            ("https://gitlab.example.com./gitlab/x", true),
            ("http://gitlab.example.com/gitlab/x", false),
            ("https://gitlab.example.com:8443/gitlab/x", false),
            ("https://evil.example/gitlab/x", false),
            ("https://x.gitlab.example.com/gitlab/x", false),
            ("https://gitlab.example.com/x", false),
            ("https://gitlab.example.com/gitlabx/x", false),
        ] {
            let target = Target::from_uri(&url.parse().unwrap()).unwrap();
            let mut headers = HeaderMap::new();
            let attached = attach(&token(), site, &site.rules[1], &target, &mut headers);
            assert_eq!(attached.is_ok(), goes, "{url}");
            assert_eq!(headers.get("authorization").is_some_and(HeaderValue::is_sensitive), goes, "{url}");
            assert!(!format!("{headers:?}").contains("canary"));
        }
    }

    #[test]
    fn a_header_in_the_credentials_place_never_stays() {
        let permission = permission();
        let site = permission.site().unwrap();
        let target = Target::from_uri(&"https://gitlab.example.com/gitlab/x".parse().unwrap()).unwrap();
        for (rule, left) in [(0, None), (1, Some("Bearer canary"))] {
            let mut headers = HeaderMap::new();
            headers.append("authorization", HeaderValue::from_static("Bearer mine"));
            headers.append("authorization", HeaderValue::from_static("Bearer too"));
            attach(&token(), site, &site.rules[rule], &target, &mut headers).unwrap();
            let values: Vec<_> = headers.get_all("authorization").iter().map(|value| value.to_str().unwrap()).collect();
            assert_eq!(values, Vec::from_iter(left));
        }
    }
}
