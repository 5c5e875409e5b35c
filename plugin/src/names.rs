//! Whether new paths can live beside those that a side holds already, and beside each other.
//!
//! Two paths clash if they fold alike (see `fold`) and differ in spelling, or if one needs a folder where the other is a file.
//! Folders count as much as files: `Docs/a.md` and `docs/b.md` clash, because a platform that folds would put both into one
//! folder and give the first spelling back for both. What stands already wins over what is new; of two new paths, the first in
//! byte order. Which paths stand and which are new is decided in `plan`.
//!
//! Costs one hash per folder and file, and no copy of any name: the folded form exists only where two hashes are equal.

use crate::fold::{fold, folds_alike};
use crate::path::{self, RepoPath};
use crate::tree::SkipReason;

/// The new names of one side, to be asked about others.
pub(crate) struct NewNames<'a> {
    paths: Vec<&'a RepoPath>,
    /// Every file and every folder once, in order of their hashes.
    names: Vec<Name>,
}

/// The names of one hash.
pub(crate) struct Alike<'a> {
    pub(crate) hash: u64,
    /// How many of them are files.
    pub(crate) files: usize,
    /// How many are folders.
    pub(crate) folders: usize,
    /// The one folder that they are, where they are nothing else.
    pub(crate) folder: Option<&'a str>,
}

/// The first `end` bytes of a path: a folder, or with all of its bytes the file.
#[derive(Clone, Copy)]
struct Name {
    hash: u64,
    owner: u32,
    end: u32,
}

/// A new path that cannot be, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Clash {
    /// Its index in the paths given to `NewNames::new`.
    pub(crate) index: usize,
    pub(crate) reason: SkipReason,
}

impl<'a> NewNames<'a> {
    /// `paths` in byte order.
    pub(crate) fn new(paths: Vec<&'a RepoPath>) -> Self {
        let mut names = Vec::with_capacity(paths.len() * 2);
        let mut previous = "";
        for (owner, path) in paths.iter().enumerate() {
            each_new_name(previous, path, |end, hash| names.push(Name { hash, owner: owner as u32, end: end as u32 }));
            previous = path;
        }
        names.sort_unstable_by_key(|name| (name.hash, name.owner, name.end));
        NewNames { paths, names }
    }

    /// All of them by their hashes, in order of these.
    pub(crate) fn alike(&self) -> impl Iterator<Item = Alike<'a>> {
        self.names.chunk_by(|one, other| one.hash == other.hash).map(|alike| {
            let files = alike.iter().filter(|name| self.is_file(**name)).count();
            let folder = Some(self.text(alike[0])).filter(|_| alike.len() == 1 && files == 0);
            Alike { hash: alike[0].hash, files, folders: alike.len() - files, folder }
        })
    }

    /// Clashes of the new paths with each other.
    pub(crate) fn among_themselves(&self) -> Vec<Clash> {
        let mut clashes = Vec::new();
        for alike in self.names.chunk_by(|one, other| one.hash == other.hash) {
            for (count, name) in alike.iter().enumerate() {
                let earlier = alike[..count].iter().find(|earlier| self.clash(**earlier, *name));
                if let Some(earlier) = earlier {
                    let reason = reason(self.text(*earlier), self.text(*name), self.paths[earlier.owner as usize]);
                    self.refuse(*name, &reason, &mut clashes);
                }
            }
        }
        clashes
    }

    /// Clashes with paths that stand already, in any order. What stands under an unsafe name is not a [`RepoPath`], so that
    /// there can be no clash with it.
    pub(crate) fn with_standing<'b>(&self, standing: impl Iterator<Item = &'b RepoPath>) -> Vec<Clash> {
        let mut clashes = Vec::new();
        self.each_alike(standing, |name, standing, end| {
            let text = &standing[..end];
            let is_same_kind = (end == standing.len()) == self.is_file(name);
            if is_same_kind && text == self.text(name) {
                return;
            }
            self.refuse(name, &reason(text, self.text(name), standing), &mut clashes);
        });
        clashes
    }

    /// Indexes of the new paths that need a folder where one of these is a file, or the reverse: their turn comes only once
    /// it has gone.
    pub(crate) fn waiting_for<'b>(&self, going: impl Iterator<Item = &'b RepoPath>) -> Vec<usize> {
        let mut waiting = Vec::new();
        self.each_alike(going, |name, going, end| {
            if (end == going.len()) != self.is_file(name) {
                waiting.extend(self.indexes(name));
            }
        });
        waiting
    }

    fn each_alike<'b>(
        &self,
        paths: impl Iterator<Item = &'b RepoPath>,
        mut found: impl FnMut(Name, &'b RepoPath, usize),
    ) {
        let mut previous: &str = "";
        for path in paths {
            each_new_name(previous, path, |end, hash| {
                let first = self.names.partition_point(|name| name.hash < hash);
                let alike = self.names[first..].iter().take_while(|name| name.hash == hash);
                for name in alike.filter(|name| folds_alike(self.text(**name), &path[..end])) {
                    found(*name, path, end);
                }
            });
            previous = path;
        }
    }

    fn clash(&self, one: Name, other: Name) -> bool {
        let is_same = self.text(one) == self.text(other) && self.is_file(one) == self.is_file(other);
        !is_same && folds_alike(self.text(one), self.text(other))
    }

    fn refuse(&self, name: Name, reason: &SkipReason, clashes: &mut Vec<Clash>) {
        clashes.extend(self.indexes(name).map(|index| Clash { index, reason: reason.clone() }));
    }

    /// The path of a file; all paths below a folder, which are neighbours in byte order.
    fn indexes(&self, name: Name) -> impl Iterator<Item = usize> + use<'_, 'a> {
        let (first, folder) = (name.owner as usize, self.text(name));
        let is_file = self.is_file(name);
        let below = move |path: &RepoPath| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let count = self.paths[first..].iter().take_while(|path| !is_file && below(path)).count();
        first..first + count.max(1)
    }

    fn text(&self, name: Name) -> &'a str {
        let path: &'a RepoPath = self.paths[name.owner as usize];
        &path.as_str()[..name.end as usize]
    }

    fn is_file(&self, name: Name) -> bool {
        self.paths[name.owner as usize].len() == name.end as usize
    }
}

fn reason(standing: &str, new: &str, owner: &RepoPath) -> SkipReason {
    if standing == new { SkipReason::DirectoryAgainstFile(owner.clone()) } else { SkipReason::Collision(owner.clone()) }
}

/// Calls `found` with the end and the hash of each folder of `path` that `previous` is not in, and of the file.
fn each_new_name(previous: &str, path: &str, mut found: impl FnMut(usize, u64)) {
    let shared = path::shared(previous, path);
    let (mut hash, mut at) = (FNV_OFFSET, 0);
    // By bytes where they are characters: to decode them takes longer than all else.
    while let Some(byte) = path.as_bytes().get(at) {
        if *byte == b'/' && at >= shared {
            found(at, hash);
        }
        let character = match byte.is_ascii() {
            true => char::from(*byte),
            false => path[at..].chars().next().unwrap_or_default(),
        };
        fold(character, &mut |folded| hash = (hash ^ u64::from(folded)).wrapping_mul(FNV_PRIME));
        at += character.len_utf8();
    }
    found(path.len(), hash);
}

/// FNV-1a, by characters. Anyone can make two names of one hash; then they are compared, which is all that happens.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn paths(texts: &[&str]) -> Vec<RepoPath> {
        let mut paths: Vec<_> = texts.iter().map(|text| RepoPath::parse(text).unwrap()).collect();
        paths.sort();
        paths
    }

    fn refused(new: &[&str], standing: &[&str]) -> Vec<String> {
        let (new, standing) = (paths(new), paths(standing));
        let names = NewNames::new(new.iter().collect());
        let clashes = names.among_themselves().into_iter().chain(names.with_standing(standing.iter()));
        let mut refused: Vec<_> = clashes.map(|clash| new[clash.index].to_string()).collect();
        refused.sort();
        refused.dedup();
        refused
    }

    #[test]
    fn new_paths_clash_with_what_stands_and_with_each_other() {
        let table: &[(&[&str], &[&str], &[&str])] = &[
            (&["a.md", "b.md", "x/a.md"], &["c.md", "x/b.md"], &[]),
            (&["readme.md"], &["README.md"], &["readme.md"]),
            (&["docs/a.md", "docs/b.md", "other"], &["Docs/c.md"], &["docs/a.md", "docs/b.md"]),
            (&["a/x.md"], &["a"], &["a/x.md"]),
            (&["a"], &["a/x.md"], &["a"]),
            (&["a/b/c"], &["A/B/d"], &["a/b/c"]),
            (&["A.md", "a.md"], &[], &["a.md"]),
            (&["a", "a/b"], &[], &["a/b"]),
            (&["a", "a-b", "a/b", "a0"], &[], &["a/b"]),
            (&["x\u{e9}"], &["xe\u{301}"], &["x\u{e9}"]),
            (&["Docs/a", "docs/a", "docs/b"], &[], &["docs/a", "docs/b"]),
        ];
        for (new, standing, expected) in table {
            assert_eq!(refused(new, standing), *expected, "{new:?} beside {standing:?}");
        }
    }

    #[test]
    fn a_path_waits_for_a_file_in_the_place_of_its_folder_but_not_for_another_spelling() {
        let (new, going) = (paths(&["a/x", "b", "c"]), paths(&["a", "b/y", "C"]));
        let mut waiting = NewNames::new(new.iter().collect()).waiting_for(going.iter());
        waiting.sort_unstable();
        assert_eq!(waiting, [0, 1]);
    }

    /// By the definition, without any hash.
    fn clash(one: &str, other: &str) -> bool {
        let names = |path: &str| {
            let folders = path.match_indices('/').map(|(end, _)| (path[..end].to_owned(), false));
            folders.chain([(path.to_owned(), true)]).collect::<Vec<_>>()
        };
        let others = names(other);
        names(one).iter().any(|name| others.iter().any(|other| name != other && folds_alike(&name.0, &other.0)))
    }

    proptest! {
        #[test]
        fn clashes_are_found_as_if_every_name_were_compared_with_every_other(
            new in prop::collection::btree_set("[aAb](/[aA\u{e9}]|/e\u{301}){0,2}", 0..8),
            standing in prop::collection::btree_set("[aAb](/[aA\u{e9}]|/e\u{301}){0,2}", 0..8),
        ) {
            let standing: Vec<&str> = standing.iter().map(String::as_str).collect();
            let new: Vec<&str> = new.iter().map(String::as_str).filter(|path| !standing.contains(path)).collect();
            let is_refused = |at: usize| standing.iter().chain(&new[..at]).any(|other| clash(other, new[at]));
            let expected: Vec<_> = (0..new.len()).filter(|at| is_refused(*at)).map(|at| new[at].to_owned()).collect();
            prop_assert_eq!(refused(&new, &standing), expected);
        }
    }
}
