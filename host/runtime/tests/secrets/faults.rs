//! The store fails, or the process dies, at every operation in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use gitlab_sync_host::secrets::memory::MemoryStore;
use gitlab_sync_host::secrets::names::ConnectionId;
use gitlab_sync_host::secrets::store::{Change, LockName, Records, SecretStore, StoreError, StoreLock};
use gitlab_sync_host::secrets::vault::Vault;

use crate::support::{Bench, Server, Tokens, connection, master, rotate_request, slot, stored, text};

/// How an operation goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// This one fails, the next ones work.
    Once,
    /// This one and all after it fail: a process killed before it.
    KilledBefore,
    /// This one happens but is not answered, all after it fail: a process killed after it.
    KilledAfter,
}

/// Counts operations and fails from the nth on.
struct Faulty {
    inner: Arc<MemoryStore>,
    done: AtomicUsize,
    at: usize,
    fault: Fault,
}

impl Faulty {
    fn new(inner: &Arc<MemoryStore>, at: usize, fault: Fault) -> Arc<Self> {
        Arc::new(Self { inner: inner.clone(), done: AtomicUsize::new(0), at, fault })
    }

    fn operations(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }

    /// Whether to do the operation, and what to answer.
    fn next(&self) -> (bool, Result<(), StoreError>) {
        let number = self.done.fetch_add(1, Ordering::SeqCst);
        let failed = || Err(StoreError::Other("injected".into()));
        match self.fault {
            _ if number < self.at => (true, Ok(())),
            Fault::Once if number > self.at => (true, Ok(())),
            Fault::KilledAfter if number == self.at => (true, failed()),
            _ => (false, failed()),
        }
    }
}

#[async_trait]
impl SecretStore for Faulty {
    async fn connections(&self) -> Result<Vec<ConnectionId>, StoreError> {
        self.next().1?;
        self.inner.connections().await
    }

    async fn read(&self, connection: &ConnectionId) -> Result<Records, StoreError> {
        self.next().1?;
        self.inner.read(connection).await
    }

    async fn apply(&self, connection: &ConnectionId, changes: Vec<Change>) -> Result<(), StoreError> {
        let (happens, answer) = self.next();
        if happens {
            self.inner.apply(connection, changes).await?;
        }
        answer
    }

    async fn lock(&self, _: &ConnectionId, _: &LockName) -> Result<StoreLock, StoreError> {
        self.next().1?;
        Ok(Box::new(()))
    }
}

const KILLS: [Fault; 2] = [Fault::KilledBefore, Fault::KilledAfter];

/// Ends when the fault lies beyond the last operation; returns how many points there were.
macro_rules! at_every_operation {
    ($faults:expr, |$at:ident, $fault:ident| $body:expr) => {{
        let mut points = 0;
        for $fault in $faults {
            for $at in 0.. {
                assert!($at < 500, "no end");
                let store: Arc<Faulty> = $body;
                if store.operations() <= $at {
                    break;
                }
                points += 1;
            }
        }
        points
    }};
}

#[tokio::test(start_paused = true)]
async fn a_kill_anywhere_in_an_exchange_leaves_the_old_token_the_new_one_or_a_note() {
    let points = at_every_operation!([Fault::Once, Fault::KilledBefore, Fault::KilledAfter], |at, fault| {
        let inner = Arc::new(MemoryStore::default());
        let tokens = Arc::new(Tokens::default());
        let healthy = Bench::new(inner.clone());
        healthy.vault.put(&connection("1"), &slot("token"), &stored(&tokens.current())).await.unwrap();
        healthy.vault.put(&connection("1"), &slot("webhook"), &stored("untouched")).await.unwrap();

        let store = Faulty::new(&inner, at, fault);
        let server = tokens.clone();
        let server = Server::new(move |request| Ok(server.rotate(request)));
        let done = Bench::new(store.clone()).call(server.clone()).exchange(rotate_request()).await;

        let kept = text(&healthy.vault, "1", "token").await.expect("never neither");
        let status = healthy.vault.status(&connection("1"), &slot("token")).await.unwrap();
        let context = format!("{fault:?} at {at}: {done:?}, kept {kept}, server has {}", tokens.current());
        assert_eq!(text(&healthy.vault, "1", "webhook").await.as_deref(), Some("untouched"), "{context}");
        if kept != tokens.current() {
            assert!(status.unsettled_since_ms.is_some(), "an unknown outcome without a note: {context}");
            assert!(done.is_err() && fault != Fault::Once, "a passing fault costs nothing after the reply: {context}");
        }
        if done.is_ok() {
            assert_eq!((kept.as_str(), status.unsettled_since_ms), ("glpat-canary-1", None), "{context}");
        }
        // The next process goes on: with the token that works, or after somebody put in the one that does.
        if kept != tokens.current() {
            healthy.vault.put(&connection("1"), &slot("token"), &stored(&tokens.current())).await.unwrap();
        }
        assert_eq!(healthy.call(server).exchange(rotate_request()).await.unwrap().status, 200, "{context}");
        let status = healthy.vault.status(&connection("1"), &slot("token")).await.unwrap();
        assert_eq!(status.unsettled_since_ms, None, "{context}");
        store
    });
    assert!(points >= 3 * 8, "{points} points");
}

#[tokio::test]
async fn a_kill_anywhere_in_a_change_of_the_master_key_leaves_all_of_the_old_or_all_of_the_new() {
    const IDS: [&str; 3] = ["1", "2", "3"];
    let points = at_every_operation!(KILLS, |at, fault| {
        let inner = Arc::new(MemoryStore::default());
        let old = Vault::new(inner.clone(), master(1));
        for id in IDS {
            old.put(&connection(id), &slot("token"), &stored("canary")).await.unwrap();
        }
        let store = Faulty::new(&inner, at, fault);
        let done = Vault::new(store.clone(), master(1)).rotate_master(master(2)).await;

        let mut opened = Vec::new();
        for key in [1, 2] {
            let vault = Vault::new(inner.clone(), master(key));
            let mut count = 0;
            for id in IDS {
                count += usize::from(vault.reveal(&connection(id), &slot("token")).await.is_ok());
            }
            opened.push(count);
        }
        assert!(opened.contains(&IDS.len()), "{fault:?} at {at}: {opened:?}");
        if done.is_ok() {
            assert_eq!(opened, [0, 3]);
        }
        // Called again with whichever key opens all, it finishes.
        let key = if opened[0] == IDS.len() { 1 } else { 2 };
        Vault::new(inner.clone(), master(key)).rotate_master(master(2)).await.unwrap();
        let new = Vault::new(inner, master(2));
        for id in IDS {
            assert_eq!(text(&new, id, "token").await.as_deref(), Some("canary"));
        }
        store
    });
    assert!(points >= 2 * 18, "{points} points");
}

#[tokio::test]
async fn a_kill_anywhere_in_a_change_keeps_every_secret() {
    for change in ["rotate", "rename", "put", "forget other", "forget connection 2"] {
        let points = at_every_operation!(KILLS, |at, fault| {
            let inner = Arc::new(MemoryStore::default());
            let healthy = Vault::new(inner.clone(), master(1));
            let one = connection("1");
            for name in ["token", "webhook", "other"] {
                healthy.put(&one, &slot(name), &stored(name)).await.unwrap();
            }
            healthy.put(&connection("2"), &slot("token"), &stored("two")).await.unwrap();
            let store = Faulty::new(&inner, at, fault);
            let vault = Vault::new(store.clone(), master(1));
            let _ = match change {
                "rotate" => vault.rotate_data_key(&one).await,
                "rename" => vault.rename(&one, &slot("webhook"), &slot("next")).await.map(drop),
                "put" => vault.put(&one, &slot("other"), &stored("new")).await,
                "forget other" => vault.forget(&one, &slot("other")).await,
                _ => vault.forget_connection(&connection("2")).await,
            };
            assert_eq!(text(&healthy, "1", "token").await.as_deref(), Some("token"), "{change} {fault:?} at {at}");
            let (here, there) = (text(&healthy, "1", "webhook").await, text(&healthy, "1", "next").await);
            let found = [here.as_deref(), there.as_deref()];
            assert!(found == [Some("webhook"), None] || found == [None, Some("webhook")], "{change} {found:?}");
            let other = text(&healthy, "1", "other").await;
            assert!(matches!(other.as_deref(), None | Some("other" | "new")), "{change} {other:?}");
            let two = text(&healthy, "2", "token").await;
            assert!(two.as_deref() == Some("two") || change == "forget connection 2", "{change} {two:?}");
            store
        });
        assert!(points >= 2 * 3, "{change}: {points} points");
    }
}
