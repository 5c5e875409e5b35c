//! Modes that reach for another connection's notes, or keep too many of their own.

use super::bindings::gitlab_sync::connector::state::{self, Put};
use super::run::{Ask, Seen};
use crate::EVIL_KEYS;

fn said(answer: &impl std::fmt::Debug) -> String {
    format!("{answer:?}").chars().take(300).collect()
}

pub(super) fn other_keys(ask: &Ask) -> Seen {
    let long = ["k".repeat(129), "k/".repeat(64), "k".repeat(1 << 20)];
    let keys = EVIL_KEYS.iter().copied().chain(ask.lines()).chain(long.iter().map(String::as_str));
    let tried = keys.flat_map(|key| {
        let shown: String = key.escape_default().take(80).collect();
        let put = Put { key: key.into(), bytes: Some(b"hostile".into()), expected: 0 };
        let remove = Put { key: key.into(), bytes: None, expected: 1 };
        [
            format!("get {shown}: {}", said(&state::get(key))),
            format!("put {shown}: {}", said(&state::commit(&[put]))),
            format!("remove {shown}: {}", said(&state::commit(&[remove]))),
        ]
    });
    Ok(tried.collect())
}

pub(super) fn hoard(ask: &Ask) -> Seen {
    for number in 0..ask.number(0) {
        let put = Put { key: format!("hoard/{number}"), bytes: Some(vec![b'x'; ask.number(1)]), expected: 0 };
        if let Err(error) = state::commit(&[put]) {
            return Ok(vec![format!("kept {number}"), said(&error)]);
        }
    }
    Ok(vec![format!("kept {}", ask.number(0))])
}

pub(super) fn versions() -> Seen {
    let put = |key: &str, expected| Put { key: key.into(), bytes: Some(b"hostile".into()), expected };
    let remove = |key: &str, expected| Put { key: key.into(), bytes: None, expected };
    let commits = [
        ("nothing", vec![]),
        ("new", vec![put("a", 0)]),
        ("new again", vec![put("a", 0)]),
        ("from the future", vec![put("a", 2)]),
        ("largest", vec![put("a", u64::MAX)]),
        ("twice", vec![put("a", 1), put("a", 1)]),
        ("put and remove", vec![put("a", 1), remove("a", 1)]),
        ("one good, one stale", vec![put("a", 1), put("b", 7)]),
        ("one good, one evil", vec![put("a", 1), put("B", 0)]),
        ("remove what is not there", vec![remove("c", 0)]),
        ("remove", vec![remove("a", 1)]),
        ("remove again", vec![remove("a", 1)]),
        ("back with the old version", vec![put("a", 1)]),
        ("back", vec![put("a", 0)]),
    ];
    let mut seen: Vec<_> =
        commits.iter().map(|(label, writes)| format!("{label}: {}", said(&state::commit(writes)))).collect();
    seen.push(format!("in the end: {}", said(&state::get("a").map(|value| value.map(|value| value.version > 1)))));
    Ok(seen)
}
