//! States in the `states` table of the program's own store.

use super::{Change, State, States, StatesError};
use crate::store::{Database, DatabaseError, named, parsed};
use async_trait::async_trait;
use gitlab_sync_host::connection_id::ConnectionId;
use rusqlite::{Connection, OptionalExtension};

impl From<DatabaseError> for StatesError {
    fn from(error: DatabaseError) -> Self {
        Self(Box::new(error))
    }
}

#[async_trait]
impl States for Database {
    async fn get(&self, id: &ConnectionId) -> Result<State, StatesError> {
        let id = id.to_string();
        Ok(self.read(move |connection| state(connection, &id)).await?)
    }

    async fn change(&self, id: &ConnectionId, changes: Vec<Change>) -> Result<State, StatesError> {
        let id = id.clone();
        let changed = self.write(move |connection| Ok(Ok::<_, StatesError>(change(connection, &id, changes)?)));
        changed.await?
    }

    async fn change_all(&self, changes: Vec<(ConnectionId, Vec<Change>)>) -> Result<(), StatesError> {
        if changes.is_empty() {
            return Ok(());
        }
        let changed = Database::change(self, move |connection| {
            changes.into_iter().try_for_each(|(id, changes)| change(connection, &id, changes).map(drop))
        });
        Ok(changed.await?)
    }

    async fn all(&self) -> Result<Vec<(ConnectionId, State)>, StatesError> {
        let all = self.read(|connection| {
            let mut select = connection.prepare_cached("SELECT connection, state FROM states ORDER BY connection")?;
            let row = |row: &rusqlite::Row<'_>| {
                let id = named(&row.get::<_, String>(0)?, |text| ConnectionId::parse(text).ok())?;
                Ok((id, parsed(&row.get::<_, String>(1)?)?))
            };
            select.query_map([], row)?.collect()
        });
        Ok(all.await?)
    }

    async fn forget(&self, id: &ConnectionId) -> Result<(), StatesError> {
        let id = id.to_string();
        Database::change(self, move |connection| {
            connection.execute("DELETE FROM states WHERE connection = ?1", [id]).map(drop)
        })
        .await
        .map_err(StatesError::from)
    }
}

impl Database {
    /// A new token was given, also on the command line: what a server has held back goes on. None: the connection is not there any more.
    pub(crate) async fn token_given(
        &self,
        id: &ConnectionId,
        expires_on: Option<String>,
    ) -> Result<Option<State>, DatabaseError> {
        let id = id.clone();
        let given = self.write(move |connection| {
            if !connection.prepare_cached("SELECT 1 FROM connections WHERE id = ?1")?.exists([id.as_str()])? {
                return Ok(Err(()));
            }
            connection.execute("DELETE FROM holds WHERE connection = ?1", [id.as_str()])?;
            change(connection, &id, vec![Change::Resumed, Change::TokenExpires(expires_on)]).map(Ok)
        });
        Ok(given.await?.ok())
    }
}

fn change(connection: &Connection, id: &ConnectionId, changes: Vec<Change>) -> rusqlite::Result<State> {
    let mut state = state(connection, id.as_str())?;
    changes.into_iter().for_each(|change| state.apply(change));
    let insert = "INSERT OR REPLACE INTO states VALUES (?1, ?2)";
    let text = serde_json::to_string(&state).expect("plain data");
    connection.prepare_cached(insert)?.execute((id.as_str(), text))?;
    Ok(state)
}

fn state(connection: &Connection, id: &str) -> rusqlite::Result<State> {
    let mut select = connection.prepare_cached("SELECT state FROM states WHERE connection = ?1")?;
    let text = select.query_row([id], |row| row.get::<_, String>(0)).optional()?;
    text.map_or_else(|| Ok(State::default()), |text| parsed(&text))
}

#[cfg(test)]
mod tests {
    use super::super::conformance;
    use crate::store::scratch::Scratch;

    #[tokio::test]
    async fn the_sqlite_store_conforms() {
        let scratch = Scratch::new();
        conformance::check(|| scratch.store()).await;
    }
}
