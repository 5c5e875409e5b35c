//! The Rust sources of the workspace, for tests that hold documents against them.

use super::wit::workspace;
use std::path::{Path, PathBuf};

/// Where tests are.
const FOLDERS: [&str; 6] =
    ["tests/suite/tests", "plugin/src", "plugin/tests", "host/runtime/src", "host/runtime/tests", "host/app/tests"];

/// The Rust files below a folder.
pub(crate) fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = vec![];
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// Names of tests that a document puts between backticks, and that no file has. The words of `macro_rules!` count as a name, too.
pub(crate) fn missing_tests(document: &str) -> Vec<String> {
    let texts: Vec<_> = FOLDERS.iter().flat_map(|folder| sources(&workspace().join(folder))).collect();
    let is_there = |name: &str| {
        let spellings = [format!("fn {name}("), format!(" {name} ")];
        texts.iter().any(|(_, text)| spellings.iter().any(|spelling| text.contains(spelling)))
    };
    let quoted = document.split('`').skip(1).step_by(2);
    quoted.filter(|name| !is_there(name)).map(String::from).collect()
}
