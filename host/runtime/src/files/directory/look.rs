//! Looks at single paths: one look for each file and one open for each new folder on the way, whatever else is there.

use std::io;

use super::chain::{Chain, Stop};
use super::folder::{Folder, Thing};
use super::mark::Clock;
use super::read;
use crate::files::{Entry, FileError, WorkspacePath, look::bounded};

/// The file at each path, as a walk tells of it. None: a walk tells of no file there.
pub(super) fn look(root: &Folder, paths: &[WorkspacePath]) -> Result<Vec<Option<Entry>>, FileError> {
    bounded(paths)?;
    let (mut chain, clock) = (Chain::new(root), Clock::read(root.handle()));
    let mut found = Vec::with_capacity(paths.len());
    for path in paths {
        found.push(match chain.parent_of(path) {
            Ok(folder) => one(&folder, path, &clock)
                .map_err(|error| FileError::storage(format!("cannot look at `{path}`"), error))?,
            Err(Stop::Missing | Stop::File(_) | Stop::Barred(_)) => None,
            Err(Stop::Failed(error)) => return Err(error),
        });
    }
    Ok(found)
}

fn one(folder: &Folder, path: &WorkspacePath, clock: &Clock) -> io::Result<Option<Entry>> {
    let Some(Thing::File(stat)) = folder.look(path.name())? else { return Ok(None) };
    let (stat, version) = match stat.is_racy(clock) {
        false => (stat, stat.version()),
        true => match read::hashed(folder, path.name()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            hashed => hashed?,
        },
    };
    let executable = stat.is_executable();
    Ok(Some(Entry { path: path.clone(), size: stat.size, version, executable }))
}

#[cfg(test)]
mod tests {
    use super::super::Directory;
    use crate::files::{Workspace, WorkspacePath};
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::{Duration, SystemTime};

    /// Old files and such as were edited a moment ago; links, also on the way, and what is neither file nor folder.
    #[tokio::test]
    async fn a_look_says_of_each_path_what_a_walk_says() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("docs/deep")).unwrap();
        for (path, age) in [("docs/old.md", 60), ("docs/deep/new.md", 0), ("top.md", 60)] {
            fs::write(at(path), path).unwrap();
            let file = fs::File::options().write(true).open(at(path)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        }
        symlink("docs", at("way")).unwrap();
        symlink("docs/old.md", at("link.md")).unwrap();
        symlink("nowhere", at("docs/broken.md")).unwrap();
        drop(std::os::unix::net::UnixListener::bind(at("socket")).unwrap());
        let directory = Directory::open(root.path()).unwrap();
        let asked =
            "docs/deep/new.md docs/old.md top.md docs way/old.md link.md docs/broken.md socket top.md/x none.md";
        let asked: Vec<WorkspacePath> = asked.split(' ').map(|path| WorkspacePath::parse(path).unwrap()).collect();
        loop {
            let listed = directory.list(None, None).await.unwrap().entries;
            assert_eq!(listed.len(), 3, "{listed:?}");
            let expected: Vec<_> =
                asked.iter().map(|path| listed.iter().find(|entry| entry.path == *path).cloned()).collect();
            let seen = directory.look(&asked).await.unwrap();
            // Else one of the files became old in between, and has another version from now on.
            if directory.list(None, None).await.unwrap().entries == listed {
                assert_eq!(seen, expected);
                return;
            }
        }
    }
}
