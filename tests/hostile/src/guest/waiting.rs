//! Modes that wait for what never comes.

use super::bindings::gitlab_sync::connector::{clock, secrets};
use super::bindings::wasi::io::poll::poll;
use super::run::{Ask, Seen};
use super::wire::{self, Request};

fn stalled(ask: &Ask) -> Request {
    Request::get(&ask.instance, &format!("/hostile/{}", ask.line(0)))
}

pub(super) fn for_reply(ask: &Ask) -> Seen {
    let reply = stalled(ask).start().map_err(|outcome| outcome.to_string())?;
    let pollable = reply.subscribe();
    let mut ready = vec![];
    while ready.is_empty() {
        ready = poll(&[&pollable]);
    }
    Ok(vec![wire::finish(&reply).to_string()])
}

pub(super) fn for_body(ask: &Ask) -> Seen {
    Ok(vec![stalled(ask).send().to_string()])
}

pub(super) fn for_room(ask: &Ask) -> Seen {
    let body = vec![b'x'; 32 << 20];
    let mut request = stalled(ask).posting("application/octet-stream", body.len());
    request.body = Some(body);
    Ok(vec![request.send().to_string()])
}

pub(super) fn on_unsent(ask: &Ask) -> Seen {
    let request =
        stalled(ask).posting("application/octet-stream", 10).build().map_err(|outcome| outcome.to_string())?;
    let body = request.body().map_err(|()| "no body".to_string())?;
    let reply = wire::handle(request).map_err(|outcome| outcome.to_string())?;
    let outcome = wire::finish(&reply).to_string();
    drop(body);
    Ok(vec![outcome])
}

pub(super) fn for_nothing() -> Seen {
    Ok(vec![format!("{:?}", poll(&[]))])
}

pub(super) fn on_exchange(ask: &Ask) -> Seen {
    let reply = secrets::exchange(&secrets::ExchangeRequest {
        method: "POST".into(),
        path_with_query: format!("{}/secret/{}", ask.instance.base_path, ask.line(0)),
        headers: vec![("content-type".into(), "application/json".into())],
        body: r#"{"secret":"{{webhook}}"}"#.into(),
    });
    Ok(vec![format!("{:?}", reply.map(|reply| reply.status))])
}

pub(super) fn by_clock(ask: &Ask) -> Seen {
    while !ask.line(0).is_empty() {
        clock::wait(0);
    }
    Ok([u32::MAX, 600_000, 60_001].map(|long| format!("{long} ms: {}", clock::wait(long))).into())
}

pub(super) fn busily(ask: &Ask) -> Seen {
    let reply = stalled(ask).start().map_err(|outcome| outcome.to_string())?;
    let pollable = reply.subscribe();
    while !pollable.ready() {}
    Ok(vec![wire::finish(&reply).to_string()])
}
