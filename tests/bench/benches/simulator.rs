//! The simulator must never be the bottleneck: small reads per second, and a cold listing of 10,000 files.
//!
//! `cargo bench -p bench --bench simulator`. Gates, with client and server together on two cores: 2,000 small reads a second,
//! 300 ms for the listing. Ends with an error when one does not hold.

#![expect(clippy::print_stdout, reason = "a benchmark's output is its table")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use gitlab_sim::{CommitSpec, ProjectSpec, Simulator, TokenSpec, UserSpec};

/// Reads per second that must be held.
const READS_PER_SECOND: f64 = 2_000.0;
/// What a cold listing may take.
const LISTING: Duration = Duration::from_millis(300);
/// Clients at a time, each with one connection.
const CLIENTS: usize = 8;
/// Reads of each client.
const READS: usize = 2_500;
const FILES: usize = 10_000;

/// A client as small as can be: what it costs is taken from the server's two cores.
struct Client {
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
}

impl Client {
    fn new(address: &str, token: &str, path: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the simulator listens");
        stream.set_nodelay(true).expect("a socket");
        let request = format!("GET /api/v4{path} HTTP/1.1\r\nhost: {address}\r\nprivate-token: {token}\r\n\r\n");
        Self { stream: BufReader::new(stream), request: request.into_bytes() }
    }

    /// One request; the length of the body.
    fn read(&mut self) -> usize {
        self.stream.get_mut().write_all(&self.request).expect("a connection");
        let mut line = String::new();
        let mut length = 0;
        self.stream.read_line(&mut line).expect("an answer");
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        loop {
            line.clear();
            self.stream.read_line(&mut line).expect("a header");
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a body");
        length
    }
}

/// Keeps this process and all its later threads on two cores.
fn pin() {
    let mut two = rustix::thread::CpuSet::new();
    let allowed = rustix::thread::sched_getaffinity(None).expect("a set of cores");
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).take(2).for_each(|core| two.set(core));
    rustix::thread::sched_setaffinity(None, &two).expect("cores that were allowed");
}

fn reads(address: &str, token: &str, path: &str) -> f64 {
    Client::new(address, token, path).read();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Client::new(address, token, path);
                for _ in 0..READS {
                    client.read();
                }
            });
        }
    });
    #[expect(clippy::cast_precision_loss, reason = "a count of thousands")]
    let count = (CLIENTS * READS) as f64;
    count / begun.elapsed().as_secs_f64()
}

fn main() -> ExitCode {
    pin();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let gitlab = runtime.block_on(Simulator::builder().start()).expect("a simulator");
    let admin = gitlab.admin();
    let user = admin.create_user(UserSpec::administrator("root")).id;
    let token = admin.create_token(TokenSpec::personal(user, &["api"])).secret;
    let project = admin.create_project(&ProjectSpec::at("demo/many")).expect("a free path").id;
    let add = |spec: CommitSpec, number: usize| {
        spec.create(&format!("dir{:03}/file{number:05}.md", number % 200), format!("# {number}\n"))
    };
    admin.commit(project, (0..FILES).fold(CommitSpec::on("main", "Many"), add)).expect("a commit");
    let address = gitlab.url().trim_start_matches("http://").to_owned();
    let tree = format!("/projects/{project}/repository/tree?recursive=true&pagination=none");
    let begun = Instant::now();
    let length = Client::new(&address, &token, &tree).read();
    let listing = begun.elapsed();
    let mut held = listing < LISTING;
    println!("cold listing of {FILES} files: {listing:.1?} for {length} bytes (gate {LISTING:.0?})");
    println!("\n| small reads on two cores | per second |\n|---|---:|");
    for path in [
        "/version".to_owned(),
        "/user".to_owned(),
        format!("/projects/{project}"),
        format!("/projects/{project}/repository/branches/main"),
        format!("/projects/{project}/repository/files/dir000%2Ffile00000.md?ref=main"),
    ] {
        let rate = reads(&address, &token, &path);
        held &= rate >= READS_PER_SECOND;
        println!("| `GET {path}` | {rate:.0} |");
    }
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
