//! A directory as a workspace: what it never follows, never shows and never loses.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gitlab_sync_host::files::directory::{Directory, OpenError};
use gitlab_sync_host::files::{
    Batch, Change, Content, Delete, Expectation, FileError, Listing, Version, Workspace, WorkspacePath, Write,
};

const CANARY: &str = "not for the connector";

/// A workspace and, beside it, a file and a folder that are none of its business.
struct Scene {
    root: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("workspace")).unwrap();
        fs::create_dir(root.path().join("outside")).unwrap();
        fs::write(root.path().join("outside/secret"), CANARY).unwrap();
        Self { root }
    }

    fn inside(&self, path: &str) -> PathBuf {
        self.root.path().join("workspace").join(path)
    }

    fn outside(&self, path: &str) -> PathBuf {
        self.root.path().join("outside").join(path)
    }

    fn open(&self) -> Directory {
        Directory::open(&self.inside("")).unwrap()
    }

    fn assert_nothing_happened_outside(&self) {
        assert_eq!(fs::read_to_string(self.outside("secret")).unwrap(), CANARY);
        assert_eq!(fs::read_dir(self.outside("")).unwrap().count(), 1);
        assert_eq!(fs::read_dir(self.root.path()).unwrap().count(), 2);
    }
}

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::parse(text).unwrap()
}

fn write(at: &str, bytes: &str, expected: Expectation) -> Change {
    Change::Write(Write { path: path(at), bytes: bytes.into(), executable: false, expected })
}

fn delete(at: &str, version: &Version) -> Change {
    Change::Delete(Delete { path: path(at), expected: Expectation::Version(version.clone()) })
}

async fn apply(workspace: &Directory, changes: Vec<Change>) -> Result<Vec<Version>, FileError> {
    workspace.apply(Batch::new(changes).unwrap()).await
}

async fn list(workspace: &Directory) -> Listing {
    workspace.list(None, None).await.unwrap()
}

async fn read(workspace: &Directory, at: &str) -> Result<Content, FileError> {
    workspace.read(&[path(at)]).await.map(|mut contents| contents.remove(0))
}

fn is_unsafe<T>(result: &Result<T, FileError>) -> bool {
    matches!(result, Err(FileError::UnsafePath { .. }))
}

#[tokio::test]
async fn no_link_is_followed_neither_out_nor_within() {
    let scene = Scene::new();
    fs::create_dir(scene.inside("real")).unwrap();
    fs::write(scene.inside("real/file"), "real").unwrap();
    let links = [
        ("to-file", scene.outside("secret")),
        ("to-folder", scene.outside("")),
        ("to-self", scene.inside("")),
        ("to-inside", "real".into()),
        ("to-inside-file", "real/file".into()),
        ("to-nowhere", "nowhere".into()),
        ("up", "../outside".into()),
        ("loop", "loop".into()),
        ("real/deep", scene.outside("")),
    ];
    for (link, target) in &links {
        symlink(target, scene.inside(link)).unwrap();
    }
    let workspace = scene.open();
    let listing = list(&workspace).await;
    let entries: Vec<_> = listing.entries.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(entries, ["real/file"]);
    let mut skipped: Vec<_> = listing.skipped.iter().map(|skipped| skipped.path.as_str()).collect();
    let mut expected = links.clone().map(|(link, _)| link);
    expected.sort_unstable();
    skipped.sort_unstable();
    assert_eq!(skipped, expected);
    for (link, _) in &links {
        let below = format!("{link}/secret");
        let some = Expectation::Version(listing.entries[0].version.clone());
        assert!(is_unsafe(&read(&workspace, link).await), "{link}");
        assert!(is_unsafe(&read(&workspace, &below).await), "{below}");
        assert!(is_unsafe(&workspace.list(Some(&path(link)), None).await), "{link}");
        for at in [link, below.as_str()] {
            for expected in [Expectation::Absent, some.clone()] {
                assert!(is_unsafe(&apply(&workspace, vec![write(at, "x", expected)]).await), "{at}");
            }
            assert!(is_unsafe(&apply(&workspace, vec![delete(at, &listing.entries[0].version)]).await), "{at}");
        }
        assert!(fs::symlink_metadata(scene.inside(link)).unwrap().is_symlink());
    }
    assert_eq!(fs::read_to_string(scene.inside("real/file")).unwrap(), "real");
    scene.assert_nothing_happened_outside();
}

/// Lets two names change places all the time, until it is dropped.
struct Swapper {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Swapper {
    fn start(pairs: Vec<(PathBuf, PathBuf)>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let here = rustix::fs::CWD;
        let thread = std::thread::spawn({
            let stop = stop.clone();
            move || {
                while !stop.load(Ordering::Relaxed) {
                    for (one, other) in &pairs {
                        rustix::fs::renameat_with(here, one, here, other, rustix::fs::RenameFlags::EXCHANGE).unwrap();
                    }
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

#[tokio::test]
async fn what_turns_into_a_link_at_any_moment_leads_nowhere() {
    let scene = Scene::new();
    // The same names on both sides, so that a followed link would be noticed.
    fs::create_dir(scene.inside("folder")).unwrap();
    for file in ["folder/secret", "file"] {
        fs::write(scene.inside(file), "inside").unwrap();
    }
    symlink(scene.outside(""), scene.inside("folder-link")).unwrap();
    symlink(scene.outside("secret"), scene.inside("file-link")).unwrap();
    let swapped = ["folder", "file"].map(|name| (scene.inside(name), scene.inside(&format!("{name}-link"))));
    let swapper = Swapper::start(swapped.to_vec());
    let workspace = scene.open();
    let (mut reads, mut writes) = (0, 0);
    for round in 0..1_200 {
        for at in ["folder/secret", "file"] {
            let Ok(content) = read(&workspace, at).await else { continue };
            assert_ne!(content.bytes, CANARY.as_bytes(), "{at} was read through a link");
            reads += 1;
            let replace = write(at, "inside", Expectation::Version(content.version));
            writes += i32::from(round % 4 == 0 && apply(&workspace, vec![replace]).await.is_ok());
        }
        if round % 4 == 0 {
            let create = write(&format!("folder/new-{round}"), "x", Expectation::Absent);
            writes += i32::from(apply(&workspace, vec![create]).await.is_ok());
        }
        if let Ok(listing) = workspace.list(None, None).await {
            assert!(listing.entries.iter().all(|entry| entry.size != CANARY.len() as u64), "listed through a link");
        }
    }
    drop(swapper);
    assert!(reads > 20 && writes > 20, "only {reads} reads and {writes} writes met what they asked for");
    scene.assert_nothing_happened_outside();
}

#[tokio::test]
async fn what_is_not_a_file_is_skipped_and_does_not_make_anyone_wait() {
    let scene = Scene::new();
    let made = std::process::Command::new("mkfifo").arg(scene.inside("pipe")).status().unwrap();
    assert!(made.success());
    let _listener = UnixListener::bind(scene.inside("socket")).unwrap();
    fs::create_dir_all(scene.inside(".git/objects")).unwrap();
    fs::write(scene.inside(".git/config"), "x").unwrap();
    fs::create_dir(scene.inside("sub")).unwrap();
    fs::write(scene.inside("sub/.GIT"), "gitdir: /elsewhere").unwrap();
    fs::write(scene.inside("aux.md"), "x").unwrap();
    fs::write(scene.inside("a:b"), "x").unwrap();
    fs::write(scene.inside("line\nbreak"), "x").unwrap();
    fs::write(scene.inside("").join(OsStr::from_bytes(b"latin-\xe4")), "x").unwrap();
    fs::write(scene.inside("good.md"), "x").unwrap();
    let workspace = scene.open();
    let listing = list(&workspace).await;
    assert_eq!(listing.entries.len(), 1);
    let skipped: Vec<_> = listing.skipped.iter().map(|one| format!("{}: {}", one.path, one.reason)).collect();
    assert_eq!(
        skipped,
        [
            ".git: `.git` is git's own folder",
            "a:b: `:` cannot be in a name on Windows",
            "aux.md: `aux.md` is a device on Windows",
            "latin-\u{fffd}: its name is not UTF-8",
            "line\nbreak: it holds the control character U+000A",
            "pipe: it is a device, a pipe or a socket",
            "socket: it is a device, a pipe or a socket",
            "sub/.GIT: `.GIT` is git's own folder",
        ]
    );
    for special in ["pipe", "socket"] {
        assert!(is_unsafe(&read(&workspace, special).await));
        assert!(is_unsafe(&apply(&workspace, vec![write(special, "x", Expectation::Absent)]).await));
    }
}

#[tokio::test]
async fn the_host_s_own_folder_is_never_shown_and_never_a_link() {
    let scene = Scene::new();
    let workspace = scene.open();
    assert!(!scene.inside(".gitlab-sync").exists(), "opening and listing leave no trace");
    apply(&workspace, vec![write("a", "x", Expectation::Absent)]).await.unwrap();
    assert_eq!(fs::read_to_string(scene.inside(".gitlab-sync/.gitignore")).unwrap(), "*\n");
    assert_eq!(fs::metadata(scene.inside(".gitlab-sync")).unwrap().mode() & 0o777, 0o700);
    let listing = list(&workspace).await;
    assert!(listing.entries.len() == 1 && listing.skipped.is_empty());

    let scene = Scene::new();
    symlink(scene.outside(""), scene.inside(".gitlab-sync")).unwrap();
    let refused = Directory::open(&scene.inside(""));
    assert!(matches!(refused, Err(OpenError::Recover { .. })), "{refused:?}");
    fs::remove_file(scene.inside(".gitlab-sync")).unwrap();
    let workspace = scene.open();
    symlink(scene.outside(""), scene.inside(".gitlab-sync")).unwrap();
    let refused = apply(&workspace, vec![write("a", "x", Expectation::Absent)]).await;
    assert!(matches!(refused, Err(FileError::Storage { .. })), "{refused:?}");
    scene.assert_nothing_happened_outside();
}

#[tokio::test]
async fn writing_to_a_hard_link_leaves_its_other_names_alone() {
    let scene = Scene::new();
    fs::hard_link(scene.outside("secret"), scene.inside("same")).unwrap();
    let workspace = scene.open();
    let version = list(&workspace).await.entries[0].version.clone();
    apply(&workspace, vec![write("same", "mine", Expectation::Version(version))]).await.unwrap();
    assert_eq!(fs::read_to_string(scene.inside("same")).unwrap(), "mine");
    scene.assert_nothing_happened_outside();
}

#[tokio::test]
async fn a_workspace_that_is_moved_or_replaced_by_a_link_is_still_the_one_that_was_opened() {
    let scene = Scene::new();
    let workspace = scene.open();
    fs::rename(scene.inside(""), scene.root.path().join("moved")).unwrap();
    symlink(scene.outside(""), scene.root.path().join("workspace")).unwrap();
    apply(&workspace, vec![write("a", "x", Expectation::Absent)]).await.unwrap();
    assert_eq!(fs::read_to_string(scene.root.path().join("moved/a")).unwrap(), "x");
    assert_eq!(fs::read_dir(scene.outside("")).unwrap().count(), 1);
}

#[tokio::test]
async fn the_executable_bit_goes_both_ways_and_privacy_stays() {
    let scene = Scene::new();
    let workspace = scene.open();
    let change = |executable, expected| {
        vec![Change::Write(Write { path: path("tool"), bytes: b"#!".to_vec(), executable, expected })]
    };
    let mode = || fs::metadata(scene.inside("tool")).unwrap().mode() & 0o777;
    let mut version = apply(&workspace, change(true, Expectation::Absent)).await.unwrap().remove(0);
    assert!(list(&workspace).await.entries[0].executable);
    assert_eq!(mode() & 0o100, 0o100);
    for (before, executable, after) in
        [(0o755, false, 0o644), (0o644, true, 0o755), (0o600, true, 0o700), (0o700, false, 0o600), (0o640, true, 0o750)]
    {
        fs::set_permissions(scene.inside("tool"), fs::Permissions::from_mode(before)).unwrap();
        let stale = apply(&workspace, change(executable, Expectation::Version(version))).await;
        assert!(matches!(stale, Err(FileError::Changed(_))), "a change of mode is a change");
        let now = list(&workspace).await.entries[0].version.clone();
        version = apply(&workspace, change(executable, Expectation::Version(now))).await.unwrap().remove(0);
        assert_eq!(mode(), after, "{before:o}");
        assert_eq!(list(&workspace).await.entries[0].executable, executable);
    }
}

#[tokio::test]
async fn an_edit_in_the_same_instant_and_of_the_same_size_is_seen() {
    let scene = Scene::new();
    let workspace = scene.open();
    let mut version = apply(&workspace, vec![write("a", "000", Expectation::Absent)]).await.unwrap().remove(0);
    for round in 1..200 {
        // In place: the inode stays.
        fs::write(scene.inside("a"), format!("{round:03}")).unwrap();
        let replace = vec![write("a", "xxx", Expectation::Version(version))];
        let stale = apply(&workspace, replace).await;
        assert!(matches!(stale, Err(FileError::Changed(_))), "the edit of round {round} is noticed");
        let first = read(&workspace, "a").await.unwrap();
        fs::write(scene.inside("a"), format!("{:03}", round + 500)).unwrap();
        let second = read(&workspace, "a").await.unwrap();
        assert_ne!(first.version, second.version, "two edits in a row have two versions");
        let replace = vec![write("a", "xxx", Expectation::Version(first.version))];
        assert!(matches!(apply(&workspace, replace).await, Err(FileError::Changed(_))));
        let replace = vec![write("a", "yyy", Expectation::Version(second.version))];
        version = apply(&workspace, replace).await.unwrap().remove(0);
    }
}

#[tokio::test]
async fn a_version_stays_while_the_file_does_and_tells_nothing_of_the_host() {
    let scene = Scene::new();
    let workspace = scene.open();
    let written = apply(&workspace, vec![write("a", "x", Expectation::Absent)]).await.unwrap().remove(0);
    fs::write(scene.inside("b"), "x").unwrap();
    let dated = |at: &str, date| fs::File::options().write(true).open(scene.inside(at)).unwrap().set_modified(date);
    let hour = std::time::Duration::from_secs(3600);
    // Of this moment, and from the future: its bytes are looked at, for some ticks or always.
    dated("b", std::time::SystemTime::now() + hour).unwrap();
    loop {
        let listed = list(&workspace).await.entries;
        let read = [read(&workspace, "a").await.unwrap().version, read(&workspace, "b").await.unwrap().version];
        for version in &read {
            let text = version.as_str();
            assert!(text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
        }
        // It is not of this moment any more.
        if list(&workspace).await.entries == listed {
            assert_eq!(listed.iter().map(|entry| &entry.version).collect::<Vec<_>>(), read.iter().collect::<Vec<_>>());
            break;
        }
    }
    assert_eq!(read(&scene.open(), "a").await.unwrap().version, written, "the same after the host was started again");
    dated("a", std::time::SystemTime::now() - hour).unwrap();
    assert_ne!(read(&workspace, "a").await.unwrap().version, written, "another time of change, another version");
}

#[tokio::test]
async fn a_version_that_another_workspace_gave_fits_nothing() {
    let scene = Scene::new();
    let workspace = scene.open();
    apply(&workspace, vec![write("a", "x", Expectation::Absent)]).await.unwrap();
    // The version of a file of this moment depends on its bytes: one that differs in nothing but that part does not fit either.
    fs::write(scene.inside("a"), "x").unwrap();
    let own = read(&workspace, "a").await.unwrap().version;
    let (stat, bytes) = own.as_str().split_at(16);
    let other_bytes = format!("{stat}{}", bytes.chars().rev().collect::<String>());
    let upper = own.as_str().to_ascii_uppercase();
    for foreign in ["", "1", "1.1.1.1", "sha256:00", "-1.-1.-1.-1", "\u{0}", stat, &other_bytes, &upper] {
        let replace = vec![write("a", "y", Expectation::Version(Version::new(foreign)))];
        assert!(matches!(apply(&workspace, replace).await, Err(FileError::Changed(_))), "{foreign:?}");
    }
    assert_eq!(read(&workspace, "a").await.unwrap().bytes, b"x");
}

#[tokio::test]
async fn a_folder_goes_with_its_last_file_and_only_then() {
    let scene = Scene::new();
    let workspace = scene.open();
    let files = ["a/b/c/one", "a/b/two", "d/three"];
    let changes = files.map(|file| write(file, "x", Expectation::Absent)).to_vec();
    let versions = apply(&workspace, changes).await.unwrap();
    fs::create_dir_all(scene.inside("empty/before")).unwrap();
    fs::write(scene.inside("d/.git"), "not ours").unwrap();
    apply(&workspace, vec![delete(files[0], &versions[0]), delete(files[2], &versions[2])]).await.unwrap();
    assert!(!scene.inside("a/b/c").exists() && scene.inside("a/b/two").exists());
    assert!(scene.inside("d/.git").exists(), "what cannot be lent keeps its folder");
    apply(&workspace, vec![delete(files[1], &versions[1])]).await.unwrap();
    assert!(!scene.inside("a").exists() && scene.inside("empty/before").exists());
}

#[tokio::test]
async fn a_folder_that_holds_what_cannot_be_lent_does_not_give_way_to_a_file() {
    let scene = Scene::new();
    let workspace = scene.open();
    let version = apply(&workspace, vec![write("a/b", "x", Expectation::Absent)]).await.unwrap().remove(0);
    symlink("nowhere", scene.inside("a/link")).unwrap();
    let refused = apply(&workspace, vec![delete("a/b", &version), write("a", "y", Expectation::Absent)]).await;
    assert!(matches!(&refused, Err(FileError::Changed(paths)) if *paths == [path("a")]), "{refused:?}");
    assert_eq!(read(&workspace, "a/b").await.unwrap().bytes, b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_count_up_at_once_none_loses_a_count() {
    let scene = Scene::new();
    fs::write(scene.inside("count"), "0").unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            // Each with its own handle, as from another process.
            let workspace = scene.open();
            tokio::spawn(async move {
                for _ in 0..20 {
                    loop {
                        let content = read(&workspace, "count").await.unwrap();
                        let next = String::from_utf8(content.bytes).unwrap().parse::<u32>().unwrap() + 1;
                        let change = write("count", &next.to_string(), Expectation::Version(content.version));
                        match apply(&workspace, vec![change]).await {
                            Ok(_) => break,
                            Err(FileError::Changed(_)) => {}
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(fs::read_to_string(scene.inside("count")).unwrap(), "80");
}

#[tokio::test]
async fn many_links_between_two_files_are_all_reported() {
    let scene = Scene::new();
    for name in ["a", "z"] {
        fs::write(scene.inside(name), "x").unwrap();
    }
    for number in 0..12_000 {
        symlink("nowhere", scene.inside(&format!("m{number:05}"))).unwrap();
    }
    let workspace = scene.open();
    let first = list(&workspace).await;
    assert!(first.more && first.entries.len() == 1 && first.skipped.is_empty(), "the stretch ends before the links");
    let second = workspace.list(None, Some("a")).await.unwrap();
    assert!(!second.more && second.entries.len() == 1);
    assert_eq!(second.skipped.len(), 12_000);
}

#[tokio::test]
async fn what_cannot_be_opened_says_so() {
    let scene = Scene::new();
    fs::write(scene.inside("file"), "x").unwrap();
    for bad in [scene.inside("missing"), scene.inside("file")] {
        let error = Directory::open(&bad).unwrap_err();
        assert!(error.to_string().contains(bad.to_str().unwrap()), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
    assert!(Directory::open(Path::new("")).is_err());
}

#[test]
fn a_batch_that_contradicts_itself_is_refused() {
    let create = |at: &str| write(at, "x", Expectation::Absent);
    let gone = delete("a", &Version::new("1"));
    let table = [
        (vec![create("a"), create("a")], Some("a")),
        (vec![gone.clone(), create("a")], Some("a")),
        (vec![create("a/b/c"), create("a")], Some("a/b/c")),
        (vec![create("a"), create("a/b")], Some("a/b")),
        (vec![create("a"), create("a.b"), create("a-b")], None),
        (vec![gone, create("a/b")], None),
    ];
    for (changes, refused) in table {
        let batch = Batch::new(changes.clone());
        let path = match &batch {
            Err(FileError::UnsafePath { path, .. }) => Some(path.as_str()),
            _ => None,
        };
        assert_eq!((path, batch.is_err()), (refused, refused.is_some()), "{changes:?}");
    }
}
