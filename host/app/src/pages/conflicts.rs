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
        [first, ..] => Text::new().own(Style::Dim, format!("look at one: gitlab-sync conflicts show {}", first.id)),
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
    page.line(
        Text::new()
            .own(Style::Dim, format!("choose: gitlab-sync resolve {id} --ours | --theirs | --merged | --file FILE")),
    );
    page
}

fn difference(theirs: &str, ours: &str, page: &mut Page) {
    let ends = Ends::of(theirs, ours);
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
            page.line(Text::new().with(style, format!("{mark}{}", ends.shown(change.value()))));
            if change.missing_newline() {
                page.line(Text::new().dim("\\ no newline at the end"));
            }
        }
    }
}

/// Whether line ends are a part of what differs.
#[derive(Clone, Copy)]
enum Ends {
    Alike,
    Mixed,
}

impl Ends {
    fn of(theirs: &str, ours: &str) -> Self {
        let mut lines = theirs.split_inclusive('\n').chain(ours.split_inclusive('\n'));
        let first = lines.next().is_some_and(|line| line.ends_with("\r\n"));
        if lines.all(|line| line.ends_with("\r\n") == first || !line.ends_with('\n')) {
            Self::Alike
        } else {
            Self::Mixed
        }
    }

    fn shown(self, line: &str) -> String {
        let line = line.trim_end_matches('\n');
        match (self, line.strip_suffix('\r')) {
            (Self::Mixed, Some(before)) => format!("{before}␍"),
            (Self::Alike, Some(before)) => before.to_owned(),
            (_, None) => line.to_owned(),
        }
    }
}

fn described(bytes: Option<&[u8]>) -> String {
    bytes.map_or("not there".into(), |bytes| format!("{} bytes", bytes.len()))
}

/// A side that is not there is an empty text.
fn text(bytes: Option<&[u8]>) -> Option<&str> {
    str::from_utf8(bytes.unwrap_or_default()).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Paint;

    fn shown(theirs: &[u8], ours: &[u8]) -> String {
        let (theirs, ours) = (Some(theirs.to_vec()), Some(ours.to_vec()));
        versions("id", &Versions { path: "a.md".into(), base: None, ours, theirs }).render(Paint::Plain)
    }

    /// Two lines that looked the same were told to differ.
    #[test]
    fn what_differs_can_be_seen_also_where_it_is_the_end_of_a_line() {
        for (theirs, ours, expected) in [
            ("a\n", "b\n", "-a\n+b\nchoose"),
            ("a\n", "a\r\n", "-a\n+a␍\nchoose"),
            ("a\r\nb\r\n", "a\r\nc\r\n", " a\n-b\n+c\nchoose"),
            ("a\n", "a", "-a\n+a\n\\ no newline at the end\nchoose"),
            ("a", "b", "-a\n\\ no newline at the end\n+b\n\\ no newline at the end\nchoose"),
            ("a\n", "a\0\n", "no text to compare line by line\nchoose"),
        ] {
            let page = shown(theirs.as_bytes(), ours.as_bytes());
            assert!(page.contains(expected), "{theirs:?} {ours:?}: {page}");
        }
    }
}
