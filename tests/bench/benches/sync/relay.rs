//! The round trip: a TCP relay on loopback in front of the simulator that delays bytes by half of it in each direction.
//!
//! Every tool goes through the same port. A new connection costs one round trip before its first byte goes on, as the handshake
//! does on a real line. What it does not have: a limit of bandwidth, loss, and the slow start of TCP, which would slow the first
//! megabytes of every tool alike. It also counts what is on the wire.

use std::net::{SocketAddr, TcpStream as Std};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

const CHUNK: usize = 64 << 10;
/// Chunks on their way in one direction of a connection: more than any tool has in flight.
const ON_THE_WAY: usize = 1 << 12;

/// What went over the wire since the last reset.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) connections: u64,
    pub(crate) up: u64,
    pub(crate) down: u64,
}

#[derive(Debug, Default)]
struct Line {
    round_trip_ms: AtomicU64,
    connections: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

/// Runs until the process ends.
#[derive(Debug)]
pub(crate) struct Relay {
    line: Arc<Line>,
    address: SocketAddr,
}

impl Relay {
    /// In front of this server.
    pub(crate) fn start(server: SocketAddr) -> Self {
        let line = Arc::<Line>::default();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        listener.set_nonblocking(true).expect("a socket");
        let shared = line.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        std::thread::spawn(move || {
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a socket");
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(connect(client, server, shared.clone()));
                }
            });
        });
        Self { line, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, also for connections that are open.
    pub(crate) fn set_round_trip(&self, ms: u64) {
        self.line.round_trip_ms.store(ms, Ordering::Relaxed);
    }

    /// What went over it since it was last taken.
    pub(crate) fn take_traffic(&self) -> Traffic {
        Traffic {
            connections: self.line.connections.swap(0, Ordering::Relaxed),
            up: self.line.up.swap(0, Ordering::Relaxed),
            down: self.line.down.swap(0, Ordering::Relaxed),
        }
    }
}

impl Line {
    fn half(&self) -> Duration {
        Duration::from_millis(self.round_trip_ms.load(Ordering::Relaxed)) / 2
    }
}

async fn connect(client: TcpStream, server: SocketAddr, line: Arc<Line>) {
    let established = Instant::now() + line.half() * 2;
    line.connections.fetch_add(1, Ordering::Relaxed);
    let Ok(server) = Std::connect(server).and_then(|server| server.set_nonblocking(true).map(|()| server)) else {
        return;
    };
    let Ok(server) = TcpStream::from_std(server) else { return };
    // Nothing to be done about a socket that refuses: it is slower, for all alike.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::spawn(carry(from_client, to_server, established, line.clone(), |line| &line.up));
    tokio::spawn(carry(from_server, to_client, established, line, |line| &line.down));
}

async fn carry(
    mut from: OwnedReadHalf,
    to: OwnedWriteHalf,
    earliest: Instant,
    line: Arc<Line>,
    counter: fn(&Line) -> &AtomicU64,
) {
    let (sender, receiver) = mpsc::channel(ON_THE_WAY);
    tokio::spawn(deliver(receiver, to));
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = from.read_buf(&mut chunk).await.unwrap_or_default();
        counter(&line).fetch_add(read as u64, Ordering::Relaxed);
        let due = Instant::now().max(earliest) + line.half();
        // An empty chunk is the end, which takes its time too.
        if sender.send((due, chunk)).await.is_err() || read == 0 {
            return;
        }
    }
}

async fn deliver(mut chunks: mpsc::Receiver<(Instant, Vec<u8>)>, mut to: OwnedWriteHalf) {
    while let Some((due, chunk)) = chunks.recv().await {
        if due > Instant::now() {
            sleep_until(due).await;
        }
        if chunk.is_empty() || to.write_all(&chunk).await.is_err() {
            break;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown().await;
}
