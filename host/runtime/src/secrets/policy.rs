//! What a profile lets be done with its slots. Pure.
//!
//! Decided here: whether a slot exists, whether a use of it is listed, and whether a rule lets it go out. Slots that the profile does
//! not list do not exist. What comes in is no question: the rule lists field and slot, and the connector has no say. Not decided
//! here: which rule a request falls under (`http::policy`, behind [`super::exchange::Transport`]), and how often something may be
//! done in a call (`connection`).

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::names::{NameError, SlotName, shown};
use crate::manifest::{Capture, Profile, SlotUse};

/// The slots of one profile and their uses.
#[derive(Clone, Debug)]
pub struct SlotTable {
    profile: String,
    slots: BTreeMap<SlotName, Vec<SlotUse>>,
}

/// The part of a rule that is about secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeRule {
    /// The rule's own words for what it is for.
    pub purpose: String,
    /// Slots that may go out.
    pub fills: Vec<String>,
    /// What comes in.
    pub captures: Vec<Capture>,
}

/// Why not, and the line that would permit it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Denial {
    /// The profile does not list the slot.
    #[error("profile `{profile}` has no slot `{slot}`; it would need a slot of that name")]
    NoSlot {
        /// The profile.
        profile: String,
        /// What was asked for.
        slot: String,
    },
    /// The slot does not list the use.
    #[error(
        "profile `{profile}` lets nobody `{wanted}` with slot `{slot}`; it would need `{wanted}` in the slot's uses"
    )]
    Use {
        /// The profile.
        profile: String,
        /// The slot.
        slot: SlotName,
        /// The use.
        wanted: &'static str,
    },
    /// The rule does not list the slot.
    #[error("slot `{slot}` may not go out to \"{purpose}\"; the rule would need `{slot}` in its fills")]
    Fill {
        /// The rule.
        purpose: String,
        /// The slot.
        slot: SlotName,
    },
}

impl SlotTable {
    /// The slots of a profile; fails when one has an impossible name.
    pub fn new(profile: &Profile) -> Result<Self, NameError> {
        let slots = profile.slots.iter().map(|slot| Ok((SlotName::parse(&slot.name)?, slot.uses.clone())));
        Ok(Self { profile: profile.name.clone(), slots: slots.collect::<Result<_, NameError>>()? })
    }

    /// The slot of this name, if the profile has it.
    pub fn known(&self, slot: &str) -> Result<SlotName, Denial> {
        let name = SlotName::parse(slot).ok().filter(|name| self.slots.contains_key(name));
        name.ok_or_else(|| Denial::NoSlot { profile: self.profile.clone(), slot: shown(slot) })
    }

    /// The slot of this name, if the profile has it with this use.
    pub fn permit(&self, slot: &str, wanted: SlotUse) -> Result<SlotName, Denial> {
        let slot = self.known(slot)?;
        if self.slots[&slot].contains(&wanted) {
            return Ok(slot);
        }
        Err(Denial::Use { profile: self.profile.clone(), slot, wanted: word(wanted) })
    }
}

impl ExchangeRule {
    /// Whether a request under this rule may carry these secrets.
    pub fn permit(&self, fills: &BTreeSet<SlotName>) -> Result<(), Denial> {
        let listed = |slot: &SlotName| self.fills.iter().any(|name| name == slot.as_str());
        match fills.iter().find(|slot| !listed(slot)) {
            Some(slot) => Err(Denial::Fill { purpose: self.purpose.clone(), slot: slot.clone() }),
            None => Ok(()),
        }
    }
}

fn word(wanted: SlotUse) -> &'static str {
    match wanted {
        SlotUse::Generate => "generate",
        SlotUse::Forget => "forget",
        SlotUse::Matches => "matches",
        SlotUse::Verify => "verify",
        SlotUse::Rename => "rename",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Credential, Slot, WorkspaceUse};

    fn table() -> SlotTable {
        let slot = |name: &str, uses| Slot { name: name.to_owned(), purpose: String::new(), uses };
        let credential =
            Credential { slot: "token".to_owned(), header: "authorization".to_owned(), prefix: "Bearer ".to_owned() };
        SlotTable::new(&Profile {
            name: "files".to_owned(),
            summary: String::new(),
            credential,
            workspace: WorkspaceUse::None,
            rules: vec![],
            slots: vec![slot("token", vec![]), slot("webhook", vec![SlotUse::Generate, SlotUse::Matches])],
        })
        .unwrap()
    }

    #[test]
    fn what_is_not_listed_is_denied_with_the_line_that_is_missing() {
        let all = [SlotUse::Generate, SlotUse::Forget, SlotUse::Matches, SlotUse::Verify, SlotUse::Rename];
        for wanted in all {
            let expected = matches!(wanted, SlotUse::Generate | SlotUse::Matches);
            assert_eq!(table().permit("webhook", wanted).is_ok(), expected, "{wanted:?}");
            assert!(table().permit("token", wanted).is_err(), "{wanted:?}");
            assert!(table().permit("other", wanted).is_err(), "{wanted:?}");
        }
        let denial = table().permit("webhook", SlotUse::Forget).unwrap_err().to_string();
        assert!(denial.ends_with("it would need `forget` in the slot's uses"), "{denial}");
        assert!(table().known("token").is_ok());
        for stranger in ["", "@key", "@pending:webhook", "Webhook", "webhook ", "../token"] {
            assert!(matches!(table().known(stranger), Err(Denial::NoSlot { .. })), "{stranger}");
        }
    }

    #[test]
    fn a_secret_goes_only_where_its_rule_says() {
        let rule =
            ExchangeRule { purpose: "make a webhook".to_owned(), fills: vec!["webhook".to_owned()], captures: vec![] };
        let slot = |name| SlotName::parse(name).unwrap();
        let (none, hook, token) = (BTreeSet::new(), BTreeSet::from([slot("webhook")]), BTreeSet::from([slot("token")]));
        rule.permit(&none).unwrap();
        rule.permit(&hook).unwrap();
        let denial = rule.permit(&token).unwrap_err().to_string();
        assert_eq!(
            denial,
            "slot `token` may not go out to \"make a webhook\"; the rule would need `token` in its fills"
        );
    }
}
