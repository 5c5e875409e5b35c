//! Takes secrets out of what the connector is shown of a reply. Pure.
//!
//! Decided here: that JSON strings are looked at one by one, decoded where they have escapes, and then the whole text as bytes (with the
//! spellings of `redact`); and which fields are withheld by their name. What holds no secret comes out byte for byte as it came.
//!
//! Fields are withheld by name even when they were not captured, at any depth and whatever the status: those that the rule captures,
//! and, as a second lock for rules that list the wrong field, all that are called `..token`, `..secret`, `..password` and so on.

use std::collections::BTreeSet;

use memchr::memchr;

use zeroize::Zeroizing;

use super::Needles;

/// How names of fields end whose text no connector needs to see.
const WITHHELD: [&str; 7] = ["token", "tokens", "secret", "secrets", "password", "passphrase", "private_key"];

/// What stands in a secret's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    /// It came with this reply and is in a slot now.
    Captured,
    /// It was in a slot before.
    Secret,
    /// The name of the field says that it is a secret.
    Withheld,
}

/// Knows some secrets and takes them out of texts.
pub(crate) struct Redactor {
    needles: Needles,
    /// By the secret's number.
    markers: Vec<Marker>,
    fields: BTreeSet<String>,
}

impl Marker {
    /// The text in the secret's place.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Captured => "[captured]",
            Self::Secret => "[secret]",
            Self::Withheld => "[withheld]",
        }
    }
}

impl Redactor {
    /// Of two equal secrets the first one's marker counts.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = (&'a [u8], Marker)>) -> Self {
        let (secrets, markers): (Vec<_>, Vec<_>) = secrets.into_iter().unzip();
        Self { needles: Needles::new(secrets), markers, fields: BTreeSet::new() }
    }

    /// Withholds the text in fields of these names as well.
    #[must_use]
    pub(crate) fn withholding<'a>(mut self, fields: impl IntoIterator<Item = &'a str>) -> Self {
        self.fields.extend(fields.into_iter().map(str::to_owned));
        self
    }

    /// A body without secrets.
    pub(crate) fn body(&self, body: &[u8]) -> Vec<u8> {
        if matches!(body.trim_ascii_start().first(), Some(b'{' | b'[' | b'"')) {
            self.clean(&self.json(body))
        } else {
            self.clean(body)
        }
    }

    /// A header's value without secrets.
    pub(crate) fn header(&self, value: &[u8]) -> String {
        String::from_utf8_lossy(&self.clean(value)).into_owned()
    }

    fn clean(&self, text: &[u8]) -> Vec<u8> {
        let all = self.needles.found(text);
        // A marker may be longer than what it stands for.
        let room: usize = all.iter().map(|found| self.markers[found.secret].text().len()).sum();
        let mut out = Vec::with_capacity(text.len() + room);
        let mut from = 0;
        for found in all {
            out.extend(&text[from..found.place.start]);
            out.extend(self.markers[found.secret].text().as_bytes());
            from = found.place.end;
        }
        out.extend(&text[from..]);
        out
    }

    /// Replaces strings one by one and leaves everything between them as it is, so that no number changes its precision and a
    /// damaged body is treated as far as it goes.
    fn json(&self, body: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(body.len()));
        let mut field = None;
        let mut rest = body;
        while let Some((between, literal, after)) = next_string(rest) {
            out.extend(between);
            rest = after;
            let is_name = rest.trim_ascii_start().first() == Some(&b':');
            let value_of = if is_name { None } else { field.as_deref() };
            // A lone surrogate, say, makes no text to look at, but the name of its field counts.
            let text = serde_json::from_slice::<String>(literal).unwrap_or_else(|_| "unreadable".to_owned());
            let text = Zeroizing::new(text);
            let clean = self.without(literal, &text, value_of);
            out.extend(clean.as_deref().unwrap_or(literal));
            if is_name {
                field = Some(text.to_string());
            }
        }
        out.extend(rest);
        out
    }

    /// The string without secrets, if it has escapes that hide one, or does not need to be seen at all. Without escapes its bytes are
    /// those of the text, and the pass over the whole body finds them.
    fn without(&self, literal: &[u8], text: &str, field: Option<&str>) -> Option<Vec<u8>> {
        let withheld = !text.is_empty() && field.is_some_and(|field| self.withholds(field));
        if !withheld && memchr(b'\\', literal).is_none() {
            return None;
        }
        let found = self.needles.found(text.as_bytes());
        let is_whole = found.first().is_some_and(|found| found.place == (0..text.len()));
        let clean = match withheld && !is_whole {
            true => Marker::Withheld.text().to_owned(),
            false if found.is_empty() => return None,
            false => String::from_utf8_lossy(&self.clean(text.as_bytes())).into_owned(),
        };
        Some(serde_json::to_vec(&clean).expect("a text"))
    }

    fn withholds(&self, field: &str) -> bool {
        let lower = field.to_ascii_lowercase();
        self.fields.contains(field) || WITHHELD.iter().any(|end| lower.ends_with(end))
    }
}

/// What is before the next string, the string with its quotes, and the rest.
fn next_string(body: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let start = memchr(b'"', body)?;
    let mut end = start + 1;
    loop {
        end += body[end..].iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if body[end] == b'"' {
            return Some((&body[..start], &body[start..=end], &body[end + 1..]));
        }
        end += 2;
        if end > body.len() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::spelling::spellings;
    use super::*;

    const SECRET: &str = "glpat-\"é/canary\n{{x}} ";

    fn redactor() -> Redactor {
        Redactor::new([("new-token-canary".as_bytes(), Marker::Captured), (SECRET.as_bytes(), Marker::Secret)])
    }

    fn body(text: &str) -> String {
        String::from_utf8(redactor().body(text.as_bytes())).unwrap()
    }

    #[test]
    fn a_body_without_secrets_comes_out_byte_for_byte() {
        for text in [
            r#"{ "id":12345678901234567890123, "f":1.50, "a":"\u0041\/", "id": 2 }"#,
            r#"{"cut":"of"#,
            "{\"bad escape\":\"\\q\"} \\",
            "[\"\\",
            "",
        ] {
            assert_eq!(body(text), text);
        }
    }

    #[test]
    fn a_secret_is_found_at_any_depth_and_in_any_json_spelling() {
        for (text, expected) in [
            (r#"{"a":{"b":["new-token-canary"]}}"#, r#"{"a":{"b":["[captured]"]}}"#),
            (r#"{"a":"n\u0065w-token-canary"}"#, r#"{"a":"[captured]"}"#),
            (r#"{"a":"use new-token-canary!"}"#, r#"{"a":"use [captured]!"}"#),
            (r#"{"new-token-canary":1}"#, r#"{"[captured]":1}"#),
            (r#"{"a":"glpat-\"\u00e9\/canary\n{{x}} "}"#, r#"{"a":"[secret]"}"#),
            (r#"{"a":"{\"b\":\"new-token-canary\"}"}"#, r#"{"a":"{\"b\":\"[captured]\"}"}"#),
            (r#"{"a":"x","a":"new-token-canary"#, r#"{"a":"x","a":"[captured]"#),
            (r#""new-token-canary""#, r#""[captured]""#),
            ("token=new-token-canary&x", "token=[captured]&x"),
        ] {
            assert_eq!(body(text), expected, "{text}");
        }
    }

    #[test]
    fn a_field_with_a_telling_name_is_withheld() {
        let text = r#"{"token":"x","token_type":"bearer","Runners_Token":"y","id":7,"n":{"client_secret" : "z"},
            "tokens":["a",{"b":"c"}],"token_present":true,"password":"","refresh_token":null,"title":"my token","feed_token":"x\ud800"}"#;
        let expected = r#"{"token":"[withheld]","token_type":"bearer","Runners_Token":"[withheld]","id":7,"n":{"client_secret" : "[withheld]"},
            "tokens":["[withheld]",{"b":"c"}],"token_present":true,"password":"","refresh_token":null,"title":"my token","feed_token":"[withheld]"}"#;
        assert_eq!(body(text), expected);
    }

    #[test]
    fn a_field_that_the_rule_captures_is_withheld_at_any_depth() {
        let redactor = redactor().withholding(["pat", ""]);
        let shown = |text: &str| String::from_utf8(redactor.body(text.as_bytes())).unwrap();
        let text =
            r#"{"pat":"x","n":[{"pat" : "y"}],"pat":7,"pattern":"z","":"empty","pat":"new-token-canary","ok":"pat"}"#;
        let expected = r#"{"pat":"[withheld]","n":[{"pat" : "[withheld]"}],"pat":7,"pattern":"z","":"[withheld]","pat":"[captured]","ok":"pat"}"#;
        assert_eq!(shown(text), expected);
        assert_eq!(shown(r#"["x"]"#), r#"["x"]"#);
    }

    #[test]
    fn headers_lose_secrets_too() {
        assert_eq!(redactor().header(b"new-token-canary"), "[captured]");
        assert_eq!(redactor().header(b"Bearer new-token-canary"), "Bearer [captured]");
        assert_eq!(redactor().header(b"\xff"), "\u{fffd}");
    }

    #[test]
    fn of_nested_secrets_the_longer_goes_first() {
        let both = Redactor::new([("canary-1".as_bytes(), Marker::Captured), (b"a canary-1 b", Marker::Secret)]);
        assert_eq!(both.body(b"<a canary-1 b> canary-1"), b"<[secret]> [captured]");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_spelling_gets_through(secret in "[ -~äß日🦊]{8,40}", before in "[ -~]{0,9}", after in "[ -~]{0,9}") {
            let redactor = Redactor::new([(secret.as_bytes(), Marker::Secret)]);
            for spelling in spellings(secret.as_bytes()) {
                let written = [before.as_bytes(), &spelling, after.as_bytes()].concat();
                let left = redactor.body(&written);
                prop_assert!(String::from_utf8_lossy(&left).contains("[secret]"), "{}", String::from_utf8_lossy(&left));
                prop_assert!(Needles::new([secret.as_bytes()]).found(&left).is_empty());
            }
        }

        #[test]
        fn arbitrary_bodies_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), quote in "[\\[{\"\\\\]{0,6}") {
            redactor().body(&[quote.as_bytes(), &bytes].concat());
        }
    }
}
