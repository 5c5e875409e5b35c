//! Who writes a branch: a mark in the trailer of our own commits, by which two installations find out about each other.
//!
//! Decided here: that another installation's mark among the newest commits below the directories means that it writes there, for as
//! long as its newest commit is young. A mark in commits needs no scope that a push does not need, cannot be seen but in commit
//! messages, and costs nothing when pushing; it is looked for only when something is configured. A disconnected installation
//! commits no more, and its mark is given up by its age, or at once by taking over.
//!
//! Not decided here: which connections of one installation write the same. The product knows all of them and refuses that itself.
//!
//! Known gaps: an installation that has never pushed has left no mark; patterns are not compared.

use crate::configure::{Configuration, Ownership};
use crate::date::{DAY_MS, days_since_1970};
use crate::error::{Code, Error};
use crate::gitlab::client::Client;
use crate::gitlab::commit::{self, Commit};

/// Days after which a mark is given up: longer than holidays.
const YOUNG_DAYS: i64 = 90;
const MARK_LETTERS: usize = 64;

/// What is to be written.
pub(crate) struct Ground<'a> {
    pub(crate) project: u64,
    pub(crate) branch: &'a str,
    /// Empty for all of it.
    pub(crate) directories: &'a [String],
}

/// Refuses what could not stand in a trailer.
pub(crate) fn check_mark(mark: Option<&str>) -> Result<(), Error> {
    let letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let good = |mark: &str| (1..=MARK_LETTERS).contains(&mark.len()) && mark.bytes().all(letter);
    match mark {
        Some(mark) if !good(mark) => {
            Err(Error::because(Code::InvalidSettings, "the owner is 1 to 64 letters of a-z 0-9 -"))
        }
        _ => Ok(()),
    }
}

/// The mark that is taken over, if any. Refuses where another installation writes and nobody said to take over.
pub(crate) fn claim(
    client: &Client<'_>,
    ground: &Ground<'_>,
    ownership: &Ownership,
    before: Option<Configuration>,
) -> Result<Option<String>, Error> {
    let Some(own) = ownership.mark.as_deref() else { return Ok(None) };
    let same_place = |old: &Configuration| old.project == ground.project && old.branch == ground.branch;
    let taken = before.filter(same_place).and_then(|old| old.taken_over);
    let today = i64::try_from(client.host.now_ms() / DAY_MS).unwrap_or(i64::MAX);
    for commit in newest(client, ground)? {
        let Some(other) = commit.owner() else { continue };
        let day = commit.committed_date.as_deref().and_then(days_since_1970).unwrap_or(today);
        if other == own || today - day > YOUNG_DAYS {
            continue;
        }
        if ownership.take_over || taken.as_deref() == Some(other) {
            return Ok(Some(other.to_owned()));
        }
        let date = commit.committed_date.as_deref().and_then(|date| date.get(..10)).unwrap_or("of late");
        let place = format!("`{}` of project {}", ground.branch, ground.project);
        return Err(Error::because(
            Code::OwnershipClash,
            &format!("another installation committed to {place} on {date}, commit {}", short(&commit.id)),
        ));
    }
    Ok(taken)
}

/// Of each directory, or of the whole branch: the newest that carries any mark.
fn newest(client: &Client<'_>, ground: &Ground<'_>) -> Result<Vec<Commit>, Error> {
    let of = |directory| client.get(commit::newest_below(ground.project, ground.branch, directory));
    let requests: Vec<_> = match ground.directories {
        [] => vec![of(None)],
        directories => directories.iter().map(|directory| of(Some(directory.as_str()))).collect(),
    };
    let mut found = Vec::new();
    for (request, outcome) in requests.iter().zip(client.send_all(&requests)) {
        let reply = client.checked(request, outcome)?;
        let commits: Vec<Commit> = crate::gitlab::client::json(request, &reply)?;
        found.extend(commits.into_iter().find(|commit| commit.owner().is_some()));
    }
    Ok(found)
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}
