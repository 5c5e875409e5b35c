//! Which connection writes what: a project, a branch and the folders in it. Two that write the same would undo each other's work.
//!
//! Decided here: what "the same" is. Known gap: another store does not see the claims of this one; there the branch's head is what
//! tells the connectors of each other.

use super::secrets::named;
use super::{Database, DatabaseError};
use gitlab_sync_host::connection_id::ConnectionId;
use serde::{Deserialize, Serialize};

/// What one connection writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// With its sub-path.
    pub(crate) server: String,
    pub(crate) project: u64,
    pub(crate) branch: String,
    /// Of the repository; empty for all of it.
    pub(crate) directories: Vec<String>,
}

impl Claim {
    fn clashes(&self, other: &Self) -> bool {
        let place = |claim: &Self| (claim.server.clone(), claim.project, claim.branch.clone());
        let whole = self.directories.is_empty() || other.directories.is_empty();
        let overlap = || self.directories.iter().any(|one| other.directories.iter().any(|two| overlap(one, two)));
        place(self) == place(other) && (whole || overlap())
    }
}

/// Whether one folder is the other or is in it.
fn overlap(one: &str, two: &str) -> bool {
    let parts = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_lowercase).collect::<Vec<_>>();
    let (one, two) = (parts(one), parts(two));
    one.starts_with(&two) || two.starts_with(&one)
}

impl Database {
    /// The connection that writes a part of the same.
    pub(crate) async fn clash(&self, id: &ConnectionId, claim: &Claim) -> Result<Option<ConnectionId>, DatabaseError> {
        let id = id.to_string();
        let claims: Vec<(ConnectionId, String)> = self
            .read(move |connection| {
                let mut select = connection.prepare("SELECT connection, claim FROM claims WHERE connection <> ?1")?;
                let other = |text: String| named(&text, |text| ConnectionId::parse(text).ok());
                select.query_map([id], |row| Ok((other(row.get(0)?)?, row.get(1)?)))?.collect()
            })
            .await?;
        let clashes = |text: &str| serde_json::from_str::<Claim>(text).is_ok_and(|other| other.clashes(claim));
        Ok(claims.into_iter().find(|(_, text)| clashes(text)).map(|(id, _)| id))
    }

    /// None: the connection writes nothing any more.
    pub(crate) async fn claim(&self, id: &ConnectionId, claim: Option<&Claim>) -> Result<(), DatabaseError> {
        let id = id.to_string();
        let text = claim.map(|claim| serde_json::to_string(claim).expect("plain data"));
        self.change(move |connection| match text {
            Some(text) => connection.execute("INSERT OR REPLACE INTO claims VALUES (?1, ?2)", (id, text)).map(drop),
            None => connection.execute("DELETE FROM claims WHERE connection = ?1", [id]).map(drop),
        })
        .await
    }
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
        database.claim(&one, Some(&claim(7, "main", &["docs/team"]))).await.unwrap();
        let table = [
            (claim(7, "main", &["docs/team"]), true),
            (claim(7, "main", &["Docs"]), true),
            (claim(7, "main", &["docs/team/sub"]), true),
            (claim(7, "main", &[]), true),
            (claim(7, "main", &["docs/teams", "other"]), false),
            (claim(7, "draft", &[]), false),
            (claim(8, "main", &[]), false),
            (Claim { server: "https://gitlab.example.com".into(), ..claim(7, "main", &[]) }, false),
        ];
        for (other, clashes) in &table {
            let found = database.clash(&two, other).await.unwrap();
            assert_eq!(found, clashes.then(|| one.clone()), "{other:?}");
            assert_eq!(database.clash(&one, other).await.unwrap(), None, "nobody clashes with itself");
        }
        database.claim(&one, None).await.unwrap();
        assert_eq!(database.clash(&two, &table[0].0).await.unwrap(), None);
    }
}
