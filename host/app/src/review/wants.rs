//! What a component says it wants: its profiles, each with the digest that an operator approves.

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
        let wanted = |profile: &Profile| Wanted { digest: profile.digest(), profile: profile.clone() };
        Self {
            description: about.description.clone(),
            profiles: about.profiles.iter().map(wanted).collect(),
            errors: about.errors.clone(),
            features: about.features.clone(),
        }
    }
}
