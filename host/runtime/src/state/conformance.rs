//! What every [`StateStore`] must do, as checks that a product runs on its own implementation.
//!
//! Not checked here, because it can't be from outside: that a commit survives the death of the process whole or not at all. That
//! all values together have at most 256 MiB is not checked either, for what it would cost: a store that asks [`judge`](super::judge) has it.

use super::{Key, MOST_KEYS, MOST_VALUE_BYTES, Put, StateError, StateStore, Value};
use crate::connection_id::ConnectionId;

/// Runs every check, each on a new and empty store.
///
/// # Panics
///
/// On the first thing that is not as the contract says, with a sentence that says what.
pub async fn check<S: StateStore>(make: impl Fn() -> S) {
    what_is_put_is_got(&make()).await;
    a_commit_is_made_whole_or_not_at_all(&make()).await;
    a_removed_key_does_not_come_back_with_an_old_version(&make()).await;
    connections_never_see_each_other(&make()).await;
    keys_are_kept_apart_however_alike(&make()).await;
    a_value_may_be_empty_or_large_but_not_larger(&make()).await;
    a_room_has_so_many_keys_and_no_more(&make()).await;
    a_key_is_written_once_in_a_commit(&make()).await;
    of_two_who_read_the_same_one_wins(&make()).await;
}

async fn what_is_put_is_got(store: &impl StateStore) {
    let room = &connection("a");
    assert_eq!(get(store, room, "k").await, None, "an empty store has no key");
    assert!(store.commit(room, vec![]).await.is_ok(), "an empty commit is fine");
    for version in 1..4 {
        let bytes = [b"\0\xff\r\n".as_slice(), version.to_string().as_bytes()].concat();
        commit(store, room, vec![put("k", &bytes, version - 1)]).await;
        assert_eq!(get(store, room, "k").await, Some(Value { bytes, version }), "versions count up from 1");
    }
}

async fn a_commit_is_made_whole_or_not_at_all(store: &impl StateStore) {
    let room = &connection("a");
    commit(store, room, vec![put("a", b"1", 0), put("b", b"1", 0)]).await;
    commit(store, room, vec![put("b", b"2", 1)]).await;
    let stale = [
        (vec![put("a", b"9", 1), put("b", b"9", 1), put("c", b"9", 0)], vec!["b"]),
        (vec![put("c", b"9", 0), put("a", b"9", 0)], vec!["a"]),
        (vec![remove("a", 1), put("c", b"9", 1)], vec!["c"]),
        (vec![remove("b", 1), remove("a", 2), put("d", b"9", 0)], vec!["b", "a"]),
        (vec![put("d", b"9", 0), remove("c", 3)], vec!["c"]),
    ];
    for (writes, culprits) in stale {
        let error = store.commit(room, writes).await;
        let Err(StateError::Changed(named)) = &error else { panic!("a stale commit is refused: {error:?}") };
        let named: Vec<_> = named.iter().map(Key::as_str).collect();
        assert_eq!(named, culprits, "the keys that changed are named, and no other");
        let values = [get(store, room, "a").await, get(store, room, "b").await];
        let expected = [(b"1", 1), (b"2", 2)].map(|(bytes, version)| Some(Value { bytes: bytes.to_vec(), version }));
        assert_eq!(values, expected, "a refused commit changes nothing");
        assert_eq!(get(store, room, "c").await.or(get(store, room, "d").await), None, "and adds nothing");
    }
}

async fn a_removed_key_does_not_come_back_with_an_old_version(store: &impl StateStore) {
    let room = &connection("a");
    commit(store, room, vec![put("k", b"1", 0)]).await;
    commit(store, room, vec![put("k", b"2", 1)]).await;
    commit(store, room, vec![remove("k", 2)]).await;
    assert_eq!(get(store, room, "k").await, None, "a removed key is gone");
    commit(store, room, vec![remove("k", 0)]).await;
    commit(store, room, vec![put("k", b"3", 0)]).await;
    let version = get(store, room, "k").await.map(|value| value.version);
    assert!(version > Some(2), "a key that comes back has a version it never had: {version:?}");
}

async fn connections_never_see_each_other(store: &impl StateStore) {
    let rooms: Vec<_> = ["a", "b", "a-b", "1"].into_iter().map(connection).collect();
    for room in &rooms {
        assert_eq!(get(store, room, "k").await, None, "no one else's key is there");
        commit(store, room, vec![put("k", room.as_str().as_bytes(), 0)]).await;
    }
    commit(store, &rooms[0], vec![remove("k", 1)]).await;
    for room in &rooms[1..] {
        let value = get(store, room, "k").await.map(|value| (value.bytes, value.version));
        assert_eq!(value, Some((room.as_str().as_bytes().to_vec(), 1)), "each has its own value and version");
    }
}

async fn keys_are_kept_apart_however_alike(store: &impl StateStore) {
    let room = &connection("a");
    let long = "x".repeat(128);
    let keys = ["a", "a/b", "a/b/c", "a.b", "a-b", "/", "//", ".", "..", "../a", "a/", "con", "nul.txt", "-", &long];
    commit(store, room, keys.iter().map(|key| put(key, key.as_bytes(), 0)).collect()).await;
    for key in keys {
        let bytes = get(store, room, key).await.map(|value| value.bytes);
        assert_eq!(bytes.as_deref(), Some(key.as_bytes()), "`{key}` has its own value");
    }
}

async fn a_value_may_be_empty_or_large_but_not_larger(store: &impl StateStore) {
    let room = &connection("a");
    let most = vec![7; MOST_VALUE_BYTES];
    commit(store, room, vec![put("empty", b"", 0), put("most", &most, 0)]).await;
    assert_eq!(get(store, room, "empty").await, Some(Value { bytes: vec![], version: 1 }), "empty is not absent");
    assert_eq!(get(store, room, "most").await, Some(Value { bytes: most, version: 1 }), "8 MiB fit");
    let more = store.commit(room, vec![put("a", b"1", 0), put("more", &vec![7; MOST_VALUE_BYTES + 1], 0)]).await;
    assert!(matches!(more, Err(StateError::Invalid(_))), "one byte more does not: {more:?}");
    assert_eq!(get(store, room, "a").await, None, "and nothing of that commit is written");
}

async fn a_room_has_so_many_keys_and_no_more(store: &impl StateStore) {
    let room = &connection("a");
    let named = |number: usize| format!("k{number}");
    commit(store, room, (1..MOST_KEYS).map(|number| put(&named(number), b"", 0)).collect()).await;
    let more = store.commit(room, vec![put("a", b"1", 0), put("b", b"1", 0)]).await;
    assert!(matches!(more, Err(StateError::Invalid(_))), "one key more than a room has is refused: {more:?}");
    assert_eq!(get(store, room, "a").await, None, "and nothing of that commit is written");
    commit(store, room, vec![put("a", b"1", 0), put("b", b"1", 0), remove("k1", 1)]).await;
    commit(store, &connection("b"), vec![put("a", b"1", 0)]).await;
    assert!(get(store, room, "b").await.is_some(), "one goes as one comes, and each connection has a room of its own");
}

async fn a_key_is_written_once_in_a_commit(store: &impl StateStore) {
    let room = &connection("a");
    let twice = store.commit(room, vec![put("k", b"1", 0), put("k", b"2", 0)]).await;
    assert!(matches!(twice, Err(StateError::Invalid(_))), "a key that is written twice is refused: {twice:?}");
    assert_eq!(get(store, room, "k").await, None, "and not written");
}

async fn of_two_who_read_the_same_one_wins(store: &impl StateStore) {
    let room = &connection("a");
    commit(store, room, vec![put("k", b"0", 0)]).await;
    let attempts =
        [store.commit(room, vec![put("k", b"1", 1)]).await, store.commit(room, vec![put("k", b"2", 1)]).await];
    assert!(matches!(attempts, [Ok(()), Err(StateError::Changed(_))]), "the second has to read again: {attempts:?}");
}

fn connection(text: &str) -> ConnectionId {
    ConnectionId::parse(text).expect("a connection's name")
}

fn key(text: &str) -> Key {
    Key::parse(text).expect("a key")
}

fn put(at: &str, bytes: &[u8], expected: u64) -> Put {
    Put { key: key(at), bytes: Some(bytes.to_vec()), expected }
}

fn remove(at: &str, expected: u64) -> Put {
    Put { key: key(at), bytes: None, expected }
}

async fn get(store: &impl StateStore, connection: &ConnectionId, at: &str) -> Option<Value> {
    store.get(connection, &key(at)).await.expect("a value or none")
}

async fn commit(store: &impl StateStore, connection: &ConnectionId, writes: Vec<Put>) {
    store.commit(connection, writes).await.expect("a commit that fits");
}
