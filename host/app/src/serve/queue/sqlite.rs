//! The queue in the tables `deliveries`, `jobs`, `turns` and `holds` of the program's own store.
//!
//! Two unique indices say what must never be, whatever the code does: two jobs of one place, or of one connection, that run at once.

use super::{
    Arrival, Backoff, Depth, Ending, Holder, Put, Queue, QueueError, REMEMBERED, SHOWN, Seen, Stage, Taken, Taking,
    Ticket,
};
use crate::serve::job::{Cause, Job, JobNumber};
use crate::serve::people::Organisation;
use crate::serve::problem::Problem;
use crate::store::{Database, DatabaseError, named, parsed};
use async_trait::async_trait;
use gitlab_sync_host::connection_id::ConnectionId;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

impl From<DatabaseError> for QueueError {
    fn from(error: DatabaseError) -> Self {
        Self(Box::new(error))
    }
}

impl Database {
    /// As `write`, where only SQLite can fail.
    async fn queue<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, QueueError> {
        let Ok(done) = self.write(move |connection| work(connection).map(Ok::<_, Infallible>)).await?;
        Ok(done)
    }
}

#[async_trait]
impl Queue for Database {
    async fn put(&self, arrivals: Vec<Arrival>, now_ms: u64) -> Result<Vec<Put>, QueueError> {
        let rows = arrivals.len();
        let put_all = move |connection: &Connection| {
            let all = arrivals.iter().map(|arrival| put(connection, arrival, now_ms));
            all.collect::<rusqlite::Result<_>>().map(Ok::<_, Infallible>)
        };
        let Ok(put) = self.write_rows(rows, put_all).await?;
        Ok(put)
    }

    async fn take(&self, holder: &Holder, taking: Taking) -> Result<Vec<Taken>, QueueError> {
        let holder = holder.clone();
        self.queue(move |connection| {
            give_back(connection, "held_until_ms < ?1", [taking.now_ms], taking.now_ms)?;
            believe_no_other_clock(connection, taking.now_ms)?;
            take(connection, &holder, taking)
        })
        .await
    }

    async fn prolong(
        &self,
        holder: &Holder,
        numbers: Vec<JobNumber>,
        until_ms: u64,
    ) -> Result<Vec<JobNumber>, QueueError> {
        let holder = holder.0.clone();
        self.queue(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE jobs SET held_until_ms = ?3 WHERE number = ?1 AND stage = 'running' AND holder = ?2",
            )?;
            let mut own = vec![];
            for number in numbers {
                if update.execute((number.0, &holder, until_ms))? == 1 {
                    own.push(number);
                }
            }
            Ok(own)
        })
        .await
    }

    async fn end(&self, ticket: &Ticket, ending: Ending, now_ms: u64) -> Result<bool, QueueError> {
        let ticket = ticket.clone();
        self.queue(move |connection| {
            let select = "SELECT 1 FROM jobs WHERE number = ?1 AND stage = 'running' AND holder = ?2 AND attempts = ?3";
            let own = connection.prepare_cached(select)?.exists((ticket.number.0, &ticket.holder.0, ticket.attempt))?;
            if own {
                end(connection, ticket.number, &ending, now_ms)?;
            }
            Ok(own)
        })
        .await
    }

    async fn give_back(&self, holder: &Holder, now_ms: u64) -> Result<u64, QueueError> {
        let holder = holder.0.clone();
        self.queue(move |connection| give_back(connection, "holder = ?1", [holder], now_ms)).await
    }

    async fn hold(&self, connection: &ConnectionId) -> Result<(), QueueError> {
        let id = connection.to_string();
        self.queue(move |connection| connection.execute("INSERT OR IGNORE INTO holds VALUES (?1)", [id]).map(drop))
            .await
    }

    async fn let_go(&self, connection: &ConnectionId) -> Result<(), QueueError> {
        let id = connection.to_string();
        self.queue(move |connection| connection.execute("DELETE FROM holds WHERE connection = ?1", [id]).map(drop))
            .await
    }

    async fn next_due_ms(&self) -> Result<Option<u64>, QueueError> {
        let next = self.read(|connection| {
            let select = "SELECT min(due_ms) FROM jobs WHERE stage = 'waiting'
                AND NOT EXISTS (SELECT 1 FROM holds WHERE holds.connection = jobs.connection)";
            connection.prepare_cached(select)?.query_row([], |row| row.get(0))
        });
        Ok(next.await?)
    }

    async fn job(&self, number: JobNumber) -> Result<Option<Seen>, QueueError> {
        let seen = self.read(move |connection| {
            let select = format!("SELECT {SEEN} FROM jobs WHERE number = ?1");
            connection.prepare_cached(&select)?.query_row([number.0], seen).optional()
        });
        Ok(seen.await?)
    }

    async fn jobs(&self, connection: &ConnectionId, most: usize) -> Result<Vec<Seen>, QueueError> {
        let id = connection.to_string();
        let all = self.read(move |connection| {
            let select = format!("SELECT {SEEN} FROM jobs WHERE connection = ?1 ORDER BY number DESC LIMIT ?2");
            connection.prepare_cached(&select)?.query_map((id, most), seen)?.collect()
        });
        Ok(all.await?)
    }

    async fn depth(&self, now_ms: u64) -> Result<Depth, QueueError> {
        let depth = self.read(move |connection| {
            let select = "SELECT (SELECT count(*) FROM jobs WHERE stage = 'waiting'),
                (SELECT count(*) FROM jobs WHERE stage = 'running'),
                (SELECT count(*) FROM jobs WHERE stage = 'dead' AND ended_ms IS NOT NULL),
                (SELECT min(due_ms) FROM jobs WHERE stage = 'waiting' AND due_ms <= ?1)";
            connection.prepare_cached(select)?.query_row([now_ms], |row| {
                let [waiting, running, dead] = [row.get(0)?, row.get(1)?, row.get(2)?];
                Ok(Depth { waiting, running, dead, oldest_due_ms: row.get(3)? })
            })
        });
        Ok(depth.await?)
    }

    async fn prune(&self, now_ms: u64) -> Result<(), QueueError> {
        let before = |span: std::time::Duration| now_ms.saturating_sub(span.as_millis() as u64);
        let (remembered, shown) = (before(REMEMBERED), before(SHOWN));
        self.queue(move |connection| {
            connection.execute("DELETE FROM deliveries WHERE at_ms < ?1", [remembered])?;
            let old = "DELETE FROM jobs WHERE stage IN ('done', 'joined', 'dead') AND ended_ms < ?1";
            connection.execute(old, [shown]).map(drop)
        })
        .await
    }

    async fn forget(&self, connection: &ConnectionId) -> Result<(), QueueError> {
        let id = connection.to_string();
        self.queue(move |connection| {
            for table in ["jobs", "deliveries", "holds", "hooks"] {
                connection.execute(&format!("DELETE FROM {table} WHERE connection = ?1"), [&id])?;
            }
            Ok(())
        })
        .await
    }
}

fn put(connection: &Connection, arrival: &Arrival, now_ms: u64) -> rusqlite::Result<Put> {
    let id = arrival.connection.as_str();
    if let Cause::Delivery { key, .. } = &arrival.cause {
        let insert = "INSERT INTO deliveries (connection, key, at_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        if connection.prepare_cached(insert)?.execute((id, key, now_ms))? == 0 {
            return Ok(Put::Repeat);
        }
    }
    let Some(job) = arrival.job else { return Ok(Put::Noted) };
    let put = match waiting(connection, id, job)? {
        Some(number) => {
            join(connection, number, arrival)?;
            Put::Joined(number)
        }
        None => Put::Queued(insert(connection, arrival, job, now_ms)?),
    };
    if let (Cause::Delivery { key, .. }, Put::Queued(number) | Put::Joined(number)) = (&arrival.cause, put) {
        let update = "UPDATE deliveries SET job = ?3 WHERE connection = ?1 AND key = ?2";
        connection.prepare_cached(update)?.execute((id, key, number.0))?;
    }
    Ok(put)
}

fn waiting(connection: &Connection, id: &str, job: Job) -> rusqlite::Result<Option<JobNumber>> {
    let select = "SELECT number FROM jobs WHERE connection = ?1 AND job = ?2 AND stage = 'waiting'";
    connection.prepare_cached(select)?.query_row((id, job.as_str()), |row| row.get(0).map(JobNumber)).optional()
}

fn insert(connection: &Connection, arrival: &Arrival, job: Job, now_ms: u64) -> rusqlite::Result<JobNumber> {
    let insert = "INSERT INTO jobs
        (organisation, connection, place, job, cause, how, wakes, stage, attempts, created_ms, due_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, 'waiting', 0, ?7, ?8)";
    let Arrival { connection: id, organisation, place, cause, order, due_ms, .. } = arrival;
    let (cause, how) = (json(cause), json(order));
    let row = (organisation.as_str(), id.as_str(), &place.0, job.as_str(), cause, how, now_ms, due_ms);
    connection.prepare_cached(insert)?.execute(row)?;
    Ok(JobNumber(connection.last_insert_rowid()))
}

/// A person is not kept waiting by what failed before, and what they want counts; all others wait with the job.
fn join(connection: &Connection, number: JobNumber, arrival: &Arrival) -> rusqlite::Result<()> {
    let update = "UPDATE jobs SET wakes = wakes + 1, place = ?2 WHERE number = ?1";
    connection.prepare_cached(update)?.execute((number.0, &arrival.place.0))?;
    if matches!(arrival.cause, Cause::Person { .. }) {
        let update = "UPDATE jobs SET cause = ?2, how = ?3, due_ms = min(due_ms, ?4), attempts = 0 WHERE number = ?1";
        let row = (number.0, json(&arrival.cause), json(&arrival.order), arrival.due_ms);
        connection.prepare_cached(update)?.execute(row)?;
    }
    Ok(())
}

/// What runs now, and what may therefore not begin.
#[derive(Default)]
struct Busy {
    organisations: HashMap<String, u32>,
    places: HashSet<String>,
    connections: HashSet<String>,
}

impl Busy {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut busy = Self::default();
        let mut select =
            connection.prepare_cached("SELECT organisation, place, connection FROM jobs WHERE stage = 'running'")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            busy.add(row.get(0)?, row.get(1)?, row.get(2)?);
        }
        Ok(busy)
    }

    fn add(&mut self, organisation: String, place: String, connection: String) {
        *self.organisations.entry(organisation).or_default() += 1;
        self.places.insert(place);
        self.connections.insert(connection);
    }

    fn of(&self, organisation: &str) -> u32 {
        self.organisations.get(organisation).copied().unwrap_or_default()
    }
}

/// What waits for longer than anything can was put there before the clock was set back, and is due now.
fn believe_no_other_clock(connection: &Connection, now_ms: u64) -> rusqlite::Result<()> {
    let latest_ms = now_ms + Backoff::LONGEST.as_millis() as u64;
    let update = "UPDATE jobs SET due_ms = ?1 WHERE stage = 'waiting' AND due_ms > ?2";
    connection.prepare_cached(update)?.execute([now_ms, latest_ms]).map(drop)
}

/// The organisation with the least running comes first; among equals the one whose turn is the longest ago.
fn take(connection: &Connection, holder: &Holder, taking: Taking) -> rusqlite::Result<Vec<Taken>> {
    let (mut busy, mut taken) = (Busy::read(connection)?, vec![]);
    let mut waiting = organisations(connection, taking.now_ms)?;
    while !waiting.is_empty() && taken.len() < taking.most as usize {
        let next = (0..waiting.len()).min_by_key(|index| busy.of(&waiting[*index])).unwrap_or_default();
        let organisation = waiting.remove(next);
        if busy.of(&organisation) >= taking.most_per_organisation {
            continue;
        }
        let Some((number, place, id)) = first(connection, &organisation, &busy, taking.now_ms)? else { continue };
        taken.push(start(connection, number, holder, taking)?);
        connection.prepare_cached(TURN)?.execute([&organisation])?;
        busy.add(organisation.clone(), place, id);
        // Its next turn comes after all others of this round.
        waiting.push(organisation);
    }
    Ok(taken)
}

const TURN: &str = "INSERT INTO turns VALUES (?1, (SELECT coalesce(max(turn), 0) + 1 FROM turns))
    ON CONFLICT (organisation) DO UPDATE SET turn = excluded.turn";

/// Those with something that is due, the longest not served first.
fn organisations(connection: &Connection, now_ms: u64) -> rusqlite::Result<Vec<String>> {
    let mut select = connection.prepare_cached(
        "SELECT due.organisation FROM
            (SELECT organisation, min(due_ms) AS first_ms FROM jobs WHERE stage = 'waiting' GROUP BY organisation) due
         LEFT JOIN turns ON turns.organisation = due.organisation
         WHERE due.first_ms <= ?1 ORDER BY coalesce(turns.turn, 0), due.first_ms",
    )?;
    select.query_map([now_ms], |row| row.get(0))?.collect()
}

/// The job of this organisation that may begin now: number, place, connection.
fn first(
    connection: &Connection,
    organisation: &str,
    busy: &Busy,
    now_ms: u64,
) -> rusqlite::Result<Option<(JobNumber, String, String)>> {
    let mut select = connection.prepare_cached(
        "SELECT number, place, connection FROM jobs WHERE stage = 'waiting' AND organisation = ?1 AND due_ms <= ?2
         AND NOT EXISTS (SELECT 1 FROM holds WHERE holds.connection = jobs.connection) ORDER BY due_ms, number",
    )?;
    let mut rows = select.query((organisation, now_ms))?;
    while let Some(row) = rows.next()? {
        let (number, place, id): (_, String, String) = (row.get(0).map(JobNumber)?, row.get(1)?, row.get(2)?);
        if !busy.places.contains(&place) && !busy.connections.contains(&id) {
            return Ok(Some((number, place, id)));
        }
    }
    Ok(None)
}

fn start(connection: &Connection, number: JobNumber, holder: &Holder, taking: Taking) -> rusqlite::Result<Taken> {
    let update = "UPDATE jobs SET stage = 'running', attempts = attempts + 1, holder = ?2, held_until_ms = ?3
        WHERE number = ?1 RETURNING connection, organisation, job, cause, how, attempts";
    connection.prepare_cached(update)?.query_row((number.0, &holder.0, taking.until_ms), |row| {
        Ok(Taken {
            connection: connection_id(row, 0)?,
            organisation: named(&row.get::<_, String>(1)?, |text| Organisation::parse(text).ok())?,
            job: named(&row.get::<_, String>(2)?, Job::parse)?,
            cause: parsed(&row.get::<_, String>(3)?)?,
            order: parsed(&row.get::<_, String>(4)?)?,
            ticket: Ticket { number, holder: holder.clone(), attempt: row.get(5)? },
        })
    })
}

/// Ends a running job.
fn end(connection: &Connection, number: JobNumber, ending: &Ending, now_ms: u64) -> rusqlite::Result<()> {
    match ending {
        Ending::Done => {
            close(connection, number, Stage::Done, None, now_ms)?;
            drop_look_before(connection, number)
        }
        Ending::GivenUp(problem) => close(connection, number, Stage::Dead, Some(problem), now_ms),
        Ending::Again { due_ms, problem } => {
            let update = "UPDATE jobs SET problem = ?2, due_ms = ?3 WHERE number = ?1";
            connection.prepare_cached(update)?.execute((number.0, json(problem), due_ms))?;
            wait_again(connection, number, now_ms)
        }
        Ending::BrokenOff => {
            let update = "UPDATE jobs SET attempts = attempts - 1, due_ms = ?2 WHERE number = ?1";
            connection.prepare_cached(update)?.execute((number.0, now_ms))?;
            wait_again(connection, number, now_ms)
        }
    }
}

/// Of looks at a branch that come one after another, the last one is shown: a month of them would be 8,640 for each connection.
fn drop_look_before(connection: &Connection, number: JobNumber) -> rusqlite::Result<()> {
    let delete = "DELETE FROM jobs WHERE stage = 'done' AND wakes = 1 AND cause ->> 'by' = 'poll' AND number =
        (SELECT max(before.number) FROM jobs before JOIN jobs own USING (connection)
         WHERE own.number = ?1 AND before.number < ?1 AND own.cause ->> 'by' = 'poll')";
    connection.prepare_cached(delete)?.execute([number.0]).map(drop)
}

fn close(
    connection: &Connection,
    number: JobNumber,
    stage: Stage,
    problem: Option<&Problem>,
    now_ms: u64,
) -> rusqlite::Result<()> {
    let update = "UPDATE jobs SET stage = ?2, ended_ms = ?3, problem = ?4, holder = NULL, held_until_ms = NULL
        WHERE number = ?1";
    let row = (number.0, word(stage), now_ms, problem.map(json));
    connection.prepare_cached(update)?.execute(row).map(drop)
}

/// A running job waits again. What arrived meanwhile is its wake too: the newer one takes over its tries and its wait. What a person wants
/// is neither lost by that nor kept waiting.
fn wait_again(connection: &Connection, number: JobNumber, now_ms: u64) -> rusqlite::Result<()> {
    let select = "SELECT newer.number FROM jobs newer JOIN jobs old USING (connection, job)
        WHERE old.number = ?1 AND newer.stage = 'waiting'";
    let newer: Option<i64> = connection.prepare_cached(select)?.query_row([number.0], |row| row.get(0)).optional()?;
    let Some(newer) = newer else {
        let update = "UPDATE jobs SET stage = 'waiting', holder = NULL, held_until_ms = NULL WHERE number = ?1";
        return connection.prepare_cached(update)?.execute([number.0]).map(drop);
    };
    let update = "UPDATE jobs SET wakes = jobs.wakes + old.wakes, problem = old.problem,
        attempts = iif(own.persons, jobs.attempts, old.attempts),
        due_ms = iif(own.persons, jobs.due_ms, max(jobs.due_ms, old.due_ms)),
        cause = iif(own.persons, jobs.cause, iif(old.persons, old.cause, jobs.cause)),
        how = iif(own.persons, jobs.how, iif(old.persons, old.how, jobs.how))
        FROM (SELECT *, cause ->> 'by' = 'person' AS persons FROM jobs WHERE number = ?2) old,
            (SELECT cause ->> 'by' = 'person' AS persons FROM jobs WHERE number = ?1) own
        WHERE jobs.number = ?1";
    connection.prepare_cached(update)?.execute((newer, number.0))?;
    close(connection, number, Stage::Joined, None, now_ms)
}

/// Running jobs that nobody works on any more wait again. The try counts: a job that ends its server is given up some day.
fn give_back<P: rusqlite::Params>(
    connection: &Connection,
    which: &str,
    params: P,
    now_ms: u64,
) -> rusqlite::Result<u64> {
    let select = format!("SELECT number FROM jobs WHERE stage = 'running' AND {which}");
    let mut select = connection.prepare_cached(&select)?;
    let numbers: Vec<i64> = select.query_map(params, |row| row.get(0))?.collect::<Result<_, _>>()?;
    for number in &numbers {
        wait_again(connection, JobNumber(*number), now_ms)?;
    }
    Ok(numbers.len() as u64)
}

const SEEN: &str = "number, connection, job, cause, wakes, stage, attempts, created_ms, due_ms, ended_ms, problem";

fn seen(row: &Row<'_>) -> rusqlite::Result<Seen> {
    Ok(Seen {
        number: JobNumber(row.get(0)?),
        connection: connection_id(row, 1)?,
        job: named(&row.get::<_, String>(2)?, Job::parse)?,
        cause: parsed(&row.get::<_, String>(3)?)?,
        wakes: row.get(4)?,
        stage: named(&row.get::<_, String>(5)?, stage)?,
        attempts: row.get(6)?,
        created_ms: row.get(7)?,
        due_ms: row.get(8)?,
        ended_ms: row.get(9)?,
        problem: row.get::<_, Option<String>>(10)?.map(|text| parsed(&text)).transpose()?,
    })
}

fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waiting",
        Stage::Running => "running",
        Stage::Done => "done",
        Stage::Joined => "joined",
        Stage::Dead => "dead",
    }
}

fn stage(text: &str) -> Option<Stage> {
    let all = [Stage::Waiting, Stage::Running, Stage::Done, Stage::Joined, Stage::Dead];
    all.into_iter().find(|stage| word(*stage) == text)
}

fn connection_id(row: &Row<'_>, column: usize) -> rusqlite::Result<ConnectionId> {
    named(&row.get::<_, String>(column)?, |text| ConnectionId::parse(text).ok())
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data")
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
