//! What a walk costs, by counts, and that one by several threads says what one that lists says.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::mark::{Clock, Stat};
use super::tests::{dir, temporary};
use super::*;
use crate::files::MOST_ENTRIES;
use crate::files::news::{self, News, mark_of_content, mark_of_name};

fn counted(root: &Path, steps: Steps) -> Directory {
    Directory { dir: Arc::new(dir(root)), steps, ahead: Arc::default() }
}

/// Files that are old enough for their versions to stay as they are.
fn make_old(root: &Path, folders: usize, files: usize) {
    let back = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    let mut last = None;
    for folder in 0..folders {
        let folder = root.join(format!("area-{folder:03}"));
        fs::create_dir(&folder).unwrap();
        for file in 0..files {
            let file = fs::File::create(folder.join(format!("page-{file:03}.md"))).unwrap();
            file.set_modified(back).unwrap();
            last = Some(file);
        }
    }
    let newest = Stat::of(&last.unwrap()).unwrap();
    while newest.is_racy(&Clock::read(&dir(root))) {
        std::thread::yield_now();
    }
}

/// Looks for the host's own folder, once for each call.
const OWN: usize = 1;

#[tokio::test]
async fn news_takes_one_look_at_each_file_and_one_listing_of_each_folder() {
    let root = temporary();
    make_old(root.path(), 30, 40);
    let steps = Steps::default();
    let directory = counted(root.path(), steps.clone());
    let known = directory.list(None, None).await.unwrap().entries;
    let known = known.iter().map(|entry| mark_of_content(&entry.path, &entry.version, entry.executable)).collect();
    steps.looked();
    assert_eq!(news::news(&directory, known, &[]).await.unwrap(), News::default());
    assert_eq!(steps.looked(), (30 * 40 + OWN, 30 + 1));
}

/// It was once that each stretch began by looking for its beginning.
#[tokio::test]
async fn all_stretches_of_a_listing_together_look_at_each_file_once() {
    let root = temporary();
    make_old(root.path(), 210, 100);
    let steps = Steps::default();
    let directory = counted(root.path(), steps.clone());
    let (mut stretches, mut after, mut listed) = (0, None::<String>, 0);
    loop {
        let listing = directory.list(None, after.as_deref()).await.unwrap();
        after = listing.entries.last().map(|entry| entry.path.to_string());
        (stretches, listed) = (stretches + 1, listed + listing.entries.len());
        if !listing.more {
            break;
        }
    }
    assert_eq!((stretches, listed), (21_000_usize.div_ceil(MOST_ENTRIES), 21_000));
    // A stretch ends with a look at the file that is one too many, and the next begins in the folder that it ended in.
    let (names, listings) = steps.looked();
    assert!(names <= 21_000 + stretches * (OWN + 1), "{names} looks");
    assert!(listings <= 210 + stretches * 3, "{listings} listings");
}

/// A folder that cannot be looked into is not an empty one, whichever thread it is that cannot.
#[tokio::test]
async fn no_look_that_fails_is_read_as_nothing_being_there() {
    let root = temporary();
    make_old(root.path(), 4, 11);
    let steps = Steps::default();
    assert_eq!(news_of(&counted(root.path(), steps.clone()), &[]).await.unwrap().entries.len(), 44);
    let (names, listings) = steps.looked();
    for at in 1..=names + listings {
        let blind = counted(root.path(), Steps::blind_at(at));
        assert!(matches!(news_of(&blind, &[]).await, Err(FileError::Storage { .. })), "look {at}");
        let blind = counted(root.path(), Steps::blind_at(at));
        assert!(matches!(blind.list(None, None).await, Err(FileError::Storage { .. })), "look {at} of a listing");
    }
}

async fn news_of(directory: &Directory, known: &[u64]) -> Result<News, FileError> {
    news::news(directory, known.to_vec(), &[]).await
}

#[tokio::test]
async fn too_much_that_cannot_be_lent_is_said_to_be_too_much() {
    let root = temporary();
    fs::create_dir(root.path().join("links")).unwrap();
    for number in 0..=MOST_ENTRIES {
        symlink("/nowhere", root.path().join(format!("links/{number:05}"))).unwrap();
    }
    let directory = Directory::open(root.path()).unwrap();
    assert_eq!(news_of(&directory, &[]).await.unwrap(), News { too_many: true, ..News::default() });
    fs::remove_file(root.path().join("links/00000")).unwrap();
    assert_eq!(news_of(&directory, &[]).await.unwrap().skipped.len(), MOST_ENTRIES);
}

/// One thing in a workspace: where, and what.
#[derive(Clone, Debug)]
struct Made {
    folders: Vec<&'static str>,
    name: &'static [u8],
    what: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    File,
    Executable,
    Link,
    Socket,
}

/// Names that sort on either side of a slash, and such as cannot be lent.
const NAMES: [&[u8]; 16] = [
    b"a",
    b"a.md",
    b"a-b",
    b"a0",
    b"b",
    b"c c",
    "ä".as_bytes(),
    b"README.md",
    b".git",
    b"con",
    b"a:b",
    b"end.",
    b"\xff\xfe",
    b"line\nbreak",
    b".gitlab-sync.md",
    b"git~1",
];
const FOLDERS: [&str; 6] = ["a", "a-b", "d", "ä", "b.md", ".git"];

fn made() -> impl Strategy<Value = Made> {
    let what =
        prop_oneof![6 => Just(Kind::File), 1 => Just(Kind::Executable), 1 => Just(Kind::Link), 1 => Just(Kind::Socket)];
    (proptest::collection::vec(select(&FOLDERS[..]), 0..4), select(&NAMES[..]), what)
        .prop_map(|(folders, name, what)| Made { folders, name, what })
}

/// What stands in the way of another stays.
fn make(root: &Path, made: &Made) -> io::Result<()> {
    let folder = root.join(made.folders.join("/"));
    fs::create_dir_all(&folder)?;
    let path = folder.join(OsStr::from_bytes(made.name));
    match made.what {
        Kind::File => fs::write(path, made.name),
        Kind::Executable => {
            fs::write(&path, made.name)?;
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        }
        Kind::Link => symlink("a", path),
        Kind::Socket => std::os::unix::net::UnixListener::bind(path).map(drop),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Threads are asked for after three files here, and four names are a piece of work.
    #[test]
    fn several_threads_tell_what_a_listing_tells_and_in_its_order(
        all in proptest::collection::vec(made(), 0..60),
        picks in proptest::collection::vec((any::<Index>(), 0..3), 0..40),
    ) {
        let root = temporary();
        for one in &all {
            _ = make(root.path(), one);
        }
        let directory = Directory::open(root.path()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let listing = directory.list(None, None).await.unwrap();
            let paths: Vec<_> = listing.entries.iter().map(|entry| entry.path.clone()).collect();
            prop_assert!(paths.is_sorted() && paths.iter().collect::<BTreeSet<_>>().len() == paths.len());
            let (mut known, mut asked) = (vec![8, 9], vec![WorkspacePath::parse("not/there").unwrap()]);
            for (index, how) in picks.iter().filter(|_| !paths.is_empty()) {
                let entry = index.get(&listing.entries);
                match how {
                    0 => known.push(mark_of_content(&entry.path, &entry.version, entry.executable)),
                    1 => known.push(mark_of_name(&entry.path)),
                    _ => asked.push(entry.path.clone()),
                }
            }
            // Versions change once, when the files are some ticks old.
            loop {
                let told = news::news(&directory, known.clone(), &asked).await.unwrap();
                let by_listing = news::by_listing(&directory, known.clone(), &asked).await.unwrap();
                if told == news::news(&directory, known.clone(), &asked).await.unwrap() {
                    prop_assert_eq!(told, by_listing);
                    return Ok(());
                }
            }
        })?;
    }

    /// Wherever the one before it ended.
    #[test]
    fn a_stretch_is_what_is_left_of_the_whole(all in proptest::collection::vec(made(), 0..40), after in "[a-d0./ä-]{0,6}") {
        let root = temporary();
        for one in &all {
            _ = make(root.path(), one);
        }
        let shared = home::together(&dir(root.path()), &Steps::default()).unwrap();
        let below = [None, Some("a"), Some("a-b/d"), Some("ä")];
        for below in below.map(|below| below.map(|path| WorkspacePath::parse(path).unwrap())) {
            let list = |after| walk::list(&shared.root, below.as_ref(), after);
            // A link is in the way.
            let Ok(whole) = list(None) else { continue };
            let stretch = list(Some(after.as_str())).unwrap();
            if list(None).unwrap() != whole {
                // Some of the files are old enough now to have another version.
                continue;
            }
            let left = whole.entries.iter().filter(|entry| entry.path.as_str() > after.as_str());
            prop_assert!(left.eq(&stretch.entries), "{below:?} {after} {stretch:?}");
            let left = whole.skipped.iter().filter(|skipped| skipped.path.as_str() > after.as_str());
            prop_assert!(left.eq(&stretch.skipped), "{below:?} {after} {stretch:?}");
        }
    }
}
