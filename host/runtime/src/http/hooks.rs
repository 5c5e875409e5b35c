//! The border to wasmtime's `wasi:http`: the only file of this folder that knows its types.
//!
//! Decided here: which of its error codes says what. `HTTP-request-denied` is the policy, `destination-IP-prohibited` the judge
//! of addresses; in both cases nothing was sent. The words that teach are in [`Call::refusals`].

use std::io;
use std::sync::Arc;

use http::HeaderName;
use http::uri::Scheme;
use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
};

use super::ahead::{self, ReadAhead};
use super::budget::BudgetError;
use super::call::Call;
use super::connect::ConnectError;
use super::denied::Denied;
use super::error::{SendError, Wait};
use super::headers;
use super::timeouts::Shorter;

/// A guest writes its body in pieces of at most this size.
const OUTGOING_CHUNK: usize = 256 << 10;

/// What wasmtime asks when the guest uses `wasi:http`.
pub struct Hooks {
    call: Call,
    filter: ForbiddenHeaderFilter,
    readers: Arc<Semaphore>,
}

type Worker = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Reply = Result<(http::Response<WasiBody>, Worker), Error>;

impl Hooks {
    /// Hooks for one call.
    pub fn new(call: Call) -> Self {
        let credential = call.permission().site().ok().map(|site| site.credential().header.clone());
        let filter = move |name: &HeaderName| {
            DEFAULT_FORBIDDEN_HEADERS.contains(name) || headers::is_forbidden(name) || credential.as_ref() == Some(name)
        };
        Self { call, filter: Arc::new(filter), readers: ahead::readers() }
    }

    /// The call they belong to.
    pub fn call(&self) -> &Call {
        &self.call
    }
}

impl WasiHttpHooks for Hooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::clone(&self.filter)
    }

    /// All: the policy refuses the others with a reason.
    fn is_supported_scheme(&mut self, _: &Scheme) -> bool {
        true
    }

    /// The client writes it, from the destination that was judged.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Worker,
    ) -> Box<dyn Future<Output = Reply> + Send> {
        let options = options.unwrap_or_default();
        let shorter = Shorter {
            connect: options.connect_timeout,
            first_byte: options.first_byte_timeout,
            between_bytes: options.between_bytes_timeout,
        };
        let request = request.map(|body| body.map_err(|_| SendError::RequestBody).boxed_unsync());
        let (reply, readers) = (self.call.forward(request, shorter), Arc::clone(&self.readers));
        Box::new(async move {
            let reply = reply.await.map_err(code)?;
            let reply = reply.map(|body| ReadAhead::new(body, readers).map_err(code).boxed_unsync());
            Ok((reply, Box::new(async { Ok(()) }) as Worker))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        OUTGOING_CHUNK
    }
}

/// The same as a word, such as `connection-timeout`: for an exchange, whose errors are the contract's own. The sentence stays with the
/// host, for it names addresses and what the system says of them.
pub(crate) fn word(error: SendError) -> String {
    let debug = format!("{:?}", code(error));
    let name = debug.split(['(', '{', ' ']).next().unwrap_or_default();
    let mut word = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.push(letter.to_ascii_lowercase());
    }
    // As the standard writes them.
    let short =
        |part| if matches!(part, "http" | "dns" | "tls" | "ip") { part.to_uppercase() } else { part.to_owned() };
    word.split('-').map(short).collect::<Vec<_>>().join("-")
}

/// The error code of a failure.
fn code(error: SendError) -> Error {
    match error {
        SendError::Denied(denied) => denied_code(&denied),
        SendError::Budget(error) => budget_code(error),
        SendError::Credential(_) => Error::ConfigurationError,
        SendError::Connect(error) => connect_code(&error),
        SendError::Timeout(Wait::Connection) => Error::ConnectionTimeout,
        SendError::Timeout(Wait::Upload) => Error::ConnectionWriteTimeout,
        SendError::Timeout(Wait::FirstByte | Wait::Total) => Error::HttpResponseTimeout,
        SendError::Timeout(Wait::NextBytes) => Error::ConnectionReadTimeout,
        SendError::RequestBody => Error::HttpProtocolError,
        SendError::ReplyTooLarge { limit } => Error::HttpResponseBodySize(Some(limit)),
        SendError::Encoding(name) => Error::HttpResponseContentCoding(Some(name)),
        SendError::Gzip(_) => Error::HttpResponseContentCoding(Some("gzip".to_owned())),
        SendError::Incomplete => Error::HttpResponseIncomplete,
        SendError::Protocol(_) => Error::HttpProtocolError,
    }
}

fn denied_code(denied: &Denied) -> Error {
    match denied {
        Denied::BodySize { limit, .. } => Error::HttpRequestBodySize(Some(*limit)),
        Denied::LengthRequired { .. } => Error::HttpRequestLengthRequired,
        _ => Error::HttpRequestDenied,
    }
}

fn budget_code(error: BudgetError) -> Error {
    match error {
        BudgetError::Requests { .. } | BudgetError::InFlight { .. } => Error::ConnectionLimitReached,
        BudgetError::BytesUp { limit } => Error::HttpRequestBodySize(Some(limit)),
        BudgetError::BytesDown { limit } => Error::HttpResponseBodySize(Some(limit)),
    }
}

fn connect_code(error: &ConnectError) -> Error {
    match error {
        ConnectError::Nothing => Error::HttpRequestDenied,
        ConnectError::LookupTimeout(_) => Error::DnsTimeout,
        ConnectError::Lookup { .. } => Error::DnsError { rcode: None, info_code: None },
        ConnectError::NoAddress(_) => Error::DestinationNotFound,
        ConnectError::Prohibited { .. } => Error::DestinationIpProhibited,
        ConnectError::Timeout(_) => Error::ConnectionTimeout,
        ConnectError::Unreachable { kind: io::ErrorKind::ConnectionRefused, .. } => Error::ConnectionRefused,
        ConnectError::NotWanted | ConnectError::Unreachable { .. } | ConnectError::Tunnel { .. } => {
            Error::DestinationUnavailable
        }
        ConnectError::TlsTimeout(_) => Error::ConnectionTimeout,
        ConnectError::Certificate { .. } => Error::TlsCertificateError,
        ConnectError::Tls { .. } => Error::TlsProtocolError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_the_standard_s_word_and_tells_no_address() {
        let origin: crate::http::target::Origin = "https://gitlab.test".parse().unwrap();
        let (host, kind) = (origin.host().clone(), io::ErrorKind::HostUnreachable);
        let reason = "10.1.2.3: no route to host (os error 113)".to_owned();
        let unreachable = ConnectError::Unreachable { host: host.clone(), kind, reason };
        for (error, expected) in [
            (SendError::Timeout(Wait::FirstByte), "HTTP-response-timeout"),
            (SendError::ReplyTooLarge { limit: 7 }, "HTTP-response-body-size"),
            (SendError::Connect(ConnectError::LookupTimeout(host)), "DNS-timeout"),
            (SendError::Connect(unreachable), "destination-unavailable"),
            (SendError::Incomplete, "HTTP-response-incomplete"),
        ] {
            assert_eq!(word(error), expected);
        }
    }
}
