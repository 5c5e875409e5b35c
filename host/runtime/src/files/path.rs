//! A path that names the same one file on every platform, or a reason why it does not.
//!
//! Decided here, from the text alone: that a path stays below its root, that no platform reads it as a device, a stream, a short
//! name or a drive, and that it is neither git's folder nor the host's own in any disguise. Not decided here: what is there. Links
//! are the storage's business (`files::directory`), because only it can see them. Two paths that differ in case alone are both
//! fine here; a file system that cannot tell them apart says so when the second one is written.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

/// The folder that `files::directory` keeps its journal in, at the top of the workspace. No path may lie in it.
pub const HOST_FOLDER: &str = ".gitlab-sync";

/// Bytes in one part: what ext4, APFS and NTFS can hold at least.
const MOST_PART_BYTES: usize = 255;
const MOST_BYTES: usize = 4096;
/// Bounds every walk: a folder handle is held for each part.
const MOST_PARTS: usize = 100;

/// A checked path: relative, `/`-separated UTF-8, safe on any platform. Ordered by its bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkspacePath(Box<str>);

/// Why a path was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PathError {
    /// No text at all.
    #[error("it is empty")]
    Empty,
    /// Starts with `/`.
    #[error("it is absolute")]
    Absolute,
    /// `a//b` or `a/`.
    #[error("it has an empty part")]
    EmptyPart,
    /// `.` or `..`.
    #[error("it has the part `{0}`")]
    Dots(&'static str),
    /// NUL, a line break or another control character.
    #[error("it holds the control character U+{0:04X}")]
    Control(u32),
    /// A backslash, a colon or another character that Windows reads in its own way.
    #[error("`{0}` cannot be in a name on Windows")]
    Forbidden(char),
    /// Windows drops them, so that two names become one.
    #[error("`{0}` ends in a dot or a space")]
    TrailingDotOrSpace(String),
    /// Such as `NUL` or `com1.txt`.
    #[error("`{0}` is a device on Windows")]
    Device(String),
    /// `.git`, or what some file system takes for it.
    #[error("`{0}` is git's own folder")]
    GitFolder(String),
    /// The host's journal, or what some file system takes for it.
    #[error("`{0}` is the host's own folder")]
    HostFolder(String),
    /// One part is too long.
    #[error("a part is {0} bytes long, more than {MOST_PART_BYTES}")]
    LongPart(usize),
    /// All of it is too long.
    #[error("it is {0} bytes long, more than {MOST_BYTES}")]
    Long(usize),
    /// Too many folders in each other.
    #[error("it is {0} parts deep, more than {MOST_PARTS}")]
    Deep(usize),
}

impl WorkspacePath {
    /// Checks all of it; the first fault is the reason.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if text.len() > MOST_BYTES {
            return Err(PathError::Long(text.len()));
        }
        if text.starts_with('/') {
            return Err(PathError::Absolute);
        }
        check_chars(text)?;
        text.split('/').try_for_each(check_part)?;
        check_top(text.split('/').next().unwrap_or_default())?;
        match text.split('/').count() {
            parts if parts > MOST_PARTS => Err(PathError::Deep(parts)),
            _ => Ok(Self(text.into())),
        }
    }

    /// A name in the folder `prefix`, which is nothing for the top, or a checked path and a slash. Only what the name adds is checked,
    /// with the outcome that [`WorkspacePath::parse`] has for all of it.
    pub(super) fn check_name(prefix: &str, name: &str) -> Result<(), PathError> {
        let length = prefix.len() + name.len();
        if length > MOST_BYTES {
            return Err(PathError::Long(length));
        }
        check_chars(name)?;
        check_part(name)?;
        if prefix.is_empty() {
            check_top(name)?;
        }
        match prefix.bytes().filter(|byte| *byte == b'/').count() + 1 {
            parts if parts > MOST_PARTS => Err(PathError::Deep(parts)),
            _ => Ok(()),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From the top down, the file's own name last.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last part.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The folder it is in; none at the top.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.into()))
    }

    /// The folders it is in, the nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.parent(), Self::parent)
    }

    /// Whether it lies in this folder, at any depth.
    pub fn is_below(&self, folder: &Self) -> bool {
        self.0.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for WorkspacePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WorkspacePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::str::FromStr for WorkspacePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

fn check_chars(text: &str) -> Result<(), PathError> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'/' | b'_' | b' ');
    // Nearly all names are, and a workspace has many.
    if text.as_bytes().iter().all(is_plain) {
        return Ok(());
    }
    text.chars().try_for_each(check_char)
}

fn check_char(char: char) -> Result<(), PathError> {
    match char {
        control if control.is_control() => Err(PathError::Control(control.into())),
        // The last six only make the name impossible on Windows; the first two make it another file there.
        '\\' | ':' | '<' | '>' | '"' | '|' | '?' | '*' => Err(PathError::Forbidden(char)),
        _ => Ok(()),
    }
}

fn check_part(part: &str) -> Result<(), PathError> {
    match part {
        "" => return Err(PathError::EmptyPart),
        "." => return Err(PathError::Dots(".")),
        ".." => return Err(PathError::Dots("..")),
        _ => {}
    }
    if part.len() > MOST_PART_BYTES {
        return Err(PathError::LongPart(part.len()));
    }
    if is_called(part, ".git", "git") {
        return Err(PathError::GitFolder(part.to_owned()));
    }
    if part.ends_with(['.', ' ']) {
        return Err(PathError::TrailingDotOrSpace(part.to_owned()));
    }
    if is_device(part) {
        return Err(PathError::Device(part.to_owned()));
    }
    Ok(())
}

fn check_top(part: &str) -> Result<(), PathError> {
    if is_called(part, HOST_FOLDER, "gitlab") {
        return Err(PathError::HostFolder(part.to_owned()));
    }
    Ok(())
}

/// Whether some file system takes `part` for `name`: without regard to case, to trailing dots and spaces (Windows), to code points
/// that HFS+ ignores, or by the short name that NTFS makes, `stem~1`.
fn is_called(part: &str, name: &str, stem: &str) -> bool {
    let folded = if part.is_ascii() { Cow::Borrowed(part) } else { Cow::Owned(fold(part)) };
    let folded = folded.trim_end_matches(['.', ' ']);
    if folded.eq_ignore_ascii_case(name) {
        return true;
    }
    let number = after(folded, stem).and_then(|rest| rest.strip_prefix('~'));
    number.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What follows on `start`, in whatever case that is.
fn after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}

/// Up and then down: a long s is an `s` to NTFS and APFS, and only its upper case shows that.
fn fold(part: &str) -> String {
    let seen = part.chars().filter(|&char| !is_ignored_by_hfs(char));
    seen.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

fn is_ignored_by_hfs(char: char) -> bool {
    matches!(char, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// Windows takes these with any extension, and with spaces before it: `nul .txt`.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end_matches(' ');
    let stem = if stem.is_ascii() { Cow::Borrowed(stem) } else { Cow::Owned(stem.to_uppercase()) };
    if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].iter().any(|device| stem.eq_ignore_ascii_case(device)) {
        return true;
    }
    let port = after(&stem, "COM").or_else(|| after(&stem, "LPT"));
    let mut number = port.unwrap_or_default().chars();
    matches!((number.next(), number.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_refused_for_what_its_path_is_refused_for() {
        let deep = "a/".repeat(MOST_PARTS - 1);
        let (deeper, long) = (deep.clone() + "a/", "x".repeat(250) + "/");
        let prefixes = ["", "a/", "docs/area 1/", &deep, &deeper, &long.repeat(16)];
        let names = [
            "a.md",
            "README.md",
            ".git",
            ".GIT ",
            "git~1",
            ".gitlab-sync",
            "GitLab~2",
            "gitlab~x",
            "nul.txt",
            "com¹",
            "CONIN$",
            "a.",
            "a:b",
            "a\u{7f}",
            "\u{e4}.md",
            ".g\u{200c}it",
            "a*\u{85}",
            "..",
            &long[..250],
            &"x".repeat(256),
        ];
        for (prefix, name) in prefixes.iter().flat_map(|prefix| names.iter().map(move |name| (prefix, name))) {
            let whole = WorkspacePath::parse(&format!("{prefix}{name}")).map(drop);
            assert_eq!(WorkspacePath::check_name(prefix, name), whole, "`{prefix}` and `{name}`");
        }
    }

    proptest! {
        #[test]
        fn and_any_other_name_too(name in "[.gGiItT~1 clon\\.\u{131}\u{200c}$:a]{1,8}", top: bool) {
            let prefix = if top { "" } else { "docs/" };
            let whole = WorkspacePath::parse(&format!("{prefix}{name}")).map(drop);
            prop_assert_eq!(WorkspacePath::check_name(prefix, &name), whole);
        }
    }
}
