//! What a plan would do and what a step did.

use super::{counted, short};
use crate::text::{Page, Style, Text};
use gitlab_sync_host::sync::{Action, Change, Side, Step, SyncPlan, Unselected};
use std::collections::HashSet;

/// Lines of changes before the rest is only counted.
const MOST_LINES: usize = 200;
/// About what a commit holds: the connector keeps its requests below what GitLab slows down.
const COMMIT_BYTES: u64 = 19_000_000;
/// A plan reads no contents of the branch.
const UNDECIDED: &str = "by lines; a conflict if both changed the same ones";
const WHY_SO_MANY: &str = "GitLab slows down requests above 20 MB";

pub(crate) fn plan(plan: &SyncPlan) -> Page {
    let mut page = Page::new();
    let changes = told_once(&plan.changes);
    lines(&changes, "would ", &mut page);
    if let Some(kinds) = unselected(&plan.unselected) {
        let words = format!("not selected by the patterns: {kinds}; `configure --pattern` chooses others");
        page.line(Text::new().dim(words));
    }
    if plan.changes.is_empty() {
        page.line(Text::new().with(Style::Good, "Nothing to do: both sides say the same."));
        return page;
    }
    if plan.changes.iter().all(|change| change.action == Action::Skip) {
        page.line(Text::new().with(Style::Good, "Nothing to do: what is not left alone is the same on both sides."));
        return page;
    }
    let requests = counted(plan.requests as usize, "request");
    page.line(format!("{}, about {requests} and {}", totals(&changes), size(plan.bytes)));
    let commits = sent(&plan.changes).div_ceil(COMMIT_BYTES);
    if commits > 1 {
        page.line(format!("in about {commits} commits one after the other: {WHY_SO_MANY}"));
    }
    page.line(Text::new().dim(format!("to do this and nothing else: --plan {}", plan.digest)));
    page
}

/// What the patterns leave out, such as `9 .txt, 2 .png, 1 other`. None: nothing.
pub(crate) fn unselected(unselected: &[Unselected]) -> Option<String> {
    let kind = |it: &Unselected| match &it.ending {
        Some(ending) => format!("{} .{ending}", it.files),
        None => format!("{} {}", it.files, if it.files == 1 { "other" } else { "others" }),
    };
    let kinds: Vec<_> = unselected.iter().map(kind).collect();
    (!kinds.is_empty()).then(|| kinds.join(", "))
}

/// The word for a sync that went both ways.
pub(crate) const IN_STEP: &str = "In step";

/// The word for what was done before the rest failed.
pub(crate) const UNTIL_THEN: &str = "Done until then";

/// Whether there is anything to tell.
pub(crate) fn any(steps: &[Step]) -> bool {
    steps.iter().flat_map(|step| &step.changes).any(|change| change.action != Action::Skip)
}

pub(crate) fn steps(steps: &[Step], done: &str) -> Page {
    let mut page = Page::new();
    let changes = told_once(steps.iter().flat_map(|step| &step.changes));
    lines(&changes, "", &mut page);
    let head = steps.iter().rev().find_map(|step| step.head.as_deref());
    let at = head.map_or(String::new(), |head| format!(", the branch is at {}", short(head)));
    let conflicts = steps.last().map_or(0, |step| step.conflicts);
    // With a conflict left the two sides are not in step.
    let done = if conflicts > 0 && done == IN_STEP { "Synced" } else { done };
    page.line(Text::new().with(Style::Good, done).plain(format!(": {}{at}", totals(&changes))));
    let commits: u32 = steps.iter().map(|step| step.commits).sum();
    if commits > 1 && sent(&changes) > COMMIT_BYTES {
        page.line(format!("in {commits} commits: {WHY_SO_MANY}"));
    }
    if conflicts > 0 {
        let waiting = counted(conflicts as usize, "conflict");
        page.line(
            Text::new().with(Style::Warn, format!("{waiting} to resolve")).own(Style::Plain, ": gitlab-sync conflicts"),
        );
    }
    page
}

/// What is left alone is left alone by each call and in both directions, and both sides may hold it.
fn told_once<'c>(all: impl IntoIterator<Item = &'c Change>) -> Vec<Change> {
    let mut skipped = HashSet::new();
    let all = all.into_iter();
    all.filter(|change| change.action != Action::Skip || skipped.insert(&change.path)).cloned().collect()
}

/// `10 bytes`, `12 kB`.
fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    let unit = units.into_iter().find(|(unit, _)| bytes >= 10 * unit);
    unit.map_or_else(|| format!("{bytes} bytes"), |(unit, name)| format!("{} {name}", bytes.div_ceil(unit)))
}

fn reaches_gitlab(change: &Change) -> bool {
    change.side == Side::Branch && change.action != Action::Skip
}

/// Bytes of contents that go to GitLab.
fn sent(changes: &[Change]) -> u64 {
    let with_content = |change: &&Change| matches!(change.action, Action::Create | Action::Update);
    changes.iter().filter(|change| reaches_gitlab(change)).filter(with_content).map(|change| change.size).sum()
}

fn lines(changes: &[Change], mood: &str, page: &mut Page) {
    for change in changes.iter().take(MOST_LINES) {
        page.line(line(change, mood));
    }
    if changes.len() > MOST_LINES {
        page.line(Text::new().dim(format!("  and {}", counted(changes.len() - MOST_LINES, "more change"))));
    }
}

fn line(change: &Change, mood: &str) -> Text {
    let (style, word) = word(change.action);
    let place = match change.side {
        Side::Workspace => "here",
        Side::Branch => "in GitLab",
    };
    let line = Text::from("  ").column(style, format!("{mood}{word}"), mood.len() + 8).plain(&change.path);
    let line = match &change.from {
        Some(from) => line.dim(format!(" from {from}")),
        None => line,
    };
    let line = if change.action == Action::Skip { line } else { line.dim(format!("  {place}")) };
    let undecided = (change.action == Action::Merge && !mood.is_empty()).then_some(UNDECIDED);
    match change.reason.as_deref().or(undecided) {
        Some(reason) => line.dim(format!("  ({reason})")),
        None => line,
    }
}

fn word(action: Action) -> (Style, &'static str) {
    match action {
        Action::Create => (Style::Good, "create"),
        Action::Update => (Style::Accent, "update"),
        Action::Move => (Style::Accent, "move"),
        Action::Delete => (Style::Warn, "delete"),
        Action::Merge => (Style::Accent, "merge"),
        Action::Conflict => (Style::Warn, "conflict"),
        Action::Skip => (Style::Dim, "skip"),
    }
}

/// `2 create, 1 merge`, in this order.
pub(crate) fn totals(changes: &[Change]) -> String {
    let actions =
        [Action::Create, Action::Update, Action::Move, Action::Delete, Action::Merge, Action::Conflict, Action::Skip];
    let count = |action: Action| changes.iter().filter(|change| change.action == action).count();
    let parts: Vec<_> = actions
        .into_iter()
        .filter(|action| count(*action) > 0)
        .map(|action| format!("{} {}", count(action), word(action).1))
        .collect();
    if parts.is_empty() { "nothing changed".into() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Paint;

    fn change(size: u64) -> Change {
        let (path, action, side) = (format!("{size}.md"), Action::Create, Side::Branch);
        Change { path, action, side, from: None, size, reason: None, code: None }
    }

    #[test]
    fn what_one_commit_does_not_hold_is_said_to_take_several_and_why() {
        let why = "GitLab slows down requests above 20 MB";
        for (sizes, planned, done) in [
            (&[9_000_000, 10_000_000][..], None, None),
            (&[10_000_000; 6], Some("in about 4 commits one after the other"), Some("in 6 commits")),
        ] {
            let changes: Vec<_> = sizes.iter().map(|size| change(*size)).collect();
            let whole = SyncPlan {
                digest: "d".into(),
                head: None,
                changes: changes.clone(),
                requests: 1,
                bytes: 1,
                unselected: vec![],
            };
            let head = || Some("c0ffee11".into());
            let step = |changes: &[Change]| Step {
                changes: changes.to_vec(),
                more: true,
                head: head(),
                commits: changes.len() as u32,
                conflicts: 0,
            };
            // A call makes one commit or several.
            let steps = [step(&changes[..1]), step(&changes[1..])];
            for (page, said) in [(plan(&whole), planned), (super::steps(&steps, "Pushed"), done)] {
                let text = page.render(Paint::Plain);
                assert_eq!(text.contains(why), said.is_some(), "{text}");
                assert!(said.is_none_or(|said| text.contains(said)), "{text}");
            }
        }
    }

    #[test]
    fn what_both_sides_hold_and_is_left_alone_is_told_once() {
        let skip = |side| Change { action: Action::Skip, side, reason: Some("kept in Git LFS".into()), ..change(1) };
        let changes = vec![skip(Side::Workspace), skip(Side::Branch), change(2)];
        let whole = SyncPlan { digest: "d".into(), head: None, changes, requests: 1, bytes: 1, unselected: vec![] };
        let text = plan(&whole).render(Paint::Plain);
        assert_eq!((text.matches("1.md").count(), text.contains("1 create, 1 skip,")), (1, true), "{text}");
    }
}
