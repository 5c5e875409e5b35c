//! Lists a stretch of the workspace in the order of its paths' bytes.

use std::ops::ControlFlow;

use rustix::fs::FileType;

use super::chain::{Chain, Stop};
use super::folder::{Folder, Thing};
use super::mark::{Clock, Stat};
use super::read;
use crate::files::{Entry, FileError, HOST_FOLDER, Listing, MOST_ENTRIES, Skipped, Version, WorkspacePath};

/// Where a stretch ends early, so that one full of links stays small.
const MANY_SKIPPED: usize = MOST_ENTRIES;
/// What may lie between two files: past this it is not a workspace but a mistake.
const MOST_SKIPPED: usize = 100_000;

/// Files below `below` after the path `after`. Folders that lie before it are not opened, so that all stretches together cost
/// what one would.
pub(super) fn list(root: &Folder, below: Option<&WorkspacePath>, after: Option<&str>) -> Result<Listing, FileError> {
    let (folder, prefix) = match below {
        // Opened anew, since a listing moves on the place where a handle reads.
        None => (root.open(".").map_err(|error| cannot("open the folder", "", error))?, String::new()),
        Some(path) => match Chain::new(root).folder(path) {
            Ok(folder) => (folder, format!("{path}/")),
            Err(Stop::Missing | Stop::File(_)) => return Ok(Listing::default()),
            Err(Stop::Barred(error) | Stop::Failed(error)) => return Err(error),
        },
    };
    let after = after.unwrap_or_default();
    let after = match after.strip_prefix(&prefix) {
        Some(after) => after,
        None if *after < *prefix => "",
        None => return Ok(Listing::default()),
    };
    let mut walk = Walk { listing: Listing::default(), settled: 0, clock: Clock::read(folder.handle()) };
    // Broken off or not: what was found is the stretch.
    _ = walk.folder(&folder, &prefix, after)?;
    Ok(walk.listing)
}

struct Walk {
    listing: Listing,
    /// How many of `skipped` lie before the last entry.
    settled: usize,
    clock: Clock,
}

/// One name of a folder.
struct Found {
    /// With a slash at the end if it is a folder: that is where its files sort.
    place: String,
    what: What,
}

enum What {
    File,
    Folder,
    Skipped(String),
}

type Flow = Result<ControlFlow<()>, FileError>;

impl Walk {
    /// `prefix` leads to the folder, `after` is a path in it.
    fn folder(&mut self, folder: &Folder, prefix: &str, after: &str) -> Flow {
        for Found { place, what } in names(folder, prefix, after)? {
            let flow = match what {
                What::Skipped(reason) => self.skip(format!("{prefix}{place}"), reason)?,
                What::File => self.file(folder, prefix, &place)?,
                What::Folder => {
                    self.subfolder(folder, prefix, &place, after.strip_prefix(&place).unwrap_or_default())?
                }
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn subfolder(&mut self, folder: &Folder, prefix: &str, place: &str, after: &str) -> Flow {
        let path = format!("{prefix}{place}");
        match open(folder, &path)? {
            Opened::Folder(opened) => self.folder(&opened, &path, after),
            Opened::Gone => Ok(ControlFlow::Continue(())),
            Opened::Link => self.skip(path.trim_end_matches('/').to_owned(), LINK.to_owned()),
        }
    }

    fn file(&mut self, folder: &Folder, prefix: &str, name: &str) -> Flow {
        let place = || format!("{prefix}{name}");
        let failed = |error| cannot("read", &place(), error);
        match folder.look(name).map_err(failed)? {
            None => Ok(ControlFlow::Continue(())),
            Some(Thing::File(stat)) if stat.is_racy(&self.clock) => match read::hashed(folder, name) {
                Ok((stat, version)) => self.entry(&place(), &stat, version),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(ControlFlow::Continue(())),
                Err(error) => Err(failed(error)),
            },
            Some(Thing::File(stat)) => self.entry(&place(), &stat, stat.version()),
            Some(Thing::Link) => self.skip(place(), LINK.to_owned()),
            Some(Thing::Folder | Thing::Special) => self.skip(place(), CHANGING.to_owned()),
        }
    }

    fn entry(&mut self, path: &str, stat: &Stat, version: Version) -> Flow {
        if self.listing.entries.len() == MOST_ENTRIES {
            return Ok(self.end_early());
        }
        self.listing.entries.push(entry(path, stat, version)?);
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

/// In order, without those that lie before the stretch.
fn names(folder: &Folder, prefix: &str, after: &str) -> Result<Vec<Found>, FileError> {
    let mut found = Vec::new();
    let mut unsure = Vec::new();
    let mut keep = |one: Found| {
        if one.place.as_str() > after || matches!(one.what, What::Folder) && after.starts_with(&one.place) {
            found.push(one);
        }
    };
    let listed = folder.each_name(|name, kind| match (name.to_str(), kind) {
        (None, _) => keep(Found { place: name.to_string_lossy().into(), what: What::Skipped(NO_TEXT.to_owned()) }),
        (Some(HOST_FOLDER), _) if prefix.is_empty() => {}
        (Some(name), None) => unsure.push(name.to_owned()),
        (Some(name), Some(kind)) => keep(classify(prefix, name, kind)),
    });
    listed.map_err(|error| cannot("list", prefix, error))?;
    for name in unsure {
        if let Some(kind) = kind_of(folder, prefix, &name)? {
            keep(classify(prefix, &name, kind));
        }
    }
    found.sort_unstable_by(|one, other| one.place.cmp(&other.place));
    Ok(found)
}

fn classify(prefix: &str, name: &str, kind: FileType) -> Found {
    match fault(prefix, name, kind) {
        Some(reason) => Found { place: name.to_owned(), what: What::Skipped(reason) },
        None if kind == FileType::Directory => Found { place: format!("{name}/"), what: What::Folder },
        None => Found { place: name.to_owned(), what: What::File },
    }
}

/// What a name is where the folder itself does not say it, as on some file systems. None: it is gone.
pub(super) fn kind_of(folder: &Folder, prefix: &str, name: &str) -> Result<Option<FileType>, FileError> {
    let thing = folder.look(name).map_err(|error| cannot("read", &format!("{prefix}{name}"), error))?;
    Ok(thing.map(|thing| match thing {
        Thing::File(_) => FileType::RegularFile,
        Thing::Folder => FileType::Directory,
        Thing::Link => FileType::Symlink,
        Thing::Special => FileType::Unknown,
    }))
}

/// Why what has this name in the folder `prefix`, and is of this kind, cannot be lent.
pub(super) fn fault(prefix: &str, name: &str, kind: FileType) -> Option<String> {
    if let Err(reason) = WorkspacePath::check_name(prefix, name) {
        return Some(reason.to_string());
    }
    match kind {
        FileType::RegularFile | FileType::Directory => None,
        FileType::Symlink => Some(LINK.to_owned()),
        _ => Some("it is a device, a pipe or a socket".to_owned()),
    }
}

/// What a folder is when it comes to opening it.
pub(super) enum Opened {
    Folder(Folder),
    /// Swapped since it was listed.
    Link,
    Gone,
}

/// The folder at the end of `path`, which ends in a slash; the top for none.
pub(super) fn open(parent: &Folder, path: &str) -> Result<Opened, FileError> {
    let name = path.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(".");
    match parent.open(name) {
        Ok(folder) => Ok(Opened::Folder(folder)),
        Err(error) => match parent.look(name) {
            Ok(None) => Ok(Opened::Gone),
            Ok(Some(Thing::Link)) => Ok(Opened::Link),
            _ => Err(cannot("open the folder", path, error)),
        },
    }
}

pub(super) fn entry(path: &str, stat: &Stat, version: Version) -> Result<Entry, FileError> {
    let path = WorkspacePath::parse(path).map_err(|reason| FileError::unsafe_path(path, reason))?;
    Ok(Entry { path, size: stat.size, version, executable: stat.is_executable() })
}

pub(super) const NO_TEXT: &str = "its name is not UTF-8";
pub(super) const LINK: &str = "it is a symbolic link";
pub(super) const CHANGING: &str = "it keeps changing";

pub(super) fn cannot(verb: &str, path: &str, error: std::io::Error) -> FileError {
    let path = if path.is_empty() { "." } else { path.trim_end_matches('/') };
    FileError::storage(format!("cannot {verb} `{path}`"), error)
}
