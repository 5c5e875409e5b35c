//! Which connection writes what: a project, a branch and the folders in it. Two that write the same would undo each other's work.
//!
//! Decided here: what "the same" is, and that of two who want it at once one gets it. Known gap: another store does not see the claims of
//! this one; there the branch's head is what tells the connectors of each other.

use super::secrets::named;
use super::{Database, DatabaseError};
use crate::installation::slot;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::secrets::store::{LockName, SecretStore as _, StoreError, StoreLock};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What one connection writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// With its sub-path.
    pub(crate) server: String,
    pub(crate) project: u64,
    /// Empty where there is none yet: the first one may have any name.
    pub(crate) branch: String,
    /// Of the repository; empty for all of it.
    pub(crate) directories: Vec<String>,
}

impl Claim {
    fn clashes(&self, other: &Self) -> bool {
        let project = |claim: &Self| (claim.server.clone(), claim.project);
        let branch = self.branch == other.branch || self.branch.is_empty() || other.branch.is_empty();
        let whole = self.directories.is_empty() || other.directories.is_empty();
        let overlap = || self.directories.iter().any(|one| other.directories.iter().any(|two| overlap(one, two)));
        project(self) == project(other) && branch && (whole || overlap())
    }
}

/// Whether one folder is the other or is in it.
fn overlap(one: &str, two: &str) -> bool {
    let is_name = |part: &&str| !matches!(*part, "" | ".");
    let parts = |path: &str| path.split('/').filter(is_name).map(str::to_lowercase).collect::<Vec<_>>();
    let (one, two) = (parts(one), parts(two));
    one.starts_with(&two) || two.starts_with(&one)
}

/// The connection that writes a part of the same, and its branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clash {
    pub(crate) other: ConnectionId,
    pub(crate) branch: String,
}

impl Database {
    /// Held between the look for a clash and the claim, also against other processes: GitLab is asked in between.
    pub(crate) async fn claiming(&self, server: &str, project: u64) -> Result<StoreLock, StoreError> {
        let digest = Sha256::digest(format!("the project {project} of {server}"));
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = ConnectionId::parse(&name).expect("64 digits are a name");
        self.lock(&name, &LockName::Slot(slot("claiming"))).await
    }

    pub(crate) async fn clash(&self, id: &ConnectionId, claim: &Claim) -> Result<Option<Clash>, DatabaseError> {
        let (id, claim) = (id.to_string(), claim.clone());
        self.read(move |connection| clash(connection, &id, &claim)).await
    }

    /// None: the connection writes nothing any more. `Err`: another one has claimed it meanwhile, and nothing was changed.
    pub(crate) async fn claim(
        &self,
        id: &ConnectionId,
        claim: Option<&Claim>,
    ) -> Result<Result<(), Clash>, DatabaseError> {
        let (id, claim) = (id.to_string(), claim.cloned());
        self.write(move |connection| {
            let Some(claim) = claim else {
                return connection.execute("DELETE FROM claims WHERE connection = ?1", [id]).map(|_| Ok(()));
            };
            if let Some(clash) = clash(connection, &id, &claim)? {
                return Ok(Err(clash));
            }
            let text = serde_json::to_string(&claim).expect("plain data");
            connection.execute("INSERT OR REPLACE INTO claims VALUES (?1, ?2)", (id, text)).map(|_| Ok(()))
        })
        .await
    }
}

fn clash(connection: &Connection, id: &str, claim: &Claim) -> rusqlite::Result<Option<Clash>> {
    let mut select = connection.prepare_cached("SELECT connection, claim FROM claims WHERE connection <> ?1")?;
    let mut rows = select.query([id])?;
    while let Some(row) = rows.next()? {
        let theirs: String = row.get(1)?;
        if let Some(theirs) = serde_json::from_str::<Claim>(&theirs).ok().filter(|theirs| theirs.clashes(claim)) {
            let other = named(&row.get::<_, String>(0)?, |text| ConnectionId::parse(text).ok())?;
            return Ok(Some(Clash { other, branch: theirs.branch }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_connections_never_write_the_same_folder_of_a_branch() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("store.sqlite")).unwrap();
        let [one, two] = ["one", "two"].map(|id| ConnectionId::parse(id).unwrap());
        let claim = |project, branch: &str, directories: &[&str]| Claim {
            server: "https://gitlab.com".into(),
            project,
            branch: branch.into(),
            directories: directories.iter().map(ToString::to_string).collect(),
        };
        database.claim(&one, Some(&claim(7, "main", &["docs/team"]))).await.unwrap().unwrap();
        let clash = Clash { other: one.clone(), branch: "main".into() };
        let table = [
            (claim(7, "main", &["docs/team"]), true),
            (claim(7, "main", &["Docs"]), true),
            (claim(7, "main", &["docs/team/sub"]), true),
            (claim(7, "main", &[]), true),
            (claim(7, "main", &["."]), true),
            (claim(7, "", &["docs"]), true),
            (claim(7, "", &["other"]), false),
            (claim(7, "main", &["docs/teams", "other"]), false),
            (claim(7, "draft", &[]), false),
            (claim(8, "main", &[]), false),
            (Claim { server: "https://gitlab.example.com".into(), ..claim(7, "main", &[]) }, false),
        ];
        for (other, clashes) in &table {
            let found = database.clash(&two, other).await.unwrap();
            assert_eq!(found, clashes.then(|| clash.clone()), "{other:?}");
            assert_eq!(database.clash(&one, other).await.unwrap(), None, "nobody clashes with itself");
            let claimed = database.claim(&two, Some(other)).await.unwrap();
            assert_eq!(claimed.err(), found, "also where nobody has looked before: {other:?}");
            database.claim(&two, None).await.unwrap().unwrap();
        }
        database.claim(&one, None).await.unwrap().unwrap();
        assert_eq!(database.clash(&two, &table[0].0).await.unwrap(), None);
    }
}
