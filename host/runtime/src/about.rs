//! What a connector says of itself, read with nothing granted.

use crate::bindings::exports::gitlab_sync::connector::about as wit;
use crate::call::{self, CallError, Lending};
use crate::engine::Connector;
use crate::manifest::{Capture, Credential, CredentialUse, JsonShape, Pin, Profile, Rule, Slot, SlotUse, WorkspaceUse};
use serde::Serialize;
use std::sync::Arc;

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

/// Why a connector could not say what it is.
#[derive(Debug, thiserror::Error)]
#[error("the connector does not say what it wants")]
pub struct AboutError(#[source] CallError);

impl AboutError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "do not use it; a connector answers `about` without any permission"
    }
}

impl Connector {
    /// Asks the component what it is and wants, once; nothing is lent to it for that.
    pub async fn about(&self) -> Result<Arc<About>, AboutError> {
        self.loaded
            .about
            .get_or_try_init(|| async { About::ask(self).await.map(Arc::new).map_err(AboutError) })
            .await
            .cloned()
    }
}

impl About {
    async fn ask(connector: &Connector) -> Result<Self, CallError> {
        let nothing = Lending::nothing();
        let asked = call::run(connector, &nothing, "about", |guest, store| {
            Box::pin(async move {
                let about = guest.gitlab_sync_connector_about();
                let profiles = about.call_profiles(&mut *store).await?;
                Ok(Ok(Self {
                    description: about.call_describe(&mut *store).await?,
                    profiles: profiles.into_iter().map(Profile::from).collect(),
                    errors: about.call_errors(&mut *store).await?,
                    features: about.call_features(&mut *store).await?,
                    settings_schema: about.call_settings_schema(store).await?,
                }))
            })
        });
        asked.await.0.map(|answer| answer.unwrap_or_else(|_| unreachable!("`about` has no errors")))
    }

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
            captures: wit.captures.into_iter().map(Capture::from).collect(),
        }
    }
}

impl From<wit::Capture> for Capture {
    fn from(wit: wit::Capture) -> Self {
        Self { field: wit.field, slot: wit.slot, expires_field: wit.expires_field }
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
