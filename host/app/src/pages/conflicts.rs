//! Conflicts that wait, and both versions of one.

use crate::text::{Page, Style, Text};
use gitlab_sync_host::sync::{Conflict, Versions};
use similar::{ChangeTag, TextDiff};

pub(crate) fn list(conflicts: &[Conflict]) -> Page {
    let mut page = Page::new();
    let width = conflicts.iter().map(|conflict| conflict.id.chars().count()).max().unwrap_or(0);
    for conflict in conflicts {
        let line = Text::new().column(Style::Accent, &conflict.id, width).bold(&conflict.path);
        page.line(line.dim(format!("  {}", conflict.reason)));
    }
    page.line(match conflicts {
        [] => Text::new().with(Style::Good, "No conflicts."),
        [first, ..] => Text::new().dim(format!("look at one: gitlab-sync conflicts show {}", first.id)),
    });
    page
}

/// From the branch's version to the workspace's, line by line.
pub(crate) fn versions(id: &str, versions: &Versions) -> Page {
    let mut page = Page::new();
    page.line(Text::new().bold(&versions.path));
    page.line(Text::new().with(Style::Bad, "--- theirs: ").plain(described(versions.theirs.as_deref())));
    page.line(Text::new().with(Style::Good, "+++ ours:   ").plain(described(versions.ours.as_deref())));
    match (text(versions.theirs.as_deref()), text(versions.ours.as_deref())) {
        (Some(theirs), Some(ours)) => difference(theirs, ours, &mut page),
        _ => page.line("no text to compare line by line"),
    }
    page.line(Text::new().dim(format!("choose: gitlab-sync resolve {id} --ours | --theirs | --merged | --file FILE")));
    page
}

fn difference(theirs: &str, ours: &str, page: &mut Page) {
    for (index, group) in TextDiff::from_lines(theirs, ours).grouped_ops(3).iter().enumerate() {
        if index > 0 {
            page.line(Text::new().dim("..."));
        }
        let diff = TextDiff::from_lines(theirs, ours);
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let (style, mark) = match change.tag() {
                ChangeTag::Delete => (Style::Bad, "-"),
                ChangeTag::Insert => (Style::Good, "+"),
                ChangeTag::Equal => (Style::Plain, " "),
            };
            page.line(Text::new().with(style, format!("{mark}{}", change.value().trim_end_matches(['\n', '\r']))));
        }
    }
}

fn described(bytes: Option<&[u8]>) -> String {
    bytes.map_or("not there".into(), |bytes| format!("{} bytes", bytes.len()))
}

/// A side that is not there is an empty text.
fn text(bytes: Option<&[u8]>) -> Option<&str> {
    str::from_utf8(bytes.unwrap_or_default()).ok()
}
