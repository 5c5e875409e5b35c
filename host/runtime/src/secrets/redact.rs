//! Takes secrets out of what the connector is shown of a reply. Pure.
//!
//! Decided here: in which spellings a secret is looked for (as it is, in JSON strings however escaped, percent-encoded, base64 at any
//! offset, hexadecimal; `http::redact` looks for the same), and which fields are withheld by their name. Order: JSON strings one by one, decoded where they have escapes; then the
//! whole text as bytes. What holds no secret comes out byte for byte as it came.
//!
//! Fields are withheld by name even when they were not captured, at any depth and whatever the status: those that the rule captures,
//! and, as a second lock for rules that list the wrong field, all that are called `..token`, `..secret`, `..password` and so on.
//!
//! Known gaps: a server that works together with the connector can spell a secret in ways nobody looks for; the server knows it
//! anyway. Secrets below 8 bytes are replaced where they are a whole JSON string, but not looked for inside other text: they would
//! be found everywhere, and where they were found would give them away.

use std::collections::BTreeSet;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memchr;
use memchr::memmem::Finder;
use zeroize::Zeroizing;

/// The shortest secret that is looked for inside other text.
const SHORTEST: usize = 8;

/// How names of fields end whose text no connector needs to see.
const WITHHELD: [&str; 7] = ["token", "tokens", "secret", "secrets", "password", "passphrase", "private_key"];

/// What stands in a secret's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Marker {
    /// It came with this reply and is in a slot now.
    Captured,
    /// It was in a slot before.
    Secret,
    /// The name of the field says that it is a secret.
    Withheld,
}

/// Knows some secrets and takes them out of texts.
pub struct Redactor {
    whole: Vec<(Zeroizing<Vec<u8>>, Marker)>,
    spellings: Vec<(Zeroizing<Vec<u8>>, Marker)>,
    fields: BTreeSet<String>,
}

impl Marker {
    /// The text in the secret's place.
    pub fn text(self) -> &'static str {
        match self {
            Self::Captured => "[captured]",
            Self::Secret => "[secret]",
            Self::Withheld => "[withheld]",
        }
    }
}

impl Redactor {
    /// Of two equal secrets the first one's marker counts.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a [u8], Marker)>) -> Self {
        let mut whole: Vec<(Zeroizing<Vec<u8>>, Marker)> = Vec::new();
        let mut found = Vec::new();
        for (secret, marker) in secrets {
            if whole.iter().any(|(known, _)| known[..] == *secret) {
                continue;
            }
            whole.push((secret.to_vec().into(), marker));
            if secret.len() >= SHORTEST {
                found.extend(spellings(secret).into_iter().map(|spelling| (spelling, marker)));
            }
        }
        // A secret that contains another one goes first, so that no piece of it is left.
        found.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        Self { whole, spellings: found, fields: BTreeSet::new() }
    }

    /// Withholds the text in fields of these names as well.
    #[must_use]
    pub fn withholding<'a>(mut self, fields: impl IntoIterator<Item = &'a str>) -> Self {
        self.fields.extend(fields.into_iter().map(str::to_owned));
        self
    }

    /// A body without secrets.
    pub fn body(&self, body: &[u8]) -> Vec<u8> {
        let finders = self.finders();
        if matches!(body.trim_ascii_start().first(), Some(b'{' | b'[' | b'"')) {
            clean(self.json(body, &finders), &finders)
        } else {
            clean(body.to_vec().into(), &finders)
        }
    }

    /// A header's value without secrets.
    pub fn header(&self, value: &[u8]) -> String {
        match self.is_whole(value) {
            Some(marker) => marker.text().to_owned(),
            None => String::from_utf8_lossy(&clean(value.to_vec().into(), &self.finders())).into_owned(),
        }
    }

    fn is_whole(&self, text: &[u8]) -> Option<Marker> {
        self.whole.iter().find(|(secret, _)| secret[..] == *text).map(|(_, marker)| *marker)
    }

    /// Made once for a body: making one costs more than looking through a short string with it.
    fn finders(&self) -> Vec<(Finder<'_>, Marker)> {
        self.spellings.iter().map(|(spelling, marker)| (Finder::new(&spelling[..]), *marker)).collect()
    }

    /// Replaces strings one by one and leaves everything between them as it is, so that no number changes its precision and a
    /// damaged body is treated as far as it goes.
    fn json(&self, body: &[u8], finders: &[(Finder<'_>, Marker)]) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(body.len()));
        let mut field = None;
        let mut rest = body;
        while let Some((between, literal, after)) = next_string(rest) {
            out.extend(between);
            rest = after;
            let is_name = rest.trim_ascii_start().first() == Some(&b':');
            let value_of = if is_name { None } else { field.as_deref() };
            let Ok(text) = serde_json::from_slice::<String>(literal).map(Zeroizing::new) else {
                // A lone surrogate, say: no text to compare, but the name of its field counts.
                match value_of.and_then(|field| self.withheld("unreadable", field)) {
                    Some(marker) => out.extend(format!("\"{}\"", marker.text()).into_bytes()),
                    None => out.extend(literal),
                }
                continue;
            };
            let marker = self.is_whole(text.as_bytes()).or_else(|| self.withheld(&text, value_of?));
            match marker {
                Some(marker) => out.extend(format!("\"{}\"", marker.text()).into_bytes()),
                None => out.extend(unescaped(literal, &text, finders).as_deref().unwrap_or(literal)),
            }
            if is_name {
                field = Some(text.to_string());
            }
        }
        out.extend(rest);
        out
    }

    fn withheld(&self, text: &str, field: &str) -> Option<Marker> {
        let lower = field.to_ascii_lowercase();
        let named = self.fields.contains(field) || WITHHELD.iter().any(|end| lower.ends_with(end));
        (named && !text.is_empty()).then_some(Marker::Withheld)
    }
}

/// The literal without secrets, if it has escapes that hide one. Without escapes its bytes are those of the text, and the pass over
/// the whole body finds them.
fn unescaped(literal: &[u8], text: &str, finders: &[(Finder<'_>, Marker)]) -> Option<Vec<u8>> {
    memchr(b'\\', literal)?;
    let clean = clean(text.as_bytes().to_vec().into(), finders);
    let clean = (clean != text.as_bytes()).then(|| String::from_utf8_lossy(&clean).into_owned());
    clean.map(|clean| serde_json::to_vec(&clean).expect("a text"))
}

fn clean(mut text: Zeroizing<Vec<u8>>, finders: &[(Finder<'_>, Marker)]) -> Vec<u8> {
    for (finder, marker) in finders {
        if finder.find(&text).is_some() {
            text = replaced(&text, finder, marker.text()).into();
        }
    }
    std::mem::take(&mut *text)
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

fn replaced(text: &[u8], finder: &Finder<'_>, marker: &str) -> Vec<u8> {
    // A marker may be longer than what it stands for.
    let room = finder.find_iter(text).count() * marker.len();
    let mut out = Vec::with_capacity(text.len() + room);
    let mut from = 0;
    for at in finder.find_iter(text) {
        out.extend(&text[from..at]);
        out.extend(marker.as_bytes());
        from = at + finder.needle().len();
    }
    out.extend(&text[from..]);
    out
}

/// How a server, or what stands before it, may write a secret. Each in a buffer that had room from the start: one that grows leaves
/// copies behind.
pub(crate) fn spellings(secret: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut all = vec![room(secret.len(), |out| out.extend(secret))];
    all.extend(json_spellings(secret));
    for digits in [HEX, HEX_CAPITALS] {
        all.push(percent_encoded(secret, b"%20", digits));
        all.push(percent_encoded(secret, b"+", digits));
        for before in ["", "%", "\\u00"] {
            all.push(room(6 * secret.len(), |out| {
                secret.iter().for_each(|byte| push_hex(out, before.as_bytes(), *byte, digits));
            }));
        }
    }
    for offset in 0..3 {
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            all.push(base64_core(&engine, offset, secret));
        }
    }
    all.sort_unstable_by(|one, other| one[..].cmp(&other[..]));
    all.dedup();
    all
}

const HEX: &[u8; 16] = b"0123456789abcdef";
const HEX_CAPITALS: &[u8; 16] = b"0123456789ABCDEF";

fn room(bytes: usize, write: impl FnOnce(&mut Vec<u8>)) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(bytes));
    write(&mut out);
    out
}

fn push_hex(out: &mut Vec<u8>, before: &[u8], byte: u8, digits: &[u8; 16]) {
    let digit = |nibble: u8| digits[usize::from(nibble)];
    out.extend(before);
    out.extend([digit(byte >> 4), digit(byte & 15)]);
}

/// The inside of a JSON string, with and without the escape that some writers put before a slash.
fn json_spellings(secret: &[u8]) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
    let text = str::from_utf8(secret).ok();
    text.into_iter().flat_map(|text| {
        let json = room(6 * text.len() + 2, |out| serde_json::to_writer(out, text).expect("a text into memory"));
        let inside = &json[1..json.len() - 1];
        let slashes = room(2 * inside.len(), |out| {
            for byte in inside {
                out.extend((*byte == b'/').then_some(b'\\'));
                out.push(*byte);
            }
        });
        [room(inside.len(), |out| out.extend(inside)), slashes]
    })
}

fn percent_encoded(secret: &[u8], blank: &[u8], digits: &[u8; 16]) -> Zeroizing<Vec<u8>> {
    room(3 * secret.len(), |out| {
        for byte in secret {
            match byte {
                b' ' => out.extend(blank),
                b'-' | b'.' | b'_' | b'~' => out.push(*byte),
                byte if byte.is_ascii_alphanumeric() => out.push(*byte),
                byte => push_hex(out, b"%", *byte, digits),
            }
        }
    })
}

/// The digits that depend on the secret only, when `offset` other bytes stand before it (as in `user:secret`) and any after it.
fn base64_core(engine: &impl base64::Engine, offset: usize, secret: &[u8]) -> Zeroizing<Vec<u8>> {
    let bytes = room(offset + secret.len(), |out| {
        out.resize(offset, 0);
        out.extend(secret);
    });
    let mut digits = Zeroizing::new(vec![0; bytes.len() * 4 / 3 + 4]);
    engine.encode_slice(&bytes[..], &mut digits).expect("there is room for all digits");
    let (first, whole) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
    room(whole - first, |out| out.extend(&digits[first..whole]))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "glpat-\"é/canary\n{{x}} ";

    fn redactor() -> Redactor {
        Redactor::new([
            ("new-token-canary".as_bytes(), Marker::Captured),
            (SECRET.as_bytes(), Marker::Secret),
            (b"api".as_slice(), Marker::Captured),
        ])
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
            "apiapi",
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
            (r#"{"scope":"api","b":"graphapi"}"#, r#"{"scope":"[captured]","b":"graphapi"}"#),
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
        assert_eq!(redactor().header(b"api"), "[captured]");
        assert_eq!(redactor().header(b"Bearer new-token-canary"), "Bearer [captured]");
        assert_eq!(redactor().header(b"\xff"), "\u{fffd}");
    }

    #[test]
    fn of_nested_secrets_the_longer_goes_first() {
        let both = Redactor::new([("canary-1".as_bytes(), Marker::Captured), (b"a canary-1 b", Marker::Secret)]);
        assert_eq!(both.body(b"<a canary-1 b> canary-1"), b"<[secret]> [captured]");
    }

    proptest! {
        /// The decoded secret must not be found in what is left, whatever stands around it and however it was written.
        #[test]
        fn no_spelling_gets_through(
            secret in "[ -~]{8,40}", before in "[ -~]{0,9}", after in "[ -~]{0,9}", spelling in 0..6,
        ) {
            let text = format!("{before}{secret}{after}");
            let decode = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let written = match spelling {
                0 => text.clone(),
                1 => serde_json::to_string(&text).unwrap(),
                2 => decode(&percent_encoded(text.as_bytes(), b"%20", HEX)),
                3 => decode(&percent_encoded(text.as_bytes(), b"+", HEX_CAPITALS)),
                4 => STANDARD_NO_PAD.encode(&text),
                _ => URL_SAFE_NO_PAD.encode(&text),
            };
            let left = decode(&Redactor::new([(secret.as_bytes(), Marker::Secret)]).body(written.as_bytes()));
            prop_assert!(left.contains("[secret]"), "{}", left);
            prop_assert!(!left.contains(&secret) || "[secret]".contains(&secret));
        }

        #[test]
        fn arbitrary_bodies_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), quote in "[\\[{\"\\\\]{0,6}") {
            redactor().body(&[quote.as_bytes(), &bytes].concat());
        }
    }
}
