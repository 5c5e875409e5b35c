//! The invariants of the design that the sandbox alone can keep, each by its sentence. What else they say is in `contract` (1), in
//! the modes of this folder (3 to 6), and in the connector's own tests (7 to 10).

use crate::support::connector::{hostile, limits};
use crate::support::sources::{missing_tests, sources};
use crate::support::tenant::{Setup, Tenant};
use crate::support::trap::Trap;
use crate::support::wit::workspace;
use gitlab_sync_host::grant::{Grant, Network};
use hostile_guest::Mode;
use std::path::Path;
use std::process::Command;

/// Requests, replies that echo, secrets that go out and come in, errors, panics and floods, all in one connection: afterwards
/// `stands` searches memory, disk, log, audit trail, results, errors and the wire.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plugin_never_holds_a_token_a_webhook_secret_or_a_refresh_token() {
    let tenant = Tenant::usual().await;
    let calls = [
        (Mode::SearchReply, "mirror"),
        (Mode::ExchangeEcho, "3"),
        (Mode::ExchangeCaptures, "2"),
        (Mode::ExchangePlaceholders, ""),
        (Mode::CredentialAsSlot, "token"),
        (Mode::FollowRedirect, "mirror"),
        (Mode::OtherHost, "127.0.0.1:1"),
        (Mode::Panic, "glpat-not-a-token"),
        (Mode::LogFlood, "1200"),
        (Mode::OtherStateKeys, ""),
        (Mode::FileCollisions, ""),
        (Mode::MemoryBomb, ""),
    ];
    for (mode, parameter) in calls {
        tenant.run(mode, parameter).await;
    }
    let sent = String::from_utf8_lossy(&tenant.server.raw()).into_owned();
    assert!(sent.contains(tenant.token.secret()) && sent.contains(tenant.webhook.secret()), "they were in use");
    tenant.stands().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_injects_a_credential_only_where_the_rule_says_so() {
    let tenant = Tenant::usual().await;
    for (path, status) in [("/hostile/echo", "reply 200"), ("/open/echo", "reply 200"), ("/other/echo", "refused")] {
        let seen = tenant.run(Mode::EndlessReply, path).await.seen();
        assert!(seen[0].starts_with(status), "{path}: {seen:?}");
    }
    let requests = tenant.server.requests();
    let tokens: Vec<_> =
        requests.iter().map(|request| (request.path(), request.values("private-token").len())).collect();
    assert_eq!(tokens, [("/hostile/echo", 1), ("/open/echo", 0)]);
    tenant.stands().await;
}

/// An error value that names the line to add, never a trap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_granted_means_nothing_allowed() {
    let full = Tenant::usual().await;
    let origin = Some(format!("http://{}", full.server.authority()));
    let network = Network { plain_text: true, private_addresses: vec!["127.0.0.1/32".into()], ..Network::default() };
    let approved = hostile(&limits()).about().await.unwrap().profile("hostile-open").unwrap().digest();
    let profile = Some("hostile-open".to_owned());
    let table = [
        (
            "origin",
            Grant { profile: profile.clone(), approved: Some(approved), network: network.clone(), ..Grant::default() },
        ),
        ("approved", Grant { profile, origin: origin.clone(), network: network.clone(), ..Grant::default() }),
        ("profile", Grant { origin, network, ..Grant::default() }),
        ("everything", Grant::default()),
    ];
    for (missing, grant) in table {
        let tenant = Tenant::open(Setup { grant: Some(grant), ..Setup::usual() }).await;
        let seen = tenant.run(Mode::TooManyRequests, "2").await.seen();
        assert!(
            seen.iter().all(|line| line.starts_with("refused: ") || line.starts_with("not built")),
            "{missing}: {seen:?}"
        );
        let seen = tenant.run(Mode::FilesWithoutPermission, "").await.seen();
        assert!(
            seen.iter().all(|line| line.contains("FileError::Denied") && line.contains("add `workspace")),
            "{seen:?}"
        );
        let seen = tenant.run(Mode::CredentialAsSlot, "token").await.seen();
        assert!(seen.iter().all(|line| line.contains("SecretError::Denied")), "{seen:?}");
        assert_eq!(tenant.server.connections(), 0);
        tenant.stands().await;
    }
}

/// The tests of the modes again, in a process whose environment names proxies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_environment_variables_are_ignored() {
    let trap = Trap::set().await;
    let proxy = format!("http://127.0.0.1:{}", trap.port());
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "SOCKS_PROXY"];
    let test = std::env::current_exe().unwrap();
    let output = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(test);
        child
            .args(["--exact", "sandbox::too_many_requests", "sandbox::exchange_echo"])
            .envs(names.map(|name| (name, &proxy)));
        child.output().unwrap()
    });
    let output = output.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("2 passed"));
    assert_eq!(trap.hits(), 0);
}

/// Where one of these words is in code, by the file's path below the folder.
fn files_with(folder: &Path, words: &[&str]) -> Vec<String> {
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let has = |text: &str| text.lines().filter(code).any(|line| words.iter().any(|word| line.contains(word)));
    let code_of = |text: &str| text.split("#[cfg(test)]\nmod tests").next().is_some_and(has);
    let found = sources(folder).into_iter().filter(|(path, text)| !path.ends_with("tests.rs") && code_of(text));
    let mut names: Vec<_> = found.map(|(path, _)| path.strip_prefix(folder).unwrap().display().to_string()).collect();
    names.sort();
    names
}

#[test]
fn no_code_path_opens_a_socket_except_the_hosts_one_sender() {
    let host = workspace().join("host/runtime/src");
    let words =
        ["TcpStream::connect", "TcpSocket", "UdpSocket", "UnixStream", "TcpListener", "lookup_host", "to_socket_addrs"];
    assert_eq!(files_with(&host, &words), ["http/dial.rs", "http/resolve.rs"]);
    assert_eq!(files_with(&workspace().join("plugin/src"), &["std::net", "TcpStream"]), Vec::<String>::new());
}

#[test]
fn the_library_reads_no_environment_no_home_folder_and_no_terminal() {
    let host = workspace().join("host/runtime/src");
    let words = [
        "std::env",
        "env::var",
        "home_dir",
        "stdin()",
        "stdout()",
        "stderr()",
        "println!",
        "eprintln!",
        "print!(",
        "is_terminal",
    ];
    assert_eq!(files_with(&host, &words), Vec::<String>::new());
}

/// Wherever the lint is named outside the manifest, it is switched off: in the modules with the one generated `export!` of each
/// guest, and where the hostile one makes up handles, arguments and memory.
#[test]
fn unsafe_code_is_denied_but_for_reasoned_exceptions() {
    let manifest = std::fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"deny\""));
    let exceptions = ["host", "plugin", "tests/bench", "tests/gitlab", "tests/hostile"].map(|folder| {
        let names = files_with(&workspace().join(folder), &["unsafe_code", "unsafe {", "unsafe fn", "unsafe impl"]);
        names.into_iter().map(|name| format!("{folder}/{name}")).collect::<Vec<_>>()
    });
    let hostile =
        ["abi.rs", "allocator.rs", "export.rs", "raw.rs"].map(|name| format!("tests/hostile/src/guest/{name}"));
    let expected = ["plugin/src/component/export.rs".to_owned()].into_iter().chain(hostile);
    assert_eq!(exceptions.concat(), expected.collect::<Vec<_>>());
}

/// The README promises each.
#[test]
fn every_invariant_of_the_readme_names_a_test_that_there_is() {
    let readme = std::fs::read_to_string(workspace().join("README.md")).unwrap();
    let (_, invariants) = readme.split_once("**Invariants**").unwrap();
    let (invariants, _) = invariants.split_once("\n## ").unwrap();
    assert_eq!(missing_tests(invariants), [""; 0]);
    let mut items: Vec<String> = vec![];
    for line in invariants.lines() {
        match items.last_mut() {
            Some(item) if line.starts_with(' ') => item.push_str(line),
            _ if line.starts_with(|first: char| first.is_ascii_digit()) => items.push(line.to_owned()),
            _ => {}
        }
    }
    assert!(items.len() == 11 && items.iter().all(|item| item.contains('`')), "{items:?}");
}
