//! What a push asks for, whether it may, and what it really did.

use std::sync::Arc;

use crate::app::App;
use crate::events::{PushEvent, RefChange, ZERO_ID};
use crate::git::refs;
use crate::pushes::{self, text};
use crate::tags::{self, Change, Way};
use crate::world::World;
use crate::world::projects::Project;
use crate::world::users::User;

/// One line of a push: old id, new id, reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    before: String,
    after: String,
    reference: String,
}

impl Line {
    /// The branch that is meant.
    pub(super) fn branch(&self) -> Option<&str> {
        self.reference.strip_prefix("refs/heads/")
    }

    /// Where it is to be.
    pub(super) fn after(&self) -> &str {
        &self.after
    }
}

/// The commands at the head of a push, up to the flush packet, and the push options after it.
pub(super) fn commands(input: &[u8]) -> (Vec<Line>, Vec<String>) {
    let (mut lines, mut options) = (Vec::new(), Vec::new());
    let (mut rest, mut flushes, mut has_options) = (input, 0, false);
    while let Some((head, tail)) = rest.split_at_checked(4) {
        let Some(length) = std::str::from_utf8(head).ok().and_then(|text| usize::from_str_radix(text, 16).ok()) else {
            break;
        };
        if length < 4 {
            flushes += 1;
            rest = tail;
            if flushes == 2 || !has_options {
                break;
            }
            continue;
        }
        let Some((packet, tail)) = tail.split_at_checked(length - 4) else { break };
        rest = tail;
        let text = String::from_utf8_lossy(packet).trim_end_matches('\n').to_owned();
        if flushes == 1 {
            options.push(text);
            continue;
        }
        let (command, capabilities) = text.split_once('\0').unwrap_or((&text, ""));
        has_options |= capabilities.split(' ').any(|capability| capability == "push-options");
        let mut words = command.splitn(3, ' ');
        if let (Some(before), Some(after), Some(reference)) = (words.next(), words.next(), words.next()) {
            lines.push(Line { before: before.into(), after: after.into(), reference: reference.into() });
        }
    }
    (lines, options)
}

/// Why a push is refused before git looks at it, and the branches that may not be forced.
pub(super) fn judge(app: &App, project: &Project, user: &User, lines: &[Line]) -> (Option<String>, Vec<String>) {
    let empty = app.repositories.with(project.id, |repository| Ok::<_, git2::Error>(refs::is_empty(repository)));
    let empty = empty.unwrap_or(true);
    let world = app.world();
    let mut unforced = Vec::new();
    for line in lines {
        let refusal = match (line.reference.strip_prefix("refs/heads/"), line.reference.strip_prefix("refs/tags/")) {
            (Some(branch), _) => of_branch(app, &world, project, user, line, branch, empty),
            (_, Some(_)) if line.after == ZERO_ID && keeps_tags(project) => Some("You cannot delete a tag".to_owned()),
            (_, Some(tag)) => tags::refusal(&world, user, project, tag, change(line), Way::Push).map(str::to_owned),
            _ => None,
        };
        if refusal.is_some() {
            return (refusal, unforced);
        }
        let branch = line.reference.strip_prefix("refs/heads/");
        if branch.is_some_and(|branch| !pushes::may_force(project, branch)) {
            unforced.push(line.reference.clone());
        }
    }
    (None, unforced)
}

fn keeps_tags(project: &Project) -> bool {
    project.push_rule.as_ref().is_some_and(|rule| rule.terms.deny_delete_tag)
}

fn change(line: &Line) -> Change {
    match (line.before == ZERO_ID, line.after == ZERO_ID) {
        (true, _) => Change::Create,
        (false, true) => Change::Delete,
        (false, false) => Change::Move,
    }
}

/// Why a change of a branch is refused, if it is.
fn of_branch(
    app: &App,
    world: &World,
    project: &Project,
    user: &User,
    line: &Line,
    branch: &str,
    empty: bool,
) -> Option<String> {
    let protected = pushes::is_protected(project, branch);
    let allowed = pushes::may_push(world, user, project, branch, empty);
    if line.after == ZERO_ID && branch == project.default_branch {
        return Some(text::DEFAULT.to_owned());
    }
    if line.after == ZERO_ID && protected {
        return Some(if allowed { text::WEB_ONLY.to_owned() } else { text::DELETE.to_owned() });
    }
    if line.before == ZERO_ID && crate::committing::is_hex_name(branch) {
        return Some(text::HEX.to_owned());
    }
    if allowed {
        return None;
    }
    if empty {
        return Some(pushes::no_default_branch(app, world, project));
    }
    Some(if line.before == ZERO_ID { text::CREATE.to_owned() } else { text::PROTECTED.to_owned() })
}

/// Tells of the references that really moved.
pub(super) fn tell(app: &Arc<App>, project: &Project, user: &User, lines: Vec<Line>, push_options: Vec<String>) {
    let moved = |line: &Line| {
        let now = app.repositories.with(project.id, |repository| {
            Ok::<_, git2::Error>(repository.refname_to_id(&line.reference).ok().map(|id| id.to_string()))
        });
        line.before != line.after && now.is_ok_and(|now| now.unwrap_or_else(|| ZERO_ID.to_owned()) == line.after)
    };
    let changes: Vec<RefChange> = lines
        .into_iter()
        .filter(moved)
        .map(|line| RefChange { reference: line.reference, before: line.before, after: line.after })
        .collect();
    if !changes.is_empty() {
        pushes::landed(app, PushEvent { project_id: project.id, user_id: user.id, changes, push_options, chain: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_push_names_its_references_and_options() {
        let zero = ZERO_ID;
        let one = "1".repeat(40);
        let packet = |text: &str| format!("{:04x}{text}", text.len() + 4);
        let first = packet(&format!("{zero} {one} refs/heads/main\0report-status push-options agent=git"));
        let second = packet(&format!("{one} {zero} refs/heads/old branch"));
        let input = format!("{first}{second}0000{}0000PACK...", packet("ci.skip\n"));
        let (lines, options) = commands(input.as_bytes());
        let names: Vec<&str> = lines.iter().map(|line| line.reference.as_str()).collect();
        assert_eq!(names, ["refs/heads/main", "refs/heads/old branch"]);
        assert_eq!(options, ["ci.skip"]);
        let (lines, options) =
            commands(format!("{}0000PACK", packet(&format!("{zero} {one} refs/tags/v1\0"))).as_bytes());
        assert_eq!((lines.len(), options.len()), (1, 0));
    }
}
