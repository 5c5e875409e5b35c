//! Tokens that are about to end. GitLab tells seven days before, newer versions also thirty and sixty.

use super::payload::Payload;
use crate::date::days_since_1970;

/// What the token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenClass {
    /// The API, as a bot of a project or a group.
    Access,
    /// Reading repositories and registries.
    Deploy,
}

/// A token that is about to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiringToken {
    /// What it is good for.
    pub class: TokenClass,
    /// Its number.
    pub id: Option<u64>,
    /// As its owner called it.
    pub name: Option<String>,
    /// The day on which it is no good any more.
    pub expires_on: Option<String>,
}

impl ExpiringToken {
    pub(super) fn of(class: TokenClass, payload: &Payload<'_>) -> Self {
        let attributes = &payload.object_attributes;
        let day = attributes.expires_at.get().filter(|text| days_since_1970(text).is_some());
        Self {
            class,
            id: attributes.id.get(),
            name: attributes.name.owned(),
            expires_on: day.map(|text| text[..10].to_owned()),
        }
    }
}
