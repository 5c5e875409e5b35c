//! Listeners that nobody may reach: they count who does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// One port on several loopback addresses.
pub(crate) struct Trap {
    port: u16,
    hits: Arc<AtomicUsize>,
    _listeners: JoinSet<()>,
}

impl Trap {
    /// Listens on 127.0.0.1, and on the same port of 127.0.0.2 and `::1` where the machine has them.
    pub(crate) async fn set() -> Self {
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = first.local_addr().unwrap().port();
        let mut listening = vec![first];
        for address in ["127.0.0.2", "::1"] {
            let address = SocketAddr::new(address.parse().unwrap(), port);
            listening.extend(TcpListener::bind(address).await);
        }
        Self::count(port, listening)
    }

    /// Listens on this address and port only.
    pub(crate) async fn set_on(address: &str, port: u16) -> Self {
        let listener = TcpListener::bind((address, port)).await.unwrap();
        Self::count(port, vec![listener])
    }

    fn count(port: u16, listening: Vec<TcpListener>) -> Self {
        let hits = Arc::new(AtomicUsize::new(0));
        let mut listeners = JoinSet::new();
        for listener in listening {
            let hits = Arc::clone(&hits);
            listeners.spawn(async move {
                while listener.accept().await.is_ok() {
                    hits.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { port, hits, _listeners: listeners }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were made.
    pub(crate) fn hits(&self) -> usize {
        self.hits.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_trap_counts_who_comes() {
    let trap = Trap::set().await;
    assert_eq!(trap.hits(), 0);
    tokio::net::TcpStream::connect(("127.0.0.1", trap.port())).await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(trap.hits(), 1);
}
