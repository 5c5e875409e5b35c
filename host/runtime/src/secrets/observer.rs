//! Who hears of every use of a secret. The audit trail implements it.
//!
//! Decided here: what is told. There is no field that could hold a value.

use super::names::ConnectionId;

/// Hears of every use.
pub trait Observer: Send + Sync {
    /// Called once for each use, when its outcome is known. Must be quick and must not fail.
    fn used(&self, event: &UseEvent<'_>);
}

/// One use of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseEvent<'a> {
    /// Whose secret.
    pub connection: &'a ConnectionId,
    /// Which. For a slot that does not exist, what was asked for, cut short.
    pub slot: &'a str,
    /// What was to be done with it.
    pub usage: Usage,
    /// What became of it.
    pub outcome: Outcome,
    /// Milliseconds since 1970 UTC.
    pub at_ms: u64,
}

/// What was to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// The host put it there.
    Put,
    /// The host took it out: for a request's credential, or to show it to an administrator.
    Reveal,
    /// A new one was made.
    Generate,
    /// It was moved, from here or to here.
    Rename,
    /// It was removed.
    Forget,
    /// A candidate was compared.
    Matches,
    /// A signature was checked.
    Verify,
    /// It went out in an exchange.
    Fill,
    /// It came in by an exchange.
    Capture,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; for a capture: it is on disk.
    Done,
    /// The candidate or signature was right.
    Right,
    /// The candidate or signature was wrong.
    Wrong,
    /// Not permitted.
    Denied,
    /// Nothing is in the slot.
    Empty,
    /// Too many comparisons in this call.
    Exhausted,
    /// The server said no, or its reply had no such field.
    Missing,
    /// The server did not reply, so it may or may not have happened.
    NoReply,
    /// The vault failed, or the secret cannot be used so.
    Failed,
}

impl Usage {
    /// The word in an audit line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Reveal => "reveal",
            Self::Generate => "generate",
            Self::Rename => "rename",
            Self::Forget => "forget",
            Self::Matches => "matches",
            Self::Verify => "verify",
            Self::Fill => "fill",
            Self::Capture => "capture",
        }
    }
}

impl Outcome {
    /// The word in an audit line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Right => "right",
            Self::Wrong => "wrong",
            Self::Denied => "denied",
            Self::Empty => "empty",
            Self::Exhausted => "exhausted",
            Self::Missing => "missing",
            Self::NoReply => "no-reply",
            Self::Failed => "failed",
        }
    }
}
