//! The vault: secrets of all connections, sealed in a store.
//!
//! Decided here: which key opens what, that a change happens wholly or not at all, and in which order locks are taken. Not decided
//! here: who may do what (`policy`, `connection`), the bytes (`envelope`), the disk (`store`). The time is handed in.
//!
//! Every connection has its own data key, read from the store and unwrapped for each use and zeroed after it. Every change is one
//! atomic `apply` under the connection's write lock, so a kill leaves the old state or the new one:
//!
//! - `rotate_data_key` writes the new key and every record sealed with it in one change.
//! - `rotate_master` goes over all connections twice: first each data key is wrapped by the old *and* the new master, then by the
//!   new one only. Until the first pass is through, the old master opens everything; from then on the new one does. After a kill
//!   start again with the master that was configured before and call it again. Other processes on the same store should be stopped
//!   meanwhile: they know only the old master, and a connection they make after the first pass would know only that, too.
//!
//! Locks are taken in this order: slots by name, the change of masters, the masters, the connection's write lock.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{Mutex, RwLock, RwLockReadGuard};

use super::envelope::{Key, KeyId, OpenError, Place, Stored, sealed_by, wraps};
use super::locks::{Held, Locks};
use super::master::MasterKey;
use super::names::{ConnectionId, SlotName};
use super::secret::RandomError;
use super::store::{Change, LockName, RecordName, Records, SecretStore, StoreError};

/// Pauses before a reply's secrets are written again after the store failed. They exist nowhere else by then, so it is worth
/// waiting for a disk that is full for a moment; 3 s is less than any caller's patience.
const SETTLE_PAUSES: [Duration; 4] =
    [Duration::from_millis(20), Duration::from_millis(200), Duration::from_millis(800), Duration::from_secs(2)];

/// Sealed secrets of all connections. One per store and process.
pub struct Vault {
    store: Arc<dyn SecretStore>,
    masters: Arc<RwLock<Masters>>,
    /// Held by the one change of the master key that is under way.
    changing: Arc<Mutex<()>>,
    locks: Arc<Locks>,
}

struct Masters {
    /// New data keys are wrapped by all of these.
    wrapping: Vec<Arc<MasterKey>>,
    /// Data keys are opened by any of these.
    opening: Vec<Arc<MasterKey>>,
}

/// What is known of a slot without showing it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotStatus {
    /// Dates of the secret, if there is one.
    pub present: Option<Dates>,
    /// Since when an exchange that should have filled the slot has no known outcome: it was killed, got no reply, or a reply
    /// without the secret. The server may have replaced the secret meanwhile. In milliseconds since 1970 UTC.
    pub unsettled_since_ms: Option<u64>,
}

/// Milliseconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dates {
    /// When it was put there.
    pub created_ms: u64,
    /// When it stops working, if that is known.
    pub expires_ms: Option<u64>,
}

/// Why the vault could not do it. Never read as "empty".
#[derive(Debug, Error)]
pub enum VaultError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Another master key wrapped it.
    #[error(
        "the secrets of connection `{connection}` are sealed under master key `{needed}`, but `{given}` is configured"
    )]
    OtherMaster {
        /// Whose secrets.
        connection: ConnectionId,
        /// The id of the key that is needed.
        needed: KeyId,
        /// The id of the key that is there.
        given: KeyId,
    },
    /// Records without a data key.
    #[error("connection `{0}` has sealed secrets but no key for them")]
    KeyMissing(ConnectionId),
    /// A record does not open.
    #[error("record `{record}` of connection `{connection}` does not open")]
    Sealed {
        /// Whose.
        connection: ConnectionId,
        /// Which.
        record: RecordName,
        /// Why.
        source: OpenError,
    },
}

impl VaultError {
    /// What to change.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::OtherMaster { needed, .. } => Some(format!(
                "start with the master key `{needed}`; if a change of the master key was interrupted, with the old one"
            )),
            Self::KeyMissing(_) | Self::Sealed { .. } => {
                Some("restore the vault from a backup, or disconnect and connect again".to_owned())
            }
            Self::Random(_) => None,
        }
    }
}

impl Vault {
    /// Over a store, with the configured master key. Nothing is read yet.
    pub fn new(store: Arc<dyn SecretStore>, master: MasterKey) -> Self {
        let master = vec![Arc::new(master)];
        let masters = Masters { wrapping: master.clone(), opening: master };
        Self { store, masters: Arc::new(RwLock::new(masters)), changing: Arc::default(), locks: Arc::default() }
    }

    /// The same keys and locks over another way to the same store, such as one that remembers what it has read.
    pub fn over(&self, store: Arc<dyn SecretStore>) -> Self {
        let (masters, changing, locks) = (self.masters.clone(), self.changing.clone(), self.locks.clone());
        Self { store, masters, changing, locks }
    }

    /// What is known of a slot.
    pub async fn status(&self, connection: &ConnectionId, slot: &SlotName) -> Result<SlotStatus, VaultError> {
        self.open(connection).await?.status(slot)
    }

    /// The secret of a slot, if there is one.
    pub async fn reveal(&self, connection: &ConnectionId, slot: &SlotName) -> Result<Option<Stored>, VaultError> {
        self.open(connection).await?.stored(slot)
    }

    /// Every slot that holds a secret.
    pub async fn reveal_all(&self, connection: &ConnectionId) -> Result<Vec<(SlotName, Stored)>, VaultError> {
        let opened = self.open(connection).await?;
        let mut all = Vec::new();
        for slot in opened.slots() {
            all.extend(opened.stored(&slot)?.map(|stored| (slot, stored)));
        }
        Ok(all)
    }

    /// Puts a secret into a slot, durably, replacing what is there.
    pub async fn put(&self, connection: &ConnectionId, slot: &SlotName, stored: &Stored) -> Result<(), VaultError> {
        let _slot = self.hold_slots(connection, [slot.clone()].into()).await?;
        let mut edit = self.edit(connection).await?;
        edit.put(slot, stored)?;
        edit.commit().await
    }

    /// Moves a secret, durably, replacing what is there. False when `from` is empty.
    pub async fn rename(&self, connection: &ConnectionId, from: &SlotName, to: &SlotName) -> Result<bool, VaultError> {
        let _slots = self.hold_slots(connection, [from.clone(), to.clone()].into()).await?;
        let mut edit = self.edit(connection).await?;
        let Some(stored) = edit.opened.stored(from)? else { return Ok(false) };
        if from != to {
            edit.put(to, &stored)?;
            edit.remove(from);
            edit.commit().await?;
        }
        Ok(true)
    }

    /// Empties a slot, durably.
    pub async fn forget(&self, connection: &ConnectionId, slot: &SlotName) -> Result<(), VaultError> {
        let _slot = self.hold_slots(connection, [slot.clone()].into()).await?;
        let _write = self.locks.hold(&*self.store, connection, LockName::Write).await?;
        // Without any key, so that a secret can be forgotten that nothing opens any more.
        let names = [RecordName::Slot(slot.clone()), RecordName::Pending(slot.clone())];
        Ok(self.store.apply(connection, names.map(Change::Delete).into()).await?)
    }

    /// Removes everything of a connection, its data key too, so that copies of its records in a backup of the folder stay shut
    /// unless that backup has the key record as well.
    pub async fn forget_connection(&self, connection: &ConnectionId) -> Result<(), VaultError> {
        // An exchange under way would put its slot back; its note in the records says which one to wait for.
        let slots = self.store.read(connection).await?.into_keys().filter_map(|name| match name {
            RecordName::Slot(slot) | RecordName::Pending(slot) => Some(slot),
            RecordName::Key => None,
        });
        let _slots = self.hold_slots(connection, slots.collect()).await?;
        let _write = self.locks.hold(&*self.store, connection, LockName::Write).await?;
        let records = self.store.read(connection).await?;
        Ok(self.store.apply(connection, records.into_keys().map(Change::Delete).collect()).await?)
    }

    /// Seals everything of a connection with a new data key.
    pub async fn rotate_data_key(&self, connection: &ConnectionId) -> Result<(), VaultError> {
        let masters = self.masters.read().await;
        let _write = self.locks.hold(&*self.store, connection, LockName::Write).await?;
        let opened = Opened::read(&*self.store, &masters, connection).await?;
        if opened.key.is_none() {
            return Ok(());
        }
        let fresh = Key::generate()?;
        let mut changes = vec![Change::Put(RecordName::Key, masters.wrap(&fresh, connection)?)];
        for name in opened.records.keys().filter(|name| **name != RecordName::Key) {
            let plain = opened.plain(name)?.expect("the name was just listed");
            changes.push(Change::Put(name.clone(), fresh.seal(Place { connection, record: name }, &plain)?));
        }
        Ok(self.store.apply(connection, changes).await?)
    }

    /// Changes the master key; returns how many connections there are. See the top of this file for what a kill leaves.
    pub async fn rotate_master(&self, new: MasterKey) -> Result<usize, VaultError> {
        let _one_at_a_time = self.changing.lock().await;
        let new = Arc::new(new);
        let old = self.masters.read().await.opening.clone();
        let both: Vec<_> =
            [new.clone()].into_iter().chain(old.into_iter().filter(|old| old.id() != new.id())).collect();
        // Taking the write side waits for changes that know nothing of the new key.
        *self.masters.write().await = Masters { wrapping: both.clone(), opening: both.clone() };
        self.rewrap_all().await?;
        *self.masters.write().await = Masters { wrapping: vec![new.clone()], opening: both };
        let count = self.rewrap_all().await?;
        *self.masters.write().await = Masters { wrapping: vec![new.clone()], opening: vec![new] };
        Ok(count)
    }

    async fn rewrap_all(&self) -> Result<usize, VaultError> {
        let connections = self.store.connections().await?;
        for connection in &connections {
            let masters = self.masters.read().await;
            let _write = self.locks.hold(&*self.store, connection, LockName::Write).await?;
            let opened = Opened::read(&*self.store, &masters, connection).await?;
            if let Some(key) = &opened.key {
                let wrapped = masters.wrap(key, connection)?;
                self.store.apply(connection, vec![Change::Put(RecordName::Key, wrapped)]).await?;
            }
        }
        Ok(connections.len())
    }

    /// Waits for its turn with each of these slots.
    pub(super) async fn hold_slots(
        &self,
        connection: &ConnectionId,
        slots: BTreeSet<SlotName>,
    ) -> Result<SlotTurn, VaultError> {
        let mut held = Vec::new();
        for slot in slots {
            held.push(self.locks.hold(&*self.store, connection, LockName::Slot(slot)).await?);
        }
        Ok(SlotTurn { _held: held })
    }

    /// Notes, durably, that these slots are about to be filled by a server. Returns those that were not in doubt before: of several
    /// exchanges without an outcome the first is the one since which the slot is in doubt.
    pub(super) async fn begin(
        &self,
        connection: &ConnectionId,
        slots: &[SlotName],
        now_ms: u64,
    ) -> Result<Vec<SlotName>, VaultError> {
        if slots.is_empty() {
            return Ok(Vec::new());
        }
        let mut edit = self.edit(connection).await?;
        let in_doubt = |slot: &&SlotName| edit.opened.records.contains_key(&RecordName::Pending((*slot).clone()));
        let noted: Vec<_> = slots.iter().filter(|slot| !in_doubt(slot)).cloned().collect();
        for slot in &noted {
            edit.seal(RecordName::Pending(slot.clone()), &now_ms.to_be_bytes())?;
        }
        edit.commit().await?;
        Ok(noted)
    }

    /// Puts what a server sent into its slots and takes back the notes of `begin` for these and for `untouched`, all at once.
    pub(super) async fn settle(
        &self,
        connection: &ConnectionId,
        came: &[(SlotName, Stored)],
        untouched: &[SlotName],
    ) -> Result<(), VaultError> {
        if came.is_empty() && untouched.is_empty() {
            return Ok(());
        }
        let mut pauses = SETTLE_PAUSES.iter();
        loop {
            match (self.settle_once(connection, came, untouched).await, pauses.next()) {
                (Err(VaultError::Store(_)), Some(pause)) if !came.is_empty() => tokio::time::sleep(*pause).await,
                (done, _) => return done,
            }
        }
    }

    async fn settle_once(
        &self,
        connection: &ConnectionId,
        came: &[(SlotName, Stored)],
        untouched: &[SlotName],
    ) -> Result<(), VaultError> {
        let mut edit = self.edit(connection).await?;
        for (slot, stored) in came {
            edit.put(slot, stored)?;
        }
        for slot in untouched {
            edit.changes.push(Change::Delete(RecordName::Pending(slot.clone())));
        }
        edit.commit().await
    }

    async fn open(&self, connection: &ConnectionId) -> Result<Opened, VaultError> {
        Opened::read(&*self.store, &*self.masters.read().await, connection).await
    }

    async fn edit(&self, connection: &ConnectionId) -> Result<Edit<'_>, VaultError> {
        let masters = self.masters.read().await;
        let write = self.locks.hold(&*self.store, connection, LockName::Write).await?;
        let mut opened = Opened::read(&*self.store, &masters, connection).await?;
        let mut changes = Vec::new();
        if opened.key.is_none() {
            let key = Key::generate()?;
            changes.push(Change::Put(RecordName::Key, masters.wrap(&key, connection)?));
            opened.key = Some(key);
        }
        Ok(Edit { store: &*self.store, opened, changes, _masters: masters, _write: write })
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Vault(..)")
    }
}

/// Holds the turn with some slots until dropped.
pub(super) struct SlotTurn {
    _held: Vec<Held>,
}

impl Masters {
    fn wrap(&self, key: &Key, connection: &ConnectionId) -> Result<Vec<u8>, RandomError> {
        let masters: Vec<_> = self.wrapping.iter().map(|master| master.key()).collect();
        key.wrap(&masters, connection)
    }

    fn unwrap_key(&self, connection: &ConnectionId, record: &[u8]) -> Result<Key, VaultError> {
        let sealed = |source| VaultError::Sealed { connection: connection.clone(), record: RecordName::Key, source };
        let mut needed = None;
        for wrap in wraps(record).map_err(sealed)? {
            let id = sealed_by(wrap).map_err(sealed)?;
            if let Some(master) = self.opening.iter().find(|master| master.id() == id) {
                return master.key().unwrap_key(connection, wrap).map_err(sealed);
            }
            needed = Some(id);
        }
        let needed = needed.ok_or_else(|| sealed(OpenError::Damaged))?;
        Err(VaultError::OtherMaster { connection: connection.clone(), needed, given: self.opening[0].id() })
    }
}

/// All records of a connection at one moment, with the key that opens them.
struct Opened {
    connection: ConnectionId,
    records: Records,
    key: Option<Key>,
}

impl Opened {
    async fn read(store: &dyn SecretStore, masters: &Masters, connection: &ConnectionId) -> Result<Self, VaultError> {
        let records = store.read(connection).await?;
        let key = match records.get(&RecordName::Key) {
            Some(record) => Some(masters.unwrap_key(connection, record)?),
            None if records.is_empty() => None,
            None => return Err(VaultError::KeyMissing(connection.clone())),
        };
        Ok(Self { connection: connection.clone(), records, key })
    }

    fn slots(&self) -> Vec<SlotName> {
        let slot = |name: &RecordName| if let RecordName::Slot(slot) = name { Some(slot.clone()) } else { None };
        self.records.keys().filter_map(slot).collect()
    }

    fn plain(&self, name: &RecordName) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, VaultError> {
        let (Some(sealed), Some(key)) = (self.records.get(name), &self.key) else { return Ok(None) };
        let opened = key.open(Place { connection: &self.connection, record: name }, sealed);
        opened.map(Some).map_err(|source| self.sealed(name, source))
    }

    fn stored(&self, slot: &SlotName) -> Result<Option<Stored>, VaultError> {
        let name = RecordName::Slot(slot.clone());
        let Some(plain) = self.plain(&name)? else { return Ok(None) };
        Stored::from_plain(&plain).map(Some).map_err(|source| self.sealed(&name, source))
    }

    fn status(&self, slot: &SlotName) -> Result<SlotStatus, VaultError> {
        let present = self.stored(slot)?;
        let present = present.map(|stored| Dates { created_ms: stored.created_ms, expires_ms: stored.expires_ms });
        let name = RecordName::Pending(slot.clone());
        let since = self.plain(&name)?.map(|plain| plain[..].try_into().map(u64::from_be_bytes));
        let unsettled_since_ms = since.transpose().map_err(|_| self.sealed(&name, OpenError::Damaged))?;
        Ok(SlotStatus { present, unsettled_since_ms })
    }

    fn sealed(&self, name: &RecordName, source: OpenError) -> VaultError {
        VaultError::Sealed { connection: self.connection.clone(), record: name.clone(), source }
    }
}

/// A change in the making; nothing happens before `commit`.
struct Edit<'v> {
    store: &'v dyn SecretStore,
    opened: Opened,
    changes: Vec<Change>,
    _masters: RwLockReadGuard<'v, Masters>,
    _write: Held,
}

impl Edit<'_> {
    /// The slot is settled by it, whatever was in doubt.
    fn put(&mut self, slot: &SlotName, stored: &Stored) -> Result<(), VaultError> {
        self.seal(RecordName::Slot(slot.clone()), &stored.to_plain())?;
        self.changes.push(Change::Delete(RecordName::Pending(slot.clone())));
        Ok(())
    }

    fn remove(&mut self, slot: &SlotName) {
        self.changes.push(Change::Delete(RecordName::Slot(slot.clone())));
        self.changes.push(Change::Delete(RecordName::Pending(slot.clone())));
    }

    fn seal(&mut self, record: RecordName, plain: &[u8]) -> Result<(), VaultError> {
        let key = self.opened.key.as_ref().expect("made by `edit` when there was none");
        let sealed = key.seal(Place { connection: &self.opened.connection, record: &record }, plain)?;
        self.changes.push(Change::Put(record, sealed));
        Ok(())
    }

    async fn commit(self) -> Result<(), VaultError> {
        Ok(self.store.apply(&self.opened.connection, self.changes).await?)
    }
}
