//! What a component says it wants: its profiles, each with the digest that an operator approves.

use gitlab_sync_host::manifest::Profile;
use serde::Serialize;

/// What the `about` interface says, as far as it is for a reviewer.
#[derive(Debug, Serialize)]
pub(crate) struct Wants {
    pub(crate) profiles: Vec<Wanted>,
}

/// A profile to approve.
#[derive(Debug, Serialize)]
pub(crate) struct Wanted {
    pub(crate) digest: String,
    #[serde(flatten)]
    pub(crate) profile: Profile,
}

impl Wants {
    pub(crate) fn of(profiles: &[Profile]) -> Self {
        let wanted = |profile: &Profile| Wanted { digest: profile.digest(), profile: profile.clone() };
        Self { profiles: profiles.iter().map(wanted).collect() }
    }
}
