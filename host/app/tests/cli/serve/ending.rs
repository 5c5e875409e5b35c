//! The end of a server, and the next one.

use super::server::{PATIENCE, Server};
use super::tenant::Tenant;
use crate::program::Program;
use std::io::{Read, Write};
use std::sync::mpsc::channel;

#[test]
fn a_server_that_is_told_to_end_finishes_what_it_has_begun() {
    let tenant = Tenant::new();
    let server = tenant.serve();
    assert_eq!(server.get("/healthz").status, 200);
    // A delivery whose body is not whole yet.
    let body = tenant.push_event();
    let mut stream = server.connect();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: it\r\nx-gitlab-token: {}\r\nconnection: close\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        tenant.path,
        tenant.secret,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n", "it has the request in hand");
    let ending = std::thread::spawn(|| server.end());
    stream.write_all(&body).unwrap();
    let answer = super::server::answer(stream).unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "queued\n"));
    let (status, said) = ending.join().unwrap();
    assert_eq!(status, Some(0), "{said:?}");
    // Whether it was done before the end or not, it is not lost.
    let _server = tenant.serve();
    tenant.wait_until_idle();
    assert_eq!(tenant.count("SELECT count(*) FROM jobs WHERE stage = 'done'"), 1);
}

/// Whoever was in the middle of a request when the grace was over kept the process from ever ending.
#[test]
fn nobody_who_stalls_keeps_a_server_from_ending() {
    let program = Program::new();
    program.write("serve.toml", "grace-seconds = 1\n");
    let token = program.run(&["user", "add", "ana", "--organisation", "acme", "--role", "admin"]).stdout;
    let server = Server::start(&program, &["--config", "serve.toml"]);
    let mut sends_no_more = server.connect();
    let head = "content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 9";
    let who = format!("host: it\r\nauthorization: Bearer {}", token.trim());
    write!(sends_no_more, "POST /api/v1/users HTTP/1.1\r\n{who}\r\n{head}\r\n\r\n").unwrap();
    sends_no_more.read_exact(&mut [0; 25]).unwrap();
    // More than the system takes for a peer that does not read.
    let mut reads_no_more = server.connect();
    let asked = "GET /api/openapi.json HTTP/1.1\r\nhost: it\r\n\r\n".repeat(400);
    reads_no_more.write_all(asked.as_bytes()).unwrap();
    reads_no_more.read_exact(&mut [0; 25]).unwrap();
    let (told, ended) = channel();
    std::thread::spawn(move || told.send(server.end()));
    // Long before a slow sender is sent away.
    let (status, said) = ended.recv_timeout(PATIENCE / 2).expect("it ends");
    assert_eq!(status, Some(0), "{said:?}");
}

#[test]
fn two_servers_do_not_work_with_one_home() {
    let tenant = Tenant::new();
    let _server = tenant.serve();
    let second = tenant.scene.program.run(&["serve", "--listen", "127.0.0.1:0"]).complaint(1);
    assert!(second.contains("another server works with this home folder"), "{second}");
}

#[test]
fn settings_that_are_none_are_refused_before_anything_begins() {
    let program = Program::new();
    program.write("serve.toml", "listn = '127.0.0.1:1'\n");
    let refused = program.run(&["serve", "--config", "serve.toml"]).complaint(2);
    assert!(refused.contains("listn"), "{refused}");
    program.write("serve.toml", "listen = '127.0.0.1:0'\npublic-url = 'https://sync.example.com'\n");
    Server::listens_as(&program, &["serve", "--config", "serve.toml"], "https://sync.example.com");
}
