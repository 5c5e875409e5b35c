//! The product's files as a map of blob ids.
//!
//! Decided here: which files are read at all. A file whose mark is the one that was hashed before is not, so the cost grows with
//! what was edited and not with what is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::blob::BlobId;
use crate::error::{Code, Error};
use crate::host::{Content, Entry as Listed, Host};
use crate::ledger::{Ledger, Mark, Walk};
use crate::path::RepoPath;
use crate::selection::Selection;
use crate::tree::{Entry, Mode, Side, Skip, SkipReason, Tree};

/// The largest file that is synced: as JSON it still fits into one request, and twice into the memory of a call.
pub(crate) const MAX_FILE: u64 = 16 * 1024 * 1024;
/// Bytes read at a time; the host lends 8 MiB.
const READ: u64 = 4 * 1024 * 1024;
/// Files read at a time.
const READ_FILES: usize = 1_000;

/// What the workspace holds.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// All files, also those that are not selected; those have the id of the empty file.
    pub(crate) tree: Tree,
    /// What cannot be synced.
    pub(crate) skips: Vec<Skip>,
    /// The host's marks of the selected files.
    pub(crate) versions: BTreeMap<RepoPath, String>,
    /// Sizes of the selected files.
    pub(crate) sizes: BTreeMap<RepoPath, u64>,
}

/// The selected files on the way through a listing.
struct Seen<'l> {
    known: Walk<'l>,
    /// With the content that the ledger knows.
    unchanged: Vec<(RepoPath, Entry, u64, String)>,
    unread: Vec<(RepoPath, Listed)>,
}

impl Workspace {
    /// Lists everything to its end and reads what is not known by its mark.
    pub(crate) fn scan(host: &dyn Host, selection: &Selection, ledger: &Ledger) -> Result<Self, Error> {
        let mut workspace = Self::default();
        let mut seen = Seen { known: ledger.walk(), unchanged: Vec::new(), unread: Vec::new() };
        let mut after: Option<String> = None;
        loop {
            let page = host.list("", after.as_deref())?;
            after = page.entries.last().map(|entry| entry.path.clone()).or(after);
            for (path, reason) in page.skipped {
                workspace.skip(&path, SkipReason::Other(reason.into()));
            }
            for listed in page.entries {
                workspace.take(listed, selection, &mut seen);
            }
            if !page.more {
                break;
            }
        }
        let Seen { unchanged, unread, .. } = seen;
        workspace.unchanged(unchanged);
        workspace.read(host, &unread)?;
        Ok(workspace)
    }

    /// All at once, because maps that are made of what is in order need no searching and half of the memory.
    fn unchanged(&mut self, files: Vec<(RepoPath, Entry, u64, String)>) {
        let mut tree: Tree = files.iter().map(|(path, entry, ..)| (path.clone(), *entry)).collect();
        self.tree.append(&mut tree);
        self.sizes = files.iter().map(|(path, _, size, _)| (path.clone(), *size)).collect();
        self.versions = files.into_iter().map(|(path, _, _, version)| (path, version)).collect();
    }

    /// Remembers what was written there.
    pub(crate) fn written(&mut self, path: &RepoPath, entry: Entry, version: String, size: u64) {
        self.tree.insert(path.clone(), entry);
        self.sizes.insert(path.clone(), size);
        self.versions.insert(path.clone(), version);
    }

    /// Remembers that it is gone.
    pub(crate) fn removed(&mut self, path: &RepoPath) {
        self.tree.remove(path);
        self.sizes.remove(path);
        self.versions.remove(path);
    }

    /// The mark under which the file holds exactly this, for the ledger.
    pub(crate) fn mark(&self, path: &RepoPath, entry: &Entry) -> Option<Mark> {
        let version = self.versions.get(path)?;
        (self.tree.get(path).map(|held| held.blob) == Some(entry.blob)).then(|| Mark::of(version))
    }

    fn skip(&mut self, path: &str, reason: SkipReason) {
        self.skips.push(Skip { path: Arc::from(path), side: Side::Workspace, reason });
    }

    fn take(&mut self, listed: Listed, selection: &Selection, seen: &mut Seen<'_>) {
        let (path, blob) = match seen.known.find(&listed.path, Mark::of(&listed.version)) {
            Some((path, blob)) => (path.clone(), blob),
            None => match RepoPath::parse(&listed.path) {
                Ok(path) => (path, None),
                Err(why) => return self.skip(&listed.path, SkipReason::UnsafePath(why.to_string().into())),
            },
        };
        if !selection.selects(&path) {
            self.tree.insert(path, Entry { blob: BlobId::EMPTY, mode: Mode::Regular });
            return;
        }
        if listed.size > MAX_FILE {
            return self.skip(&listed.path, SkipReason::TooLarge(listed.size));
        }
        match blob {
            Some(blob) => {
                let entry = Entry { blob, mode: mode(&listed) };
                seen.unchanged.push((path, entry, listed.size, listed.version));
            }
            None => seen.unread.push((path, listed)),
        }
    }

    fn read(&mut self, host: &dyn Host, unread: &[(RepoPath, Listed)]) -> Result<(), Error> {
        let mut done = 0;
        for batch in batches(unread, |(_, listed)| listed.size) {
            let paths: Vec<String> = batch.iter().map(|(_, listed)| listed.path.clone()).collect();
            for ((path, listed), content) in batch.iter().zip(read_all(host, &paths)?) {
                let entry = Entry { blob: BlobId::of(&content.bytes), mode: mode(listed) };
                self.written(path, entry, content.version, content.bytes.len() as u64);
            }
            done += batch.len();
            host.progress(done as u64, unread.len() as u64, "files read");
        }
        Ok(())
    }
}

/// The contents, exactly as many as were asked for.
pub(crate) fn read_all(host: &dyn Host, paths: &[String]) -> Result<Vec<Content>, Error> {
    let contents = host.read(paths)?;
    let as_asked = contents.len() == paths.len() && contents.iter().zip(paths).all(|(one, path)| one.path == *path);
    if as_asked {
        Ok(contents)
    } else {
        Err(Error::because(Code::WorkspaceFailed, "it gave other files than were asked for"))
    }
}

/// Cuts a list into pieces that may be read at once.
pub(crate) fn batches<T>(items: &[T], size: impl Fn(&T) -> u64) -> Vec<&[T]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, item) in items.iter().enumerate() {
        let size = size(item);
        if at > start && (bytes + size > READ || at - start == READ_FILES) {
            batches.push(&items[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += size;
    }
    if start < items.len() {
        batches.push(&items[start..]);
    }
    batches
}

fn mode(listed: &Listed) -> Mode {
    if listed.executable { Mode::Executable } else { Mode::Regular }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_what_may_be_read_at_once_and_a_large_file_stands_alone() {
        let sizes = |items: &[u64]| batches(items, |size| *size).iter().map(|batch| batch.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), Vec::<usize>::new());
        assert_eq!(sizes(&[1, 2, 3]), [3]);
        assert_eq!(sizes(&[READ, 1, READ]), [1, 1, 1]);
        assert_eq!(sizes(&[READ - 1, 1, 1]), [2, 1]);
        assert_eq!(sizes(&vec![0; READ_FILES + 1]), [READ_FILES, 1]);
    }
}
