//! A thousand bodies that nobody should send, one after the other and beside each other: each is answered as it should be, and what the
//! server holds afterwards is what it held before.

use super::server::{Server, answer, post};
use super::tenant::Tenant;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

const BODIES: usize = 1_000;
const SENDERS: usize = 4;
/// Of senders that stop in the middle, held open all the while.
const SLOW: usize = 100;
const KIB: usize = 1 << 10;
/// Where a thousand bodies leave something of themselves, it is more: their bytes alone are a hundred MiB.
const MOST_GROWTH_KIB: u64 = 32 << 10;

/// A body, and what it is answered when it is proved.
fn kinds() -> Vec<(Vec<u8>, u16)> {
    let deep = 256 * KIB;
    vec![
        ("[".repeat(deep).into_bytes(), 200),
        ("{\"a\":".repeat(deep / 5).into_bytes(), 200),
        ([b"{\"object_kind\":\"push\",\"project\":".to_vec(), "[".repeat(deep).into_bytes()].concat(), 200),
        ((0..=255).cycle().take(deep).collect(), 200),
        (format!("\"{}\"", "\\ud800".repeat(deep / 6)).into_bytes(), 200),
        (format!("{}1{}", "1".repeat(deep / 2), "0".repeat(deep / 2)).into_bytes(), 200),
        (b"<!doctype html><p>not JSON".to_vec(), 200),
        (b"{\"object_kind\":\"push\"".to_vec(), 200),
        (vec![], 200),
        // Said to be larger than it may be: refused before it is sent.
        (b"huge".to_vec(), 413),
    ]
}

fn send(tenant: &Tenant, address: SocketAddr, number: usize, (body, expected): &(Vec<u8>, u16)) {
    if body == b"huge" {
        let mut stream = TcpStream::connect(address).unwrap();
        let said = (25 << 20) + 1 + number;
        write!(stream, "POST {} HTTP/1.1\r\nhost: it\r\ncontent-length: {said}\r\n\r\n", tenant.path).unwrap();
        assert_eq!(answer(stream).unwrap().status, *expected);
        return;
    }
    // Every third is not proved.
    let wrong = "f".repeat(50);
    let (secret, expected) =
        if number.is_multiple_of(3) { (wrong.as_str(), 401) } else { (tenant.secret.as_str(), *expected) };
    let headers = [("x-gitlab-token", secret), ("x-gitlab-event", "Push Hook"), ("content-type", "application/json")];
    let answered = post(address, &tenant.path, &headers, body).unwrap();
    assert_eq!(answered.status, expected, "{} bytes", body.len());
    assert!(answered.body.len() < 32, "nothing of it comes back: {}", answered.body);
}

fn send_all(tenant: &Tenant, address: SocketAddr, most: usize) {
    let kinds = kinds();
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let kinds = &kinds;
            scope.spawn(move || {
                for number in (sender..most).step_by(SENDERS) {
                    send(tenant, address, number, &kinds[number % kinds.len()]);
                }
            });
        }
    });
}

fn slow(tenant: &Tenant, server: &Server) -> Vec<TcpStream> {
    let begin = |_| {
        let mut stream = server.connect();
        write!(stream, "POST {} HTTP/1.1\r\nhost: it\r\ncontent-length: {}\r\n\r\n", tenant.path, 24 << 20).unwrap();
        stream.write_all(&[b' '; 4 * KIB]).unwrap();
        stream
    };
    (0..SLOW).map(begin).collect()
}

#[test]
fn a_thousand_hostile_bodies_are_answered_and_leave_nothing_in_memory() {
    let tenant = Tenant::new();
    let server = tenant.serve();
    // What is kept for the next ones is there: threads, instances, the store's pages.
    drop(slow(&tenant, &server));
    send_all(&tenant, server.address, BODIES / 4);
    let before = server.memory_kib();
    let held = slow(&tenant, &server);
    send_all(&tenant, server.address, BODIES);
    drop(held);
    let after = server.memory_kib();
    assert!(after < before + MOST_GROWTH_KIB, "{before} KiB before, {after} KiB after");
    assert_eq!(tenant.count("SELECT count(*) FROM jobs"), 0, "none of them is an event");
    assert_eq!(tenant.tell(&server, "a").body, "queued\n", "and what is one is taken");
}
