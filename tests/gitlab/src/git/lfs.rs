//! LFS: which paths `.gitattributes` gives to it, pointers, and the store of the contents.

use std::io::Write;
use std::path::{Path, PathBuf};

use git2::{Repository, Tree};
use sha2::{Digest, Sha256};

use super::tree;

/// The text that a pointer begins with.
const POINTER_HEAD: &str = "version https://git-lfs.github.com/spec/v1\n";
/// Larger blobs are never pointers.
const MAX_POINTER_BYTES: usize = 1024;

/// The patterns of a root `.gitattributes` that filter through LFS.
#[derive(Debug, Default)]
pub struct Tracked {
    // In file order; a later line overrides an earlier one.
    rules: Vec<(String, bool)>,
}

impl Tracked {
    /// Reads the root `.gitattributes` of a tree.
    pub fn of(repository: &Repository, root: &Tree<'_>) -> Self {
        let blob = tree::find(root, ".gitattributes").and_then(|found| repository.find_blob(found.id).ok());
        let text = blob.map(|blob| String::from_utf8_lossy(blob.content()).into_owned()).unwrap_or_default();
        Self::parse(&text)
    }

    fn parse(text: &str) -> Self {
        let mut rules = Vec::new();
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let mut words = line.split_whitespace();
            let Some(pattern) = words.next() else { continue };
            for word in words {
                match word {
                    "filter=lfs" => rules.push((pattern.to_owned(), true)),
                    "-filter" | "!filter" => rules.push((pattern.to_owned(), false)),
                    _ => {}
                }
            }
        }
        Self { rules }
    }

    /// Whether this path belongs to LFS.
    pub fn covers(&self, path: &str) -> bool {
        let last = self.rules.iter().rev().find(|(pattern, _)| attribute_matches(pattern, path));
        last.is_some_and(|(_, tracked)| *tracked)
    }
}

/// gitattributes patterns: without a slash they are for the last part, with one for the whole path; `*` stops at slashes.
fn attribute_matches(pattern: &str, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    match pattern.trim_start_matches('/') {
        rest if rest.contains('/') || pattern.starts_with('/') => glob(rest.as_bytes(), path.as_bytes()),
        rest => glob(rest.as_bytes(), name.as_bytes()),
    }
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', b'*', b'/', rest @ ..] => {
            glob(rest, text) || (0..text.len()).any(|at| text[at] == b'/' && glob(rest, &text[at + 1..]))
        }
        [b'*', b'*', rest @ ..] => (0..=text.len()).any(|at| glob(rest, &text[at..])),
        [b'*', rest @ ..] => {
            let stop = text.iter().position(|&byte| byte == b'/').unwrap_or(text.len());
            (0..=stop).any(|at| glob(rest, &text[at..]))
        }
        [b'?', rest @ ..] => text.first().is_some_and(|&byte| byte != b'/') && glob(rest, &text[1..]),
        [byte, rest @ ..] => text.first() == Some(byte) && glob(rest, &text[1..]),
    }
}

/// A pointer: the id and size of contents that are kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// SHA-256 in hex.
    pub oid: String,
    /// Bytes.
    pub size: u64,
}

impl Pointer {
    /// The pointer to some contents.
    pub fn to(content: &[u8]) -> Self {
        let oid = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        Self { oid, size: content.len() as u64 }
    }

    /// Reads a pointer.
    pub fn parse(blob: &[u8]) -> Option<Self> {
        if blob.len() > MAX_POINTER_BYTES {
            return None;
        }
        let rest = std::str::from_utf8(blob).ok()?.strip_prefix(POINTER_HEAD)?;
        let oid = rest.lines().find_map(|line| line.strip_prefix("oid sha256:"))?.to_owned();
        let size = rest.lines().find_map(|line| line.strip_prefix("size "))?.parse().ok()?;
        Some(Self { oid, size })
    }

    /// The blob that goes into git.
    pub fn text(&self) -> String {
        format!("{POINTER_HEAD}oid sha256:{}\nsize {}\n", self.oid, self.size)
    }
}

fn object_path(repository: &Path, oid: &str) -> PathBuf {
    repository.join("lfs-objects").join(oid)
}

/// Keeps contents beside the repository.
pub fn store(repository: &Path, pointer: &Pointer, content: &[u8]) -> std::io::Result<()> {
    let path = object_path(repository, &pointer.oid);
    std::fs::create_dir_all(path.parent().unwrap_or(repository))?;
    std::fs::File::create(path)?.write_all(content)
}

fn is_oid(oid: &str) -> bool {
    oid.len() == 64 && oid.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Contents kept earlier.
pub fn load(repository: &Path, oid: &str) -> Option<Vec<u8>> {
    if is_oid(oid) { std::fs::read(object_path(repository, oid)).ok() } else { None }
}

/// Whether contents were kept earlier.
pub fn contains(repository: &Path, oid: &str) -> bool {
    is_oid(oid) && object_path(repository, oid).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_decide_which_paths_belong_to_lfs() {
        let tracked = Tracked::parse(
            "# big\n*.bin filter=lfs diff=lfs merge=lfs -text\ndocs/*.pdf filter=lfs\nassets/** filter=lfs\nassets/small.bin -filter\n",
        );
        for (path, expected) in [
            ("a.bin", true),
            ("deep/er/a.bin", true),
            ("docs/a.pdf", true),
            ("docs/x/a.pdf", false),
            ("a.pdf", false),
            ("assets/x/y.txt", true),
            ("assets/small.bin", false),
        ] {
            assert_eq!(tracked.covers(path), expected, "{path}");
        }
    }

    #[test]
    fn a_pointer_survives_being_written_and_read() {
        let pointer = Pointer::to(b"hello");
        assert_eq!(pointer.oid, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_eq!(Pointer::parse(pointer.text().as_bytes()), Some(pointer));
        assert_eq!(Pointer::parse(b"hello"), None);
    }
}
