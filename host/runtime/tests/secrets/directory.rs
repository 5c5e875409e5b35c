//! The folder: who may read it, what lies in it, what happens to what does not belong there.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gitlab_sync_host::secrets::directory::DirectoryStore;
use gitlab_sync_host::secrets::store::{Change, LockName, RecordName, SecretStore, StoreError};
use gitlab_sync_host::secrets::vault::{Vault, VaultError};

use crate::support::{connection, master, slot, stored, text};

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn names(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn vault_in(path: &Path) -> Vault {
    let vault = Vault::new(Arc::new(DirectoryStore::open(path).unwrap()), master(1));
    vault.put(&connection("1"), &slot("token"), &stored("canary")).await.unwrap();
    vault
}

#[tokio::test]
async fn folder_and_files_are_for_their_owner_alone_and_nothing_else_is_left() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("vault");
    let vault = vault_in(&path).await;
    vault.put(&connection("1"), &slot("webhook"), &stored("canary")).await.unwrap();
    assert_eq!((mode(&path), mode(&path.join("1.secrets"))), (0o700, 0o600));
    assert_eq!(names(&path), ["1.secrets"]);
    let content = std::fs::read(path.join("1.secrets")).unwrap();
    assert!(content.starts_with(b"gitlab-sync secrets 1\n@key ") && !content.windows(6).any(|part| part == b"canary"));
    vault.forget_connection(&connection("1")).await.unwrap();
    assert_eq!(names(&path), Vec::<String>::new());
}

#[tokio::test]
async fn a_folder_or_file_that_others_can_read_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("vault");
    let vault = vault_in(&path).await;
    for mode in [0o640, 0o604, 0o620, 0o601] {
        set_mode(&path.join("1.secrets"), mode);
        let error = vault.reveal(&connection("1"), &slot("token")).await.unwrap_err();
        let VaultError::Store(StoreError::Open { mode: seen, .. }) = &error else { panic!("{error}") };
        assert_eq!(*seen, mode);
        assert!(error.hint().unwrap().starts_with("`chmod 600 "), "{:?}", error.hint());
        vault.put(&connection("1"), &slot("token"), &stored("other")).await.unwrap_err();
    }
    set_mode(&path.join("1.secrets"), 0o400);
    assert_eq!(text(&vault, "1", "token").await.as_deref(), Some("canary"));
    for mode in [0o750, 0o705, 0o701, 0o777] {
        set_mode(&path, mode);
        assert!(matches!(DirectoryStore::open(&path), Err(StoreError::Open { .. })), "{mode:o}");
    }
}

#[tokio::test]
async fn links_and_strange_things_are_refused() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("vault");
    let vault = vault_in(&path).await;
    symlink(&path, parent.path().join("link")).unwrap();
    assert!(matches!(DirectoryStore::open(parent.path().join("link")), Err(StoreError::Foreign(_))));
    std::fs::write(parent.path().join("file"), "").unwrap();
    assert!(matches!(DirectoryStore::open(parent.path().join("file")), Err(StoreError::Foreign(_))));
    assert!(matches!(DirectoryStore::open(parent.path().join("a/b")), Err(StoreError::Io { .. })));

    symlink(path.join("1.secrets"), path.join("2.secrets")).unwrap();
    std::fs::create_dir(path.join("3.secrets")).unwrap();
    for id in ["2", "3"] {
        let error = vault.reveal(&connection(id), &slot("token")).await.unwrap_err();
        assert!(matches!(error, VaultError::Store(StoreError::Foreign(_))), "{id}: {error}");
    }
    // What a killed process or an attacker left under the name of the next change is replaced, not followed.
    symlink(parent.path().join("file"), path.join(".1.new")).unwrap();
    vault.put(&connection("1"), &slot("token"), &stored("new")).await.unwrap();
    assert_eq!(std::fs::read(parent.path().join("file")).unwrap(), b"");
    assert_eq!(text(&vault, "1", "token").await.as_deref(), Some("new"));
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_never_an_empty_connection() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("vault");
    let vault = vault_in(&path).await;
    let file = path.join("1.secrets");
    let good = std::fs::read_to_string(&file).unwrap();
    let token = good.lines().nth(2).unwrap();
    let cases = [
        String::new(),
        "something else\n".to_owned(),
        good.replace("secrets 1", "secrets 2"),
        good[..good.len() - 1].to_owned(),
        format!("{good}\n"),
        good.replace("end\n", "@what AAAA\nend\n"),
        good.replace("end\n", "next not-base64!\nend\n"),
        good.replace("end\n", &format!("{token}\nend\n")),
        good.replace("end\n", "endend\n"),
    ];
    for damaged in cases {
        std::fs::write(&file, &damaged).unwrap();
        let error = vault.reveal(&connection("1"), &slot("token")).await.unwrap_err();
        assert!(matches!(error, VaultError::Store(StoreError::Damaged { .. })), "{error}: {damaged}");
        vault.put(&connection("1"), &slot("token"), &stored("new")).await.unwrap_err();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), damaged, "not overwritten");
    }
    for length in 0..good.len() {
        std::fs::write(&file, &good[..length]).unwrap();
        vault.reveal(&connection("1"), &slot("token")).await.expect_err("cut at any byte");
    }
}

#[tokio::test]
async fn no_connection_id_leaves_the_folder_or_meets_another_one() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("vault");
    let store = DirectoryStore::open(&path).unwrap();
    let ids = ["a", "a-b", "-", "--", "0", "con", "nul", "x-lock", "lock", &"-".repeat(64), &"x".repeat(64)];
    for (number, id) in ids.iter().enumerate() {
        let change = Change::Put(RecordName::Slot(slot("s")), vec![u8::try_from(number).unwrap()]);
        store.apply(&connection(id), vec![change]).await.unwrap();
    }
    for (number, id) in ids.iter().enumerate() {
        let records = store.read(&connection(id)).await.unwrap();
        assert_eq!(records[&RecordName::Slot(slot("s"))], [u8::try_from(number).unwrap()], "{id}");
    }
    let mut found = store.connections().await.unwrap();
    found.sort();
    let mut expected: Vec<_> = ids.iter().map(|id| connection(id)).collect();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(names(parent.path()), ["vault"]);
    let lower: std::collections::BTreeSet<_> = names(&path).iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(lower.len(), ids.len(), "different on file systems that ignore case");
}

#[tokio::test]
async fn a_lock_is_held_against_everybody_until_it_is_dropped_and_leaves_no_file() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("vault");
    let (one, two) = (DirectoryStore::open(&path).unwrap(), DirectoryStore::open(&path).unwrap());
    let (id, name) = (connection("1"), LockName::Slot(slot("token")));
    let held = one.lock(&id, &name).await.unwrap();
    let other = two.lock(&id, &LockName::Slot(slot("webhook"))).await.unwrap();
    tokio::time::timeout(Duration::from_millis(100), two.lock(&id, &name)).await.err().expect("somebody has it");
    assert_eq!(names(&path), ["1.token.lock", "1.webhook.lock"]);
    drop(held);
    let again = tokio::time::timeout(Duration::from_secs(10), two.lock(&id, &name)).await.expect("free").unwrap();
    drop((again, other));
    assert_eq!(names(&path), Vec::<String>::new());
}

#[tokio::test]
async fn a_change_that_cannot_be_written_leaves_the_old_one() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("vault");
    let vault = vault_in(&path).await;
    std::fs::create_dir(path.join(".1.new")).unwrap();
    let error = vault.put(&connection("1"), &slot("token"), &stored("new")).await.unwrap_err();
    assert!(matches!(error, VaultError::Store(StoreError::Io { .. })), "{error}");
    assert_eq!(text(&vault, "1", "token").await.as_deref(), Some("canary"));
    std::fs::remove_dir(path.join(".1.new")).unwrap();
    vault.put(&connection("1"), &slot("token"), &stored("new")).await.unwrap();
    assert_eq!(text(&vault, "1", "token").await.as_deref(), Some("new"));
}
