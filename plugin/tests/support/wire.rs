//! The plainest HTTP client there is, toward a server on loopback.

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use gitlab_sync_connector::body::Body;
use gitlab_sync_connector::gitlab::token;
use gitlab_sync_connector::host::{HttpError, Reply};
use gitlab_sync_connector::request::Request;

/// One server and the token for it.
pub(crate) struct Wire {
    /// Sent with every request.
    pub(crate) token: String,
    /// How many requests were sent.
    pub(crate) requests: Cell<usize>,
}

impl Wire {
    /// Sends it on a connection of its own.
    pub(crate) fn answer(&self, request: &Request) -> Result<Reply, HttpError> {
        self.requests.set(self.requests.get() + 1);
        let mut stream = TcpStream::connect(&request.instance.authority).expect("the server listens");
        let body = request.body.as_ref().map_or_else(Vec::new, Body::to_bytes);
        let kind = if request.body.is_some() { "content-type: application/json\r\n" } else { "" };
        // The one request that the profile has without it.
        let is_probe = request.target == token::probe();
        let credential = if is_probe { String::new() } else { format!("authorization: Bearer {}\r\n", self.token) };
        let head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\n{credential}accept: application/json\r\n{kind}content-length: {}\r\n\
             connection: close\r\n\r\n",
            request.method.name(),
            request.path_with_query(),
            request.instance.authority,
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).expect("it reads");
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).expect("it answers");
        Ok(parse(&reply))
    }
}

fn parse(bytes: &[u8]) -> Reply {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: Vec<(String, String)> = lines.filter_map(header).collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = &bytes[end + 4..];
    let body = if chunked { unchunk(body) } else { body.to_vec() };
    Reply { status: status.expect("a status"), headers, body }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n").expect("a size");
        let size = usize::from_str_radix(&String::from_utf8_lossy(&bytes[..end]), 16).expect("a number");
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
}
