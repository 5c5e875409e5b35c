//! Recordings of real GitLab, for whoever has them: `GITLAB_RECORDINGS` names their folder. They are not part of the project.

use crate::told::judge;
use gitlab_sync_connector::webhook::{Event, Watched, Work};
use serde_json::{Map, Number, Value};
use std::path::Path;

/// A recording.
struct Recorded {
    name: String,
    header: String,
    body: Value,
}

impl Recorded {
    /// As if its own branch were watched.
    fn judged(&self, body: &[u8]) -> Event {
        let watched = project_of(&self.body).zip(branch_of(&self.body));
        judge(&self.header, body, watched.map(|(project, branch)| Watched { project, branch }))
    }
}

#[test]
fn recorded_deliveries_say_what_their_bodies_say() {
    let all = recorded();
    let complaints = |it: &Recorded| {
        let event = it.judged(it.body.to_string().as_bytes());
        let told = complaints(&event, &it.body).into_iter();
        told.map(|complaint| format!("{}: {complaint}: {event:?}", it.name)).collect::<Vec<_>>()
    };
    let wrong: Vec<String> = all.iter().flat_map(complaints).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), all.len());
    eprintln!("{} recorded deliveries", all.len());
}

/// In lines behind a mark, as editors save it; and by programs that know one kind of number.
#[test]
fn recorded_deliveries_mean_the_same_however_they_are_written() {
    for it in recorded() {
        let lines = serde_json::to_string_pretty(&it.body).unwrap().replace('\n', "\r\n");
        let plain = it.judged(it.body.to_string().as_bytes());
        for text in [format!("\u{feff}{lines}\r\n"), fractions(&it.body).to_string()] {
            let other = it.judged(text.as_bytes());
            let other = Event { deduplication_key: plain.deduplication_key.clone(), ..other };
            assert_eq!(other, plain, "{}", it.name);
        }
    }
}

#[test]
fn recorded_deliveries_that_lack_a_field_still_ask_for_something() {
    for it in recorded() {
        let fields = it.body.as_object().unwrap();
        for name in fields.keys() {
            let without: Map<_, _> = fields.clone().into_iter().filter(|(key, _)| key != name).collect();
            let null: Map<_, _> = fields
                .clone()
                .into_iter()
                .map(|(key, value)| if key == *name { (key, Value::Null) } else { (key, value) })
                .collect();
            let [without, null] = [without, null].map(|it| Value::Object(it).to_string());
            let (without, null) = (it.judged(without.as_bytes()), it.judged(null.as_bytes()));
            assert!(!without.work.is_empty() && without.kind.len() > 2, "{} without {name}: {without:?}", it.name);
            let without = Event { deduplication_key: null.deduplication_key.clone(), ..without };
            assert_eq!(without, null, "{}: {name}", it.name);
        }
    }
}

fn fractions(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            let whole = number.as_u64().filter(|number| *number < 1 << 53);
            let fraction = whole.and_then(|number| Number::from_f64(number as f64));
            Value::Number(fraction.unwrap_or_else(|| number.clone()))
        }
        Value::Array(list) => list.iter().map(fractions).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), fractions(value))).collect(),
        other => other.clone(),
    }
}

/// None, loudly, for those who have none.
#[expect(clippy::print_stderr, reason = "whoever runs it must see that nothing was compared")]
fn recorded() -> Vec<Recorded> {
    let Some(folder) = std::env::var_os("GITLAB_RECORDINGS") else {
        eprintln!("SKIPPED: GITLAB_RECORDINGS names no folder with `webhooks.*.jsonl`");
        return Vec::new();
    };
    let all = of_folder(Path::new(&folder));
    assert!(!all.is_empty(), "there is none in {}", folder.display());
    all
}

fn of_folder(folder: &Path) -> Vec<Recorded> {
    let mut all = Vec::new();
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("webhooks.") || !name.ends_with(".jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let header = record["event_header_expected"].as_str().unwrap_or("Unknown Hook").to_owned();
            all.push(Recorded { name: record["file"].to_string(), header, body: record["body"].clone() });
        }
    }
    let examples = folder.join("doc-examples/doc/user/project/integrations/webhook_events");
    for path in std::fs::read_dir(examples).into_iter().flatten().map(|entry| entry.unwrap().path()) {
        let Ok(body) = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()) else { continue };
        all.push(Recorded { name: path.display().to_string(), header: "Unknown Hook".into(), body });
    }
    all
}

fn project_of(body: &Value) -> Option<u64> {
    let places =
        ["/project_id", "/project/id", "/object_attributes/target_project_id", "/object_attributes/project_id"];
    places.iter().find_map(|place| body.pointer(place)?.as_u64())
}

fn branch_of(body: &Value) -> Option<String> {
    let name = body["ref"].as_str().or(body.pointer("/refs/0").and_then(Value::as_str));
    Some(name?.strip_prefix("refs/heads/")?.to_owned())
}

/// What the event says otherwise than the body.
fn complaints(event: &Event, body: &Value) -> Vec<String> {
    let mut all = Vec::new();
    let mut expect = |what: &str, holds: bool| {
        if !holds {
            all.push(what.to_owned());
        }
    };
    let untold = match (body["ref"].as_str(), body["after"].as_str()) {
        (Some(name), Some(_)) if name.starts_with("refs/heads/") => "push",
        _ => "unknown",
    };
    let kind = body["object_kind"].as_str().or(body["event_name"].as_str()).unwrap_or(untold);
    let own = &body["object_attributes"];
    expect("kind", event.kind == kind);
    expect("project", event.concern.project == project_of(body));
    let mentions = |what: fn(&Work) -> bool| event.work.iter().any(what);
    let after = body["after"].as_str().filter(|id| id.bytes().any(|byte| byte != b'0'));
    let pulls = matches!(kind, "push" | "repository_update") && project_of(body).is_some() && branch_of(body).is_some();
    expect("pull", mentions(|work| matches!(work, Work::Pull(_))) == pulls);
    expect("commit", kind != "push" || event.work == [Work::Pull(after.map(str::to_owned))] || !pulls);
    let is_new = match own["action"].as_str() {
        Some("open" | "reopen") => true,
        Some("update") => own["oldrev"].is_string(),
        _ => false,
    };
    let is_whole = own["iid"].is_u64() && own.pointer("/last_commit/id").is_some_and(Value::is_string);
    let builds = kind == "merge_request" && is_new && is_whole;
    expect("ci", mentions(|work| matches!(work, Work::RunCi(_))) == builds);
    let token = matches!(kind, "access_token" | "deploy_token");
    expect("token", mentions(|work| matches!(work, Work::TokenExpires(it) if it.expires_on.is_some())) == token);
    let records =
        ["merge_request", "note", "issue", "work_item", "pipeline", "build", "deployment", "release", "milestone"];
    let has_id = own["id"].is_u64()
        || own["iid"].is_u64()
        || body["build_id"].is_u64()
        || body["deployment_id"].is_u64()
        || body["deployable_id"].is_u64()
        || body["id"].is_u64();
    let refreshes = mentions(|work| matches!(work, Work::Refresh(_)));
    expect("refresh", !records.contains(&kind) || refreshes == has_id);
    expect("known", !mentions(|work| matches!(work, Work::Nothing(why) if why.contains("known"))) || kind == "unknown");
    expect("key", !event.deduplication_key.is_empty());
    all
}
