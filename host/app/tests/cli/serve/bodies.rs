//! Bodies that nobody should send: refused clearly, and the memory stays flat.

use super::server::{answer, post, until};
use super::tenant::Tenant;
use std::io::Write;

const MIB: usize = 1 << 20;

/// Past this the memory is not flat: all bodies together have 128 MiB, and calls 96 MiB each.
const MOST_GROWTH_KIB: u64 = 300 << 10;

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let tenant = Tenant::new();
    let server = tenant.serve();
    let before = server.memory_kib();
    for _ in 0..20 {
        let mut stream = server.connect();
        let said = 25 * MIB + 1;
        write!(stream, "POST {} HTTP/1.1\r\nhost: it\r\ncontent-length: {said}\r\n\r\n", tenant.path).unwrap();
        assert_eq!(answer(stream).unwrap().status, 413);
    }
    let mut stream = server.connect();
    write!(stream, "POST {} HTTP/1.1\r\nhost: it\r\ntransfer-encoding: chunked\r\n\r\n", tenant.path).unwrap();
    let chunk = [format!("{MIB:x}\r\n").into_bytes(), vec![b' '; MIB], b"\r\n".to_vec()].concat();
    // It stops reading in the middle.
    let _ = (0..27).try_for_each(|_| stream.write_all(&chunk));
    assert_eq!(answer(stream).map_or(413, |answer| answer.status), 413, "also where nobody said how large it is");
    let after = server.memory_kib();
    assert!(after < before + MOST_GROWTH_KIB, "{before} KiB before, {after} KiB after");
}

#[test]
fn what_is_no_event_is_judged_by_its_proof_alone_and_the_memory_stays_flat() {
    let tenant = Tenant::new();
    let server = tenant.serve();
    let nested = "[".repeat(MIB).into_bytes();
    let objects = "{\"a\":".repeat(MIB / 5).into_bytes();
    let binary: Vec<u8> = (0..=255).cycle().take(MIB).collect();
    let page = b"<!doctype html><p>not JSON".to_vec();
    let bodies = [vec![], b"{".to_vec(), b"null".to_vec(), nested, objects, binary, page];
    for body in &bodies {
        assert_eq!(tenant.send(&server, &"f".repeat(50), body).status, 401);
        assert_eq!(tenant.send(&server, &tenant.secret, body).status, 200, "{} bytes", body.len());
    }
    let before = server.memory_kib();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for body in bodies.iter().chain(&bodies) {
                    let headers = [("x-gitlab-token", tenant.secret.as_str())];
                    let answered = post(server.address, &tenant.path, &headers, body).unwrap();
                    assert_eq!(answered.status, 200, "{} bytes", body.len());
                }
            });
        }
    });
    let after = server.memory_kib();
    assert!(after < before + MOST_GROWTH_KIB, "{before} KiB before, {after} KiB after");
    assert_eq!(tenant.count("SELECT count(*) FROM jobs"), 0);
}

#[test]
fn the_largest_deliveries_of_gitlab_are_taken_and_the_memory_stays_flat() {
    let tenant = Tenant::new();
    let server = tenant.serve();
    let before = server.memory_kib();
    let event = String::from_utf8(tenant.push_event()).unwrap();
    let rest = 24 * MIB;
    let text = format!("\"{}\",", "x".repeat(MIB));
    let texts = format!(",\"messages\":[{}\"\"]}}", text.repeat(rest / MIB - 1));
    let paths = format!(",\"more\":[{{\"added\":[{}\"\"]}}]}}", "\"a/b.md\",".repeat(rest / 9));
    for (more, key) in [(texts, "a"), (paths, "b")] {
        let body = event.strip_suffix('}').unwrap().to_owned() + &more;
        let headers = [("x-gitlab-token", tenant.secret.as_str()), ("idempotency-key", key)];
        let answered = server.post(&tenant.path, &headers, body.as_bytes());
        assert_eq!((answered.status, answered.body.as_str()), (200, "queued\n"));
    }
    let after = server.memory_kib();
    assert!(after < before + MOST_GROWTH_KIB, "{before} KiB before, {after} KiB after");
}

/// Takes as long as the server waits for a body, with all of them at once.
#[test]
fn slow_senders_are_sent_away_and_nobody_waits_for_them() {
    let tenant = Tenant::new();
    let server = tenant.serve();
    let slow = |path: &str| {
        let mut stream = server.connect();
        let head = "host: it\r\norigin: http://it\r\ncontent-length: 100";
        write!(stream, "POST {path} HTTP/1.1\r\n{head}\r\n\r\nx").unwrap();
        stream
    };
    let deliveries: Vec<_> = (0..200).map(|_| slow(&tenant.path)).collect();
    let sign_in = slow("/sign-in");
    // More than the system takes for a peer that does not read.
    let mut reads_nothing = server.connect();
    let asked = "GET /api/openapi.json HTTP/1.1\r\nhost: it\r\n\r\n".repeat(400);
    reads_nothing.write_all(asked.as_bytes()).unwrap();
    for number in 0..20 {
        assert_eq!(tenant.tell(&server, &number.to_string()).status, 200, "others are served");
    }
    assert_eq!(answer(sign_in).unwrap().status, 400);
    until("who does not read is sent away", || reads_nothing.write_all(b"x").is_err());
    for stream in deliveries {
        assert_eq!(answer(stream).unwrap().status, 408);
    }
}

#[test]
fn headers_have_a_limit_too() {
    let tenant = Tenant::new();
    let server = tenant.serve();
    let large = "x".repeat(64 << 10);
    let answered = server.post(&tenant.path, &[("x-filler", &large)], b"{}");
    assert_eq!(answered.status, 431);
    let names: Vec<String> = (0..200).map(|number| format!("x-filler-{number}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(server.post(&tenant.path, &many, b"{}").status, 431);
}
