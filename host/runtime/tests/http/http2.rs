//! Servers that mean harm by the frames of HTTP/2: each request ends in bounded time, and the server is hung up on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gitlab_sync_host::http::error::{SendError, Wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::support::{Lab, Server, authority};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// `:status: 200`, as HPACK has it in its table.
const OK: &[u8] = &[0x88];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header that goes into the table of the connection: `a: xxx..`, 4,000 bytes.
fn kept_header() -> Vec<u8> {
    let length = [0x7f, 0xa1, 0x1e];
    [&[0x40, 1, b'a'], &length[..], &[b'x'; 4_000]].concat()
}

struct Attack {
    name: &'static str,
    /// Sent once.
    first: Vec<u8>,
    /// Sent for ever.
    then: Vec<u8>,
}

fn attacks() -> Vec<Attack> {
    let attack = |name, first, then| Attack { name, first, then };
    let table_bomb = [OK, &kept_header(), &[0xbe; 10_000]].concat();
    vec![
        attack("settings", vec![], frame(SETTINGS, 0, 0, &[])),
        attack("pings", vec![], frame(PING, 0, 0, &[0; 8])),
        attack("resets", vec![], frame(RESET, 0, 1, &[0; 4])),
        attack("resets of streams that never were", vec![], frame(RESET, 0, 2_000_001, &[0; 4])),
        attack("window updates", vec![], frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])),
        attack("small window updates", vec![], frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        attack("a push", frame(PUSH_PROMISE, END_HEADERS, 1, &[&[0, 0, 0, 2], OK].concat()), vec![]),
        attack("a head that never ends", frame(HEADERS, 0, 1, OK), frame(CONTINUATION, 0, 1, &kept_header())),
        attack("a head of empty frames", frame(HEADERS, 0, 1, OK), frame(CONTINUATION, 0, 1, &[])),
        attack("a table bomb", frame(HEADERS, END_HEADERS, 1, &table_bomb), vec![]),
        attack(
            "a table that grows",
            frame(HEADERS, END_HEADERS, 1, &[0x3f, 0xe1, 0xff, 0xff, 0xff, 0x0f, 0x88]),
            vec![],
        ),
        attack("an index without entry", frame(HEADERS, END_HEADERS, 1, &[0xff, 0xff, 0x7f]), vec![]),
        attack("head after head", frame(HEADERS, END_HEADERS, 1, OK), frame(HEADERS, END_HEADERS, 1, OK)),
        attack("early hints", vec![], frame(HEADERS, END_HEADERS, 1, &[0x08, 3, b'1', b'0', b'3'])),
        attack("a body of empty frames", frame(HEADERS, END_HEADERS, 1, OK), frame(DATA, 0, 1, &[])),
        attack("a body without head", vec![], frame(DATA, 0, 1, b"x")),
        attack("a body past its window", frame(HEADERS, END_HEADERS, 1, OK), frame(DATA, 0, 1, &[b'x'; 16_000])),
        attack("frames of no known kind", vec![], frame(0xbb, 0xff, 1, &[0; 1_000])),
        attack("a frame that is too large", frame(HEADERS, END_HEADERS, 1, &vec![0; 1 << 20]), vec![]),
        attack("good-byes", vec![], frame(GO_AWAY, 0, 0, &[0; 8])),
        attack("no streams at all", frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 0]), vec![]),
        attack("no window at all", frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), vec![]),
        attack("HTTP/1.1", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".into(), vec![]),
        attack("nothing", vec![], vec![]),
    ]
}

/// Sends this to whoever comes, while it reads and forgets what they say, and counts those that are still there.
async fn server(acceptor: TlsAcceptor, attack: &Attack, open: &Arc<AtomicUsize>) -> Server {
    let (first, then) = (Arc::new(attack.first.clone()), Arc::new(attack.then.clone()));
    let open = Arc::clone(open);
    Server::raw(move |stream| {
        let (acceptor, first, then, open) = (acceptor.clone(), first.clone(), then.clone(), open.clone());
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            open.fetch_add(1, Ordering::SeqCst);
            let (mut reader, mut writer) = tokio::io::split(stream);
            // The client's greeting and its first frames, so that its request is under way.
            let mut heard = [0; 16 << 10];
            let _ = reader.read(&mut heard).await;
            let flood = async {
                let mut sent = writer.write_all(&[frame(SETTINGS, 0, 0, &[]), first.to_vec()].concat()).await;
                while sent.is_ok() && !then.is_empty() {
                    sent = writer.write_all(&then).await;
                    tokio::task::yield_now().await;
                }
                std::future::pending::<()>().await;
            };
            let listen = async { while reader.read(&mut heard).await.is_ok_and(|count| count > 0) {} };
            tokio::select! {
                () = flood => {}
                () = listen => {}
            }
            open.fetch_sub(1, Ordering::SeqCst);
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_flood_of_frames_ends_in_bounded_time() {
    for attack in attacks() {
        let (ca, acceptor) = authority("gitlab.test", &["h2"]);
        let open = Arc::<AtomicUsize>::default();
        let server = server(acceptor, &attack, &open).await;
        let lab = Lab::secure(&server, &ca).hasty(Wait::FirstByte).hasty(Wait::Total);
        let answer = tokio::time::timeout(Duration::from_secs(20), lab.get(&lab.call(), "/thing/x")).await;
        let error = answer.unwrap_or_else(|_| panic!("{}: it goes on", attack.name)).unwrap_err();
        let known = matches!(error, SendError::Timeout(_) | SendError::Protocol(_) | SendError::Incomplete);
        let too_large = matches!(error, SendError::ReplyTooLarge { .. });
        assert!(known || too_large, "{}: {error:?}", attack.name);
        assert!(server.connections() <= 2, "{}: {} connections", attack.name, server.connections());
        // Nobody keeps listening to it. A request that was never let begin is given up with its connection, by the pings that
        // are not answered, after 40 s.
        if attack.name == "no streams at all" {
            continue;
        }
        let hung_up = async {
            while open.load(Ordering::SeqCst) > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let left = tokio::time::timeout(Duration::from_secs(20), hung_up).await;
        assert!(left.is_ok(), "{}: the connection stays open", attack.name);
    }
}
