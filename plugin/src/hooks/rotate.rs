//! A new secret: the former one moves to its own slot, and both count until GitLab has told of the new one.
//!
//! Order, so that a kill at any place leaves no delivery without a secret that counts: GitLab is known to have the present secret;
//! the slot for former ones is emptied; it is noted that a rotation has begun; the secret moves; a new one is made; GitLab is given
//! it. What was done of this can be seen from the slots, so that calling again goes on where it broke off: the slot for former
//! secrets is empty exactly until the secret has moved.

use super::{FIRST_DELIVERY, Kept, Mode, OVERLAP_MS, Report, Room, Turn, ensure, forget};
use crate::configure::{WEBHOOK, WEBHOOK_PREVIOUS};
use crate::error::{Code, Error};
use crate::gitlab::client::Client;
use crate::host::SecretError;

/// Moving two secrets takes milliseconds. Whoever finds it begun and not done waits so long before it is taken for broken off.
const MOVING_MS: u64 = 2_000;

/// Makes a new secret and gives it to GitLab, or to the person who pastes it.
pub fn rotate(client: &Client<'_>) -> Result<Report, Error> {
    let room = Room::require(client.host)?;
    if room.kept.mode == Mode::None {
        return Err(Error::because(Code::InvalidSettings, "no webhook is wanted, so there is no secret to rotate"));
    }
    if room.kept.turn == Turn::Still {
        turn(&mut begin(client)?)?;
    }
    ensure(client)
}

fn begin<'a>(client: &Client<'a>) -> Result<Room<'a>, Error> {
    // Whichever secret GitLab has must be the one that moves.
    let before = ensure(client)?.webhook;
    if let (Mode::Auto(_), false, None) = (&before.kept.mode, before.settled, &before.kept.by_hand) {
        // Another call has begun to change it meanwhile.
        return Err(Code::StateChanged.into());
    }
    let mut room = Room::require(client.host)?;
    if room.kept.turn != Turn::Still {
        return Err(Code::StateChanged.into());
    }
    start(&mut room)?;
    Ok(room)
}

/// A secret that a person made up is no key for signatures, and GitLab refuses it as one: it becomes the former one.
pub(super) fn replace_typed(room: &mut Room<'_>) -> Result<(), Error> {
    let host = room.host;
    let is_typed = matches!(host.verify_signature(WEBHOOK, b"", &[0; 32]), Err(SecretError::NotAKey(_)));
    if !is_typed || room.kept.turn != Turn::Still {
        return Ok(());
    }
    start(room)?;
    turn(room)
}

fn start(room: &mut Room<'_>) -> Result<(), Error> {
    forget(room.host, WEBHOOK_PREVIOUS)?;
    room.kept.turn = Turn::Begun(room.host.now_ms());
    (room.kept.sent, room.kept.previous_until) = (None, None);
    room.save()
}

/// Goes on with a rotation that broke off while the secrets were moved. Two that did this at once could move the new one, too.
pub(super) fn go_on(room: &mut Room<'_>) -> Result<(), Error> {
    let Turn::Begun(since) = room.kept.turn else { return Ok(()) };
    let left = (since + MOVING_MS).saturating_sub(room.host.now_ms()).min(MOVING_MS);
    if left > 0 && !room.host.wait(u32::try_from(left).unwrap_or(u32::MAX)) {
        return Err(Code::StateChanged.into());
    }
    *room = Room::require(room.host)?;
    if room.kept.turn != Turn::Begun(since) {
        return go_on(room);
    }
    room.kept.turn = Turn::Begun(room.host.now_ms());
    room.save()?;
    turn(room)
}

/// The secrets into their slots. Only for the one who has begun.
fn turn(room: &mut Room<'_>) -> Result<(), Error> {
    let host = room.host;
    if !host.is_present(WEBHOOK_PREVIOUS)? {
        match host.rename(WEBHOOK, WEBHOOK_PREVIOUS) {
            Ok(()) | Err(SecretError::Empty(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    room.secret()?;
    room.kept.turn = Turn::Moved;
    if matches!(room.kept.mode, Mode::Manual(_)) {
        handed_over(&mut room.kept);
        room.kept.turn = Turn::Still;
    }
    room.save()
}

/// GitLab has confirmed the new secret.
pub(super) fn settled(kept: &mut Kept, now_ms: u64) {
    if kept.turn == Turn::Moved {
        kept.turn = Turn::Still;
        kept.previous_until = Some(now_ms + OVERLAP_MS);
    }
}

/// A person pastes the new secret, whenever that may be.
pub(super) fn handed_over(kept: &mut Kept) {
    if kept.turn == Turn::Moved || matches!(kept.mode, Mode::Manual(_)) {
        kept.previous_until = Some(FIRST_DELIVERY);
    }
}
