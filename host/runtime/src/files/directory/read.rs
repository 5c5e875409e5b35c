//! Reads files so that the bytes and the version belong together, also while someone edits them.

use std::fs::File;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

use super::chain::{Chain, Stop};
use super::folder::{Folder, Thing, is_link};
use super::mark::{self, Clock, Seen, Stat};
use crate::files::{Content, FileError, MOST_FILE_BYTES, MOST_READ_BYTES, Version, WorkspacePath};

/// How often a file may change under the reader.
const TRIES: usize = 5;

/// The contents, in the order asked.
pub(super) fn read(root: &Folder, paths: &[WorkspacePath]) -> Result<Vec<Content>, FileError> {
    let limit = if paths.len() == 1 { MOST_FILE_BYTES } else { MOST_READ_BYTES };
    let clock = Clock::read(root.handle());
    let mut chain = Chain::new(root);
    let mut left = limit;
    let mut contents = Vec::with_capacity(paths.len());
    for path in paths {
        let folder = chain.parent_of(path).map_err(|stop| match stop {
            Stop::Missing | Stop::File(_) => FileError::NotFound(path.clone()),
            Stop::Barred(error) | Stop::Failed(error) => error,
        })?;
        let content = one(&folder, path, left, &clock)?.ok_or(FileError::TooLarge { limit })?;
        left -= content.bytes.len() as u64;
        contents.push(content);
    }
    Ok(contents)
}

/// None: it has more than `most` bytes.
fn one(folder: &Folder, path: &WorkspacePath, most: u64, clock: &Clock) -> Result<Option<Content>, FileError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => FileError::NotFound(path.clone()),
        _ if is_link(&error) => FileError::unsafe_path(path, "it is a symbolic link"),
        _ => FileError::storage(format!("cannot read `{path}`"), error),
    };
    match folder.look(path.name()).map_err(failed)? {
        None | Some(Thing::Folder) => return Err(FileError::NotFound(path.clone())),
        Some(Thing::Special) => return Err(FileError::unsafe_path(path, "it is a device, a pipe or a socket")),
        Some(Thing::Link) => return Err(FileError::unsafe_path(path, "it is a symbolic link")),
        Some(Thing::File(_)) => {}
    }
    let steady = steady(folder, path.name(), |file| {
        let mut bytes = Vec::new();
        file.take(most + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    let (stat, bytes) = steady.map_err(failed)?;
    if bytes.len() as u64 > most {
        return Ok(None);
    }
    let version = if stat.is_racy(clock) { stat.version_with(&mark::digest(&bytes)) } else { stat.version() };
    Ok(Some(Content { path: path.clone(), bytes, version }))
}

/// A racy file and its version.
pub(super) fn hashed(folder: &Folder, name: &str) -> io::Result<(Stat, Version)> {
    let (stat, hash) = steady(folder, name, hash)?;
    Ok((stat, stat.version_with(&hash)))
}

/// The hash of what is in the file now; none if there is no file of that name.
pub(super) fn hash_of(folder: &Folder, name: &str) -> io::Result<Option<String>> {
    match folder.look(name)? {
        Some(Thing::File(_)) => steady(folder, name, hash).map(|(_, hash)| Some(hash)),
        _ => Ok(None),
    }
}

/// What the file is now, if it is of that version.
pub(super) fn of_version(folder: &Folder, name: &str, version: &Version) -> io::Result<Option<Seen>> {
    let Some(Thing::File(stat)) = folder.look(name)? else { return Ok(None) };
    if stat.version() == *version {
        return Ok(Some(Seen { stat, hash: None }));
    }
    if !stat.may_have_been(version) {
        return Ok(None);
    }
    let (now, hash) = steady(folder, name, hash)?;
    let is_it = now == stat && stat.version_with(&hash) == *version;
    Ok(is_it.then_some(Seen { stat, hash: Some(hash) }))
}

/// Reads until the file was the same before and after.
fn steady<T>(folder: &Folder, name: &str, mut read: impl FnMut(&mut File) -> io::Result<T>) -> io::Result<(Stat, T)> {
    for _ in 0..TRIES {
        let mut file = folder.open_file(name)?;
        let before = Stat::of(&file)?;
        let got = read(&mut file)?;
        if Stat::of(&file)? == before {
            return Ok((before, got));
        }
    }
    Err(io::Error::other("it keeps changing"))
}

fn hash(file: &mut File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(mark::short(&hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        }
    }
}
