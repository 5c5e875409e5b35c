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
