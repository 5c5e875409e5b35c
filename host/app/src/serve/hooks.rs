//! Which connection a hook's path belongs to. A path is a secret of its own: 32 random bytes, of which the store keeps the sha256 and the
//! vault, sealed, the text that admins copy.

use crate::failure::Failure;
use crate::installation::slot;
use crate::operations::Trouble;
use crate::store::{Database, DatabaseError, named};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::secrets::envelope::Stored;
use gitlab_sync_host::secrets::secret::{Recipe, Secret};
use gitlab_sync_host::secrets::store::{LockName, SecretStore as _, StoreLock};
use gitlab_sync_host::secrets::vault::{Vault, VaultError};
use rusqlite::{OptionalExtension, Row};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The vault's slot of the path.
const SLOT: &str = "hook-path";
/// The lock of whoever looks whether there is one, or makes another. The vault has its own for the slot.
const MAKING: &str = "hook-path-making";
/// Letters of 32 bytes.
const LETTERS: usize = 43;

/// Who puts the webhook into GitLab, as people say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Keeper {
    /// The connector, at this server's address.
    Auto,
    /// A person, who pastes what the page shows.
    Manual,
    /// Nobody: every delivery is rejected.
    None,
}

/// The last part of a hook's address.
#[derive(Clone)]
pub(crate) struct HookPath(String);

impl HookPath {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (text.len() == LETTERS && text.bytes().all(letter)).then(|| Self(text.to_owned()))
    }

    /// As somebody called it. What is no path of ours is looked up all the same, so that it takes as long.
    pub(crate) fn typed(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What comes after the server's address.
    pub(crate) fn route(&self) -> String {
        format!("/hooks/{}", self.0)
    }

    /// The library gives random bytes as digits; this is as many bits in fewer letters.
    fn generate() -> Result<Self, Failure> {
        let digits = Secret::generate(Recipe::Hex)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(Sha256::digest(digits.expose()))))
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

/// Where the vault keeps the path of a connection: apart from its secrets. Those are struck out of everything that GitLab answers, and
/// the connector, which is told the address of the webhook, has to know it again among GitLab's.
pub(crate) fn room(id: &ConnectionId) -> ConnectionId {
    let digest = Sha256::digest(format!("the hook of {id}"));
    let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    ConnectionId::parse(&name).expect("64 digits are a name")
}

/// The path goes with its connection.
pub(crate) async fn forget(id: &ConnectionId, vault: &Vault) -> Result<(), VaultError> {
    vault.forget_connection(&room(id)).await
}

/// The path of a connection, if it has one that leads to it.
pub(crate) async fn known(id: &ConnectionId, vault: &Vault, database: &Database) -> Result<Option<HookPath>, Trouble> {
    let Some(path) = sealed(id, vault).await? else { return Ok(None) };
    let led = database.hook(&path)?;
    Ok(led.is_some_and(|led| led.own && led.connection == *id).then_some(path))
}

async fn sealed(id: &ConnectionId, vault: &Vault) -> Result<Option<HookPath>, VaultError> {
    let kept = vault.reveal(&room(id), &slot(SLOT)).await?;
    Ok(kept.and_then(|kept| HookPath::parse(&String::from_utf8_lossy(kept.secret.expose()))))
}

/// The path of a connection, made if it has none.
pub(crate) async fn path(
    id: &ConnectionId,
    vault: &Vault,
    database: &Database,
    now_ms: u64,
) -> Result<HookPath, Failure> {
    // Of two who look for the first time at once, in two processes too, one makes it.
    let _alone = alone(id, database).await?;
    match sealed(id, vault).await? {
        Some(path) => {
            // It is sealed before it is listed, and a crash may come between.
            database.save_hook(id, &path).await?;
            Ok(path)
        }
        None => make(id, vault, database, now_ms).await,
    }
}

/// A new path; the old one is nobody's from now on.
pub(crate) async fn renew(
    id: &ConnectionId,
    vault: &Vault,
    database: &Database,
    now_ms: u64,
) -> Result<HookPath, Failure> {
    let _alone = alone(id, database).await?;
    make(id, vault, database, now_ms).await
}

async fn alone(id: &ConnectionId, database: &Database) -> Result<StoreLock, Failure> {
    database.lock(id, &LockName::Slot(slot(MAKING))).await.map_err(|error| Failure::of(&error))
}

async fn make(id: &ConnectionId, vault: &Vault, database: &Database, now_ms: u64) -> Result<HookPath, Failure> {
    let path = HookPath::generate()?;
    let secret = Secret::new(path.as_str()).map_err(|error| Failure::of(&error))?;
    vault.put(&room(id), &slot(SLOT), &Stored { secret, created_ms: now_ms, expires_ms: None }).await?;
    database.save_hook(id, &path).await?;
    Ok(path)
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Led {
    /// Whose path it is. If nobody's, the one whose path comes next.
    pub(crate) connection: ConnectionId,
    pub(crate) own: bool,
    /// Another one after every change of what is kept of the connection, whoever made it.
    pub(crate) edition: u64,
}

impl Database {
    /// The connection of this path, or the one of the next path, found by the same query in the same time. None: there is no path at all.
    pub(crate) fn hook(&self, path: &HookPath) -> Result<Option<Led>, DatabaseError> {
        let digest = path.digest();
        self.glance(|reader| {
            let from = |least: [u8; 32]| {
                let mut select = reader.prepare_cached(
                    "SELECT hooks.digest, connections.id, coalesce(editions.edition, 0)
                     FROM hooks JOIN connections ON connections.id = hooks.connection
                     LEFT JOIN editions ON editions.connection = connections.id
                     WHERE hooks.digest >= ?1 ORDER BY hooks.digest LIMIT 1",
                )?;
                let led = |row: &Row<'_>| {
                    let connection = named(&row.get::<_, String>(1)?, |text| ConnectionId::parse(text).ok())?;
                    Ok(Led { own: row.get::<_, [u8; 32]>(0)? == digest, connection, edition: row.get(2)? })
                };
                select.query_row([least], led).optional()
            };
            // The path after the last is the first.
            from(digest)?.map_or_else(|| from([0; 32]), |led| Ok(Some(led)))
        })
    }

    /// From now on its path is nobody's.
    pub(crate) async fn close_hook(&self, id: &ConnectionId) -> Result<(), DatabaseError> {
        let id = id.to_string();
        self.change(move |connection| connection.execute("DELETE FROM hooks WHERE connection = ?1", [id]).map(drop))
            .await
    }

    /// The only one of the connection.
    async fn save_hook(&self, id: &ConnectionId, path: &HookPath) -> Result<(), DatabaseError> {
        let (id, digest) = (id.to_string(), path.digest());
        self.change(move |connection| {
            connection.execute("DELETE FROM hooks WHERE connection = ?1 AND digest <> ?2", (&id, digest))?;
            connection.execute("INSERT OR IGNORE INTO hooks VALUES (?2, ?1)", (&id, digest)).map(drop)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;
    use gitlab_sync_host::secrets::master::MasterKey;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_connection_keeps_its_path_until_it_gets_a_new_one() {
        let scratch = Scratch::new();
        let (database, vault, [one, two]) = scratch.two_connections().await;
        let led = async |path: &HookPath| {
            let led = database.hook(path).unwrap();
            led.filter(|led| led.own).map(|led| led.connection)
        };
        assert!(database.hook(&HookPath::typed("nobody's")).unwrap().is_none(), "there is no path at all");
        assert!(known(&one, &vault, &database).await.unwrap().is_none());
        assert!(database.hook(&HookPath::typed("nobody's")).unwrap().is_none(), "who only looks makes none");
        let first = path(&one, &vault, &database, 1).await.unwrap();
        assert_eq!(path(&one, &vault, &database, 2).await.unwrap().as_str(), first.as_str());
        assert_ne!(path(&two, &vault, &database, 2).await.unwrap().as_str(), first.as_str());
        assert_eq!(led(&first).await, Some(one.clone()));
        let second = renew(&one, &vault, &database, 3).await.unwrap();
        let seen = known(&one, &vault, &database).await.unwrap();
        assert_eq!(seen.as_ref().map(HookPath::as_str), Some(second.as_str()));
        assert_eq!(led(&first).await, None, "the old one is nobody's");
        assert_eq!(led(&second).await, Some(one.clone()));
        assert!(vault.reveal_all(&one).await.unwrap().is_empty(), "it is no secret that GitLab may not answer with");
        for number in 0..99 {
            let other = database.hook(&HookPath::typed(&number.to_string())).unwrap();
            assert!(other.is_some_and(|led| !led.own), "somebody else's work is done for nobody's path");
        }
    }

    /// Each was shown one, and all but the last were nobody's.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn all_who_look_for_the_first_time_at_once_see_one_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.sqlite");
        let database = Database::open(&file).unwrap();
        let id = ConnectionId::parse("one").unwrap();
        let looks = (0..8).map(|_| {
            // As of as many processes.
            let (id, database) = (id.clone(), Database::open(&file).unwrap());
            tokio::spawn(async move {
                let vault = Vault::new(Arc::new(database.clone()), MasterKey::from_bytes([7; 32]));
                path(&id, &vault, &database, 1).await.unwrap().as_str().to_owned()
            })
        });
        let paths = futures_util::future::join_all(looks).await.into_iter().map(Result::unwrap);
        assert_eq!(paths.collect::<std::collections::HashSet<_>>().len(), 1);
        let count = |it: &rusqlite::Connection| it.query_row("SELECT count(*) FROM hooks", [], |row| row.get(0));
        assert_eq!(database.read::<u32>(count).await.unwrap(), 1);
    }

    #[test]
    fn a_path_is_43_letters() {
        let path = HookPath::generate().unwrap();
        assert!(HookPath::parse(path.as_str()).is_some());
        for other in ["", "a", &"a".repeat(42), &"a".repeat(44), &format!("{}/", "a".repeat(42))] {
            assert!(HookPath::parse(other).is_none(), "{other}");
        }
    }
}
