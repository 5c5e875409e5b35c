//! Commits, to read: list, one, its diff, the references that hold it.

use std::collections::BTreeMap;
use std::sync::Arc;

use git2::{Commit, Oid, Repository, Time};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::users::merge;
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::git::diff::{self, PatchHead};
use crate::git::history::{self, Order};
use crate::git::refs;
use crate::page::{self, Page, Total};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::world::projects::Project;

const READ: Access = Access::read("Commit: Read");

pub(crate) fn routes() -> Router<Arc<App>> {
    let one = "/api/v4/projects/{id}/repository/commits/{sha}";
    Router::new()
        .route(one, get(endpoint(show_one)))
        .route(&format!("{one}/diff"), get(endpoint(show_diff)))
        .route(&format!("{one}/refs"), get(endpoint(show_refs)))
        .route(&format!("{one}/sequence"), get(endpoint(sequence)))
        .route(&format!("{one}/signature"), get(endpoint(signature)))
}

/// Titles from 100 characters on are cut after 80, at a space.
const TITLE_LIMIT: usize = 100;

fn title(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default().trim_end();
    if first.chars().count() < TITLE_LIMIT {
        return first.to_owned();
    }
    let head: String = first.chars().take(78).collect();
    let at = head.rfind(' ').unwrap_or(head.len());
    format!("{}...", &head[..at])
}

/// `2019-09-10T14:05:10.000+00:00`: git's own time and offset.
fn git_time(time: Time) -> String {
    let local = Timestamp::from_second(time.seconds() + i64::from(time.offset_minutes()) * 60);
    let text = local.unwrap_or(Timestamp::UNIX_EPOCH).strftime("%Y-%m-%dT%H:%M:%S.000");
    let minutes = time.offset_minutes().abs();
    let sign = if time.offset_minutes() < 0 { '-' } else { '+' };
    format!("{text}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// `Key: value` lines of the last paragraph.
fn trailers(message: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let Some((_, last)) = message.trim_end().rsplit_once("\n\n") else { return found };
    for line in last.lines() {
        let Some((key, value)) = line.split_once(": ") else { continue };
        if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            found.entry(key.to_owned()).or_default().push(value.trim().to_owned());
        }
    }
    found
}

/// Whether trailers are read from the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trailers {
    /// Left empty.
    Unread,
    /// Read.
    Read,
}

/// The commit entity.
pub(crate) fn entity(project_url: &str, commit: &Commit<'_>, wanted: Trailers) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let id = commit.id().to_string();
    let message = text(commit.message_raw_bytes());
    let (author, committer) = (commit.author(), commit.committer());
    let committed = git_time(committer.when());
    let all = if wanted == Trailers::Read { trailers(&message) } else { BTreeMap::new() };
    let last: BTreeMap<&String, Option<&String>> = all.iter().map(|(key, values)| (key, values.last())).collect();
    json!({
        "short_id": &id[..8],
        "created_at": committed,
        "parent_ids": commit.parent_ids().map(|id| id.to_string()).collect::<Vec<_>>(),
        "title": title(&message),
        "author_name": text(author.name_bytes()),
        "author_email": text(author.email_bytes()),
        "authored_date": git_time(author.when()),
        "committer_name": text(committer.name_bytes()),
        "committer_email": text(committer.email_bytes()),
        "committed_date": committed,
        "trailers": last,
        "extended_trailers": all,
        "web_url": format!("{project_url}/-/commit/{id}"),
        "message": message,
        "id": id,
    })
}

/// The entity of a single commit.
pub(crate) fn detail(
    app: &App,
    project: &Project,
    repository: &Repository,
    commit: &Commit<'_>,
    with_stats: bool,
) -> Result<Value, ApiError> {
    let url = project_url(app, project);
    let mut shown = entity(&url, commit, Trailers::Unread);
    merge(&mut shown, json!({ "status": null, "project_id": project.id, "last_pipeline": null }));
    if with_stats {
        merge(&mut shown, json!({ "stats": stats(repository, commit)? }));
    }
    Ok(shown)
}

/// The address of a project's page.
pub(crate) fn project_url(app: &App, project: &Project) -> String {
    format!("{}/{}", app.url(), app.world().project_path(project))
}

/// Lines added and removed against the first parent.
pub(crate) fn stats(repository: &Repository, commit: &Commit<'_>) -> Result<diff::Stats, ApiError> {
    let parent = commit.parent(0).ok().map(|parent| parent.tree()).transpose()?;
    Ok(diff::stats(repository, parent.as_ref(), Some(&commit.tree()?))?)
}

/// What a list is narrowed to.
struct Filter {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    path: Option<String>,
    author: Option<String>,
    first_parent: bool,
}

impl Filter {
    fn passes(&self, commit: &Commit<'_>) -> bool {
        let at = commit.committer().when().seconds();
        let author = commit.author();
        let author = || format!("{} <{}>", author.name().unwrap_or_default(), author.email().unwrap_or_default());
        self.since.is_none_or(|since| at >= since.as_second())
            && self.until.is_none_or(|until| at <= until.as_second())
            && self.path.as_ref().is_none_or(|path| history::touches(commit, path))
            && self.author.as_ref().is_none_or(|wanted| author().to_lowercase().contains(&wanted.to_lowercase()))
    }
}

fn time(call: &Call, key: &str) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = call.params.filled(key) else { return Ok(None) };
    let date = || text.parse::<jiff::civil::Date>().ok().and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    let parsed = text.parse().ok().or_else(|| date().map(|zoned| zoned.timestamp()));
    parsed.map(Some).ok_or_else(|| ApiError::invalid_params(&format!("{key} is invalid")))
}

pub(crate) fn list(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let with_stats = checks.flag("with_stats", false);
    let all = checks.flag("all", false);
    let first_parent = checks.flag("first_parent", false);
    let wanted = if checks.flag("trailers", false) { Trailers::Read } else { Trailers::Unread };
    let order = match checks.one_of("order", &["default", "topo"]) {
        "topo" => Order::Topological,
        _ => Order::Time,
    };
    checks.finish()?;
    let path = call.params.filled("path").map(|path| path.trim_matches('/').to_owned());
    let (since, until) = (time(call, "since")?, time(call, "until")?);
    let filter = Filter { since, until, path, author: call.params.filled("author"), first_parent };
    let revision = call.params.filled("ref_name").unwrap_or_else(|| project.default_branch.clone());
    if revision.starts_with('-') || revision.contains(' ') {
        return Err(ApiError::invalid_params("ref_name is invalid"));
    }
    let url = project_url(&call.app, &project);
    let (shown, more) = call.with_repository(&project, |repository| {
        let ids = select(repository, &revision, all, order, &filter, page)?;
        let shown: Result<Vec<Value>, ApiError> = ids
            .iter()
            .map(|&id| {
                let commit = repository.find_commit(id)?;
                let mut shown = entity(&url, &commit, wanted);
                if with_stats {
                    merge(&mut shown, json!({ "stats": stats(repository, &commit)? }));
                }
                Ok(shown)
            })
            .collect();
        Ok((shown?, ids.len() as u64 == page.size))
    })?;
    // A next page is told of exactly when this one is full, so the last one can be empty.
    page::with_headers(call, page, Total::Untold { more }, Reply::ok(&shown)?)
}

/// The commits of one page.
fn select(
    repository: &Repository,
    revision: &str,
    all: bool,
    order: Order,
    filter: &Filter,
    page: Page,
) -> Result<Vec<Oid>, ApiError> {
    let id = |name: &str| refs::commit(repository, name).map(|commit| commit.id());
    let (from, without) = match revision.split_once("..") {
        Some((without, from)) => (id(from).into_iter().collect(), id(without).into_iter().collect()),
        None if all => (refs::branches(repository)?.into_iter().map(|(_, id)| id).collect(), Vec::new()),
        None => (id(revision).into_iter().collect::<Vec<_>>(), Vec::new()),
    };
    if from.is_empty() {
        return Ok(Vec::new());
    }
    let first_line = filter.first_parent.then(|| first_parents(repository, from[0])).transpose()?;
    let ids = match first_line {
        Some(line) => line,
        None => history::walk(repository, &from, &without, order)?,
    };
    let passing = ids.into_iter().filter(|&id| repository.find_commit(id).is_ok_and(|commit| filter.passes(&commit)));
    Ok(passing.skip(usize::try_from(page.offset()).unwrap_or(usize::MAX)).take(page.size as usize).collect())
}

fn first_parents(repository: &Repository, from: Oid) -> Result<Vec<Oid>, git2::Error> {
    let mut line = Vec::new();
    let mut next = Some(repository.find_commit(from)?);
    while let Some(commit) = next {
        line.push(commit.id());
        next = commit.parent(0).ok();
    }
    Ok(line)
}

fn found<'r>(repository: &'r Repository, call: &Call) -> Result<Commit<'r>, ApiError> {
    refs::commit(repository, call.path.get("sha")).ok_or_else(|| ApiError::not_found("Commit"))
}

fn show_one(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let mut checks = call.params.checks();
    let with_stats = checks.flag("stats", true);
    checks.finish()?;
    let shown = call.with_repository(&project, |repository| {
        detail(&call.app, &project, repository, &found(repository, call)?, with_stats)
    })?;
    Reply::ok(&shown)
}

fn show_diff(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let page = Page::of(call)?;
    let head =
        if call.params.text("unidiff").as_deref() == Some("true") { PatchHead::Unified } else { PatchHead::None };
    let limits = call.app.world().settings.diff.clone();
    let files = call.with_repository(&project, |repository| {
        let commit = found(repository, call)?;
        let parent = commit.parent(0).ok().map(|parent| parent.tree()).transpose()?;
        Ok(diff::between(repository, parent.as_ref(), Some(&commit.tree()?), &limits, head)?.files)
    })?;
    page::paged(call, page, &files, Clone::clone)
}

fn show_refs(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let kind = checks.one_of("type", &["all", "branch", "tag"]);
    checks.finish()?;
    let found = call.with_repository(&project, |repository| {
        let id = found(repository, call)?.id();
        let holds = |tip: Oid| tip == id || repository.graph_descendant_of(tip, id).unwrap_or(false);
        let mut all = Vec::new();
        for reference in repository.references()?.flatten() {
            let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
            let Ok(tip) = reference.peel_to_commit() else { continue };
            let named = [("refs/heads/", "branch"), ("refs/tags/", "tag")];
            let fits = named.iter().find_map(|(prefix, word)| Some((*word, name.strip_prefix(prefix)?)));
            if let Some((word, short)) = fits.filter(|(word, _)| (kind == "all" || kind == *word) && holds(tip.id())) {
                all.push(json!({ "type": word, "name": short }));
            }
        }
        Ok(all)
    })?;
    page::paged(call, page, &found, Clone::clone)
}

fn sequence(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let count = call.with_repository(&project, |repository| {
        let id = found(repository, call)?.id();
        Ok(history::walk(repository, &[id], &[], Order::Time)?.len())
    })?;
    Reply::ok(&json!({ "count": count }))
}

/// Nothing here is signed.
fn signature(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    call.with_repository(&project, |repository| found(repository, call).map(|_| ()))?;
    Err(ApiError::not_found("GPG Signature"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_titles_are_cut_at_a_space() {
        let long = "word ".repeat(30);
        assert!(title(&long).ends_with("word..."), "{}", title(&long));
        assert!(title(&long).len() <= 81);
        assert_eq!(title("short\n\nbody"), "short");
    }

    #[test]
    fn times_keep_the_offset_they_were_written_with() {
        assert_eq!(git_time(Time::new(1_568_124_310, 0)), "2019-09-10T14:05:10.000+00:00");
        assert_eq!(git_time(Time::new(1_568_124_310, -330)), "2019-09-10T08:35:10.000-05:30");
    }

    #[test]
    fn trailers_are_the_key_lines_of_the_last_paragraph() {
        let found = trailers("title\n\nbody: no\n\nSync-Id: 1\nSync-Id: 2\nSigned-off-by: a <b>\n");
        assert_eq!(found["Sync-Id"], ["1", "2"]);
        assert_eq!(found["Signed-off-by"], ["a <b>"]);
        assert!(trailers("Sync-Id: 1").is_empty());
    }
}
