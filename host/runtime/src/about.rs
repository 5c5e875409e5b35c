//! What a connector says of itself, read with nothing granted.
//!
//! Its permission tables are kept in the cache folder, beside the compiled code: they are all that a connection needs to be opened, so a
//! process that opens one is spared a call. Whoever can write there runs code as this user anyway, and what an operator has not
//! approved, by its digest, is not granted from there either.

use crate::bindings::exports::gitlab_sync::connector::about as wit;
use crate::call::{self, CallError, Lending};
use crate::engine::Connector;
use crate::manifest::{Capture, Credential, CredentialUse, JsonShape, Pin, Profile, Rule, Slot, SlotUse, WorkspaceUse};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use wit::{Description, ErrorEntry, Feature};

/// Ours take 40 KiB. What a foreign component says may be as long as what crosses the border in a call, and that is not for the disk.
const MOST_KEPT_BYTES: usize = 1 << 20;

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

    /// The permission tables an operator can choose from: as it said once, to this process or to an earlier one with this cache folder.
    pub async fn profiles(&self) -> Result<Arc<[Profile]>, AboutError> {
        let find = || async {
            let file = self.kept_profiles();
            if let Some(kept) = file.as_deref().and_then(read_profiles) {
                return Ok(kept);
            }
            let profiles: Arc<[Profile]> = self.about().await?.profiles.as_slice().into();
            // Not kept, it is asked again by the next process.
            _ = file.map(|file| write_profiles(&file, &profiles));
            Ok(profiles)
        };
        self.loaded.profiles.get_or_try_init(find).await.cloned()
    }

    /// A file for each component and each version of the words in it.
    fn kept_profiles(&self) -> Option<PathBuf> {
        let digest = self.outline().digest.trim_start_matches("sha256:");
        let name = format!("profiles-{digest}-{}.json", env!("CARGO_PKG_VERSION"));
        self.engine().cache_folder().map(|folder| folder.join(name))
    }
}

/// None: there is none that can be read.
fn read_profiles(file: &Path) -> Option<Arc<[Profile]>> {
    let profiles: Vec<Profile> = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    Some(profiles.into())
}

/// Whole, also for a process that reads it meanwhile.
fn write_profiles(file: &Path, profiles: &[Profile]) -> std::io::Result<()> {
    let text = serde_json::to_vec(profiles)?;
    if text.len() > MOST_KEPT_BYTES {
        return Ok(());
    }
    let aside = file.with_extension(std::process::id().to_string());
    fs::write(&aside, text)?;
    fs::rename(aside, file)
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
