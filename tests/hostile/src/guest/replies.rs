//! Modes about the size and number of requests and replies.

use super::bindings::wasi::http::types::{FutureIncomingResponse, OutgoingBody};
use super::bindings::wasi::io::poll::poll;
use super::run::{Ask, Seen};
use super::wire::{self, Outcome, Request};
use crate::Needle;

/// A line that is no whole path is the last part of one.
fn request(ask: &Ask, line: usize) -> Request {
    match ask.line(line) {
        path if path.starts_with('/') => Request::get(&ask.instance, path),
        name => Request::get(&ask.instance, &format!("/hostile/{name}")),
    }
}

/// With the length declared, which is judged at once, and with less declared than is written.
pub(super) fn huge_request(ask: &Ask) -> Seen {
    let declared = [ask.number(0), 1 << 20];
    Ok(declared.into_iter().map(|length| pour(ask, length)).collect())
}

/// Writes as many bytes as the parameter says under a head that declares `length`.
fn pour(ask: &Ask, length: usize) -> String {
    let request = Request::get(&ask.instance, "/hostile/echo").posting("application/octet-stream", length);
    let (chunk, mut sent) = (vec![b'x'; 64 << 10], 0);
    let poured = request.build().and_then(|request| {
        let body = request.body().map_err(|()| Outcome::NotBuilt("body".into()))?;
        let reply = wire::handle(request)?;
        let stream = body.write().map_err(|()| Outcome::NotBuilt("stream".into()))?;
        while sent < ask.number(0) && wire::write(&stream, &chunk).is_ok() {
            sent += chunk.len();
        }
        drop(stream);
        let finished = OutgoingBody::finish(body, None);
        Ok(finished.map_or_else(Outcome::Refused, |()| wire::finish(&reply)))
    });
    format!("declared {length}, wrote {sent}: {}", poured.unwrap_or_else(|outcome| outcome))
}

pub(super) fn read(ask: &Ask) -> Seen {
    Ok(vec![request(ask, 0).send().to_string()])
}

pub(super) fn read_each(ask: &Ask) -> Seen {
    let read = |(line, name): (usize, &str)| format!("{name}: {}", request(ask, line).send());
    Ok(ask.lines().enumerate().map(read).collect())
}

pub(super) fn read_many(ask: &Ask) -> Seen {
    Ok((0..ask.number(0)).map(|_| request(ask, 1).send().to_string()).collect())
}

pub(super) fn many_requests(ask: &Ask) -> Seen {
    let request = Request::get(&ask.instance, "/hostile/echo");
    Ok((0..ask.number(0)).map(|_| request.send().to_string()).collect())
}

pub(super) fn many_in_flight(ask: &Ask) -> Seen {
    let request = request(ask, 1);
    let (mut waiting, mut seen) = (vec![], vec![]);
    for started in (0..ask.number(0)).map(|_| request.start()) {
        match started {
            Ok(reply) => waiting.push(reply),
            Err(outcome) => seen.push(outcome.to_string()),
        }
    }
    while !waiting.is_empty() {
        let pollables: Vec<_> = waiting.iter().map(FutureIncomingResponse::subscribe).collect();
        let mut ready = poll(&pollables.iter().collect::<Vec<_>>());
        ready.sort_unstable();
        drop(pollables);
        for at in ready.into_iter().rev() {
            seen.push(wire::finish(&waiting.swap_remove(at as usize)).to_string());
        }
    }
    Ok(seen)
}

pub(super) fn leave_behind(ask: &Ask) -> Seen {
    let reply = request(ask, 0).start().map_err(|outcome| outcome.to_string())?;
    // Dropping would take the request back; the host has to do that.
    std::mem::forget(reply);
    Ok(vec!["left".into()])
}

pub(super) fn search(ask: &Ask) -> Seen {
    let outcome = request(ask, 0).send();
    let Outcome::Reply { headers, body, .. } = &outcome else { return Ok(vec![outcome.to_string()]) };
    let names = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ");
    let needles: Vec<Needle> = ask.lines().skip(1).filter_map(Needle::parse).collect();
    let found: usize = needles
        .iter()
        .map(|needle| {
            let in_headers =
                headers.iter().map(|(name, value)| needle.count_in(name.as_bytes()) + needle.count_in(value));
            needle.count_in(body) + in_headers.sum::<usize>()
        })
        .sum();
    Ok(vec![outcome.to_string(), names, format!("found {found}")])
}
