//! Where a connection's jobs belong: whose they are, and with which others they take turns.

use super::job::Place;
use super::people::Organisation;
use crate::store::claims::Claim;
use crate::store::{Database, DatabaseError, named};
use gitlab_sync_host::connection_id::ConnectionId;
use rusqlite::OptionalExtension;

impl Database {
    /// The organisation of a connection; that of the command line if nobody else has it.
    pub(crate) async fn organisation(&self, id: &ConnectionId) -> Result<Organisation, DatabaseError> {
        Ok(self.whose(id).await?.0)
    }

    /// The connections of an organisation, by name.
    pub(crate) async fn connections_of(&self, organisation: &Organisation) -> Result<Vec<ConnectionId>, DatabaseError> {
        let organisation = organisation.to_string();
        self.read(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT id FROM connections LEFT JOIN owners ON owners.connection = connections.id
                 WHERE coalesce(organisation, 'default') = ?1 ORDER BY id",
            )?;
            let id = |text: String| named(&text, |text| ConnectionId::parse(text).ok());
            select.query_map([organisation], |row| id(row.get(0)?))?.collect()
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
        let id = id.to_string();
        self.read(move |connection| {
            let select = "SELECT organisation FROM owners WHERE connection = ?1";
            let owner: Option<String> =
                connection.prepare_cached(select)?.query_row([&id], |row| row.get(0)).optional()?;
            let organisation = match owner {
                Some(text) => named(&text, |text| Organisation::parse(text).ok())?,
                None => Organisation::of_the_command_line(),
            };
            let select = "SELECT claim FROM claims WHERE connection = ?1";
            let claim: Option<String> =
                connection.prepare_cached(select)?.query_row([&id], |row| row.get(0)).optional()?;
            let claim = claim.and_then(|text| serde_json::from_str::<Claim>(&text).ok());
            let branch = |claim: Claim| format!("{} {} {}", claim.server, claim.project, claim.branch);
            Ok((organisation, Place(claim.map_or_else(|| format!("connection {id}"), branch))))
        })
        .await
    }
}
