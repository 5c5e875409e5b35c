//! The action engine against tables, and against a plain map of paths.

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
    let entries = crate::git::tree::list(&repository, &tree, "", crate::git::tree::Depth::Recursive).unwrap();
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
        let entries = crate::git::tree::list(&repository, &tree, "", crate::git::tree::Depth::Recursive).unwrap();
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
