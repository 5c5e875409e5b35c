//! Lists a stretch of the workspace in the order of its paths' bytes.

use std::ops::ControlFlow;

use rustix::fs::FileType;

use super::chain::{Chain, Stop};
use super::folder::{Folder, Thing};
use super::mark::{self, Stat};
use super::read;
use crate::files::{Entry, FileError, HOST_FOLDER, Listing, MOST_ENTRIES, Skipped, Version, WorkspacePath};

/// Where a stretch ends early, so that one full of links stays small.
const MANY_SKIPPED: usize = MOST_ENTRIES;
/// What may lie between two files: past this it is not a workspace but a mistake.
const MOST_SKIPPED: usize = 100_000;

/// Files below `below` after the path `after`.
pub(super) fn list(root: &Folder, below: Option<&WorkspacePath>, after: Option<&str>) -> Result<Listing, FileError> {
    let (folder, prefix) = match below {
        None => (root.clone(), String::new()),
        Some(path) => match Chain::new(root).folder(path) {
            Ok(folder) => (folder, format!("{path}/")),
            Err(Stop::Missing | Stop::File(_)) => return Ok(Listing::default()),
            Err(Stop::Barred(error) | Stop::Failed(error)) => return Err(error),
        },
    };
    let mut walk = Walk { after: after.unwrap_or_default(), listing: Listing::default(), settled: 0, now: mark::now() };
    // Broken off or not: what was found is the stretch.
    _ = walk.folder(&folder, &prefix)?;
    Ok(walk.listing)
}

struct Walk<'a> {
    after: &'a str,
    listing: Listing,
    /// How many of `skipped` lie before the last entry.
    settled: usize,
    now: i128,
}

/// One name of a folder.
struct Found {
    /// With a slash at the end if it is a folder: that is where its files sort.
    place: String,
    name: String,
    what: What,
}

enum What {
    File,
    Folder,
    Skipped(String),
}

type Flow = Result<ControlFlow<()>, FileError>;

impl Walk<'_> {
    fn folder(&mut self, folder: &Folder, prefix: &str) -> Flow {
        for found in self.names(folder, prefix)? {
            let flow = match found.what {
                What::Skipped(reason) => self.skip(found.place, reason)?,
                What::File => self.file(folder, &found)?,
                What::Folder => self.subfolder(folder, &found)?,
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// In order, without those that lie before the stretch.
    fn names(&self, folder: &Folder, prefix: &str) -> Result<Vec<Found>, FileError> {
        let names = folder.names().map_err(|error| cannot("list", prefix, error))?;
        let mut found = Vec::with_capacity(names.len());
        for (name, kind) in names {
            let Some(name) = name.to_str() else {
                let place = format!("{prefix}{}", name.to_string_lossy());
                found.push(Found { place, name: String::new(), what: What::Skipped("its name is not UTF-8".into()) });
                continue;
            };
            if prefix.is_empty() && name == HOST_FOLDER {
                continue;
            }
            found.extend(classify(folder, prefix, name, kind)?);
        }
        found.retain(|one| one.place.as_str() > self.after || self.after.starts_with(&one.place) && one.is_folder());
        found.sort_unstable_by(|one, other| one.place.cmp(&other.place));
        Ok(found)
    }

    fn subfolder(&mut self, folder: &Folder, found: &Found) -> Flow {
        match folder.open(&found.name) {
            Ok(opened) => self.folder(&opened, &found.place),
            // Swapped or gone since it was listed.
            Err(error) => match folder.look(&found.name) {
                Ok(None) => Ok(ControlFlow::Continue(())),
                Ok(Some(Thing::Link)) => self.skip(found.path().to_owned(), LINK.to_owned()),
                _ => Err(cannot("open the folder", found.path(), error)),
            },
        }
    }

    fn file(&mut self, folder: &Folder, found: &Found) -> Flow {
        let failed = |error| cannot("read", &found.place, error);
        match folder.look(&found.name).map_err(failed)? {
            None => Ok(ControlFlow::Continue(())),
            Some(Thing::File(stat)) if stat.is_racy(self.now) => match read::hashed(folder, &found.name) {
                Ok((stat, version)) => self.entry(found, &stat, version),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(ControlFlow::Continue(())),
                Err(error) => Err(failed(error)),
            },
            Some(Thing::File(stat)) => self.entry(found, &stat, stat.version()),
            Some(Thing::Link) => self.skip(found.place.clone(), LINK.to_owned()),
            Some(Thing::Folder | Thing::Special) => self.skip(found.place.clone(), "it keeps changing".to_owned()),
        }
    }

    fn entry(&mut self, found: &Found, stat: &Stat, version: Version) -> Flow {
        if self.listing.entries.len() == MOST_ENTRIES {
            return Ok(self.end_early());
        }
        let path = WorkspacePath::parse(&found.place).map_err(|reason| FileError::unsafe_path(&found.place, reason))?;
        let entry = Entry { path, size: stat.size, version, executable: stat.is_executable() };
        self.listing.entries.push(entry);
        self.settled = self.listing.skipped.len();
        Ok(ControlFlow::Continue(()))
    }

    fn skip(&mut self, path: String, reason: String) -> Flow {
        let skipped = self.listing.skipped.len();
        if skipped >= MANY_SKIPPED && !self.listing.entries.is_empty() {
            return Ok(self.end_early());
        }
        if skipped >= MOST_SKIPPED {
            let source = format!("more than {MOST_SKIPPED} things that cannot be synced lie before it");
            return Err(FileError::storage(format!("cannot list `{path}`"), source));
        }
        self.listing.skipped.push(Skipped { path, reason });
        Ok(ControlFlow::Continue(()))
    }

    /// The next stretch begins after the last entry, so what was skipped since belongs to it.
    fn end_early(&mut self) -> ControlFlow<()> {
        self.listing.more = true;
        self.listing.skipped.truncate(self.settled);
        ControlFlow::Break(())
    }
}

impl Found {
    fn is_folder(&self) -> bool {
        matches!(self.what, What::Folder)
    }

    fn path(&self) -> &str {
        self.place.trim_end_matches('/')
    }
}

const LINK: &str = "it is a symbolic link";

/// None: gone since it was listed.
fn classify(folder: &Folder, prefix: &str, name: &str, kind: Option<FileType>) -> Result<Option<Found>, FileError> {
    let path = format!("{prefix}{name}");
    let name = name.to_owned();
    if let Err(reason) = WorkspacePath::parse(&path) {
        return Ok(Some(Found { place: path, name, what: What::Skipped(reason.to_string()) }));
    }
    let kind = match kind {
        Some(kind) => kind,
        // Some file systems do not say it in the listing.
        None => match folder.look(&name).map_err(|error| cannot("read", &path, error))? {
            None => return Ok(None),
            Some(Thing::File(_)) => FileType::RegularFile,
            Some(Thing::Folder) => FileType::Directory,
            Some(Thing::Link) => FileType::Symlink,
            Some(Thing::Special) => FileType::Unknown,
        },
    };
    Ok(Some(match kind {
        FileType::RegularFile => Found { place: path, name, what: What::File },
        FileType::Directory => Found { place: path + "/", name, what: What::Folder },
        FileType::Symlink => Found { place: path, name, what: What::Skipped(LINK.to_owned()) },
        _ => Found { place: path, name, what: What::Skipped("it is a device, a pipe or a socket".to_owned()) },
    }))
}

fn cannot(verb: &str, path: &str, error: std::io::Error) -> FileError {
    let path = if path.is_empty() { "." } else { path };
    FileError::storage(format!("cannot {verb} `{path}`"), error)
}
