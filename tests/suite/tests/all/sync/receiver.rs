//! Where deliveries arrive, as a product has it: a listener on loopback that lets the connector judge each one and answers accordingly.

use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{Delivery, Event, Verdict};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// One delivery and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) delivery: Delivery,
    /// None: rejected, or nobody was there to judge it.
    pub(crate) event: Option<Event>,
}

#[derive(Default)]
struct Inner {
    judge: Mutex<Option<Connection>>,
    arrivals: Mutex<Vec<Arrival>>,
    /// What is answered instead of the verdict; 0: the verdict.
    status: AtomicU16,
}

/// The listener; it ends when this is dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    inner: Arc<Inner>,
    _accepting: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, inner) = (listener.local_addr().unwrap(), Arc::<Inner>::default());
        let (kept, mut accepting) = (inner.clone(), JoinSet::new());
        accepting.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, kept.clone()));
            }
        });
        Self { address, inner, _accepting: accepting }
    }

    /// The path is a connection's own.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks/k3v9x2", self.address)
    }

    pub(crate) fn judged_by(&self, connection: &Connection) {
        *self.inner.judge.lock().unwrap() = Some(connection.clone());
    }

    /// Answers this from now on; 0 for the verdict.
    pub(crate) fn answer(&self, status: u16) {
        self.inner.status.store(status, Ordering::Relaxed);
    }

    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.inner.arrivals.lock().unwrap().clone()
    }

    /// Those that were verified.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.arrivals().into_iter().filter_map(|arrival| arrival.event).collect()
    }

    pub(crate) fn forget(&self) {
        self.inner.arrivals.lock().unwrap().clear();
    }
}

async fn serve(mut socket: TcpStream, inner: Arc<Inner>) {
    let Some(delivery) = read(&mut socket).await else { return };
    let judge = inner.judge.lock().unwrap().clone();
    let event = match judge {
        Some(connection) => match connection.verify_webhook(delivery.clone()).await.unwrap() {
            Verdict::Verified(event) => Some(event),
            Verdict::Rejected(_) => None,
        },
        None => None,
    };
    let status = match inner.status.load(Ordering::Relaxed) {
        0 if event.is_some() => 200,
        0 => 401,
        status => status,
    };
    inner.arrivals.lock().unwrap().push(Arrival { delivery, event });
    let reply = format!("HTTP/1.1 {status} Said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = socket.write_all(reply.as_bytes()).await;
    let _ = socket.shutdown().await;
}

async fn read(socket: &mut TcpStream) -> Option<Delivery> {
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
            let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
            let headers: Vec<_> = lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let length =
                headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?.1.parse::<usize>();
            let mut body = bytes.split_off(at + 4);
            let missing = length.ok()?.checked_sub(body.len())?;
            let mut rest = vec![0; missing];
            socket.read_exact(&mut rest).await.ok()?;
            body.extend(rest);
            return Some(Delivery { headers, body });
        }
        let mut chunk = [0; 4096];
        let count = socket.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
    }
}
