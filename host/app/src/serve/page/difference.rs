//! Two versions of a text side by side, line by line.

use super::{Markup, html};
use crate::text::is_unsafe;
use similar::{ChangeTag, TextDiff};
use std::time::Duration;

/// Lines around a difference.
const AROUND: usize = 3;
/// Rows before the rest is only counted.
const MOST_ROWS: usize = 2_000;
/// Of one line.
const MOST_LETTERS: usize = 2_000;
/// What comparing two hostile texts may take; past it the difference is coarser.
const PATIENCE: Duration = Duration::from_millis(200);

/// One row: a line of each side, or none where the side has none.
#[derive(Debug, PartialEq, Eq)]
enum Row {
    Same(usize, usize, String),
    Ours(usize, String),
    Theirs(usize, String),
    Both((usize, String), (usize, String)),
    /// Lines that are equal and left out.
    Gap,
}

/// `ours` left, `theirs` right.
pub(crate) fn html(ours: &str, theirs: &str) -> Markup {
    let rows = rows(ours, theirs);
    html! {
        div.scroll tabindex="0" role="region" aria-label="Both versions" {
            table.difference {
                colgroup { col.number; col; col.number; col; }
                thead { tr { th scope="col" colspan="2" { "In the folder" } th scope="col" colspan="2" { "In GitLab" } } }
                tbody { @for row in rows.iter().take(MOST_ROWS) { (row_html(row)) } }
            }
        }
        @if rows.len() > MOST_ROWS { p.hint { "… and " (rows.len() - MOST_ROWS) " more rows." } }
    }
}

fn row_html(row: &Row) -> Markup {
    let line = |line: Option<(usize, &str)>, kind: &str| {
        html! {
            td.number { @if let Some((number, _)) = line { (number) } }
            td.line.(if line.is_some() { kind } else { "absent" }) { @if let Some((_, text)) = line { (shown(text)) } }
        }
    };
    html! {
        tr {
            @match row {
                Row::Same(one, two, text) => { (line(Some((*one, text)), "same")) (line(Some((*two, text)), "same")) },
                Row::Ours(number, text) => { (line(Some((*number, text)), "ours")) (line(None, "")) },
                Row::Theirs(number, text) => { (line(None, "")) (line(Some((*number, text)), "theirs")) },
                Row::Both((one, ours), (two, theirs)) => { (line(Some((*one, ours)), "ours")) (line(Some((*two, theirs)), "theirs")) },
                Row::Gap => td.gap colspan="4" { "⋯" },
            }
        }
    }
}

fn rows(ours: &str, theirs: &str) -> Vec<Row> {
    let difference = TextDiff::configure().timeout(PATIENCE).diff_lines(ours, theirs);
    let mut rows = vec![];
    for (index, group) in difference.grouped_ops(AROUND).iter().enumerate() {
        if index > 0 {
            rows.push(Row::Gap);
        }
        let (mut left, mut right) = (vec![], vec![]);
        for change in group.iter().flat_map(|operation| difference.iter_changes(operation)) {
            let text = change.value().trim_end_matches(['\n', '\r']).to_owned();
            let number = |index: Option<usize>| index.map_or(0, |index| index + 1);
            match change.tag() {
                ChangeTag::Delete => left.push((number(change.old_index()), text)),
                ChangeTag::Insert => right.push((number(change.new_index()), text)),
                ChangeTag::Equal => {
                    pair(&mut left, &mut right, &mut rows);
                    rows.push(Row::Same(number(change.old_index()), number(change.new_index()), text));
                }
            }
        }
        pair(&mut left, &mut right, &mut rows);
    }
    rows
}

/// Lines that take each other's place stand beside each other.
fn pair(left: &mut Vec<(usize, String)>, right: &mut Vec<(usize, String)>, rows: &mut Vec<Row>) {
    let (mut ours, mut theirs) = (left.drain(..), right.drain(..));
    loop {
        rows.push(match (ours.next(), theirs.next()) {
            (Some(one), Some(two)) => Row::Both(one, two),
            (Some((number, text)), None) => Row::Ours(number, text),
            (None, Some((number, text))) => Row::Theirs(number, text),
            (None, None) => return,
        });
    }
}

fn shown(text: &str) -> String {
    let mut letters = text.chars().map(|letter| if letter != '\t' && is_unsafe(letter) { '\u{fffd}' } else { letter });
    let mut shown: String = letters.by_ref().take(MOST_LETTERS).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_take_each_others_place_stand_side_by_side() {
        let rows = rows("a\nb\nc\nx\n", "a\nB\nc\n");
        let expected = [
            Row::Same(1, 1, "a".into()),
            Row::Both((2, "b".into()), (2, "B".into())),
            Row::Same(3, 3, "c".into()),
            Row::Ours(4, "x".into()),
        ];
        assert_eq!(rows, expected);
        assert_eq!(super::rows("", "new\n"), [Row::Theirs(1, "new".into())]);
    }

    #[test]
    fn far_away_lines_are_left_out_and_markup_is_text() {
        let many = |word: &str| -> String {
            (0..50).map(|number| format!("{number} {}\n", if number % 40 == 5 { word } else { "same" })).collect()
        };
        let rows = rows(&many("one"), &many("two"));
        assert_eq!(rows.iter().filter(|row| **row == Row::Gap).count(), 1);
        let shown = html("<script>alert(1)</script>\n", "\u{202e}x\n").into_string();
        assert!(shown.contains("&lt;script&gt;alert(1)") && !shown.contains("<script>") && shown.contains('\u{fffd}'));
    }
}
