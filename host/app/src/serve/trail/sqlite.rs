//! The trail in the `trail` table of the program's own store.

use super::{Entry, MOST_ON_A_PAGE, Numbered, Page, Trail, TrailError};
use crate::serve::people::Organisation;
use crate::store::{Database, DatabaseError, named, parsed};
use async_trait::async_trait;
use gitlab_sync_host::connection_id::ConnectionId;
use rusqlite::Row;

impl From<DatabaseError> for TrailError {
    fn from(error: DatabaseError) -> Self {
        Self(Box::new(error))
    }
}

#[async_trait]
impl Trail for Database {
    async fn add(&self, entry: Entry) -> Result<(), TrailError> {
        let added = self.change(move |connection| {
            let text = |value| serde_json::to_string(value).expect("plain data");
            let outcome = serde_json::to_string(&entry.outcome).expect("plain data");
            let insert = "INSERT INTO trail (at_ms, organisation, connection, actor, action, outcome, detail)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let id = entry.connection.as_ref().map(ToString::to_string);
            let row = (
                entry.at_ms,
                entry.organisation.as_str(),
                id,
                text(&entry.actor),
                &entry.action,
                outcome,
                &entry.detail,
            );
            connection.prepare_cached(insert)?.execute(row).map(drop)
        });
        Ok(added.await?)
    }

    async fn page(&self, page: Page) -> Result<Vec<Numbered>, TrailError> {
        let entries = self.read(move |connection| {
            let mut select = connection.prepare_cached(&select(page.connection.as_ref()))?;
            let id = page.connection.as_ref().map(ToString::to_string);
            let before = page.before.unwrap_or(i64::MAX);
            let most = page.most.min(MOST_ON_A_PAGE);
            select.query_map((page.organisation.as_str(), id, before, most), numbered)?.collect()
        });
        Ok(entries.await?)
    }

    async fn prune(&self, before_ms: u64) -> Result<u64, TrailError> {
        let pruned = self.write(move |connection| {
            let gone = connection.execute(PRUNE, [before_ms])?;
            Ok(Ok::<_, TrailError>(gone as u64))
        });
        pruned.await?
    }
}

const PRUNE: &str = "DELETE FROM trail WHERE at_ms < ?1";

/// Of one connection or of all. One statement for both would read through the organisation's entries for those of a connection.
fn select(connection: Option<&ConnectionId>) -> String {
    let which = if connection.is_some() { "connection = ?2" } else { "?2 IS NULL" };
    format!(
        "SELECT number, at_ms, organisation, connection, actor, action, outcome, detail FROM trail
         WHERE organisation = ?1 AND {which} AND number < ?3 ORDER BY number DESC LIMIT ?4"
    )
}

fn numbered(row: &Row<'_>) -> rusqlite::Result<Numbered> {
    let id = |text: String| named(&text, |text| ConnectionId::parse(text).ok());
    let entry = Entry {
        at_ms: row.get(1)?,
        organisation: named(&row.get::<_, String>(2)?, |text| Organisation::parse(text).ok())?,
        connection: row.get::<_, Option<String>>(3)?.map(id).transpose()?,
        actor: parsed(&row.get::<_, String>(4)?)?,
        action: row.get(5)?,
        outcome: parsed(&row.get::<_, String>(6)?)?,
        detail: row.get(7)?,
    };
    Ok(Numbered { number: row.get(0)?, entry })
}

#[cfg(test)]
mod tests {
    use super::super::conformance;
    use super::*;
    use crate::store::scratch::Scratch;

    #[tokio::test]
    async fn the_sqlite_store_conforms() {
        let scratch = Scratch::new();
        conformance::check(|| scratch.store()).await;
    }

    /// Each hour it read the whole year.
    #[tokio::test]
    async fn what_is_old_is_found_without_reading_what_is_not() {
        let scratch = Scratch::new();
        let explain = format!("EXPLAIN QUERY PLAN {PRUNE}");
        let plan = scratch.store().glance(|it| it.query_row(&explain, [9], |row| row.get::<_, String>(3))).unwrap();
        assert!(plan.contains("trail_by_time (at_ms<?)"), "{plan}");
    }

    #[tokio::test]
    async fn a_page_is_found_without_reading_what_is_not_on_it() {
        let scratch = Scratch::new();
        let database = scratch.store();
        let one = ConnectionId::parse("one").unwrap();
        for (connection, index) in [(None, "trail_of_organisation"), (Some(&one), "trail_of_connection")] {
            let explain = format!("EXPLAIN QUERY PLAN {}", select(connection));
            let id = connection.map(ToString::to_string);
            let plan = database.read(move |it| {
                let mut plan = it.prepare(&explain)?;
                plan.query_map(("acme", id, 9, 9), |row| row.get::<_, String>(3))?.collect::<rusqlite::Result<Vec<_>>>()
            });
            let plan = plan.await.unwrap();
            let all = if connection.is_some() { "connection=? AND number<?" } else { "organisation=? AND number<?" };
            assert!(plan.len() == 1 && plan[0].contains(index) && plan[0].contains(all), "{plan:?}");
        }
    }
}
