//! Brings the branch to what the workspace says.
//!
//! Where both sides were equal at a known head, nothing is listed first: the commit itself says for each file which version it
//! was made against, so GitLab refuses it if one of these files has changed, and then the branch is read and planned anew. Two
//! things GitLab does not refuse: other files that changed meanwhile, and a rewritten history. Both show in the parent of the
//! commit that was made, and are reconciled at once.

use crate::configure::Configuration;
use crate::conflicts;
use crate::error::{Code, Error};
use crate::gather::{Gathered, Need, compare, gather};
use crate::gitlab::blob::Contents;
use crate::gitlab::client::Client;
use crate::gitlab::compare::Comparison;
use crate::host::{Host, Level};
use crate::inbound;
use crate::message::Template;
use crate::outbound::Work;
use crate::plan::Direction;
use crate::pull::{self, Options, check, remember_rest, settle};
use crate::refused;
use crate::report::{Change, Step};
use crate::request::Instance;
use crate::session::Peek;
use crate::tree::Side;

/// How often a branch that keeps moving is planned on anew in one call.
const ATTEMPTS: usize = 3;

/// One bounded piece of a push. One request where both sides were equal before.
pub fn push(host: &dyn Host, instance: &Instance, options: &Options) -> Result<Step, Error> {
    let since_ms = host.now_ms();
    let peek = Peek::open(host)?;
    template(options, &peek.configuration)?;
    // The commit itself says what it was made against, so the branch is looked at only to hold a plan against it.
    let is_assumed = options.plan.is_none() && peek.settled_head.is_some();
    let compared = if is_assumed { Some(Comparison::Same) } else { compare(&Client { host, instance }, &peek) };
    let mut gathered = gather(host, instance, compared, Need::Both)?;
    gathered.remote.is_assumed = is_assumed;
    let mut changes = Vec::new();
    for _ in 0..ATTEMPTS {
        let error = match attempt(&mut gathered, options, since_ms, &mut changes) {
            Ok(End { more, head, commits }) => {
                return Ok(Step { changes, more, head, commits, conflicts: conflicts::count(host)? });
            }
            Err(error) => error,
        };
        // In another language than ours, that a file has changed meanwhile reads like a rule of the project.
        let is_unclear = error.code == Code::PushRule && gathered.remote.is_assumed;
        if error.code != Code::BranchMoved && !is_unclear {
            return Err(refused::explain(&gathered.session, error));
        }
        let compared = compare(&Client { host, instance }, &Peek::open(host)?);
        if is_unclear && compared == Some(Comparison::Same) {
            return Err(refused::explain(&gathered.session, error));
        }
        host.event(Level::Info, "the branch moved: planning anew", &[("reason", &error.message)]);
        gathered = gather(host, instance, compared, Need::Both)?;
    }
    Err(Code::BranchMoved.into())
}

struct End {
    more: bool,
    head: Option<String>,
    commits: u32,
}

fn attempt(
    gathered: &mut Gathered<'_>,
    options: &Options,
    since_ms: u64,
    changes: &mut Vec<Change>,
) -> Result<End, Error> {
    let Gathered { session, remote, workspace, .. } = gathered;
    let host = session.host();
    if workspace.is_in_part() {
        return Ok(End { more: true, head: remote.head.clone(), commits: 0 });
    }
    let mut planned = pull::compare(session, workspace, remote, Direction::Push);
    let both = || pull::compare(session, workspace, remote, Direction::Both);
    check(host, &planned, options, &[Side::Branch, Side::Workspace], both)?;
    // Settling one file can make a move of another certain, so this may take more than one round.
    while planned.changes_of(Side::Workspace).next().is_some() || !planned.disputes.is_empty() {
        let inbound = inbound::carry_out(session, &mut planned, workspace, remote, &Contents::new())?;
        changes.extend(inbound.changes);
        if !inbound.cut {
            settle(session, &planned, workspace);
        }
        session.save(remote, workspace, &planned.skips)?;
        if inbound.cut {
            remember_rest(session, options, workspace, remote)?;
            return Ok(End { more: true, head: remote.head.clone(), commits: 0 });
        }
        planned = pull::compare(session, workspace, remote, Direction::Push);
        if inbound.left_out {
            break;
        }
    }
    settle(session, &planned, workspace);
    let template = template(options, &session.configuration)?;
    let work = Work { session, workspace, remote, options, template: &template, since_ms };
    let outbound = work.carry_out(&planned)?;
    changes.extend(outbound.changes);
    if !outbound.cut {
        changes.extend(Change::skipped(&planned.skips));
    }
    let head = outbound.head.or_else(|| remote.head.clone());
    Ok(End { more: outbound.cut, head, commits: outbound.commits })
}

/// As asked for now, else as configured.
fn template(options: &Options, configuration: &Configuration) -> Result<Template, Error> {
    let asked = options.message.as_deref().or(configuration.message.as_deref());
    asked.map_or(Ok(Template::default()), Template::parse)
}
