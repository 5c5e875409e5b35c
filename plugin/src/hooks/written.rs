//! How what is known of the webhook is kept: flat, so that reading it is little code.

use serde::Serialize;

use super::{Events, Kept, Mode, Turn};
use crate::error::{Code, Error};
use crate::gitlab::hook::Place;
use crate::json;

const AUTO: &str = "auto";
const MANUAL: &str = "manual";
const NONE: &str = "none";
const STILL: &str = "still";
const MOVED: &str = "moved";
const PROJECT: &str = "project";
const GROUP: &str = "group";
const PUSHES: &str = "pushes";
const RECORDS: &str = "records";

#[derive(Default, Serialize)]
struct Written {
    mode: String,
    url: Option<String>,
    place: String,
    id: u64,
    events: String,
    hook: Option<u64>,
    sent: Option<u64>,
    signed: bool,
    code: Option<String>,
    why: Option<String>,
    turn: String,
    begun: Option<u64>,
    previous_until: Option<u64>,
    left: Vec<String>,
    blamed: Option<u64>,
    asked_to_sign: bool,
}

json::object!(Written {
    mode, place, id, events, signed, turn, left, asked_to_sign;
    url, hook, sent, code, why, begun, previous_until, blamed
});

pub(super) fn write(kept: &Kept) -> Vec<u8> {
    let (mode, url) = match &kept.mode {
        Mode::Auto(url) => (AUTO, Some(url.clone())),
        Mode::Manual(url) => (MANUAL, url.clone()),
        Mode::None => (NONE, None),
    };
    let (turn, begun) = match kept.turn {
        Turn::Begun(at) => (STILL, Some(at)),
        Turn::Still => (STILL, None),
        Turn::Moved => (MOVED, None),
    };
    let (place, id) = parts(kept.place);
    let events = if kept.events == Events::Pushes { PUSHES } else { RECORDS };
    let left = kept.left.iter().map(|(place, hook)| {
        let (place, id) = parts(*place);
        format!("{place}/{id}/{hook}")
    });
    let written = Written {
        mode: mode.into(),
        url,
        place: place.into(),
        id,
        events: events.into(),
        hook: kept.hook,
        sent: kept.sent,
        signed: kept.signed,
        code: kept.by_hand.as_ref().map(|error| error.code.name().into()),
        why: kept.by_hand.as_ref().map(|error| error.message.clone()),
        turn: turn.into(),
        begun,
        previous_until: kept.previous_until,
        left: left.collect(),
        blamed: kept.blamed,
        asked_to_sign: kept.asked_to_sign,
    };
    serde_json::to_vec(&written).expect("plain data")
}

pub(super) fn read(bytes: &[u8]) -> Result<Kept, Error> {
    let damaged = || Error::because(Code::SettingsDamaged, "what is known of the webhook is damaged");
    let written: Written = json::read(bytes).map_err(|_| damaged())?;
    let mode = match (written.mode.as_str(), written.url) {
        (AUTO, Some(url)) => Mode::Auto(url),
        (MANUAL, url) => Mode::Manual(url),
        (NONE, None) => Mode::None,
        _ => return Err(damaged()),
    };
    let code = written.code.and_then(|name| Code::ALL.iter().copied().find(|code| code.name() == name));
    let left = written.left.iter().map(|line| {
        let mut parts = line.split('/');
        let (kind, id, hook) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some((place(kind, id)?, hook))
    });
    Ok(Kept {
        mode,
        place: place(&written.place, written.id).ok_or_else(damaged)?,
        events: if written.events == PUSHES { Events::Pushes } else { Events::Records },
        hook: written.hook,
        sent: written.sent,
        signed: written.signed,
        by_hand: code.zip(written.why).map(|(code, why)| Error::new(code, why)),
        turn: match (written.turn.as_str(), written.begun) {
            (_, Some(at)) => Turn::Begun(at),
            (MOVED, None) => Turn::Moved,
            _ => Turn::Still,
        },
        previous_until: written.previous_until,
        left: left.collect::<Option<_>>().ok_or_else(damaged)?,
        blamed: written.blamed,
        asked_to_sign: written.asked_to_sign,
    })
}

fn parts(place: Place) -> (&'static str, u64) {
    match place {
        Place::Project(id) => (PROJECT, id),
        Place::Group(id) => (GROUP, id),
    }
}

fn place(kind: &str, id: u64) -> Option<Place> {
    match kind {
        PROJECT => Some(Place::Project(id)),
        GROUP => Some(Place::Group(id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let plain = Kept::new(Place::Project(7), Events::Pushes, Mode::Auto("https://h/x".into()));
        let full = Kept {
            hook: Some(1),
            sent: Some(2),
            signed: true,
            by_hand: Some(Error::because(Code::RoleTooLow, "no")),
            turn: Turn::Begun(3),
            previous_until: Some(0),
            left: vec![(Place::Group(4), 5), (Place::Project(6), 7)],
            blamed: Some(8),
            asked_to_sign: true,
            ..Kept::new(Place::Group(9), Events::Records, Mode::Manual(None))
        };
        let moved = Kept { turn: Turn::Moved, mode: Mode::None, ..plain.clone() };
        for kept in [plain, full, moved] {
            assert_eq!(read(&write(&kept)).unwrap(), kept);
        }
        for damaged in ["", "{}", "[]"] {
            assert_eq!(read(damaged.as_bytes()).unwrap_err().code, Code::SettingsDamaged);
        }
    }
}
