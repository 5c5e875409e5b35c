//! State in a directory: what is left of it when the process dies, when bytes go bad, and when several use it.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::fs;
use std::path::Path;

use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::state::directory::Directory;
use gitlab_sync_host::state::{Key, Put, StateError, StateStore, conformance};

fn room() -> ConnectionId {
    ConnectionId::parse("acme").unwrap()
}

fn put(key: &str, bytes: &[u8], expected: u64) -> Put {
    Put { key: Key::parse(key).unwrap(), bytes: Some(bytes.to_vec()), expected }
}

async fn get(store: &Directory, key: &str) -> Option<(Vec<u8>, u64)> {
    let value = store.get(&room(), &Key::parse(key).unwrap()).await.unwrap();
    value.map(|value| (value.bytes, value.version))
}

fn log(root: &Path) -> std::path::PathBuf {
    root.join("room-acme.log")
}

#[tokio::test]
async fn the_directory_store_conforms() {
    let root = tempfile::tempdir().unwrap();
    let next = std::cell::Cell::new(0);
    conformance::check(|| {
        next.set(next.get() + 1);
        Directory::open(&root.path().join(next.get().to_string())).unwrap()
    })
    .await;
}

#[test]
fn keys_are_1_to_128_of_a_few_letters() {
    for good in ["a", "base/7.a-b", "..", "/", &"x".repeat(128)] {
        assert_eq!(Key::parse(good).unwrap().as_str(), good);
    }
    for bad in ["", "A", "a b", "a_b", "a\0", "ä", "a\n", "a\\b", &"x".repeat(129)] {
        assert!(matches!(Key::parse(bad), Err(StateError::Invalid(_))), "{bad:?}");
    }
}

/// Behind the last record, to say that it is on disk.
const SEAL: u64 = 36;

/// Four commits of two keys each; where each of them ends.
async fn four_commits(root: &Path) -> Vec<u64> {
    let store = Directory::open(root).unwrap();
    let mut ends = Vec::new();
    for number in 0..4 {
        let value = format!("value {number}");
        store
            .commit(&room(), vec![put("a", value.as_bytes(), number), put("b", value.as_bytes(), number)])
            .await
            .unwrap();
        ends.push(fs::metadata(log(root)).unwrap().len() - SEAL);
    }
    ends
}

#[tokio::test]
async fn a_log_that_was_cut_at_any_byte_holds_every_commit_before_the_cut() {
    let root = tempfile::tempdir().unwrap();
    let ends = four_commits(root.path()).await;
    let whole = fs::read(log(root.path())).unwrap();
    let start = 37;
    let mut tried = 0;
    for cut in start..=whole.len() {
        for tail in [0, 100] {
            // A file system may also have given the space and never filled it.
            let bytes = [&whole[..cut], &vec![0; tail]].concat();
            fs::write(log(root.path()), bytes).unwrap();
            let store = Directory::open(root.path()).unwrap();
            let commits = ends.iter().filter(|end| **end <= cut as u64).count() as u64;
            let expected = commits.checked_sub(1).map(|last| (format!("value {last}").into_bytes(), commits));
            assert_eq!(get(&store, "a").await, expected, "cut at {cut}");
            assert_eq!(get(&store, "b").await, expected, "cut at {cut}");
            store.commit(&room(), vec![put("a", b"after", commits)]).await.unwrap();
            let again = Directory::open(root.path()).unwrap();
            assert_eq!(get(&again, "a").await, Some((b"after".to_vec(), commits + 1)), "cut at {cut}");
            assert_eq!(get(&again, "b").await, expected, "cut at {cut}");
            tried += 1;
        }
    }
    assert!(tried > 300, "{tried} cuts");
}

/// Heads and tables say what is there, so that nothing is trusted when one of them is damaged.
#[tokio::test]
async fn a_bad_byte_in_what_says_what_is_there_is_an_error_and_nothing_is_thrown_away() {
    let root = tempfile::tempdir().unwrap();
    let ends = four_commits(root.path()).await;
    let whole = fs::read(log(root.path())).unwrap();
    let values: Vec<_> = ends.iter().flat_map(|end| *end - 14..*end).collect();
    // But for the digits that tell one file from another, which may be any.
    for at in (0..20).chain(37..ends[3]).filter(|at| !values.contains(at)) {
        let mut bytes = whole.clone();
        bytes[usize::try_from(at).unwrap()] ^= 0x01;
        fs::write(log(root.path()), &bytes).unwrap();
        let store = Directory::open(root.path()).unwrap();
        let read = store.get(&room(), &Key::parse("a").unwrap()).await;
        assert!(matches!(read, Err(StateError::Storage { .. })), "byte {at}: {read:?}");
        let written = store.commit(&room(), vec![put("a", b"x", 4)]).await;
        assert!(matches!(written, Err(StateError::Storage { .. })), "byte {at}: {written:?}");
        assert_eq!(fs::read(log(root.path())).unwrap(), bytes, "nothing is changed");
    }
}

/// A value is held against its hash when it is asked for, and by nobody who does not need it.
#[tokio::test]
async fn a_bad_byte_in_a_value_is_told_with_its_place_until_the_value_is_replaced() {
    let root = tempfile::tempdir().unwrap();
    let ends = four_commits(root.path()).await;
    let whole = fs::read(log(root.path())).unwrap();
    for (at, begin) in (ends[3] - 14..ends[3] - 7).map(|at| (at, ends[3] - 14)) {
        let mut bytes = whole.clone();
        bytes[usize::try_from(at).unwrap()] ^= 0x01;
        fs::write(log(root.path()), &bytes).unwrap();
        let store = Directory::open(root.path()).unwrap();
        let error = store.get(&room(), &Key::parse("a").unwrap()).await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, format!("the file is damaged at byte {begin}; restore it from a backup"));
        assert_eq!(get(&store, "b").await, Some((b"value 3".to_vec(), 4)), "others are not");
        // As often as it takes to have the file written anew, if it could be.
        for version in 0..8 {
            store.commit(&room(), vec![put("large", &vec![7; 400_000], version)]).await.unwrap();
        }
        assert!(store.get(&room(), &Key::parse("a").unwrap()).await.is_err(), "no rewriting makes it a good one");
        store.commit(&room(), vec![put("a", b"anew", 4)]).await.unwrap();
        let again = Directory::open(root.path()).unwrap();
        assert_eq!(get(&again, "a").await, Some((b"anew".to_vec(), 5)));
        assert!(fs::metadata(log(root.path())).unwrap().len() < 500_000, "now it could");
    }
}

#[tokio::test]
async fn a_file_of_the_older_form_is_told_and_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let store = Directory::open(root.path()).unwrap();
    let older = b"gitlab-sync state 1 0123456789abcdef\nand its records";
    fs::write(log(root.path()), older).unwrap();
    let read = store.get(&room(), &Key::parse("a").unwrap()).await.unwrap_err();
    let written = store.commit(&room(), vec![put("a", b"x", 0)]).await.unwrap_err();
    for error in [read, written] {
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("older version") && cause.contains("configure anew"), "{cause}");
    }
    assert_eq!(fs::read(log(root.path())).unwrap(), older);
}

/// The system may bring the next record to disk from its end on, with the seal still before it.
#[tokio::test]
async fn what_is_behind_the_seal_was_never_confirmed() {
    let root = tempfile::tempdir().unwrap();
    four_commits(root.path()).await;
    let whole = fs::read(log(root.path())).unwrap();
    for junk in [vec![1; 3], vec![1; 300], [vec![0; 100], vec![1; 100]].concat()] {
        fs::write(log(root.path()), [whole.as_slice(), &junk].concat()).unwrap();
        let store = Directory::open(root.path()).unwrap();
        assert_eq!(get(&store, "a").await, Some((b"value 3".to_vec(), 4)));
        store.commit(&room(), vec![]).await.unwrap();
        store.commit(&room(), vec![put("a", b"after", 4)]).await.unwrap();
        let again = Directory::open(root.path()).unwrap();
        assert_eq!(get(&again, "a").await, Some((b"after".to_vec(), 5)));
        assert_eq!(get(&again, "b").await, Some((b"value 3".to_vec(), 4)));
    }
}

#[tokio::test]
async fn the_log_stays_in_proportion_to_what_it_holds() {
    let root = tempfile::tempdir().unwrap();
    let stores = [Directory::open(root.path()).unwrap(), Directory::open(root.path()).unwrap()];
    stores[0].commit(&room(), vec![put("gone", b"x", 0), put("small", b"kept", 0)]).await.unwrap();
    stores[0].commit(&room(), vec![put("gone", b"x", 1)]).await.unwrap();
    stores[0].commit(&room(), vec![Put { key: Key::parse("gone").unwrap(), bytes: None, expected: 2 }]).await.unwrap();
    let mut version = 0;
    for turn in 0..40 {
        let bytes = vec![turn; 200_000];
        // In turns, so that each sees a file that the other has written anew.
        let store = &stores[usize::from(turn) % 2];
        store.commit(&room(), vec![put("large", &bytes, version)]).await.unwrap();
        let length = fs::metadata(log(root.path())).unwrap().len();
        assert!(length < 3 * 200_000 + (1 << 20), "{length} bytes for one value of 200,000");
        for store in &stores {
            let (seen, next) = get(store, "large").await.unwrap();
            assert!(seen == bytes && (next == version + 1 || version == 0));
            assert_eq!(get(store, "small").await, Some((b"kept".to_vec(), 1)));
            if std::ptr::eq(store, &stores[1]) {
                version = next;
            }
        }
    }
    stores[0].commit(&room(), vec![put("gone", b"y", 0)]).await.unwrap();
    assert_eq!(get(&stores[1], "gone").await.unwrap().1, 3, "also after a rewrite, no version comes twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_none_loses_a_count() {
    let root = tempfile::tempdir().unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let store = Directory::open(root.path()).unwrap();
            tokio::spawn(async move {
                for _ in 0..25 {
                    loop {
                        let (bytes, version) = get(&store, "count").await.unwrap_or((b"0".to_vec(), 0));
                        let next = String::from_utf8(bytes).unwrap().parse::<u32>().unwrap() + 1;
                        match store.commit(&room(), vec![put("count", next.to_string().as_bytes(), version)]).await {
                            Ok(()) => break,
                            Err(StateError::Changed(_)) => {}
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
    let store = Directory::open(root.path()).unwrap();
    assert_eq!(get(&store, "count").await, Some((b"100".to_vec(), 100)));
}

#[cfg(unix)]
#[tokio::test]
async fn no_one_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("state");
    let store = Directory::open(&path).unwrap();
    store.commit(&room(), vec![put("a", b"1", 0)]).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&log(&path))), (0o700, 0o600));
}
