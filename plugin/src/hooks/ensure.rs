//! Brings GitLab to the webhook that is wanted: once, in place, with the present secret; and takes it away again.
//!
//! Decided here: which of GitLab's webhooks is ours, what is wrong with it, and what to do about each fault. Every step can be the
//! last one before a kill: what was asked of GitLab and not heard of is found again by the URL, which is this connection's own.

use super::shape::{Proof, Wanted};
use super::{Deed, Kept, Mode, Report, Room, forget, said, wanted};
use crate::configure::{WEBHOOK, WEBHOOK_PREVIOUS};
use crate::error::{Code, Error};
use crate::gitlab::client::Client;
use crate::gitlab::hook::{self, Hook, Place};
use crate::gitlab::refusal;
use crate::host::{Host, Level};
use crate::order;

/// Sees to it that GitLab has what is wanted.
pub fn ensure(client: &Client<'_>) -> Result<Report, Error> {
    let mut room = Room::require(client.host)?;
    room.end_previous()?;
    let removed = clear_left(client, &mut room)?;
    super::rotate::go_on(&mut room)?;
    match room.kept.mode.clone() {
        Mode::None => {
            forget(client.host, WEBHOOK)?;
            forget(client.host, WEBHOOK_PREVIOUS)?;
            room.report(if removed > 0 { Deed::Removed } else { Deed::Unchanged }, Vec::new())
        }
        Mode::Manual(_) => {
            room.secret()?;
            room.report(Deed::Unchanged, Vec::new())
        }
        Mode::Auto(url) => auto(client, &mut room, &url),
    }
}

/// What a person must see to is no failure: it is said, and tried again the next time.
fn auto(client: &Client<'_>, room: &mut Room<'_>, url: &str) -> Result<Report, Error> {
    let wanted = wanted(client.host, &room.kept, url)?;
    match settle(client, room, &wanted) {
        Ok((deed, repaired)) => {
            if room.kept.by_hand.take().is_some() {
                room.save()?;
            }
            for what in &repaired {
                client.host.event(Level::Info, "the webhook was repaired", &[("what", what)]);
            }
            room.report(deed, repaired)
        }
        Err(error) if is_for_a_person(error.code) => {
            if room.kept.by_hand.as_ref() != Some(&error) {
                room.kept.by_hand = Some(error);
                super::rotate::handed_over(&mut room.kept);
                room.save()?;
            }
            room.report(Deed::Unchanged, Vec::new())
        }
        Err(error) => Err(error),
    }
}

fn is_for_a_person(code: Code) -> bool {
    use Code::{Denied, HookLimit, HookUrl, RoleTooLow, TierRequired, TokenScope};
    matches!(code, Denied | HookLimit | HookUrl | RoleTooLow | TierRequired | TokenScope)
}

type Done = (Deed, Vec<&'static str>);

fn settle(client: &Client<'_>, room: &mut Room<'_>, wanted: &Wanted) -> Result<Done, Error> {
    super::rotate::replace_typed(room)?;
    let made = room.secret()?;
    let hooks = listed(client, wanted.place)?;
    let known = room.kept.hook;
    let ours = ours(&hooks, wanted, known);
    let Some((hook, others)) = ours.split_first() else {
        return create(client, room, wanted, made);
    };
    let deed = if known == Some(hook.id) { Deed::Unchanged } else { Deed::Adopted };
    let done = repair(client, room, wanted, hook, made)?;
    let Some(mut repaired) = done else { return create(client, room, wanted, made) };
    repaired.extend(drop_others(client, wanted, others)?);
    let deed = if deed == Deed::Unchanged && !repaired.is_empty() { Deed::Repaired } else { deed };
    Ok((deed, repaired))
}

/// Ours, the one to keep first: the one we know, else the oldest.
fn ours<'h>(hooks: &'h [Hook], wanted: &Wanted, known: Option<u64>) -> Vec<&'h Hook> {
    let mut ours: Vec<&Hook> = hooks.iter().filter(|hook| known == Some(hook.id) || wanted.is_ours(hook)).collect();
    let rank = |hook: &Hook| (known != Some(hook.id), hook.id);
    order::sort_by(&mut ours, |one, other| rank(one).cmp(&rank(other)));
    ours
}

/// The list, or why this token may not see it.
pub(super) fn listed(client: &Client<'_>, place: Place) -> Result<Vec<Hook>, Error> {
    hook::list(client, place).map_err(|error| explained(place, error))
}

/// GitLab says "403 Forbidden" of roles and, for groups, of tiers too; without a license there may be no such route.
fn explained(place: Place, error: Error) -> Error {
    let detail = || error.message.rsplit(": ").next().unwrap_or_default().to_owned();
    match (place, error.code) {
        (Place::Project(_), Code::RoleTooLow) => {
            Error::because(error.code, &format!("webhooks take the Maintainer role ({})", detail()))
        }
        (Place::Group(_), Code::RoleTooLow | Code::TierRequired | Code::NotAGitlab | Code::UnexpectedReply) => {
            let why = "a group's webhooks take Premium or Ultimate and the Owner role";
            Error::because(Code::TierRequired, &format!("{why} ({})", detail()))
        }
        _ => error,
    }
}

/// Makes it. Then GitLab is asked once more: if there is another one, since a list was not true or another call did the same
/// meanwhile, the known or else the older one stays.
fn create(client: &Client<'_>, room: &mut Room<'_>, wanted: &Wanted, made: u64) -> Result<Done, Error> {
    let known = room.kept.hook;
    (room.kept.sent, room.kept.signed) = (None, false);
    room.save()?;
    let request = hook::creation(client, wanted.place, wanted.body(Proof::Signature));
    let written = hook::written(client, &request).map_err(|error| explained(wanted.place, error))?;
    let mut new = written.ok_or(Code::HookMissing)?;
    if !new.signs() {
        new = change(client, wanted, new.id, Proof::Token)?.ok_or(Code::HookMissing)?;
    }
    let hooks = listed(client, wanted.place)?;
    let ours = ours(&hooks, wanted, known);
    let first = ours.first().copied().unwrap_or(&new);
    let others: Vec<&Hook> = ours.iter().copied().filter(|hook| hook.id != first.id).collect();
    drop_others(client, wanted, &others)?;
    if first.id == new.id {
        confirm(room, &new, made);
        room.save()?;
        return Ok((Deed::Created, Vec::new()));
    }
    match repair(client, room, wanted, first, made)? {
        Some(repaired) if known == Some(first.id) => Ok((Deed::Repaired, repaired)),
        Some(repaired) => Ok((Deed::Adopted, repaired)),
        None => Err(Code::StateChanged.into()),
    }
}

fn change(client: &Client<'_>, wanted: &Wanted, hook: u64, proof: Proof) -> Result<Option<Hook>, Error> {
    let request = hook::change(client, wanted.place, hook, wanted.body(proof));
    hook::written(client, &request).map_err(|error| explained(wanted.place, error))
}

/// What GitLab has answered with success.
fn confirm(room: &mut Room<'_>, hook: &Hook, made: u64) {
    let kept = &mut room.kept;
    (kept.hook, kept.sent) = (Some(hook.id), Some(made));
    kept.signed = hook.signs();
    kept.asked_to_sign = hook.is("signing_token_present").is_some();
    super::rotate::settled(kept, room.host.now_ms());
}

/// What was wrong with it and is right now. None: it is not there any more.
fn repair(
    client: &Client<'_>,
    room: &mut Room<'_>,
    wanted: &Wanted,
    hook: &Hook,
    made: u64,
) -> Result<Option<Vec<&'static str>>, Error> {
    let mut wrong = wanted.differences(hook);
    let is_settled = room.kept.hook == Some(hook.id) && room.kept.sent == Some(made);
    if !is_settled || hook.has_no_secret() {
        wrong.push("secret");
    }
    if hook.tells_its_key() {
        wrong.push("token");
    }
    // A GitLab 19.0 with signing switched off is asked once.
    if hook.is("signing_token_present") == Some(false) && (room.kept.signed || !room.kept.asked_to_sign) {
        wrong.push("signing");
    }
    if wrong.is_empty() && is_refused(client, room, wanted.place, hook) {
        wrong.push("secret");
    }
    if !wrong.is_empty() {
        room.kept.sent = None;
        room.save()?;
        let can_sign = hook.is("signing_token_present").is_some();
        let mut written = if can_sign { change(client, wanted, hook.id, Proof::Signature)? } else { None };
        if !written.as_ref().is_some_and(Hook::signs) {
            written = change(client, wanted, hook.id, Proof::Token)?;
        }
        let Some(written) = written else { return Ok(None) };
        confirm(room, &written, made);
        room.save()?;
    }
    if hook.is_disabled() {
        wake(client, room, wanted, hook.id, made)?;
        wrong.push("disabled");
    }
    Ok(Some(wrong))
}

/// Whether the newest delivery was refused for its secret, as far as GitLab tells. Each delivery is blamed once.
fn is_refused(client: &Client<'_>, room: &mut Room<'_>, place: Place, hook: &Hook) -> bool {
    let Ok(Some(last)) = hook::last_delivery(client, place, hook.id) else { return false };
    if last.response_status != "401" || room.kept.blamed.is_some_and(|blamed| blamed == last.id) {
        return false;
    }
    room.kept.blamed = Some(last.id);
    true
}

/// GitLab calls a disabled webhook again after a test that was answered well, and after nothing else. Where no test can be made
/// (before 16.11, or without a commit), a new webhook takes its place.
fn wake(client: &Client<'_>, room: &mut Room<'_>, wanted: &Wanted, hook: u64, made: u64) -> Result<(), Error> {
    let request = hook::test(client, wanted.place, hook, wanted.sample());
    let reply = match client.send_raw(&request) {
        Ok(reply) if (200..300).contains(&reply.status) => return Ok(()),
        Ok(reply) => reply,
        outcome => return client.checked(&request, outcome).map(drop),
    };
    let words = refusal::words(&reply).unwrap_or_default();
    let has_no_sample = words.contains("Ensure ") || words.contains("not available");
    match reply.status {
        400 | 404 | 405 => {}
        422 if has_no_sample => {}
        422 => {
            let why = if words.is_empty() { "its test was not answered well".to_owned() } else { words };
            return Err(Error::because(Code::HookDisabled, &format!("and a test of webhook {hook} failed: {why}")));
        }
        _ => return client.checked(&request, Ok(reply)).map(drop),
    }
    hook::remove(client, wanted.place, hook)?;
    create(client, room, wanted, made).map(drop)
}

/// Two would call us twice.
fn drop_others(client: &Client<'_>, wanted: &Wanted, others: &[&Hook]) -> Result<Option<&'static str>, Error> {
    for other in others {
        hook::remove(client, wanted.place, other.id)?;
    }
    Ok(others.first().map(|_| "duplicate"))
}

/// Removes what is no longer wanted elsewhere; what cannot be removed stays noted and stops nothing.
fn clear_left(client: &Client<'_>, room: &mut Room<'_>) -> Result<usize, Error> {
    let before = room.kept.left.len();
    room.kept.left.retain(|(place, id)| hook::remove(client, *place, *id).is_err());
    let removed = before - room.kept.left.len();
    if removed > 0 {
        room.save()?;
    }
    Ok(removed)
}

/// Removes everything that we have made, as far as GitLab lets us, and says what is left.
pub fn leave(client: &Client<'_>) -> Result<Vec<String>, Error> {
    let Some(mut room) = Room::open(client.host)? else { return Ok(Vec::new()) };
    if room.kept.sent.take().is_some() {
        room.save()?;
    }
    let kept = &room.kept;
    let mut left = Vec::new();
    let mut ours = kept.left.clone();
    match found(client, kept) {
        Ok(found) => ours.extend(found),
        Err(error) => {
            ours.extend(kept.hook.map(|hook| (kept.place, hook)));
            if kept.hook.is_none() {
                left.push(format!("perhaps a webhook with the URL of this connection: {error}"));
            }
        }
    }
    for (place, hook) in ours {
        if let Err(error) = hook::remove(client, place, hook) {
            left.push(format!("{}: {error}", said(place, hook)));
        }
    }
    Ok(left)
}

/// Ours in GitLab. Only one that may have been made and not heard of is looked for.
fn found(client: &Client<'_>, kept: &Kept) -> Result<Vec<(Place, u64)>, Error> {
    if let Some(hook) = kept.hook {
        return Ok(vec![(kept.place, hook)]);
    }
    let Mode::Auto(url) = &kept.mode else { return Ok(Vec::new()) };
    if kept.by_hand.is_some() {
        return Ok(Vec::new());
    }
    let wanted = wanted(client.host, kept, url)?;
    let hooks = listed(client, kept.place)?;
    Ok(ours(&hooks, &wanted, None).into_iter().map(|hook| (kept.place, hook.id)).collect())
}

/// Whether GitLab is asked at all.
pub(super) fn is_ours_to_keep(host: &dyn Host, kept: &Kept) -> Result<Option<Wanted>, Error> {
    match &kept.mode {
        Mode::Auto(url) => wanted(host, kept, url).map(Some),
        _ => Ok(None),
    }
}
