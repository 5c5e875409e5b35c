//! Modes that call the host too often, or say what would look like something else.

use super::bindings::gitlab_sync::connector::{
    clock as host_clock, files, log as host_log, secrets, state as host_state,
};
use super::run::{Ask, Seen};
use std::hint::black_box;

pub(super) fn log(ask: &Ask) -> Seen {
    for number in 0..ask.number(0) {
        host_log::event(host_log::Level::Info, &format!("line {number} {}", "x".repeat(200)), &[]);
    }
    Ok(vec![format!("wrote {}", ask.number(0))])
}

pub(super) fn forge(ask: &Ask) -> Seen {
    for line in ask.lines().map(unescape) {
        host_log::event(host_log::Level::Warn, &line, &[(line.clone(), line.clone())]);
        host_log::progress(1, 2, &line);
    }
    Ok(vec![])
}

pub(super) fn unescape(line: &str) -> String {
    line.replace("\\n", "\n").replace("\\r", "\r").replace("\\e", "\u{1b}").replace("\\0", "\0")
}

pub(super) fn long(ask: &Ask) -> Seen {
    host_log::event(host_log::Level::Info, &"x".repeat(ask.number(0)), &[]);
    Ok(vec![])
}

pub(super) fn many_fields(ask: &Ask) -> Seen {
    let fields: Vec<_> = (0..ask.number(0)).map(|number| (number.to_string(), String::new())).collect();
    host_log::event(host_log::Level::Info, "fields", &fields);
    Ok(vec![])
}

pub(super) fn progress(ask: &Ask) -> Seen {
    for number in 0..ask.number(0) as u64 {
        host_log::progress(number, u64::MAX, "files");
    }
    Ok(vec![])
}

pub(super) fn clock() -> Seen {
    loop {
        black_box(host_clock::now());
    }
}

pub(super) fn state() -> Seen {
    loop {
        let _ = black_box(host_state::get("flood"));
    }
}

pub(super) fn list() -> Seen {
    loop {
        let _ = black_box(files::list("", None));
    }
}

pub(super) fn status() -> Seen {
    loop {
        let _ = black_box(secrets::status("webhook"));
    }
}
