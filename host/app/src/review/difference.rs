//! What a new version of a component could do that the old one could not, and the other way round.
//!
//! Decided here: which change is a gain, which a loss and which is neither. Two rules of one profile are compared term by term only where
//! method and path tell which two belong together; otherwise each of them is told in full, so that no gain hides in a pairing.

use super::wants::Wanted;
use super::words::{self, size, terms};
use super::{Import, Review, Wants};
use crate::text::{Page, Style, Text};
use gitlab_sync_host::manifest::{Capture, CredentialUse, JsonShape, Profile, Rule, Slot, WorkspaceUse};
use serde::Serialize;
use std::collections::BTreeSet;

/// From one component to another.
#[derive(Debug, Serialize)]
pub(crate) struct Difference {
    old: Side,
    new: Side,
    /// What only the new one can do.
    gained: Vec<Item>,
    /// What only the old one could do.
    lost: Vec<Item>,
    /// What is neither more nor less, such as other words.
    changed: Vec<Item>,
    /// What of the new one lies outside the contract.
    outside: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Side {
    file: String,
    digest: String,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Item {
    /// `imports`, `exports` or a profile.
    place: String,
    what: String,
}

impl Difference {
    pub(crate) fn between(old: &Review, new: &Review) -> Self {
        let side = |review: &Review| Side { file: review.file.clone(), digest: review.digest.clone() };
        let mut lists = Lists::default();
        lists.imports(&old.imports, &new.imports);
        lists.at("exports").sets(&old.exports, &new.exports, |export| format!("`{export}`"));
        lists.profiles(old.wants.as_ref(), new.wants.as_ref());
        let Lists { gained, lost, changed, .. } = lists;
        Self { old: side(old), new: side(new), gained, lost, changed, outside: new.outside.clone() }
    }

    pub(crate) fn page(&self) -> Page {
        let mut page = Page::new();
        for (word, side) in [("old", &self.old), ("new", &self.new)] {
            page.line(Text::new().column(Style::Dim, word, 3).bold(&side.file).plain("  ").dim(&side.digest));
        }
        section(&mut page, "The new one could also", Style::Warn, "+ ", &self.gained);
        section(&mut page, "It could no longer", Style::Good, "- ", &self.lost);
        section(&mut page, "Otherwise different", Style::Plain, "~ ", &self.changed);
        page.line("");
        page.line(match (self.old.digest == self.new.digest, self.gained.is_empty()) {
            (true, _) => Text::new().with(Style::Good, "They are the same, byte for byte."),
            (_, true) => Text::new().with(Style::Good, "The new one could do nothing that the old one could not."),
            (_, false) => Text::new().with(Style::Warn, "The new one could do more than the old one."),
        });
        for reason in &self.outside {
            page.line(Text::new().with(Style::Bad, "Outside the contract: the new one ").plain(reason));
        }
        page
    }
}

fn section(page: &mut Page, heading: &str, style: Style, mark: &str, items: &[Item]) {
    if items.is_empty() {
        return;
    }
    page.heading(heading);
    let width = items.iter().map(|item| item.place.chars().count()).max().unwrap_or(0);
    for item in items {
        page.line(Text::from("  ").with(style, mark).column(Style::Dim, &item.place, width).plain(&item.what));
    }
}

/// The lists while they grow.
#[derive(Default)]
struct Lists {
    place: String,
    gained: Vec<Item>,
    lost: Vec<Item>,
    changed: Vec<Item>,
}

impl Lists {
    fn at(&mut self, place: &str) -> &mut Self {
        self.place = place.into();
        self
    }

    fn item(&self, what: impl Into<String>) -> Item {
        Item { place: self.place.clone(), what: what.into() }
    }

    fn gain(&mut self, what: impl Into<String>) {
        self.gained.push(self.item(what));
    }

    fn lose(&mut self, what: impl Into<String>) {
        self.lost.push(self.item(what));
    }

    fn change(&mut self, what: impl Into<String>) {
        self.changed.push(self.item(what));
    }

    fn sets<T: Ord>(&mut self, old: &[T], new: &[T], words: impl Fn(&T) -> String) {
        let (old, new): (BTreeSet<_>, BTreeSet<_>) = (old.iter().collect(), new.iter().collect());
        new.difference(&old).for_each(|entry| self.gain(words(entry)));
        old.difference(&new).for_each(|entry| self.lose(words(entry)));
    }

    /// A limit: more is a gain.
    fn limits(&mut self, what: &str, old: u64, new: u64) {
        let words = format!("{what}: {} instead of {}", size(new), size(old));
        match old.cmp(&new) {
            std::cmp::Ordering::Less => self.gain(words),
            std::cmp::Ordering::Greater => self.lose(words),
            std::cmp::Ordering::Equal => {}
        }
    }

    fn imports(&mut self, old: &[Import], new: &[Import]) {
        self.at("imports");
        let name = |import: &Import| import.interface.split('@').next().unwrap_or_default().to_owned();
        for import in new {
            match old.iter().find(|known| name(known) == name(import)) {
                None => self.gain(format!("`{}`: {}", import.interface, import.meaning)),
                Some(known) => self.functions(known, import),
            }
        }
        let is_gone = |import: &&Import| !new.iter().any(|known| name(known) == name(import));
        for import in old.iter().filter(is_gone) {
            self.lose(format!("`{}`: {}", import.interface, import.meaning));
        }
    }

    fn functions(&mut self, old: &Import, new: &Import) {
        if old.interface != new.interface {
            self.change(format!("`{}` instead of `{}`", new.interface, old.interface));
        }
        let names = |import: &Import| import.functions.iter().map(|function| function.name.clone()).collect::<Vec<_>>();
        self.sets(&names(old), &names(new), |function| format!("`{function}` of `{}`", new.interface));
    }

    fn profiles(&mut self, old: Option<&Wants>, new: Option<&Wants>) {
        let (old, new) = (old.map_or(&[][..], |wants| &wants.profiles), new.map_or(&[][..], |wants| &wants.profiles));
        let find = |side: &'_ [Wanted], name: &str| side.iter().position(|wanted| wanted.profile.name == name);
        for wanted in new {
            match find(old, &wanted.profile.name) {
                None => self.whole_profile(&wanted.profile, Self::gain),
                Some(index) => self.profile(&old[index], wanted),
            }
        }
        for wanted in old.iter().filter(|wanted| find(new, &wanted.profile.name).is_none()) {
            self.whole_profile(&wanted.profile, Self::lose);
        }
    }

    fn whole_profile(&mut self, profile: &Profile, mut tell: impl FnMut(&mut Self, String)) {
        self.at(&profile.name);
        tell(self, format!("the profile itself: {}", profile.summary));
        if profile.workspace != WorkspaceUse::None {
            tell(self, format!("workspace: {}", words::workspace(profile.workspace)));
        }
        profile.rules.iter().for_each(|rule| tell(self, rule_words(rule)));
        profile.slots.iter().for_each(|slot| tell(self, slot_words(slot)));
    }

    fn profile(&mut self, old: &Wanted, new: &Wanted) {
        if old.digest == new.digest {
            return;
        }
        self.at(&new.profile.name);
        self.change(format!("to approve: `{}` instead of `{}`", new.digest, old.digest));
        let (old, new) = (&old.profile, &new.profile);
        if old.summary != new.summary {
            self.change(format!("summary: {}", new.summary));
        }
        if old.credential != new.credential {
            let words = |profile: &Profile| {
                let credential = &profile.credential;
                format!("`{}: {}…` from the slot `{}`", credential.header, credential.prefix, credential.slot)
            };
            // Another slot is another secret, so it counts as a gain.
            self.gain(format!("credential: {} instead of {}", words(new), words(old)));
        }
        let workspace =
            format!("workspace: {}, before {}", words::workspace(new.workspace), words::workspace(old.workspace));
        match old.workspace.cmp(&new.workspace) {
            std::cmp::Ordering::Less => self.gain(workspace),
            std::cmp::Ordering::Greater => self.lose(workspace),
            std::cmp::Ordering::Equal => {}
        }
        self.rules(&old.rules, &new.rules);
        self.slots(&old.slots, &new.slots);
    }

    fn rules(&mut self, old: &[Rule], new: &[Rule]) {
        let (old, new) = without_common(old, new);
        let key = |rule: &Rule| (rule.method.clone(), rule.path.clone());
        let keys: BTreeSet<_> = old.iter().chain(&new).map(|rule| key(rule)).collect();
        for wanted in keys {
            let of =
                |side: &[&Rule]| side.iter().copied().filter(|rule| key(rule) == wanted).cloned().collect::<Vec<_>>();
            match (of(&old).as_slice(), of(&new).as_slice()) {
                ([old], [new]) => self.rule(old, new),
                (old, new) => {
                    new.iter().for_each(|rule| self.gain(rule_words(rule)));
                    old.iter().for_each(|rule| self.lose(rule_words(rule)));
                }
            }
        }
    }

    /// The same method and path on other terms.
    fn rule(&mut self, old: &Rule, new: &Rule) {
        let name = format!("{} {}", new.method, new.path);
        if old.purpose != new.purpose {
            self.change(format!("{name}: purpose: {}", new.purpose));
        }
        match (old.credential, new.credential) {
            (CredentialUse::Withhold, CredentialUse::Attach) => self.gain(format!("{name}: with the credential")),
            (CredentialUse::Attach, CredentialUse::Withhold) => self.lose(format!("{name}: with the credential")),
            _ => {}
        }
        self.sets(&old.query, &new.query, |query| format!("{name}: query `{query}`"));
        self.limits(&format!("{name}: body"), old.max_request_bytes, new.max_request_bytes);
        self.limits(&format!("{name}: reply"), old.max_reply_bytes, new.max_reply_bytes);
        self.shapes(&name, old.json.as_ref(), new.json.as_ref());
        self.sets(&old.fills, &new.fills, |slot| format!("{name}: send the secret `{slot}`"));
        self.captures(&name, &old.captures, &new.captures);
    }

    /// A field that the host no longer keeps to itself is one more that the connector sees.
    fn captures(&mut self, name: &str, old: &[Capture], new: &[Capture]) {
        self.sets(old, new, |capture| format!("{name}: keep {}", words::capture(capture)));
        for Capture { field, .. } in old.iter().filter(|old| new.iter().all(|new| new.field != old.field)) {
            self.gain(format!("{name}: see `{field}` of the reply"));
        }
    }

    fn shapes(&mut self, name: &str, old: Option<&JsonShape>, new: Option<&JsonShape>) {
        match (old, new) {
            (Some(_), None) => self.gain(format!("{name}: any body")),
            (None, Some(_)) => self.lose(format!("{name}: any body")),
            (Some(old), Some(new)) => {
                self.sets(&old.keys, &new.keys, |key| format!("{name}: JSON key `{key}`"));
                for key in new.keys.iter().filter(|key| old.keys.contains(key)) {
                    self.pins(&format!("{name}: JSON key `{key}`"), texts(old, key), texts(new, key));
                }
            }
            (None, None) => {}
        }
    }

    fn pins(&mut self, name: &str, old: Option<&[String]>, new: Option<&[String]>) {
        match (old, new) {
            (Some(_), None) => self.gain(format!("{name} with any value")),
            (None, Some(_)) => self.lose(format!("{name} with any value")),
            (Some(old), Some(new)) => self.sets(old, new, |text| format!("{name} saying `{}`", shortened(text))),
            (None, None) => {}
        }
    }

    fn slots(&mut self, old: &[Slot], new: &[Slot]) {
        for slot in new {
            let Some(known) = old.iter().find(|known| known.name == slot.name) else {
                self.gain(slot_words(slot));
                continue;
            };
            if known.purpose != slot.purpose {
                self.change(format!("secret `{}`: purpose: {}", slot.name, slot.purpose));
            }
            self.sets(&known.uses, &slot.uses, |slot_use| {
                format!("secret `{}`: {}", slot.name, words::slot_use(*slot_use))
            });
        }
        for slot in old.iter().filter(|slot| !new.iter().any(|known| known.name == slot.name)) {
            self.lose(slot_words(slot));
        }
    }
}

/// Both lists without the rules that are in both, each counted as often as it is there.
fn without_common<'a>(old: &'a [Rule], new: &'a [Rule]) -> (Vec<&'a Rule>, Vec<&'a Rule>) {
    let mut old: Vec<_> = old.iter().collect();
    let mut rest = vec![];
    for rule in new {
        match old.iter().position(|known| *known == rule) {
            Some(index) => drop(old.remove(index)),
            None => rest.push(rule),
        }
    }
    (old, rest)
}

/// The texts a key is pinned to. None: any value.
fn texts<'a>(shape: &'a JsonShape, key: &str) -> Option<&'a [String]> {
    shape.pins.iter().find(|pin| pin.key == key).map(|pin| pin.values.as_slice())
}

fn rule_words(rule: &Rule) -> String {
    format!("{} {}: {} ({})", rule.method, rule.path, rule.purpose, terms(rule))
}

fn slot_words(slot: &Slot) -> String {
    let uses: Vec<_> = slot.uses.iter().map(|slot_use| words::slot_use(*slot_use)).collect();
    format!("secret `{}`: {} ({})", slot.name, slot.purpose, uses.join(", "))
}

fn shortened(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= 80 { words } else { words.chars().take(79).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::super::wants::tests::{about, reader};
    use super::*;
    use gitlab_sync_host::manifest::{Pin, SlotUse};

    /// Gained, lost and otherwise changed, without the line of the two digests.
    fn between(old: Profile, new: Profile) -> [Vec<String>; 3] {
        let wants = |profile| Wants::of(&about(vec![profile]));
        let mut lists = Lists::default();
        lists.profiles(Some(&wants(old)), Some(&wants(new)));
        let words = |items: Vec<Item>| items.into_iter().map(|item| item.what).collect::<Vec<_>>();
        let changed = words(lists.changed).into_iter().filter(|what| !what.starts_with("to approve: ")).collect();
        [words(lists.gained), words(lists.lost), changed]
    }

    /// What `change` adds is a gain one way and a loss the other way.
    fn is_a_gain(change: impl Fn(&mut Profile), words: &str) {
        let mut wider = reader();
        change(&mut wider);
        let [gained, lost, changed] = between(reader(), wider.clone());
        assert!(gained.len() == 1 && gained[0].contains(words), "{gained:?}");
        assert!(lost.is_empty() && changed.is_empty(), "{lost:?} {changed:?}");
        let [gained, lost, _] = between(wider, reader());
        assert!(gained.is_empty() && lost.len() == 1, "{gained:?} {lost:?}");
    }

    #[test]
    fn every_term_that_widens_a_profile_is_a_gain() {
        is_a_gain(
            |profile| profile.workspace = WorkspaceUse::ReadWrite,
            "workspace: read and change, before read only",
        );
        is_a_gain(|profile| profile.rules[0].query.push("sudo".into()), "query `sudo`");
        is_a_gain(|profile| profile.rules[0].max_reply_bytes = 2048, "reply: 2 KiB instead of 1 KiB");
        is_a_gain(|profile| profile.rules[0].max_request_bytes = 1, "body: 1 bytes instead of 0 bytes");
        is_a_gain(|profile| profile.rules[0].fills.push("token".into()), "send the secret `token`");
        is_a_gain(|profile| profile.slots[0].uses.push(SlotUse::Matches), "secret `token`: compare with it");
        let slot = Slot { name: "webhook".into(), purpose: "proof".into(), uses: vec![SlotUse::Verify] };
        is_a_gain(move |profile| profile.slots.push(slot.clone()), "secret `webhook`: proof");
        let write = |profile: &mut Profile| {
            let rule = Rule { method: "POST".into(), purpose: "write".into(), ..profile.rules[0].clone() };
            profile.rules.push(rule);
        };
        is_a_gain(write, "POST /api/v4/version: write (with the credential; reply up to 1 KiB)");
    }

    #[test]
    fn a_body_is_narrower_with_keys_and_narrower_still_with_fixed_texts() {
        let shape = |keys: &[&str], texts: Option<&[&str]>| {
            let mut profile = reader();
            let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
            let pins = texts.map(|texts| Pin { key: "query".into(), values: owned(texts) }).into_iter().collect();
            profile.rules[0].json = Some(JsonShape { keys: owned(keys), pins });
            profile
        };
        let table = [
            (shape(&["query"], None), reader(), "any body"),
            (shape(&["query"], None), shape(&["query", "variables"], None), "JSON key `variables`"),
            (
                shape(&["query"], Some(&["{a}"])),
                shape(&["query"], Some(&["{a}", "{b}"])),
                "JSON key `query` saying `{b}`",
            ),
            (shape(&["query"], Some(&["{a}"])), shape(&["query"], None), "JSON key `query` with any value"),
        ];
        for (narrow, wide, words) in table {
            let [gained, lost, _] = between(narrow.clone(), wide.clone());
            assert!(gained.len() == 1 && gained[0].ends_with(words) && lost.is_empty(), "{gained:?} {lost:?}");
            let [gained, lost, _] = between(wide, narrow);
            assert!(gained.is_empty() && lost.len() == 1, "{gained:?} {lost:?}");
        }
    }

    #[test]
    fn other_words_are_neither_more_nor_less_and_another_secret_is_a_gain() {
        let mut reworded = reader();
        reworded.summary = "Reads on.".into();
        reworded.rules[0].purpose = "look at the version".into();
        let [gained, lost, changed] = between(reader(), reworded);
        assert_eq!((gained.len(), lost.len(), changed.len()), (0, 0, 2), "{changed:?}");
        let mut other = reader();
        other.credential.header = "private-token".into();
        assert_eq!(between(reader(), other)[0].len(), 1);
    }

    #[test]
    fn of_two_rules_for_one_path_no_gain_hides_in_a_pairing() {
        let with = |query: &[&str]| Rule {
            query: query.iter().map(ToString::to_string).collect(),
            ..reader().rules.remove(0)
        };
        let profile = |rules: Vec<Rule>| Profile { rules, ..reader() };
        let [gained, lost, _] =
            between(profile(vec![with(&["a"]), with(&["b"])]), profile(vec![with(&["a", "b"]), with(&[])]));
        assert_eq!((gained.len(), lost.len()), (2, 2), "{gained:?} {lost:?}");
        let [gained, lost, _] =
            between(profile(vec![with(&["a"]), with(&["b"])]), profile(vec![with(&["b"]), with(&["a"])]));
        assert_eq!((gained.len(), lost.len()), (0, 0), "their order means nothing: {gained:?} {lost:?}");
    }

    #[test]
    fn a_field_that_is_no_longer_captured_is_one_that_the_connector_sees() {
        let capture = |field: &str, slot: &str, expires: Option<&str>| Capture {
            field: field.into(),
            slot: slot.into(),
            expires_field: expires.map(str::to_owned),
        };
        let (token, moved) = (capture("token", "token", None), capture("token", "next", Some("expires_at")));
        let keep = "R: keep `token` of the reply in `token`";
        let keep_moved = "R: keep `token` of the reply in `next`, and its expiry from `expires_at`";
        for (old, new, gained, lost) in [
            (vec![], vec![token.clone()], vec![keep], vec![]),
            (vec![token.clone()], vec![moved], vec![keep_moved], vec![keep]),
            (vec![token], vec![], vec!["R: see `token` of the reply"], vec![keep]),
        ] {
            let mut lists = Lists::default();
            lists.captures("R", &old, &new);
            let words = |items: &[Item]| items.iter().map(|item| item.what.clone()).collect::<Vec<_>>();
            assert_eq!(
                (words(&lists.gained), words(&lists.lost)),
                (gained.into_iter().map(String::from).collect(), lost.into_iter().map(String::from).collect())
            );
        }
    }
}
