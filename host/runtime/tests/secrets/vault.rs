//! What the vault keeps, and what somebody gets who has its store but not its key.

use std::sync::Arc;

use gitlab_sync_host::secrets::memory::MemoryStore;
use gitlab_sync_host::secrets::store::{Change, RecordName, SecretStore};
use gitlab_sync_host::secrets::vault::{Dates, SlotStatus, Vault, VaultError};

use crate::support::{connection, master, slot, stored, text};

async fn filled(store: &Arc<MemoryStore>) -> Vault {
    let vault = Vault::new(store.clone(), master(1));
    for (id, name, secret) in [("1", "token", "canary-a"), ("1", "webhook", "canary-b"), ("2", "token", "canary-c")] {
        vault.put(&connection(id), &slot(name), &stored(secret)).await.unwrap();
    }
    vault
}

#[tokio::test]
async fn what_is_put_is_found_again_by_the_next_process() {
    let store = Arc::new(MemoryStore::default());
    drop(filled(&store).await);
    let vault = Vault::new(store, master(1));
    assert_eq!(text(&vault, "1", "token").await.as_deref(), Some("canary-a"));
    assert_eq!(text(&vault, "2", "token").await.as_deref(), Some("canary-c"));
    assert_eq!(text(&vault, "2", "webhook").await, None);
    let expected = SlotStatus { present: Some(Dates { created_ms: 1, expires_ms: Some(2) }), unsettled_since_ms: None };
    assert_eq!(vault.status(&connection("1"), &slot("token")).await.unwrap(), expected);
    assert_eq!(vault.status(&connection("3"), &slot("token")).await.unwrap(), SlotStatus::default());
}

#[tokio::test]
async fn a_secret_moves_and_goes() {
    let store = Arc::new(MemoryStore::default());
    let vault = filled(&store).await;
    let one = connection("1");
    assert!(vault.rename(&one, &slot("webhook"), &slot("next")).await.unwrap());
    assert_eq!(text(&vault, "1", "webhook").await, None);
    assert_eq!(text(&vault, "1", "next").await.as_deref(), Some("canary-b"));
    assert!(!vault.rename(&one, &slot("webhook"), &slot("next")).await.unwrap());
    assert_eq!(text(&vault, "1", "next").await.as_deref(), Some("canary-b"));
    assert!(vault.rename(&one, &slot("next"), &slot("next")).await.unwrap());
    assert_eq!(text(&vault, "1", "next").await.as_deref(), Some("canary-b"));
    vault.forget(&one, &slot("next")).await.unwrap();
    vault.forget(&one, &slot("next")).await.unwrap();
    assert_eq!(text(&vault, "1", "next").await, None);
    vault.forget_connection(&one).await.unwrap();
    assert!(store.read(&one).await.unwrap().is_empty());
    assert_eq!(text(&vault, "2", "token").await.as_deref(), Some("canary-c"));
}

#[tokio::test]
async fn another_master_key_opens_nothing_and_says_which_one_is_needed() {
    let store = Arc::new(MemoryStore::default());
    filled(&store).await;
    let vault = Vault::new(store, master(2));
    let error = vault.reveal(&connection("1"), &slot("token")).await.unwrap_err();
    assert!(matches!(&error, VaultError::OtherMaster { needed, .. } if *needed == master(1).id()), "{error}");
    assert!(error.hint().unwrap().contains(&master(1).id().to_string()));
    let error = vault.put(&connection("1"), &slot("next"), &stored("x")).await.unwrap_err();
    assert!(matches!(error, VaultError::OtherMaster { .. }));
}

#[tokio::test]
async fn a_record_that_was_changed_moved_or_stripped_of_its_key_is_an_error_and_not_an_empty_slot() {
    let (one, two) = (connection("1"), connection("2"));
    let (token, webhook) = (RecordName::Slot(slot("token")), RecordName::Slot(slot("webhook")));
    for case in ["tampered", "other slot", "other connection", "other connection with its key", "no key"] {
        let store = Arc::new(MemoryStore::default());
        let vault = filled(&store).await;
        let (mine, theirs) = (store.read(&one).await.unwrap(), store.read(&two).await.unwrap());
        let mut tampered = mine[&token].clone();
        *tampered.last_mut().unwrap() ^= 1;
        let changes = match case {
            "tampered" => vec![Change::Put(token.clone(), tampered)],
            "other slot" => vec![Change::Put(token.clone(), mine[&webhook].clone())],
            "other connection" => vec![Change::Put(token.clone(), theirs[&token].clone())],
            "no key" => vec![Change::Delete(RecordName::Key)],
            _ => theirs.into_iter().map(|(name, sealed)| Change::Put(name, sealed)).collect(),
        };
        store.apply(&one, changes).await.unwrap();
        let error = vault.reveal(&one, &slot("token")).await.unwrap_err();
        assert!(matches!(error, VaultError::Sealed { .. } | VaultError::KeyMissing(_)), "{case}: {error}");
        vault.status(&one, &slot("token")).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
        vault.forget(&one, &slot("token")).await.expect("what does not open can be forgotten");
    }
}

#[tokio::test]
async fn no_secret_is_in_the_store_in_the_clear() {
    let store = Arc::new(MemoryStore::default());
    filled(&store).await;
    let held = format!("{store:?}");
    let raw: Vec<u8> = store.read(&connection("1")).await.unwrap().into_values().flatten().collect();
    assert!(!held.contains("canary") && !raw.windows(6).any(|window| window == b"canary"));
}

#[tokio::test]
async fn a_new_master_key_takes_the_place_of_the_old_one() {
    let store = Arc::new(MemoryStore::default());
    let vault = filled(&store).await;
    assert_eq!(vault.rotate_master(master(2)).await.unwrap(), 2);
    assert_eq!(text(&vault, "1", "webhook").await.as_deref(), Some("canary-b"));
    let old = Vault::new(store.clone(), master(1));
    old.reveal(&connection("1"), &slot("token")).await.unwrap_err();
    let new = Vault::new(store, master(2));
    assert_eq!(text(&new, "2", "token").await.as_deref(), Some("canary-c"));
    new.rotate_master(master(2)).await.expect("the same again changes nothing");
    assert_eq!(text(&new, "2", "token").await.as_deref(), Some("canary-c"));
}

#[tokio::test]
async fn a_new_data_key_makes_old_copies_of_the_key_worthless() {
    let store = Arc::new(MemoryStore::default());
    let vault = filled(&store).await;
    let one = connection("1");
    let before = store.read(&one).await.unwrap();
    vault.rotate_data_key(&one).await.unwrap();
    vault.rotate_data_key(&connection("nobody")).await.unwrap();
    assert_eq!(text(&vault, "1", "token").await.as_deref(), Some("canary-a"));
    assert_eq!(text(&vault, "1", "webhook").await.as_deref(), Some("canary-b"));
    let after = store.read(&one).await.unwrap();
    assert!(before.iter().all(|(name, sealed)| after[name] != *sealed), "every record is written anew");
    store.apply(&one, vec![Change::Put(RecordName::Key, before[&RecordName::Key].clone())]).await.unwrap();
    vault.reveal(&one, &slot("token")).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_and_rotations_at_once_lose_nothing() {
    let store = Arc::new(MemoryStore::default());
    let vault = Arc::new(Vault::new(store.clone(), master(1)));
    let mut tasks = tokio::task::JoinSet::new();
    for round in 0..20_u8 {
        let vault = vault.clone();
        tasks.spawn(async move {
            let id = connection(&format!("{}", round % 5));
            vault.put(&id, &slot(&format!("s{round}")), &stored("canary")).await.unwrap();
            match round % 10 {
                3 => vault.rotate_data_key(&id).await.unwrap(),
                7 => drop(vault.rotate_master(master(round)).await.unwrap()),
                _ => {}
            }
        });
    }
    tasks.join_all().await;
    vault.rotate_master(master(2)).await.unwrap();
    let reopened = Vault::new(store, master(2));
    for round in 0..20 {
        let found = text(&reopened, &(round % 5).to_string(), &format!("s{round}")).await;
        assert_eq!(found.as_deref(), Some("canary"), "{round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_the_master_key_go_one_after_the_other() {
    let store = Arc::new(MemoryStore::default());
    let vault = Arc::new(filled(&store).await);
    for id in 3..30 {
        vault.put(&connection(&id.to_string()), &slot("token"), &stored("canary")).await.unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for byte in 10..20 {
        let vault = vault.clone();
        tasks.spawn(async move { vault.rotate_master(master(byte)).await.unwrap() });
    }
    tasks.join_all().await;
    for id in 1..30 {
        assert!(text(&vault, &id.to_string(), "token").await.is_some());
    }
    let mut complete = 0;
    for byte in 10..20 {
        let alone = Vault::new(store.clone(), master(byte));
        complete += usize::from(alone.reveal(&connection("29"), &slot("token")).await.is_ok());
    }
    assert_eq!(complete, 1, "the last one opens all, the others nothing");
}
