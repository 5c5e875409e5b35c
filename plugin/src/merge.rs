//! Joins two edits of one text, by lines, or refuses.
//!
//! A stretch of lines between two that all three versions share is taken from the side that changed it; if both changed it
//! alike, once; if both changed it differently, the merge is refused as a whole, and no version with conflict markers is ever
//! made. Edits of neighbouring lines are one stretch, as in git.
//!
//! Lines are compared byte for byte with their endings, so CRLF stays CRLF and mixed files stay mixed; a missing last line
//! break, and a byte order mark, belong to their lines. Text is UTF-8 without NUL; anything else is refused, and so is what
//! would take more than a bounded time: see the limits below and in `diff`.

use crate::diff::{Run, equal_runs};
use std::collections::HashMap;

/// Per version. A text of this size is a few thousand pages.
const MAX_BYTES: usize = 8 << 20;
/// Per version: 12 bytes are taken for each.
const MAX_LINES: usize = 200_000;

/// Why there is no merged text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Both changed the same or neighbouring lines, differently.
    #[error("both changed the same lines")]
    Overlap,
    /// One of them is not text.
    #[error("not text in UTF-8")]
    Binary,
    /// One of them has more than 8 MiB or 200,000 lines.
    #[error("too large to merge by lines")]
    TooLarge,
    /// More than some thousand lines differ.
    #[error("too many lines differ")]
    TooDifferent,
}

/// Joins the changes that lead from `base` to `ours` and to `theirs`. Swapping the sides changes nothing.
pub fn merge(base: &[u8], ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>, Refusal> {
    if ours == theirs || theirs == base {
        return Ok(ours.to_vec());
    }
    if ours == base {
        return Ok(theirs.to_vec());
    }
    join_lines([base, ours, theirs], Overlap::Refuse)
}

/// The same for a person who wants to keep both: where both changed the same lines, `ours` come first and `theirs` follow. No
/// marks are put between them.
pub fn merge_both(base: &[u8], ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>, Refusal> {
    join_lines([base, ours, theirs], Overlap::KeepBoth)
}

/// The same where nothing is known that both started from: the lines that both have, once.
pub fn unite(ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>, Refusal> {
    [ours, theirs].into_iter().try_for_each(check)?;
    let mut numbers = HashMap::new();
    let [one, other] = [ours, theirs].map(|text| Lines::new(text, &mut numbers));
    // If they differ too much, they have nothing in common that is worth the search.
    let runs = equal_runs(&one.ids, &other.ids).unwrap_or_default();
    let common: Vec<&[u8]> = runs.iter().flat_map(|run| &one.lines[run.old..run.old + run.length]).copied().collect();
    merge_both(&common.concat(), ours, theirs)
}

/// What to do where both changed the same lines, differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overlap {
    Refuse,
    KeepBoth,
}

fn join_lines(versions: [&[u8]; 3], overlap: Overlap) -> Result<Vec<u8>, Refusal> {
    versions.into_iter().try_for_each(check)?;
    let mut numbers = HashMap::new();
    let [base, ours, theirs] = versions.map(|text| Lines::new(text, &mut numbers));
    let in_ours = counterparts(base.ids.len(), &equal_runs(&base.ids, &ours.ids).ok_or(Refusal::TooDifferent)?);
    let in_theirs = counterparts(base.ids.len(), &equal_runs(&base.ids, &theirs.ids).ok_or(Refusal::TooDifferent)?);
    join([&base, &ours, &theirs], &in_ours, &in_theirs, overlap)
}

fn check(text: &[u8]) -> Result<(), Refusal> {
    if text.len() > MAX_BYTES || text.iter().filter(|byte| **byte == b'\n').count() > MAX_LINES {
        return Err(Refusal::TooLarge);
    }
    if text.contains(&0) || std::str::from_utf8(text).is_err() {
        return Err(Refusal::Binary);
    }
    Ok(())
}

/// A text as lines with their endings, and each line as a number that is equal for equal lines of all texts.
struct Lines<'a> {
    lines: Vec<&'a [u8]>,
    ids: Vec<u32>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8], numbers: &mut HashMap<&'a [u8], u32>) -> Self {
        let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let mut number = |line: &&'a [u8]| {
            let next = numbers.len() as u32;
            *numbers.entry(line).or_insert(next)
        };
        let ids = lines.iter().map(&mut number).collect();
        Lines { lines, ids }
    }
}

/// For each line of the base, which line of the side it is.
fn counterparts(length: usize, runs: &[Run]) -> Vec<Option<u32>> {
    let mut counterparts = vec![None; length];
    for run in runs {
        let lines = counterparts[run.old..run.old + run.length].iter_mut();
        lines.zip(run.new as u32..).for_each(|(counterpart, line)| *counterpart = Some(line));
    }
    counterparts
}

/// Goes from one line that all three share to the next.
fn join(
    versions: [&Lines<'_>; 3],
    in_ours: &[Option<u32>],
    in_theirs: &[Option<u32>],
    overlap: Overlap,
) -> Result<Vec<u8>, Refusal> {
    let mut merged = Vec::with_capacity(
        versions.iter().flat_map(|version| &version.lines).map(|line| line.len()).sum::<usize>() / 3,
    );
    let mut done = [0; 3];
    let shared = in_ours
        .iter()
        .zip(in_theirs)
        .enumerate()
        .filter_map(|(base, (ours, theirs))| Some([base, (*ours)? as usize, (*theirs)? as usize]));
    let end = versions.map(|version| version.lines.len());
    for next in shared.chain([end]) {
        for version in resolve(versions, done, next, overlap)? {
            // Only the end of a text has no line break, and only another side's lines can follow it.
            let lines = &versions[version].lines[done[version]..next[version]];
            if !lines.is_empty() && merged.last().is_some_and(|byte| *byte != b'\n') {
                merged.push(b'\n');
            }
            lines.iter().for_each(|line| merged.extend_from_slice(line));
        }
        if next != end {
            merged.extend_from_slice(versions[0].lines[next[0]]);
        }
        done = next.map(|line| line + 1);
    }
    Ok(merged)
}

/// Which versions' lines stand between two shared lines.
fn resolve(
    versions: [&Lines<'_>; 3],
    from: [usize; 3],
    to: [usize; 3],
    overlap: Overlap,
) -> Result<impl Iterator<Item = usize>, Refusal> {
    let ids = |version: usize| &versions[version].ids[from[version]..to[version]];
    let [base, ours, theirs] = [0, 1, 2].map(ids);
    let chosen = match overlap {
        _ if ours == theirs || theirs == base => [Some(1), None],
        _ if ours == base => [Some(2), None],
        Overlap::KeepBoth => [Some(1), Some(2)],
        Overlap::Refuse => return Err(Refusal::Overlap),
    };
    Ok(chosen.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check_merge(base: &str, ours: &str, theirs: &str, expected: Result<&str, Refusal>) {
        let expected = expected.map(|text| text.as_bytes().to_vec());
        assert_eq!(merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes()), expected);
        assert_eq!(merge(base.as_bytes(), theirs.as_bytes(), ours.as_bytes()), expected);
    }

    #[test]
    fn edits_of_different_lines_are_joined() {
        check_merge("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", Ok("A\nb\nC\n"));
        check_merge("a\nb\nc\n", "a\nb\nc\nd\n", "b\nc\n", Ok("b\nc\nd\n"));
        check_merge("a\nb\n", "x\na\nb\n", "a\nb\ny\n", Ok("x\na\nb\ny\n"));
    }

    #[test]
    fn the_same_edit_on_both_sides_is_applied_once() {
        check_merge("a\nb\nc\n", "a\nX\nc\n", "a\nX\nc\nd\n", Ok("a\nX\nc\nd\n"));
        check_merge("", "a\n", "a\n", Ok("a\n"));
    }

    #[test]
    fn edits_of_the_same_or_neighbouring_lines_are_refused() {
        check_merge("a\n", "b\n", "c\n", Err(Refusal::Overlap));
        check_merge("a\nb\n", "A\nb\n", "a\nB\n", Err(Refusal::Overlap));
        check_merge("a\nb\nc\n", "a\nc\n", "a\nB\nc\n", Err(Refusal::Overlap));
        check_merge("a\n", "a\nx\n", "a\ny\n", Err(Refusal::Overlap));
        check_merge("", "x\n", "y\n", Err(Refusal::Overlap));
    }

    #[test]
    fn a_person_who_wants_both_gets_every_line_of_both() {
        for (base, ours, theirs, expected) in [
            ("a\nb\nc\n", "a\nX\nc\n", "a\nY\nc\n", "a\nX\nY\nc\n"),
            ("a\n", "x", "y", "x\ny"),
            ("", "x\n", "y\n", "x\ny\n"),
            ("a\nb\n", "A\nb\n", "a\nb\nc\n", "A\nb\nc\n"),
            ("a\nb\nc\n", "a\nc\n", "a\nB\nc\n", "a\nB\nc\n"),
            ("a\n", "x\r\n", "y\r\n", "x\r\ny\r\n"),
        ] {
            let merged = merge_both(base.as_bytes(), ours.as_bytes(), theirs.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(merged).unwrap(), expected, "{ours:?} {theirs:?}");
        }
        assert_eq!(merge_both(b"a\n", b"\xff\n", b"b\n"), Err(Refusal::Binary));
    }

    /// Each line stood there twice.
    #[test]
    fn where_nothing_is_known_of_a_beginning_what_both_have_is_there_once() {
        for (ours, theirs, expected) in [
            ("a\nb\nmine\n", "a\nb\n", "a\nb\nmine\n"),
            ("a\nmine\nb\n", "a\ntheirs\nb\n", "a\nmine\ntheirs\nb\n"),
            ("a\nb", "a\nb\nc", "a\nb\nb\nc"),
            ("mine\n", "theirs\n", "mine\ntheirs\n"),
            ("", "theirs\n", "theirs\n"),
            ("same\n", "same\n", "same\n"),
        ] {
            let united = unite(ours.as_bytes(), theirs.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(united).unwrap(), expected, "{ours:?} {theirs:?}");
        }
        assert_eq!(unite(b"\xff\n", b"b\n"), Err(Refusal::Binary));
    }

    #[test]
    fn line_endings_the_last_line_and_the_byte_order_mark_stay_as_they_are() {
        check_merge("a\r\nb\r\nc\r\n", "A\r\nb\r\nc\r\n", "a\r\nb\r\nC\r\n", Ok("A\r\nb\r\nC\r\n"));
        check_merge("a\r\nb\nc\r\n", "A\nb\nc\r\n", "a\r\nb\nc", Ok("A\nb\nc"));
        check_merge("a\nb\nc", "A\nb\nc", "a\nb\nc\n", Ok("A\nb\nc\n"));
        check_merge("a\nb\nc", "A\nb\nc", "a\nb\nc\nd", Ok("A\nb\nc\nd"));
        check_merge("a\nb\nc\n", "\u{feff}a\nb\nc\n", "a\nb\nC\n", Ok("\u{feff}a\nb\nC\n"));
        // A change of all line endings touches every line.
        check_merge("a\nb\nc\n", "a\r\nb\r\nc\r\n", "a\nb\nC\n", Err(Refusal::Overlap));
    }

    #[test]
    fn what_is_not_text_is_refused_unless_there_is_nothing_to_merge() {
        let table: [&[u8]; 3] = [b"a\0b\n", b"\xff\n", b"caf\xe9\n"];
        for binary in table {
            assert_eq!(merge(b"a\n", binary, b"b\n"), Err(Refusal::Binary));
            assert_eq!(merge(b"a\n", b"b\n", binary), Err(Refusal::Binary));
            assert_eq!(merge(binary, b"a\n", b"b\n"), Err(Refusal::Binary));
            assert_eq!(merge(b"a\n", binary, b"a\n"), Ok(binary.to_vec()));
            assert_eq!(merge(b"a\n", binary, binary), Ok(binary.to_vec()));
        }
    }

    #[test]
    fn what_would_take_too_long_is_refused() {
        let lines =
            |range: std::ops::Range<u32>| range.map(|line| format!("{line}\n")).collect::<String>().into_bytes();
        assert_eq!(
            merge(&lines(0..20_000), &lines(20_000..40_000), &lines(40_000..60_000)),
            Err(Refusal::TooDifferent)
        );
        assert_eq!(merge(&lines(0..9), &lines(0..200_001), &lines(1..9)), Err(Refusal::TooLarge));
    }

    fn text() -> impl Strategy<Value = String> {
        let line = prop_oneof![Just("a"), Just("b"), Just("c"), Just("d"), Just("e"), Just("")];
        let ending = prop_oneof![4 => Just("\n"), 1 => Just("\r\n")];
        let lines = prop::collection::vec((line, ending), 0..12);
        (lines, any::<bool>()).prop_map(|(lines, is_complete)| {
            let text: String = lines.into_iter().flat_map(|(line, ending)| [line, ending]).collect();
            if is_complete { text } else { text.trim_end_matches(['\r', '\n']).to_owned() }
        })
    }

    /// Edits of a text whose lines are all different, so that each line can be told where it came from.
    fn edits() -> impl Strategy<Value = (Vec<String>, Vec<String>, Vec<String>)> {
        let edit = prop::collection::vec(prop_oneof![20 => Just(0), 1 => Just(1), 1 => Just(2), 1 => Just(3)], 12);
        let apply = |side: &'static str, edit: Vec<u8>| {
            edit.into_iter().enumerate().flat_map(move |(line, kind)| match kind {
                0 => vec![format!("{line}\n")],
                1 => vec![],
                2 => vec![format!("{line} {side}\n")],
                _ => vec![format!("new {line} {side}\n"), format!("{line}\n")],
            })
        };
        (edit.clone(), edit).prop_map(move |(ours, theirs)| {
            let base = (0..12).map(|line| format!("{line}\n")).collect();
            (base, apply("ours", ours).collect(), apply("theirs", theirs).collect())
        })
    }

    proptest! {
        #[test]
        fn an_unchanged_side_gives_the_other(base in text(), edited in text()) {
            prop_assert_eq!(merge(base.as_bytes(), base.as_bytes(), edited.as_bytes()), Ok(edited.clone().into_bytes()));
            prop_assert_eq!(merge(base.as_bytes(), edited.as_bytes(), edited.as_bytes()), Ok(edited.into_bytes()));
        }

        #[test]
        fn swapping_the_sides_changes_nothing(base in text(), ours in text(), theirs in text()) {
            let merged = merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes());
            prop_assert_eq!(merged, merge(base.as_bytes(), theirs.as_bytes(), ours.as_bytes()));
        }

        #[test]
        fn a_merge_has_every_line_that_one_side_added_and_none_that_one_deleted((base, ours, theirs) in edits()) {
            let [base_text, our_text, their_text] = [&base, &ours, &theirs].map(|lines| lines.concat());
            if let Ok(merged) = merge(base_text.as_bytes(), our_text.as_bytes(), their_text.as_bytes()) {
                let merged = String::from_utf8(merged).unwrap();
                let merged: Vec<&str> = merged.split_inclusive('\n').collect();
                for line in base.iter().chain(&ours).chain(&theirs) {
                    let (in_ours, in_theirs) = (ours.contains(line), theirs.contains(line));
                    let expected = if base.contains(line) { in_ours && in_theirs } else { in_ours || in_theirs };
                    let count = merged.iter().filter(|merged| *merged == line).count();
                    prop_assert_eq!(count, usize::from(expected), "{:?} in {:?}", line, merged);
                }
            }
        }

        /// A sync that was cut after the merge was written merges again.
        #[test]
        fn merging_the_result_again_changes_nothing((base, ours, theirs) in edits()) {
            let [base, ours, theirs] = [base, ours, theirs].map(|lines| lines.concat().into_bytes());
            if let Ok(merged) = merge(&base, &ours, &theirs) {
                prop_assert_eq!(merge(&base, &merged, &theirs), Ok(merged.clone()));
                prop_assert_eq!(merge(&base, &ours, &merged), Ok(merged));
            }
        }
    }
}
