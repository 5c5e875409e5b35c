//! What a request body may hold.
//!
//! Decided here: that a JSON body is one object with allowed keys, none twice (parsers differ in which one wins), and pinned values where
//! the rule pins them, which cannot be left out (the server's default may be another one); that a form does not override its method. Read
//! as a stream, nothing is built. Values below the top level are the server's business.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use thiserror::Error;

use super::query::form_name;
use crate::manifest::JsonShape;

/// What is wrong with a body.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ShapeFault {
    /// Not one JSON object in UTF-8.
    #[error("its body is not one JSON object")]
    NotAnObject,
    /// Not in the rule.
    #[error("the key `{0}` of its body is not in the rule")]
    Key(String),
    /// Twice.
    #[error("the key `{0}` of its body is there twice")]
    Repeated(String),
    /// Not one of the pinned texts.
    #[error("the value of `{0}` in its body is not one of the rule's")]
    Pinned(String),
    /// Not what the grant says.
    #[error("the value of `{key}` in its body is not the grant's `{line}`")]
    Granted {
        /// The key.
        key: String,
        /// Of the grant.
        line: &'static str,
    },
    /// A pinned key is not there.
    #[error("the key `{0}` of its body is missing, which the rule gives a fixed text")]
    Missing(String),
    /// Rack would turn the request into another method.
    #[error("a form must not override its method")]
    MethodOverride,
}

/// Judges a JSON body.
pub fn check_json(shape: &JsonShape, body: &[u8]) -> Result<(), ShapeFault> {
    // What is skipped over below would not be checked for UTF-8.
    let text = str::from_utf8(body).map_err(|_| ShapeFault::NotAnObject)?;
    let mut fault = None;
    let mut reader = serde_json::Deserializer::from_str(text);
    let read =
        TopLevel { shape, fault: &mut fault }.deserialize(&mut reader).and_then(|keys| reader.end().map(|()| keys));
    match (fault, read) {
        (Some(fault), _) => Err(fault),
        (None, Err(_)) => Err(ShapeFault::NotAnObject),
        (None, Ok(keys)) => check_pins(shape, |key| keys.contains(key)),
    }
}

/// Judges a request without body.
pub fn check_empty(shape: &JsonShape) -> Result<(), ShapeFault> {
    check_pins(shape, |_| false)
}

/// Judges a form. Older Rack versions split at `;` too.
pub fn check_form(body: &[u8]) -> Result<(), ShapeFault> {
    let mut pairs = body.split(|byte| matches!(byte, b'&' | b';'));
    let overrides = |pair: &[u8]| form_name(pair).trim_matches([' ', '[', ']']).eq_ignore_ascii_case("_method");
    if pairs.any(overrides) { Err(ShapeFault::MethodOverride) } else { Ok(()) }
}

fn check_pins(shape: &JsonShape, is_there: impl Fn(&str) -> bool) -> Result<(), ShapeFault> {
    let missing = shape.pins.iter().find(|pin| !is_there(&pin.key));
    missing.map_or(Ok(()), |pin| Err(ShapeFault::Missing(shorten(&pin.key))))
}

struct TopLevel<'a> {
    shape: &'a JsonShape,
    fault: &'a mut Option<ShapeFault>,
}

impl TopLevel<'_> {
    fn refuse<T, E: serde::de::Error>(self, fault: ShapeFault) -> Result<T, E> {
        *self.fault = Some(fault);
        Err(E::custom("refused"))
    }
}

impl<'de> DeserializeSeed<'de> for TopLevel<'_> {
    type Value = BTreeSet<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TopLevel<'_> {
    type Value = BTreeSet<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !self.shape.keys.contains(&key) {
                return self.refuse(ShapeFault::Key(shorten(&key)));
            }
            if seen.contains(&key) {
                return self.refuse(ShapeFault::Repeated(shorten(&key)));
            }
            if let Some(pin) = self.shape.pins.iter().find(|pin| pin.key == key) {
                // Noted before the value is read, and so also where it is no text at all.
                *self.fault = Some(ShapeFault::Pinned(shorten(&key)));
                if !pin.values.contains(&map.next_value::<String>()?) {
                    return Err(serde::de::Error::custom("refused"));
                }
                *self.fault = None;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            seen.insert(key);
        }
        Ok(seen)
    }
}

fn shorten(key: &str) -> String {
    key.chars().take(64).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Pin;

    fn check(body: &str) -> Result<(), ShapeFault> {
        let pins = vec![Pin { key: "query".into(), values: vec!["query { a }".into(), "query { b }".into()] }];
        let shape = JsonShape { keys: vec!["query".into(), "variables".into()], pins };
        check_json(&shape, body.as_bytes())
    }

    #[test]
    fn a_json_body_holds_allowed_keys_once_and_pinned_values() {
        use ShapeFault::*;
        for (body, verdict) in [
            (r#"{}"#, Err(Missing("query".into()))),
            (r#"{"variables": {"query": 1, "x": [[{}]]}}"#, Err(Missing("query".into()))),
            (r#"{"variables": {"query": 1, "x": [[{}]]}, "query": "query { b }"}"#, Ok(())),
            (r#" {"query": "query { a }", "variables": null} "#, Ok(())),
            (r#"{"qu\u0065ry": "query { \u0061 }"}"#, Ok(())),
            (r#"{"query": "mutation { c }"}"#, Err(Pinned("query".into()))),
            (r#"{"query": "query { a } "}"#, Err(Pinned("query".into()))),
            (r#"{"query": 1}"#, Err(Pinned("query".into()))),
            (r#"{"query": null}"#, Err(Pinned("query".into()))),
            (r#"{"query": ["query { a }"]}"#, Err(Pinned("query".into()))),
            (r#"{"query": "query { a }", "query": "mutation { c }"}"#, Err(Repeated("query".into()))),
            (r#"{"variables": 1, "variable\u0073": 2}"#, Err(Repeated("variables".into()))),
            (r#"{"Query": "x"}"#, Err(Key("Query".into()))),
            (r#"{"query\u0000": "x"}"#, Err(Key("query\\0".into()))),
            (r#"{"operationName": "x"}"#, Err(Key("operationName".into()))),
            (r#"{"variables": 1} {"query": "x"}"#, Err(NotAnObject)),
            (r#"{"variables": 1,}"#, Err(NotAnObject)),
            (r#"{"variables": 1"#, Err(NotAnObject)),
            (r#"{/**/"variables": 1}"#, Err(NotAnObject)),
            (r#"[{"variables": 1}]"#, Err(NotAnObject)),
            ("\u{feff}{}", Err(NotAnObject)),
            ("", Err(NotAnObject)),
        ] {
            assert_eq!(check(body), verdict, "{body}");
        }
        let shape = JsonShape { keys: vec!["a".into()], pins: vec![] };
        assert_eq!(check_json(&shape, b"{\"a\": \"\xff\"}"), Err(NotAnObject));
    }

    #[test]
    fn a_deep_body_does_not_overflow_the_stack() {
        let deep =
            format!("{{\"query\": \"query {{ a }}\", \"variables\": {}{}}}", "[".repeat(1 << 20), "]".repeat(1 << 20));
        assert_eq!(check(&deep), Ok(()));
    }

    #[test]
    fn a_form_cannot_override_its_method() {
        for body in [
            "_method=DELETE",
            "a=b&_method=x",
            "a=b;_method=x",
            "%5Fmethod=x",
            "+_method=x",
            "[_method]=x",
            "_METHOD=x",
        ] {
            assert_eq!(check_form(body.as_bytes()), Err(ShapeFault::MethodOverride), "{body}");
        }
        assert_eq!(check_form(b"grant_type=refresh_token&method=x&x=_method"), Ok(()));
    }
}
