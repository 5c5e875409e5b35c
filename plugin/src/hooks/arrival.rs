//! What deliveries tell of the secrets: that the present one has arrived, which ends the former one's time soon.
//!
//! Decided here: whether a secret that has proved a delivery counts, and what is noted of it. It is noted apart from what is known of
//! the webhook, at a place that deliveries alone write. So no delivery ends a call that is changing the webhook in the same moment, and
//! nothing that such a call writes takes back what a delivery has told. The note names the former secret that it is about by the time
//! when that was made; of any other it says nothing.

use super::{FIRST_DELIVERY, Kept, Room, Turn};
use crate::configure::WEBHOOK_PREVIOUS;
use crate::error::Error;
use crate::host::{Host, Put, StateError};
use crate::session::removal;

/// Where it is noted.
const KEY: &str = "webhook/arrived";
/// How long the former secret is good after the first delivery with the present one: six times what GitLab waits for an answer.
const UNDER_WAY_MS: u64 = 60 * 1000;

/// Whether a secret that has proved a delivery counts: the former one only for its time, which the present one's first delivery cuts
/// short. `is_it` asks once more whether it is the secret of the slot.
pub(crate) fn counts(host: &dyn Host, slot: &str, is_it: &dyn Fn() -> bool) -> Result<bool, Error> {
    let Some(until) = Room::open(host)?.and_then(|room| room.kept.previous_until) else { return Ok(true) };
    if slot == WEBHOOK_PREVIOUS {
        return Ok(until == FIRST_DELIVERY || until > host.now_ms());
    }
    let soon = host.now_ms() + UNDER_WAY_MS;
    if until == FIRST_DELIVERY || until > soon {
        note(host, soon, is_it)?;
    }
    Ok(true)
}

/// Of two deliveries at the same time one notes it.
fn note(host: &dyn Host, until: u64, is_it: &dyn Fn() -> bool) -> Result<(), Error> {
    let Some(former) = host.made_ms(WEBHOOK_PREVIOUS)? else { return Ok(()) };
    // After a whole rotation since it was compared, what has arrived is that former one itself.
    if !is_it() {
        return Ok(());
    }
    let expected = host.get(KEY)?.map_or(0, |value| value.version);
    let bytes = Some(format!("{former} {until}").into_bytes());
    written(host.commit(vec![Put { key: KEY.into(), bytes, expected }]))
}

fn written(outcome: Result<(), StateError>) -> Result<(), Error> {
    match outcome {
        Err(StateError::Changed(_)) => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// Takes in what deliveries have told since.
pub(super) fn heard(host: &dyn Host, kept: &mut Kept) -> Result<(), Error> {
    let Some(end) = kept.previous_until else { return Ok(()) };
    let Some(until) = noted(host)? else { return Ok(()) };
    if end == FIRST_DELIVERY || until < end {
        kept.previous_until = Some(until);
    }
    // A person has pasted it.
    if kept.by_hand.is_some() && kept.turn == Turn::Moved {
        kept.turn = Turn::Still;
    }
    Ok(())
}

/// One that cannot be read is as good as none: the next delivery notes it again.
fn noted(host: &dyn Host) -> Result<Option<u64>, Error> {
    let Some(value) = host.get(KEY)? else { return Ok(None) };
    let text = str::from_utf8(&value.bytes).unwrap_or_default();
    let Some((former, until)) = text.split_once(' ') else { return Ok(None) };
    let is_of_this_one = former.parse().ok() == host.made_ms(WEBHOOK_PREVIOUS)?;
    Ok(until.parse().ok().filter(|_| is_of_this_one))
}

/// Removes it, once nothing is known of the webhook any more. A delivery that was under way can note it anew in just this moment;
/// that says nothing of any secret to come.
pub(crate) fn clear(host: &dyn Host) -> Result<(), Error> {
    written(host.commit(removal(host, KEY)?.into_iter().collect()))
}
