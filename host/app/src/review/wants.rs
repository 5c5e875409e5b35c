//! What a component says it wants: its profiles, each with the digest that an operator approves.

use super::{MOST_ENTRIES, MOST_PROFILES};
use gitlab_sync_host::about::{About, Description, ErrorEntry, Feature};
use gitlab_sync_host::manifest::Profile;
use serde::Serialize;

/// What the `about` interface says, as far as it is for a reviewer.
#[derive(Debug, Serialize)]
pub(crate) struct Wants {
    pub(crate) description: Description,
    pub(crate) profiles: Vec<Wanted>,
    pub(crate) errors: Vec<ErrorEntry>,
    pub(crate) features: Vec<Feature>,
}

/// A profile to approve.
#[derive(Debug, Serialize)]
pub(crate) struct Wanted {
    pub(crate) digest: String,
    #[serde(flatten)]
    pub(crate) profile: Profile,
}

impl Wants {
    pub(crate) fn of(about: &About) -> Self {
        let wanted = |profile: &Profile| {
            let (digest, mut profile) = (profile.digest(), profile.clone());
            profile.rules.truncate(MOST_ENTRIES);
            profile.slots.truncate(MOST_ENTRIES);
            Wanted { digest, profile }
        };
        Self {
            description: about.description.clone(),
            profiles: about.profiles.iter().take(MOST_PROFILES).map(wanted).collect(),
            errors: about.errors.clone(),
            features: about.features.clone(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use gitlab_sync_host::manifest::{Credential, CredentialUse, Rule, Slot, WorkspaceUse};

    /// What a component with these profiles says of itself.
    pub(in crate::review) fn about(profiles: Vec<Profile>) -> About {
        let description = Description {
            name: "connector".into(),
            version: "1.0.0".into(),
            contract: "gitlab-sync:connector@0.1.0".into(),
            summary: "Syncs.".into(),
            license: "MIT".into(),
            source: "https://example.com".into(),
        };
        About { description, profiles, errors: vec![], features: vec![], settings_schema: "{}".into() }
    }

    /// A profile with one rule and one slot.
    pub(in crate::review) fn reader() -> Profile {
        Profile {
            name: "reader".into(),
            summary: "Reads.".into(),
            credential: Credential { slot: "token".into(), header: "authorization".into(), prefix: "Bearer ".into() },
            workspace: WorkspaceUse::Read,
            rules: vec![Rule {
                purpose: "read the version".into(),
                method: "GET".into(),
                path: "/api/v4/version".into(),
                query: vec![],
                credential: CredentialUse::Attach,
                max_request_bytes: 0,
                max_reply_bytes: 1024,
                json: None,
                fills: vec![],
                captures: vec![],
            }],
            slots: vec![Slot { name: "token".into(), purpose: "the access token".into(), uses: vec![] }],
        }
    }
}
