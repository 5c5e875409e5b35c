//! Brings the workspace to what the branch says.

use crate::brake::Brake;
use crate::conflicts;
use crate::error::{Code, Error};
use crate::gather::{self, Gathered, Need, gather};
use crate::gitlab::client::Client;
use crate::gitlab::compare::Comparison;
use crate::host::Host;
use crate::inbound;
use crate::path::RepoPath;
use crate::plan::{Direction, Plan, Sides, plan};
use crate::remote::Remote;
use crate::report::{Change, Step};
use crate::request::Instance;
use crate::session::{self, Approved, Peek, Session};
use crate::tree::{Side, Skip, SkipReason, Tree};
use crate::workspace::Workspace;

/// Whether many deletions are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletions {
    /// More than usual need approval.
    Brake,
    /// They are meant.
    Approved,
}

/// How to push or pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Digest of the plan to do, and no other.
    pub plan: Option<String>,
    /// Whether many deletions are meant.
    pub deletions: Deletions,
    /// First lines of the commit message.
    pub message: Option<String>,
}

/// One bounded piece of a pull. One request where nothing has moved. Tells what it did, and what it left alone as far as it had to look.
pub fn pull(host: &dyn Host, instance: &Instance, options: &Options) -> Result<Step, Error> {
    let peek = Peek::open(host)?;
    let compared = gather::compare(&Client { host, instance }, &peek);
    let settled = peek.settled_head.filter(|_| compared == Some(Comparison::Same) && options.plan.is_none());
    if let Some(head) = settled {
        session::touch(host, &head)?;
        return Ok(Step { head: Some(head), conflicts: conflicts::count(host)?, ..Step::default() });
    }
    // A plan was made of all that either side has changed, and is held against all of that.
    let need = if options.plan.is_none() { Need::Theirs } else { Need::Both };
    let Gathered { mut session, mut remote, contents, mut workspace } = gather(host, instance, compared, need)?;
    if workspace.is_in_part() {
        return Ok(Step { more: true, head: remote.head, conflicts: conflicts::count(host)?, ..Step::default() });
    }
    let mut planned = compare(&session, &workspace, &remote, Direction::Pull);
    let both = || compare(&session, &workspace, &remote, Direction::Both);
    check(host, &planned, options, &[Side::Workspace], both)?;
    let mut inbound = inbound::carry_out(&mut session, &mut planned, &mut workspace, &remote, &contents)?;
    if !inbound.cut {
        settle(&mut session, &planned, &workspace);
        session.follow(&mut remote);
        inbound.changes.extend(Change::skipped(&planned.skips));
    }
    session.save(&remote, &mut workspace, &planned.skips)?;
    remember_rest(&session, options, &workspace, &remote)?;
    let (changes, more, head, conflicts) = (inbound.changes, inbound.cut, remote.head, conflicts::count(host)?);
    Ok(Step { changes, more, head, commits: 0, conflicts })
}

/// The plan of what both sides hold now.
pub(crate) fn compare(session: &Session<'_>, workspace: &Workspace, remote: &Remote, direction: Direction) -> Plan {
    let mut skipped: Vec<Skip> = workspace.skips.iter().chain(&remote.skips).cloned().collect();
    skipped.extend(kept_in_lfs(session, &workspace.tree, Side::Workspace));
    skipped.extend(kept_in_lfs(session, &remote.tree, Side::Branch));
    let mut planned = plan(
        &Sides {
            head: remote.head.as_deref(),
            base: session.ledger.files(),
            workspace: &workspace.tree,
            branch: &remote.tree,
            history: remote.history,
            skipped: &skipped,
            selection: &session.selection,
        },
        direction,
    );
    planned.files += session.ledger.elsewhere();
    planned
}

fn kept_in_lfs(session: &Session<'_>, tree: &Tree, side: Side) -> Vec<Skip> {
    if session.attributes.is_empty() {
        return Vec::new();
    }
    let is_lfs = |path: &&RepoPath| session.selection.selects(path) && session.attributes.is_lfs(path.as_str());
    tree.keys().filter(is_lfs).map(|path| Skip { path: path.shared(), side, reason: SkipReason::Lfs }).collect()
}

/// Refuses what was not approved: another plan, or more deletions than usual.
pub(crate) fn check(
    host: &dyn Host,
    plan: &Plan,
    options: &Options,
    sides: &[Side],
    both: impl Fn() -> Plan,
) -> Result<(), Error> {
    if let Some(asked) = &options.plan
        && *asked != plan.digest.to_string()
        && !is_rest(host, asked, &both().digest.to_string())?
    {
        return Err(Code::PlanOutdated.into());
    }
    if options.deletions == Deletions::Approved {
        return Ok(());
    }
    for side in sides {
        if let held @ Brake::Held { .. } = plan.brake(*side) {
            return Err(Error::because(Code::MassDeleteBrake, &held.to_string()));
        }
    }
    Ok(())
}

/// Whether this is the approved plan for both directions, or what is left of an approved one.
fn is_rest(host: &dyn Host, asked: &str, both: &str) -> Result<bool, Error> {
    let kept = session::approved(host)?;
    Ok(asked == both || kept.is_some_and(|kept| kept.asked == asked && kept.left == both))
}

/// Puts what needs no work into the ledger.
pub(crate) fn settle(session: &mut Session<'_>, plan: &Plan, workspace: &Workspace) {
    for (path, entry) in &plan.settled {
        match entry {
            Some(entry) => session.ledger.set(path, *entry, Some(workspace.mark(path, entry))),
            None => session.ledger.remove(path),
        }
    }
}

/// A plan that takes several calls is approved once: what is left of it counts as approved too.
pub(crate) fn remember_rest(
    session: &Session<'_>,
    options: &Options,
    workspace: &Workspace,
    remote: &Remote,
) -> Result<(), Error> {
    let Some(asked) = &options.plan else { return Ok(()) };
    let left = compare(session, workspace, remote, Direction::Both).digest.to_string();
    session::approve(session.host(), &Approved { asked: asked.clone(), left })
}
