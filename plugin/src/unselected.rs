//! What the patterns leave out: counted by what the names end in, since a name for each would be a list of a whole repository.
//!
//! Not counted: names that begin with a dot, and what is in folders of such names, which nobody means by a selection of texts.

use crate::order;
use crate::sorted::Map;
use crate::tree::{Skip, SkipReason};

/// Endings that are named; all others are one number.
const MOST_NAMED: usize = 5;
/// Longer ones are no kind of file.
const MOST_LETTERS: usize = 10;

/// Files that no pattern selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unselected {
    /// In small letters, without the dot. None: all others.
    pub ending: Option<String>,
    /// How many.
    pub files: usize,
}

/// The most first, all others last. `skips` are in order; one on both sides is one file.
pub fn count(skips: &[Skip]) -> Vec<Unselected> {
    let (mut named, mut others) = (Map::<String, usize>::new(), 0);
    let mut before = "";
    for skip in skips.iter().filter(|skip| skip.reason == SkipReason::NoPattern) {
        let is_hidden = skip.path.split('/').any(|part| part.starts_with('.'));
        if is_hidden || std::mem::replace(&mut before, &skip.path) == &*skip.path {
            continue;
        }
        match ending(&skip.path) {
            Some(ending) => match named.get_mut(&ending) {
                Some(files) => *files += 1,
                None => drop(named.insert(ending, 1)),
            },
            None => others += 1,
        }
    }
    let mut all: Vec<(usize, &String)> = named.iter().map(|(ending, files)| (*files, ending)).collect();
    order::sort_by(&mut all, |one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
    others += all.iter().skip(MOST_NAMED).map(|(files, _)| files).sum::<usize>();
    all.truncate(MOST_NAMED);
    let named = all.into_iter().map(|(files, ending)| Unselected { ending: Some(ending.clone()), files });
    let others = (others > 0).then_some(Unselected { ending: None, files: others });
    named.chain(others).collect()
}

fn ending(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    let (_, ending) = name.rsplit_once('.')?;
    let is_one = (1..=MOST_LETTERS).contains(&ending.len()) && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_one.then(|| ending.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Side;

    fn counted(paths: &[(&str, Side, SkipReason)]) -> Vec<(String, usize)> {
        let skip = |(path, side, reason): &(&str, Side, SkipReason)| Skip {
            path: (*path).into(),
            side: *side,
            reason: reason.clone(),
        };
        let mut skips: Vec<Skip> = paths.iter().map(skip).collect();
        order::sort(&mut skips);
        let all = count(&skips).into_iter();
        all.map(|it| (it.ending.unwrap_or_else(|| "others".into()), it.files)).collect()
    }

    #[test]
    fn files_are_counted_once_by_what_their_names_end_in() {
        let here = |path| (path, Side::Workspace, SkipReason::NoPattern);
        let there = |path| (path, Side::Branch, SkipReason::NoPattern);
        let found = counted(&[
            here("a.txt"),
            there("a.txt"),
            there("docs/b.TXT"),
            here("Makefile"),
            here("photo.png"),
            here("v1.2-final draft"),
            here(".gitignore"),
            here(".github/x.txt"),
            ("out.txt", Side::Branch, SkipReason::OutsideDirectories),
            ("link.md", Side::Branch, SkipReason::Symlink),
        ]);
        assert_eq!(found, [("txt".into(), 2), ("png".into(), 1), ("others".into(), 2)]);
        assert_eq!(counted(&[]), []);
    }

    #[test]
    fn few_endings_are_named_the_most_first() {
        let names: Vec<String> = (0..8).flat_map(|kind| (0..=kind).map(move |at| format!("{at}.e{kind}"))).collect();
        let all: Vec<_> = names.iter().map(|name| (&**name, Side::Workspace, SkipReason::NoPattern)).collect();
        let found = counted(&all);
        let expected = [("e7", 8), ("e6", 7), ("e5", 6), ("e4", 5), ("e3", 4), ("others", 6)];
        assert_eq!(found, expected.map(|(ending, files)| (ending.to_owned(), files)));
    }
}
