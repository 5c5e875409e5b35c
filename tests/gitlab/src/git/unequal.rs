//! The difference of two trees, found without entering what is the same on both sides, as git finds it: it costs what changed.
//!
//! libgit2 reads every folder of both trees: of 100,000 files that is 55 ms, also where nothing differs.

use git2::{Diff, DiffOptions, ObjectType, Oid, Repository, Tree, TreeEntry};

/// What libgit2 says of the two trees with these options.
pub fn diff<'r>(
    repository: &'r Repository,
    old: Option<&Tree<'r>>,
    new: Option<&Tree<'r>>,
    options: &mut DiffOptions,
) -> Result<Diff<'r>, git2::Error> {
    let (Some(from), Some(to)) = (old, new) else {
        return repository.diff_tree_to_tree(old, new, Some(options));
    };
    let paths = paths(repository, from, to)?;
    if paths.is_empty() {
        // To libgit2, no path means every path.
        return repository.diff_tree_to_tree(None, None, Some(options));
    }
    // libgit2 holds submodules against paths as if they were patterns.
    if paths.iter().flatten().any(|byte| br"!#\*?[".contains(byte)) {
        return repository.diff_tree_to_tree(old, new, Some(options));
    }
    options.disable_pathspec_match(true);
    for path in paths {
        options.pathspec(path);
    }
    repository.diff_tree_to_tree(old, new, Some(options))
}

/// Files that are not the same on both sides, and folders, with a slash at the end, that are on one side alone.
fn paths(repository: &Repository, old: &Tree<'_>, new: &Tree<'_>) -> Result<Vec<Vec<u8>>, git2::Error> {
    let mut found = Vec::new();
    compare(repository, old, new, b"", &mut found)?;
    Ok(found)
}

fn compare(
    repository: &Repository,
    old: &Tree<'_>,
    new: &Tree<'_>,
    folder: &[u8],
    found: &mut Vec<Vec<u8>>,
) -> Result<(), git2::Error> {
    if old.id() == new.id() {
        return Ok(());
    }
    for entry in new {
        match old.get_name_bytes(entry.name_bytes()) {
            Some(before) if same(&before) == same(&entry) => {}
            Some(before) if is_folder(&before) && is_folder(&entry) => {
                let (before, after) = (repository.find_tree(before.id())?, repository.find_tree(entry.id())?);
                compare(repository, &before, &after, &path(folder, &entry), found)?;
            }
            before => {
                found.push(path(folder, &entry));
                // A file where there is a folder now, or the other way round.
                found.extend(before.map(|before| path(folder, &before)));
            }
        }
    }
    let is_gone = |entry: &TreeEntry<'_>| new.get_name_bytes(entry.name_bytes()).is_none();
    found.extend(old.iter().filter(is_gone).map(|entry| path(folder, &entry)));
    Ok(())
}

fn same(entry: &TreeEntry<'_>) -> (Oid, i32) {
    (entry.id(), entry.filemode_raw())
}

fn is_folder(entry: &TreeEntry<'_>) -> bool {
    entry.kind() == Some(ObjectType::Tree)
}

fn path(folder: &[u8], entry: &TreeEntry<'_>) -> Vec<u8> {
    let end: &[u8] = if is_folder(entry) { b"/" } else { b"" };
    [folder, entry.name_bytes(), end].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use git2::build::TreeUpdateBuilder;
    use git2::{DiffFindOptions, FileMode, Odb};
    use proptest::collection::btree_map;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Files by their paths: a few contents, and a few kinds.
    type Files = BTreeMap<String, (u8, FileMode)>;

    /// Names that git sorts in another order as folders than as files.
    const PLAIN: &[&str] = &["a", "a-b", "a.md", "a0", "b", "ä"];
    /// Such as mean something in a pattern.
    const ODD: &[&str] = &["a", "a-b", "a.md", "b", "*", "[a]", "#b", "!b", "\\b", "?"];

    /// Of two sides.
    fn files() -> impl Strategy<Value = (Files, Files)> {
        let names = prop_oneof![4 => Just(PLAIN), 1 => Just(ODD)];
        names.prop_flat_map(|names| (files_of(names), files_of(names)))
    }

    fn files_of(names: &'static [&'static str]) -> impl Strategy<Value = Files> {
        let path = prop::collection::vec(prop::sample::select(names), 1..4).prop_map(|names| names.join("/"));
        let kinds = vec![FileMode::Blob, FileMode::Blob, FileMode::BlobExecutable, FileMode::Link, FileMode::Commit];
        btree_map(path, (0_u8..4, prop::sample::select(kinds)), 0..24).prop_map(|mut files| {
            // No file where there is a folder.
            let taken: Vec<String> = files.keys().cloned().collect();
            files.retain(|path, _| !taken.iter().any(|other| other.starts_with(&format!("{path}/"))));
            files
        })
    }

    fn tree(repository: &Repository, files: &Files) -> Oid {
        let empty = repository.treebuilder(None).unwrap().write().unwrap();
        let empty = repository.find_tree(empty).unwrap();
        let mut update = TreeUpdateBuilder::new();
        for (path, (content, kind)) in files {
            let id = repository.blob(format!("{content}\n").repeat(9).as_bytes()).unwrap();
            update.upsert(path.as_str(), id, *kind);
        }
        update.create_updated(repository, &empty).unwrap()
    }

    fn told(mut diff: Diff<'_>) -> Vec<String> {
        diff.find_similar(Some(DiffFindOptions::new().renames(true))).unwrap();
        let side = |file: &git2::DiffFile<'_>| format!("{:?} {:?} {}", file.path_bytes(), file.mode(), file.id());
        let delta = |delta: git2::DiffDelta<'_>| {
            format!("{:?} {} {}", delta.status(), side(&delta.old_file()), side(&delta.new_file()))
        };
        diff.deltas().map(delta).collect()
    }

    fn in_memory() -> Repository {
        let objects = Odb::new().unwrap();
        objects.add_new_mempack_backend(1).unwrap();
        Repository::from_odb(objects).unwrap()
    }

    /// One whose only folder is nowhere, with a file beside it.
    fn without_its_folder<'r>(repository: &'r Repository, content: &[u8]) -> Tree<'r> {
        let file = repository.blob(content).unwrap();
        let entry = |head: &str, id: &[u8]| [head.as_bytes(), b"\0", id].concat();
        let tree = [entry("100644 a.md", file.as_bytes()), entry("40000 docs", &[7; 20])].concat();
        let id = repository.odb().unwrap().write(ObjectType::Tree, &tree).unwrap();
        repository.find_tree(id).unwrap()
    }

    /// All 100,000 files were looked at to say that a branch is where it was.
    #[test]
    fn what_is_the_same_on_both_sides_is_not_read() {
        let repository = in_memory();
        let [old, new] = [b"one", b"two"].map(|content| without_its_folder(&repository, content));
        for (from, changed) in [(&new, 0), (&old, 1)] {
            let found = diff(&repository, Some(from), Some(&new), &mut DiffOptions::new()).unwrap();
            assert_eq!(found.deltas().len(), changed);
            assert!(repository.diff_tree_to_tree(Some(from), Some(&new), None).is_err(), "libgit2 reads it");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn it_is_what_libgit2_finds_where_it_looks_at_everything(
            (old, edits) in files(),
            kept in prop::collection::vec(any::<bool>(), 24),
        ) {
            let repository = &in_memory();
            let is_apart = |path: &str, other: &str| !other.starts_with(&format!("{path}/"));
            let kept = old.iter().zip(kept).filter(|(_, kept)| *kept).map(|(file, _)| file);
            let kept = kept.filter(|(path, _)| edits.keys().all(|edit| is_apart(path, edit) && is_apart(edit, path)));
            let new: Files = kept.chain(&edits).map(|(path, file)| (path.clone(), *file)).collect();
            let [old, new] = [old, new].map(|files| repository.find_tree(tree(repository, &files)).unwrap());
            for typechange in [false, true] {
                let [mut whole, mut part] = [DiffOptions::new(), DiffOptions::new()];
                whole.include_typechange(typechange);
                part.include_typechange(typechange);
                let whole = repository.diff_tree_to_tree(Some(&old), Some(&new), Some(&mut whole)).unwrap();
                let found = diff(repository, Some(&old), Some(&new), &mut part).unwrap();
                prop_assert_eq!(told(found), told(whole));
            }
        }
    }
}
