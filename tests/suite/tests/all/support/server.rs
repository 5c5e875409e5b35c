//! A server on loopback that keeps every byte it was sent, and misbehaves as the last part of the path says.
//!
//! It reads HTTP/1.1 by itself, so that nothing between it and the socket repairs or refuses what a guest has smuggled in.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What `/secret/1` answers with; a captured secret that the guest must not see.
pub(crate) const CAPTURED: &str = "glpat-captured-K7mPq2xWvR9nTb4cYd8fHs3jLg6z";

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Which connection it came on, counted from 0.
    pub(crate) connection: usize,
    /// Request line and headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// `GET /path HTTP/1.1`.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The path without the query.
    pub(crate) fn path(&self) -> &str {
        let target = self.line().split(' ').nth(1).unwrap_or_default();
        target.split(['?', '#']).next().unwrap_or_default()
    }

    /// What is wanted: the part of the path after `/hostile/`, or the whole path.
    fn name(&self) -> &str {
        self.path().strip_prefix("/hostile/").unwrap_or(self.path())
    }

    /// All values of a header, by its name in lower case.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }
}

#[derive(Default)]
struct Kept {
    /// Every byte of every connection.
    raw: Mutex<Vec<Vec<u8>>>,
    requests: Mutex<Vec<Received>>,
    now: AtomicUsize,
    most: AtomicUsize,
    /// Clients that gave up waiting.
    hung_up: AtomicUsize,
    /// Connections that are not closed.
    open: AtomicUsize,
    closing: AtomicBool,
    /// Where `redirect` leads.
    elsewhere: Mutex<String>,
}

/// The server; it ends when this is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    kept: Arc<Kept>,
    _accepting: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_on("127.0.0.1:0").await
    }

    pub(crate) async fn start_on(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::<Kept>::default();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&kept)));
        Self { address, kept, _accepting: accepting }
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Where `redirect` leads from now on.
    pub(crate) fn redirect_to(&self, location: &str) {
        *self.kept.elsewhere.lock().unwrap() = location.into();
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.kept.raw.lock().unwrap().len()
    }

    /// How many of them are still open.
    pub(crate) fn open_connections(&self) -> usize {
        self.kept.open.load(Ordering::Relaxed)
    }

    /// The most requests that were under way at once.
    pub(crate) fn most_at_once(&self) -> usize {
        self.kept.most.load(Ordering::Relaxed)
    }

    /// How many clients of `stall` closed the connection.
    pub(crate) fn hung_up(&self) -> usize {
        self.kept.hung_up.load(Ordering::Relaxed)
    }

    /// Closes each connection after its first reply from now on.
    pub(crate) fn close_after_each(&self) {
        self.kept.closing.store(true, Ordering::Relaxed);
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.kept.requests.lock().unwrap().clone()
    }

    /// Every byte it was sent.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.kept.raw.lock().unwrap().concat()
    }
}

async fn accept(listener: TcpListener, kept: Arc<Kept>) {
    let mut serving = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let connection = {
            let mut raw = kept.raw.lock().unwrap();
            raw.push(vec![]);
            raw.len() - 1
        };
        let wire = Wire { socket, kept: Arc::clone(&kept), connection, unread: vec![] };
        let kept = Arc::clone(&kept);
        serving.spawn(async move {
            kept.open.fetch_add(1, Ordering::Relaxed);
            wire.serve().await;
            kept.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

struct Wire {
    socket: TcpStream,
    kept: Arc<Kept>,
    connection: usize,
    unread: Vec<u8>,
}

impl Wire {
    async fn serve(mut self) {
        while let Some(head) = self.read_head().await {
            let mut request = Received { connection: self.connection, head, body: vec![] };
            if request.name() == "deaf" {
                self.kept.requests.lock().unwrap().push(request);
                return std::future::pending().await;
            }
            let Some(body) = self.read_body(&request).await else { return };
            request.body = body;
            self.kept.requests.lock().unwrap().push(request.clone());
            let now = self.kept.now.fetch_add(1, Ordering::Relaxed) + 1;
            self.kept.most.fetch_max(now, Ordering::Relaxed);
            let answered = self.answer(&request).await;
            self.kept.now.fetch_sub(1, Ordering::Relaxed);
            if answered.is_err() || self.kept.closing.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// More bytes, or None at the end.
    async fn fill(&mut self) -> Option<()> {
        let mut chunk = [0; 16 << 10];
        let count = self.socket.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        self.kept.raw.lock().unwrap()[self.connection].extend_from_slice(&chunk[..count]);
        self.unread.extend_from_slice(&chunk[..count]);
        Some(())
    }

    async fn read_head(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = self.unread.split_off(at + 4);
                let head = std::mem::replace(&mut self.unread, rest);
                return Some(String::from_utf8_lossy(&head[..at]).into_owned());
            }
            self.fill().await?;
        }
    }

    async fn read_body(&mut self, request: &Received) -> Option<Vec<u8>> {
        if let Some(length) = request.values("content-length").first().and_then(|text| text.parse().ok()) {
            return self.take(length).await;
        }
        let mut body = vec![];
        if request.values("transfer-encoding").contains(&"chunked") {
            loop {
                let size = usize::from_str_radix(&self.take_line().await?, 16).ok()?;
                body.extend(self.take(size).await?);
                if size == 0 {
                    while !self.take_line().await?.is_empty() {}
                    break;
                }
                self.take_line().await?;
            }
        }
        Some(body)
    }

    async fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.unread.len() < count {
            self.fill().await?;
        }
        let rest = self.unread.split_off(count);
        Some(std::mem::replace(&mut self.unread, rest))
    }

    async fn take_line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.unread.windows(2).position(|window| window == b"\r\n") {
                let line = self.take(at + 2).await?;
                return Some(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            self.fill().await?;
        }
    }

    async fn answer(&mut self, request: &Received) -> std::io::Result<()> {
        match request.name() {
            "stall" | "/secret/9" => {
                while self.fill().await.is_some() {}
                self.kept.hung_up.fetch_add(1, Ordering::Relaxed);
                Err(std::io::ErrorKind::ConnectionAborted.into())
            }
            "stall-body" => {
                self.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789").await?;
                std::future::pending().await
            }
            "slow" => {
                tokio::time::sleep(Duration::from_millis(200)).await;
                self.reply("", b"slow").await
            }
            "endless" => {
                self.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
                loop {
                    self.send(&chunk).await?;
                }
            }
            "drip" => {
                self.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                loop {
                    self.send(b"1\r\nx\r\n").await?;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            "early" => loop {
                self.send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n").await?;
                tokio::time::sleep(Duration::from_millis(1)).await;
            },
            "bomb" => {
                let body = bomb();
                self.reply("content-encoding: gzip\r\n", &body).await
            }
            "large" => self.reply("", &vec![b'x'; 1 << 20]).await,
            "many-headers" => {
                let headers: String = (0..100_000).map(|number| format!("x-{number}: y\r\n")).collect();
                self.reply(&headers, b"").await
            }
            odd if let Some(reply) = odd_reply(odd) => {
                self.send(&reply).await?;
                Err(std::io::ErrorKind::ConnectionAborted.into())
            }
            "liar" => self.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n0123456789HTTP/1.1 200 OK\r\n\r\n").await,
            "cut" => {
                self.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789").await?;
                Err(std::io::ErrorKind::ConnectionAborted.into())
            }
            "unread" => self.reply("content-encoding: br\r\n", b"01234").await,
            "redirect" => {
                let location = self.kept.elsewhere.lock().unwrap().clone();
                self.send(format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n").as_bytes())
                    .await
            }
            "mirror" => self.mirror(request).await,
            "mirror-encoded" => self.mirror_encoded(request).await,
            "parked" | "/open/parked" => {
                let raw = self.kept.raw.lock().unwrap().concat();
                self.reply("", &raw).await
            }
            "/secret/1" => {
                let body = format!(r#"{{"id":1,"token":"{CAPTURED}","expires_at":"2030-01-31"}}"#);
                self.reply("content-type: application/json\r\n", body.as_bytes()).await
            }
            "/secret/2" => {
                let body = format!(r#"{{"id":1,"token":"a","token":"{CAPTURED}","data":{{"token":"{CAPTURED}"}}}}"#);
                self.reply("content-type: application/json\r\n", body.as_bytes()).await
            }
            "/filled/3" => self.mirror(request).await,
            _ => self.reply("content-type: application/json\r\n", br#"{"ok":true}"#).await,
        }
    }

    /// Says back all it was sent: in the body as it is and in each header that a client may hand on.
    async fn mirror(&mut self, request: &Received) -> std::io::Result<()> {
        let token = request.values("private-token").first().copied().unwrap_or_default();
        let headers = format!(
            "content-type: application/json\r\nset-cookie: session={token}\r\nprivate-token: {token}\r\n\
             authorization: Bearer {token}\r\nx-echo: {token}\r\nlocation: /?private_token={token}\r\netag: \"{token}\"\r\n"
        );
        let body = [request.head.as_bytes(), b"\r\n\r\n", &request.body].concat();
        self.reply(&headers, &body).await
    }

    /// As `mirror`, in the encodings that are in use, and by bytes that come one at a time.
    async fn mirror_encoded(&mut self, request: &Received) -> std::io::Result<()> {
        let token = request.values("private-token").first().copied().unwrap_or_default();
        let each = |write: fn(u8) -> String| token.bytes().map(write).collect::<String>();
        let basic = STANDARD.encode(format!("user:{token}"));
        let forms = [
            token.to_owned(),
            STANDARD.encode(token),
            basic.clone(),
            URL_SAFE_NO_PAD.encode(format!("a{token}")),
            each(|byte| format!("{byte:02x}")),
            each(|byte| format!("{byte:02X}")),
            each(|byte| format!("%{byte:02x}")),
            each(|byte| format!("%{byte:02X}")),
            each(|byte| format!("\\u{byte:04x}")),
        ];
        let headers = format!("x-basic: Basic {basic}\r\nlocation: /?t={}\r\nx-{token}: 1\r\n", forms[6]);
        let head = format!("HTTP/1.1 200 OK\r\n{headers}transfer-encoding: chunked\r\n\r\n");
        let chunk = |byte: &u8| [b"1\r\n".as_slice(), &[*byte], b"\r\n"].concat();
        let body: Vec<u8> = forms.join("\n").as_bytes().iter().flat_map(chunk).collect();
        self.send(&[head.as_bytes(), &body, b"0\r\n\r\n"].concat()).await
    }

    async fn reply(&mut self, headers: &str, body: &[u8]) -> std::io::Result<()> {
        let close = if self.kept.closing.load(Ordering::Relaxed) { "connection: close\r\n" } else { "" };
        let head = format!("HTTP/1.1 200 OK\r\n{headers}{close}content-length: {}\r\n\r\n", body.len());
        self.send(&[head.as_bytes(), body].concat()).await
    }

    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.write_all(bytes).await
    }
}

/// All of a reply that breaks the rules, after which the connection is closed.
fn odd_reply(name: &str) -> Option<Vec<u8>> {
    let ok = |rest: &str| Some(format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes());
    match name {
        "switching" => {
            Some(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: tcp\r\n\r\nhello".into())
        }
        "http-1.0" => Some(b"HTTP/1.0 200 OK\r\n\r\nold".into()),
        "http-0.9" => Some(b"<html>older</html>".into()),
        "http-2" => Some(b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n".into()),
        "status-99" => Some(b"HTTP/1.1 099 No\r\ncontent-length: 0\r\n\r\n".into()),
        "status-1000" => Some(b"HTTP/1.1 1000 No\r\ncontent-length: 0\r\n\r\n".into()),
        "long-reason" => Some(format!("HTTP/1.1 200 {}\r\ncontent-length: 0\r\n\r\n", "x".repeat(1 << 20)).into()),
        "two-lengths" => ok("content-length: 5\r\ncontent-length: 10\r\n\r\n0123456789"),
        "negative-length" => ok("content-length: -5\r\n\r\n01234"),
        "huge-length" => ok("content-length: 18446744073709551615\r\n\r\n01234"),
        "chunked-and-length" => ok("transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n5\r\n01234\r\n0\r\n\r\n"),
        "chunked-twice" => ok("transfer-encoding: chunked, chunked\r\n\r\n5\r\n01234\r\n0\r\n\r\n"),
        "gzip-transfer" => ok("transfer-encoding: gzip, chunked\r\n\r\n5\r\n01234\r\n0\r\n\r\n"),
        "bad-chunk" => ok("transfer-encoding: chunked\r\n\r\nzz\r\n01234\r\n0\r\n\r\n"),
        "huge-chunk" => ok("transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n01234\r\n0\r\n\r\n"),
        "chunk-extensions" => {
            ok(&format!("transfer-encoding: chunked\r\n\r\n5;{}\r\n01234\r\n0\r\n\r\n", "x".repeat(1 << 20)))
        }
        "trailers" => {
            let trailers: String = (0..50_000).map(|number| format!("x-{number}: y\r\n")).collect();
            ok(&format!("transfer-encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\n{trailers}\r\n"))
        }
        "folded" => ok("x-a: b\r\n c: d\r\ncontent-length: 0\r\n\r\n"),
        "null-in-header" => ok("x-a: b\0c\r\ncontent-length: 0\r\n\r\n"),
        "bare-return" => ok("x-a: b\rx-c: d\r\ncontent-length: 0\r\n\r\n"),
        "space-in-name" => ok("content-length : 0\r\n\r\n"),
        "huge-header" => ok(&format!("x-a: {}\r\ncontent-length: 0\r\n\r\n", "x".repeat(1 << 20))),
        "deflate" => ok("content-encoding: deflate\r\ncontent-length: 5\r\n\r\n01234"),
        "gzip-twice" => ok("content-encoding: gzip, gzip\r\ncontent-length: 5\r\n\r\n01234"),
        "brotli" => ok("content-encoding: br\r\ncontent-length: 5\r\n\r\n01234"),
        "nothing" => Some(vec![]),
        "half-a-head" => Some(b"HTTP/1.1 200 OK\r\ncontent-le".into()),
        _ => None,
    }
}

/// 256 MiB of zeros in about 260 kB.
fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    let zeros = vec![0; 1 << 20];
    for _ in 0..256 {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

#[tokio::test]
async fn the_server_keeps_what_it_was_sent() {
    let server = Server::start().await;
    let mut client = TcpStream::connect(server.authority()).await.unwrap();
    let sent = "POST /hostile/echo?page=1 HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 3\r\n\r\nabc";
    for _ in 0..2 {
        client.write_all(sent.as_bytes()).await.unwrap();
        let mut reply = vec![0; 1000];
        let count = client.read(&mut reply).await.unwrap();
        assert!(String::from_utf8_lossy(&reply[..count]).ends_with(r#"{"ok":true}"#));
    }
    let requests = server.requests();
    assert_eq!((requests.len(), server.connections(), server.most_at_once()), (2, 1, 1));
    assert_eq!(requests[1].line(), "POST /hostile/echo?page=1 HTTP/1.1");
    assert_eq!((requests[1].values("x-a"), requests[1].body.as_slice()), (vec!["1", "2"], b"abc".as_slice()));
    assert_eq!(server.raw(), sent.repeat(2).as_bytes());
}
