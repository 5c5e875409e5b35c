//! What a delivery is and asks for.

use crate::text::{Page, Style, Text};
use gitlab_sync_host::sync::{
    CiRun, Event, ExpiringToken, HookScope, Proof, RecordKind, RecordRef, RefMove, TokenClass, Verdict, Work,
};

/// Of a list; JSON has it whole.
const MOST_SHOWN: usize = 5;

pub(crate) fn verdict(verdict: &Verdict) -> Page {
    let mut page = Page::new();
    match verdict {
        Verdict::Verified(event) => verified(event, &mut page),
        Verdict::Rejected(reason) => {
            page.line(Text::new().with(Style::Bad, "Rejected: ").plain(reason));
            page.line(Text::new().dim("answer 401 with an empty body"));
        }
    }
    page
}

fn verified(event: &Event, page: &mut Page) {
    let proof = match event.proof {
        Proof::Token => "its token is the secret",
        Proof::Signature => "its signature is right",
    };
    let action = event.action.as_ref().map_or(String::new(), |action| format!(" ({action})"));
    page.line(Text::new().with(Style::Good, "Verified").plain(format!(": event `{}`{action}, {proof}", event.kind)));
    facts(event, page);
    for work in &event.work {
        page.line(task(work));
    }
    page.line(Text::new().dim("answer 2xx"));
}

/// Whom it concerns, as far as it says.
fn facts(event: &Event, page: &mut Page) {
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            page.line(Text::from("  ").column(Style::Dim, name, 7).plain(value));
        }
    };
    fact("hook", Some(hook(event.hook).to_owned()));
    fact("project", named(event.project, event.project_path.as_deref()));
    fact("group", named(event.group, event.group_path.as_deref()));
    fact("user", named(event.user, event.username.as_deref()));
    fact("about", several(&event.records, record));
    fact("moved", several(&event.moves, moved));
    fact("when", event.at_ms.and_then(time));
    fact("key", Some(event.deduplication_key.clone()));
}

fn hook(scope: HookScope) -> &'static str {
    match scope {
        HookScope::ProjectOrGroup => "of a project or a group",
        HookScope::Group => "of a group",
        HookScope::System => "of the whole instance",
    }
}

fn task(work: &Work) -> Text {
    let to_do = |what: &str| Text::new().with(Style::Accent, what);
    match work {
        Work::Pull(commit) => {
            let commit = commit.as_deref().map_or(String::new(), |commit| format!(" (to {})", short(commit)));
            to_do("pull").plain(format!(": the branch may have moved{commit}"))
        }
        Work::Refresh(records) => {
            to_do("refresh").plain(format!(": {} changed", several(records, record).unwrap_or_default()))
        }
        Work::RunCi(run) => to_do("run CI").plain(format!(": {}", ci(run))),
        Work::TokenExpires(token) => to_do("renew").plain(format!(": {}", expiring(token))),
        Work::Nothing(reason) => format!("nothing to do: {reason}").into(),
    }
}

fn ci(run: &CiRun) -> String {
    let draft = if run.draft { ", a draft" } else { "" };
    let fork = match run.source_project {
        Some(source) if source != run.project => format!(" of the fork {source}"),
        _ => String::new(),
    };
    let target = run.target_branch.as_ref().map_or(String::new(), |target| format!(" into `{target}`"));
    let (branch, commit) = (&run.source_branch, short(&run.commit));
    format!("merge request !{} of project {}{draft}, {commit} of `{branch}`{fork}{target}", run.iid, run.project)
}

fn expiring(token: &ExpiringToken) -> String {
    let class = match token.class {
        TokenClass::AccessToken => "access token",
        TokenClass::DeployToken => "deploy token",
    };
    let which = named(token.id, token.name.as_deref()).unwrap_or_else(|| "that is not named".into());
    let when = token.expires_on.as_ref().map_or("soon".into(), |day| format!("on {day}"));
    format!("the {class} {which} expires {when}")
}

fn record(record: &RecordRef) -> String {
    let (kind, sign) = match record.kind {
        RecordKind::MergeRequest => ("merge request", '!'),
        RecordKind::Approval => ("approvals of merge request", '!'),
        RecordKind::Note => ("note", '#'),
        RecordKind::Issue => ("issue", '#'),
        RecordKind::Milestone => ("milestone", '%'),
        RecordKind::Pipeline => ("pipeline", '#'),
        RecordKind::Job => ("job", '#'),
        RecordKind::Deployment => ("deployment", '#'),
        RecordKind::Release => ("release", '#'),
        RecordKind::Member => ("membership of user", '#'),
        RecordKind::User => ("user", '#'),
        RecordKind::Project => ("project", '#'),
        RecordKind::Group => ("group", '#'),
    };
    match (record.iid, record.id) {
        (Some(iid), Some(id)) => format!("{kind} {sign}{iid} (id {id})"),
        (Some(iid), None) => format!("{kind} {sign}{iid}"),
        (None, Some(id)) => format!("{kind} {id}"),
        (None, None) => kind.to_owned(),
    }
}

fn moved(moved: &RefMove) -> String {
    match (&moved.before, &moved.after) {
        (Some(before), Some(after)) => format!("{} {}..{}", moved.name, short(before), short(after)),
        (None, Some(after)) => format!("{} new at {}", moved.name, short(after)),
        (Some(before), None) => format!("{} deleted, was {}", moved.name, short(before)),
        (None, None) => moved.name.clone(),
    }
}

fn named(id: Option<u64>, name: Option<&str>) -> Option<String> {
    match (id, name) {
        (Some(id), Some(name)) => Some(format!("{id} {name}")),
        (Some(id), None) => Some(id.to_string()),
        (None, name) => name.map(str::to_owned),
    }
}

fn several<T>(all: &[T], word: fn(&T) -> String) -> Option<String> {
    let shown: Vec<String> = all.iter().take(MOST_SHOWN).map(word).collect();
    match all.len().saturating_sub(MOST_SHOWN) {
        0 if all.is_empty() => None,
        0 => Some(shown.join(", ")),
        more => Some(format!("{} and {more} more", shown.join(", "))),
    }
}

fn time(ms: u64) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()?;
    Some(time.to_string())
}

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
