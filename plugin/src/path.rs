//! Which paths can be synced: only those that mean the same file on every platform and in every git.
//!
//! A path that one platform refuses, rewrites or takes for something else is refused on all, with the reason, so that two
//! workspaces of one branch never see different sets of files. Whether two good paths can live side by side is not decided
//! here but in `names`; whether a path is wanted, in `selection`.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Longest part that ext4, NTFS and APFS all take.
const MAX_PART: usize = 255;
/// `PATH_MAX` of Linux.
const MAX_PATH: usize = 4096;

/// Refused by Windows in names, with those that separate its paths and streams.
const WINDOWS_FORBIDDEN: &[char] = &['<', '>', ':', '"', '|', '?', '*', '\\'];

/// Names that Windows takes for a device, with any extension.
const WINDOWS_DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];

/// A path that is safe everywhere. Cloning shares the text, so the same path in several maps is in memory once, and comparing
/// two of those reads none of it.
#[derive(Clone, Eq)]
pub struct RepoPath(Arc<str>);

/// Why a path is not synced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// Empty, or a part of it.
    #[error("the path is empty or has an empty part")]
    Empty,
    /// Longer than Linux takes.
    #[error("the path is longer than {MAX_PATH} bytes")]
    TooLong,
    /// A part that is longer than file systems take.
    #[error("a part of the path is longer than {MAX_PART} bytes")]
    PartTooLong,
    /// `.` or `..`.
    #[error("`{0}` does not name a file of its own")]
    DotPart(Box<str>),
    /// NUL, a line break or another control character.
    #[error("{0:?} holds a control character")]
    Control(Box<str>),
    /// Not allowed in names on Windows.
    #[error("`{part}` holds `{found}`, which Windows does not allow in names")]
    Forbidden {
        /// The part of the path.
        part: Box<str>,
        /// The first such character.
        found: char,
    },
    /// Windows drops it, so it would be another file there.
    #[error("`{0}` ends in a dot or a space, which Windows drops")]
    TrailingDotOrSpace(Box<str>),
    /// A device name such as `nul.md`.
    #[error("`{0}` is the name of a device on Windows")]
    Device(Box<str>),
    /// `.git`, also in a spelling that some file system takes for it.
    #[error("{0:?} is git's own folder on some platform")]
    GitFolder(Box<str>),
}

impl RepoPath {
    /// Accepts a relative path with `/` between its parts.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > MAX_PATH {
            return Err(PathError::TooLong);
        }
        if !is_plain(text) {
            text.split('/').try_for_each(judge_part)?;
        }
        Ok(RepoPath(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, to share.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// The last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl PartialEq for RepoPath {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Ord for RepoPath {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { in_byte_order(&self.0, &other.0) }
    }
}

impl PartialOrd for RepoPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Deref for RepoPath {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for RepoPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// As `str` orders them.
pub(crate) fn in_byte_order(one: &str, other: &str) -> Ordering {
    let at = shared(one, other);
    one.as_bytes().get(at).cmp(&other.as_bytes().get(at))
}

/// How many bytes both begin with. Eight at a time: in WebAssembly the usual way goes byte by byte, and paths begin alike.
pub(crate) fn shared(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let ((ones, _), (others, _)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let mut word = 0;
    while word < ones.len() && word < others.len() {
        // The byte that comes first is the lowest.
        let difference = u64::from_le_bytes(ones[word]) ^ u64::from_le_bytes(others[word]);
        if difference != 0 {
            return word * 8 + difference.trailing_zeros() as usize / 8;
        }
        word += 1;
    }
    let mut at = word * 8;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at
}

/// Whether nothing in the path needs a closer look, which costs ten times as much. Most paths are plain, and each of 100,000 is
/// parsed in every call.
fn is_plain(text: &str) -> bool {
    let (mut start, mut previous, mut before) = (0, b'/', b'/');
    for (at, byte) in text.bytes().enumerate() {
        let is_good = match byte {
            b'/' => {
                let is_good = !matches!(previous, b'/' | b'.') && at - start <= MAX_PART;
                start = at + 1;
                is_good
            }
            b'.' => previous != b'/',
            // The second letter of every device's name, where the first one fits: `con`, `prn`, `aux`, `nul`, `com1`, `lpt1`.
            b'O' | b'R' | b'U' | b'P' | b'o' | b'r' | b'u' | b'p' => {
                before != b'/' || !matches!(previous.to_ascii_lowercase(), b'c' | b'p' | b'a' | b'n' | b'l')
            }
            b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => true,
            _ => false,
        };
        if !is_good {
            return false;
        }
        (before, previous) = (previous, byte);
    }
    !matches!(previous, b'/' | b'.') && text.len() - start <= MAX_PART
}

fn judge_part(part: &str) -> Result<(), PathError> {
    if part.is_empty() {
        return Err(PathError::Empty);
    }
    if part.len() > MAX_PART {
        return Err(PathError::PartTooLong);
    }
    if part == "." || part == ".." {
        return Err(PathError::DotPart(part.into()));
    }
    if part.contains(char::is_control) {
        return Err(PathError::Control(part.into()));
    }
    if let Some(found) = part.chars().find(|character| WINDOWS_FORBIDDEN.contains(character)) {
        return Err(PathError::Forbidden { part: part.into(), found });
    }
    if is_git_folder(part) {
        return Err(PathError::GitFolder(part.into()));
    }
    if part.ends_with(['.', ' ']) {
        return Err(PathError::TrailingDotOrSpace(part.into()));
    }
    if is_device(part) {
        return Err(PathError::Device(part.into()));
    }
    Ok(())
}

/// `.git` in any case, as NTFS shortens it (`git~1`), with what Windows drops at the end, and with what HFS+ overlooks.
fn is_git_folder(part: &str) -> bool {
    let seen: String = part.trim_end_matches(['.', ' ']).chars().filter(|c| !hfs_overlooks(*c)).collect();
    seen.eq_ignore_ascii_case(".git") || seen.eq_ignore_ascii_case("git~1")
}

/// The list of git's own `utf8.c`.
fn hfs_overlooks(character: char) -> bool {
    matches!(character, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end_matches(' ').to_ascii_lowercase();
    if WINDOWS_DEVICES.contains(&stem.as_str()) {
        return true;
    }
    let number = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt")).unwrap_or_default();
    let mut digits = number.chars();
    matches!((digits.next(), digits.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_plain_path_is_one_that_the_closer_look_accepts(text in "(con|prn|aux|nul|com1|lpt9|git~1|[a-dA-D./_~ -]){0,9}") {
            let closer = text.split('/').try_for_each(judge_part);
            prop_assert!(!is_plain(&text) || closer.is_ok(), "{:?}", closer);
            prop_assert_eq!(RepoPath::parse(&text).is_ok(), closer.is_ok());
        }

        #[test]
        fn the_order_is_that_of_text(one in "[ab]{0,20}[/\u{e9}z]{0,3}", other in "[ab]{0,20}[/\u{e9}z]{0,3}") {
            prop_assert_eq!(in_byte_order(&one, &other), one.cmp(&other));
            let shared = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
            prop_assert_eq!(super::shared(&one, &other), shared);
        }
    }

    #[test]
    fn names_that_people_use_are_accepted_as_they_are() {
        let longest = format!("{}/{}", "a".repeat(255), "b".repeat(255));
        for good in [
            "README.md",
            "docs/a b/c.yaml",
            "100%/a#b+c&d=e.md",
            "é/e\u{301}.md",
            "日本語/👩\u{200d}🚀.md",
            ".gitlab-ci.yml",
            ".gitignore",
            "git~2/x",
            "a/..b/...c",
            "console.md",
            "com10.md",
            "common/lpt.md",
            "-rf",
            "~/x",
            "[slug].md",
            &longest,
        ] {
            assert_eq!(RepoPath::parse(good).map(|path| path.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn paths_that_some_platform_takes_for_something_else_are_refused_with_the_reason() {
        let table: &[(&str, &str)] = &[
            ("", "empty"),
            ("/etc/passwd", "empty part"),
            ("a//b", "empty part"),
            ("a/", "empty part"),
            (".", "`.` does not name"),
            ("a/../b", "`..` does not name"),
            ("a\0b", "control"),
            ("a\nb", "control"),
            ("a\u{85}b", "control"),
            ("a\\b", "`\\`, which Windows"),
            ("c:/x", "`:`, which Windows"),
            ("a?.md", "`?`, which Windows"),
            ("x/.git/config", "git's own"),
            ("x/.GiT", "git's own"),
            (".git. .", "git's own"),
            ("GIT~1/config", "git's own"),
            (".g\u{200c}it/config", "git's own"),
            ("\u{feff}.git", "git's own"),
            ("a. /b", "ends in a dot or a space"),
            ("b.", "ends in a dot or a space"),
            ("NUL", "device"),
            ("nul.tar.md", "device"),
            ("con .md", "device"),
            ("a/COM1.md", "device"),
            ("lpt\u{b9}", "device"),
            ("CONOUT$", "device"),
        ];
        for (path, reason) in table {
            let error = RepoPath::parse(path).unwrap_err().to_string();
            assert!(error.contains(reason), "{path:?}: {error}");
        }
        assert_eq!(RepoPath::parse(&"a".repeat(256)), Err(PathError::PartTooLong));
        assert_eq!(RepoPath::parse(&"a/".repeat(2049)), Err(PathError::TooLong));
    }
}
