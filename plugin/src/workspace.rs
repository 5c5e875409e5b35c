//! The product's files as a map of blob ids.
//!
//! Decided here: which files are read at all. A file whose mark is the one that was hashed before is not, so the cost grows with
//! what was edited and not with what is there. And how many are read in one call: more are for the calls after it, which find in the
//! state what this one has read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::blob::BlobId;
use crate::error::{Code, Error};
use crate::host::{Content, Entry as Listed, Host, News, Put, StateError};
use crate::ledger::{Ledger, Mark, SEEN_KEY, Seen, Walk};
use crate::path::RepoPath;
use crate::selection::Selection;
use crate::session::{self, stored};
use crate::spelling;
use crate::tree::{Entry, Mode, Side, Skip, SkipReason, Tree};

/// The largest file that is synced: it fits into the memory of a call beside the names of 100,000 others. GitLab itself takes 300 MB,
/// and above 20 MB three requests in half a minute.
pub(crate) const MAX_FILE: u64 = 20 * 1024 * 1024;
/// Bytes read at a time; the host lends 8 MiB.
const READ: u64 = 4 * 1024 * 1024;
/// Files read at a time.
const READ_FILES: usize = 1_000;
/// What a file costs beside its bytes, as bytes: two blocks to hash, and its places in the maps.
const FILE: u64 = 2 * 1024;
/// From so many bytes on, what was read is kept until the ledger has it: less is read again in a hundredth of a second.
const WORTH_KEEPING: u64 = 1024 * 1024;

/// What the workspace holds.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// All files, also those that are not selected; those have the id of the empty file.
    pub(crate) tree: Tree,
    /// What cannot be synced.
    pub(crate) skips: Vec<Skip>,
    /// What else is known of the selected files.
    held: BTreeMap<RepoPath, Held>,
    /// The files that are not selected.
    pub(crate) others: Vec<RepoPath>,
    /// Marks of such files that are there no more, where that is known.
    pub(crate) gone_names: Vec<Mark>,
    /// Selected files that the ledger knows under another mark.
    read: Vec<RepoPath>,
    /// Selected files that are for another call to read. While there are any, nothing of the above says what the workspace holds.
    unread: usize,
    /// Files that the ledger did not know, if what they hold is kept beside it.
    kept: Vec<RepoPath>,
}

/// A selected file as the host last told of it.
#[derive(Debug)]
struct Held {
    /// The host's mark.
    version: Box<str>,
    size: u64,
}

/// A file that was just written.
pub(crate) struct Written {
    pub(crate) path: RepoPath,
    pub(crate) entry: Entry,
    pub(crate) version: String,
    pub(crate) size: u64,
}

/// A listing of the workspace on its way into maps, which are made at once: that takes half of the memory.
struct Scan<'s> {
    selection: &'s Selection,
    known: Walk<'s>,
    files: Vec<(RepoPath, Entry)>,
    held: Vec<(RepoPath, Held)>,
    skips: Vec<Skip>,
    others: Vec<RepoPath>,
    unread: Vec<(RepoPath, Listed)>,
    read: Vec<RepoPath>,
    kept: Vec<RepoPath>,
}

impl Workspace {
    /// Lists everything to its end and reads what is not known by its mark.
    pub(crate) fn scan(host: &dyn Host, selection: &Selection, ledger: &Ledger) -> Result<Self, Error> {
        let mut scan = Scan::new(selection, ledger);
        let mut after: Option<String> = None;
        loop {
            let page = host.list("", after.as_deref())?;
            after = page.entries.last().map(|entry| entry.path.clone()).or(after);
            scan.take_all(page.entries, page.skipped);
            if !page.more {
                break;
            }
        }
        scan.respell(host, ledger)?;
        scan.read(host)?;
        Ok(scan.finish(Vec::new()))
    }

    /// Takes what the host told, and reads what is not known by its mark. The ledger must know which files the marks that are missing
    /// were of.
    pub(crate) fn told(host: &dyn Host, selection: &Selection, ledger: &Ledger, news: News) -> Result<Self, Error> {
        let missing = news.missing.into_iter().map(Mark::from_number);
        let gone_names = missing.filter(|mark| mark.is_of_name()).collect();
        let mut scan = Scan::new(selection, ledger);
        scan.take_all(news.entries, news.skipped);
        scan.read(host)?;
        Ok(scan.finish(gone_names))
    }

    /// Takes what the host found where it was asked to look, if each is a file that the ledger knows by its mark. Nothing is read.
    pub(crate) fn at_rest(
        selection: &Selection,
        ledger: &Ledger,
        asked: &[String],
        found: Vec<Option<Listed>>,
    ) -> Option<Self> {
        let is_each_there =
            found.iter().map(|listed| listed.as_ref().map(|listed| &listed.path)).eq(asked.iter().map(Some));
        let mut scan = Scan::new(selection, ledger);
        found.into_iter().flatten().for_each(|listed| scan.take(listed));
        (is_each_there && scan.held.len() == asked.len()).then(|| scan.finish(Vec::new()))
    }

    /// Whether another call must read more before anything can be said of the workspace.
    pub(crate) fn is_in_part(&self) -> bool {
        self.unread > 0
    }

    /// Forgets what was kept beside the ledger, if that has it all.
    pub(crate) fn forget_kept(&mut self, host: &dyn Host, ledger: &Ledger) -> Result<(), Error> {
        let is_known =
            |path: &RepoPath| ledger.files().get(path).is_some_and(|it| self.mark_of(path, it) == ledger.mark(path));
        // From the end, which a push that was cut has not come to.
        if self.kept.is_empty() || !self.kept.iter().rev().all(is_known) {
            return Ok(());
        }
        self.kept.clear();
        let removal = session::removal(host, SEEN_KEY)?;
        removal.map_or(Ok(()), |removal| commit_kept(host, removal))
    }

    /// Remembers what was written there.
    pub(crate) fn written(&mut self, path: &RepoPath, entry: Entry, version: String, size: u64) {
        self.tree.insert(path.clone(), entry);
        self.held.insert(path.clone(), Held { version: version.into(), size });
    }

    /// Remembers many that were not there, at once.
    pub(crate) fn written_anew(&mut self, files: Vec<Written>) {
        let entries = files.iter().map(|file| (file.path.clone(), file.entry));
        self.tree.append(&mut entries.collect());
        let held = |file: Written| (file.path, Held { version: file.version.into(), size: file.size });
        self.held.append(&mut files.into_iter().map(held).collect());
    }

    /// Remembers that it is gone.
    pub(crate) fn removed(&mut self, path: &RepoPath) {
        self.tree.remove(path);
        self.held.remove(path);
    }

    /// The host's mark of a selected file.
    pub(crate) fn version(&self, path: &RepoPath) -> Option<&str> {
        self.held.get(path).map(|held| &*held.version)
    }

    /// Bytes of a selected file.
    pub(crate) fn size(&self, path: &RepoPath) -> Option<u64> {
        self.held.get(path).map(|held| held.size)
    }

    /// The mark under which the file holds exactly this, for the ledger.
    pub(crate) fn mark(&self, path: &RepoPath, entry: &Entry) -> Mark {
        self.mark_of(path, entry).unwrap_or_else(|| Mark::of_none(path))
    }

    fn mark_of(&self, path: &RepoPath, entry: &Entry) -> Option<Mark> {
        let version = self.version(path)?;
        (self.tree.get(path) == Some(entry)).then(|| Mark::of_content(path, version, entry.mode))
    }

    /// The files that were read and turned out to be what the ledger has, with their marks of now: someone has touched them.
    pub(crate) fn touched(&self, ledger: &Ledger) -> Vec<(RepoPath, Entry, Mark)> {
        let touched = |path: &RepoPath| {
            let entry = ledger.files().get(path)?;
            Some((path.clone(), *entry, self.mark_of(path, entry)?))
        };
        self.read.iter().filter_map(touched).collect()
    }
}

impl<'s> Scan<'s> {
    fn new(selection: &'s Selection, ledger: &'s Ledger) -> Self {
        let (files, held, skips, others) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (unread, read, kept) = (Vec::new(), Vec::new(), Vec::new());
        Scan { selection, known: ledger.walk(), files, held, skips, others, unread, read, kept }
    }

    fn take_all(&mut self, entries: Vec<Listed>, skipped: Vec<(String, String)>) {
        for (path, reason) in skipped {
            self.skip(&path, SkipReason::Other(reason.into()));
        }
        entries.into_iter().for_each(|listed| self.take(listed));
    }

    fn skip(&mut self, path: &str, reason: SkipReason) {
        self.skips.push(Skip { path: Arc::from(path), side: Side::Workspace, reason });
    }

    fn take(&mut self, listed: Listed) {
        let known = self.known.at(&listed.path);
        let path = match known.map_or_else(|| RepoPath::parse(&listed.path), |known| Ok(known.path.clone())) {
            Ok(path) => path,
            Err(why) => return self.skip(&listed.path, SkipReason::UnsafePath(why.to_string().into())),
        };
        if !self.selection.selects(&path) {
            self.others.push(path.clone());
            self.files.push((path, Entry { blob: BlobId::EMPTY, mode: Mode::Regular }));
            return;
        }
        if listed.size > MAX_FILE {
            return self.skip(&listed.path, SkipReason::TooLarge { size: listed.size, most: MAX_FILE });
        }
        match known.and_then(|known| known.entry(Mark::of_content(&path, &listed.version, mode(&listed)))) {
            Some(entry) => self.hold(path, entry, listed.version, listed.size),
            None => {
                self.read.extend(known.map(|known| known.path.clone()));
                self.unread.push((path, listed));
            }
        }
    }

    fn hold(&mut self, path: RepoPath, entry: Entry, version: String, size: u64) {
        self.held.push((path.clone(), Held { version: version.into(), size }));
        self.files.push((path, entry));
    }

    /// A file system may list a name that it was given in another normal form.
    fn respell(&mut self, host: &dyn Host, ledger: &Ledger) -> Result<(), Error> {
        let (new, listed) = (self.unread.iter().map(|(path, _)| path), self.files.iter().map(|(path, _)| path));
        let known = spelling::known(host, new, listed, ledger.files().keys())?;
        for (path, listed) in self.unread.iter_mut().filter(|_| !known.is_empty()) {
            if let Some(known) = known.get(path) {
                listed.path = known.to_string();
                *path = known.clone();
            }
        }
        Ok(())
    }

    /// Reads what is not known, as much as is for one call, unless a call before it has; the rest stays unread.
    fn read(&mut self, host: &dyn Host) -> Result<(), Error> {
        if self.unread.is_empty() {
            return Ok(());
        }
        let seen = Seen::of(stored(host, SEEN_KEY)?);
        let mut known = self.take_seen(&seen);
        let later = self.unread.split_off(portion(&self.unread, host.portion().read));
        let new = std::mem::replace(&mut self.unread, later);
        let (mut done, mut bytes) = (0, 0);
        for batch in batches(&new, |(_, listed)| listed.size) {
            let paths: Vec<String> = batch.iter().map(|(_, listed)| listed.path.clone()).collect();
            for ((path, listed), content) in batch.iter().zip(read_all(host, &paths)?) {
                let entry = Entry { blob: BlobId::of(&content.bytes), mode: mode(listed) };
                let size = content.bytes.len() as u64;
                bytes += size;
                // What stays is copied to where the bytes were: kept behind them, it would part the room of the largest file from what
                // is free, and a push would not fit beside it.
                drop(content.bytes);
                known.push((Mark::of_content(path, &content.version, entry.mode), entry.blob));
                self.hold(path.clone(), entry, content.version.clone(), size);
            }
            done += batch.len();
            host.progress(done as u64, (new.len() + self.unread.len()) as u64, "files read");
        }
        if !seen.is_kept() && self.unread.is_empty() && bytes < WORTH_KEEPING {
            return Ok(());
        }
        let is_news = !new.is_empty();
        self.kept.extend(new.into_iter().map(|(path, _)| path));
        match seen.replaced(&known).filter(|_| is_news) {
            Some(write) => commit_kept(host, session::put(write)),
            None if self.unread.is_empty() => Ok(()),
            None => Err(too_many(known.len() + self.unread.len())),
        }
    }

    /// Holds the files that a call before this one has read.
    fn take_seen(&mut self, seen: &Seen) -> Vec<(Mark, BlobId)> {
        let mut known = Vec::new();
        for (path, listed) in std::mem::take(&mut self.unread) {
            let (mode, mark) = (mode(&listed), Mark::of_content(&path, &listed.version, mode(&listed)));
            let Some(blob) = seen.blob(mark) else {
                self.unread.push((path, listed));
                continue;
            };
            known.push((mark, blob));
            self.kept.push(path.clone());
            self.hold(path, Entry { blob, mode }, listed.version, listed.size);
        }
        known
    }

    fn finish(self, gone_names: Vec<Mark>) -> Workspace {
        Workspace {
            tree: self.files.into_iter().collect(),
            skips: self.skips,
            held: self.held.into_iter().collect(),
            others: self.others,
            gone_names,
            read: self.read,
            unread: self.unread.len(),
            kept: self.kept,
        }
    }
}

/// How many of them one call reads: at least one, so that each call gets on.
fn portion(unread: &[(RepoPath, Listed)], most: u64) -> usize {
    let mut weight = 0;
    let fit = unread.iter().take_while(|(_, listed)| {
        weight += listed.size + FILE;
        weight <= most
    });
    fit.count().max(1).min(unread.len())
}

/// Another call may have written it in between, which has got on then; this one's files are read again.
fn commit_kept(host: &dyn Host, put: Put) -> Result<(), Error> {
    match host.commit(vec![put]) {
        Err(StateError::Changed(_)) => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// What was read could not be kept, and each call would read the same again.
fn too_many(files: usize) -> Error {
    let how = "configure some of the directories, sync, and then add the others";
    Error::new(Code::TooLarge, format!("{files} files are new or changed here, more than can be noted at once: {how}"))
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

/// Cuts a list into pieces that may be read at once, as they are asked for.
pub(crate) fn batches<T>(items: &[T], size: impl Fn(&T) -> u64) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fit = rest.iter().take(READ_FILES).take_while(|item| {
            bytes += size(item);
            bytes <= READ
        });
        let (batch, later) = rest.split_at(fit.count().max(1).min(rest.len()));
        rest = later;
        Some(batch).filter(|batch| !batch.is_empty())
    })
}

fn mode(listed: &Listed) -> Mode {
    if listed.executable { Mode::Executable } else { Mode::Regular }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_what_may_be_read_at_once_and_a_large_file_stands_alone() {
        let sizes = |items: &[u64]| batches(items, |size| *size).map(<[u64]>::len).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), Vec::<usize>::new());
        assert_eq!(sizes(&[1, 2, 3]), [3]);
        assert_eq!(sizes(&[READ, 1, READ]), [1, 1, 1]);
        assert_eq!(sizes(&[READ - 1, 1, 1]), [2, 1]);
        assert_eq!(sizes(&vec![0; READ_FILES + 1]), [READ_FILES, 1]);
    }
}
