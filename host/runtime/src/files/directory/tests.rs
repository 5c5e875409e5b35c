//! What can only be seen from inside: a process that dies, a disk that fails, or a person who saves a file, at every single step.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::steps::Fault;
use super::*;
use crate::files::{Change, Delete, Expectation, HOST_FOLDER, Write, conformance};

#[tokio::test]
async fn the_directory_conforms() {
    let root = temporary();
    let next = std::cell::Cell::new(0);
    conformance::check(|| {
        next.set(next.get() + 1);
        let path = root.path().join(next.get().to_string());
        fs::create_dir(&path).unwrap();
        Directory::open(&path).unwrap()
    })
    .await;
}

/// What a batch of every kind starts from.
pub(super) const OLD: &[(&str, &str)] = &[
    ("untouched.md", "untouched"),
    ("edit.md", "old words"),
    ("docs/also.md", "old too"),
    ("docs/tool.sh", "#!old"),
    ("gone/a.md", "gone a"),
    ("gone/b/c.md", "gone c"),
    ("turn", "a file that becomes a folder"),
    ("fold/x/y", "in a folder that becomes a file"),
];

const NEW: &[(&str, &str)] = &[
    ("untouched.md", "untouched"),
    ("edit.md", "new words"),
    ("docs/also.md", "new also, of another size"),
    ("docs/tool.sh", "#!new"),
    ("turn/new.md", "in a folder that was a file"),
    ("fold", "a file that was a folder"),
    ("new/deep/er.md", "deep"),
    ("new/deep/other.md", "other"),
    ("top.md", "top"),
];

/// Every file with its bytes and every folder, but for the host's own.
pub(super) type Tree = BTreeMap<String, Option<String>>;

pub(super) fn tree(root: &Path) -> Tree {
    fn walk(folder: &Path, prefix: &str, tree: &mut Tree) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if path == ".gitlab-sync" {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), &format!("{path}/"), tree);
                tree.insert(path, None);
            } else {
                tree.insert(path, Some(fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    let mut seen = Tree::new();
    walk(root, "", &mut seen);
    seen
}

pub(super) fn tree_of(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new();
    for (path, bytes) in files {
        let folders = path.match_indices('/').map(|(at, _)| (path[..at].to_owned(), None));
        tree.extend(folders);
        tree.insert((*path).to_owned(), Some((*bytes).to_owned()));
    }
    tree
}

/// In memory where the system has that: thousands of syncs would wear on a disk for nothing.
pub(super) fn temporary() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub(super) fn prepare(root: &Path) {
    for (path, bytes) in OLD {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
    }
    fs::set_permissions(root.join("docs/tool.sh"), fs::Permissions::from_mode(0o700)).unwrap();
    // One is old enough to have a version without a hash.
    let back = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    fs::File::options().write(true).open(root.join("docs/also.md")).unwrap().set_modified(back).unwrap();
}

fn batch(root: &Path) -> Batch {
    let shared = home::together(&dir(root), &Steps::default()).unwrap();
    let listing = walk::list(&shared.root, None, None).unwrap();
    let version =
        |path: &str| listing.entries.iter().find(|entry| entry.path.as_str() == path).unwrap().version.clone();
    let parse = |path: &str| WorkspacePath::parse(path).unwrap();
    let is_in = |files: &[(&str, &str)], path: &str| files.iter().any(|(other, _)| *other == path);
    let deletes = OLD
        .iter()
        .filter(|(path, _)| !is_in(NEW, path))
        .map(|(path, _)| Change::Delete(Delete { path: parse(path), expected: Expectation::Version(version(path)) }));
    let writes = NEW.iter().filter(|(path, _)| *path != "untouched.md").map(|(path, bytes)| {
        let expected = if is_in(OLD, path) { Expectation::Version(version(path)) } else { Expectation::Absent };
        let executable = *path == "docs/tool.sh";
        Change::Write(Write { path: parse(path), bytes: bytes.as_bytes().to_vec(), executable, expected })
    });
    Batch::new(deletes.chain(writes).collect()).unwrap()
}

pub(super) fn dir(root: &Path) -> Dir {
    Dir::open_ambient_dir(root, ambient_authority()).unwrap()
}

/// Holds the workspace and makes the batch, as `apply` does.
pub(super) fn run(root: &Path, batch: &Batch, steps: &Steps) -> Result<Vec<Version>, FileError> {
    let held = home::alone(&dir(root), steps)?;
    apply::apply(&held, batch)
}

/// Makes steps of each kind of file system: one that can let two names change places, and one that cannot.
const FILE_SYSTEMS: [fn(Steps) -> Steps; 2] = [|steps| steps, Steps::without_exchange];

/// How many steps the batch takes when nothing happens.
fn count_steps(on: fn(Steps) -> Steps) -> usize {
    let root = temporary();
    prepare(root.path());
    let steps = on(Steps::default());
    run(root.path(), &batch(root.path()), &steps).unwrap();
    assert_eq!(tree(root.path()), tree_of(NEW));
    assert_clear(root.path());
    steps.taken()
}

fn every_step() -> impl Iterator<Item = (fn(Steps) -> Steps, usize)> {
    FILE_SYSTEMS.into_iter().flat_map(|on| (0..count_steps(on)).map(move |at| (on, at)))
}

pub(super) fn assert_clear(root: &Path) {
    let own = root.join(HOST_FOLDER);
    let mut names: Vec<_> = fs::read_dir(&own).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".gitignore", "kept", "lock", "stage"]);
    assert_eq!(fs::read_dir(own.join("stage")).unwrap().count(), 0, "the stage is empty");
    assert_eq!(fs::read_dir(own.join("kept")).unwrap().count(), 0, "nothing had to be kept aside");
}

const CHILD: &str = "GITLAB_SYNC_TEST_DIES_AT_STEP";

/// Not a test of its own: what the child process of the next one does.
#[test]
fn child_that_dies() {
    let Ok(at) = std::env::var(CHILD) else { return };
    let (at, root) = at.split_once(' ').unwrap();
    let root = Path::new(root);
    run(root, &batch(root), &Steps::failing(Fault::Abort, at.parse().unwrap())).unwrap();
}

#[test]
fn a_process_that_dies_at_any_step_leaves_the_old_files_or_the_new_ones() {
    let steps = count_steps(|steps| steps);
    let mut outcomes = Vec::new();
    for at in 0..steps {
        let root = temporary();
        prepare(root.path());
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "files::directory::tests::child_that_dies"])
            .env(CHILD, format!("{at} {}", root.path().display()))
            .output()
            .unwrap();
        assert!(!child.status.success(), "the child lives through step {at} of {steps}");
        Directory::open(root.path()).unwrap();
        let is_new = tree(root.path()) == tree_of(NEW);
        assert!(is_new || tree(root.path()) == tree_of(OLD), "step {at}: {:?}", tree(root.path()));
        let mode = fs::metadata(root.path().join("docs/tool.sh")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "who may read and execute it stays");
        outcomes.push(is_new);
        if !is_new {
            run(root.path(), &batch(root.path()), &Steps::default()).unwrap();
            assert_eq!(tree(root.path()), tree_of(NEW), "the same batch can be made afterwards");
        }
        assert_clear(root.path());
    }
    assert!(outcomes.is_sorted() && !outcomes[0] && outcomes[steps - 1], "one step commits: {outcomes:?}");
}

#[test]
fn dying_again_at_any_step_of_the_recovery_changes_nothing_about_that() {
    for on in FILE_SYSTEMS {
        let dead = |at| on(Steps::failing(Fault::FromHere(io::ErrorKind::Other), at));
        let steps = count_steps(on);
        let mut tried = 0;
        for first in 0..steps {
            for second in 0.. {
                let root = temporary();
                prepare(root.path());
                let batch = batch(root.path());
                _ = run(root.path(), &batch, &dead(first));
                let again = home::alone(&dir(root.path()), &dead(second)).map(drop);
                tried += 1;
                drop(home::alone(&dir(root.path()), &on(Steps::default())).unwrap());
                let seen = tree(root.path());
                assert!(seen == tree_of(OLD) || seen == tree_of(NEW), "steps {first} and {second}: {seen:?}");
                if again.is_ok() {
                    break;
                }
            }
        }
        assert!(tried > 10 * steps, "only {tried} pairs of deaths");
    }
}

#[test]
fn a_disk_that_fails_at_any_step_is_an_error_and_changes_nothing() {
    let kinds = [
        io::ErrorKind::StorageFull,
        io::ErrorKind::ReadOnlyFilesystem,
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::Other,
    ];
    for (on, at) in every_step() {
        for kind in kinds {
            let root = temporary();
            prepare(root.path());
            let made = run(root.path(), &batch(root.path()), &on(Steps::failing(Fault::Once(kind), at)));
            match made {
                // It was committed; only the clearing up failed, and the next use goes on with it.
                Ok(_) => _ = home::alone(&dir(root.path()), &Steps::default()).unwrap(),
                Err(error) => {
                    assert!(matches!(error, FileError::Storage { .. }), "{error:?}");
                    assert_eq!(error.hint().is_some(), kind != io::ErrorKind::Other, "{error:?}");
                    assert_eq!(tree(root.path()), tree_of(OLD), "step {at}, {kind:?}");
                    let journal = root.path().join(HOST_FOLDER).join("journal");
                    assert!(!journal.exists(), "step {at}: nothing is left to undo that a person may save meanwhile");
                }
            }
            let seen = tree(root.path());
            assert!(seen == tree_of(OLD) || seen == tree_of(NEW), "step {at}, {kind:?}: {seen:?}");
        }
    }
}

/// Saves a file as an editor does, if there is a folder to save it in.
type Save = fn(&Path, &str);

const IN_PLACE: Save = |path, bytes| _ = fs::write(path, bytes);

const BY_RENAME: Save = |path, bytes| {
    let aside = path.with_file_name("saved-by-editor");
    if fs::write(&aside, bytes).is_ok() && fs::rename(&aside, path).is_err() {
        fs::remove_file(&aside).unwrap();
    }
};

#[test]
fn what_a_person_saves_at_any_step_is_never_lost() {
    // One of each kind: replaced with and without a hash, created, deleted, deleted with its folder.
    let paths = ["edit.md", "docs/also.md", "top.md", "new/deep/er.md", "gone/a.md", "gone/b/c.md", "turn/new.md"];
    for (on, at) in every_step() {
        for (path, save) in paths.iter().flat_map(|path| [(*path, IN_PLACE), (*path, BY_RENAME)]) {
            let root = temporary();
            prepare(root.path());
            let batch = batch(root.path());
            let target = root.path().join(path);
            let saved = Arc::new(std::sync::atomic::AtomicBool::new(false));
            let act: Arc<dyn Fn() + Send + Sync> = Arc::new({
                let (target, saved) = (target.clone(), saved.clone());
                move || {
                    // Of the size of the old words: only time or inode can tell.
                    save(&target, "my words!");
                    saved.store(fs::read(&target).is_ok(), std::sync::atomic::Ordering::SeqCst);
                }
            });
            let made = run(root.path(), &batch, &on(Steps::failing(Fault::Meanwhile(act), at)));
            if saved.load(std::sync::atomic::Ordering::SeqCst) {
                let there = fs::read_to_string(&target).ok();
                assert_eq!(there.as_deref(), Some("my words!"), "{path} at step {at}: {made:?}");
            }
            match made {
                Ok(_) => {}
                Err(FileError::Changed(named)) => {
                    let mut seen = tree(root.path());
                    seen.retain(|other, _| other != path && !path.starts_with(&format!("{other}/")));
                    let mut old = tree_of(OLD);
                    old.retain(|other, _| other != path && !path.starts_with(&format!("{other}/")));
                    assert_eq!(seen, old, "{path} at step {at}: all else is as it was; {named:?}");
                }
                Err(error) => panic!("{path} at step {at}: {error:?}"),
            }
        }
    }
}

#[test]
fn what_a_person_saves_between_a_crash_and_the_recovery_is_never_lost() {
    for (on, at) in every_step() {
        for path in ["edit.md", "docs/also.md", "top.md", "gone/a.md", "turn"] {
            let root = temporary();
            prepare(root.path());
            _ = run(root.path(), &batch(root.path()), &on(Steps::failing(Fault::FromHere(io::ErrorKind::Other), at)));
            let target = root.path().join(path);
            if fs::write(&target, "my words!").is_err() {
                continue;
            }
            Directory::open(root.path()).unwrap();
            assert_eq!(fs::read_to_string(&target).unwrap(), "my words!", "{path} at step {at}");
            let kept = root.path().join(HOST_FOLDER).join("kept");
            let kept: Vec<_> = fs::read_dir(kept).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
            assert!(kept.len() <= 1);
            let told = kept::list(&home::together(&dir(root.path()), &Steps::default()).unwrap().root).unwrap();
            let told: Vec<_> = told.iter().map(|kept| (root.path().join(&kept.file), kept.path.as_str())).collect();
            assert_eq!(told, kept.iter().map(|file| (file.clone(), path)).collect::<Vec<_>>(), "and it is told");
            for kept in kept {
                let old = OLD.iter().find(|(other, _)| *other == path).unwrap().1;
                assert_eq!(fs::read_to_string(kept).unwrap(), old, "the old version is kept aside");
            }
        }
    }
}
