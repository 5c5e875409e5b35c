//! Versions that lost: kept until a person has chosen, whatever the policy put in place.
//!
//! Decided here: what a record holds and that it is durable before anything is overwritten. An id is made of the path and both
//! versions, so a call that was killed and runs again writes the same record again. Not decided here: which version is in place
//! (`conflict`).

use serde::Serialize;

use crate::blob::BlobId;
use crate::error::{Code, Error};
use crate::fingerprint::Fingerprinter;
use crate::host::{Content, Expectation, FileChange, FileError, Host, Put};
use crate::json;
use crate::merge;
use crate::path::RepoPath;
use crate::session::{open_ledger, put};
use crate::tree::{Entry, Mode};

/// Where the list of records is kept.
const INDEX: &str = "conflicts";
/// Bytes of one value; the host takes 8 MiB.
const CHUNK: usize = 4 * 1024 * 1024;
/// Of all versions together, to be shown: three of the largest file would not fit into the memory of a call.
const SHOWN: usize = 24 * 1024 * 1024;
/// Digits of an id.
const ID: usize = 16;

/// One record, without the versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Names it.
    pub id: String,
    /// Where.
    pub path: String,
    /// Milliseconds since 1970 UTC.
    pub found_ms: u64,
    /// In plain words.
    pub reason: String,
    base: Option<Kept>,
    ours: Option<Kept>,
    theirs: Option<Kept>,
    /// Whether the base still is what it was, because the policy was not to go on.
    open: bool,
}

/// Of a version that is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Kept {
    size: usize,
    executable: bool,
}

json::object!(Conflict { id, path, found_ms, reason, open; base, ours, theirs });
json::object!(Kept { size, executable; });

/// The three versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// Where.
    pub path: String,
    /// What both started from.
    pub base: Option<Vec<u8>>,
    /// What the workspace had.
    pub ours: Option<Vec<u8>>,
    /// What the branch had.
    pub theirs: Option<Vec<u8>>,
}

/// What a person chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// What the workspace had.
    Ours,
    /// What the branch had.
    Theirs,
    /// The lines of both: where both changed the same ones, the workspace's first and then the branch's.
    Merged,
    /// Something new.
    Content(Vec<u8>),
}

/// One of the three versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Base,
    Ours,
    Theirs,
}

impl Which {
    const ALL: [Self; 3] = [Self::Base, Self::Ours, Self::Theirs];

    fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Ours => "ours",
            Self::Theirs => "theirs",
        }
    }
}

/// A record in the making: its versions are kept one after the other, so that only one of them must be in memory, and the list
/// names it when all are there.
pub(crate) struct Lost(Conflict);

impl Lost {
    pub(crate) fn new(path: &RepoPath, reason: &str, ours: Option<BlobId>, theirs: Option<BlobId>) -> Self {
        let (base, id) = (None, id(path, ours, theirs));
        let (path, reason) = (path.to_string(), reason.to_owned());
        Self(Conflict { id, path, found_ms: 0, reason, base, ours: None, theirs: None, open: false })
    }

    /// The base still is what it was: the policy was not to go on.
    pub(crate) fn open(&mut self) {
        self.0.open = true;
    }

    pub(crate) fn path(&self) -> &str {
        &self.0.path
    }

    /// Keeps one version, durably.
    pub(crate) fn keep(&mut self, host: &dyn Host, which: Which, bytes: &[u8], mode: Mode) -> Result<(), Error> {
        for part in 0..parts(bytes.len()) {
            let key = key(&self.0.id, which, part);
            let bytes = &bytes[part * CHUNK..bytes.len().min((part + 1) * CHUNK)];
            let there = host.get(&key)?;
            if there.as_ref().is_none_or(|value| value.bytes != bytes) {
                let expected = there.map_or(0, |value| value.version);
                host.commit(vec![Put { key, bytes: Some(bytes.to_vec()), expected }])?;
            }
        }
        *self.0.kept_mut(which) = Some(Kept { size: bytes.len(), executable: mode == Mode::Executable });
        Ok(())
    }
}

impl Conflict {
    fn kept(&self, which: Which) -> Option<Kept> {
        match which {
            Which::Base => self.base,
            Which::Ours => self.ours,
            Which::Theirs => self.theirs,
        }
    }

    fn kept_mut(&mut self, which: Which) -> &mut Option<Kept> {
        match which {
            Which::Base => &mut self.base,
            Which::Ours => &mut self.ours,
            Which::Theirs => &mut self.theirs,
        }
    }

    fn load(&self, host: &dyn Host, which: Which) -> Result<Option<Vec<u8>>, Error> {
        let Some(kept) = self.kept(which) else { return Ok(None) };
        let mut bytes = Vec::with_capacity(kept.size);
        for part in 0..parts(kept.size) {
            let missing = || Error::because(Code::StateFailed, "a version of the conflict is missing");
            bytes.extend(host.get(&key(&self.id, which, part))?.ok_or_else(missing)?.bytes);
        }
        Ok(Some(bytes))
    }

    fn remove(&self, host: &dyn Host, which: Which, writes: &mut Vec<Put>) -> Result<(), Error> {
        for part in 0..self.kept(which).map_or(0, |kept| parts(kept.size)) {
            let key = key(&self.id, which, part);
            if let Some(value) = host.get(&key)? {
                writes.push(Put { key, bytes: None, expected: value.version });
            }
        }
        Ok(())
    }
}

/// The list of records as it was read.
#[derive(Default)]
struct Index {
    conflicts: Vec<Conflict>,
    version: u64,
}

impl Index {
    fn load(host: &dyn Host) -> Result<Self, Error> {
        let Some(value) = host.get(INDEX)? else { return Ok(Self::default()) };
        let conflicts = json::read(&value.bytes)
            .map_err(|_| Error::because(Code::StateFailed, "the list of conflicts is damaged"))?;
        Ok(Self { conflicts, version: value.version })
    }

    fn put(&self) -> Put {
        let bytes = serde_json::to_vec(&self.conflicts).expect("plain data");
        Put { key: INDEX.into(), bytes: Some(bytes), expected: self.version }
    }
}

/// All records, oldest first.
pub fn list(host: &dyn Host) -> Result<Vec<Conflict>, Error> {
    Ok(Index::load(host)?.conflicts)
}

/// The versions of one record, if one answer can hold them.
pub fn versions(host: &dyn Host, id: &str) -> Result<Versions, Error> {
    let index = Index::load(host)?;
    let conflict = known(&index, id)?;
    let all: usize = Which::ALL.iter().filter_map(|which| conflict.kept(*which)).map(|kept| kept.size).sum();
    if all > SHOWN {
        let why =
            format!("the versions have {all} bytes together, and {SHOWN} are shown: choose one without seeing them");
        return Err(Error::because(Code::TooLarge, &why));
    }
    Ok(Versions {
        path: conflict.path.clone(),
        base: conflict.load(host, Which::Base)?,
        ours: conflict.load(host, Which::Ours)?,
        theirs: conflict.load(host, Which::Theirs)?,
    })
}

/// Puts the chosen version into the workspace and forgets the record. The next push ships it.
pub fn resolve(host: &dyn Host, id: &str, resolution: Resolution) -> Result<(), Error> {
    let mut index = Index::load(host)?;
    let conflict = known(&index, id)?.clone();
    let either = conflict.ours.or(conflict.theirs);
    let (kept, bytes) = match resolution {
        Resolution::Ours => (conflict.ours, conflict.load(host, Which::Ours)?),
        Resolution::Theirs => (conflict.theirs, conflict.load(host, Which::Theirs)?),
        Resolution::Merged => (either, Some(merged(host, &conflict)?)),
        Resolution::Content(bytes) => (either, Some(bytes)),
    };
    let found = replaced(host, &conflict, bytes.as_deref())?;
    put_in_place(host, &conflict.path, bytes, kept.is_some_and(|kept| kept.executable), found)?;
    index.conflicts.retain(|other| other.id != id);
    let mut writes = vec![index.put()];
    for which in Which::ALL {
        conflict.remove(host, which, &mut writes)?;
    }
    if conflict.open {
        writes.extend(agree_on_theirs(host, &conflict)?);
    }
    Ok(host.commit(writes)?)
}

/// The lines of both sides; of an edit and a deletion, the edit.
fn merged(host: &dyn Host, conflict: &Conflict) -> Result<Vec<u8>, Error> {
    let (ours, theirs) = match (conflict.load(host, Which::Ours)?, conflict.load(host, Which::Theirs)?) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (one, other) => return Ok(one.or(other).unwrap_or_default()),
    };
    let merged = match conflict.load(host, Which::Base)? {
        Some(base) => merge::merge_both(&base, &ours, &theirs),
        None => merge::unite(&ours, &theirs),
    };
    merged.map_err(|refusal| Error::because(Code::NotMergeable, &format!("`{}`: {refusal}", conflict.path)))
}

/// Puts these into the list, in one durable step. What is in it already stays as it is.
pub(crate) fn keep(host: &dyn Host, lost: Vec<Lost>) -> Result<(), Error> {
    if lost.is_empty() {
        return Ok(());
    }
    let mut index = Index::load(host)?;
    for Lost(conflict) in lost {
        match index.conflicts.iter_mut().find(|kept| kept.id == conflict.id) {
            Some(kept) => kept.open = conflict.open,
            None => index.conflicts.push(Conflict { found_ms: host.now_ms(), ..conflict }),
        }
    }
    Ok(host.commit(vec![index.put()])?)
}

/// How many records there are.
pub(crate) fn count(host: &dyn Host) -> Result<u32, Error> {
    Ok(u32::try_from(Index::load(host)?.conflicts.len()).unwrap_or(u32::MAX))
}

fn known<'i>(index: &'i Index, id: &str) -> Result<&'i Conflict, Error> {
    index.conflicts.iter().find(|conflict| conflict.id == id).ok_or_else(|| Code::ConflictUnknown.into())
}

fn id(path: &RepoPath, ours: Option<BlobId>, theirs: Option<BlobId>) -> String {
    let mut fields = Fingerprinter::new("conflict");
    fields.field(path.as_bytes());
    for version in [&ours, &theirs] {
        fields.field(version.as_ref().map_or(&[][..], |id| id.as_bytes().as_slice()));
    }
    let mut id = fields.finish().to_string();
    id.truncate(ID);
    id
}

fn key(id: &str, which: Which, part: usize) -> String {
    format!("conflict/{id}/{}/{part}", which.name())
}

fn parts(size: usize) -> usize {
    size.div_ceil(CHUNK).max(1)
}

/// The mark of the file that the choice replaces. An edit that was made after the conflict was found is in no record; if it is not on
/// the branch either, it is not replaced.
fn replaced(host: &dyn Host, conflict: &Conflict, chosen: Option<&[u8]>) -> Result<Option<String>, Error> {
    let file = match host.read(std::slice::from_ref(&conflict.path)) {
        Ok(contents) => contents.into_iter().next(),
        Err(FileError::NotFound(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let Some(Content { bytes, version, .. }) = file else { return Ok(None) };
    // A call that was killed may have put the choice there already.
    if chosen == Some(&bytes) {
        return Ok(Some(version));
    }
    let (size, blob) = (bytes.len(), BlobId::of(&bytes));
    // Two of the largest files are in memory at once, and no third.
    drop(bytes);
    // The branch's version is in place most of the time, and needs no record to be read.
    if is_agreed(host, &conflict.path, blob)? || is_kept(host, conflict, size, blob)? {
        return Ok(Some(version));
    }
    Err(Error::because(Code::EditedSince, &format!("`{}`", conflict.path)))
}

fn is_kept(host: &dyn Host, conflict: &Conflict, size: usize, blob: BlobId) -> Result<bool, Error> {
    for which in Which::ALL {
        let alike = conflict.kept(which).is_some_and(|kept| kept.size == size);
        if alike && conflict.load(host, which)?.is_some_and(|bytes| BlobId::of(&bytes) == blob) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether both sides had this when they were last in step: then a commit has it.
fn is_agreed(host: &dyn Host, path: &str, blob: BlobId) -> Result<bool, Error> {
    let Ok(path) = RepoPath::parse(path) else { return Ok(false) };
    Ok(open_ledger(host)?.files().get(&path).is_some_and(|entry| entry.blob == blob))
}

fn put_in_place(
    host: &dyn Host,
    path: &str,
    bytes: Option<Vec<u8>>,
    executable: bool,
    found: Option<String>,
) -> Result<(), Error> {
    let path = path.to_owned();
    let expected = found.map_or(Expectation::Absent, Expectation::Version);
    let change = match bytes {
        None if expected == Expectation::Absent => return Ok(()),
        None => FileChange::Delete { path, expected },
        Some(bytes) => FileChange::Write { path, bytes, executable, expected },
    };
    host.apply(vec![change])?;
    Ok(())
}

/// Where the policy was not to go on, the choice is made against the branch's version: from now on it is the base.
fn agree_on_theirs(host: &dyn Host, conflict: &Conflict) -> Result<Vec<Put>, Error> {
    let Ok(path) = RepoPath::parse(&conflict.path) else { return Ok(Vec::new()) };
    let mut ledger = open_ledger(host)?;
    match (conflict.load(host, Which::Theirs)?, conflict.theirs) {
        (Some(bytes), Some(kept)) => {
            let mode = if kept.executable { Mode::Executable } else { Mode::Regular };
            ledger.set(&path, Entry { blob: BlobId::of(&bytes), mode }, None);
        }
        _ => ledger.remove(&path),
    }
    ledger.head = None;
    Ok(ledger.save().into_iter().map(put).collect())
}
