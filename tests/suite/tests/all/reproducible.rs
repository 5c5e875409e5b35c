//! The component's digest depends on the sources and the compiler alone: whoever builds it gets the bytes that were reviewed.

use crate::support::wit::workspace;
use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::load::digest;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Copies the sources: everything but build output and version control.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let name = entry.file_name();
        let skipped = name == "target" || (name.to_string_lossy().starts_with('.') && name != ".cargo");
        match entry.file_type().unwrap() {
            _ if skipped => {}
            kind if kind.is_dir() => copy(&entry.path(), &to.join(name)),
            _ => drop(fs::copy(entry.path(), to.join(name)).unwrap()),
        }
    }
}

#[test]
fn two_builds_in_two_folders_give_one_digest() {
    let folder = tempfile::tempdir().unwrap();
    let sources = folder.path().join("a folder/elsewhere");
    let target = folder.path().join("output");
    copy(&workspace(), &sources);
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(&sources)
        .args(["build", "--quiet", "--locked", "--package", "gitlab-sync-component"])
        .env("CARGO_TARGET_DIR", &target)
        .status()
        .unwrap();
    assert!(status.success());
    let built = fs::read_dir(target.join("debug/build")).unwrap();
    let built = built.map(|entry| entry.unwrap().path().join("out/gitlab_sync_connector.wasm"));
    let built = fs::read(built.into_iter().find(|path| path.is_file()).unwrap()).unwrap();
    assert_eq!(digest(&built), digest(CONNECTOR));
}

#[test]
fn the_component_holds_no_path_of_the_machine_it_was_built_on() {
    let home = std::env::var("HOME").unwrap_or_default();
    for path in [workspace().display().to_string(), home, ".cargo/registry".into()] {
        let found = CONNECTOR.windows(path.len().max(1)).any(|window| window == path.as_bytes());
        assert!(path.len() < 2 || !found, "`{path}` is in the component");
    }
}
