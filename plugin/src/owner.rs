//! Who writes a branch: a mark in the trailer of our own commits, by which two installations find out about each other.
//!
//! Decided here: that another installation's mark among the newest commits below the directories means that it writes there, for as
//! long as its newest commit is young; then nothing is synced here until someone says whose the branch is. A mark in commits needs
//! no scope that a push does not need, and costs nothing when pushing. It is looked for when something is configured, and in the
//! commits that moved the branch since the last sync, which a sync reads anyway: one request more for each directory, and only
//! where one of them bears another's mark. A disconnected installation commits no more, and its mark is given up by its age, or at
//! once by taking over. A mark names its branch, too: a commit that was merged or picked from elsewhere claims nothing.
//!
//! The first commit after taking over says so in a trailer of its own. From then on the other one stops by itself; what it has
//! pushed until it knew is forgiven, but not that it takes the branch back, which its own trailer says.
//!
//! Not decided here: which connections of one installation write the same. The product knows all of them and refuses that itself.
//!
//! Known gaps: an installation that has never pushed has left no mark; patterns are not compared; below a directory, no more than
//! the hundred newest commits are looked at.

use serde::Serialize;

use crate::configure::{Configuration, Ownership, keep};
use crate::date::{DAY_MS, days_since_1970};
use crate::error::{Code, Error};
use crate::gitlab::client::Client;
use crate::gitlab::commit::{self, Commit};
use crate::host::Host;
use crate::json;
use crate::session::Session;

/// Days after which a mark is given up: longer than holidays.
const YOUNG_DAYS: i64 = 90;
const MARK_LETTERS: usize = 64;

/// What is to be written.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) project: u64,
    pub(crate) branch: &'a str,
    /// Empty for all of it.
    pub(crate) directories: &'a [String],
}

/// Whose the branch is, as far as it was decided or found out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The marks of those from whom it was taken over on purpose.
    pub taken_from: Vec<String>,
    /// Whether a commit has told them.
    pub told: bool,
    /// Who was overlooked by a push that landed at the same time; nothing else would show it from then on.
    pub lost_to: Option<Rival>,
}

/// A commit by which another installation claims the branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rival {
    mark: String,
    commit: String,
    date: Option<String>,
}

json::object!(Standing { taken_from, told; lost_to });
json::object!(Rival { mark, commit; date });

impl Standing {
    /// Whom the next commit has to tell.
    pub(crate) fn untold(&self) -> &[String] {
        if self.told { &[] } else { &self.taken_from }
    }

    fn has_taken_from(&self, mark: &str) -> bool {
        self.taken_from.iter().any(|known| known == mark)
    }
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

/// Whose the branch is from now on. Refuses where another installation writes and nobody said to take over.
pub(crate) fn claim(
    client: &Client<'_>,
    ground: &Ground<'_>,
    ownership: &Ownership,
    before: Option<Configuration>,
) -> Result<Standing, Error> {
    let Some(own) = ownership.mark.as_deref() else { return Ok(Standing::default()) };
    let same_place = |old: &Configuration| old.project == ground.project && old.branch == ground.branch;
    let mut standing = before.filter(same_place).map(|old| old.standing).unwrap_or_default();
    let mut rivals = rivals(client, ground, ground.branch, own, &standing)?;
    rivals.extend(standing.lost_to.take());
    if let Some(rival) = rivals.first().filter(|_| !ownership.take_over) {
        return Err(clash(ground, rival));
    }
    for rival in rivals {
        standing.told = false;
        if !standing.has_taken_from(&rival.mark) {
            standing.taken_from.push(rival.mark);
        }
    }
    Ok(standing)
}

/// Refuses to go on where the branch was found to be another's.
pub(crate) fn check(configuration: &Configuration) -> Result<(), Error> {
    let Configuration { project, branch, directories, standing, .. } = configuration;
    let ground = Ground { project: *project, branch, directories };
    standing.lost_to.as_ref().map_or(Ok(()), |rival| Err(clash(&ground, rival)))
}

/// Refuses to go on where one of the commits since the last sync says that another installation writes here now. None: it is not
/// known which these are.
pub(crate) fn respect(session: &Session<'_>, since: Option<&[Commit]>) -> Result<(), Error> {
    let Configuration { project, branch, owner, .. } = &session.configuration;
    let is_other = |commit: &Commit| commit.owner(*project, branch).is_some_and(|mark| Some(mark) != owner.as_deref());
    if since.is_some_and(|commits| !commits.iter().any(is_other)) {
        return Ok(());
    }
    match rival_at(session, branch)? {
        Some(rival) => Err(clash(&session.ground(), &rival)),
        None => Ok(()),
    }
}

/// Whether it is ours, so that whatever came before was seen.
pub(crate) fn is_own(session: &Session<'_>, commit: &Commit) -> bool {
    let Configuration { project, branch, owner, .. } = &session.configuration;
    commit.owner(*project, branch) == owner.as_deref()
}

/// After our own commit landed on another one than planned: whoever was faster is noted, since our own mark now hides theirs.
pub(crate) fn overtaken(session: &Session<'_>, parent: &str, own: &Commit) -> Result<(), Error> {
    let Some(rival) = rival_at(session, parent)? else { return Ok(()) };
    let error = clash(&session.ground(), &rival);
    change(session.host(), |standing| standing.lost_to = Some(rival))?;
    let message = format!("{}; what was pushed before that was seen is there as {}", error.message, short(&own.id));
    Err(Error { message, ..error })
}

/// After our own commit: whom it told of the taking over knows from now on.
pub(crate) fn told(host: &dyn Host) -> Result<(), Error> {
    change(host, |standing| standing.told = true)
}

fn change(host: &dyn Host, how: impl FnOnce(&mut Standing)) -> Result<(), Error> {
    let mut configuration = Configuration::require(host)?;
    how(&mut configuration.standing);
    keep(host, &configuration)
}

/// `tip` is the branch, or a commit of it.
fn rival_at(session: &Session<'_>, tip: &str) -> Result<Option<Rival>, Error> {
    let Configuration { owner: Some(own), standing, .. } = &session.configuration else { return Ok(None) };
    Ok(rivals(&session.client, &session.ground(), tip, own, standing)?.into_iter().next())
}

/// Of each directory, or of the whole branch: the newest commit by which another installation claims it.
fn rivals(
    client: &Client<'_>,
    ground: &Ground<'_>,
    tip: &str,
    own: &str,
    standing: &Standing,
) -> Result<Vec<Rival>, Error> {
    let of = |directory| client.get(commit::newest_below(ground.project, tip, directory));
    let requests: Vec<_> = match ground.directories {
        [] => vec![of(None)],
        directories => directories.iter().map(|directory| of(Some(directory.as_str()))).collect(),
    };
    let today = i64::try_from(client.host.now_ms() / DAY_MS).unwrap_or(i64::MAX);
    let mut found = Vec::new();
    for (request, outcome) in requests.iter().zip(client.send_all(&requests)) {
        let reply = client.checked(request, outcome)?;
        let commits: Vec<Commit> = crate::gitlab::client::json(request, &reply)?;
        let marked = commits.iter().filter_map(|commit| Some((commit, commit.owner(ground.project, ground.branch)?)));
        found.extend(rival(marked, own, standing, today));
    }
    Ok(found)
}

/// Of the newest commits with their marks, the newest first. Our own mark ends the search: what is older, we knew.
fn rival<'c>(
    marked: impl Iterator<Item = (&'c Commit, &'c str)>,
    own: &str,
    standing: &Standing,
    today: i64,
) -> Option<Rival> {
    let is_young = |(commit, _): &(&Commit, &str)| {
        let day = commit.committed_date.as_deref().and_then(days_since_1970).unwrap_or(today);
        today - day <= YOUNG_DAYS
    };
    let mut since = marked.filter(is_young).take_while(|(_, mark)| *mark != own).peekable();
    let (_, newest) = since.peek()?;
    let is_stranger = !standing.has_taken_from(newest);
    let is_taking_back =
        |(commit, mark): &(&Commit, &str)| standing.told && standing.has_taken_from(mark) && commit.takes_over(own);
    let (commit, mark) = since.find(|commit| is_stranger || is_taking_back(commit))?;
    Some(Rival { mark: mark.into(), commit: commit.id.clone(), date: commit.committed_date.clone() })
}

fn clash(ground: &Ground<'_>, rival: &Rival) -> Error {
    let date = rival.date.as_deref().and_then(|date| date.get(..10)).unwrap_or("of late");
    let place = format!("`{}` of project {}", ground.branch, ground.project);
    Error::because(
        Code::OwnershipClash,
        &format!("another installation committed to {place} on {date}, commit {}", short(&rival.commit)),
    )
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: i64 = 20_849;

    /// The newest first: whose it is, and whom it tells.
    fn history(commits: &[(&str, Option<&str>)]) -> Vec<Commit> {
        let message = |(owner, tells): &(&str, Option<&str>)| match tells {
            _ if owner.is_empty() => "By hand\n".to_owned(),
            Some(other) => format!("Edit\n\nGitlab-Sync-Owner: {owner}\nGitlab-Sync-Takes-Over: {other}\n"),
            None => format!("Edit\n\nGitlab-Sync-Owner: {owner}\n"),
        };
        let text = |(at, commit)| format!(r#"{{"id": "{at}", "message": {:?}}}"#, message(commit));
        commits.iter().enumerate().map(|commit| json::read(text(commit).as_bytes()).unwrap()).collect()
    }

    #[test]
    fn another_installation_is_seen_until_it_is_taken_over_and_again_when_it_takes_back() {
        let taken = |told| Standing { taken_from: vec!["one".into()], told, lost_to: None };
        let none = Standing::default();
        let (one, us, by_hand) = (("one", None), ("us", None), ("", None));
        let back = ("one", Some("us"));
        for (commits, standing, found) in [
            (&[by_hand][..], &none, None),
            (&[by_hand, one], &none, Some("1")),
            (&[us, one], &none, None),
            (&[one, us], &none, Some("0")),
            (&[one], &taken(false), None),
            (&[one, us], &taken(true), None),
            (&[one, back, us], &taken(true), Some("1")),
            (&[back], &taken(false), None),
            (&[us, back], &taken(true), None),
            (&[("three", None), us], &taken(true), Some("0")),
            (&[one, ("three", None)], &taken(false), None),
        ] {
            let commits = history(commits);
            let marked = commits.iter().filter_map(|commit| Some((commit, commit.owner(7, "main")?)));
            let seen = rival(marked, "us", standing, TODAY);
            assert_eq!(seen.as_ref().map(|rival| rival.commit.as_str()), found, "{commits:?} {standing:?}");
        }
    }
}
