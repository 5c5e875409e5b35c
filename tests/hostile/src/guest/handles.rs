//! Modes that hold too many handles, or use them in ways they are not for.

use super::bindings::wasi::http::types::OutgoingBody;
use super::bindings::wasi::io::poll::poll;
use super::raw;
use super::run::{Ask, Seen};
use super::wire::{self, Request};

fn reply(ask: &Ask) -> Result<super::bindings::wasi::http::types::FutureIncomingResponse, String> {
    Request::get(&ask.instance, "/hostile/stall").start().map_err(|outcome| outcome.to_string())
}

pub(super) fn fields(ask: &Ask) -> Seen {
    let held: Vec<_> = (0..ask.number(0)).map(|_| wire::fields(&[])).collect();
    Ok(vec![format!("held {}", held.len())])
}

pub(super) fn pollables(ask: &Ask) -> Seen {
    let reply = reply(ask)?;
    let held: Vec<_> = (0..ask.number(0)).map(|_| reply.subscribe()).collect();
    Ok(vec![format!("held {}", held.len())])
}

pub(super) fn poll_one_often(ask: &Ask) -> Seen {
    let reply = Request::get(&ask.instance, "/hostile/echo").start().map_err(|outcome| outcome.to_string())?;
    let pollable = reply.subscribe();
    let ready = poll(&vec![&pollable; ask.number(0)]);
    Ok(vec![format!("{} ready", ready.len())])
}

pub(super) fn drop_parent_first(ask: &Ask) -> Seen {
    let reply = Request::get(&ask.instance, "/hostile/echo").start().map_err(|outcome| outcome.to_string())?;
    let response = wire::wait(&reply).map_err(|code| wire::name(&code))?;
    let body = response.consume().map_err(|()| "no body".to_string())?;
    let stream = body.stream().map_err(|()| "no stream".to_string())?;
    drop(body);
    Ok(vec![format!("the stream still says {:?}", stream.blocking_read(1).map_err(wire::closed))])
}

pub(super) fn forged(ask: &Ask) -> Seen {
    let number = u32::try_from(ask.number(1)).unwrap_or(u32::MAX);
    raw::forge(ask.line(0), number);
    Ok(vec![format!("used {} {number}", ask.line(0))])
}

/// Each second taking has to fail as a value.
pub(super) fn second_helping(ask: &Ask) -> Seen {
    let mut seen = vec![];
    let mut note = |what: &str, second_failed: bool| seen.push(format!("{what}: {second_failed}"));

    let request = Request::post(&ask.instance, "/hostile/echo", "").build().map_err(|outcome| outcome.to_string())?;
    let body = request.body().map_err(|()| "no body".to_string())?;
    note("request body", request.body().is_err());
    let stream = body.write().map_err(|()| "no stream".to_string())?;
    note("write stream", body.write().is_err());
    let reply = wire::handle(request).map_err(|outcome| outcome.to_string())?;
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|code| wire::name(&code))?;

    let response = wire::wait(&reply).map_err(|code| wire::name(&code))?;
    note("reply", matches!(reply.get(), Some(Err(()))));
    let body = response.consume().map_err(|()| "no body".to_string())?;
    note("reply body", response.consume().is_err());
    let stream = body.stream().map_err(|()| "no stream".to_string())?;
    note("read stream", body.stream().is_err());
    drop(stream);
    Ok(seen)
}

/// The first line says how. Writing without asking for room has to end in a trap, reading too much in a piece.
pub(super) fn streams(ask: &Ask) -> Seen {
    let failed = |outcome: wire::Outcome| outcome.to_string();
    if ask.line(0) == "read" {
        let reply = Request::get(&ask.instance, "/hostile/large").start().map_err(failed)?;
        let response = wire::wait(&reply).map_err(|code| wire::name(&code))?;
        let body = response.consume().map_err(|()| "no body".to_string())?;
        let stream = body.stream().map_err(|()| "no stream".to_string())?;
        let pieces: Vec<_> = (0..3).map(|_| stream.blocking_read(u64::MAX).map_or(0, |piece| piece.len())).collect();
        drop(stream);
        return Ok(vec![format!("at most {}", pieces.iter().max().unwrap_or(&0))]);
    }
    let request = Request::post(&ask.instance, "/hostile/echo", "").build().map_err(failed)?;
    let body = request.body().map_err(|()| "no body".to_string())?;
    let stream = body.write().map_err(|()| "no stream".to_string())?;
    let room = stream.check_write().map_err(wire::closed)?;
    let written = stream.write(&vec![b'x'; usize::try_from(room).unwrap_or(0) + 1]).map_err(wire::closed);
    Ok(vec![format!("room for {room}, wrote more: {written:?}")])
}
