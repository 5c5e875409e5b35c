//! Versions that lost: kept until a person has chosen, whatever the policy put in place.
//!
//! Decided here: what a record holds and that it is durable before anything is overwritten. An id is made of the path and both
//! versions, so a call that was killed and runs again writes the same record again. Not decided here: which version is in place
//! (`conflict`).

use serde::{Deserialize, Serialize};

use crate::blob::BlobId;
use crate::error::{Code, Error};
use crate::fingerprint::Fingerprinter;
use crate::host::{Expectation, FileChange, FileError, Host, Put};
use crate::path::RepoPath;
use crate::session::{open_ledger, put};
use crate::tree::{Entry, Mode};

/// Where the list of records is kept.
const INDEX: &str = "conflicts";
/// Bytes of one value; the host takes 8 MiB.
const CHUNK: usize = 4 * 1024 * 1024;
/// Digits of an id.
const ID: usize = 16;

/// One record, without the versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    size: usize,
    executable: bool,
}

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
    /// Something new.
    Content(Vec<u8>),
}

/// A version to keep.
pub(crate) struct Version {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mode: Mode,
}

/// What to keep.
pub(crate) struct Lost {
    pub(crate) path: RepoPath,
    pub(crate) reason: String,
    pub(crate) base: Option<Version>,
    pub(crate) ours: Option<Version>,
    pub(crate) theirs: Option<Version>,
    pub(crate) open: bool,
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
        let conflicts = serde_json::from_slice(&value.bytes)
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

/// The versions of one record.
pub fn versions(host: &dyn Host, id: &str) -> Result<Versions, Error> {
    let index = Index::load(host)?;
    let conflict = known(&index, id)?;
    Ok(Versions {
        path: conflict.path.clone(),
        base: load(host, id, "base", conflict.base)?,
        ours: load(host, id, "ours", conflict.ours)?,
        theirs: load(host, id, "theirs", conflict.theirs)?,
    })
}

/// Puts the chosen version into the workspace and forgets the record. The next push ships it.
pub fn resolve(host: &dyn Host, id: &str, resolution: Resolution) -> Result<(), Error> {
    let mut index = Index::load(host)?;
    let conflict = known(&index, id)?.clone();
    let (kept, bytes) = match resolution {
        Resolution::Ours => (conflict.ours, load(host, id, "ours", conflict.ours)?),
        Resolution::Theirs => (conflict.theirs, load(host, id, "theirs", conflict.theirs)?),
        Resolution::Content(bytes) => (conflict.ours.or(conflict.theirs), Some(bytes)),
    };
    put_in_place(host, &conflict.path, bytes, kept.is_some_and(|kept| kept.executable))?;
    index.conflicts.retain(|other| other.id != id);
    let mut writes = vec![index.put()];
    for (name, kept) in [("base", conflict.base), ("ours", conflict.ours), ("theirs", conflict.theirs)] {
        remove(host, id, name, kept, &mut writes)?;
    }
    if conflict.open {
        writes.extend(agree_on_theirs(host, &conflict)?);
    }
    Ok(host.commit(writes)?)
}

/// Keeps these, in one durable step. What is kept already stays as it is. Gives back how many records there are now.
pub(crate) fn keep(host: &dyn Host, lost: &[Lost]) -> Result<(), Error> {
    if lost.is_empty() {
        return Ok(());
    }
    let mut index = Index::load(host)?;
    for lost in lost {
        let id = id(lost);
        if let Some(kept) = index.conflicts.iter_mut().find(|kept| kept.id == id) {
            kept.open = lost.open;
            continue;
        }
        let mut writes = Vec::new();
        let conflict = Conflict {
            path: lost.path.to_string(),
            found_ms: host.now_ms(),
            reason: lost.reason.clone(),
            base: store(host, &id, "base", lost.base.as_ref(), &mut writes)?,
            ours: store(host, &id, "ours", lost.ours.as_ref(), &mut writes)?,
            theirs: store(host, &id, "theirs", lost.theirs.as_ref(), &mut writes)?,
            open: lost.open,
            id,
        };
        // The versions first: the list names only what is there.
        host.commit(writes)?;
        index.conflicts.push(conflict);
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

fn id(lost: &Lost) -> String {
    let mut fields = Fingerprinter::new("conflict");
    fields.field(lost.path.as_bytes());
    for version in [&lost.ours, &lost.theirs] {
        let id = version.as_ref().map(|version| *BlobId::of(&version.bytes).as_bytes());
        fields.field(id.as_ref().map_or(&[][..], |id| id.as_slice()));
    }
    let mut id = fields.finish().to_string();
    id.truncate(ID);
    id
}

fn key(id: &str, name: &str, part: usize) -> String {
    format!("conflict/{id}/{name}/{part}")
}

fn parts(size: usize) -> usize {
    size.div_ceil(CHUNK).max(1)
}

fn store(
    host: &dyn Host,
    id: &str,
    name: &str,
    version: Option<&Version>,
    writes: &mut Vec<Put>,
) -> Result<Option<Kept>, Error> {
    let Some(Version { bytes, mode }) = version else { return Ok(None) };
    for part in 0..parts(bytes.len()) {
        let key = key(id, name, part);
        let expected = host.get(&key)?.map_or(0, |value| value.version);
        let end = bytes.len().min((part + 1) * CHUNK);
        writes.push(Put { key, bytes: Some(bytes[part * CHUNK..end].to_vec()), expected });
    }
    Ok(Some(Kept { size: bytes.len(), executable: *mode == Mode::Executable }))
}

fn load(host: &dyn Host, id: &str, name: &str, kept: Option<Kept>) -> Result<Option<Vec<u8>>, Error> {
    let Some(kept) = kept else { return Ok(None) };
    let mut bytes = Vec::with_capacity(kept.size);
    for part in 0..parts(kept.size) {
        let missing = || Error::because(Code::StateFailed, "a version of the conflict is missing");
        bytes.extend(host.get(&key(id, name, part))?.ok_or_else(missing)?.bytes);
    }
    Ok(Some(bytes))
}

fn remove(host: &dyn Host, id: &str, name: &str, kept: Option<Kept>, writes: &mut Vec<Put>) -> Result<(), Error> {
    for part in 0..kept.map_or(0, |kept| parts(kept.size)) {
        let key = key(id, name, part);
        if let Some(value) = host.get(&key)? {
            writes.push(Put { key, bytes: None, expected: value.version });
        }
    }
    Ok(())
}

fn put_in_place(host: &dyn Host, path: &str, bytes: Option<Vec<u8>>, executable: bool) -> Result<(), Error> {
    let path = path.to_owned();
    let there = match host.read(std::slice::from_ref(&path)) {
        Ok(contents) => contents.into_iter().next(),
        Err(FileError::NotFound(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let change = match (bytes, there) {
        (None, None) => return Ok(()),
        (None, Some(there)) => FileChange::Delete { path, expected: Expectation::Version(there.version) },
        (Some(bytes), Some(there)) => {
            FileChange::Write { path, bytes, executable, expected: Expectation::Version(there.version) }
        }
        (Some(bytes), None) => FileChange::Write { path, bytes, executable, expected: Expectation::Absent },
    };
    host.apply(vec![change])?;
    Ok(())
}

/// Where the policy was not to go on, the choice is made against the branch's version: from now on it is the base.
fn agree_on_theirs(host: &dyn Host, conflict: &Conflict) -> Result<Vec<Put>, Error> {
    let Ok(path) = RepoPath::parse(&conflict.path) else { return Ok(Vec::new()) };
    let mut ledger = open_ledger(host)?;
    match (load(host, &conflict.id, "theirs", conflict.theirs)?, conflict.theirs) {
        (Some(bytes), Some(kept)) => {
            let mode = if kept.executable { Mode::Executable } else { Mode::Regular };
            ledger.set(&path, Entry { blob: BlobId::of(&bytes), mode }, None);
        }
        _ => ledger.remove(&path),
    }
    ledger.head = None;
    Ok(ledger.save().into_iter().map(put).collect())
}
