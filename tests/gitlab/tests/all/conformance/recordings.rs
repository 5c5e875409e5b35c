//! Against recordings of real GitLab (`GITLAB_RECORDINGS=DIR`): HTTP exchanges in `http*.jsonl`, examples of GitLab's pages in
//! `doc-examples`, the JSON schemas that GitLab tests itself with in `schemas`, GraphQL types in `graphql/types.json`.
//!
//! Recordings are of many years and installations, so they are compared with everything the simulator answers as versions
//! 15 to 19, free and licensed. A recorded key must be one that the simulator has, with a type that it has; what a recording
//! happens not to have says nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gitlab_sim::routing::Route;
use gitlab_sim::world::settings::Throttle;
use gitlab_sim::{Settings, Tier};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::calls;
use super::difference::{self, Exceptions};
use super::shape::{Kind, Shape};
use super::stage::Stage;

/// What the simulator answers, by method, path and status.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) shapes: BTreeMap<(Route, u16), Shape>,
    headers: BTreeMap<(Route, u16), BTreeSet<String>>,
}

impl Answers {
    /// Headers that any answer has.
    fn all_headers(&self) -> BTreeSet<&str> {
        self.headers.values().flatten().map(String::as_str).collect()
    }
}

/// The answers of all kinds of installation, asked for once.
pub(super) async fn answers() -> &'static Answers {
    static ANSWERS: OnceCell<Answers> = OnceCell::const_new();
    ANSWERS.get_or_init(collect).await
}

async fn collect() -> Answers {
    let mut all = Answers::default();
    let throttled = Throttle { authenticated: Some(100_000), unauthenticated: Some(100_000), ..Throttle::default() };
    let kinds =
        [("15.11.0-ee", Tier::Premium), ("16.11.0", Tier::Free), ("18.9.0-ee", Tier::Premium), ("19.1.0", Tier::Free)];
    for (version, tier) in kinds {
        let version = version.parse().unwrap();
        let settings = Settings { version, tier, throttle: throttled.clone(), ..Settings::default() };
        let mut stage = Stage::set(settings).await;
        for made in calls::make_all(&mut stage).await {
            let key = (made.route.clone(), made.seen.status.as_u16());
            let names = made.seen.headers.keys().map(|name| name.as_str().to_owned());
            all.headers.entry(key.clone()).or_default().extend(names);
            if let Ok(body) = serde_json::from_slice(&made.seen.body) {
                all.shapes.entry(key).or_default().add(&body);
            }
        }
    }
    all
}

/// The folder of the environment, if there is one.
pub(super) fn folder() -> Option<PathBuf> {
    std::env::var_os("GITLAB_RECORDINGS").map(PathBuf::from)
}

/// Every row of the `.jsonl` files whose names begin with this.
pub(super) fn rows(folder: &Path, prefix: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(prefix) && name.ends_with(".jsonl") {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            rows.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
    }
    rows
}

/// The path below the instance, without its query. A proxy of one product speaks for one project.
fn path(url: &str) -> Option<String> {
    let url = url.split(['?', '#']).next()?;
    if let Some((_, rest)) = url.split_once("/.netlify/git/gitlab/") {
        return Some(format!("/api/v4/projects/1/{rest}"));
    }
    let at = url.find("/api/v4/")?;
    Some(url[at..].to_owned())
}

/// Objects whose keys are data.
const MAPS: [&str; 6] =
    [".trailers", ".extended_trailers", ".request_headers", ".response_headers", ".request_data", ".commands_changes"];

/// Adds what `seen` has and `ours` has not.
pub(super) fn compare(here: &str, ours: &Shape, seen: &Shape, found: &mut Vec<String>) {
    let plain = |shape: &Shape| shape.kinds.iter().copied().filter(|kind| *kind != Kind::Null).collect::<BTreeSet<_>>();
    let (have, recorded) = (plain(ours), plain(seen));
    // What is always null here has no type to compare.
    if !have.is_empty() {
        found.extend(
            recorded.difference(&have).map(|kind| format!("{here}: {} instead of {}", ours.types(), kind.word())),
        );
    }
    if MAPS.iter().any(|map| here.ends_with(map)) {
        return;
    }
    if !have.contains(&Kind::Object) && ours.items.is_none() {
        return;
    }
    for (key, (_, shape)) in &seen.keys {
        match ours.keys.get(key) {
            Some((_, known)) => compare(&format!("{here} .{key}"), known, shape, found),
            None if have.contains(&Kind::Object) => found.push(format!("{here}: missing key {key}")),
            None => {}
        }
    }
    if let (Some(ours), Some(seen)) = (&ours.items, &seen.items)
        && !ours.kinds.is_empty()
    {
        compare(&format!("{here}[]"), ours, seen, found);
    }
}

/// Headers of what stands before GitLab, and of transport.
const OF_OTHERS: [&str; 28] = [
    "accept-ranges",
    "access-control-",
    "age",
    "alt-svc",
    "cf-",
    "connection",
    "content-encoding",
    "content-length",
    "content-security-policy",
    "date",
    "expect-ct",
    "expires",
    "gitlab-lb",
    "gitlab-sv",
    "keep-alive",
    "nel",
    "pragma",
    "report-to",
    "server",
    "set-cookie",
    "status",
    "transfer-encoding",
    "via",
    "x-cache",
    "x-nf-",
    "x-served-by",
    "x-timer",
    "x-xss-protection",
];

/// Recorded on old installations only, or of what the simulator deliberately has not.
const EXCHANGES: Exceptions = &[
    ("GET /api/v4/groups/{id} 200 .projects[]: missing key repository_storage", "for administrators"),
    ("*: no header x-gitlab-feature-category", "of GitLab.com in some years: names of teams"),
    (
        "GET /api/v4/projects/{id}/jobs/{job_id} 200: object instead of array",
        "the address was made anonymous by cutting it",
    ),
    (
        "GET /api/v4/projects/{id}/pipelines 200: array instead of object",
        "the address was made anonymous by cutting it",
    ),
    ("GET /api/v4/projects/{id}/repository/commits/{sha}/statuses 200: array", "an empty object stands for no answer"),
    ("PUT /api/v4/projects/{id}/merge_requests/{iid} 201", "whoever recorded it wrote another status down"),
    ("*: missing key allow_collaboration", "only for merge requests of forks, which cannot be made here"),
    ("*: missing key allow_maintainer_to_push", "only for merge requests of forks, which cannot be made here"),
    ("GET /api/v4/user 200: missing key bio_html", "of 13 and before"),
    ("POST /api/v4/projects 201: missing key owner", "only in a personal namespace"),
];

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_shaped_as_recorded_ones() {
    let Some(folder) = folder() else { return difference::skipped("GITLAB_RECORDINGS") };
    let answers = answers().await;
    let mut found = Vec::new();
    let mut recorded: BTreeMap<(Route, u16), Shape> = BTreeMap::new();
    let known = answers.all_headers();
    for row in rows(&folder, "http") {
        let status = u16::try_from(row["status"].as_u64().unwrap_or_default()).unwrap();
        let (Some(method), Some(path)) = (row["method"].as_str(), row["url"].as_str().and_then(path)) else { continue };
        let Some(route) = calls::route_of(method, &path) else { continue };
        let here = format!("{method} {} {status}", route.path);
        let names = row["resp_headers"].as_object().into_iter().flatten().map(|(name, _)| name.to_lowercase());
        let own = names.filter(|name| !OF_OTHERS.iter().any(|other| name.starts_with(other)));
        found.extend(own.filter(|name| !known.contains(name.as_str())).map(|name| format!("{here}: no header {name}")));
        recorded.entry((route, status)).or_default().add(&row["resp_body"]);
    }
    for ((route, status), seen) in &recorded {
        let here = format!("{} {} {status}", route.method, route.path);
        match answers.shapes.get(&(route.clone(), *status)) {
            Some(ours) => compare(&here, ours, seen, &mut found),
            None if seen.kinds.iter().all(|kind| matches!(kind, Kind::Null | Kind::String)) => {}
            None => found.push(format!("{here}: no such answer in calls.txt")),
        }
    }
    difference::judge(found, EXCHANGES);
}

/// Every file below a folder with this ending.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
}

/// Examples that are older than the entity they show, or of other tiers.
const EXAMPLES: Exceptions = &[
    ("POST /api/v4/hooks: object instead of array", "the page shows a list, the wire has one hook"),
    ("*/labels*: missing key", "counts are shown with `with_counts` only, and by no other endpoint"),
    ("GET /api/v4/groups/{id}/hooks[]: missing key", "GitLab's source leaves secrets' names out of lists"),
    ("*/members*: missing key email", "of enterprise users"),
    ("*/members*: missing key group_saml_identity", "only where SAML is set up"),
    ("*/members[]: missing key is_using_seat", "only with `show_seat_info`"),
    ("GET /api/v4/projects/{id}*/jobs[]: missing key artifacts_file", "only for jobs with artifacts"),
    ("GET /api/v4/namespaces*: missing key", "of subscriptions, on GitLab.com"),
    ("GET /api/v4/groups[]: missing key", "of Duo, of storage limits, or shown alone only"),
    ("GET /api/v4/projects/{id}/merge_requests/{iid}/notes/{note_id} .author", "the page is older than the entity"),
];

/// `GET /projects/:id/labels` as a route.
fn route_of_example(text: &str) -> Option<Route> {
    let line =
        text.lines().find(|line| ["GET /", "POST /", "PUT /", "PATCH /"].iter().any(|verb| line.starts_with(verb)))?;
    let (method, path) = line.split_once(' ')?;
    let path = path.split([' ', '?']).next()?;
    let path = path.strip_prefix("/api/v4").unwrap_or(path);
    calls::route_of(method, &format!("/api/v4{path}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_shaped_as_the_examples_of_gitlabs_pages() {
    let Some(folder) = folder() else { return difference::skipped("GITLAB_RECORDINGS") };
    let answers = answers().await;
    let (mut found, mut examples) = (Vec::new(), Vec::new());
    files(&folder.join("doc-examples/doc/api"), "json", &mut examples);
    for file in examples {
        let page: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let Some(route) = page["request_or_header_text"].as_str().and_then(route_of_example) else { continue };
        let good = answers.shapes.iter().find(|((known, status), _)| *known == route && *status < 300);
        let Some((_, ours)) = good else { continue };
        let mut seen = Shape::of(&page["example"]);
        // A page often shows one entry of a list.
        if let Some(items) = ours.items.as_ref().filter(|_| seen.kinds.contains(&Kind::Object)) {
            seen = Shape { kinds: BTreeSet::from([Kind::Array]), items: Some(Box::new(seen)), ..Shape::default() };
            let _ = items;
        }
        compare(&format!("{} {}", route.method, route.path), ours, &seen, &mut found);
    }
    difference::judge(found, EXAMPLES);
}
