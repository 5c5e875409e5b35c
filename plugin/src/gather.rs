//! What a pull or a push works on: everything on both sides, or only what may not be at rest.
//!
//! Decided here: when the second is enough. Both sides were equal at the end of the last sync; a comparison names what the branch
//! has changed since, and the host, told by marks what was there, names what the workspace has. If all of that is plain, new
//! contents of files that both sides have and that no more than one of them has changed, then every other file is the same in the
//! base and on both sides, and has no part in a plan. The plan and all that follows are the same code over smaller maps.
//!
//! Whatever is not plain goes by everything: files that come, go or are renamed (their names are to be held against all others),
//! files that both sides changed, marks that are missing without a reason, a ledger that is damaged or was never settled. That is
//! found out before the branch is asked for contents, so that no request is made twice.

use crate::attributes;
use crate::error::Error;
use crate::gitlab::blob::Contents;
use crate::gitlab::client::Client;
use crate::gitlab::compare::{self, Comparison};
use crate::host::{Entry, FileError, Host};
use crate::order;
use crate::path::RepoPath;
use crate::plan::is_left_alone;
use crate::remote::{self, Remote};
use crate::request::Instance;
use crate::session::{Peek, Session};
use crate::workspace::{MAX_FILE, Workspace};
use std::collections::BTreeSet;

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
    /// It is not plain.
    NotPlain,
    /// It is, but the branch must be listed.
    NotComparable,
}

/// The branch beside the last sync. One request, or none where there is nothing to compare with.
pub(crate) fn compare(client: &Client<'_>, peek: &Peek) -> Option<Comparison> {
    let (base, configuration) = (peek.settled_head.as_deref()?, &peek.configuration);
    compare::compare(client, configuration.project, base, &configuration.branch)
}

/// What may not be at rest if that is plain, else everything. `compared` is the branch beside the last sync, if that is known.
pub(crate) fn gather<'a>(
    host: &'a dyn Host,
    instance: &'a Instance,
    compared: Option<Comparison>,
) -> Result<Gathered<'a>, Error> {
    let part = compared.as_ref().map_or(Ok(Part::NotPlain), |compared| changed(host, instance, compared));
    let is_comparable = match part? {
        Part::Gathered(gathered) => return Ok(*gathered),
        Part::NotPlain => true,
        Part::NotComparable => false,
    };
    let mut session = Session::open(host, instance)?;
    let found = if is_comparable { remote::given(&mut session, compared) } else { remote::whole(&mut session) };
    let (remote, contents) = found?;
    let workspace = Workspace::scan(host, &session.selection, &session.ledger)?;
    Ok(Gathered { session, remote, contents, workspace })
}

fn changed<'a>(host: &'a dyn Host, instance: &'a Instance, compared: &Comparison) -> Result<Part<'a>, Error> {
    let (present, gone) = match compared {
        Comparison::Same => (&[][..], &[][..]),
        Comparison::Moved { present, gone, .. } => (&present[..], &gone[..]),
    };
    let Some(mut session) = Session::open_part(host, instance)? else { return Ok(Part::NotPlain) };
    let theirs = synced(&session, present);
    // Other attributes can mean other files.
    if present.iter().chain(gone).any(|path| attributes::is_one(path)) || !synced(&session, gone).is_empty() {
        return Ok(Part::NotPlain);
    }
    let Some(workspace) = told(&mut session, &theirs)? else { return Ok(Part::NotPlain) };
    Ok(match remote::changed(&session, compared.clone())? {
        Some((remote, contents)) => Part::Gathered(Box::new(Gathered { session, remote, contents, workspace })),
        None => Part::NotComparable,
    })
}

/// What the workspace has at these paths and where it may have changed, if all of that is plain.
fn told(session: &mut Session<'_>, theirs: &BTreeSet<RepoPath>) -> Result<Option<Workspace>, Error> {
    let host = session.host();
    let is_there = |session: &Session<'_>, path: &RepoPath| session.ledger.files().contains_key(path);
    if !session.load(theirs.iter().cloned())? || !theirs.iter().all(|path| is_there(session, path)) {
        return Ok(None);
    }
    let asked: Vec<String> = theirs.iter().map(RepoPath::to_string).collect();
    let news = match host.news(session.ledger.known(), &asked) {
        Err(FileError::Unsafe(..)) => return Ok(None),
        news => news?,
    };
    let ours: Vec<RepoPath> = news.entries.iter().filter_map(|listed| RepoPath::parse(&listed.path).ok()).collect();
    if !session.load(ours)? || news.entries.iter().any(|listed| has_come(session, listed)) {
        return Ok(None);
    }
    let Some(workspace) = Workspace::told(host, &session.selection, &session.ledger, news)? else { return Ok(None) };
    let skipped: BTreeSet<&str> = order::set(workspace.skips.iter().map(|skip| &*skip.path));
    let counts = |path: &&RepoPath| {
        let is_synced = session.selection.selects(path) && !session.attributes.is_lfs(path);
        is_synced && !is_left_alone(&skipped, path)
    };
    let is_plain = session.ledger.asked().filter(counts).all(|path| is_plain(session, &workspace, theirs, path));
    Ok(is_plain.then_some(workspace))
}

/// Whether it is a file that only the workspace has. Said before any is read: there may be thousands.
fn has_come(session: &Session<'_>, listed: &Entry) -> bool {
    let Ok(path) = RepoPath::parse(&listed.path) else { return false };
    let is_synced = session.selection.selects(&path) && !session.attributes.is_lfs(&path) && listed.size <= MAX_FILE;
    is_synced && !session.ledger.files().contains_key(&path)
}

fn synced(session: &Session<'_>, paths: &[String]) -> BTreeSet<RepoPath> {
    let paths = paths.iter().filter_map(|path| RepoPath::parse(path).ok());
    order::set(paths.filter(|path| session.selection.selects(path)))
}

/// Whether the file is on both sides and changed on no more than one.
fn is_plain(session: &Session<'_>, workspace: &Workspace, theirs: &BTreeSet<RepoPath>, path: &RepoPath) -> bool {
    match (session.ledger.files().get(path), workspace.tree.get(path)) {
        (Some(base), Some(ours)) => base == ours || !theirs.contains(path),
        _ => false,
    }
}
