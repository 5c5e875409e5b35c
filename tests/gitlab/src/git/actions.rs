//! The actions of a commit, applied in order to an in-memory tree, as Gitaly does it: all or nothing.

use std::collections::{BTreeMap, BTreeSet};

use git2::{Oid, Repository, Tree};

use super::edits::{Edit, write_tree};
use super::tree::{EXECUTABLE, FILE, SUBMODULE};

/// One action on one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A new file.
    Create {
        /// Where.
        path: String,
        /// What.
        content: Vec<u8>,
        /// Whether it is a program.
        executable: bool,
    },
    /// New content of an existing file; the mode stays.
    Update {
        /// Where.
        path: String,
        /// What.
        content: Vec<u8>,
    },
    /// Another path; another content too, when one is given.
    Move {
        /// From where.
        from: String,
        /// To where.
        to: String,
        /// New content, or the old one.
        content: Option<Vec<u8>>,
    },
    /// No file any more.
    Delete {
        /// Where.
        path: String,
    },
    /// The executable bit.
    Chmod {
        /// Where.
        path: String,
        /// Set or cleared.
        executable: bool,
    },
    /// Another repository at one of its commits, there or not.
    Submodule {
        /// Where.
        path: String,
        /// At which commit.
        id: Oid,
    },
}

/// Why an action cannot be applied. The texts are Gitaly's, as the API shows them.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// `create` or `move` onto a file.
    #[error("A file with this name already exists")]
    FileExists,
    /// Anything but `create` of a path without a file.
    #[error("A file with this name doesn't exist")]
    NoFile,
    /// No path.
    #[error("You must provide a file path")]
    NoPath,
    /// A path that leaves the repository.
    #[error("Path cannot include directory traversal")]
    Traversal,
    /// A path that git refuses.
    #[error("invalid path: '{0}'")]
    InvalidPath(String),
    /// A file where a directory would have to be.
    #[error("Unknown error performing git operation")]
    FileInTheWay,
    /// The object store.
    #[error("Unknown error performing git operation")]
    Git(#[from] git2::Error),
}

/// Cleans a path as Gitaly does: leading slashes go, `a/./b` is `a/b`.
pub fn clean_path(path: &str) -> Result<String, ActionError> {
    let trimmed = path.trim_start_matches('/');
    if trimmed.is_empty() {
        return Err(ActionError::NoPath);
    }
    let invalid = || ActionError::InvalidPath(trimmed.to_owned());
    let mut parts: Vec<&str> = Vec::new();
    for part in trimmed.split('/') {
        match part {
            "" => return Err(invalid()),
            "." => {}
            ".." => {
                parts.pop().ok_or(ActionError::Traversal)?;
            }
            part if part.eq_ignore_ascii_case(".git") || part.contains('\0') => return Err(invalid()),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { Err(ActionError::NoPath) } else { Ok(parts.join("/")) }
}

/// The directories above a path, outermost first.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// A tree that is being changed: the overlay over what the base tree holds, by path.
struct Draft<'r> {
    repository: &'r Repository,
    base: Option<Tree<'r>>,
    // Files put or taken away since.
    changed: BTreeMap<String, Option<(Oid, i32)>>,
    // Paths where a file took the place of a directory, with all that the base tree has below.
    cleared: BTreeSet<String>,
}

/// Applies actions to a tree and writes the result.
pub fn apply(repository: &Repository, base: Option<Tree<'_>>, actions: &[Action]) -> Result<Oid, ActionError> {
    let mut draft = Draft { repository, base, changed: BTreeMap::new(), cleared: BTreeSet::new() };
    for action in actions {
        draft.apply(action)?;
    }
    draft.write()
}

impl Draft<'_> {
    fn apply(&mut self, action: &Action) -> Result<(), ActionError> {
        match action {
            Action::Create { path, content, executable } => {
                let path = clean_path(path)?;
                let mode = if *executable { EXECUTABLE } else { FILE };
                let id = self.repository.blob(content)?;
                self.put(path, id, mode)
            }
            Action::Update { path, content } => {
                let path = clean_path(path)?;
                let (_, mode) = self.file(&path).ok_or(ActionError::NoFile)?;
                let id = self.repository.blob(content)?;
                self.changed.insert(path, Some((id, mode)));
                Ok(())
            }
            Action::Move { from, to, content } => {
                let (from, to) = (clean_path(from)?, clean_path(to)?);
                let (old, mode) = self.file(&from).ok_or(ActionError::NoFile)?;
                let id = match content {
                    Some(content) => self.repository.blob(content)?,
                    None => old,
                };
                // Gitaly takes the old path away first, so a file can move into a directory of its own name.
                self.changed.insert(from, None);
                self.put(to, id, mode)
            }
            Action::Delete { path } => {
                let path = clean_path(path)?;
                self.file(&path).ok_or(ActionError::NoFile)?;
                self.changed.insert(path, None);
                Ok(())
            }
            Action::Chmod { path, executable } => {
                let path = clean_path(path)?;
                let (id, mode) = self.file(&path).ok_or(ActionError::NoFile)?;
                let mode = match (*executable, mode) {
                    (true, _) => EXECUTABLE,
                    (false, EXECUTABLE) => FILE,
                    (false, other) => other,
                };
                self.changed.insert(path, Some((id, mode)));
                Ok(())
            }
            Action::Submodule { path, id } => {
                self.changed.insert(clean_path(path)?, Some((*id, SUBMODULE)));
                Ok(())
            }
        }
    }

    /// The file at a path: not a directory, and not a submodule.
    fn file(&self, path: &str) -> Option<(Oid, i32)> {
        if let Some(changed) = self.changed.get(path) {
            return changed.filter(|(_, mode)| *mode != SUBMODULE);
        }
        let gone = ancestors(path).any(|above| self.cleared.contains(above));
        let base = if gone { None } else { self.base.as_ref() };
        let entry = base?.get_path(std::path::Path::new(path)).ok()?;
        let is_file = entry.filemode() & 0o170_000 != 0o040_000 && entry.filemode() != SUBMODULE;
        is_file.then(|| (entry.id(), entry.filemode()))
    }

    /// Puts a file where no file is. A directory of that name is replaced with all it holds.
    fn put(&mut self, path: String, id: Oid, mode: i32) -> Result<(), ActionError> {
        if self.file(&path).is_some() {
            return Err(ActionError::FileExists);
        }
        if ancestors(&path).any(|above| self.file(above).is_some()) {
            return Err(ActionError::FileInTheWay);
        }
        let prefix = format!("{path}/");
        let below: Vec<String> = self
            .changed
            .range(prefix.clone()..)
            .map(|(known, _)| known.clone())
            .take_while(|known| known.starts_with(&prefix))
            .collect();
        for known in below {
            self.changed.remove(&known);
        }
        self.cleared.insert(path.clone());
        self.changed.insert(path, Some((id, mode)));
        Ok(())
    }

    fn write(self) -> Result<Oid, ActionError> {
        let edits = self.changed.iter().map(|(path, change)| {
            let edit = match change {
                Some((id, mode)) => Edit::Put(*id, *mode),
                None if self.cleared.contains(path) => Edit::RemoveAll,
                None => Edit::RemoveFile,
            };
            (path.as_str(), edit)
        });
        match write_tree(self.repository, self.base.as_ref(), &edits.collect())? {
            Some(id) => Ok(id),
            None => Ok(self.repository.treebuilder(None)?.write()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_or_refused_as_gitaly_does() {
        for (path, expected) in [
            ("a/b", Ok("a/b")),
            ("/a", Ok("a")),
            ("a/./b", Ok("a/b")),
            ("a/../b", Ok("b")),
            ("../b", Err("Path cannot include directory traversal")),
            ("", Err("You must provide a file path")),
            ("a//b", Err("invalid path: 'a//b'")),
            (".git/config", Err("invalid path: '.git/config'")),
        ] {
            let cleaned = clean_path(path).map_err(|error| error.to_string());
            assert_eq!(cleaned.as_deref().map_err(String::as_str), expected, "{path}");
        }
    }

    fn create(path: &str) -> Action {
        Action::Create { path: path.into(), content: path.into(), executable: false }
    }

    fn delete(path: &str) -> Action {
        Action::Delete { path: path.into() }
    }

    fn moved(from: &str, to: &str) -> Action {
        Action::Move { from: from.into(), to: to.into(), content: None }
    }

    /// Applies actions one commit after another and lists what is there.
    fn run(rounds: &[&[Action]]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path()).unwrap();
        let mut id = None;
        for actions in rounds {
            let base = id.map(|id| repository.find_tree(id).unwrap());
            id = Some(apply(&repository, base, actions).map_err(|error| error.to_string())?);
        }
        let tree = repository.find_tree(id.unwrap()).unwrap();
        let entries = super::super::tree::list(&repository, &tree, "", super::super::tree::Depth::Recursive).unwrap();
        Ok(entries.into_iter().filter(|entry| entry.kind == "blob").map(|entry| entry.path).collect())
    }

    type Case<'a> = (&'a [&'a [Action]], Result<&'a [&'a str], &'a str>);

    #[test]
    fn actions_see_what_the_actions_before_them_did() {
        let update = Action::Update { path: "a".into(), content: b"2".to_vec() };
        let table: [Case<'_>; 14] = [
            (&[&[create("a"), update.clone()]], Ok(&["a"])),
            (&[&[create("a"), create("a")]], Err("A file with this name already exists")),
            (&[&[create("a")], &[delete("a"), create("a")]], Ok(&["a"])),
            (&[&[create("a")], &[delete("a"), update]], Err("A file with this name doesn't exist")),
            (&[&[create("a")], &[moved("a", "b"), moved("b", "c")]], Ok(&["c"])),
            (&[&[create("d/a"), create("d/b")], &[create("d")]], Ok(&["d"])),
            (&[&[create("d")], &[create("d/a")]], Err("Unknown error performing git operation")),
            (&[&[create("d")], &[delete("d"), create("d/a")]], Ok(&["d/a"])),
            (&[&[create("d")], &[moved("d", "d/a")]], Ok(&["d/a"])),
            (&[&[create("d/e/a"), create("x")], &[delete("d/e/a")]], Ok(&["x"])),
            (&[&[create("d/a")], &[moved("d", "e")]], Err("A file with this name doesn't exist")),
            (&[&[create("a")], &[delete("a")]], Ok(&[])),
            (&[&[create("d/a"), create("x")], &[create("d"), delete("d")]], Ok(&["x"])),
            (&[&[create("d/a")], &[create("d"), delete("d"), create("d/b")]], Ok(&["d/b"])),
        ];
        for (index, (rounds, expected)) in table.iter().enumerate() {
            let got = run(rounds);
            let got = got.as_ref().map(|paths| paths.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(
                got.as_deref().map_err(|error| error.as_str()),
                expected.as_ref().map(|p| *p).map_err(|e| *e),
                "case {index}"
            );
        }
    }

    /// What the engine should do, on a plain map of paths.
    fn model(files: &mut BTreeMap<String, String>, action: &Action) -> Result<(), ()> {
        let put = |files: &mut BTreeMap<String, String>, path: &str, content: String| {
            let blocked = files.keys().any(|known| path == known || path.starts_with(&format!("{known}/")));
            if blocked {
                return Err(());
            }
            files.retain(|known, _| !known.starts_with(&format!("{path}/")));
            files.insert(path.to_owned(), content);
            Ok(())
        };
        match action {
            Action::Create { path, content, .. } => put(files, path, String::from_utf8_lossy(content).into_owned()),
            Action::Delete { path } => files.remove(path).map(|_| ()).ok_or(()),
            Action::Move { from, to, .. } => {
                let content = files.remove(from).ok_or(())?;
                put(files, to, content)
            }
            Action::Update { .. } | Action::Chmod { .. } | Action::Submodule { .. } => Ok(()),
        }
    }

    fn any_action() -> impl proptest::strategy::Strategy<Value = Action> {
        use proptest::prelude::*;
        let path = || proptest::sample::select(vec!["a", "a/b", "a/b/c", "a/x", "b", "b/c"]);
        prop_oneof![
            path().prop_map(create),
            path().prop_map(delete),
            (path(), path()).prop_map(|(from, to)| moved(from, to)),
        ]
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 60, failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_sequence_of_actions_ends_where_a_plain_map_of_paths_ends(
            rounds in proptest::collection::vec(proptest::collection::vec(any_action(), 1..6), 1..4)
        ) {
            let folder = tempfile::tempdir().unwrap();
            let repository = Repository::init_bare(folder.path()).unwrap();
            let (mut id, mut files) = (None, BTreeMap::new());
            for actions in &rounds {
                let base = id.map(|id| repository.find_tree(id).unwrap());
                let mut wanted = files.clone();
                let expected: Result<Vec<()>, ()> = actions.iter().map(|action| model(&mut wanted, action)).collect();
                match apply(&repository, base, actions) {
                    Ok(tree) => {
                        proptest::prop_assert!(expected.is_ok());
                        (id, files) = (Some(tree), wanted);
                    }
                    Err(_) => proptest::prop_assert!(expected.is_err()),
                }
            }
            let Some(id) = id else { return Ok(()) };
            let tree = repository.find_tree(id).unwrap();
            let entries = super::super::tree::list(&repository, &tree, "", super::super::tree::Depth::Recursive).unwrap();
            let mut got = BTreeMap::new();
            for entry in entries.iter().filter(|entry| entry.kind == "blob") {
                let blob = repository.find_blob(Oid::from_str(&entry.id).unwrap()).unwrap();
                got.insert(entry.path.clone(), String::from_utf8_lossy(blob.content()).into_owned());
            }
            proptest::prop_assert_eq!(got, files);
            // No empty directories are left behind.
            let directories = entries.iter().filter(|entry| entry.kind == "tree");
            for directory in directories {
                let prefix = format!("{}/", directory.path);
                proptest::prop_assert!(entries.iter().any(|entry| entry.path.starts_with(&prefix)));
            }
        }
    }
}
