//! Versions of files that could not be put back to their places when a batch was undone, because a person had saved something there
//! meanwhile. They lie in the host's folder until someone has looked at them and removes them.

use std::io;

use serde::Serialize;

use super::folder::{Folder, Thing};
use super::home::{Held, KEPT};
use super::mark;
use crate::files::{FileError, HOST_FOLDER, WorkspacePath};

/// Bytes of a path that go into a name: names have at most 255.
const MOST_PATH_BYTES: usize = 200;

/// An older version of a file, as it was before a batch that was undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Where it lies, below the workspace.
    pub file: String,
    /// The path it had; of a very long one the end.
    pub path: String,
    /// When it was kept, in milliseconds since 1970 UTC.
    pub since_ms: u64,
}

/// Moves a staged file aside for good.
pub(super) fn keep(held: &Held, staged: &str, path: &WorkspacePath) -> io::Result<()> {
    held.stage.move_to(staged, &held.kept, &name(mark::now(), staged, path.as_str()))
}

/// What is kept, the oldest first. `root` is held with others.
pub(super) fn list(root: &Folder) -> Result<Vec<Kept>, FileError> {
    let failed = |error| FileError::storage(format!("cannot look into `{HOST_FOLDER}/{KEPT}`"), error);
    let mut folder = root.clone();
    for part in [HOST_FOLDER, KEPT] {
        match folder.look(part).map_err(failed)? {
            Some(Thing::Folder) => folder = folder.open(part).map_err(failed)?,
            _ => return Ok(Vec::new()),
        }
    }
    let names = folder.names().map_err(failed)?;
    let mut kept: Vec<_> = names.iter().filter_map(|(name, _)| parse(name.to_str()?)).collect();
    kept.sort_by(|one, other| (one.since_ms, &one.file).cmp(&(other.since_ms, &other.file)));
    Ok(kept)
}

/// When, which change of its batch, and which path, with the slashes escaped.
fn name(nanos: i128, staged: &str, path: &str) -> String {
    let escaped = path.replace('%', "%25").replace('/', "%2F");
    let end = (0..=escaped.len())
        .find(|at| escaped.is_char_boundary(*at) && escaped.len() - at <= MOST_PATH_BYTES)
        .unwrap_or_default();
    format!("{nanos}-{staged}-{}", &escaped[end..])
}

/// None: it is not of ours.
fn parse(name: &str) -> Option<Kept> {
    let mut parts = name.splitn(3, '-');
    let nanos: u64 = parts.next()?.parse().ok()?;
    let path = parts.nth(1)?.replace("%2F", "/").replace("%25", "%");
    Some(Kept { file: format!("{HOST_FOLDER}/{KEPT}/{name}"), path, since_ms: nanos / 1_000_000 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_when_and_which_path() {
        for path in ["a.md", "docs/a-b/c.md", "100%2F/%25.md", "ü/日本.md"] {
            let name = name(1_795_132_800_123_456_789, "n7", path);
            let kept = parse(&name).unwrap();
            assert_eq!((kept.path.as_str(), kept.since_ms), (path, 1_795_132_800_123));
            assert_eq!(kept.file, format!(".gitlab-sync/kept/{name}"));
        }
        let long = "ä/".repeat(500) + "end.md";
        let name = name(1, "o12", &long);
        assert!(name.len() <= 255 && parse(&name).unwrap().path.ends_with("ä/end.md"));
        for foreign in ["", "a", "1-n1", "x-n1-a", "-1-n1-a"] {
            assert_eq!(parse(foreign), None, "{foreign}");
        }
    }
}
