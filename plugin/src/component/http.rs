//! Many requests at once over `wasi:http`, with nothing but pollables.
//!
//! Decided here: how many are in flight, and that outcomes come back in the order of the requests, whatever order the network chose; and
//! how many bytes of replies are held at once, since no one knows how large they are before they come. Children are dropped before their
//! parents (stream, body, response), because the other order traps.

use std::ops::ControlFlow;

use super::bindings::wasi::http::outgoing_handler::handle;
use super::bindings::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method as WireMethod, OutgoingBody, OutgoingRequest,
    Scheme, http_error_code,
};
use super::bindings::wasi::io::poll::{Pollable, poll};
use super::bindings::wasi::io::streams::{InputStream, OutputStream, StreamError};
use crate::body::Body;
use crate::host::{HttpError, Reply};
use crate::order;
use crate::request::{Method, Request};

/// Requests in flight: enough to hide a round trip, and what GitLab's administrators find polite.
const IN_FLIGHT: usize = 8;
const CHUNK: u64 = 256 * 1024;
/// Bytes of replies held together, of the 96 MiB that a call has; one alone may be larger.
const HELD: usize = 18 * 1024 * 1024;

/// The largest body that room is made for before it comes; a file's content has its length announced.
const MOST_ANNOUNCED: usize = 21 * 1024 * 1024;

type Outcome = Result<Reply, HttpError>;

/// The pollable is a child of the reply to come, so it stands before it and is dropped first.
struct Flight {
    place: usize,
    ready: Pollable,
    reply: FutureIncomingResponse,
}

pub(super) fn send(requests: &[Request]) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> = requests.iter().map(|_| None).collect();
    let mut waiting = requests.iter().enumerate();
    let mut flights: Vec<Flight> = Vec::new();
    let mut held = 0;
    loop {
        for (place, request) in waiting.by_ref().take(IN_FLIGHT - flights.len()) {
            match start(request) {
                Ok(reply) => flights.push(Flight { place, ready: reply.subscribe(), reply }),
                Err(error) => outcomes[place] = Some(Err(error)),
            }
        }
        if flights.is_empty() {
            break;
        }
        for flight in landed(&mut flights) {
            let place = flight.place;
            let room = if held == 0 { usize::MAX } else { HELD.saturating_sub(held) };
            let outcome = land(flight, room);
            held += outcome.as_ref().map_or(0, |reply| reply.body.len());
            outcomes[place] = Some(outcome);
        }
    }
    let lost = || Err(HttpError::NoReply("the host gave no outcome"));
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(lost)).collect()
}

/// Takes out those that have a reply; waits for at least one.
fn landed(flights: &mut Vec<Flight>) -> Vec<Flight> {
    let ready: Vec<&Pollable> = flights.iter().map(|flight| &flight.ready).collect();
    let mut places = poll(&ready);
    order::sort_by(&mut places, |left, right| right.cmp(left));
    places.into_iter().map(|place| flights.swap_remove(place as usize)).collect()
}

fn start(request: &Request) -> Result<FutureIncomingResponse, HttpError> {
    let refused = |()| HttpError::Denied(Some("a part of the request is not valid".into()));
    let outgoing = OutgoingRequest::new(headers(request)?);
    outgoing.set_method(&method(request.method)).map_err(refused)?;
    let scheme = if request.instance.scheme == "http" { Scheme::Http } else { Scheme::Https };
    outgoing.set_scheme(Some(&scheme)).map_err(refused)?;
    outgoing.set_authority(Some(&request.instance.authority)).map_err(refused)?;
    outgoing.set_path_with_query(Some(&request.path_with_query())).map_err(refused)?;
    // The body of a GET is never opened: it would become `transfer-encoding: chunked`, which some proxies refuse.
    let body = match &request.body {
        Some(body) => Some((outgoing.body().map_err(refused)?, body)),
        None => None,
    };
    let reply = handle(outgoing, None).map_err(|code| transport(&code))?;
    if let Some((outgoing, body)) = body {
        write(outgoing, body)?;
    }
    Ok(reply)
}

fn headers(request: &Request) -> Result<Fields, HttpError> {
    let mut entries = vec![("accept".to_owned(), b"application/json".to_vec())];
    if let Some(body) = &request.body {
        entries.push(("content-type".to_owned(), b"application/json".to_vec()));
        entries.push(("content-length".to_owned(), body.length().to_string().into_bytes()));
    }
    Fields::from_list(&entries).map_err(|_| HttpError::Denied(Some("a header of the request is not allowed".into())))
}

fn method(method: Method) -> WireMethod {
    match method {
        Method::Get => WireMethod::Get,
        Method::Post => WireMethod::Post,
        Method::Put => WireMethod::Put,
        Method::Delete => WireMethod::Delete,
    }
}

/// A reply that comes before the body has been taken is no failure here: the reply says what is wrong, so a closed stream ends
/// the writing.
fn write(outgoing: OutgoingBody, body: &Body) -> Result<(), HttpError> {
    let stream = outgoing.write().map_err(|()| HttpError::NoReply("the body could not be written"))?;
    let end = body.each_piece(&mut |piece| write_all(&stream, piece));
    let complete = end.is_continue() && stream.blocking_flush().is_ok();
    drop(stream);
    if complete {
        // A failure to finish shows in the reply too.
        let _ = OutgoingBody::finish(outgoing, None);
    }
    Ok(())
}

fn write_all(stream: &OutputStream, mut bytes: &[u8]) -> ControlFlow<()> {
    while !bytes.is_empty() {
        let room = match stream.check_write() {
            Ok(0) => {
                stream.subscribe().block();
                continue;
            }
            Ok(room) => usize::try_from(room).unwrap_or(usize::MAX),
            Err(_) => return ControlFlow::Break(()),
        };
        let (now, later) = bytes.split_at(bytes.len().min(room));
        if stream.write(now).is_err() {
            return ControlFlow::Break(());
        }
        bytes = later;
    }
    ControlFlow::Continue(())
}

/// One request whose success is handed over in pieces.
pub(super) fn stream(request: &Request, take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Outcome {
    let reply = start(request)?;
    let flight = Flight { place: 0, ready: reply.subscribe(), reply };
    flight.ready.block();
    receive(&arrived(flight)?, usize::MAX, Some(take))
}

fn land(flight: Flight, room: usize) -> Outcome {
    receive(&arrived(flight)?, room, None)
}

fn arrived(flight: Flight) -> Result<IncomingResponse, HttpError> {
    drop(flight.ready);
    match flight.reply.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(code))) => Err(transport(&code)),
        _ => Err(HttpError::NoReply("the host gave no outcome")),
    }
}

fn receive(
    response: &IncomingResponse,
    room: usize,
    take: Option<&mut dyn FnMut(&[u8]) -> ControlFlow<()>>,
) -> Outcome {
    let status = response.status();
    let text = |value: Vec<u8>| String::from_utf8(value).unwrap_or_default();
    let headers = response.headers().entries().into_iter();
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), text(value))).collect();
    let body = response.consume().map_err(|()| HttpError::NoReply("the body was already taken"))?;
    let stream = body.stream().map_err(|()| HttpError::NoReply("the body was already taken"))?;
    let mut reply = Reply { status, headers, body: Vec::new() };
    // What is announced is believed only so far: it may be the length before decompression, or a lie.
    let announced = reply.header("content-length").and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    if take.is_none() && announced <= room.min(MOST_ANNOUNCED) {
        reply.body.reserve_exact(announced);
    }
    match take.filter(|_| (200..300).contains(&status)) {
        Some(take) => read(&stream, take)?,
        None => read(&stream, &mut |chunk| keep(&mut reply.body, chunk, room))?,
    }
    if reply.body.len() > room { Err(HttpError::NoRoom) } else { Ok(reply) }
}

/// Large bodies grow by a quarter: doubled, the old and the new place of one body would take half of the memory.
fn keep(body: &mut Vec<u8>, chunk: &[u8], room: usize) -> ControlFlow<()> {
    if body.capacity() - body.len() < chunk.len() {
        let more = if body.len() < 1 << 20 { body.len() } else { body.len() / 4 };
        body.reserve_exact(more.max(chunk.len()));
    }
    body.extend_from_slice(chunk);
    if body.len() > room { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn read(stream: &InputStream, take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<(), HttpError> {
    loop {
        match stream.blocking_read(CHUNK) {
            Ok(chunk) if take(&chunk).is_break() => return Ok(()),
            Ok(_) => {}
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = http_error_code(&error);
                return Err(code.map_or(HttpError::NoReply("the reply broke off"), |code| transport(&code)));
            }
        }
    }
}

fn transport(code: &ErrorCode) -> HttpError {
    use HttpError::{NoReply, NotConnected};
    match code {
        ErrorCode::HttpRequestDenied => HttpError::Denied(None),
        ErrorCode::ConfigurationError => HttpError::NoCredential,
        ErrorCode::DestinationIpProhibited => HttpError::AddressProhibited,
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => HttpError::NotResolved,
        ErrorCode::ConnectionRefused => NotConnected("it refuses the connection"),
        ErrorCode::ConnectionTimeout => NotConnected("the connection timed out"),
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            NotConnected("no route or nothing answers there")
        }
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
            HttpError::NotTrusted
        }
        ErrorCode::ConnectionLimitReached => HttpError::Exhausted,
        ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_) => {
            HttpError::Denied(Some("the request exceeds what the profile allows".into()))
        }
        ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_) => HttpError::ReplyTooLarge,
        ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => NoReply("the reply took too long"),
        ErrorCode::ConnectionWriteTimeout => NoReply("the request could not be sent in time"),
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => NoReply("the connection broke off"),
        ErrorCode::InternalError(Some(reason)) if reason.starts_with("denied") => {
            HttpError::Denied(Some(reason.clone()))
        }
        _ => NoReply("the reply was not valid HTTP"),
    }
}
