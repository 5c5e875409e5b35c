//! A batch that is in its place while the disk still takes it in, so that what made it can go on with the next.
//!
//! Only batches of many new files (`apply`). A thread of its own makes the batch final and holds the workspace until then; the next
//! batch of the same directory goes in with it, and waits for it before it writes a journal. A process that dies in between leaves the
//! journal, so the batch is taken back by whoever comes next: nothing may be kept elsewhere that says that it was made before
//! [`Ahead::settle`] has said so.

use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use cap_std::fs::Dir;

use super::apply::{self, Made};
use super::home::{self, Held};
use super::journal::Turn;
use super::steps::Steps;
use crate::files::{Batch, FileError, Version};

/// So long batches may follow each other before someone else gets a turn, who would give up in the end.
const TURN: Duration = Duration::from_secs(5);

/// One batch, not known to be final.
pub(super) struct Ahead {
    /// While it is not.
    held: Weak<Held>,
    since: Instant,
    turn: Turn,
    outcome: Receiver<Result<(), FileError>>,
}

/// Puts a batch in its place, after the one before. If it is not final by then, it is given back.
pub(super) fn begin(
    dir: &Dir,
    steps: &Steps,
    before: Option<Ahead>,
    batch: &Batch,
) -> Result<(Vec<Version>, Option<Ahead>), FileError> {
    let (held, since, before) = hold(dir, steps, before)?;
    let turn = before.as_ref().map_or(Turn::default(), |before| before.turn.next());
    let mut made = apply::begin(&held, batch, turn, || before.map_or(Ok(()), Ahead::wait))?;
    let versions = std::mem::take(&mut made.versions);
    if made.can_wait() {
        return Ok((versions, finish_aside(&held, since, turn, made)?));
    }
    finish_here(&held, &made)?;
    Ok((versions, None))
}

/// Holds the workspace, together with the batch before or after it.
fn hold(dir: &Dir, steps: &Steps, before: Option<Ahead>) -> Result<(Arc<Held>, Instant, Option<Ahead>), FileError> {
    if let Some(before) = before {
        match before.held.upgrade() {
            Some(held) if before.since.elapsed() < TURN => return Ok((held, before.since, Some(before))),
            _ => before.settle(dir, steps)?,
        }
    }
    Ok((Arc::new(home::alone(dir, steps)?), Instant::now(), None))
}

/// None: it was done here, for want of a thread.
fn finish_aside(held: &Arc<Held>, since: Instant, turn: Turn, made: Made) -> Result<Option<Ahead>, FileError> {
    let (tell, outcome) = mpsc::sync_channel(1);
    let (weak, held_there, made) = (Arc::downgrade(held), held.clone(), Arc::new(made));
    let made_there = made.clone();
    let spawned = std::thread::Builder::new().name("workspace".into()).spawn(move || {
        let outcome = apply::finish(&held_there, &made_there);
        // In this order: who hears of it finds the workspace free. No one may be there to hear.
        drop(held_there);
        _ = tell.send(outcome);
    });
    match spawned {
        Ok(_) => Ok(Some(Ahead { held: weak, since, turn, outcome })),
        Err(_) => finish_here(held, &made).map(|()| None),
    }
}

fn finish_here(held: &Held, made: &Made) -> Result<(), FileError> {
    apply::finish(held, made).map_err(|error| apply::take_back(held, error))
}

impl Ahead {
    /// Waits until it is final. An error: it is not, and has to be taken back.
    fn wait(self) -> Result<(), FileError> {
        let broke_off = || FileError::storage("cannot finish the batch", "the thread that did it broke off");
        self.outcome.recv().unwrap_or_else(|_| Err(broke_off()))
    }

    /// Waits until it is final, or takes it back.
    pub(super) fn settle(self, dir: &Dir, steps: &Steps) -> Result<(), FileError> {
        self.wait().map_err(|error| match home::alone(dir, steps) {
            Ok(_) => error,
            Err(undo) => {
                FileError::storage(format!("{error}; and the batch could not be taken back yet"), undo.to_string())
            }
        })
    }
}
