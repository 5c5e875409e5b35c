//! One connection at a glance: how it is doing, the two buttons, the switch, and what is connected with what.

use super::address::{Place, conflict};
use super::problem::sentence;
use super::{Markup, Problem, form, html, name, web_link};
use crate::pages::health::left_alone;
use crate::pages::{counted, short, time};
use crate::serve::job::Job;
use crate::serve::live::Progress;
use crate::serve::people::Role;
use crate::serve::problem::Problem as Trouble;
use crate::serve::states::State;
use crate::serve::web::session::FormProof;
use crate::store::connections::Account;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::{Configured, Conflict, SyncStatus};

/// Days before a token's end at which it is a warning.
const SOON_DAYS: u64 = 60;

/// How a connection is doing, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Working,
    TokenExpired,
    NoProject,
    Trouble,
    Conflicts(u32),
    NeverSynced,
    /// The first sync went one way only, and the other side has something to give.
    Apart,
    InStep,
}

impl Mood {
    pub(crate) fn of(
        status: &SyncStatus,
        state: &State,
        progress: &Progress,
        expires_ms: Option<u64>,
        now_ms: u64,
    ) -> Self {
        match status {
            _ if progress.running.is_some() => Self::Working,
            _ if expires_ms.is_some_and(|end| end <= now_ms) => Self::TokenExpired,
            SyncStatus { configured: None, .. } => Self::NoProject,
            _ if state.problem.is_some() || state.paused.is_some() => Self::Trouble,
            SyncStatus { conflicts: 1.., .. } => Self::Conflicts(status.conflicts),
            _ if is_first(status, state) => Self::NeverSynced,
            SyncStatus { synced_ms: None, .. } => Self::Apart,
            _ => Self::InStep,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Working => "working".into(),
            Self::TokenExpired => "token expired".into(),
            Self::NoProject => "choose a project".into(),
            Self::Trouble => "needs attention".into(),
            Self::Conflicts(count) => counted(count as usize, "conflict"),
            Self::NeverSynced => "not synced yet".into(),
            Self::Apart => "one way so far".into(),
            Self::InStep => "in step".into(),
        }
    }

    pub(crate) fn pill(self) -> Markup {
        let kind = match self {
            Self::Working => "plain",
            Self::TokenExpired | Self::Trouble => "bad",
            Self::NoProject | Self::Conflicts(_) | Self::NeverSynced | Self::Apart => "warn",
            Self::InStep => "good",
        };
        html! { span.tag.(kind) { (self.words()) } }
    }
}

/// Everything that the page shows.
pub(crate) struct View<'a> {
    pub(crate) id: &'a ConnectionId,
    pub(crate) role: Role,
    pub(crate) server: &'a str,
    /// On the server's disk.
    pub(crate) folder: &'a str,
    pub(crate) account: Option<&'a Account>,
    pub(crate) token_expires_ms: Option<u64>,
    pub(crate) may_write: bool,
    pub(crate) status: &'a SyncStatus,
    pub(crate) conflicts: &'a [Conflict],
    pub(crate) state: &'a State,
    pub(crate) progress: &'a Progress,
    /// Why it cannot be looked at more closely.
    pub(crate) problem: Option<&'a Problem>,
    pub(crate) now_ms: u64,
}

impl View<'_> {
    fn mood(&self) -> Mood {
        Mood::of(self.status, self.state, self.progress, self.token_expires_ms, self.now_ms)
    }
}

pub(crate) fn html(view: &View<'_>, proof: &FormProof) -> Markup {
    let configured = view.status.configured.as_ref();
    html! {
        div.heading {
            h1 { @match configured { Some(configured) => (name(&configured.project.path)), None => "GitLab" } }
            (view.mood().pill())
        }
        @if let Some(problem) = view.problem { (problem.html()) }
        (expiry(view))
        @match configured {
            None => (no_project(view)),
            Some(configured) => {
                (trouble(view))
                (waiting(view))
                (sync(view, configured, proof))
                (auto_sync(view, proof))
            },
        }
        (facts(view))
        @if view.role == Role::Admin { (maintenance(view)) }
    }
}

/// Whether nothing was ever moved for this project. A delivery that came too early was a job that moved nothing.
pub(crate) fn is_first(status: &SyncStatus, state: &State) -> bool {
    status.synced_ms.is_none() && state.done.as_ref().is_none_or(|done| done.files == 0)
}

fn no_project(view: &View<'_>) -> Markup {
    html! {
        div.card.empty {
            @if view.role == Role::Admin {
                p { "The token works. Next, choose the project to sync with." }
                a.button.main href=(Place::Project.of(view.id)) { "Choose a project" }
            } @else {
                p { "No project is chosen yet. An admin of your organisation can choose one." }
            }
        }
    }
}

/// The token's end, when it is near or past.
fn expiry(view: &View<'_>) -> Markup {
    let Some(end) = view.token_expires_ms else { return html! {} };
    let days = end.saturating_sub(view.now_ms).div_ceil(time::DAY_MS);
    if days > SOON_DAYS {
        return html! {};
    }
    html! {
        div.problem.soft[days > 0] role=[(days == 0).then_some("alert")] {
            p.sentence {
                @match days {
                    0 => "The GitLab token has expired. Nothing can be synced until there is a new one.",
                    1 => "The GitLab token ends within a day.",
                    _ => { "The GitLab token ends in " (days) " days." },
                }
            }
            @if view.role == Role::Admin { p { a href=(Place::Token.of(view.id)) { "Paste a new token" } } }
        }
    }
}

/// How the last job failed, with what to do next.
fn trouble(view: &View<'_>) -> Markup {
    let Some(trouble) = view.state.paused.as_ref().or(view.state.problem.as_ref()) else { return html! {} };
    html! {
        div.problem role="alert" {
            p.sentence { (sentence(&trouble.message)) }
            @if let Some(remedy) = remedy(trouble) { p { (sentence(remedy)) } }
            @if view.role == Role::Admin { @if let Some((place, words)) = next(trouble) { p { a href=(place.of(view.id)) { (words) } } } }
            p.hint { "Since " (time::ago(view.now_ms.saturating_sub(trouble.since_ms))) "." }
        }
    }
}

/// What to do, for somebody who sees buttons and no command line.
fn remedy(trouble: &Trouble) -> Option<&str> {
    Some(match trouble.code.as_str() {
        "mass-delete-brake" => "Look at the plan. If the deletions are meant, approve them there and start it.",
        "token-rejected" | "token-expired" => "Make a new token in GitLab with the scope `api`, and paste it here.",
        _ => trouble.remedy.as_str(),
    })
    .filter(|remedy| !remedy.is_empty())
}

/// The page that helps with it.
fn next(trouble: &Trouble) -> Option<(Place, &'static str)> {
    Some(match trouble.code.as_str() {
        "token-rejected" | "token-expired" | "token-scope" | "no-token" => (Place::Token, "Paste a new token"),
        "mass-delete-brake" | "plan-outdated" => (Place::Plan, "Look at the plan, and approve it if it is right"),
        "not-configured" | "project-not-found" | "branch-missing" | "project-archived" | "ownership-clash" => {
            (Place::Project, "Choose project and branch")
        }
        "conflict" => (Place::Conflicts, "Resolve the conflicts"),
        _ => (Place::Check, "Check the connection"),
    })
}

/// Conflicts that wait.
fn waiting(view: &View<'_>) -> Markup {
    const MOST: usize = 5;
    if view.conflicts.is_empty() {
        return html! {};
    }
    html! {
        div.card.attention {
            h2 { (counted(view.conflicts.len(), "conflict")) " to resolve" }
            p { "Both sides changed the same lines. Both versions are kept." }
            ul.plain {
                @for one in view.conflicts.iter().take(MOST) { li { a href=(conflict(view.id, &one.id)) { (name(&one.path)) } } }
                @if view.conflicts.len() > MOST { li { a href=(Place::Conflicts.of(view.id)) { "All of them" } } }
            }
        }
    }
}

fn sync(view: &View<'_>, configured: &Configured, proof: &FormProof) -> Markup {
    let running = view.progress.running.is_some();
    let is_first = is_first(view.status, view.state);
    html! {
        section.card.live data-live=(Place::Live.of(view.id)) data-running=(running) data-mark=(mark(view.state)) {
            h2 { "Sync" }
            p.unseen id="said" role="status" data-words=(view.mood().words()) {}
            (last(view, configured))
            div.progress hidden[!running] {
                p id="progress-words" role="status" aria-live="polite" { (words(view.progress)) }
                progress aria-labelledby="progress-words" max=[(view.progress.total > 0).then_some(view.progress.total)]
                    value=[(view.progress.total > 0).then_some(view.progress.done)] {}
            }
            @if view.role == Role::Admin {
                @if is_first {
                    div.actions { a.button.main href=(Place::Plan.of(view.id)) { "See the first sync" } }
                } @else {
                    div.actions {
                        (form(&Place::Pull.of(view.id), proof, &html! { button.main type="submit" disabled[running] { "Pull from GitLab" } }))
                        @if view.may_write {
                            (form(&Place::Push.of(view.id), proof, &html! { button.main type="submit" disabled[running] { "Push to GitLab" } }))
                        }
                        a.button.quiet href=(Place::Plan.of(view.id)) { "What would happen?" }
                    }
                }
            }
        }
    }
}

/// When both sides were last equal, and how the last job ended.
fn last(view: &View<'_>, configured: &Configured) -> Markup {
    html! {
        p {
            @match (&view.status.synced_head, view.status.synced_ms) {
                (Some(head), Some(at)) => {
                    "Last synced " strong { (time::ago(view.now_ms.saturating_sub(at))) } ", branch " (name(&configured.branch)) " at " code { (short(head)) } "."
                },
                (None, Some(at)) => { "Last synced " strong { (time::ago(view.now_ms.saturating_sub(at))) } "." },
                _ if is_first(view.status, view.state) => "Nothing has been synced yet. First look at what would happen, then start it.",
                _ => "The first sync went one way. Pull and push once to bring both sides in step.",
            }
            @if view.status.left_alone > 0 {
                " Both sides were equal then but for " (left_alone(view.status.left_alone)) ": the plan says which and why."
            }
            @if let Some(done) = &view.state.done {
                " The last " (done.job.as_str()) " changed " (counted(done.files as usize, "file")) "."
            }
        }
    }
}

/// How far it is, in words; the script writes the same.
pub(crate) fn words(progress: &Progress) -> String {
    let Some(running) = progress.running else { return String::new() };
    let doing = match running.phase {
        Job::Push => "Pushing to GitLab",
        Job::Pull => "Pulling from GitLab",
        Job::Sync => "Syncing",
    };
    match (progress.done, progress.total) {
        (0, 0) => format!("{doing}…"),
        (done, 0) => format!("{doing}: {done} {}", progress.unit),
        (done, total) => format!("{doing}: {done} of {total} {}", progress.unit),
    }
}

/// Changes whenever a page says something else of how jobs ended. The stream of progress carries it too, so that a page knows that it is
/// of yesterday.
pub(crate) fn mark(state: &State) -> String {
    let since = |problem: Option<&Trouble>| problem.map_or(0, |problem| problem.since_ms);
    let done = state.done.as_ref().map_or(0, |done| done.at_ms);
    let (problem, paused) = (since(state.problem.as_ref()), since(state.paused.as_ref()));
    format!("{done}-{problem}-{paused}-{}-{}", state.conflicts, state.auto_sync)
}

fn auto_sync(view: &View<'_>, proof: &FormProof) -> Markup {
    let on = view.state.auto_sync;
    if !view.may_write {
        return html! {};
    }
    html! {
        section.card {
            div.switch-row {
                div {
                    h2 id="auto-sync" { "Auto-sync enabled" }
                    p id="auto-sync-words" { "Edits in the folder are pushed to GitLab by themselves, a few seconds after the last one." }
                }
                @if view.role == Role::Admin {
                    (form(&Place::AutoSync.of(view.id), proof, &html! {
                        input type="hidden" name="on" value=(if on { "no" } else { "yes" });
                        button.switch type="submit" role="switch" aria-checked=(on) aria-labelledby="auto-sync" aria-describedby="auto-sync-words" {
                            span.knob {}
                            span.switch-words { @if on { "On" } @else { "Off" } }
                        }
                    }))
                } @else {
                    span.tag.(if on { "good" } else { "dim" }) { @if on { "on" } @else { "off" } }
                }
            }
        }
    }
}

fn facts(view: &View<'_>) -> Markup {
    let configured = view.status.configured.as_ref();
    html! {
        section.card {
            h2 { "Connection" }
            dl.facts {
                dt { "GitLab" } dd { (name(view.server)) }
                @if let Some(configured) = configured {
                    dt { "Project" } dd { (web_link(&configured.project.web_url, name(&configured.project.path))) }
                    dt { "Branch" } dd { (name(&configured.branch)) }
                    @if !configured.directories.is_empty() { dt { "Folders" } dd { (name(&configured.directories.join(", "))) } }
                    @if !configured.patterns.is_empty() { dt { "Files" } dd { (name(&configured.patterns.join(" "))) } }
                    @if let Some(role) = &configured.role { dt { "Role" } dd { (name(role)) } }
                }
                @if let Some(account) = view.account {
                    dt { "Signed in as" }
                    dd {
                        (name(&account.name))
                        @if !account.username.is_empty() { " (@" (name(&account.username)) ")" }
                        ", " (account.kind)
                    }
                }
                dt { "Token ends" } dd { (ends(view)) }
                // Where it is on the machine is for those who look after it.
                @if view.role == Role::Admin { dt { "Folder" } dd { code { (super::stranger::plain(view.folder)) } } }
            }
            @if let Some(configured) = configured { @for warning in &configured.warnings { p.hint { (sentence(warning)) } } }
        }
    }
}

fn ends(view: &View<'_>) -> Markup {
    match view.token_expires_ms {
        None => html! { "never, or GitLab does not say" },
        Some(end) if end <= view.now_ms => html! { strong { "expired" } " on " (time::day(end)) },
        Some(end) => {
            let days = usize::try_from(end.saturating_sub(view.now_ms).div_ceil(time::DAY_MS)).unwrap_or(usize::MAX);
            html! { "on " time datetime=(time::day(end)) { (time::day(end)) } ", in " (counted(days, "day")) }
        }
    }
}

fn maintenance(view: &View<'_>) -> Markup {
    html! {
        ul.links {
            @if view.status.configured.is_some() { li { a href=(Place::Project.of(view.id)) { "Change project, branch or folders" } } }
            li { a href=(Place::Token.of(view.id)) { "Replace the token" } }
            li { a href=(Place::Disconnect.of(view.id)) { "Disconnect" } }
        }
    }
}

/// The pages of one connection.
pub(crate) fn tabs(id: &ConnectionId, here: Place, role: Role, conflicts: u32) -> Markup {
    let tabs = [
        (Place::Overview, "Overview", Role::Viewer),
        (Place::Conflicts, "Conflicts", Role::Viewer),
        (Place::History, "History", Role::Viewer),
        (Place::Webhook, "Webhook", Role::Admin),
        (Place::Check, "Check", Role::Admin),
        (Place::Review, "What it may do", Role::Viewer),
    ];
    html! {
        nav.tabs aria-label="This connection" {
            @for (place, words, least) in tabs {
                @if role >= least {
                    a href=(place.of(id)) aria-current=[(place == here).then_some("page")] {
                        (words)
                        @if place == Place::Conflicts && conflicts > 0 { " " span.count { (conflicts) } }
                    }
                }
            }
        }
    }
}

/// The way to the first sync, in place of tabs that would be empty.
pub(crate) fn steps(here: Place) -> Markup {
    let steps = ["Connect", "Choose a project", "What to sync", "First sync"];
    let at = match here {
        Place::Project => 1,
        Place::Settings => 2,
        _ => 3,
    };
    html! {
        ol.way aria-label="Steps" {
            @for (index, words) in steps.iter().enumerate() {
                li.past[index < at] aria-current=[(index == at).then_some("step")] {
                    span.mark aria-hidden="true" { @if index < at { "✓" } @else { (index + 1) } }
                    (words)
                    @if index < at { span.unseen { " (done)" } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::job::JobNumber;
    use crate::serve::live::Running;

    #[test]
    fn progress_is_told_as_far_as_it_is_known() {
        let running = Some(Running { number: JobNumber(1), job: Job::Sync, phase: Job::Pull, since_ms: 0 });
        let told = |running, done, total| words(&Progress { running, done, total, unit: "files".into() });
        assert_eq!(told(None, 3, 7), "");
        assert_eq!(told(running, 0, 0), "Pulling from GitLab…");
        assert_eq!(told(running, 3, 0), "Pulling from GitLab: 3 files");
        assert_eq!(told(running, 3, 7), "Pulling from GitLab: 3 of 7 files");
    }

    fn view_of(role: Role, status: &SyncStatus, state: &State) -> String {
        let id = ConnectionId::parse("handbook-1").unwrap();
        let account = Account {
            username: "ana".into(),
            name: "Ana <b>Lima</b>".into(),
            kind: "personal access token".into(),
            cannot_create: None,
        };
        let view = View {
            id: &id,
            role,
            server: "https://gitlab.example.com",
            folder: "/srv/acme/handbook",
            account: Some(&account),
            token_expires_ms: Some(20 * time::DAY_MS),
            may_write: true,
            status,
            conflicts: &[],
            state,
            progress: &Progress::default(),
            problem: None,
            now_ms: 10 * time::DAY_MS,
        };
        html(&view, &crate::serve::web::session::SessionKey::parse(&"0".repeat(64)).unwrap().form_proof()).into_string()
    }

    #[test]
    fn a_viewer_gets_the_same_facts_without_forms_secrets_or_the_machines_paths() {
        let status = SyncStatus {
            configured: Some(configured()),
            webhook: None,
            synced_head: None,
            synced_ms: Some(9 * time::DAY_MS),
            left_alone: 0,
            conflicts: 0,
        };
        let (admin, viewer) =
            (view_of(Role::Admin, &status, &State::default()), view_of(Role::Viewer, &status, &State::default()));
        for words in ["1 day ago", "in 10 days", "Ana &lt;b&gt;Lima&lt;/b&gt;", "The GitLab token ends in 10 days."] {
            assert!(admin.contains(words) && viewer.contains(words), "{words}: {viewer}");
        }
        for words in ["<form", "/srv/acme", "Paste a new token", "Disconnect", "href=\"/settings"] {
            assert!(admin.contains(words) && !viewer.contains(words), "{words}: {viewer}");
        }
    }

    fn configured() -> Configured {
        Configured {
            project: gitlab_sync_host::sync::Project {
                id: 7,
                path: "acme/handbook".into(),
                default_branch: None,
                web_url: "javascript:alert(1)".into(),
                obstacle: None,
            },
            branch: "main".into(),
            head: None,
            directories: vec!["docs".into()],
            patterns: vec![],
            conflicts: gitlab_sync_host::sync::ConflictPolicy::KeepBoth,
            message_template: None,
            author: None,
            first: gitlab_sync_host::sync::FirstSync::Merge,
            role: None,
            webhook: None,
            warnings: vec![],
        }
    }

    #[test]
    fn each_state_has_its_own_word() {
        let done = |files| Some(crate::serve::states::Done { job: Job::Push, at_ms: 1, files, head: None });
        let status = |synced_ms, conflicts| SyncStatus {
            configured: Some(configured()),
            webhook: None,
            synced_head: None,
            synced_ms,
            left_alone: 0,
            conflicts,
        };
        let state = |files: Option<u32>| State { done: files.and_then(done), ..State::default() };
        let failed = Trouble { code: "x".into(), message: "x".into(), remedy: String::new(), since_ms: 1 };
        let running = Running { number: JobNumber(1), job: Job::Pull, phase: Job::Pull, since_ms: 0 };
        let still = Progress::default();
        let table = [
            (status(None, 0), state(None), None, Mood::NeverSynced),
            (status(None, 0), state(Some(0)), None, Mood::NeverSynced),
            (status(None, 0), state(Some(2)), None, Mood::Apart),
            (status(Some(1), 0), state(None), None, Mood::InStep),
            (status(Some(1), 2), state(None), None, Mood::Conflicts(2)),
            (status(Some(1), 2), State { problem: Some(failed), ..State::default() }, None, Mood::Trouble),
            (status(Some(1), 2), state(None), Some(5), Mood::TokenExpired),
            (SyncStatus { configured: None, ..status(None, 0) }, state(None), Some(6), Mood::NoProject),
        ];
        for (status, state, expires_ms, mood) in &table {
            assert_eq!(Mood::of(status, state, &still, *expires_ms, 5), *mood, "{status:?} {state:?}");
            let working = Progress { running: Some(running), ..Progress::default() };
            assert_eq!(Mood::of(status, state, &working, *expires_ms, 5), Mood::Working);
        }
    }
}
