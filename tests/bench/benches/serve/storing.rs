//! The same server without the connector: it stores each delivery in SQLite before it answers, many in one transaction, and that is all.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

struct Delivery {
    path: String,
    key: String,
    written: oneshot::Sender<()>,
}

/// Serves until it is killed.
pub(crate) fn serve(folder: &std::path::Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let store = store(folder);
    runtime.block_on(async {
        let (deliveries, waiting) = mpsc::channel(1_024);
        std::thread::spawn(move || write_all(store, waiting));
        let router = Router::new().route("/hooks/{path}", post(receive)).with_state(deliveries);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        eprintln_address(&listener);
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await.expect("it serves");
    });
}

fn eprintln_address(listener: &tokio::net::TcpListener) {
    use std::io::Write;
    let address = listener.local_addr().expect("an address");
    writeln!(std::io::stderr(), "listening on http://{address}").expect("somebody waits for it");
}

fn store(folder: &std::path::Path) -> Connection {
    let store = Connection::open(folder.join("stored.sqlite")).expect("a store");
    let tables = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
        CREATE TABLE deliveries (path TEXT, key TEXT, body INTEGER, PRIMARY KEY (path, key)) STRICT, WITHOUT ROWID;";
    store.execute_batch(tables).expect("tables");
    store
}

async fn receive(
    State(deliveries): State<mpsc::Sender<Delivery>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: bytes::Bytes,
) -> StatusCode {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
    let (written, done) = oneshot::channel();
    drop(body);
    let put = deliveries.send(Delivery { path, key, written }).await.is_ok() && done.await.is_ok();
    if put { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn write_all(mut store: Connection, mut waiting: mpsc::Receiver<Delivery>) {
    let mut pages = Vec::with_capacity(1_024);
    while waiting.blocking_recv_many(&mut pages, 1_024) > 0 {
        let change = store.transaction().expect("a transaction");
        for page in &pages {
            let mut insert = change.prepare_cached("INSERT OR IGNORE INTO deliveries VALUES (?1, ?2, 0)").expect("SQL");
            insert.execute((&page.path, &page.key)).expect("a row");
        }
        change.commit().expect("on disk");
        for page in pages.drain(..) {
            let _ = page.written.send(());
        }
    }
}
