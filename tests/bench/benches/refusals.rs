//! Whether the time of a refusal tells a stranger anything: which paths there are, or how much of a secret is right.
//!
//! `cargo build --release -p gitlab-sync`, then `cargo bench -p bench --bench refusals`. The real program with two tenants; deliveries over one
//! connection, one after the other, in random order. Each class is held against one that differs in nothing but what a stranger wants to
//! know; how the figures are judged is in `bench::timing`. That the work is the same is counted by a test of `serve` (`strangers`); this is
//! what is left of it on the wire.

#![expect(clippy::print_stdout, reason = "a benchmark's output is its table")]

use bench::program::command;
use bench::timing::{self, median, shuffle, welch};
use gitlab_sim::{CommitSpec, ProjectSpec, Running, Simulator, TokenSpec, UserSpec};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ExitCode, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

const BATCHES: usize = 25;
/// Of each class in each batch.
const SAMPLES: usize = 300;
/// What a push of a few commits comes to.
static BODY: [u8; 20_000] = [b'x'; 20_000];

struct Class {
    name: &'static str,
    request: Vec<u8>,
    /// The class it is compared with.
    anchor: usize,
    times: Vec<f64>,
}

/// Ends with this.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    let (_gitlab, path, secret) = runtime.block_on(tenants(folder.path()));
    let (_server, mut stream) = serve(folder.path());
    let mut classes = classes(&path, &secret);
    let mut order: Vec<usize> = (0..classes.len()).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    // Compiled statements and opened connections are not what is measured.
    for round in 0..(BATCHES + 1) * SAMPLES {
        shuffle(&mut order, &mut state);
        for &at in &order {
            let begun = Instant::now();
            refused(&mut stream, &classes[at].request);
            if round >= SAMPLES {
                classes[at].times.push(begun.elapsed().as_nanos() as f64);
            }
        }
    }
    report(&classes)
}

fn classes(path: &str, secret: &str) -> Vec<Class> {
    let nobodys = format!("/hooks/{}", "a".repeat(path.len() - "/hooks/".len()));
    let token = |text: &str| format!("x-gitlab-token: {text}\r\n");
    let wrong = |length: usize| token(&"~".repeat(length));
    let nearly = format!("{}~", &secret[..secret.len() - 1]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a date").as_secs();
    let signature =
        format!("webhook-id: a\r\nwebhook-timestamp: {now}\r\nwebhook-signature: v1,{}=\r\n", "A".repeat(43));
    let (half, long) = (secret.len() / 2, 4 * secret.len());
    let named = [
        ("a wrong secret", path, wrong(secret.len()), 0),
        ("the same again, for comparison", path, wrong(secret.len()), 0),
        ("the same at nobody's path", nobodys.as_str(), wrong(secret.len()), 0),
        ("all but the last letter right", path, token(&nearly), 0),
        ("a shorter one", path, wrong(half), 4),
        ("the same at nobody's path", &nobodys, wrong(half), 4),
        ("the first half of the right one", path, token(&secret[..half]), 4),
        ("a longer one", path, wrong(long), 7),
        ("the same at nobody's path", &nobodys, wrong(long), 7),
        ("a wrong signature", path, signature.clone(), 9),
        ("the same at nobody's path", &nobodys, signature, 9),
        ("no proof at all", path, String::new(), 11),
        ("the same at nobody's path", &nobodys, String::new(), 11),
    ];
    let class = |(name, path, proof, anchor): (_, &str, String, _)| {
        let head = format!("POST {path} HTTP/1.1\r\nhost: it\r\nx-gitlab-event: Push Hook\r\n{proof}");
        let head = format!("{head}content-length: {}\r\n\r\n", BODY.len());
        Class { name, request: [head.as_bytes(), &BODY].concat(), anchor, times: Vec::with_capacity(BATCHES * SAMPLES) }
    };
    named.map(class).into()
}

/// Sends it and reads the whole answer, which has no body.
fn refused(stream: &mut TcpStream, request: &[u8]) {
    stream.write_all(request).expect("the server reads");
    let (mut answer, mut read) = ([0_u8; 1_024], 0);
    while !answer[..read].ends_with(b"\r\n\r\n") {
        let more = stream.read(&mut answer[read..]).expect("an answer");
        assert!(more > 0, "the server hung up");
        read += more;
    }
    assert!(answer.starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&answer[..read]));
}

fn report(classes: &[Class]) -> ExitCode {
    println!("\nRefused deliveries, {BATCHES} batches of {SAMPLES} samples for each\n");
    println!("| what is wrong | median | median of t |\n|---|---:|---:|");
    let mut worst = 0.0_f64;
    for class in classes {
        let batches = class.times.chunks(SAMPLES).zip(classes[class.anchor].times.chunks(SAMPLES));
        let t = median(batches.map(|(own, anchor)| welch(anchor, own)).collect());
        worst = worst.max(t.abs());
        println!("| {} | {:.1} µs | {t:.2} |", class.name, median(class.times.clone()) / 1e3);
    }
    let (verdict, exit) = timing::verdict(worst);
    println!("\n{verdict}");
    exit
}

/// Two connections, made by the program itself; the path and the secret of the first.
async fn tenants(folder: &Path) -> (Running, String, String) {
    let gitlab = Simulator::builder().start().await.expect("a simulator");
    let admin = gitlab.admin();
    let user = admin.create_user(UserSpec::person("ana")).id;
    let token = admin.create_token(TokenSpec::personal(user, &["api"])).secret;
    let mut told = vec![];
    for name in ["handbook", "runbooks"] {
        let spec = ProjectSpec { creator_id: Some(user), ..ProjectSpec::at(&format!("ana/{name}")) };
        let project = admin.create_project(&spec).expect("a project").id;
        let commit = CommitSpec::on("main", "Begin\n").by(user).create("there.md", "from GitLab\n");
        admin.commit(project, commit).expect("a commit");
        std::fs::create_dir(folder.join(name)).expect("a folder");
        let run = |arguments: &[&str]| run(folder, &[&["-c", name], arguments].concat(), &token);
        let network = ["--plain-text", "--private-address", "127.0.0.1/32"];
        run(&[&["connect", "--url", gitlab.url(), "--workspace", name], &network[..]].concat());
        run(&["configure", "--project", &project.to_string()]);
        told.push((run(&["webhook", "path"]), run(&["webhook", "secret"])));
    }
    let (path, secret) = told.swap_remove(0);
    (gitlab, path, secret)
}

fn run(folder: &Path, arguments: &[&str], token: &str) -> String {
    let mut command = command(folder, arguments);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("it starts");
    let _ = child.stdin.take().expect("a pipe").write_all(format!("{token}\n").as_bytes());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn serve(folder: &Path) -> (Server, TcpStream) {
    let mut command = command(folder, &["serve", "--listen", "127.0.0.1:0"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut server = Server(child.expect("the server starts"));
    let mut said = BufReader::new(server.0.stderr.take().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("a line");
    let address = line.split("http://").nth(1).map(|rest| rest.trim_end_matches(|it: char| !it.is_ascii_digit()));
    // A pipe that nobody reads would stop it.
    std::thread::spawn(move || said.read_to_end(&mut vec![]));
    let stream = TcpStream::connect(address.unwrap_or_else(|| panic!("{line}"))).expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    (server, stream)
}
