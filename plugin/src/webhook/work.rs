//! What a verified delivery asks for.
//!
//! Decided here: only a push to the watched branch asks for a pull, and it does whatever it says beside that, since the branch's head
//! decides. Records, CI and tokens are told of whichever project they are: the hook of a group tells of all its projects, and the product
//! knows which are whose.

use super::ci::CiRun;
use super::event::Concern;
use super::expiring::{ExpiringToken, TokenClass};
use super::kind::Kind;
use super::payload::Payload;
use super::record::RecordRef;
use super::reference::Moves;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// The branch may have moved, to this commit if the delivery is the newest.
    Pull(Option<String>),
    /// Read these records again.
    Refresh(Vec<RecordRef>),
    /// Build a merge request.
    RunCi(CiRun),
    /// A token is about to end.
    TokenExpires(ExpiringToken),
    /// Nothing, and why.
    Nothing(String),
}

/// One branch of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Its number.
    pub project: u64,
    /// Without `refs/heads/`.
    pub branch: String,
}

/// At least one, and `Nothing` alone.
pub(super) fn work(
    kind: Kind,
    word: &str,
    payload: &Payload<'_>,
    concern: &Concern,
    moves: &Moves,
    watched: Option<&Watched>,
) -> Vec<Work> {
    let nothing = |reason: &str| vec![Work::Nothing(reason.to_owned())];
    match kind {
        Kind::RepositoryUpdate if moves.are_tags() => nothing(TAG),
        Kind::Push | Kind::RepositoryUpdate => vec![pull(concern.project, moves, watched)],
        Kind::TagPush => nothing(TAG),
        Kind::AccessToken => vec![Work::TokenExpires(ExpiringToken::of(TokenClass::Access, payload))],
        Kind::DeployToken => vec![Work::TokenExpires(ExpiringToken::of(TokenClass::Deploy, payload))],
        Kind::Idle(reason) => nothing(reason),
        Kind::Unknown if word == UNKNOWN => nothing("the body is not an event that is known"),
        Kind::Unknown => vec![Work::Nothing(format!("the event `{word}` is not known here"))],
        _ if concern.records.is_empty() => vec![Work::Nothing(format!("the event `{word}` does not say which record"))],
        Kind::MergeRequest => {
            let run = CiRun::of(payload, concern.project).map(Work::RunCi);
            run.into_iter().chain([Work::Refresh(concern.records.clone())]).collect()
        }
        _ => vec![Work::Refresh(concern.records.clone())],
    }
}

const TAG: &str = "a tag moves no branch";

/// The kind of a delivery that names none.
pub(super) const UNKNOWN: &str = "unknown";

fn pull(project: Option<u64>, moves: &Moves, watched: Option<&Watched>) -> Work {
    let nothing = |reason: String| Work::Nothing(reason);
    let Some(watched) = watched else { return nothing("nothing is configured yet".into()) };
    match project {
        Some(id) if id == watched.project => {}
        Some(id) => return nothing(format!("project {id} is not the one that is synced")),
        None => return nothing("the event names no project".into()),
    }
    let is_ours = |name: Option<&str>| name == Some(watched.branch.as_str());
    if let Some(ours) = moves.moves.iter().rfind(|it| is_ours(it.branch())) {
        return Work::Pull(ours.after.clone());
    }
    if moves.is_cut {
        return Work::Pull(None);
    }
    if moves.moves.is_empty() {
        return nothing("the event names no branch".into());
    }
    nothing(format!("another branch than `{}` was pushed", watched.branch))
}
