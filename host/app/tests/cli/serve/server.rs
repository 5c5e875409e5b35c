//! A running `serve`, and somebody who sends it deliveries.

use crate::program::Program;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Nothing here should take longer, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What it said before it listened.
    before: Vec<String>,
    lines: Receiver<String>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in small letters, without `date`.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Server {
    pub(crate) fn start(program: &Program, more: &[&str]) -> Self {
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0"];
        arguments.extend(more);
        Self::of(program.start(&arguments, &[]))
    }

    /// Started by another program, which is given this one's path as its last argument.
    pub(crate) fn start_under(program: &Program, other: &[&str]) -> Self {
        Self::of(program.start_under(other))
    }

    fn of(mut child: Child) -> Self {
        let lines = lines(child.stderr.take().unwrap());
        let mut before = vec![];
        let address = wait_for_line(&lines, |line| {
            before.push(line.clone());
            listening(line)
        });
        Self { child, address: address.strip_prefix("http://").unwrap().parse().unwrap(), before, lines }
    }

    /// Waits for a line that it writes, unless it has already.
    pub(crate) fn says(&self, part: &str) -> String {
        let said = self.before.iter().find(|line| line.contains(part)).cloned();
        said.unwrap_or_else(|| wait_for_line(&self.lines, |line| line.contains(part).then(|| line.clone())))
    }

    /// Waits until one with these arguments says that it listens there.
    pub(crate) fn listens_as(program: &Program, arguments: &[&str], base: &str) {
        let mut child = program.start(arguments, &[]);
        let lines = lines(child.stderr.take().unwrap());
        wait_for_line(&lines, |line| listening(line).filter(|address| address == base));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; how it ended, and what it said after that.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        (status.code(), self.lines.iter().collect())
    }

    /// Resident memory in KiB.
    pub(crate) fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        post(self.address, path, headers, body).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n").unwrap();
        answer(stream).unwrap()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head =
        format!("POST {path} HTTP/1.1\r\nhost: it\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all((head + "\r\n").as_bytes())?;
    // A server that refuses does not read to the end.
    let _ = stream.write_all(body);
    answer(stream)
}

pub(crate) fn answer(mut stream: TcpStream) -> std::io::Result<Answer> {
    let mut bytes = vec![];
    let read = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return Err(read.err().unwrap_or_else(|| std::io::ErrorKind::UnexpectedEof.into()));
    };
    let mut head = head.lines();
    let status = head.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let headers = head.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    let headers = headers.filter(|(name, _)| name != "date").collect();
    Ok(Answer { status: status.unwrap(), headers, body: body.to_owned() })
}

/// Waits for the event, however long the machine takes.
pub(crate) fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Where a server says that it listens.
fn listening(line: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    (value["message"] == "listening").then(|| value["fields"]["address"].as_str().unwrap().to_owned())
}

fn lines(stderr: ChildStderr) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn wait_for_line<T>(lines: &Receiver<String>, mut wanted: impl FnMut(&String) -> Option<T>) -> T {
    let mut seen = vec![];
    loop {
        let Ok(line) = lines.recv_timeout(PATIENCE) else { panic!("it did not say so: {seen:?}") };
        if let Some(found) = wanted(&line) {
            return found;
        }
        seen.push(line);
    }
}
