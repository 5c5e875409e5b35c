//! The master key in the system's keyring: Secret Service on Linux and the BSDs, Keychain on macOS, Credential Manager on Windows.
//!
//! Decided here: under which name the key is kept, that a closed keyring is opened before it is asked, and what is said when it cannot
//! be used. Not decided here: when it is asked (`home`), and the forms of a key (the library).
//!
//! One entry for each user, not for each home folder: a folder that moves keeps its key. No keyring has "create unless there is one",
//! so making the key is guarded by a lock in the home folder, and the key is read back afterwards. Two home folders that are both new
//! can still cross within the milliseconds between; then one of the two first connections does not open and has to be made again.

use crate::failure::Failure;
use crate::home::MASTER_KEY;
use gitlab_sync_host::secrets::master::{KeyError, KeySource, MasterKey};
use keyring_core::Entry;
use keyring_core::api::CredentialStore;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use zeroize::Zeroizing;

const SERVICE: &str = "gitlab-sync";
const USER: &str = "master-key";

/// The key of this user's keyring, made there on first use. May wait for a person to unlock the keyring.
pub(crate) fn master_key(home: &Path) -> Result<MasterKey, Failure> {
    let opened = open().and_then(|store| Keyring::over(&*store, home));
    let opened = opened.map_err(|error| Failure::of(&error).hint(error.hint()))?;
    MasterKey::load_or_create(&opened).map_err(|error| failure(&error))
}

/// One entry of a keyring.
struct Keyring {
    entry: Entry,
    lock: PathBuf,
}

/// Why the keyring gives no key. Nothing here repeats what an entry holds.
#[derive(Debug, Error)]
enum KeyringError {
    #[error("the system's keyring cannot be reached: {0}")]
    Unreachable(String),
    #[error("the system's keyring is locked and was not opened: {0}")]
    Locked(String),
    #[cfg(all(unix, not(target_os = "macos")))]
    #[error("the system's keyring has no default collection to keep a key in")]
    NoCollection,
    #[error("the entry `{USER}` of `{SERVICE}` in the system's keyring holds no master key")]
    Form,
    #[error("the system's keyring has {0} entries `{USER}` of `{SERVICE}`; which one is meant cannot be told")]
    Ambiguous(usize),
    #[error("the system's keyring has lost the key that was just put in it")]
    NotKept,
}

impl KeyringError {
    fn hint(&self) -> String {
        match self {
            Self::Unreachable(_) => format!(
                "start one that speaks the Secret Service in this D-Bus session, such as GNOME Keyring; or, before the first connection, leave {MASTER_KEY} unset to keep the key in a file"
            ),
            Self::Locked(_) => "unlock it and run this again".to_owned(),
            #[cfg(all(unix, not(target_os = "macos")))]
            Self::NoCollection => {
                "log in to a desktop session once, or make a default keyring in its manager".to_owned()
            }
            Self::Form | Self::Ambiguous(_) => {
                "look at it in the keyring's manager; what was sealed opens only with the key that sealed it".to_owned()
            }
            Self::NotKept => "see that the keyring can be written, and run this again".to_owned(),
        }
    }
}

impl From<keyring_core::Error> for KeyringError {
    fn from(error: keyring_core::Error) -> Self {
        match error {
            keyring_core::Error::NoStorageAccess(cause) => Self::Locked(cause.to_string()),
            keyring_core::Error::PlatformFailure(cause) => Self::Unreachable(cause.to_string()),
            keyring_core::Error::Ambiguous(entries) => Self::Ambiguous(entries.len()),
            keyring_core::Error::BadEncoding(_) | keyring_core::Error::BadDataFormat(..) => Self::Form,
            other => Self::Unreachable(other.to_string()),
        }
    }
}

impl From<KeyringError> for KeyError {
    fn from(error: KeyringError) -> Self {
        Self::Source(Box::new(error))
    }
}

impl Keyring {
    fn over(store: &CredentialStore, home: &Path) -> Result<Self, KeyringError> {
        Ok(Self { entry: store.build(SERVICE, USER, None)?, lock: home.join("master.lock") })
    }

    /// Until the file is dropped, nobody else makes a key for this home folder.
    fn locked(&self) -> Result<File, KeyError> {
        let failed = |source| KeyError::Io { path: self.lock.clone(), source };
        let file = File::options().create(true).truncate(false).write(true).open(&self.lock).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }
}

impl KeySource for Keyring {
    fn load(&self) -> Result<Option<MasterKey>, KeyError> {
        let secret = match self.entry.get_secret() {
            Ok(secret) => Zeroizing::new(secret),
            Err(keyring_core::Error::NoEntry) => return Ok(None),
            Err(error) => return Err(KeyringError::from(error).into()),
        };
        let key = std::str::from_utf8(&secret).ok().and_then(|text| MasterKey::from_text(text).ok());
        key.map(Some).ok_or_else(|| KeyringError::Form.into())
    }

    fn create(&self, key: &MasterKey) -> Result<(), KeyError> {
        let _lock = self.locked()?;
        let exists = || KeyError::Exists("the system's keyring".into());
        if self.load()?.is_some() {
            return Err(exists());
        }
        // As text, because KWallet keeps nothing else.
        self.entry.set_secret(key.expose_hex().as_bytes()).map_err(KeyringError::from)?;
        match self.load()? {
            Some(kept) if kept.id() == key.id() => Ok(()),
            // Another home folder of this user was faster.
            Some(_) => Err(exists()),
            None => Err(KeyringError::NotKept.into()),
        }
    }
}

/// The platform's keyring, unlocked. A locked one may answer that an entry is not there, and a new key would then replace the old.
#[cfg(all(unix, not(target_os = "macos")))]
fn open() -> Result<Arc<CredentialStore>, KeyringError> {
    use secret_service::{EncryptionType, Error, blocking::SecretService};
    let unreachable = |error: Error| KeyringError::Unreachable(error.to_string());
    // Nothing secret is sent over this one, so it needs no session key.
    let service = SecretService::connect(EncryptionType::Plain).map_err(unreachable)?;
    let collection = service.get_default_collection().map_err(|error| match error {
        Error::NoResult => KeyringError::NoCollection,
        other => unreachable(other),
    })?;
    if collection.is_locked().map_err(unreachable)? {
        collection.unlock().map_err(|error| KeyringError::Locked(error.to_string()))?;
    }
    if collection.is_locked().map_err(unreachable)? {
        return Err(KeyringError::Locked("it stayed closed".to_owned()));
    }
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

/// The login keychain; macOS itself asks to unlock it.
#[cfg(target_os = "macos")]
fn open() -> Result<Arc<CredentialStore>, KeyringError> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

/// The Credential Manager; it is open while its user is logged in.
#[cfg(windows)]
fn open() -> Result<Arc<CredentialStore>, KeyringError> {
    Ok(windows_native_keyring_store::Store::new()?)
}

fn failure(error: &KeyError) -> Failure {
    let KeyError::Source(source) = error else {
        return Failure::of(error).hints_of(error.hint());
    };
    match source.downcast_ref::<KeyringError>() {
        Some(error) => Failure::of(error).hint(error.hint()),
        None => Failure::of(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyring_core::mock;
    use std::sync::Barrier;

    fn keyring(store: &mock::Store, home: &Path) -> Keyring {
        Keyring::over(store, home).unwrap()
    }

    fn breaks(keyring: &Keyring, error: keyring_core::Error) {
        keyring.entry.as_any().downcast_ref::<mock::Cred>().unwrap().set_error(error);
    }

    #[test]
    fn a_key_is_made_once_and_read_again_as_text() {
        let home = tempfile::tempdir().unwrap();
        let store = mock::Store::new().unwrap();
        let first = keyring(&store, home.path());
        assert!(first.load().unwrap().is_none());
        let key = MasterKey::load_or_create(&first).unwrap();
        let again = MasterKey::load_or_create(&keyring(&store, home.path())).unwrap();
        assert_eq!(again.id(), key.id());
        assert_eq!(first.entry.get_password().unwrap(), *key.expose_hex());
        assert!(matches!(first.create(&key), Err(KeyError::Exists(_))));
    }

    // Without the lock one round in a dozen goes wrong, hence the rounds.
    #[test]
    fn of_many_that_make_it_at_once_all_get_the_same() {
        let home = tempfile::tempdir().unwrap();
        for _ in 0..100 {
            let store = mock::Store::new().unwrap();
            let start = Barrier::new(8);
            let one = || {
                let keyring = keyring(&store, home.path());
                start.wait();
                MasterKey::load_or_create(&keyring).unwrap().id()
            };
            let ids: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(ids.iter().all(|id| *id == ids[0]));
        }
    }

    #[test]
    fn a_keyring_that_fails_makes_no_key_and_says_what_to_do() {
        use keyring_core::Error;
        let home = tempfile::tempdir().unwrap();
        let store = mock::Store::new().unwrap();
        let keyring = keyring(&store, home.path());
        let table = [
            (Error::NoStorageAccess("dismissed".into()), "is locked and was not opened: dismissed", "unlock it"),
            (Error::PlatformFailure("no bus".into()), "cannot be reached: no bus", "start one"),
            (Error::Ambiguous(vec![]), "has 0 entries", "look at it"),
            (Error::BadDataFormat(b"canary".to_vec(), "canary".into()), "holds no master key", "look at it"),
        ];
        for (error, sentence, hint) in table {
            breaks(&keyring, error);
            let failure = failure(&MasterKey::load_or_create(&keyring).unwrap_err());
            assert!(format!("{failure:?}").contains(sentence), "{failure:?}");
            assert!(failure.hints()[0].starts_with(hint) && !format!("{failure:?}").contains("canary"), "{failure:?}");
        }
        assert!(keyring.load().unwrap().is_none(), "none was made");
    }

    #[test]
    fn an_entry_that_holds_something_else_is_neither_taken_nor_replaced_nor_repeated() {
        let home = tempfile::tempdir().unwrap();
        let store = mock::Store::new().unwrap();
        let keyring = keyring(&store, home.path());
        for other in [&b"canary"[..], b"\xff\xfe", b""] {
            keyring.entry.set_secret(other).unwrap();
            let failure = failure(&MasterKey::load_or_create(&keyring).unwrap_err());
            assert!(format!("{failure:?}").contains("holds no master key"), "{failure:?}");
            assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
            assert_eq!(keyring.entry.get_secret().unwrap(), other);
        }
    }
}
