//! Where a connection's jobs belong: whose they are, and with which others they take turns.

use super::job::Place;
use super::people::Organisation;
use crate::store::claims::Claim;
use crate::store::connections::{Entry, listed};
use crate::store::{Database, DatabaseError, named};
use gitlab_sync_host::connection_id::ConnectionId;
use rusqlite::{Connection, OptionalExtension};

impl Database {
    /// The organisation of a connection; that of the command line if nobody else has it.
    pub(crate) async fn organisation(&self, id: &ConnectionId) -> Result<Organisation, DatabaseError> {
        Ok(self.whose(id).await?.0)
    }

    /// The connections of an organisation, by name, each as far as it can be read.
    pub(crate) async fn connections_of(
        &self,
        organisation: &Organisation,
    ) -> Result<Vec<Result<Entry, DatabaseError>>, DatabaseError> {
        let organisation = organisation.to_string();
        self.read(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT id, entry FROM connections LEFT JOIN owners ON owners.connection = connections.id
                 WHERE coalesce(organisation, 'default') = ?1 ORDER BY id",
            )?;
            select.query_map([organisation], listed)?.collect()
        })
        .await
    }

    /// Before the connection is saved, so that it never shows up elsewhere.
    pub(crate) async fn give_to(&self, id: &ConnectionId, organisation: &Organisation) -> Result<(), DatabaseError> {
        let (id, organisation) = (id.to_string(), organisation.to_string());
        self.change(move |connection| {
            connection.execute("INSERT OR REPLACE INTO owners VALUES (?1, ?2)", (id, organisation)).map(drop)
        })
        .await
    }

    /// Organisation and place. Two connections that write to one branch take turns; one that writes nothing has its own place.
    pub(crate) async fn whose(&self, id: &ConnectionId) -> Result<(Organisation, Place), DatabaseError> {
        let mut all = self.whose_all(vec![id.clone()]).await?;
        Ok(all.pop().expect("one for each"))
    }

    /// For each of these, in order.
    pub(crate) async fn whose_all(&self, ids: Vec<ConnectionId>) -> Result<Vec<(Organisation, Place)>, DatabaseError> {
        self.read(move |connection| ids.iter().map(|id| Ok((owner(connection, id)?, place(connection, id)?))).collect())
            .await
    }
}

fn owner(connection: &Connection, id: &ConnectionId) -> rusqlite::Result<Organisation> {
    let mut select = connection.prepare_cached("SELECT organisation FROM owners WHERE connection = ?1")?;
    let owner: Option<String> = select.query_row([id.as_str()], |row| row.get(0)).optional()?;
    let owner = owner.map(|text| named(&text, |text| Organisation::parse(text).ok())).transpose()?;
    Ok(owner.unwrap_or_else(Organisation::of_the_command_line))
}

fn place(connection: &Connection, id: &ConnectionId) -> rusqlite::Result<Place> {
    let mut select = connection.prepare_cached("SELECT claim FROM claims WHERE connection = ?1")?;
    let claim: Option<String> = select.query_row([id.as_str()], |row| row.get(0)).optional()?;
    let claim = claim.and_then(|text| serde_json::from_str::<Claim>(&text).ok());
    let branch = |claim: Claim| format!("{} {} {}", claim.server, claim.project, claim.branch);
    Ok(Place(claim.map_or_else(|| format!("connection {id}"), branch)))
}
