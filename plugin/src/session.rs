//! One connection while it syncs: its settings, its ledger, and how both are kept.
//!
//! Decided here: which keys the connection's state has, and what happens to a damaged ledger: the sync starts over as if it were
//! the first, in which equal files are settled and different ones are conflicts, so nothing is lost by it.

use serde::Serialize;

use crate::attributes::Attributes;
use crate::configure::{Configuration, ConflictPolicy, First};
use crate::error::Error;
use crate::gitlab::client::Client;
use crate::gitlab::commit::Place;
use crate::history::History;
use crate::host::{Host, Level, Put};
use crate::json;
use crate::ledger::{Ledger, LedgerError, SINCE_KEY, Stored, Write};
use crate::owner::{self, Ground};
use crate::path::RepoPath;
use crate::plan;
use crate::remote::Remote;
use crate::request::Instance;
use crate::selection::Selection;
use crate::sorted::Set;
use crate::tree::{Entry, Skip, Tree};
use crate::workspace::Workspace;

/// Where the last finished sync is kept.
const SYNCED: &str = "synced";
/// Where is kept which commits the base is from, while the branch is not exactly that.
const FOLLOWED: &str = "followed";
/// Where the plan is kept that a product approved and that takes several calls.
const APPROVED: &str = "approved";

/// Where the commit is kept whose archive is not worth asking for once more.
pub(crate) const ARCHIVE: &str = "archive";

/// Where the repository's attributes are kept, as they were when its files were last listed.
const ATTRIBUTES: &str = "attributes";

/// The last sync after which both sides were equal, but for files that are left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Synced {
    pub(crate) head: String,
    pub(crate) at_ms: u64,
    /// How many these are.
    pub(crate) left_alone: usize,
}

/// A plan that was approved and what is left of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Approved {
    pub(crate) asked: String,
    pub(crate) left: String,
}

json::object!(Synced { head, at_ms; left_alone });
json::object!(Approved { asked, left; });

/// A configured connection.
pub(crate) struct Session<'a> {
    pub(crate) client: Client<'a>,
    pub(crate) configuration: Configuration,
    pub(crate) selection: Selection,
    pub(crate) ledger: Ledger,
    /// Of the branch, when its files were last listed.
    pub(crate) attributes: Attributes,
    /// A commit of ours that was made on another head than planned.
    pub(crate) landed: Option<String>,
}

impl<'a> Session<'a> {
    /// Reads the settings and the ledger.
    pub(crate) fn open(host: &'a dyn Host, instance: &'a Instance) -> Result<Self, Error> {
        let ledger = open_ledger(host)?;
        Self::over(host, instance, ledger)
    }

    /// Reads the settings, and of the ledger what does not grow with the files, so that it can be asked for a few. None unless both
    /// sides were equal at the end of the last sync, under these settings, and the workspace is known since.
    pub(crate) fn open_part(host: &'a dyn Host, instance: &'a Instance) -> Result<Option<Self>, Error> {
        let opened = Ledger::open_part::<Trouble>(|key| stored(host, key).map_err(Trouble::Host));
        let Some(ledger) = unless_damaged(opened)?.flatten() else { return Ok(None) };
        let session = Self::over(host, instance, ledger)?;
        Ok(Some(session).filter(|session| session.settled_head().is_some()))
    }

    /// Reads what the ledger has at these paths. False: it is damaged.
    pub(crate) fn load(&mut self, paths: Vec<RepoPath>) -> Result<bool, Error> {
        let host = self.host();
        let loaded = self.ledger.load::<Trouble>(paths, |key| stored(host, key).map_err(Trouble::Host));
        Ok(unless_damaged(loaded)?.is_some())
    }

    /// Reads what the host is to be told as known. False: that is lost.
    pub(crate) fn load_known(&mut self) -> Result<bool, Error> {
        let host = self.host();
        self.ledger.load_known(|key| stored(host, key))
    }

    /// The same as [`Session::load`] for the files of these marks, which are in ascending order. False: it is damaged, or has none of that mark.
    pub(crate) fn load_marked(&mut self, marks: &[u64]) -> Result<bool, Error> {
        let host = self.host();
        let loaded = self.ledger.load_marked::<Trouble>(marks, |key| stored(host, key).map_err(Trouble::Host));
        Ok(unless_damaged(loaded)?.unwrap_or_default())
    }

    fn over(host: &'a dyn Host, instance: &'a Instance, ledger: Ledger) -> Result<Self, Error> {
        let mut configuration = Configuration::require(host)?;
        owner::check(&configuration)?;
        if configuration.first != First::Merge {
            // The side that the first sync comes from wins; the other version stays recoverable.
            configuration.conflicts = ConflictPolicy::LastWriteWins;
        }
        let selection = configuration.selection()?;
        let attributes = host.get(ATTRIBUTES)?.and_then(|value| json::read(&value.bytes).ok());
        let client = Client { host, instance };
        let attributes = attributes.unwrap_or_default();
        Ok(Self { client, configuration, selection, ledger, attributes, landed: None })
    }

    pub(crate) fn host(&self) -> &'a dyn Host {
        self.client.host
    }

    /// Where commits go.
    pub(crate) fn place(&self) -> Place<'_> {
        let Configuration { project, branch, owner, standing, author, .. } = &self.configuration;
        let (owner, takes_over, author) = (owner.as_deref(), standing.untold(), author.as_ref());
        Place { project: *project, branch, owner, takes_over, author }
    }

    /// What may be another's.
    pub(crate) fn ground(&self) -> Ground<'_> {
        let Configuration { project, branch, directories, .. } = &self.configuration;
        Ground { project: *project, branch, directories }
    }

    /// The head at which the base and the branch are known to be the same under these settings, so that nothing needs listing.
    pub(crate) fn settled_head(&self) -> Option<&str> {
        let same = self.ledger.selection == Some(self.selection.fingerprint());
        self.ledger.head.as_deref().filter(|_| same)
    }

    /// Whether a file that comes to one of the new paths, or back to another, might be in the way of one that was not asked for.
    pub(crate) fn may_clash(&mut self, new: Vec<&RepoPath>, back: Vec<&RepoPath>) -> Result<bool, Error> {
        let host = self.host();
        self.ledger.may_clash(new, back, |key| stored(host, key))
    }

    /// Saves the ledger. Only if its files are exactly those of the branch, the branch need not be listed the next time: a file
    /// that is left alone, for a clash of names or for what the workspace holds there, must be looked at again. So must a branch
    /// that seems to hold nothing: of all answers, that is the one to doubt. `skips` are the plan's: where nothing else differs, both
    /// sides are as equal as they will be until somebody renames one.
    pub(crate) fn save(&mut self, remote: &Remote, workspace: &mut Workspace, skips: &[Skip]) -> Result<(), Error> {
        for (path, entry, mark) in workspace.touched(&self.ledger) {
            self.ledger.set(&path, entry, Some(mark));
        }
        let left_alone = self.settle(remote, skips);
        let saved = match left_alone {
            Some(0) => {
                let host = self.client.host;
                self.ledger.save_with_marks(&workspace.others, &workspace.gone_names, |key| stored(host, key))?
            }
            _ => self.ledger.save(),
        };
        self.commit(saved, remote, left_alone)?;
        workspace.forget_kept(self.client.host, &self.ledger)
    }

    /// The same in the middle of a call's work. What is known of the workspace as a whole is written at its end; a call that does not
    /// come to that leaves it as lost, and the next one looks at everything.
    pub(crate) fn save_on_the_way(&mut self, remote: &Remote) -> Result<(), Error> {
        let left_alone = self.settle(remote, &[]);
        let saved = self.ledger.save();
        self.commit(saved, remote, left_alone)
    }

    /// Notes the head at which the ledger is the branch, if it is. Gives back how many files are left alone, if nothing else differs.
    fn settle(&mut self, remote: &Remote, skips: &[Skip]) -> Option<usize> {
        let head = remote.head.as_deref().filter(|_| remote.len() > 0);
        let left_alone = head.and_then(|_| self.left_alone(&remote.tree, skips));
        self.ledger.head = head.filter(|_| left_alone == Some(0)).map(str::to_owned);
        self.ledger.selection = Some(self.selection.fingerprint());
        left_alone
    }

    fn commit(&self, saved: Vec<Write>, remote: &Remote, left_alone: Option<usize>) -> Result<(), Error> {
        let mut writes: Vec<Put> = saved.into_iter().map(put).collect();
        // Who has not asked cannot say that both sides are equal now.
        let equal = remote.head.as_deref().zip(left_alone).filter(|_| !remote.is_assumed);
        writes.extend(match equal {
            Some((_, 0)) => removal(self.host(), FOLLOWED)?,
            _ => self.followed(remote)?,
        });
        writes.extend(equal.map(|(head, left_alone)| put_synced(self.host(), head, left_alone)).transpose()?);
        Ok(self.host().commit(writes)?)
    }

    /// Where the base is from: the branch as it is now. If that was rewritten, what the base was from before goes on to be known until
    /// nothing of it is left.
    fn followed(&self, remote: &Remote) -> Result<Option<Put>, Error> {
        let host = self.host();
        let heads = match &remote.head {
            Some(head) if remote.history == History::Continued && self.landed.is_none() => vec![head.clone()],
            _ => {
                let mut heads = base_heads(host)?;
                heads.retain(|head| Some(head) != self.landed.as_ref());
                heads.extend(self.landed.clone());
                heads
            }
        };
        if remote.is_assumed || heads.is_empty() {
            return Ok(None);
        }
        let (kept, bytes) = (host.get(FOLLOWED)?, heads.join("\n").into_bytes());
        let expected = kept.as_ref().map_or(0, |kept| kept.version);
        let is_known = kept.is_some_and(|kept| kept.bytes == bytes);
        Ok((!is_known).then(|| Put { key: FOLLOWED.into(), bytes: Some(bytes), expected }))
    }

    /// Follows a branch that was rewritten, once all is done that a plan asks for. What is left alone is of the former history still, and
    /// starts over, as if both sides had created it.
    pub(crate) fn follow(&mut self, remote: &mut Remote) {
        if remote.history == History::Continued {
            return;
        }
        let is_other = |(path, entry): &(&RepoPath, &Entry)| remote.tree.get(*path) != Some(*entry);
        let others: Vec<RepoPath> = self.ledger.files().iter().filter(is_other).map(|(path, _)| path.clone()).collect();
        others.iter().for_each(|path| self.ledger.remove(path));
        remote.history = History::Continued;
    }

    /// From now on the branch's version of these paths is the base.
    pub(crate) fn agree<'p>(
        &mut self,
        paths: impl Iterator<Item = &'p RepoPath>,
        workspace: &Workspace,
        remote: &Remote,
    ) {
        for path in paths {
            match remote.tree.get(path) {
                Some(entry) => self.ledger.set(path, *entry, Some(workspace.mark(path, entry))),
                None => self.ledger.remove(path),
            }
        }
    }

    /// Both are in order, so that no file is searched for.
    fn agrees_with(&self, tree: &Tree) -> bool {
        tree.iter().filter(|(path, _)| self.is_synced(path)).eq(self.ledger.files())
    }

    fn is_synced(&self, path: &RepoPath) -> bool {
        self.selection.selects(path) && !self.attributes.is_lfs(path)
    }

    /// At how many paths the branch is not what the base is. None: one of them is not left alone.
    fn left_alone(&self, tree: &Tree, skips: &[Skip]) -> Option<usize> {
        if self.agrees_with(tree) {
            return Some(0);
        }
        let files = self.ledger.files();
        let differs = |(path, entry): &(&RepoPath, &Entry)| self.is_synced(path) && files.get(*path) != Some(entry);
        let is_gone = |path: &&RepoPath| !tree.contains_key(*path) || !self.is_synced(path);
        let mut paths = tree.iter().filter(differs).map(|(path, _)| path).chain(files.keys().filter(is_gone));
        let skipped: Set<&str> = skips.iter().filter(|skip| skip.is_selected()).map(|skip| &*skip.path).collect();
        paths.try_fold(0, |count, path| plan::is_left_alone(&skipped, path).then_some(count + 1))
    }

    /// Notes what the repository's attributes are now. Under others, files that were at rest may not be.
    pub(crate) fn learn(&mut self, attributes: Attributes) -> Result<(), Error> {
        if attributes != self.attributes {
            let mut writes = vec![put_json(self.host(), ATTRIBUTES, &attributes)?];
            writes.extend(removal(self.host(), SINCE_KEY)?);
            self.host().commit(writes)?;
            self.attributes = attributes;
        }
        Ok(())
    }
}

fn put_synced(host: &dyn Host, head: &str, left_alone: usize) -> Result<Put, Error> {
    put_json(host, SYNCED, &Synced { head: head.to_owned(), at_ms: host.now_ms(), left_alone })
}

/// The settings, and the head at which both sides are known to be equal, without the ledger's files.
pub(crate) struct Peek {
    pub(crate) configuration: Configuration,
    pub(crate) settled_head: Option<String>,
}

impl Peek {
    /// Costs the same for any number of files. A damaged ledger is for the session to find.
    pub(crate) fn open(host: &dyn Host) -> Result<Self, Error> {
        let configuration = Configuration::require(host)?;
        owner::check(&configuration)?;
        let selection = configuration.selection()?.fingerprint();
        let settled_head = match Ledger::peek::<Trouble>(|key| stored(host, key).map_err(Trouble::Host)) {
            Ok((head, known)) => head.filter(|_| known == Some(selection)),
            Err(Trouble::Host(error)) => return Err(error),
            Err(Trouble::Ledger(_)) => None,
        };
        Ok(Self { configuration, settled_head })
    }
}

/// Notes that both sides are still equal at the head of the ledger.
pub(crate) fn touch(host: &dyn Host, head: &str) -> Result<(), Error> {
    Ok(host.commit(vec![put_synced(host, head, 0)?])?)
}

/// The ledger, started over if it is damaged.
pub(crate) fn open_ledger(host: &dyn Host) -> Result<Ledger, Error> {
    let get = |key: &str| stored(host, key);
    match Ledger::open::<Trouble>(|key| get(key).map_err(Trouble::Host)) {
        Ok(ledger) => Ok(ledger),
        Err(Trouble::Host(error)) => Err(error),
        Err(Trouble::Ledger(error)) => {
            host.event(
                Level::Warn,
                "the ledger is damaged: comparing all files anew",
                &[("reason", &error.to_string())],
            );
            Ledger::start_over(get)
        }
    }
}

/// Writes that remove the ledger and what hangs on it.
pub(crate) fn forget_ledger(host: &dyn Host) -> Result<Vec<Put>, Error> {
    let ledger = open_ledger(host)?;
    let mut writes = Vec::new();
    for key in ledger.keys().chain([SYNCED, FOLLOWED, APPROVED, ATTRIBUTES, ARCHIVE].map(str::to_owned)) {
        writes.extend(removal(host, &key)?);
    }
    Ok(writes)
}

/// The write that removes a key, if it is there.
pub(crate) fn removal(host: &dyn Host, key: &str) -> Result<Option<Put>, Error> {
    Ok(host.get(key)?.map(|value| Put { key: key.into(), bytes: None, expected: value.version }))
}

/// When both sides were last equal.
pub(crate) fn synced(host: &dyn Host) -> Result<Option<Synced>, Error> {
    Ok(host.get(SYNCED)?.and_then(|value| json::read(&value.bytes).ok()))
}

/// Commits that everything of the base is from, or from one before them.
pub(crate) fn base_heads(host: &dyn Host) -> Result<Vec<String>, Error> {
    Ok(match host.get(FOLLOWED)? {
        Some(kept) => String::from_utf8_lossy(&kept.bytes).lines().map(str::to_owned).collect(),
        None => synced(host)?.map(|synced| synced.head).into_iter().collect(),
    })
}

/// What is left of an approved plan.
pub(crate) fn approved(host: &dyn Host) -> Result<Option<Approved>, Error> {
    Ok(host.get(APPROVED)?.and_then(|value| json::read(&value.bytes).ok()))
}

/// Notes what is left of an approved plan.
pub(crate) fn approve(host: &dyn Host, approved: &Approved) -> Result<(), Error> {
    Ok(host.commit(vec![put_json(host, APPROVED, approved)?])?)
}

/// None: it is damaged.
fn unless_damaged<T>(outcome: Result<T, Trouble>) -> Result<Option<T>, Error> {
    match outcome {
        Ok(done) => Ok(Some(done)),
        Err(Trouble::Host(error)) => Err(error),
        Err(Trouble::Ledger(_)) => Ok(None),
    }
}

enum Trouble {
    Host(Error),
    Ledger(LedgerError),
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

pub(crate) fn stored(host: &dyn Host, key: &str) -> Result<Option<Stored>, Error> {
    Ok(host.get(key)?.map(|value| Stored { bytes: value.bytes, version: value.version }))
}

/// As the host takes it.
pub(crate) fn put(write: Write) -> Put {
    Put { key: write.key, bytes: Some(write.bytes), expected: write.expected }
}

fn put_json<T: Serialize>(host: &dyn Host, key: &str, value: &T) -> Result<Put, Error> {
    let expected = host.get(key)?.map_or(0, |value| value.version);
    let bytes = serde_json::to_vec(value).expect("plain data");
    Ok(Put { key: key.into(), bytes: Some(bytes), expected })
}
