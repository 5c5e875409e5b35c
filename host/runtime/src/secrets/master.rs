//! The master key that wraps every connection's data key, and where it comes from.
//!
//! Decided here: its forms (32 bytes, 64 hexadecimal digits, or base64) and which files are trusted with it. Not decided here:
//! environment variables and the system's keyring, which the application reads; it hands over bytes or a [`KeySource`].
//!
//! A key file is a regular file of mode 0600 or 0400. It is opened without following a symlink and judged by its descriptor, so
//! that nothing can be swapped between the look and the read. It is created under another name, written and synced, then linked:
//! whoever finds it finds all of it, and of two that create it at once both read the same one.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use rustix::fs::{Mode, OFlags};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::envelope::{Key, KeyId};
use super::secret::{BASE64, RandomError, hex_digits, random};

/// Wraps data keys. Zeroed when dropped, prints only its id.
pub struct MasterKey {
    key: Key,
}

/// A place that keeps the master key: a file here, a keyring in the application.
pub trait KeySource: Send + Sync {
    /// The key, or `None` when there is none yet. Must not answer `None` when it merely could not look.
    fn load(&self) -> Result<Option<MasterKey>, KeyError>;

    /// Keeps a new key, durably. Must fail when there is one already.
    fn create(&self, key: &MasterKey) -> Result<(), KeyError>;
}

/// A master key in a file.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
}

/// Why there is no master key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The text has no known form. It is not repeated.
    #[error("a master key is 32 bytes as 64 hexadecimal digits or as base64")]
    Form,
    /// There is one already.
    #[error("there is a master key in `{0}` already")]
    Exists(PathBuf),
    /// A symlink, directory, pipe or device.
    #[error("`{0}` is not a regular file")]
    NotAFile(PathBuf),
    /// Others could read it.
    #[error("`{path}` has mode {mode:04o}; a master key needs 0600 or 0400")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file system.
    #[error("cannot use `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A source that is not a file.
    #[error("the key source failed")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl KeyError {
    /// What to change.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Form => Some("make one with `openssl rand -hex 32`".to_owned()),
            Self::Open { path, .. } => {
                Some(format!("if nobody else has read it: `chmod 600 {}`; else make a new one", path.display()))
            }
            Self::NotAFile(_) => Some("name the file itself, not a link to it".to_owned()),
            _ => None,
        }
    }
}

impl MasterKey {
    /// A key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let bytes = Zeroizing::new(bytes);
        // One-way, so the id in every wrapped key says nothing about the key.
        let digest = Sha256::new().chain_update(b"gitlab-sync master key id\0").chain_update(&bytes[..]).finalize();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        Self { key: Key::new(KeyId::from_bytes(id), bytes) }
    }

    /// 64 hexadecimal digits or base64 of 32 bytes; white space around it is ignored.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let bytes = if text.len() == 64 { from_hex(text) } else { from_base64(text) };
        bytes.map(|bytes| Self::from_bytes(*bytes)).ok_or(KeyError::Form)
    }

    /// A new random key.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self::from_bytes(*random()?))
    }

    /// The key of a source, made there first when it has none.
    pub fn load_or_create(source: &dyn KeySource) -> Result<Self, KeyError> {
        if let Some(key) = source.load()? {
            return Ok(key);
        }
        let key = Self::generate()?;
        match source.create(&key) {
            Ok(()) => Ok(key),
            // Somebody was faster: theirs is the one.
            Err(KeyError::Exists(path)) => source.load()?.ok_or(KeyError::Exists(path)),
            Err(error) => Err(error),
        }
    }

    /// Names the key in wrapped data keys and messages; says nothing about its bytes.
    pub fn id(&self) -> KeyId {
        self.key.id()
    }

    /// 64 hexadecimal digits, for a [`KeySource`] to keep.
    pub fn expose_hex(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(64));
        text.extend(hex_digits(self.key.expose()).map(char::from));
        text
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MasterKey({})", self.id())
    }
}

impl KeyFile {
    /// The key in this file. Nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Which file it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a change of the key keeps the new one until everything is sealed with it: beside this file, with `.next` after its name.
    /// To change the key: [`MasterKey::load_or_create`] here, `Vault::rotate_master` to it, then [`Self::promote`]. After a kill, the same
    /// again.
    #[must_use]
    pub fn next(&self) -> Self {
        let mut name = self.path.clone().into_os_string();
        name.push(".next");
        Self::new(name)
    }

    /// Puts the key of [`Self::next`] in the place of this one, durably and in one step.
    pub fn promote(&self) -> Result<(), KeyError> {
        let next = self.next();
        std::fs::rename(&next.path, &self.path).map_err(next.io())?;
        File::open(self.folder()).and_then(|folder| folder.sync_all()).map_err(self.io())
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn io(&self) -> impl Fn(io::Error) -> KeyError {
        |source| KeyError::Io { path: self.path.clone(), source }
    }

    /// `None` when there is no such file.
    fn open(&self) -> Result<Option<File>, KeyError> {
        // Non-blocking, so that a pipe in its place is refused and not waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::open(&self.path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err(KeyError::NotAFile(self.path.clone())),
            Err(error) => return Err(self.io()(error.into())),
        };
        let facts = file.metadata().map_err(self.io())?;
        if !facts.is_file() {
            return Err(KeyError::NotAFile(self.path.clone()));
        }
        match facts.mode() & 0o7777 {
            0o600 | 0o400 => Ok(Some(file)),
            mode => Err(KeyError::Open { path: self.path.clone(), mode }),
        }
    }

    /// Writes beside the file and links it into place, which fails when the name is taken.
    fn write_new(&self, text: &str) -> io::Result<()> {
        let folder = self.folder();
        let name = format!(".master-key-{:016x}", u64::from_ne_bytes(*random().map_err(io::Error::other)?));
        let beside = folder.join(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::open(&beside, flags, Mode::RUSR | Mode::WUSR)?);
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        let linked = written.and_then(|()| std::fs::hard_link(&beside, &self.path));
        std::fs::remove_file(&beside)?;
        linked?;
        File::open(folder)?.sync_all()
    }
}

impl KeySource for KeyFile {
    fn load(&self) -> Result<Option<MasterKey>, KeyError> {
        let Some(file) = self.open()? else { return Ok(None) };
        let mut text = Zeroizing::new(String::with_capacity(256));
        match file.take(256).read_to_string(&mut text) {
            Ok(_) => MasterKey::from_text(&text).map(Some),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(KeyError::Form),
            Err(error) => Err(self.io()(error)),
        }
    }

    fn create(&self, key: &MasterKey) -> Result<(), KeyError> {
        let mut text = Zeroizing::new(String::with_capacity(65));
        text.push_str(&key.expose_hex());
        text.push('\n');
        match self.write_new(&text) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(KeyError::Exists(self.path.clone())),
            other => other.map_err(self.io()),
        }
    }
}

fn from_hex(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digit = |letter: u8| char::from(letter).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

fn from_base64(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let decoded = Zeroizing::new(BASE64.decode(text).ok()?);
    Some(Zeroizing::new(decoded[..].try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn a_key_is_read_from_hex_and_base64_and_nothing_else() {
        let expected = MasterKey::from_text(HEX).unwrap();
        assert_eq!(expected.expose_hex().as_str(), HEX);
        for text in [
            "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\n",
            "  AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        ] {
            assert_eq!(MasterKey::from_text(text).unwrap().id(), expected.id(), "{text}");
        }
        for text in ["", "canary", &HEX[1..], &format!("{HEX}00"), &HEX.replace('f', "g"), "AAECAwQF", &"é".repeat(32)]
        {
            let error = MasterKey::from_text(text).unwrap_err();
            assert!(matches!(error, KeyError::Form), "{text}");
            assert!(!error.to_string().contains("canary"));
        }
    }

    #[test]
    fn a_key_prints_its_id_only() {
        let key = MasterKey::from_text(HEX).unwrap();
        assert_eq!(format!("{key:?}"), format!("MasterKey({})", key.id()));
        assert_eq!(key.id().to_string().len(), 16);
    }

    #[test]
    fn a_file_is_made_once_with_mode_0600_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("master.key"));
        assert!(file.load().unwrap().is_none());
        let key = MasterKey::load_or_create(&file).unwrap();
        assert_eq!(std::fs::metadata(&file.path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(MasterKey::load_or_create(&file).unwrap().id(), key.id());
        assert!(matches!(file.create(&key).unwrap_err(), KeyError::Exists(_)));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn the_next_key_waits_beside_the_file_and_takes_its_place_in_one_step() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("master.key"));
        MasterKey::load_or_create(&file).unwrap();
        assert!(matches!(file.promote(), Err(KeyError::Io { .. })), "there is none");
        let next = MasterKey::load_or_create(&file.next()).unwrap();
        assert_eq!(MasterKey::load_or_create(&file.next()).unwrap().id(), next.id(), "a second try has the same");
        file.promote().unwrap();
        assert_eq!(file.load().unwrap().unwrap().id(), next.id());
        assert!(file.next().load().unwrap().is_none());
        assert_eq!(std::fs::metadata(&file.path).unwrap().mode() & 0o7777, 0o600);
    }

    #[test]
    fn of_many_that_make_it_at_once_all_get_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let file = KeyFile::new(&path);
                std::thread::spawn(move || MasterKey::load_or_create(&file).unwrap().id())
            })
            .collect();
        let ids: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(ids.iter().all(|id| *id == ids[0]));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("master.key"));
        MasterKey::load_or_create(&file).unwrap();
        for (mode, good) in [
            (0o600, true),
            (0o400, true),
            (0o640, false),
            (0o604, false),
            (0o660, false),
            (0o700, false),
            (0o4600, false),
        ] {
            std::fs::set_permissions(&file.path, std::fs::Permissions::from_mode(mode)).unwrap();
            match file.load() {
                Ok(key) => assert!(good && key.is_some(), "{mode:o}"),
                Err(KeyError::Open { mode: seen, .. }) => assert!(!good && seen == mode, "{mode:o}"),
                Err(other) => panic!("{mode:o}: {other}"),
            }
        }
    }

    #[test]
    fn links_folders_and_pipes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let real = KeyFile::new(folder.path().join("real"));
        MasterKey::load_or_create(&real).unwrap();
        let link = folder.path().join("link");
        symlink(&real.path, &link).unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        for path in [&link, &pipe, &folder.path().to_owned()] {
            let error = KeyFile::new(path).load().unwrap_err();
            assert!(matches!(error, KeyError::NotAFile(_)), "{error}");
        }
    }
}
