//! Many new files at once: synced together, folders moved whole, and final only later.

use super::tests::{OLD, Tree, assert_clear, dir, prepare, run, temporary, tree, tree_of};
use super::*;
use crate::files::{Change, Delete, Expectation, HOST_FOLDER, Write};
use journal::Op;
use std::fs;
use std::time::SystemTime;
use steps::Fault;

/// So many that they are synced together.
const COUNT: usize = 20;

/// In two folders that are not there, one of them below another such, and in one that is.
fn path(folder: &str, number: usize) -> String {
    match number % 3 {
        0 => format!("{folder}/{number}.md"),
        1 => format!("{folder}/deep/{number}.md"),
        _ => format!("docs/{folder}-{number}.md"),
    }
}

fn text(number: usize) -> String {
    format!("page {number}\n")
}

fn new_files(folder: &str, count: usize) -> Batch {
    let write = |number| Write {
        path: WorkspacePath::parse(&path(folder, number)).unwrap(),
        bytes: text(number).into_bytes(),
        executable: false,
        expected: Expectation::Absent,
    };
    Batch::new((0..count).map(write).map(Change::Write).collect()).unwrap()
}

fn with(mut tree: Tree, folder: &str, count: usize) -> Tree {
    tree.extend([folder.to_owned(), format!("{folder}/deep")].map(|folder| (folder, None)));
    tree.extend((0..count).map(|number| (path(folder, number), Some(text(number)))));
    tree
}

fn prepared() -> tempfile::TempDir {
    let root = temporary();
    prepare(root.path());
    root
}

fn directory(root: &Path, steps: &Steps) -> Directory {
    Directory { dir: Arc::new(dir(root)), steps: steps.clone(), ahead: Arc::default() }
}

fn dying(at: usize) -> Steps {
    Steps::failing(Fault::FromHere(io::ErrorKind::Other), at)
}

#[test]
fn it_takes_one_sync_of_all_and_three_small_ones_however_many_they_are() {
    for count in [COUNT, 1_000] {
        let (root, steps) = (prepared(), Steps::default());
        let versions = run(root.path(), &new_files("many", count), &steps).unwrap();
        assert_eq!((versions.len(), steps.syncs()), (count, 4));
        assert_eq!(tree(root.path()), with(tree_of(OLD), "many", count));
        assert_clear(root.path());
        let listed = walk::list(&home::together(&dir(root.path()), &steps).unwrap().root, None, None).unwrap().entries;
        for (number, version) in versions.iter().enumerate() {
            let entry = listed.iter().find(|entry| entry.path.as_str() == path("many", number)).unwrap();
            assert_eq!(entry.version, *version, "versions are in the order of the batch, and those of a listing");
        }
    }
}

#[test]
fn a_new_folder_takes_one_rename() {
    let taken = |folders: usize| {
        let (root, steps) = (prepared(), Steps::default());
        let write = |number: usize| Write {
            path: WorkspacePath::parse(&format!("new/{}/{number}.md", number % folders)).unwrap(),
            bytes: Vec::new(),
            executable: false,
            expected: Expectation::Absent,
        };
        run(root.path(), &Batch::new((0..100).map(write).map(Change::Write).collect()).unwrap(), &steps).unwrap();
        steps.taken()
    };
    assert_eq!(taken(10) - taken(1), 9, "to make a folder is all that it costs");
}

#[test]
fn a_death_at_any_step_leaves_none_or_all() {
    let steps = Steps::default();
    run(prepared().path(), &new_files("many", COUNT), &steps).unwrap();
    let mut outcomes = Vec::new();
    for at in 0..steps.taken() {
        let root = prepared();
        _ = run(root.path(), &new_files("many", COUNT), &dying(at));
        Directory::open(root.path()).unwrap();
        let is_new = tree(root.path()) == with(tree_of(OLD), "many", COUNT);
        assert!(is_new || tree(root.path()) == tree_of(OLD), "step {at}: {:?}", tree(root.path()));
        outcomes.push(is_new);
        if !is_new {
            run(root.path(), &new_files("many", COUNT), &Steps::default()).unwrap();
        }
        assert_clear(root.path());
    }
    assert!(outcomes.is_sorted() && !outcomes[0] && outcomes.last() == Some(&true), "one step commits: {outcomes:?}");
}

/// What the journal says, while there is one.
fn journaled(root: &Path) -> Vec<Op> {
    let shared = home::root(&dir(root), &Steps::default()).unwrap();
    let own = shared.open(HOST_FOLDER).ok();
    own.and_then(|own| journal::read(&own, journal::JOURNAL).unwrap()).unwrap_or_default()
}

/// Whether it died after the commit.
fn is_final(root: &Path) -> bool {
    root.join(HOST_FOLDER).join(journal::DONE).exists()
}

/// As a power cut leaves a file whose bytes were still on their way: with its date, but without its end, or with nothing at all.
fn cut_short(file: &Path, left: u64) {
    let Ok(file) = fs::File::options().write(true).open(file) else { return };
    let date = file.metadata().unwrap().modified().unwrap();
    file.set_len(left).unwrap();
    // Of an empty one not even the date may have come to the disk.
    file.set_modified(if left == 0 { SystemTime::now() } else { date }).unwrap();
}

#[test]
fn a_power_cut_before_the_sync_leaves_none_whatever_came_to_the_disk() {
    let spoils: [fn(&Path); 3] =
        [|file| _ = fs::remove_file(file), |file| cut_short(file, 0), |file| cut_short(file, 3)];
    let mut tried = 0;
    for at in 0.. {
        let root = prepared();
        let made = run(root.path(), &new_files("many", COUNT), &dying(at));
        if made.is_ok() {
            break;
        }
        for (number, op) in journaled(root.path()).iter().enumerate() {
            if let Op::Create { path, dated, .. } = op {
                assert!(dated.is_some(), "it may not be on disk");
                spoils[number % 3](&root.path().join(path.0.as_str()));
                tried += 1;
            }
        }
        let is_final = is_final(root.path());
        Directory::open(root.path()).unwrap();
        if is_final {
            continue;
        }
        assert_eq!(tree(root.path()), tree_of(OLD), "step {at}");
        run(root.path(), &new_files("many", COUNT), &Steps::default()).unwrap();
        assert_clear(root.path());
    }
    assert!(tried > 3 * COUNT, "{tried}");
}

#[test]
fn what_a_person_saves_into_new_folders_before_the_recovery_stays() {
    let save = |root: &Path, path: &str| {
        let path = root.join(path);
        path.parent().is_some_and(Path::exists) && fs::write(path, "my words\n").is_ok()
    };
    let mut stayed = 0;
    for at in 0.. {
        let root = prepared();
        if run(root.path(), &new_files("many", COUNT), &dying(at)).is_ok() {
            break;
        }
        // One of ours, as an edit and cut to another length, and one of their own.
        let saved: Vec<_> = ["many/0.md", "many/deep/1.md", "docs/many-2.md", "many/own.md"]
            .into_iter()
            .filter(|path| save(root.path(), path))
            .collect();
        let mut expected = if is_final(root.path()) { with(tree_of(OLD), "many", COUNT) } else { tree_of(OLD) };
        Directory::open(root.path()).unwrap();
        for path in &saved {
            expected.extend(WorkspacePath::parse(path).unwrap().ancestors().map(|folder| (folder.to_string(), None)));
            expected.insert((*path).to_owned(), Some("my words\n".into()));
        }
        assert_eq!(tree(root.path()), expected, "step {at}");
        stayed += saved.len();
    }
    assert!(stayed > 0);
}

#[test]
fn a_folder_that_someone_makes_meanwhile_takes_the_files_one_by_one() {
    let steps = Steps::default();
    run(prepared().path(), &new_files("many", COUNT), &steps).unwrap();
    for at in 0..steps.taken() {
        let root = prepared();
        let folder = root.path().join("many");
        let make: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("own.md"), "my words\n").unwrap();
        });
        let made = run(root.path(), &new_files("many", COUNT), &Steps::failing(Fault::Meanwhile(make), at));
        let mut expected = with(tree_of(OLD), "many", COUNT);
        expected.insert("many/own.md".into(), Some("my words\n".into()));
        assert!(made.is_ok() && tree(root.path()) == expected, "step {at}: {made:?}");
        assert_clear(root.path());
    }
}

#[test]
fn a_disk_that_fails_at_any_step_changes_nothing() {
    let steps = Steps::default();
    run(prepared().path(), &new_files("many", COUNT), &steps).unwrap();
    for at in 0..steps.taken() {
        let root = prepared();
        let full = Steps::failing(Fault::Once(io::ErrorKind::StorageFull), at);
        let made = run(root.path(), &new_files("many", COUNT), &full);
        let expected = if made.is_ok() { with(tree_of(OLD), "many", COUNT) } else { tree_of(OLD) };
        Directory::open(root.path()).unwrap();
        assert_eq!(tree(root.path()), expected, "step {at}: {made:?}");
    }
}

#[tokio::test]
async fn batches_go_in_one_after_the_other_and_are_final_when_that_is_asked_for() {
    let root = prepared();
    let directory = directory(root.path(), &Steps::default());
    let mut expected = tree_of(OLD);
    for folder in ["a", "b", "c"] {
        assert_eq!(directory.begin(new_files(folder, COUNT)).await.unwrap().len(), COUNT);
        expected = with(expected, folder, COUNT);
        assert_eq!(tree(root.path()), expected, "it is there at once");
    }
    // A reader, and a batch that is not only new files, wait for those before.
    let listed = directory.list(None, None).await.unwrap().entries;
    assert_eq!(listed.len(), OLD.len() + 3 * COUNT);
    let gone = listed.iter().find(|entry| entry.path.as_str() == "a/0.md").unwrap();
    let delete = Delete { path: gone.path.clone(), expected: Expectation::Version(gone.version.clone()) };
    directory.begin(Batch::new(vec![Change::Delete(delete)]).unwrap()).await.unwrap();
    directory.settle().await.unwrap();
    expected.remove("a/0.md");
    assert_eq!(tree(root.path()), expected);
    assert_clear(root.path());
    let unfit = directory.begin(new_files("b", COUNT)).await;
    assert!(matches!(unfit, Err(FileError::Changed(_))), "{unfit:?}");
    assert_eq!(tree(root.path()), expected);
}

/// The second goes into the stage while the first is on its way to the disk.
#[tokio::test]
async fn of_two_batches_a_death_at_any_step_leaves_whole_ones_in_order_and_all_that_were_settled() {
    let first = with(tree_of(OLD), "a", COUNT);
    let trees = [tree_of(OLD), first.clone(), with(first, "b", COUNT)];
    let mut seen = [0; 3];
    for at in 0.. {
        let root = prepared();
        let dying = directory(root.path(), &dying(at));
        let begun =
            dying.begin(new_files("a", COUNT)).await.is_ok() && dying.begin(new_files("b", COUNT)).await.is_ok();
        let settled = dying.settle().await.is_ok() && begun;
        drop(dying);
        Directory::open(root.path()).unwrap();
        let now = tree(root.path());
        let whole = trees.iter().position(|tree| *tree == now);
        seen[whole.unwrap_or_else(|| panic!("step {at}: {now:?}"))] += 1;
        if settled {
            assert_eq!(whole, Some(2), "step {at}");
            break;
        }
    }
    assert!(seen.iter().all(|times| *times > 0), "{seen:?}");
}

#[tokio::test]
async fn a_batch_that_cannot_become_final_is_taken_back_and_that_is_said() {
    let mut failed = 0;
    for (at, by_next) in (0..200).flat_map(|at| [(at, false), (at, true)]) {
        let root = prepared();
        let failing = directory(root.path(), &Steps::failing(Fault::Once(io::ErrorKind::StorageFull), at));
        if failing.begin(new_files("a", COUNT)).await.is_err() {
            continue;
        }
        let ended = if by_next { failing.begin(new_files("b", COUNT)).await.map(drop) } else { failing.settle().await };
        let settled = failing.settle().await;
        let whole =
            if by_next { with(with(tree_of(OLD), "a", COUNT), "b", COUNT) } else { with(tree_of(OLD), "a", COUNT) };
        Directory::open(root.path()).unwrap();
        let now = tree(root.path());
        match (&ended, settled) {
            (Ok(()), Ok(())) => assert_eq!(now, whole, "step {at}"),
            // Of a second one that fails by itself, the first stays.
            (Err(_), _) => {
                assert!(now == tree_of(OLD) || (by_next && now == with(tree_of(OLD), "a", COUNT)), "{at}: {now:?}");
            }
            (Ok(()), Err(_)) => assert_eq!(now, with(tree_of(OLD), "a", COUNT), "step {at}: the second is taken back"),
        }
        failed += usize::from(ended.is_err());
        Directory::open(root.path()).unwrap();
    }
    assert!(failed > 0);
}
