//! File systems that spell names in a way of their own: some macOS volumes take accents off their letters and give the name back
//! like that.
//!
//! Taken as it is listed, each such file would be renamed in GitLab by the first push. Decided here: a file that is listed under a
//! new spelling is the known one, if the known spelling was not listed, both are one name in two normal forms and in the same
//! case, and the file can be read by the known spelling. The last tells such a file system from a person who renamed the file.
//! Costs nothing where every unknown name is ASCII, and one read for each file in question.

use crate::error::Error;
use crate::fold::fold;
use crate::host::{FileError, Host};
use crate::lower::is_capital;
use crate::path::RepoPath;
use crate::sorted::{Map, Set};

/// For each of the new names the known one that it stands for, if any. `listed` are all others that were listed.
pub(crate) fn known<'a, 'k>(
    host: &dyn Host,
    new: impl Iterator<Item = &'a RepoPath> + Clone,
    listed: impl Iterator<Item = &'a RepoPath>,
    known: impl Iterator<Item = &'k RepoPath>,
) -> Result<Map<RepoPath, RepoPath>, Error> {
    let is_odd = |path: &&RepoPath| !path.is_ascii();
    let mut found = Map::new();
    if !new.clone().any(|path| is_odd(&path)) {
        return Ok(found);
    }
    let listed: Set<&str> = listed.chain(new.clone()).filter(is_odd).map(RepoPath::as_str).collect();
    let missing = known.filter(|path| !path.is_ascii() && !listed.contains(path.as_str()));
    let mut missing: Map<_, _> = missing.map(|path| (letters(path), Some(path))).collect();
    for path in new.filter(is_odd) {
        if let Some(place) = missing.get_mut(&letters(path))
            && let Some(known) = *place
            && can_be_read(host, known)?
        {
            found.insert(path.clone(), known.clone());
            *place = None;
        }
    }
    Ok(found)
}

fn can_be_read(host: &dyn Host, path: &RepoPath) -> Result<bool, Error> {
    match host.read(&[path.to_string()]) {
        Ok(contents) => Ok(!contents.is_empty()),
        Err(FileError::NotFound(_) | FileError::Unsafe(..) | FileError::Changed(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Letters and marks one by one, and of each letter whether it is a capital: equal for the normal forms of one name.
fn letters(path: &str) -> Vec<(char, bool)> {
    let mut letters = Vec::with_capacity(path.len());
    for character in path.chars() {
        let first = letters.len();
        fold(character, &mut |folded| letters.push((folded, is_capital(character) && letters.len() == first)));
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms_have_the_same_letters_and_other_names_have_not() {
        for (one, other, expected) in [
            ("caf\u{e9}.md", "cafe\u{301}.md", true),
            ("\u{c9}t\u{e9}", "E\u{301}te\u{301}", true),
            ("\u{d55c}", "\u{1112}\u{1161}\u{11ab}", true),
            ("\u{c9}t\u{e9}", "e\u{301}te\u{301}", false),
            ("Readme", "readme", false),
            ("cafe", "caf\u{e9}", false),
        ] {
            assert_eq!(letters(one) == letters(other), expected, "{one} {other}");
        }
    }
}
