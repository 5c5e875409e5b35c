//! What a pull, a push or a plan works on: everything on both sides, or only what may not be at rest.
//!
//! Decided here: when the second is enough. Both sides were equal at the end of the last sync; a comparison names what the branch
//! has changed since, and the host, told by marks what was there, names what the workspace has: files that came or changed by
//! themselves, files that are gone by the marks that they left behind. Every other file is the same in the base and on both sides,
//! and has no part in a plan, unless a new name is in its way. That is told by the hashes of all names (`ledger`), for
//! every path where there was no file. The plan and all that follows are the same code over smaller maps.
//!
//! A pull needs less: it does what the branch has changed and nothing else. Where all of that is of files that the workspace holds as the
//! last sync left them, nothing else that is there can matter, and the host looks at these files alone. What is new elsewhere is for the
//! next push or plan. A name that is new on the branch is no such file: one that nobody has told of yet may be in its way.
//!
//! Where this is not certain, everything is looked at: a new name that may be in the way of another (also a new spelling of one),
//! attributes that changed, more than is told at once, a ledger that is damaged, was never settled or needs more shards. That is found
//! out before the branch is asked for contents, so that no request is made twice.

use crate::attributes;
use crate::error::Error;
use crate::gitlab::blob::Contents;
use crate::gitlab::client::Client;
use crate::gitlab::compare::{self, Comparison};
use crate::history::History;
use crate::host::{FileError, Host};
use crate::order;
use crate::path::RepoPath;
use crate::remote::{self, Remote};
use crate::request::Instance;
use crate::session::{Peek, Session};
use crate::sorted::Set;
use crate::workspace::Workspace;

/// Files that are gone from the workspace in one call; so many may come as well.
const MOST_GONE: usize = 10_000;
/// Files that the host looks at in one call.
const MOST_LOOKED: usize = 10_000;

/// A connection and what both of its sides have.
pub(crate) struct Gathered<'a> {
    pub(crate) session: Session<'a>,
    pub(crate) remote: Remote,
    /// Contents that came along.
    pub(crate) contents: Contents,
    pub(crate) workspace: Workspace,
}

/// What a look at the files alone comes to.
enum Part<'a> {
    Gathered(Box<Gathered<'a>>),
    /// It is not enough.
    NotEnough,
    /// It would be, but the branch must be listed.
    NotComparable,
}

/// What a call is to bring up to date, and so what it must know of the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Files that the branch has changed.
    Theirs,
    /// Files that either side has changed.
    Both,
}

/// The branch beside the last sync. One request, or none where there is nothing to compare with.
pub(crate) fn compare(client: &Client<'_>, peek: &Peek) -> Option<Comparison> {
    let (base, configuration) = (peek.settled_head.as_deref()?, &peek.configuration);
    compare::compare(client, configuration.project, base, &configuration.branch)
}

/// What may not be at rest if that is enough, else everything. `compared` is the branch beside the last sync, if that is known.
pub(crate) fn gather<'a>(
    host: &'a dyn Host,
    instance: &'a Instance,
    compared: Option<Comparison>,
    need: Need,
) -> Result<Gathered<'a>, Error> {
    let part = compared.as_ref().map_or(Ok(Part::NotEnough), |compared| changed(host, instance, compared, need));
    let is_comparable = match part? {
        Part::Gathered(gathered) => return Ok(*gathered),
        Part::NotEnough => true,
        Part::NotComparable => false,
    };
    let mut session = Session::open(host, instance)?;
    let history = compared.as_ref().map_or(History::default(), Comparison::history);
    let found =
        if is_comparable { remote::given(&mut session, compared) } else { remote::whole(&mut session, history) };
    let (remote, contents) = found?;
    let workspace = Workspace::scan(host, &session.selection, &session.ledger)?;
    Ok(Gathered { session, remote, contents, workspace })
}

fn changed<'a>(
    host: &'a dyn Host,
    instance: &'a Instance,
    compared: &Comparison,
    need: Need,
) -> Result<Part<'a>, Error> {
    let (present, gone) = match compared {
        Comparison::Same => (&[][..], &[][..]),
        Comparison::Unlisted(_) => return Ok(Part::NotEnough),
        Comparison::Moved { present, gone, .. } => (&present[..], &gone[..]),
    };
    // Other attributes can mean other files.
    if present.iter().chain(gone).any(|path| attributes::is_one(path)) {
        return Ok(Part::NotEnough);
    }
    let Some(mut session) = Session::open_part(host, instance)? else { return Ok(Part::NotEnough) };
    let [present, gone] = [present, gone].map(|paths| synced(&session, &mut paths.iter().map(String::as_str)));
    let theirs = Theirs { present, gone };
    let paths: Vec<RepoPath> = theirs.present.iter().chain(theirs.gone.iter()).cloned().collect();
    let asked: Vec<String> = paths.iter().map(RepoPath::to_string).collect();
    if !session.load(paths)? {
        return Ok(Part::NotEnough);
    }
    let at_rest = if need == Need::Theirs { at_rest(&session, &asked)? } else { None };
    let workspace = at_rest.map_or_else(|| told(&mut session, &theirs, &asked), |workspace| Ok(Some(workspace)))?;
    let Some(workspace) = workspace else { return Ok(Part::NotEnough) };
    Ok(match remote::changed(&session, compared.clone())? {
        Some((remote, contents)) => Part::Gathered(Box::new(Gathered { session, remote, contents, workspace })),
        None => Part::NotComparable,
    })
}

/// Paths that the branch has changed.
struct Theirs {
    present: Set<RepoPath>,
    gone: Set<RepoPath>,
}

/// What the workspace has at these paths, if that is what it had at the last sync, each of them.
fn at_rest(session: &Session<'_>, asked: &[String]) -> Result<Option<Workspace>, Error> {
    let is_known = |path: &String| session.ledger.files().contains_key(path.as_str());
    if asked.len() > MOST_LOOKED || !asked.iter().all(is_known) {
        return Ok(None);
    }
    match session.host().look(asked) {
        Err(FileError::Unsafe(..)) => Ok(None),
        found => Ok(Workspace::at_rest(&session.selection, &session.ledger, asked, found?)),
    }
}

/// What the workspace has at these paths and where it may have changed, if that is enough.
fn told(session: &mut Session<'_>, theirs: &Theirs, asked: &[String]) -> Result<Option<Workspace>, Error> {
    let host = session.host();
    if !session.load_known()? {
        return Ok(None);
    }
    let news = match host.news(session.ledger.known(), asked) {
        Err(FileError::Unsafe(..)) => return Ok(None),
        news => news?,
    };
    if news.too_many || news.missing.len() > MOST_GONE {
        return Ok(None);
    }
    let ours = synced(session, &mut news.entries.iter().map(|listed| &*listed.path));
    let is_loaded = session.load(ours.iter().cloned().collect())? && session.load_marked(&news.missing)?;
    if !is_loaded || session.ledger.is_crowded() {
        return Ok(None);
    }
    // Said before any is read: there may be thousands.
    if may_clash(session, theirs, &ours)? {
        return Ok(None);
    }
    Workspace::told(host, &session.selection, &session.ledger, news).map(Some)
}

/// Whether something may be in the way of a file that comes to a side, or comes back to one that has deleted it.
fn may_clash(session: &mut Session<'_>, theirs: &Theirs, ours: &Set<RepoPath>) -> Result<bool, Error> {
    let Theirs { present, gone } = theirs;
    let is_known = |path: &RepoPath| session.ledger.files().contains_key(path);
    let (mut come, mut back) = (Vec::new(), Vec::new());
    for path in present.iter().chain(ours.iter()) {
        let is_there = present.contains(path) || !gone.contains(path);
        match (is_known(path), is_there, ours.contains(path)) {
            (false, ..) => come.push(path),
            (true, true, true) => {}
            (true, ..) => back.push(path),
        }
    }
    for paths in [&mut come, &mut back] {
        order::sort(paths);
        paths.dedup();
    }
    session.may_clash(come, back)
}

fn synced(session: &Session<'_>, paths: &mut dyn Iterator<Item = &str>) -> Set<RepoPath> {
    paths.filter_map(|path| RepoPath::parse(path).ok()).filter(|path| session.selection.selects(path)).collect()
}
