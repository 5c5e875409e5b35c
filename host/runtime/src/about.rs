//! What a connector says of itself, read with nothing granted.

use crate::bindings::exports::gitlab_sync::connector::about as wit;
use crate::manifest::{Credential, CredentialUse, JsonShape, Pin, Profile, Rule, Slot, SlotUse, WorkspaceUse};
use serde::Serialize;

pub use wit::{Description, ErrorEntry, Feature};

/// The `about` interface, read once per component.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct About {
    /// Name, version, license and the like.
    pub description: Description,
    /// The permission tables an operator can choose from.
    pub profiles: Vec<Profile>,
    /// Every code an error can have.
    pub errors: Vec<ErrorEntry>,
    /// Since which GitLab something works.
    pub features: Vec<Feature>,
    /// JSON Schema of the settings.
    pub settings_schema: String,
}

impl About {
    /// The profile of this name.
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }
}

impl From<wit::Profile> for Profile {
    fn from(wit: wit::Profile) -> Self {
        Self {
            name: wit.name,
            summary: wit.summary,
            credential: Credential {
                slot: wit.credential.slot,
                header: wit.credential.header,
                prefix: wit.credential.prefix,
            },
            workspace: match wit.workspace {
                wit::WorkspaceUse::None => WorkspaceUse::None,
                wit::WorkspaceUse::Read => WorkspaceUse::Read,
                wit::WorkspaceUse::ReadWrite => WorkspaceUse::ReadWrite,
            },
            rules: wit.rules.into_iter().map(Rule::from).collect(),
            slots: wit.slots.into_iter().map(Slot::from).collect(),
        }
    }
}

impl From<wit::Rule> for Rule {
    fn from(wit: wit::Rule) -> Self {
        Self {
            purpose: wit.purpose,
            method: wit.method,
            path: wit.path,
            query: wit.query,
            credential: match wit.credential {
                wit::CredentialUse::Attach => CredentialUse::Attach,
                wit::CredentialUse::Withhold => CredentialUse::Withhold,
            },
            max_request_bytes: wit.max_request_bytes,
            max_reply_bytes: wit.max_reply_bytes,
            json: wit.json.map(|shape| JsonShape {
                keys: shape.keys,
                pins: shape.pins.into_iter().map(|pin| Pin { key: pin.key, values: pin.values }).collect(),
            }),
            fills: wit.fills,
            captures: wit.captures,
        }
    }
}

impl From<wit::Slot> for Slot {
    fn from(wit: wit::Slot) -> Self {
        let uses = wit.uses.into_iter().map(|slot_use| match slot_use {
            wit::SlotUse::Generate => SlotUse::Generate,
            wit::SlotUse::Forget => SlotUse::Forget,
            wit::SlotUse::Matches => SlotUse::Matches,
            wit::SlotUse::Verify => SlotUse::Verify,
            wit::SlotUse::Rename => SlotUse::Rename,
        });
        Self { name: wit.name, purpose: wit.purpose, uses: uses.collect() }
    }
}
