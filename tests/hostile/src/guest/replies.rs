//! Modes about the size and number of requests and replies.

use super::bindings::wasi::http::types::Method;
use super::run::{Ask, Seen};
use super::wire::{self, Outcome, Request};
use crate::Needle;

fn request(ask: &Ask, line: usize) -> Request {
    Request::get(&ask.instance, &format!("/hostile/{}", ask.line(line)))
}

pub(super) fn huge_request(ask: &Ask) -> Seen {
    let mut request = Request::get(&ask.instance, "/hostile/echo");
    request.method = Method::Post;
    let request = request.build().map_err(|outcome| outcome.to_string())?;
    let body = request.body().map_err(|()| "no body".to_string())?;
    let reply = wire::handle(request).map_err(|outcome| outcome.to_string())?;
    let stream = body.write().map_err(|()| "no stream".to_string())?;
    let (chunk, mut sent) = (vec![b'x'; 64 << 10], 0);
    let stopped = loop {
        if sent >= ask.number(0) {
            break None;
        }
        if let Err(reason) = wire::write(&stream, &chunk) {
            break Some(reason);
        }
        sent += chunk.len();
    };
    drop(stream);
    let finished =
        super::bindings::wasi::http::types::OutgoingBody::finish(body, None).map_err(|code| wire::name(&code));
    Ok(vec![
        format!("wrote {sent} bytes"),
        format!("stopped: {stopped:?}"),
        format!("finished: {finished:?}"),
        wire::finish(&reply).to_string(),
    ])
}

pub(super) fn read(ask: &Ask) -> Seen {
    Ok(vec![request(ask, 0).send().to_string()])
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
    let started: Vec<_> = (0..ask.number(0)).map(|_| request.start()).collect();
    let seen = started.into_iter().map(|reply| reply.map_or_else(|outcome| outcome, |reply| wire::finish(&reply)));
    Ok(seen.map(|outcome| outcome.to_string()).collect())
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
