//! Real processes on one folder: killed at any moment, and several at once.
//!
//! The test starts itself again as a child that rotates a token until it is told or killed. The child's server keeps its tokens in a
//! file beside the vault, so that it outlives the child as a real one would.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use gitlab_sync_host::secrets::directory::DirectoryStore;
use gitlab_sync_host::secrets::vault::Vault;

use crate::support::{Bench, Server, connection, master, reply, rotate_request, slot, stored, text};

const FOLDER: &str = "SECRETS_KILL_FOLDER";
const ROUNDS: &str = "SECRETS_KILL_ROUNDS";
const THIS: &str = "kill::a_child_rotates";

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn append(path: &Path, line: &str) {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Does nothing in an ordinary run of the tests.
#[tokio::test]
async fn a_child_rotates() {
    let (Ok(folder), Ok(rounds)) = (std::env::var(FOLDER), std::env::var(ROUNDS)) else { return };
    let folder = PathBuf::from(folder);
    let (issued, refused) = (folder.join("issued"), folder.join("refused"));
    let server = Server::new(move |request| {
        let all = lines(&issued);
        if request.headers()["private-token"] != all.last().unwrap().as_str() {
            append(&refused, "401");
            return Ok(reply(401, "{}".to_owned()));
        }
        let next = format!("glpat-canary-{}", all.len());
        append(&issued, &next);
        Ok(reply(200, format!(r#"{{"token":"{next}"}}"#)))
    });
    let bench = Bench::new(Arc::new(DirectoryStore::open(folder.join("vault")).unwrap()));
    for _ in 0..rounds.parse().unwrap() {
        if bench.call(server.clone()).exchange(rotate_request()).await.unwrap().status == 200 {
            append(&folder.join("returned"), "200");
        }
    }
}

fn start(folder: &Path, rounds: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUNDS, rounds.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn prepared(folder: &Path) -> Vault {
    let vault = Vault::new(Arc::new(DirectoryStore::open(folder.join("vault")).unwrap()), master(1));
    vault.put(&connection("1"), &slot("token"), &stored("glpat-canary-0")).await.unwrap();
    append(&folder.join("issued"), "glpat-canary-0");
    vault
}

#[tokio::test]
async fn a_killed_process_leaves_the_newest_token_or_a_note_that_it_is_in_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let vault = prepared(folder).await;
    for round in 0..25_u64 {
        let before = lines(&folder.join("issued")).len();
        let mut child = start(folder, 100_000);
        while lines(&folder.join("issued")).len() == before {
            assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Odd microseconds, so that kills fall on different steps of an exchange.
        tokio::time::sleep(Duration::from_micros(round * 1_337 % 9_000)).await;
        child.kill().unwrap();
        child.wait().unwrap();

        let issued = lines(&folder.join("issued"));
        let kept = text(&vault, "1", "token").await.expect("never neither");
        let position = issued.iter().position(|token| *token == kept).expect("a token of the server");
        assert!(position >= lines(&folder.join("returned")).len(), "what was returned is kept");
        assert!(position + 2 >= issued.len(), "at most the last one is missing: {kept} of {}", issued.len());
        if position + 1 < issued.len() {
            let status = vault.status(&connection("1"), &slot("token")).await.unwrap();
            assert!(status.unsettled_since_ms.is_some(), "round {round}: {kept} is dead and nobody knows");
            vault.put(&connection("1"), &slot("token"), &stored(issued.last().unwrap())).await.unwrap();
            append(&folder.join("returned"), "put by hand");
        }
    }
    assert_eq!(lines(&folder.join("refused")).len(), 0);
}

#[tokio::test]
async fn several_processes_rotate_one_token_without_ever_using_a_dead_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let vault = prepared(folder).await;
    let children: Vec<_> = (0..3).map(|_| start(folder, 15)).collect();
    for mut child in children {
        let ended = tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap();
        assert!(ended.success());
    }
    assert_eq!(lines(&folder.join("refused")).len(), 0, "each waited for its turn");
    assert_eq!(lines(&folder.join("issued")).len(), 1 + 3 * 15);
    assert_eq!(text(&vault, "1", "token").await.as_deref(), Some("glpat-canary-45"));
}
