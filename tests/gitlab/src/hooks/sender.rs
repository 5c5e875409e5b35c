//! One HTTP exchange with a receiver on loopback.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::deliveries::{Answered, kept_body};
use super::switches::HookSwitches;
use super::target::Target;
use super::tls::{self, Check};

/// More of an answer's body is not read.
const READ_BODY: usize = 16 * 1024;

/// Why there was no answer, in the words of Ruby's client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// Not on loopback: as if the name had no address.
    #[error("Failed to open TCP connection to {0}:{1} (getaddrinfo: Name or service not known)")]
    Elsewhere(String, u16),
    /// No TLS with this receiver.
    #[error("SSL_connect returned=1 errno=0 peeraddr={0}:{1} state=error: {2}")]
    Tls(String, u16, String),
    /// Nobody listens.
    #[error("Failed to open TCP connection to {0}:{1} (Connection refused - connect(2) for {0}:{1})")]
    Refused(String, u16),
    /// It took too long.
    #[error("Net::ReadTimeout with #<TCPSocket:(closed)>")]
    Timeout,
    /// The connection ended before the answer did.
    #[error("end of file reached")]
    Cut,
}

/// Posts the body.
pub(crate) async fn post(
    target: &Target,
    headers: &[(String, String)],
    body: Bytes,
    check: Check,
    switches: &HookSwitches,
) -> Result<Answered, SendError> {
    let (host, port) = (target.host().to_owned(), target.port());
    let Some(address) = target.loopback() else { return Err(SendError::Elsewhere(host, port)) };
    let request = request(target, headers, body);
    let exchange = async {
        let stream = TcpStream::connect(address).await.map_err(|_| SendError::Refused(host, port))?;
        if !target.is_tls() {
            return exchange(stream, request).await;
        }
        let failed = |why: String| SendError::Tls(target.host().to_owned(), target.port(), why);
        let connector = tls::connector(check, &switches.trusted_authorities).map_err(|why| failed(why.to_string()))?;
        let name = ServerName::try_from(target.host().trim_matches(['[', ']']).to_owned());
        let name = name.map_err(|why| failed(why.to_string()))?;
        let stream = connector.connect(name, stream).await.map_err(|why| failed(why.to_string()))?;
        exchange(stream, request).await
    };
    let timeout = Duration::from_millis(switches.timeout_ms);
    tokio::time::timeout(timeout, exchange).await.map_err(|_| SendError::Timeout)?
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Answered, SendError> {
    let mut builder = http1::Builder::new();
    // As Ruby writes them. Receivers must not care.
    builder.title_case_headers(true);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|_| SendError::Cut)?;
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(|_| SendError::Cut);
    let answer = read(answer?).await;
    driver.abort();
    answer
}

fn request(target: &Target, headers: &[(String, String)], body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = http::Method::POST;
    if let Ok(uri) = target.path_and_query().parse() {
        *request.uri_mut() = uri;
    }
    for (name, value) in headers {
        // Both were judged when the hook was made; what HTTP cannot carry all the same is left out.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            request.headers_mut().insert(name, value);
        }
    }
    request
}

async fn read(response: http::Response<Incoming>) -> Result<Answered, SendError> {
    let (parts, mut body) = response.into_parts();
    let mut read = BytesMut::new();
    while read.len() < READ_BODY {
        let Some(frame) = body.frame().await else { break };
        if let Ok(data) = frame.map_err(|_| SendError::Cut)?.into_data() {
            read.extend_from_slice(&data);
        }
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    Ok(Answered { status: parts.status.as_u16(), headers: headers.collect(), body: kept_body(&read) })
}
