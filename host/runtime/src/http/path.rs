//! The normal form of a URL path: a list of parts, each with one spelling.
//!
//! Decided here: which paths exist at all. Refused are those that two programs could read differently: dot segments, empty
//! segments, backslashes, control bytes and text that is not UTF-8, however often they are percent-encoded. An encoded slash
//! inside one part is content of that part (GitLab needs it: `projects/group%2Fname`), as long as what it separates is harmless.
//! Not decided here: which paths are allowed (`template`, `policy`).

use std::fmt;

use thiserror::Error;

/// Longer paths are refused. GitLab's longest, a file path of 4,096 bytes fully encoded, is refused by servers before that.
pub const MAX_PATH_BYTES: usize = 8 * 1024;

/// Encoded encodings are looked into this deep; nobody needs the third level, so it is refused as a whole.
const DECODE_LEVELS: usize = 3;

/// A path in normal form: what is judged is also what is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path {
    segments: Vec<Segment>,
}

/// One part between two slashes: unreserved characters plain, everything that was encoded in upper-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Segment(String);

/// Why a path has no normal form.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PathError {
    /// It is relative or an authority.
    #[error("a path starts with `/`")]
    NotAbsolute,
    /// More than [`MAX_PATH_BYTES`].
    #[error("a path has at most {MAX_PATH_BYTES} bytes")]
    TooLong,
    /// `//`, or a slash at the end.
    #[error("a path has no empty part: no `//`, no `/` at the end")]
    EmptySegment,
    /// `.` or `..`, also encoded.
    #[error("a path has no `.` or `..` part, encoded or not")]
    DotSegment,
    /// `\`, also encoded.
    #[error("a path has no backslash, encoded or not")]
    Backslash,
    /// A byte below 0x20 or 0x7f, also encoded.
    #[error("a path has no control character, encoded or not")]
    Control,
    /// `%` without two hexadecimal digits.
    #[error("a `%` in a path is followed by two hexadecimal digits")]
    Percent,
    /// A character that must be percent-encoded.
    #[error("the character `{0}` must be percent-encoded in a path")]
    Unencoded(char),
    /// Encoded bytes that are not text.
    #[error("a path is UTF-8 once decoded")]
    NotText,
    /// Encodings of encodings of encodings.
    #[error("a path is percent-encoded at most twice")]
    TooDeep,
}

impl Path {
    /// Reads an absolute path, without query. `/` alone and the empty path have no parts.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.is_empty() || text == "/" {
            return Ok(Self::default());
        }
        if text.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong);
        }
        let relative = text.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
        let segments = relative.split('/').map(Segment::parse).collect::<Result<_, _>>()?;
        Ok(Self { segments })
    }

    /// Its parts.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// What comes after `base`, or nothing if this path is not below it.
    pub fn below(&self, base: &Self) -> Option<&[Segment]> {
        self.segments.strip_prefix(base.segments.as_slice())
    }

    /// This path with another one behind it.
    pub fn join(&self, rest: &Self) -> Self {
        Self { segments: self.segments.iter().chain(&rest.segments).cloned().collect() }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            return f.write_str("/");
        }
        self.segments.iter().try_for_each(|segment| write!(f, "/{}", segment.0))
    }
}

impl Segment {
    /// Reads one part.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError::EmptySegment);
        }
        let canonical = canonical(text)?;
        check_levels(&canonical)?;
        Ok(Self(canonical))
    }

    /// Its one spelling, as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one to twenty digits and nothing else.
    pub fn is_number(&self) -> bool {
        self.0.len() <= 20 && self.0.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// RFC 3986: unreserved characters mean the same encoded or not, the others do not and keep how they were written.
fn canonical(text: &str) -> Result<String, PathError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        match char {
            '%' => push_encoded(&mut out, byte_after_percent(&mut rest)?),
            '\\' => return Err(PathError::Backslash),
            char if char.is_ascii_control() => return Err(PathError::Control),
            char if is_plain(char) => out.push(char),
            char => return Err(PathError::Unencoded(char)),
        }
    }
    Ok(out)
}

fn byte_after_percent(rest: &mut std::str::Chars<'_>) -> Result<u8, PathError> {
    let mut digit = || rest.next().and_then(|char| char.to_digit(16)).ok_or(PathError::Percent);
    let (high, low) = (digit()?, digit()?);
    u8::try_from(high * 16 + low).map_err(|_| PathError::Percent)
}

fn push_encoded(out: &mut String, byte: u8) {
    if is_unreserved(char::from(byte)) {
        out.push(char::from(byte));
    } else {
        out.push_str(&format!("%{byte:02X}"));
    }
}

fn is_unreserved(char: char) -> bool {
    char.is_ascii_alphanumeric() || "-._~".contains(char)
}

/// `pchar` of RFC 3986 without `%`. A `;` is out too: some servers cut the part there.
fn is_plain(char: char) -> bool {
    is_unreserved(char) || "!$&'()*+,=:@".contains(char)
}

/// Servers and the proxies in front of them decode once, sometimes twice: no level may hold a step out of the part.
fn check_levels(canonical: &str) -> Result<(), PathError> {
    let mut level = canonical.to_owned();
    for _ in 0..DECODE_LEVELS {
        check_text(&level)?;
        let decoded = decode(&level)?;
        if decoded == level {
            return Ok(());
        }
        level = decoded;
    }
    Err(PathError::TooDeep)
}

fn check_text(text: &str) -> Result<(), PathError> {
    if text.contains('\\') {
        return Err(PathError::Backslash);
    }
    if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(PathError::Control);
    }
    for part in text.split('/') {
        match part {
            "" => return Err(PathError::EmptySegment),
            "." | ".." => return Err(PathError::DotSegment),
            _ => {}
        }
    }
    Ok(())
}

/// Lenient on purpose from the second level on: a `%` that encodes nothing is content there.
fn decode(text: &str) -> Result<String, PathError> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        match (first, rest) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or_default() as u8;
                out.push(digit(high) * 16 + digit(low));
                bytes = after;
            }
            _ => {
                out.push(*first);
                bytes = rest;
            }
        }
    }
    String::from_utf8(out).map_err(|_| PathError::NotText)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_number_of_decodings_steps_out_of_a_part(text in "(\\.|/|%2e|%2F|%5c|%25|2e|2F|5c|25|a|%41|%00|%0a){1,8}") {
            let Ok(segment) = Segment::parse(&text) else { return Ok(()) };
            let mut level = segment.as_str().to_owned();
            for _ in 0..9 {
                prop_assert_eq!(check_text(&level), Ok(()));
                level = decode(&level).unwrap();
            }
            prop_assert_eq!(Segment::parse(segment.as_str()), Ok(segment));
        }
    }

    #[test]
    fn two_spellings_of_one_path_become_one() {
        for (written, normal) in [
            ("", "/"),
            ("/", "/"),
            ("/api/v4/user", "/api/v4/user"),
            ("/api/v4/%75ser", "/api/v4/user"),
            ("/projects/group%2fname", "/projects/group%2Fname"),
            ("/files/a%2Emd", "/files/a.md"),
            ("/files/100%25.md", "/files/100%25.md"),
            ("/files/a+b%2Bc", "/files/a+b%2Bc"),
            ("/files/%C3%A4", "/files/%C3%A4"),
            ("/files/...", "/files/..."),
        ] {
            assert_eq!(Path::parse(written).map(|path| path.to_string()).as_deref(), Ok(normal), "{written}");
        }
    }

    #[test]
    fn a_path_that_could_step_aside_has_no_normal_form() {
        use PathError::*;
        for (written, error) in [
            ("api", NotAbsolute),
            ("//evil.example/x", EmptySegment),
            ("/a//b", EmptySegment),
            ("/a/", EmptySegment),
            ("/a/./b", DotSegment),
            ("/a/../b", DotSegment),
            ("/a/%2e%2E/b", DotSegment),
            ("/a/.%2e/b", DotSegment),
            ("/a/%252e%252e/b", DotSegment),
            ("/a/x%2F..%2F..%2Fuser", DotSegment),
            ("/a/x%252F..%252Fuser", DotSegment),
            ("/a/%2Fuser", EmptySegment),
            ("/a/x%2F", EmptySegment),
            ("/a/b\\c", Backslash),
            ("/a/b%5cc", Backslash),
            ("/a/b%255Cc", Backslash),
            ("/a/%00", Control),
            ("/a/%0d%0aHost:x", Control),
            ("/a/%250a", Control),
            ("/a\u{7f}", Control),
            ("/a/%", Percent),
            ("/a/%2", Percent),
            ("/a/%zz", Percent),
            ("/a/%+1", Percent),
            ("/a b", Unencoded(' ')),
            ("/a#b", Unencoded('#')),
            ("/a;b", Unencoded(';')),
            ("/ä", Unencoded('ä')),
            ("/a/%ff", NotText),
            ("/a/%25252525", TooDeep),
        ] {
            assert_eq!(Path::parse(written), Err(error), "{written}");
        }
        assert_eq!(Path::parse(&format!("/{}", "a".repeat(MAX_PATH_BYTES))), Err(TooLong));
    }
}
