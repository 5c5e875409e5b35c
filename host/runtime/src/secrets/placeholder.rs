//! `{{slot}}` in a header or a body. Pure.
//!
//! Decided here: what a placeholder is, and how a secret is written so that it stays one value of the text around it. The text is
//! read once and what is filled in is not read again, so a secret that itself says `{{x}}` stays as it is. Braces around anything
//! that cannot be the name of a slot, such as `{{ user.name }}` in a template for GitLab, are plain text.
//!
//! A JSON body must be JSON before it is filled: then a placeholder can only stand inside a string, since no other place of JSON
//! has `{{`. Not decided here: which slots may go where (`policy`).

use zeroize::Zeroizing;

use super::names::SlotName;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// As the inside of a JSON string.
    Json,
    /// As a value of `application/x-www-form-urlencoded`.
    Form,
    /// As it is, in a header.
    Header,
}

/// A text taken apart.
pub(super) enum Part<'a> {
    Text(&'a str),
    Slot(SlotName),
}

/// Why this secret cannot stand here. Says nothing about it but the kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// JSON is UTF-8.
    #[error("is not text, so JSON cannot carry it")]
    NotText,
    /// A line break in a header would start another one.
    #[error("has control characters, so a header cannot carry it")]
    Control,
}

impl Escape {
    /// For a body of this content type; none for those in which nothing can be filled.
    pub(super) fn of_body(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" => Some(Self::Json),
            "application/x-www-form-urlencoded" => Some(Self::Form),
            other if other.starts_with("application/") && other.ends_with("+json") => Some(Self::Json),
            _ => None,
        }
    }

    fn check(self, secret: &[u8]) -> Result<(), Unwritable> {
        match self {
            Self::Json if str::from_utf8(secret).is_err() => Err(Unwritable::NotText),
            Self::Header if secret.iter().any(u8::is_ascii_control) => Err(Unwritable::Control),
            _ => Ok(()),
        }
    }

    /// At most six bytes for each.
    fn write(self, byte: u8, out: &mut Vec<u8>) {
        let plain = match self {
            Self::Header => true,
            Self::Json => !matches!(byte, b'"' | b'\\' | 0..0x20 | 0x7f),
            Self::Form => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'),
        };
        let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
        match self {
            _ if plain => out.push(byte),
            Self::Json => out.extend([b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]),
            _ => out.extend([b'%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
}

/// Takes a text apart.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(found) = text[at..].find("{{") {
        let start = at + found;
        match name_at(&text[start + 2..]) {
            Some(slot) => {
                let end = start + 2 + slot.as_str().len() + 2;
                parts.extend([Part::Text(&text[from..start]), Part::Slot(slot)]);
                (from, at) = (end, end);
            }
            // `{{{slot}}}` is a placeholder in braces.
            None => at = start + 1,
        }
    }
    parts.push(Part::Text(&text[from..]));
    parts
}

/// The text with its secrets, zeroed when dropped.
pub(super) fn fill<'s>(
    parts: &[Part<'_>],
    escape: Escape,
    secret: impl Fn(&SlotName) -> &'s [u8],
) -> Result<Zeroizing<Vec<u8>>, (SlotName, Unwritable)> {
    let longest = |part: &Part<'_>| match part {
        Part::Text(text) => text.len(),
        Part::Slot(slot) => 6 * secret(slot).len(),
    };
    // Room for all of it at once: a vector that grows leaves copies behind.
    let mut out = Zeroizing::new(Vec::with_capacity(parts.iter().map(longest).sum()));
    for part in parts {
        match part {
            Part::Text(text) => out.extend(text.as_bytes()),
            Part::Slot(slot) => {
                escape.check(secret(slot)).map_err(|why| (slot.clone(), why))?;
                secret(slot).iter().for_each(|byte| escape.write(*byte, &mut out));
            }
        }
    }
    Ok(out)
}

fn name_at(text: &str) -> Option<SlotName> {
    let (name, _) = text.split_once("}}")?;
    SlotName::parse(name).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(text: &str, escape: Escape, secret: &[u8]) -> Result<Vec<u8>, Unwritable> {
        fill(&parts(text), escape, |_| secret).map(|filled| filled.to_vec()).map_err(|(_, why)| why)
    }

    #[test]
    fn only_a_slot_in_two_braces_is_a_placeholder() {
        for (text, expected) in [
            ("", ""),
            ("{{a}}", "S"),
            ("x{{a}}y{{a}}", "xSyS"),
            ("{{{a}}}", "{S}"),
            ("{{ a }} {{A}} {{a.b}} {{}} {{", "{{ a }} {{A}} {{a.b}} {{}} {{"),
            ("{{{{a}}", "{{S"),
            ("{a}} {{a} }", "{a}} {{a} }"),
            ("{{é}}{{a}}", "{{é}}S"),
        ] {
            assert_eq!(filled(text, Escape::Header, b"S").unwrap(), expected.as_bytes(), "{text}");
        }
    }

    #[test]
    fn what_was_filled_in_is_not_read_again() {
        assert_eq!(filled("{{a}}", Escape::Json, b"{{b}}").unwrap(), b"{{b}}");
    }

    #[test]
    fn a_secret_that_cannot_stand_there_is_refused() {
        for secret in ["a\r\nx: y", "a\n", "\0", "a\tb", "\u{7f}"] {
            assert_eq!(filled("{{a}}", Escape::Header, secret.as_bytes()), Err(Unwritable::Control), "{secret:?}");
        }
        assert_eq!(filled("{{a}}", Escape::Json, b"\xff"), Err(Unwritable::NotText));
        assert_eq!(filled("a={{a}}", Escape::Form, b"\xff&b=1 +%").unwrap(), b"a=%FF%26b%3D1%20%2B%25");
    }

    #[test]
    fn the_content_type_says_how_to_write() {
        for (content_type, expected) in [
            ("application/json", Some(Escape::Json)),
            ("Application/JSON; charset=utf-8", Some(Escape::Json)),
            ("application/vnd.api+json", Some(Escape::Json)),
            ("application/x-www-form-urlencoded", Some(Escape::Form)),
            ("text/plain", None),
            ("multipart/form-data; boundary=x", None),
            ("", None),
        ] {
            assert_eq!(Escape::of_body(content_type), expected, "{content_type}");
        }
    }

    proptest! {
        #[test]
        fn a_secret_stays_one_json_string(secret in "\\PC*|[\\x00-\\x7f]*") {
            let body = filled(r#"{"a":"<{{a}}>","b":1}"#, Escape::Json, secret.as_bytes()).unwrap();
            let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
            prop_assert_eq!(value, serde_json::json!({"a": format!("<{secret}>"), "b": 1}));
        }

        #[test]
        fn a_secret_stays_one_form_value(secret: String) {
            let body = filled("a={{a}}&b=1", Escape::Form, secret.as_bytes()).unwrap();
            let pairs: Vec<_> = url::form_urlencoded::parse(&body).into_owned().collect();
            prop_assert_eq!(pairs, vec![("a".to_owned(), secret), ("b".to_owned(), "1".to_owned())]);
        }
    }
}
