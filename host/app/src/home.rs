//! Where the program keeps things between runs: one folder of this user alone.
//!
//! Decided here: which folder that is, what is in it, and where the master key comes from. The library reads none of this from the
//! environment; it is handed over.

use crate::failure::{Exit, Failure};
use gitlab_sync_host::secrets::master::{KeyError, KeyFile, KeySource, MasterKey};
use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// Overrides the folder.
pub(crate) const HOME: &str = "GITLAB_SYNC_HOME";
/// Holds the master key instead of a file, or says `keyring:`.
pub(crate) const MASTER_KEY: &str = "GITLAB_SYNC_MASTER_KEY";
/// Holds the one to change to.
const NEW_MASTER_KEY: &str = "GITLAB_SYNC_NEW_MASTER_KEY";
const KEYRING: &str = "keyring:";

/// A folder that only this user can enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    folder: PathBuf,
}

/// A change of the master key.
pub(crate) struct KeyChange {
    pub(crate) old: MasterKey,
    pub(crate) new: MasterKey,
    /// Where the new one has to take the old one's place. None: whoever gave it keeps it.
    pub(crate) file: Option<KeyFile>,
}

impl Home {
    /// The folder of `--home`, of the environment, or the platform's place for data; made if it is not there.
    pub(crate) fn open(typed: Option<&Path>) -> Result<Self, Failure> {
        let folder = typed.map(Path::to_path_buf).or_else(|| place(|name| std::env::var_os(name)));
        let folder = folder.ok_or_else(|| {
            Failure::new("there is no home folder to keep connections in")
                .hint(format!("set {HOME} or give `--home DIR`"))
        })?;
        make_private(&folder)?;
        // A relative one would be another folder for a process that moves.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        Ok(Self { folder })
    }

    /// The same, if somebody has made it already.
    pub(crate) fn existing(typed: Option<&Path>) -> Option<Self> {
        let folder = typed.map(Path::to_path_buf).or_else(|| place(|name| std::env::var_os(name)))?;
        folder.is_dir().then_some(Self { folder })
    }

    /// Whether whoever has all of that folder has this one.
    pub(crate) fn lies_in(&self, folder: &Path) -> bool {
        self.folder.canonicalize().is_ok_and(|own| own.starts_with(folder))
    }

    /// Compiled components. The engine makes it, mode 0700.
    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.join("cache")
    }

    /// Connections, state and sealed secrets.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("store.sqlite")
    }

    /// Folders of connections that were made on the server's page.
    pub(crate) fn workspaces(&self) -> PathBuf {
        self.folder.join("workspaces")
    }

    /// One server at a time works with this folder, until this is dropped.
    pub(crate) fn served(&self) -> Result<File, Failure> {
        self.held(
            "serve.lock",
            File::try_lock,
            "another server works with this home folder",
            "stop it, or give another folder with `--home DIR`",
        )
    }

    /// One JSON line for each request, use of a secret and batch of files.
    pub(crate) fn audit(&self, connection: &str) -> PathBuf {
        self.folder.join(format!("audit-{connection}.jsonl"))
    }

    /// The same for all connections of the server. No connection has this name: they have no letters like these.
    pub(crate) fn audit_of_the_server(&self) -> PathBuf {
        self.folder.join("audit_serve.jsonl")
    }

    /// Of deliveries to paths that nobody has. They are judged by some connection, and its own trail speaks of its own deliveries.
    pub(crate) fn audit_of_strangers(&self) -> PathBuf {
        self.folder.join("audit_strangers.jsonl")
    }

    /// The key above all others: of the environment, of the system's keyring, or of a file of mode 0600. The last two make it on first use.
    ///
    /// Blocks, and a keyring may wait for a person.
    pub(crate) fn master_key(&self) -> Result<MasterKey, Failure> {
        if std::env::var_os(MASTER_KEY).is_none() && self.key_file().next().load().map_err(refused)?.is_some() {
            let sentence = "a change of the master key was interrupted";
            return Err(Failure::new(sentence).hint("run `gitlab-sync keys rotate` to end it; nothing is lost"));
        }
        self.key_in_use()
    }

    /// From the key in use to the one of the environment, or to a new one that is kept beside the file of the old one already.
    pub(crate) fn key_change(&self) -> Result<KeyChange, Failure> {
        let old = self.key_in_use()?;
        if let Some(text) = std::env::var_os(NEW_MASTER_KEY) {
            return Ok(KeyChange { old, new: key_of(NEW_MASTER_KEY, &text)?, file: None });
        }
        if std::env::var_os(MASTER_KEY).is_some() {
            let sentence = format!("{MASTER_KEY} says where the master key is, so no file can take the new one");
            return Err(
                Failure::new(sentence).hint(format!("give it in {NEW_MASTER_KEY}, made with `openssl rand -hex 32`"))
            );
        }
        let file = self.key_file();
        let new = MasterKey::load_or_create(&file.next()).map_err(refused)?;
        Ok(KeyChange { old, new, file: Some(file) })
    }

    /// Nobody changes the master key until this is dropped.
    pub(crate) fn together(&self) -> Result<File, Failure> {
        self.held("lock", File::try_lock_shared, "the master key is being changed", "try again when that has ended")
    }

    /// Nobody else works with this folder until this is dropped.
    pub(crate) fn alone(&self) -> Result<File, Failure> {
        self.held("lock", File::try_lock, "another gitlab-sync works with this home folder", "stop it and try again")
    }

    fn held(
        &self,
        name: &str,
        lock: impl Fn(&File) -> Result<(), TryLockError>,
        busy: &str,
        hint: &str,
    ) -> Result<File, Failure> {
        let path = self.folder.join(name);
        let opened = File::options().create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(|error| Failure::of(&error).about(&path))?;
        match lock(&file) {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Failure::new(busy).hint(hint)),
            Err(TryLockError::Error(error)) => Err(Failure::of(&error).about(&path)),
        }
    }

    pub(crate) fn key_file(&self) -> KeyFile {
        KeyFile::new(self.folder.join("master.key"))
    }

    fn key_in_use(&self) -> Result<MasterKey, Failure> {
        match std::env::var_os(MASTER_KEY) {
            None => MasterKey::load_or_create(&self.key_file()).map_err(refused),
            Some(text) if text == KEYRING => self.keyring(),
            Some(text) => key_of(MASTER_KEY, &text),
        }
    }

    #[cfg(feature = "os-keyring")]
    fn keyring(&self) -> Result<MasterKey, Failure> {
        crate::keyring::master_key(&self.folder)
    }

    #[cfg(not(feature = "os-keyring"))]
    #[expect(clippy::unused_self, reason = "the same call as with the feature")]
    fn keyring(&self) -> Result<MasterKey, Failure> {
        let sentence = format!("{MASTER_KEY} is `{KEYRING}`, and this program was built without the system's keyring");
        Err(Failure::new(sentence).hint("build it with `--features os-keyring`"))
    }
}

fn key_of(variable: &str, text: &OsStr) -> Result<MasterKey, Failure> {
    let keyring =
        if variable == MASTER_KEY { format!(", or `{KEYRING}` for the system's keyring") } else { String::new() };
    let key = text.to_str().map(MasterKey::from_text).and_then(Result::ok);
    key.ok_or_else(|| {
        let forms = "it is 32 bytes as 64 hexadecimal digits or as base64";
        Failure::new(format!("{variable} holds no master key: {forms}{keyring}"))
            .hint("make one with `openssl rand -hex 32`")
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn refused(error: KeyError) -> Failure {
    Failure::of(&error).hints_of(error.hint())
}

/// The first of these that is set: our own variable, XDG's, the home folder's.
fn place(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // XDG has relative paths ignored. Below a relative home, each folder the program is started in would have a store of its own.
    let absolute = |name: &str| set(name).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME");
    let data = data.or_else(|| absolute("HOME").map(|home| home.join(".local").join("share")));
    set(HOME).or_else(|| data.map(|data| data.join("gitlab-sync")))
}

#[cfg(unix)]
fn make_private(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    let failed = |error: std::io::Error| {
        Failure::new(format!("the folder `{}` cannot be used: {error}", folder.display()))
            .hint(format!("set {HOME} or give `--home DIR`"))
    };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let mode = std::fs::metadata(folder).map_err(failed)?.mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let sentence = format!("the folder `{}` can be read or written by others (mode {mode:o})", folder.display());
    Err(Failure::new(sentence).hint(format!("chmod 700 {}", folder.display())).ending(Exit::Refused))
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::new(format!("the folder `{}` cannot be used: {error}", folder.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_the_first_that_is_named() {
        let table = [
            (&[("GITLAB_SYNC_HOME", "/own"), ("XDG_DATA_HOME", "/xdg"), ("HOME", "/me")][..], Some("/own")),
            (&[("XDG_DATA_HOME", "/xdg"), ("HOME", "/me")], Some("/xdg/gitlab-sync")),
            (&[("XDG_DATA_HOME", "relative"), ("HOME", "/me")], Some("/me/.local/share/gitlab-sync")),
            (&[("GITLAB_SYNC_HOME", ""), ("HOME", "/me")], Some("/me/.local/share/gitlab-sync")),
            (&[("HOME", "relative")], None),
            (&[], None),
        ];
        for (variables, expected) in table {
            let variable =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            assert_eq!(place(variable), expected.map(PathBuf::from));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_can_enter_is_refused() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        let home = Home::open(Some(&folder)).unwrap();
        assert_eq!(std::fs::metadata(&home.folder).unwrap().mode() & 0o777, 0o700);
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o750)).unwrap();
        let failure = Home::open(Some(&folder)).unwrap_err();
        assert_eq!(failure.exit(), Exit::Refused);
        assert!(failure.hints()[0].starts_with("chmod 700 "));
    }
}
