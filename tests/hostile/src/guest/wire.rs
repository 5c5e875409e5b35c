//! One HTTP request from the first setter to the last byte, and what became of it in a word.

use super::bindings::gitlab_sync::connector::types::Instance;
use super::bindings::wasi::http::outgoing_handler;
use super::bindings::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, HeaderError, IncomingBody, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, Scheme, http_error_code,
};
use super::bindings::wasi::io::streams::{InputStream, OutputStream, StreamError};
use std::fmt;

/// A request as the guest would like to send it.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) scheme: Option<Scheme>,
    pub(super) authority: Option<String>,
    pub(super) path: Option<String>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) trailers: Vec<(String, Vec<u8>)>,
}

/// What became of it.
pub(super) enum Outcome {
    /// A setter refused.
    NotBuilt(String),
    /// No reply.
    Refused(ErrorCode),
    /// A reply, and the error that ended its body, if one did.
    Reply { status: u16, headers: Vec<(String, Vec<u8>)>, body: Vec<u8>, bytes: u64, broken: Option<String> },
}

/// Bytes of a reply that are kept; the rest is counted.
const KEPT: usize = 256 << 10;

impl Request {
    /// A GET of this path below the instance's base path.
    pub(super) fn get(instance: &Instance, path: &str) -> Self {
        Self {
            method: Method::Get,
            scheme: Some(scheme(&instance.scheme)),
            authority: Some(instance.authority.clone()),
            path: Some(format!("{}{path}", instance.base_path)),
            headers: vec![],
            body: None,
            trailers: vec![],
        }
    }

    /// A POST of this JSON, of declared length.
    pub(super) fn post(instance: &Instance, path: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mut post = Self::get(instance, path).posting("application/json", body.len());
        post.body = Some(body);
        post
    }

    /// The head of a POST of this type and length, without the body.
    pub(super) fn posting(mut self, content_type: &str, length: usize) -> Self {
        self.method = Method::Post;
        self.header("content-type", content_type).header("content-length", length.to_string())
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends it and reads the reply to its end.
    pub(super) fn send(&self) -> Outcome {
        match self.start() {
            Ok(reply) => finish(&reply),
            Err(outcome) => outcome,
        }
    }

    /// Sends it with its whole body.
    pub(super) fn start(&self) -> Result<FutureIncomingResponse, Outcome> {
        let request = self.build()?;
        let Some(content) = &self.body else { return handle(request) };
        let body = request.body().map_err(|()| not_built("body"))?;
        let reply = handle(request)?;
        let stream = body.write().map_err(|()| not_built("stream"))?;
        let written = write(&stream, content);
        drop(stream);
        let trailers = match self.trailers.as_slice() {
            [] => None,
            trailers => Some(fields(trailers).map_err(|error| not_built(&format!("trailers {error}")))?),
        };
        let finished = OutgoingBody::finish(body, trailers);
        let broken = written.err().or(finished.err().map(|code| name(&code)));
        let Some(broken) = broken else { return Ok(reply) };
        // The reason is with the reply, if there is one; stream and body only know that nobody reads them.
        match finish(&reply) {
            Outcome::Refused(code) => Err(Outcome::Refused(code)),
            _ => Err(not_built(&format!("body {broken}"))),
        }
    }

    /// The request with everything set but the body.
    pub(super) fn build(&self) -> Result<OutgoingRequest, Outcome> {
        let headers = fields(&self.headers).map_err(|error| not_built(&format!("headers {error}")))?;
        let request = OutgoingRequest::new(headers);
        request.set_method(&self.method).map_err(|()| not_built("method"))?;
        request.set_scheme(self.scheme.as_ref()).map_err(|()| not_built("scheme"))?;
        request.set_authority(self.authority.as_deref()).map_err(|()| not_built("authority"))?;
        request.set_path_with_query(self.path.as_deref()).map_err(|()| not_built("path"))?;
        Ok(request)
    }
}

pub(super) fn scheme(name: &str) -> Scheme {
    match name {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.into()),
    }
}

pub(super) fn fields(list: &[(String, Vec<u8>)]) -> Result<Fields, &'static str> {
    Fields::from_list(list).map_err(|error| match error {
        HeaderError::InvalidSyntax => "invalid-syntax",
        HeaderError::Forbidden => "forbidden",
        HeaderError::Immutable => "immutable",
    })
}

pub(super) fn handle(request: OutgoingRequest) -> Result<FutureIncomingResponse, Outcome> {
    outgoing_handler::handle(request, None).map_err(Outcome::Refused)
}

/// Writes as much as it is let, waiting for room.
pub(super) fn write(stream: &OutputStream, mut content: &[u8]) -> Result<(), String> {
    while !content.is_empty() {
        let room = usize::try_from(stream.check_write().map_err(closed)?).unwrap_or(usize::MAX);
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let (now, later) = content.split_at(room.min(content.len()).min(64 << 10));
        stream.write(now).map_err(closed)?;
        content = later;
    }
    stream.blocking_flush().map_err(closed)
}

/// Waits for the reply and reads it to its end.
pub(super) fn finish(reply: &FutureIncomingResponse) -> Outcome {
    match wait(reply) {
        Ok(reply) => read(&reply),
        Err(code) => Outcome::Refused(code),
    }
}

pub(super) fn wait(reply: &FutureIncomingResponse) -> Result<IncomingResponse, ErrorCode> {
    reply.subscribe().block();
    let ready = reply.get().expect("it is ready");
    ready.expect("it is taken once")
}

pub(super) fn read(reply: &IncomingResponse) -> Outcome {
    let (status, headers) = (reply.status(), reply.headers().entries());
    let body = reply.consume().expect("it is taken once");
    let stream = body.stream().expect("it is taken once");
    let (kept, bytes, broken) = read_stream(&stream);
    drop(stream);
    drop::<IncomingBody>(body);
    Outcome::Reply { status, headers, body: kept, bytes, broken }
}

fn read_stream(stream: &InputStream) -> (Vec<u8>, u64, Option<String>) {
    let (mut kept, mut bytes) = (vec![], 0);
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(chunk) => {
                bytes += chunk.len() as u64;
                kept.extend_from_slice(&chunk[..chunk.len().min(KEPT - kept.len())]);
            }
            Err(StreamError::Closed) => return (kept, bytes, None),
            Err(error) => return (kept, bytes, Some(closed(error))),
        }
    }
}

/// Why a stream broke: the HTTP reason where there is one, and all that the host says of it.
pub(super) fn closed(error: StreamError) -> String {
    match error {
        StreamError::Closed => "closed".into(),
        StreamError::LastOperationFailed(error) => {
            let code = http_error_code(&error).map_or_else(|| "no code".into(), |code| name(&code));
            format!("{code}: {}", error.to_debug_string())
        }
    }
}

fn not_built(what: &str) -> Outcome {
    Outcome::NotBuilt(what.into())
}

/// The code's name, as Rust spells it, with its payload.
pub(super) fn name(code: &ErrorCode) -> String {
    let text = format!("{code:?}");
    text.strip_prefix("ErrorCode::").map_or(text.clone(), str::to_string)
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt(what) => write!(f, "not built: {what}"),
            Self::Refused(code) => write!(f, "refused: {}", name(code)),
            Self::Reply { status, bytes, broken: Some(why), .. } => {
                write!(f, "reply {status}, {bytes} bytes, then {why}")
            }
            Self::Reply { status, bytes, .. } => write!(f, "reply {status}, {bytes} bytes"),
        }
    }
}
