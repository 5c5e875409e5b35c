//! Takes secrets out of a JSON reply. Pure.
//!
//! Decided here: what counts as the field, and when the secret expires. What can be read of a damaged reply is taken, since the
//! server may have thrown the old secret away; a reply that names a field twice counts with its last value, as with most readers.
//! Not decided here: which fields and into which slots (the rule says), and what the connector sees (`redact`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::envelope::Stored;
use super::names::SlotName;
use super::secret::Secret;
use crate::clock::day_ms;

/// A field that goes into a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) field: String,
    pub(super) slot: SlotName,
    pub(super) expires_field: Option<String>,
}

/// What a reply brought.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) came: Vec<(SlotName, Stored)>,
    /// Fields that are not there, or not a text, or empty, with their slots.
    pub(super) missing: Vec<(String, SlotName)>,
    /// Earlier values of fields that are there twice: kept out of sight, but not kept.
    pub(super) shadowed: Vec<Secret>,
}

/// Takes the wanted fields out of a body.
pub(super) fn take(body: &[u8], wanted: &[Wanted], now_ms: u64) -> Taken {
    let mut fields = Fields::default();
    let names =
        wanted.iter().flat_map(|one| [Some(one.field.as_str()), one.expires_field.as_deref()]).flatten().collect();
    // An error ends the reading; what was read before it stands.
    let _ = Reader { names, fields: &mut fields }.deserialize(&mut serde_json::Deserializer::from_slice(body));
    let mut taken = Taken { shadowed: fields.shadowed, ..Taken::default() };
    let expiries: Vec<_> = wanted
        .iter()
        .map(|one| fields.last.get(one.expires_field.as_ref()?).and_then(|value| expiry(value, now_ms)))
        .collect();
    for (one, expires_ms) in wanted.iter().zip(expiries) {
        match fields.last.remove(&one.field).and_then(text_of) {
            Some(secret) => taken.came.push((one.slot.clone(), Stored { secret, created_ms: now_ms, expires_ms })),
            None => taken.missing.push((one.field.clone(), one.slot.clone())),
        }
    }
    taken
}

#[derive(Default)]
struct Fields {
    last: BTreeMap<String, Value>,
    shadowed: Vec<Secret>,
}

/// Reads a JSON object, keeps the named fields, skips all else without building it.
struct Reader<'a> {
    names: BTreeSet<&'a str>,
    fields: &'a mut Fields,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if !self.names.contains(name.as_str()) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let earlier = self.fields.last.insert(name, map.next_value()?);
            self.fields.shadowed.extend(earlier.and_then(text_of));
        }
        Ok(())
    }
}

fn text_of(value: Value) -> Option<Secret> {
    match value {
        Value::String(text) => Secret::new(text).ok(),
        _ => None,
    }
}

/// Seconds from now, or a day. A token with a last day dies as that day begins, UTC. An expiry that cannot be read is none: it must
/// not cost the secret.
fn expiry(value: &Value, now_ms: u64) -> Option<u64> {
    match value {
        Value::Number(seconds) => seconds.as_u64().map(|seconds| now_ms.saturating_add(seconds.saturating_mul(1000))),
        Value::String(text) => match text.parse::<u64>() {
            Ok(seconds) => Some(now_ms.saturating_add(seconds.saturating_mul(1000))),
            Err(_) => day_ms(text),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(field: &str, slot: &str, expires: Option<&str>) -> Wanted {
        let expires_field = expires.map(str::to_owned);
        Wanted { field: field.to_owned(), slot: SlotName::parse(slot).unwrap(), expires_field }
    }

    fn taken(body: &str) -> Option<(String, Option<u64>)> {
        let mut taken = take(body.as_bytes(), &[wanted("token", "t", Some("expires"))], 1000);
        assert_eq!(taken.came.len() + taken.missing.len(), 1);
        let (_, stored) = taken.came.pop()?;
        assert_eq!(stored.created_ms, 1000);
        Some((String::from_utf8(stored.secret.expose().to_vec()).unwrap(), stored.expires_ms))
    }

    #[test]
    fn a_field_is_a_top_level_text_that_is_not_empty() {
        for (body, expected) in [
            (r#"{"token":"x-canary"}"#, Some("x-canary")),
            (r#"{"to\u006ben":"x\n\"\u00e9-canary"}"#, Some("x\n\"é-canary")),
            (r#"{"a":[{"token":"no"}],"token":"x-canary"}"#, Some("x-canary")),
            (r#"{"token":"x-canary","token":"y-canary"}"#, Some("y-canary")),
            (r#"{"token":"x-canary","cut":"of"#, Some("x-canary")),
            (r#"{"token":"x-canary"} and more"#, Some("x-canary")),
            (r#"{"token":""}"#, None),
            (r#"{"token":"7 bytes"}"#, None),
            (r#"{"token":null}"#, None),
            (r#"{"token":7}"#, None),
            (r#"{"token":["x"]}"#, None),
            (r#"{"a":{"token":"x-canary"}}"#, None),
            (r#"[{"token":"x-canary"}]"#, None),
            ("token=x", None),
            ("", None),
        ] {
            assert_eq!(taken(body).map(|(text, _)| text).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn a_value_that_is_shadowed_is_still_known() {
        let taken = take(br#"{"token":"x-canary","token":"y-canary"}"#, &[wanted("token", "t", None)], 0);
        assert!(taken.shadowed.iter().any(|secret| secret.matches(b"x-canary")));
    }

    #[test]
    fn an_expiry_is_seconds_or_the_beginning_of_a_day() {
        for (expires, expected) in [
            ("7200", Some(7_201_000)),
            ("\"7200\"", Some(7_201_000)),
            ("0", Some(1000)),
            ("18446744073709551615", Some(u64::MAX)),
            ("\"1970-01-01\"", Some(0)),
            ("\"2000-02-29\"", Some(951_782_400_000)),
            ("\"2026-11-20\"", Some(1_795_132_800_000)),
            ("\"2100-03-01T10:00:00Z\"", Some(4_107_542_400_000)),
            ("\"2026-13-01\"", None),
            ("\"0001-01-01\"", None),
            ("\"2026/11/20\"", None),
            ("\"é026-11-20\"", None),
            ("\"soon\"", None),
            ("-5", None),
            ("null", None),
        ] {
            let body = format!(r#"{{"token":"x-canary","expires":{expires}}}"#);
            assert_eq!(taken(&body), Some(("x-canary".to_owned(), expected)), "{expires}");
        }
    }

    #[test]
    fn what_came_is_taken_and_what_did_not_is_named() {
        let all = [wanted("access_token", "a", Some("expires_in")), wanted("refresh_token", "r", None)];
        let taken = take(br#"{"access_token":"x-canary","expires_in":7200}"#, &all, 0);
        assert_eq!(taken.came.len(), 1);
        assert_eq!(taken.missing, [("refresh_token".to_owned(), SlotName::parse("r").unwrap())]);
    }
}
