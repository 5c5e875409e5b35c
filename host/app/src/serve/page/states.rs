//! What each page shows in each of its states, as snapshots: no connection yet, all well, work under way, trouble; for admins and viewers.

use super::connections::{Line, Listed};
use super::overview::Mood;
use super::{
    Markup, Problem, conflict, connect, connections, disconnect, history, overview, plan, project, settings, webhook,
};
use crate::operations::hooks::Former;
use crate::pages::time::DAY_MS;
use crate::serve::job::{Job, JobNumber};
use crate::serve::live::{Progress, Running};
use crate::serve::people::{Organisation, Role};
use crate::serve::problem::Problem as Trouble;
use crate::serve::states::{Delivered, Done, State};
use crate::serve::trail::{Actor, Entry, Numbered, Outcome};
use crate::serve::web::session::{FormProof, SessionKey};
use crate::store::connections::Account;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::{
    Action, Branch, Change, Configured, Conflict, ConflictPolicy, Error, FirstSync, Project, Side, SyncPlan,
    SyncStatus, Unselected, Versions, Webhook, WebhookEvents, WebhookMode, WebhookPlace,
};

const NOW_MS: u64 = 100 * DAY_MS;

fn id() -> ConnectionId {
    ConnectionId::parse("handbook-1").unwrap()
}

fn proof() -> FormProof {
    SessionKey::parse(&"0".repeat(64)).unwrap().form_proof()
}

/// One state after the other, a tag on each line.
fn shown(states: &[(&str, Markup)]) -> String {
    let lines = |markup: &Markup| markup.0.replace(proof().as_str(), "PROOF").replace("><", ">\n<");
    states.iter().map(|(name, markup)| format!("==== {name}\n{}\n", lines(markup))).collect()
}

fn account(cannot_create: Option<&str>) -> Account {
    let kind = if cannot_create.is_some() { "project access token" } else { "personal access token" };
    let (username, name) = ("ana".into(), "Ana Lima".into());
    Account { username, name, kind: kind.into(), cannot_create: cannot_create.map(String::from) }
}

fn configured() -> Configured {
    Configured {
        project: the_project(),
        branch: "main".into(),
        head: None,
        directories: vec!["docs".into()],
        patterns: vec![],
        conflicts: ConflictPolicy::KeepBoth,
        message_template: None,
        author: None,
        first: FirstSync::Merge,
        role: Some("Maintainer".into()),
        webhook: None,
        warnings: vec![],
    }
}

fn the_project() -> Project {
    Project {
        id: 7,
        path: "acme/handbook".into(),
        default_branch: Some("main".into()),
        web_url: "https://gitlab.example.com/acme/handbook".into(),
        obstacle: None,
    }
}

fn trouble(code: &str) -> Trouble {
    let (message, remedy) = ("GitLab rejected the token".into(), "connect again".into());
    Trouble { code: code.into(), message, remedy, since_ms: NOW_MS - 3 * 60_000 }
}

fn a_conflict() -> Conflict {
    let (path, reason) = ("docs/a<b>.md".into(), "edited on both sides".into());
    Conflict { id: "c1".into(), path, found_ms: NOW_MS - DAY_MS, reason }
}

/// What is different from a connection that is in step.
struct Overview<'a> {
    role: Role,
    status: SyncStatus,
    state: State,
    progress: Progress,
    expires_ms: Option<u64>,
    conflicts: &'a [Conflict],
}

fn in_step(role: Role) -> Overview<'static> {
    let status = SyncStatus {
        configured: Some(configured()),
        webhook: None,
        synced_head: Some("1a2b3c4d5e6f".into()),
        synced_ms: Some(NOW_MS - DAY_MS),
        left_alone: 0,
        conflicts: 0,
    };
    let done = Done { job: Job::Pull, at_ms: NOW_MS - DAY_MS, files: 2, head: None };
    let state = State { auto_sync: true, done: Some(done), ..State::default() };
    Overview { role, status, state, progress: Progress::default(), expires_ms: None, conflicts: &[] }
}

fn overview_of(it: &Overview<'_>) -> Markup {
    let (id, account) = (id(), account(None));
    let view = overview::View {
        id: &id,
        role: it.role,
        server: "https://gitlab.example.com",
        folder: "/srv/acme/handbook",
        account: Some(&account),
        token_expires_ms: it.expires_ms,
        may_write: true,
        status: &it.status,
        conflicts: it.conflicts,
        state: &it.state,
        progress: &it.progress,
        problem: None,
        now_ms: NOW_MS,
    };
    overview::html(&view, &proof())
}

#[test]
fn a_connection_at_a_glance() {
    let nothing = |role| {
        let status = SyncStatus { configured: None, synced_head: None, synced_ms: None, ..in_step(role).status };
        Overview { status, state: State::default(), ..in_step(role) }
    };
    let never = |role| {
        let status = SyncStatus { synced_head: None, synced_ms: None, ..in_step(role).status };
        Overview { status, state: State::default(), ..in_step(role) }
    };
    let running = Running { number: JobNumber(1), job: Job::Sync, phase: Job::Push, since_ms: 0 };
    let progress = Progress { running: Some(running), done: 3, total: 7, unit: "files".into() };
    let conflicts = [a_conflict()];
    let with_conflict = |role| Overview {
        status: SyncStatus { conflicts: 1, ..in_step(role).status },
        conflicts: &conflicts,
        ..in_step(role)
    };
    let paused = |code| State { paused: Some(trouble(code)), ..in_step(Role::Admin).state };
    let states = [
        ("no project, admin", overview_of(&nothing(Role::Admin))),
        ("no project, viewer", overview_of(&nothing(Role::Viewer))),
        ("never synced", overview_of(&never(Role::Admin))),
        ("in step, admin", overview_of(&in_step(Role::Admin))),
        ("in step, viewer", overview_of(&in_step(Role::Viewer))),
        ("working", overview_of(&Overview { progress, ..in_step(Role::Admin) })),
        ("a conflict", overview_of(&with_conflict(Role::Admin))),
        ("paused", overview_of(&Overview { state: paused("token-rejected"), ..in_step(Role::Admin) })),
        ("many deletions", overview_of(&Overview { state: paused("mass-delete-brake"), ..in_step(Role::Admin) })),
        ("token ends soon", overview_of(&Overview { expires_ms: Some(NOW_MS + 7 * DAY_MS), ..in_step(Role::Admin) })),
        ("token ended", overview_of(&Overview { expires_ms: Some(NOW_MS - 1), ..in_step(Role::Admin) })),
    ];
    insta::assert_snapshot!(shown(&states));
}

#[test]
fn all_connections() {
    let listed = |project: Option<&str>, mood| {
        Line::Whole(Listed {
            id: id(),
            folder: "handbook".into(),
            project: project.map(String::from),
            branch: project.map(|_| "main".into()),
            server: "https://gitlab.example.com".into(),
            mood,
        })
    };
    let damaged = Problem::new("what is kept of the connection `handbook-1` cannot be read").remedy("bring it back");
    let some = [listed(Some("acme/handbook"), Mood::InStep), listed(None, Mood::NoProject)];
    let states = [
        ("none, admin", connections::html(&[], Role::Admin)),
        ("none, viewer", connections::html(&[], Role::Viewer)),
        ("two, admin", connections::html(&some, Role::Admin)),
        ("two, viewer", connections::html(&some, Role::Viewer)),
        ("one that cannot be read", connections::html(&[Line::Unreadable(damaged)], Role::Admin)),
    ];
    insta::assert_snapshot!(shown(&states));
}

#[test]
fn connecting_and_replacing_the_token() {
    let problem = Problem::new("the address is not allowed").line("[network]", "plain-text = true");
    let typed = connect::Typed { url: "http://gitlab.example.com".into(), name: "notes".into() };
    let states = [
        ("fresh", connect::html(&connect::Typed::default(), None, &proof())),
        ("refused", connect::html(&typed, Some(&problem), &proof())),
        ("new token", connect::replace(&id(), "https://gitlab.example.com", None, &proof())),
    ];
    insta::assert_snapshot!(shown(&states));
}

#[test]
fn choosing_a_project_and_what_of_it() {
    let archived = Project { obstacle: Some("pending-deletion".into()), ..the_project() };
    let picker = |search, projects: &[Project], account: &Account| {
        let (id, next) = (id(), Some("2"));
        let token_expires_ms = Some(NOW_MS + DAY_MS);
        let account = Some(account);
        let view = project::View {
            id: &id,
            account,
            token_expires_ms,
            search,
            projects,
            next,
            is_later: false,
            problem: None,
        };
        project::html(&view)
    };
    let typed = settings::Typed {
        branch: String::new(),
        directories: "docs".into(),
        patterns: String::new(),
        message: String::new(),
        author_name: "Docs bot".into(),
        author_email: "docs@example.com".into(),
        first: FirstSync::Merge,
        conflicts: ConflictPolicy::KeepBoth,
    };
    let branch = |name: &str, can_push| Branch { name: name.into(), head: "1a2b".into(), default: can_push, can_push };
    let form = |target: &settings::Target, may_write, may_take_over| {
        let (id, branches) = (id(), [branch("main", true), branch("release", false)]);
        let view = settings::View {
            id: &id,
            target,
            typed: &typed,
            branches: &branches,
            may_write,
            may_take_over,
            problem: None,
        };
        settings::html(&view, &proof())
    };
    let existing = settings::Target::Existing { project: 7, path: "acme/handbook".into() };
    let states = [
        ("some", picker("", &[the_project(), archived], &account(None))),
        ("none found", picker("x", &[], &account(None))),
        ("a bot's token", picker("", &[], &account(Some("a project token's bot user has no namespace of its own")))),
        ("an existing one", form(&existing, true, true)),
        ("a new one", form(&settings::Target::New("Notes".into()), true, false)),
        ("reading only", form(&existing, false, false)),
    ];
    insta::assert_snapshot!(shown(&states));
}

#[test]
fn what_a_sync_would_do() {
    let change = |path: &str, action, side| Change {
        path: path.into(),
        action,
        side,
        from: None,
        size: 3,
        reason: (action == Action::Skip).then(|| "it is too large".into()),
        code: None,
    };
    let changes = vec![
        change("docs/new.md", Action::Create, Side::Branch),
        change("docs/old.md", Action::Delete, Side::Workspace),
        change("docs/big.md", Action::Skip, Side::Branch),
    ];
    let of = |changes, job, is_first, role, conflicts| {
        let (id, digest) = (id(), "d1".to_owned());
        let text = Unselected { ending: Some("txt".into()), files: 3 };
        let unselected = if is_first { vec![text, Unselected { ending: None, files: 1 }] } else { vec![] };
        let head = Some("1a2b3c4d5e6f".into());
        let plan = SyncPlan { digest, head, changes, requests: 2, bytes: 6, unselected };
        let view = plan::View { id: &id, job, is_first, plan: &plan, role, may_push: true, conflicts };
        plan::html(&view, &proof())
    };
    let states = [
        ("first", of(changes.clone(), Job::Sync, true, Role::Admin, 0)),
        ("push", of(changes.clone(), Job::Push, false, Role::Admin, 0)),
        ("viewer", of(changes, Job::Pull, false, Role::Viewer, 0)),
        ("nothing", of(vec![], Job::Sync, false, Role::Admin, 0)),
        ("nothing but conflicts", of(vec![], Job::Sync, false, Role::Admin, 2)),
    ];
    insta::assert_snapshot!(shown(&states));
}

#[test]
fn conflicts_and_one_of_them() {
    let id = id();
    let of = |role, ours: Option<&[u8]>, problem| {
        let (ours, theirs) = (ours.map(Vec::from), Some(b"one\nthree\n".to_vec()));
        let versions = Versions { path: "docs/a<b>.md".into(), base: None, ours, theirs };
        let draft = conflict::draft(&versions);
        let reason = "edited on both sides";
        let view = conflict::View {
            id: &id,
            conflict: "c1",
            reason,
            versions: &versions,
            draft: draft.as_deref(),
            role,
            problem,
        };
        conflict::html(&view, &proof())
    };
    let problem = Problem::new("the file has changed meanwhile").remedy("look at it again");
    let states = [
        ("none", conflict::list(&id, &[], NOW_MS)),
        ("one", conflict::list(&id, &[a_conflict()], NOW_MS)),
        ("admin", of(Role::Admin, Some(b"one\ntwo\n"), None)),
        ("viewer", of(Role::Viewer, Some(b"one\ntwo\n"), None)),
        ("deleted on one side, and refused", of(Role::Admin, None, Some(&problem))),
        ("no text", of(Role::Admin, Some(b"\xff"), None)),
    ];
    insta::assert_snapshot!(shown(&states));
}

#[test]
fn the_webhook() {
    let refusal = Error {
        code: "role-too-low".into(),
        message: "webhooks take the Maintainer role".into(),
        remedy: "Ask for the role.".into(),
        retry_after_ms: None,
    };
    let kept = |mode, by_hand| Webhook {
        mode,
        place: WebhookPlace::Project(7),
        events: WebhookEvents::Pushes,
        hook: None,
        settled: false,
        signed: false,
        by_hand,
        previous_until_ms: None,
    };
    let url = "https://sync.example.com/hooks/k3v9x2";
    let of_url = |url, kept: Option<Webhook>, former, problem: Option<&Problem>| {
        let id = id();
        let delivery = Delivered { at_ms: NOW_MS - DAY_MS, kind: "push".into(), proof: "token".into() };
        let view = webhook::View {
            id: &id,
            kept: kept.as_ref(),
            url,
            secret: kept.as_ref().map(|_| "whsec_1"),
            former,
            hooks: Some("https://gitlab.example.com/acme/handbook/-/hooks".into()),
            branch: Some("main"),
            delivery: former.map(|_| &delivery),
            hook: None,
            is_local: former.is_none(),
            problem,
            now_ms: NOW_MS,
        };
        webhook::html(&view, &proof())
    };
    let of = |kept, former, problem| of_url(Some(url), kept, former, problem);
    let (manual, auto) = (WebhookMode::Manual(None), WebhookMode::Auto(url.into()));
    let (waiting, soon) = (Former::Delivery, Former::Until { ms: NOW_MS + 60_000 });
    let problem = Problem::new("GitLab cannot be reached").remedy("try again");
    let states = [
        ("no project", of(None, None, None)),
        ("no address", of_url(None, Some(kept(manual.clone(), None)), None, None)),
        ("by hand", of(Some(kept(manual.clone(), None)), None, None)),
        ("by hand, a new secret", of(Some(kept(manual.clone(), None)), Some(waiting), None)),
        ("by hand, the old secret is to be ended", of(Some(kept(manual, None)), Some(Former::Ended), None)),
        ("by itself", of(Some(kept(auto.clone(), None)), None, None)),
        ("by itself, a new secret", of(Some(kept(auto.clone(), None)), Some(soon), None)),
        ("by itself, refused", of(Some(kept(auto, Some(refusal))), None, Some(&problem))),
    ];
    insta::assert_snapshot!(shown(&states));
}

#[test]
fn who_did_what_and_the_end() {
    let entry = |number, actor, outcome, detail: &str| Numbered {
        number,
        entry: Entry {
            at_ms: NOW_MS - DAY_MS,
            organisation: Organisation::parse("acme").unwrap(),
            connection: None,
            actor,
            action: "pull".into(),
            outcome,
            detail: detail.into(),
        },
    };
    let entries = [
        entry(3, Actor::Person { name: "ana".into() }, Outcome::Done, "2 files"),
        entry(2, Actor::Delivery, Outcome::Failed { code: "x".into() }, "GitLab cannot be reached"),
        entry(1, Actor::Poll, Outcome::GivenUp { code: "x".into() }, "`main` is gone"),
    ];
    let id = id();
    let history = |entries, more| history::html(&history::View { id: &id, entries, more, now_ms: NOW_MS });
    let leaving = |project, hooks: Option<&str>| {
        let (hooks, folder) = (hooks.map(String::from), "/srv/acme/handbook");
        disconnect::html(&disconnect::Leaving { id: &id, project, hooks, folder }, &proof())
    };
    let hooks = "https://gitlab.example.com/acme/handbook/-/hooks";
    let states = [
        ("nothing yet", history(&[], false)),
        ("some", history(&entries, true)),
        ("disconnect, webhook by hand", leaving(Some("acme/handbook"), Some(hooks))),
        ("disconnect, webhook by itself", leaving(Some("acme/handbook"), None)),
        ("left by hand", disconnect::left(Some(hooks), &[])),
        ("left by the connector", disconnect::left(None, &["webhook 3 of project 7".into()])),
    ];
    insta::assert_snapshot!(shown(&states));
}
