//! What a folder looks like from outside: which one it is, and a mark that changes when a file in it does.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::time::SystemTime;

/// Neither the host's journal nor git's own folder is ever synced.
const OWN: [&str; 2] = [".gitlab-sync", ".git"];

/// Which folder is at a path: another one after it was deleted and made again, or moved away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64, Option<SystemTime>);

impl Identity {
    /// None: there is none.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok().filter(Metadata::is_dir)?;
        Some(identity(&metadata))
    }
}

/// Changes when a file below a folder appears, goes, is written or replaced, also by one with an older date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(u64);

impl Mark {
    /// Walks the folder; blocks for as long as that takes. What cannot be read is as if it were not there.
    pub(super) fn of(folder: &Path) -> Self {
        let mut sum = 0_u64;
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let Ok(metadata) = entry.metadata() else { continue };
                let path = entry.path();
                if metadata.is_dir() && !is_own_name(&entry.file_name()) {
                    folders.push(path.clone());
                }
                if metadata.is_file() {
                    // A sum, because a folder is read in no order.
                    sum = sum.wrapping_add(hash(&path, &metadata));
                }
            }
        }
        Self(sum)
    }
}

/// Whether this path, as seen from the folder, is never synced, whatever it is.
pub(super) fn is_own(path: &Path) -> bool {
    path.iter().any(is_own_name)
}

fn is_own_name(name: &OsStr) -> bool {
    OWN.iter().any(|own| name == *own)
}

fn hash(path: &Path, metadata: &Metadata) -> u64 {
    let mut hasher = DefaultHasher::new();
    (path, metadata.len(), changed(metadata)).hash(&mut hasher);
    hasher.finish()
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    // Most file systems give the number of a deleted folder to the next one.
    Identity(metadata.dev(), metadata.ino(), metadata.created().ok())
}

/// A file that was moved here may be older than the one it replaced, so the inode and its own date count too.
#[cfg(unix)]
fn changed(metadata: &Metadata) -> impl Hash {
    use std::os::unix::fs::MetadataExt;
    (metadata.ino(), (metadata.mtime(), metadata.mtime_nsec()), (metadata.ctime(), metadata.ctime_nsec()))
}

#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> Identity {
    Identity(0, 0, metadata.created().ok())
}

#[cfg(not(unix))]
fn changed(metadata: &Metadata) -> impl Hash {
    metadata.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_mark_changes_with_each_kind_of_edit_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("docs/deep")).unwrap();
        fs::create_dir_all(path(".gitlab-sync")).unwrap();
        fs::write(path("docs/deep/a.md"), "a").unwrap();
        let mut seen = Mark::of(folder.path());
        assert_eq!(Mark::of(folder.path()), seen);
        let mut step = |name: &str, changes: bool| {
            let now = Mark::of(folder.path());
            assert_eq!(now != seen, changes, "{name}");
            seen = now;
        };
        fs::write(path("docs/deep/b.md"), "b").unwrap();
        step("created", true);
        fs::write(path("docs/deep/b.md"), "c").unwrap();
        step("written with the same length", true);
        fs::write(path("new"), "d").unwrap();
        fs::File::options().write(true).open(path("new")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let (old, new) = (path("docs/deep/b.md"), path("new"));
        fs::rename(new, old).unwrap();
        step("replaced by an older one", true);
        fs::rename(path("docs"), path("texts")).unwrap();
        step("a folder renamed", true);
        fs::write(path(".gitlab-sync/journal"), "j").unwrap();
        step("the host's own", false);
        fs::read(path("texts/deep/a.md")).unwrap();
        step("read", false);
        fs::remove_dir_all(path("texts")).unwrap();
        step("deleted", true);
    }

    #[test]
    fn a_folder_that_was_made_again_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let (here, there) = (folder.path().join("here"), folder.path().join("there"));
        fs::create_dir(&here).unwrap();
        let first = Identity::of(&here);
        assert!(first.is_some() && first == Identity::of(&here));
        fs::rename(&here, &there).unwrap();
        assert_eq!(Identity::of(&here), None);
        fs::create_dir(&here).unwrap();
        assert!(Identity::of(&here).is_some() && Identity::of(&here) != first);
        fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(Identity::of(&folder.path().join("file")), None);
    }
}
