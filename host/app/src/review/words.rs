//! Permissions in words: what a rule, a secret and a workspace are granted. For the text of `inspect` and for the server's page.

use gitlab_sync_host::manifest::{
    Capture, CredentialUse, GRANTED_AUTHOR_EMAIL, GRANTED_AUTHOR_NAME, GRANTED_URL, JsonShape, Pin, Rule, SlotUse,
    WorkspaceUse,
};

/// What a rule allows beside method and path.
pub(crate) fn terms(rule: &Rule) -> String {
    let mut terms = vec![match rule.credential {
        CredentialUse::Attach => "with the credential".into(),
        CredentialUse::Withhold => "without the credential".to_owned(),
    }];
    if !rule.query.is_empty() {
        terms.push(format!("query {}", rule.query.join(", ")));
    }
    if rule.max_request_bytes > 0 {
        let shape = rule.json.as_ref().map_or(String::new(), |shape| format!(" of {}", shape_words(shape)));
        terms.push(format!("body up to {}{shape}", size(rule.max_request_bytes)));
    }
    terms.push(format!("reply up to {}", size(rule.max_reply_bytes)));
    terms.extend(rule.fills.iter().map(|slot| format!("the host fills in the secret `{slot}`")));
    terms.extend(rule.captures.iter().map(|capture| format!("the host keeps {}", self::capture(capture))));
    terms.join("; ")
}

/// Which field of the reply goes where, and where its expiry comes from.
pub(crate) fn capture(capture: &Capture) -> String {
    let Capture { field, slot, expires_field } = capture;
    let expiry = expires_field.as_ref().map_or(String::new(), |field| format!(", and its expiry from `{field}`"));
    format!("`{field}` of the reply in `{slot}`{expiry}")
}

/// Letters of a fixed text that is shown.
const SHORT_PIN: usize = 40;

fn shape_words(shape: &JsonShape) -> String {
    let keys = shape.keys.iter().map(|key| match shape.pins.iter().find(|pin| pin.key == *key) {
        Some(pin) => format!("{key} ({})", pin_words(pin)),
        None => key.clone(),
    });
    format!("JSON with {}", keys.collect::<Vec<_>>().join(", "))
}

/// What is short is shown, also where there is a choice; a query of GraphQL is only counted.
fn pin_words(pin: &Pin) -> String {
    let shown = |value: &String| match value.as_str() {
        GRANTED_URL => "the grant's webhook-url".to_owned(),
        GRANTED_AUTHOR_NAME => "the grant's author-name".to_owned(),
        GRANTED_AUTHOR_EMAIL => "the grant's author-email".to_owned(),
        value => format!("\"{value}\""),
    };
    match &pin.values[..] {
        [] => "none is granted".into(),
        values if values.iter().all(|value| value.len() <= SHORT_PIN) => {
            values.iter().map(shown).collect::<Vec<_>>().join(" or ")
        }
        [_] => "1 fixed text".into(),
        values => format!("{} fixed texts", values.len()),
    }
}

pub(crate) fn slot_use(slot_use: SlotUse) -> &'static str {
    match slot_use {
        SlotUse::Generate => "make a new one",
        SlotUse::Forget => "forget it",
        SlotUse::Matches => "compare with it",
        SlotUse::Verify => "check signatures with it",
        SlotUse::Rename => "move it",
    }
}

pub(crate) fn workspace(workspace: WorkspaceUse) -> &'static str {
    match workspace {
        WorkspaceUse::None => "not at all",
        WorkspaceUse::Read => "read only",
        WorkspaceUse::ReadWrite => "read and change",
    }
}

/// `64 KiB` where it is a round number, otherwise bytes.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let round = units.into_iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    round.map_or_else(|| format!("{} bytes", grouped(bytes)), |(unit, name)| format!("{} {name}", bytes / unit))
}

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact() {
        let table = [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1,000 bytes"), (1024, "1 KiB"), (20 << 20, "20 MiB")];
        for (bytes, words) in table.into_iter().chain([(1_234_567, "1,234,567 bytes"), (1 << 30, "1 GiB")]) {
            assert_eq!(size(bytes), words);
        }
    }
}
