//! What a guest reaches for in the workspace and in the notes.

use crate::support::tenant::{Setup, Tenant};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::manifest::WorkspaceUse;
use gitlab_sync_host::state::{self, Key, Put, StateStore};
use hostile_guest::{EVIL_KEYS, EVIL_PATHS, Mode};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const OUTSIDE: &str = "what lies beside the workspace";

/// `OUTSIDE` as a guest shows bytes.
const AS_BYTES: &str = "119, 104, 97, 116, 32, 108, 105, 101, 115";

/// Names, kinds and contents below a folder, without following links.
fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let content = match () {
            () if kind.is_symlink() => format!("link to {}", std::fs::read_link(&path).unwrap().display()),
            () if kind.is_dir() => "folder".into(),
            () => String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
        };
        found.insert(path.display().to_string(), content);
        if kind.is_dir() {
            found.extend(tree(&path));
        }
    }
    found
}

/// Everything of the tenant's folder but the workspace itself.
fn outside(tenant: &Tenant) -> BTreeMap<String, String> {
    let workspace = tenant.workspace().display().to_string();
    tree(tenant.folder()).into_iter().filter(|(path, _)| !path.starts_with(&workspace)).collect()
}

fn put_something_outside(tenant: &Tenant) {
    std::fs::write(tenant.folder().join("outside"), OUTSIDE).unwrap();
    std::fs::write(tenant.folder().join("passwd"), OUTSIDE).unwrap();
}

/// Paths that are odd and yet name a file of the workspace on every platform.
const HARMLESS: &[&str] = &[
    "a\\u{202e}b",
    "a\\u{200d}b",
    "~/outside",
    "%2e%2e/outside",
    "..%2foutside",
    "..\\u{ff0f}outside",
    "\\u{2024}\\u{2024}/outside",
];

pub(super) async fn no_path_leaves_the_workspace() {
    let tenant = Tenant::usual().await;
    put_something_outside(&tenant);
    let before = outside(&tenant);
    let seen = tenant.run(Mode::FileEscapes, tenant.folder().join("outside").display().to_string()).await.seen();
    assert_eq!(seen.len(), (EVIL_PATHS.len() + 1 + 3) * 9);
    assert!(seen.iter().all(|line| !line.contains(AS_BYTES)), "{seen:?}");
    let written = seen.iter().filter_map(|line| line.strip_prefix("write ")?.split_once(": Ok("));
    assert_eq!(written.map(|(path, _)| path).collect::<Vec<_>>(), HARMLESS);
    let refused = |line: &&String| line.contains("UnsafePath") || HARMLESS.iter().any(|path| line.contains(path));
    let unrefused = seen.iter().filter(|line| !line.starts_with("after ")).filter(|line| !refused(line));
    // An empty prefix lists everything.
    assert_eq!(unrefused.collect::<Vec<_>>(), [&seen[3]]);
    assert_eq!(outside(&tenant), before);
    tenant.stands().await;
}

#[cfg(unix)]
pub(super) async fn no_link_leaves_the_workspace() {
    use std::os::unix::fs::symlink;
    let tenant = Tenant::usual().await;
    put_something_outside(&tenant);
    std::fs::create_dir(tenant.folder().join("beside")).unwrap();
    std::fs::write(tenant.folder().join("beside/file"), OUTSIDE).unwrap();
    let workspace = tenant.workspace();
    for (target, link) in [
        ("../outside", "file-link"),
        ("../beside", "folder-link"),
        ("/etc", "absolute-link"),
        ("loop", "loop"),
        ("../nowhere", "broken-link"),
        (".", "self-link"),
    ] {
        symlink(target, workspace.join(link)).unwrap();
    }
    std::fs::create_dir(workspace.join("deep")).unwrap();
    symlink("../../beside", workspace.join("deep/link")).unwrap();
    let (before, links) = (outside(&tenant), tree(&workspace));
    let paths = [
        "file-link",
        "folder-link",
        "folder-link/file",
        "folder-link/new",
        "absolute-link/passwd",
        "absolute-link/gitlab-sync-was-here",
        "loop",
        "loop/loop/file",
        "broken-link",
        "broken-link/new",
        "self-link/new",
        "deep/link/file",
        "deep/link/new",
    ];
    let seen = tenant.run(Mode::FileLinks, paths.join("\n")).await.seen();
    assert_eq!(seen.len(), paths.len() * 9);
    for line in &seen {
        assert!(!line.contains(AS_BYTES) && !line.contains("114, 111, 111, 116, 58"), "{line}");
        let is_listing = ["list ", "news ", "after "].iter().any(|what| line.starts_with(what));
        // A look at what cannot be lent finds nothing.
        let is_nothing = line.starts_with("look ") && line.ends_with(": Ok([None])");
        assert!(is_listing || is_nothing || !line.contains(": Ok("), "{line}");
    }
    assert_eq!(outside(&tenant), before);
    assert_eq!(
        tree(&workspace).into_iter().filter(|(path, _)| links.contains_key(path)).collect::<BTreeMap<_, _>>(),
        links
    );
    assert!(!Path::new("/etc/gitlab-sync-was-here").exists());
    tenant.stands().await;
}

pub(super) async fn a_batch_is_all_or_nothing() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::HalfBatch, "").await.seen();
    assert_eq!(seen.len(), 20);
    // Only one of the batches is good: a new file, and one below a name that is not yet a file.
    let good: Vec<_> = seen.iter().filter(|line| line.starts_with("Ok(")).collect();
    assert_eq!(good.len(), 1, "{seen:?}");
    let workspace = tenant.workspace();
    let written = tree(&workspace).into_iter().filter(|(_, content)| content == "hostile").count();
    assert_eq!(written, 2, "{:?}", tree(&workspace));
    tenant.stands().await;
}

pub(super) async fn a_flood_of_files_stays_in_the_workspace() {
    let tenant = Tenant::usual().await;
    let before = outside(&tenant);
    assert_eq!(tenant.run(Mode::FileFlood, "1500").await.seen(), ["Ok(1500)"]);
    assert_eq!(outside(&tenant), before);
    // More than may cross the border at once ends the call, and nothing of it is written.
    tenant.run(Mode::FileFlood, "200000").await.limit();
    assert_eq!(std::fs::read_dir(tenant.workspace().join("flood")).unwrap().count(), 1500);
    tenant.stands().await;
}

pub(super) async fn colliding_names_lose_nothing() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::FileCollisions, "").await.seen();
    let written: usize = seen.iter().map(|line| line.matches("Ok([").count() + line.matches("\", \"").count()).sum();
    let files = tree(&tenant.workspace()).values().filter(|content| *content == "hostile").count();
    assert!(files > 0 && files <= written, "{files} files of {written} that were said to be written: {seen:?}");
    let listed = tree(&tenant.workspace());
    assert!(!listed.contains_key(&tenant.workspace().join("apart/file/below.md").display().to_string()));
    tenant.stands().await;
}

pub(super) async fn a_workspace_that_was_not_lent_is_denied() {
    let table = [
        ("hostile-open", Some(WorkspaceUse::None), 9, "workspace = \"read\""),
        ("hostile-open", Some(WorkspaceUse::Read), 4, "workspace = \"read-write\""),
        ("hostile-narrow", Some(WorkspaceUse::ReadWrite), 4, "workspace = \"read-write\""),
        ("hostile-none", None, 9, "workspace = \"read\""),
    ];
    for (profile, workspace, denied, line) in table {
        let tenant = Tenant::open(Setup { profile, workspace, ..Setup::usual() }).await;
        let seen = tenant.run(Mode::FilesWithoutPermission, "").await.seen();
        let denials: Vec<_> = seen.iter().filter(|line| line.contains("FileError::Denied")).collect();
        assert_eq!(denials.len(), denied, "{profile} {workspace:?}: {seen:?}");
        assert!(denials.iter().any(|denial| denial.contains(&line.escape_default().to_string())), "{denials:?}");
        assert_eq!(tree(&tenant.workspace()).values().filter(|content| *content == "hostile").count(), 0);
        tenant.stands().await;
    }
}

/// A second connection in the same store has a value under each key that the first one tries.
pub(super) async fn no_key_leads_to_another_connection() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(state::directory::Directory::open(folder.path()).unwrap());
    let other = ConnectionId::parse("other").unwrap();
    let keys: Vec<_> = EVIL_KEYS.iter().chain(&["base"]).filter_map(|key| Key::parse(key).ok()).collect();
    let values = |key: &Key| Put { key: key.clone(), bytes: Some(OUTSIDE.into()), expected: 0 };
    store.commit(&other, keys.iter().map(values).collect()).await.unwrap();

    let tenant = Tenant::open(Setup { state: Some(store.clone()), ..Setup::usual() }).await;
    let seen = tenant.run(Mode::OtherStateKeys, "base\nother/base\n../other/base\ntenant/base").await.seen();
    assert!(seen.len() > 90);
    assert!(seen.iter().all(|line| !line.contains(AS_BYTES)), "{seen:?}");
    for key in &keys {
        let value = store.get(&other, key).await.unwrap().unwrap();
        assert_eq!((value.bytes.as_slice(), value.version), (OUTSIDE.as_bytes(), 1), "{key}");
    }
    tenant.stands().await;
}

pub(super) async fn versions_only_count_up() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::StateVersions, "").await.seen();
    let done: Vec<_> =
        seen.iter().filter(|line| line.contains(": Ok(")).map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(done, ["nothing", "new", "remove what is not there", "remove", "back", "in the end"], "{seen:?}");
    // A key that comes back is newer than everything it was.
    assert!(seen.last().unwrap().ends_with("Ok(Some(true))"), "{seen:?}");
    tenant.stands().await;
}

pub(super) async fn notes_have_a_limit() {
    let store = Arc::new(state::memory::Memory::new());
    let tenant = Tenant::open(Setup { state: Some(store.clone()), ..Setup::usual() }).await;
    let large = tenant.run(Mode::StateHoard, format!("200\n{}", 3 << 20)).await.seen();
    assert_eq!(large[0], format!("kept {}", state::MOST_ROOM_BYTES / (3 << 20)), "{large:?}");
    assert!(large[1].contains("Invalid"), "{large:?}");
    // Another connection has a room of its own.
    let other = ConnectionId::parse("other").unwrap();
    let put = Put { key: Key::parse("base").unwrap(), bytes: Some(vec![1]), expected: 0 };
    store.commit(&other, vec![put]).await.unwrap();
    tenant.stands().await;
}
