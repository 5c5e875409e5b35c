//! The component itself, and what it says of itself: the `about` interface over the domain.

use std::sync::Once;

use super::bindings::exports::gitlab_sync::connector::about as wit;
use super::bindings::gitlab_sync::connector::types;
use super::lent::Lent;
use crate::host::{Level, Log};
use crate::request::Instance;
use crate::{about, error};

/// What the contract's exports are implemented for.
pub(super) struct Connector;

/// What this call was lent, with panics made visible: on this target their messages would vanish.
pub(super) fn lent() -> Lent {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            Lent.event(Level::Error, "the connector panicked", &[("panic", &info.to_string())]);
        }));
    });
    Lent
}

impl wit::Guest for Connector {
    fn describe() -> wit::Description {
        let about::Description { name, version, contract, summary, license, source } = about::DESCRIPTION;
        wit::Description {
            name: name.into(),
            version: version.into(),
            contract: contract.into(),
            summary: summary.into(),
            license: license.into(),
            source: source.into(),
        }
    }

    fn profiles() -> Vec<wit::Profile> {
        about::profiles().into_iter().map(profile).collect()
    }

    fn errors() -> Vec<wit::ErrorEntry> {
        let entry = |code: &error::Code| wit::ErrorEntry {
            code: code.name().into(),
            sentence: code.sentence().into(),
            remedy: code.remedy().into(),
        };
        error::Code::ALL.iter().map(entry).collect()
    }

    fn features() -> Vec<wit::Feature> {
        let feature = |(name, since): &(&str, &str)| wit::Feature { name: (*name).into(), since: (*since).into() };
        about::FEATURES.iter().map(feature).collect()
    }

    fn settings_schema() -> String {
        about::SETTINGS_SCHEMA.into()
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn profile(profile: about::Profile) -> wit::Profile {
    let (slot, header, prefix) = about::CREDENTIAL;
    wit::Profile {
        name: profile.name.into(),
        summary: profile.summary.into(),
        credential: wit::Credential { slot: slot.into(), header: header.into(), prefix: prefix.into() },
        workspace: match profile.workspace {
            about::WorkspaceUse::None => wit::WorkspaceUse::None,
            about::WorkspaceUse::ReadWrite => wit::WorkspaceUse::ReadWrite,
        },
        rules: profile.rules.iter().map(rule).collect(),
        slots: profile.slots.iter().map(slot_of).collect(),
    }
}

fn rule(rule: &about::Rule) -> wit::Rule {
    let pin = |(key, values): &(&str, &[&str])| wit::Pin { key: (*key).into(), values: owned(values) };
    wit::Rule {
        purpose: rule.purpose.into(),
        method: rule.method.into(),
        path: rule.path.into(),
        query: owned(rule.query),
        credential: if rule.with_credential { wit::CredentialUse::Attach } else { wit::CredentialUse::Withhold },
        max_request_bytes: rule.max_request_bytes,
        max_reply_bytes: rule.max_reply_bytes,
        json: rule
            .json
            .map(|shape| wit::JsonShape { keys: owned(shape.keys), pins: shape.pins.iter().map(pin).collect() }),
        fills: owned(rule.fills),
        captures: Vec::new(),
    }
}

fn slot_of(slot: &about::Slot) -> wit::Slot {
    let use_of = |slot_use: &about::SlotUse| match slot_use {
        about::SlotUse::Generate => wit::SlotUse::Generate,
        about::SlotUse::Forget => wit::SlotUse::Forget,
        about::SlotUse::Matches => wit::SlotUse::Matches,
        about::SlotUse::Verify => wit::SlotUse::Verify,
        about::SlotUse::Rename => wit::SlotUse::Rename,
    };
    wit::Slot { name: slot.name.into(), purpose: slot.purpose.into(), uses: slot.uses.iter().map(use_of).collect() }
}

impl From<error::Error> for types::Error {
    fn from(error: error::Error) -> Self {
        Self {
            code: error.code.name().into(),
            message: error.message,
            remedy: error.code.remedy().into(),
            retry_after_ms: error.retry_after_ms,
        }
    }
}

impl From<types::Instance> for Instance {
    fn from(instance: types::Instance) -> Self {
        Self { scheme: instance.scheme, authority: instance.authority, base_path: instance.base_path }
    }
}

impl From<Instance> for types::Instance {
    fn from(instance: Instance) -> Self {
        Self { scheme: instance.scheme, authority: instance.authority, base_path: instance.base_path }
    }
}
