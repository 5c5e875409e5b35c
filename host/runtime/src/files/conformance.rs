//! What every [`Workspace`] must do, as checks that a product runs on its own implementation.
//!
//! Not checked here, because it can't be from outside: that a batch survives the death of the process whole or not at all.

use super::news::{News, mark_of_content, news};
use super::{
    Batch, Change, Content, Delete, Entry, Expectation, FileError, Listing, MOST_ENTRIES, MOST_FILE_BYTES,
    MOST_READ_BYTES, Version, Workspace, WorkspacePath, Write,
};

/// Runs every check, each on a new and empty workspace.
///
/// # Panics
///
/// On the first thing that is not as the contract says, with a sentence that says what.
pub async fn check<W: Workspace>(make: impl Fn() -> W) {
    an_empty_workspace_lists_nothing(&make()).await;
    what_is_written_is_listed_and_read(&make()).await;
    a_listing_is_ordered_by_bytes_and_limited_to_a_folder(&make()).await;
    a_long_listing_comes_in_stretches(&make()).await;
    reading_what_is_missing_names_it(&make()).await;
    reading_too_much_is_refused(&make()).await;
    a_write_changes_the_version_at_once(&make()).await;
    a_batch_that_is_not_as_expected_changes_nothing(&make()).await;
    a_deleted_file_is_gone(&make()).await;
    a_file_gives_way_to_a_folder_and_back(&make()).await;
    a_file_that_stays_keeps_its_place(&make()).await;
    names_of_all_scripts_are_kept_as_they_are(&make()).await;
    every_edit_is_news_until_it_is_known(&make()).await;
    a_look_tells_what_a_listing_tells(&make()).await;
}

async fn an_empty_workspace_lists_nothing(workspace: &impl Workspace) {
    assert_eq!(list(workspace, None, None).await, Listing::default(), "an empty workspace lists nothing");
    assert_eq!(list(workspace, Some("none"), None).await, Listing::default(), "a missing folder lists nothing");
    assert_eq!(apply(workspace, vec![]).await, [], "an empty batch writes nothing");
    assert_eq!(workspace.read(&[]).await.ok(), Some(vec![]), "reading nothing gives nothing");
}

async fn what_is_written_is_listed_and_read(workspace: &impl Workspace) {
    let bytes = [b"a\0b\r\n".as_slice(), &[0xff, 0xfe]].concat();
    let written = apply(workspace, vec![create("b/c.md", &bytes), create("a.md", b"")]).await;
    assert_eq!(written.len(), 2, "one version for each written path");
    let listing = list(workspace, None, None).await;
    let seen: Vec<_> = listing.entries.iter().map(|entry| (entry.path.as_str(), entry.size)).collect();
    assert_eq!(seen, [("a.md", 0), ("b/c.md", 7)], "all that was written is listed, with its size");
    let versions: Vec<_> = listing.entries.iter().map(|entry| entry.version.clone()).collect();
    assert_eq!(versions, [written[1].clone(), written[0].clone()], "a listing gives the versions that `apply` gave");
    let read = read(workspace, &["b/c.md", "a.md", "b/c.md"]).await;
    let again = (bytes.clone(), written[0].clone());
    let expected = [again.clone(), (vec![], written[1].clone()), again];
    let read: Vec<_> = read.into_iter().map(|content| (content.bytes, content.version)).collect();
    assert_eq!(read, expected, "contents come in the order asked, byte for byte, with the same versions");
}

async fn a_listing_is_ordered_by_bytes_and_limited_to_a_folder(workspace: &impl Workspace) {
    // `-` and `.` sort before `/`, `0` after it: a folder stands where its name with a slash stands.
    let paths = ["a-b/x", "a.md", "a/b/c", "a/b/d", "a/z", "a0", "ä"];
    apply(workspace, paths.iter().rev().map(|path| create(path, b"x")).collect()).await;
    let named =
        |listing: Listing| -> Vec<String> { listing.entries.iter().map(|entry| entry.path.to_string()).collect() };
    assert_eq!(named(list(workspace, None, None).await), paths, "in the order of their bytes");
    assert_eq!(named(list(workspace, Some("a"), None).await), ["a/b/c", "a/b/d", "a/z"], "below a folder");
    assert_eq!(named(list(workspace, Some("a/b"), None).await), ["a/b/c", "a/b/d"], "below a deeper folder");
    assert_eq!(named(list(workspace, Some("a.md"), None).await), [""; 0], "nothing is below a file");
    for (index, after) in paths.iter().enumerate() {
        assert_eq!(named(list(workspace, None, Some(after)).await), paths[index + 1..], "after `{after}`");
    }
    assert_eq!(named(list(workspace, None, Some("a/b/cc")).await), paths[3..], "after a path that is not there");
    assert_eq!(named(list(workspace, Some("a"), Some("a/b/d")).await), ["a/z"], "both limits at once");
}

async fn a_long_listing_comes_in_stretches(workspace: &impl Workspace) {
    let paths: Vec<String> = (0..MOST_ENTRIES + 5).map(|number| format!("f{}/{number:05}", number / 4000)).collect();
    apply(workspace, paths.iter().map(|path| create(path, b"x")).collect()).await;
    let first = list(workspace, None, None).await;
    assert!(first.more && first.entries.len() == MOST_ENTRIES, "the first stretch is full and says that more follow");
    let last = first.entries[MOST_ENTRIES - 1].path.as_str();
    let second = list(workspace, None, Some(last)).await;
    assert!(!second.more, "the last stretch says that it is the last");
    let all: Vec<&str> = first.entries.iter().chain(&second.entries).map(|entry| entry.path.as_str()).collect();
    assert_eq!(all, paths, "the stretches are all files, once each");
}

async fn reading_what_is_missing_names_it(workspace: &impl Workspace) {
    apply(workspace, vec![create("a/b", b"x")]).await;
    for missing in ["c", "a", "a/c", "a/b/c"] {
        let error = workspace.read(&[path("a/b"), path(missing)]).await;
        let named = matches!(&error, Err(FileError::NotFound(named)) if named.as_str() == missing);
        assert!(named, "reading `{missing}` says that it does not exist: {error:?}");
    }
}

async fn reading_too_much_is_refused(workspace: &impl Workspace) {
    let half = usize::try_from(MOST_READ_BYTES / 2).expect("a few MiB") + 1;
    let whole = usize::try_from(MOST_FILE_BYTES).expect("a few MiB");
    let written = [("half", half), ("other", half), ("most", whole), ("more", whole + 1)];
    apply(workspace, written.iter().map(|(path, size)| create(path, &vec![7; *size])).collect()).await;
    let two = workspace.read(&[path("half"), path("other")]).await;
    assert!(matches!(two, Err(FileError::TooLarge { limit: MOST_READ_BYTES })), "two files past the limit are refused");
    assert_eq!(read(workspace, &["most"]).await[0].bytes.len(), whole, "a large file can be read alone");
    let more = workspace.read(&[path("more")]).await;
    assert!(matches!(more, Err(FileError::TooLarge { limit: MOST_FILE_BYTES })), "a file past its limit is refused");
}

async fn a_write_changes_the_version_at_once(workspace: &impl Workspace) {
    let mut versions = apply(workspace, vec![create("a", b"0")]).await;
    for digit in 1..10 {
        let last = versions[versions.len() - 1].clone();
        let next = apply(workspace, vec![replace("a", &[b'0' + digit], &last)]).await;
        assert!(!versions.contains(&next[0]), "other bytes of the same size have another version");
        versions.extend(next);
    }
    assert_eq!(read(workspace, &["a"]).await[0].bytes, b"9", "the last write is there");
}

async fn a_batch_that_is_not_as_expected_changes_nothing(workspace: &impl Workspace) {
    let old = apply(workspace, vec![create("kept", b"1"), create("other", b"1")]).await;
    let new = apply(workspace, vec![replace("other", b"2", &old[1])]).await;
    let before = list(workspace, None, None).await;
    let stale = [
        (replace("other", b"3", &old[1]), "a write over an older version"),
        (create("other", b"3"), "a write that expects nothing there"),
        (replace("missing", b"3", &new[0]), "a write over a missing file"),
        (delete("other", &old[1]), "a delete of an older version"),
        (delete("missing", &new[0]), "a delete of a missing file"),
        (
            Change::Delete(Delete { path: path("other"), expected: Expectation::Absent }),
            "a delete of what is expected absent",
        ),
    ];
    for (change, what) in stale {
        let culprit = change.path().clone();
        let around = vec![create("first", b"1"), change, replace("kept", b"9", &old[0])];
        let error = workspace.apply(batch(around)).await;
        let named = matches!(&error, Err(FileError::Changed(named)) if *named == [culprit]);
        assert!(named, "{what} names the path and no other: {error:?}");
        assert_eq!(list(workspace, None, None).await, before, "{what} changes nothing");
    }
}

async fn a_deleted_file_is_gone(workspace: &impl Workspace) {
    let versions = apply(workspace, vec![create("a/b/c", b"1"), create("a/d", b"1"), create("e", b"1")]).await;
    let absent = Change::Delete(Delete { path: path("never"), expected: Expectation::Absent });
    let written = apply(workspace, vec![delete("a/b/c", &versions[0]), absent, delete("e", &versions[2])]).await;
    assert_eq!(written, [], "deletes have no version");
    let listing = list(workspace, None, None).await;
    assert!(listing.entries.len() == 1 && listing.skipped.is_empty(), "only the other file is left");
    let again = apply(workspace, vec![create("e", b"1")]).await;
    assert_ne!(again[0], versions[2], "a file that comes back does not have its old version");
}

async fn a_file_gives_way_to_a_folder_and_back(workspace: &impl Workspace) {
    let first = apply(workspace, vec![create("a", b"1")]).await;
    let second = apply(workspace, vec![create("a/b/c", b"2"), delete("a", &first[0]), create("a/d", b"3")]).await;
    assert_eq!(list(workspace, Some("a"), None).await.entries.len(), 2, "a file became a folder in one batch");
    apply(workspace, vec![delete("a/d", &second[1]), create("a", b"4"), delete("a/b/c", &second[0])]).await;
    let listing = list(workspace, None, None).await;
    assert_eq!(listing.entries.len(), 1, "a folder became a file in one batch");
    assert_eq!(read(workspace, &["a"]).await[0].bytes, b"4", "and it is the new file");
}

async fn a_file_that_stays_keeps_its_place(workspace: &impl Workspace) {
    let versions = apply(workspace, vec![create("a", b"1"), create("b/c", b"1"), create("b/d", b"1")]).await;
    let before = list(workspace, None, None).await;
    for change in [create("a/x", b"2"), create("b", b"2")] {
        let culprit = change.path().clone();
        let error = workspace.apply(batch(vec![change, delete("b/c", &versions[1])])).await;
        let named = matches!(&error, Err(FileError::Changed(named)) if *named == [culprit]);
        assert!(named, "what is in the way is not removed without being asked: {error:?}");
        assert_eq!(list(workspace, None, None).await, before, "and nothing is changed");
    }
}

async fn names_of_all_scripts_are_kept_as_they_are(workspace: &impl Workspace) {
    let paths = ["a b/c'd.md", "ünï/ßẞ.md", "日本語/説明.md", "🦊.md", "--flag", "~", "%2e%2e", "a&b;c$d`e`"];
    apply(workspace, paths.iter().map(|path| create(path, path.as_bytes())).collect()).await;
    let mut expected = paths;
    expected.sort_unstable();
    let listing = list(workspace, None, None).await;
    let named: Vec<_> = listing.entries.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(named, expected, "names come back as they were given");
    for content in read(workspace, &paths).await {
        assert_eq!(content.bytes, content.path.as_str().as_bytes(), "each with its own content");
    }
}

async fn every_edit_is_news_until_it_is_known(workspace: &impl Workspace) {
    let mut versions = apply(workspace, vec![create("a", b"0"), create("still", b"0")]).await;
    let still = mark_of_content(&path("still"), &versions[1], false);
    for digit in 1..5 {
        let mark = mark_of_content(&path("a"), &versions[0], false);
        assert_eq!(tell(workspace, vec![mark, still]).await, News::default(), "what `apply` said is known");
        versions = apply(workspace, vec![replace("a", &[b'0' + digit], &versions[0])]).await;
        let news = tell(workspace, vec![mark, still]).await;
        let told: Vec<_> = news.entries.iter().map(|entry| (entry.path.as_str(), &entry.version)).collect();
        assert_eq!(told, [("a", &versions[0])], "an edit of the same size in the same moment is told");
        assert_eq!(news.missing, [mark], "and what it replaced is missed");
    }
}

async fn a_look_tells_what_a_listing_tells(workspace: &impl Workspace) {
    let tool = Write { path: path("b/tool"), bytes: b"#!".to_vec(), executable: true, expected: Expectation::Absent };
    let versions = apply(workspace, vec![create("a.md", b"1"), create("b/c/d.md", b""), Change::Write(tool)]).await;
    let listed = list(workspace, None, None).await.entries;
    let asked = ["b/tool", "none", "a.md", "b", "b/c/d.md", "b/c", "a.md/x", "b/c/none", "b/none/x", "a.md"];
    let expected = asked.map(|asked| listed.iter().find(|entry| entry.path.as_str() == asked).cloned());
    assert_eq!(look(workspace, &asked).await, expected, "in the order asked, and nothing where there is no file");
    assert_eq!(look(workspace, &[]).await, [], "looking at nothing");
    let next = apply(workspace, vec![replace("a.md", b"2", &versions[0]), delete("b/c/d.md", &versions[1])]).await;
    let seen = look(workspace, &["b/c/d.md", "a.md"]).await;
    let versions: Vec<_> = seen.iter().map(|entry| entry.as_ref().map(|entry| &entry.version)).collect();
    assert_eq!(versions, [None, Some(&next[0])], "as it is now");
    let many: Vec<_> = (0..=MOST_ENTRIES).map(|number| path(&number.to_string())).collect();
    assert!(workspace.look(&many[1..]).await.is_ok(), "as many as in a listing");
    let more = workspace.look(&many).await;
    assert!(matches!(more, Err(FileError::TooLarge { .. })), "more paths than in a listing are refused");
}

async fn look(workspace: &impl Workspace, paths: &[&str]) -> Vec<Option<Entry>> {
    let paths: Vec<_> = paths.iter().copied().map(path).collect();
    workspace.look(&paths).await.expect("a look")
}

async fn tell(workspace: &impl Workspace, known: Vec<u64>) -> News {
    news(workspace, known, &[]).await.expect("news")
}

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::parse(text).expect("a safe path")
}

fn batch(changes: Vec<Change>) -> Batch {
    Batch::new(changes).expect("changes that fit together")
}

fn create(at: &str, bytes: &[u8]) -> Change {
    write(at, bytes, Expectation::Absent)
}

fn replace(at: &str, bytes: &[u8], version: &Version) -> Change {
    write(at, bytes, Expectation::Version(version.clone()))
}

fn write(at: &str, bytes: &[u8], expected: Expectation) -> Change {
    Change::Write(Write { path: path(at), bytes: bytes.to_vec(), executable: false, expected })
}

fn delete(at: &str, version: &Version) -> Change {
    Change::Delete(Delete { path: path(at), expected: Expectation::Version(version.clone()) })
}

async fn list(workspace: &impl Workspace, below: Option<&str>, after: Option<&str>) -> Listing {
    workspace.list(below.map(path).as_ref(), after).await.expect("a listing")
}

async fn read(workspace: &impl Workspace, paths: &[&str]) -> Vec<Content> {
    let paths: Vec<_> = paths.iter().copied().map(path).collect();
    workspace.read(&paths).await.expect("contents")
}

async fn apply(workspace: &impl Workspace, changes: Vec<Change>) -> Vec<Version> {
    workspace.apply(batch(changes)).await.expect("a batch that fits")
}
