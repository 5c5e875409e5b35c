//! What stays of a secret in the memory of the host's process, as someone with a core dump of it would look.
//!
//! Nothing, with one exception that `outside_of_wires` names. The host runs in a child process that is never told the secrets: it has the
//! vault's folder and the master key. The server that receives the token is in this process.

#![cfg(target_os = "linux")]

use crate::support::canary::Canary;
use crate::support::connector::{hostile, limits};
use crate::support::server::{CAPTURED, Server};
use crate::support::tenant::Noon;
use gitlab_sync_host::audit;
use gitlab_sync_host::connection::{Connection, ConnectionParts};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::grant::{Grant, Network};
use gitlab_sync_host::log;
use gitlab_sync_host::secrets::directory::DirectoryStore;
use gitlab_sync_host::secrets::envelope::Stored;
use gitlab_sync_host::secrets::master::MasterKey;
use gitlab_sync_host::secrets::names::SlotName;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::secrets::vault::Vault;
use gitlab_sync_host::state;
use hostile_guest::Mode;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// Folder of the vault, master key and the server's authority, one a line.
const TOLD: &str = "GITLAB_SYNC_MEMORY_TEST";

fn vault(folder: &Path, key: &str) -> Arc<Vault> {
    Arc::new(Vault::new(Arc::new(DirectoryStore::open(folder).unwrap()), MasterKey::from_text(key).unwrap()))
}

fn id() -> ConnectionId {
    ConnectionId::parse("tenant").unwrap()
}

async fn connect(told: &[&str]) -> Connection {
    let connector = hostile(&limits());
    let about = connector.about().await.unwrap();
    let grant = Grant {
        origin: Some(format!("http://{}", told[2])),
        profile: Some("hostile-open".into()),
        approved: Some(about.profile("hostile-open").unwrap().digest()),
        network: Network { private_addresses: vec!["127.0.0.1/32".into()], plain_text: true, ..Network::default() },
        ..Grant::default()
    };
    let parts = ConnectionParts {
        id: id(),
        grant,
        workspace: None,
        state: Arc::new(state::memory::Memory::new()),
        vault: vault(Path::new(told[0]), told[1]),
        log: Arc::new(log::Nowhere),
        audit: Arc::new(audit::Nowhere),
        clock: Arc::new(Noon),
    };
    Connection::open(&connector, parts).await.unwrap()
}

/// Says that it is ready for a search, and waits until that is done.
fn pause() {
    std::io::stdout().write_all(b"\nready\n").unwrap();
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
}

/// Not a test of its own: `no_secret_stays_in_the_memory_of_the_host` runs it as another process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is the other process of a test"]
async fn child() {
    let told = std::env::var(TOLD).unwrap();
    let told: Vec<_> = told.lines().collect();
    let connection = connect(&told).await;
    for (mode, parameter) in [
        (Mode::TooManyRequests, "20"),
        (Mode::TooManyInFlight, "8\necho"),
        (Mode::MatchesGuessing, "webhook\n3"),
        (Mode::TagGuessing, ""),
        (Mode::ExchangeEcho, "1"),
        (Mode::Trap, ""),
    ] {
        let _ = connection.projects(mode.name(), Some(parameter.into())).await;
    }
    pause();
    drop(connection);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    pause();
}

struct Host {
    process: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Host {
    fn start(told: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sandbox::memory::child", "--ignored", "--nocapture", "--test-threads", "1"])
            .env(TOLD, told)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        Self { process, said }
    }

    fn wait_until_ready(&mut self) {
        let mut line = String::new();
        while line.trim() != "ready" {
            line.clear();
            assert_ne!(self.said.read_line(&mut line).unwrap(), 0, "the other process ended");
        }
    }

    fn go_on(&mut self) {
        self.process.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// All memory that the process can write to, region by region.
    fn memory(&self) -> Vec<(String, Vec<u8>)> {
        let folder = format!("/proc/{}", self.process.id());
        let memory = File::open(format!("{folder}/mem")).unwrap();
        let maps = std::fs::read_to_string(format!("{folder}/maps")).unwrap();
        let regions = maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with("rw")));
        regions
            .map(|line| {
                let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
                let number = |text| u64::from_str_radix(text, 16).unwrap();
                let mut bytes = vec![0; usize::try_from(number(to) - number(from)).unwrap()];
                let mut read = 0;
                while let Ok(count) = memory.read_at(&mut bytes[read..], number(from) + read as u64)
                    && count > 0
                {
                    read += count;
                }
                bytes.truncate(read);
                (line.to_owned(), bytes)
            })
            .collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_stays_in_the_memory_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let key = MasterKey::generate().unwrap().expose_hex().to_string();
    let canaries = [("token", Canary::new("glpat-memory")), ("webhook", Canary::new("hook-memory"))];
    for (slot, canary) in &canaries {
        let secret = Secret::new(canary.secret().as_bytes()).unwrap();
        let stored = Stored { secret, created_ms: 1, expires_ms: None };
        vault(&folder.path().join("vault"), &key).put(&id(), &SlotName::parse(slot).unwrap(), &stored).await.unwrap();
    }
    let [(_, token), (_, webhook)] = &canaries;
    let captured = Canary::of(CAPTURED);
    let looked_for = [(token, "\r\n"), (webhook, "\"}"), (&captured, "\",\"expires_at\"")];
    let server = Server::start().await;
    let told = format!("{}\n{key}\n{}", folder.path().join("vault").display(), server.authority());
    let mut host = Host::start(&told);
    for moment in ["connected", "disconnected"] {
        host.wait_until_ready();
        let memory = host.memory();
        for (region, bytes) in &memory {
            for (canary, behind) in &looked_for {
                let elsewhere = outside_of_wires(bytes, canary.secret().as_bytes(), behind.as_bytes());
                assert_eq!(elsewhere, Vec::<String>::new(), "while {moment}, in {region}");
                let forms = canary.found_in(bytes);
                let encoded = forms.iter().filter(|form| !["as it is", "first half", "second half"].contains(form));
                assert_eq!(encoded.collect::<Vec<_>>(), Vec::<&&str>::new(), "while {moment}, in {region}");
            }
        }
        // Without these the search would prove nothing.
        let contains = |text: &str| memory.iter().any(|(_, bytes)| !positions(bytes, text.as_bytes()).is_empty());
        assert!(contains("hostile-open") && contains(TOLD), "the search does not see the memory");
        host.go_on();
    }
    let raw = String::from_utf8_lossy(&server.raw()).into_owned();
    assert!(raw.contains(token.secret()) && raw.contains(webhook.secret()), "they were in use");
}

fn positions(bytes: &[u8], text: &[u8]) -> Vec<usize> {
    let mut found = vec![];
    // By the first two bytes: this is not optimised, and there is much of it.
    for at in 0..bytes.len().saturating_sub(text.len() - 1) {
        if bytes[at] == text[0] && bytes[at + 1] == text[1] && bytes[at..].starts_with(text) {
            found.push(at);
        }
    }
    found
}

/// What stands around the secret, or its second half, where that is not a head or body on its way. hyper keeps the last bytes it has
/// written and read in the buffers of a connection, and memory that it has given back is not zeroed; nothing else of the host may
/// leave a secret anywhere. The second half, because what is free loses its first bytes to the allocator.
fn outside_of_wires(bytes: &[u8], secret: &[u8], behind: &[u8]) -> Vec<String> {
    let half = &secret[secret.len() / 2..];
    let found = positions(bytes, half).into_iter().filter(|at| !bytes[at + half.len()..].starts_with(behind));
    found.map(|at| bytes[at.saturating_sub(80)..(at + 80).min(bytes.len())].escape_ascii().to_string()).collect()
}
