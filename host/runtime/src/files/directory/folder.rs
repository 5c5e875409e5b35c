//! One open folder of the workspace, and what can be done with the names in it.
//!
//! Every function takes a single name, never a path, and none follows a link: a link in the way of a walk is an error of its own
//! kind ([`is_link`]), and a link as the last name is seen as a link. So no check can be undone by swapping a folder for a link
//! behind it. The handles are cap-std's, which refuses `..` and absolute names once more.

use std::ffi::{OsStr, OsString};
use std::io;
use std::io::{Read, Write};
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, OpenOptions, OpenOptionsExt};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps};

use super::mark::Stat;
use super::steps::{Look, Steps};

/// An open folder. Cheap to clone.
#[derive(Clone)]
pub(super) struct Folder {
    dir: Arc<Dir>,
    steps: Steps,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Thing {
    File(Stat),
    Folder,
    Link,
    /// A device, a pipe or a socket.
    Special,
}

impl Folder {
    pub(super) fn new(dir: Dir, steps: Steps) -> Self {
        Self { dir: Arc::new(dir), steps }
    }

    /// None: there is nothing of this name.
    pub(super) fn look(&self, name: &str) -> io::Result<Option<Thing>> {
        self.steps.take_look(Look::Name)?;
        match rustix::fs::statat(&*self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(thing(&stat))),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The folder of this name, never through a link.
    pub(super) fn open(&self, name: &str) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&*self.dir, name, flags, Mode::empty())?;
        Ok(Self::new(Dir::from_std_file(opened.into()), self.steps.clone()))
    }

    /// The file of this name, never through a link, and never waiting for the other end of a pipe.
    pub(super) fn open_file(&self, name: &str) -> io::Result<std::fs::File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&*self.dir, name, flags, Mode::empty())?.into())
    }

    /// All of a file that is expected to be small, or None if there is none.
    pub(super) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let mut file = match self.open_file(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Every name, in no order, with what it is as far as the folder itself knows.
    pub(super) fn names(&self) -> io::Result<Vec<(OsString, Option<FileType>)>> {
        let mut names = Vec::new();
        self.open(".")?.each_name(|name, kind| names.push((name.to_owned(), kind)))?;
        Ok(names)
    }

    /// The same, one by one. Once for each opening: it moves on the place where the handle reads.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn each_name(&self, mut each: impl FnMut(&OsStr, Option<FileType>)) -> io::Result<()> {
        self.steps.take_look(Look::Listing)?;
        // Takes in most folders whole: two calls, the last of which finds nothing.
        let mut buffer: Vec<u8> = Vec::with_capacity(32 << 10);
        let mut names = rustix::fs::RawDir::new(&*self.dir, buffer.spare_capacity_mut());
        while let Some(entry) = names.next() {
            let entry = match entry {
                // It was removed meanwhile.
                Err(rustix::io::Errno::NOENT) => break,
                entry => entry?,
            };
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                each(OsStr::from_bytes(name), Some(entry.file_type()).filter(|kind| *kind != FileType::Unknown));
            }
        }
        Ok(())
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn each_name(&self, mut each: impl FnMut(&OsStr, Option<FileType>)) -> io::Result<()> {
        self.steps.take_look(Look::Listing)?;
        for entry in self.dir.entries()? {
            let entry = entry?;
            each(&entry.file_name(), kind(&entry.file_type()?));
        }
        Ok(())
    }

    /// The group that new files in it get where that is the folder's own and not the process's.
    pub(super) fn group_for_new(&self) -> io::Result<Option<u32>> {
        let stat = rustix::fs::fstat(&*self.dir)?;
        Ok(Mode::from_raw_mode(stat.st_mode).contains(Mode::SGID).then_some(stat.st_gid))
    }

    /// The handle for locks and for syncing a whole file system.
    pub(super) fn handle(&self) -> &Dir {
        &self.dir
    }

    // ---- Changes. Each is a step that may be the last one. ----

    /// A new file with these bytes, this mode and this time of change.
    pub(super) fn create(&self, name: &str, bytes: &[u8], mode: u32, modified: i128) -> io::Result<std::fs::File> {
        self.steps.take()?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode);
        let mut file = self.dir.open_with(name, &options)?.into_std();
        for part in self.halves(bytes) {
            self.steps.take()?;
            file.write_all(part)?;
        }
        let time = timespec(modified);
        rustix::fs::futimens(&file, &Timestamps { last_access: time, last_modification: time })?;
        Ok(file)
    }

    /// So that a test can stop in the middle of a write.
    fn halves<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let middle = if Steps::WRITES_IN_HALVES { bytes.len() / 2 } else { 0 };
        let (first, second) = bytes.split_at(middle);
        [first, second].into_iter().filter(|part| !part.is_empty())
    }

    pub(super) fn set_mode(&self, file: &std::fs::File, mode: u32) -> io::Result<()> {
        self.steps.take()?;
        Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(mode as _))?)
    }

    pub(super) fn make_folder(&self, name: &str, mode: u32) -> io::Result<()> {
        self.steps.take()?;
        self.dir.create_dir_with(name, DirBuilder::new().mode(mode))
    }

    pub(super) fn remove_file(&self, name: &str) -> io::Result<()> {
        self.steps.take()?;
        self.dir.remove_file(name)
    }

    /// Only an empty one.
    pub(super) fn remove_folder(&self, name: &str) -> io::Result<()> {
        self.steps.take()?;
        self.dir.remove_dir(name)
    }

    /// Never onto something: an error of kind `AlreadyExists` then.
    pub(super) fn move_to(&self, name: &str, to: &Self, new_name: &str) -> io::Result<()> {
        self.steps.take()?;
        match rustix::fs::renameat_with(&*self.dir, name, &*to.dir, new_name, RenameFlags::NOREPLACE) {
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
                // The file system (NFS, some FUSE) has no such rename. What is left is to look first.
                if to.look(new_name)?.is_some() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                Ok(rustix::fs::renameat(&*self.dir, name, &*to.dir, new_name)?)
            }
            done => Ok(done?),
        }
    }

    /// Both names change places in one go. An error of kind `Unsupported` where the file system cannot.
    pub(super) fn exchange(&self, name: &str, with: &Self, other_name: &str) -> io::Result<()> {
        self.steps.take()?;
        if !self.steps.can_exchange() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        match rustix::fs::renameat_with(&*self.dir, name, &*with.dir, other_name, RenameFlags::EXCHANGE) {
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
                Err(io::ErrorKind::Unsupported.into())
            }
            done => Ok(done?),
        }
    }

    /// Makes a file's bytes outlast a power cut.
    pub(super) fn sync_file(&self, file: &std::fs::File) -> io::Result<()> {
        self.steps.take_sync()?;
        file.sync_all()
    }

    /// Makes the names in this folder outlast a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.steps.take_sync()?;
        Ok(rustix::fs::fsync(&*self.dir)?)
    }

    /// Makes everything on this file system outlast a power cut.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn sync_file_system(&self) -> io::Result<()> {
        self.steps.take_sync()?;
        Ok(rustix::fs::syncfs(&*self.dir)?)
    }
}

/// Whether a walk failed because a link is in the way.
pub(super) fn is_link(error: &io::Error) -> bool {
    // Linux says ENOTDIR for a link where a folder was asked for, and ELOOP where a file was; BSD also EMLINK.
    [rustix::io::Errno::LOOP, rustix::io::Errno::MLINK]
        .iter()
        .any(|link| error.raw_os_error() == Some(link.raw_os_error()))
}

fn thing(stat: &rustix::fs::Stat) -> Thing {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Thing::File(Stat::from(stat)),
        FileType::Directory => Thing::Folder,
        FileType::Symlink => Thing::Link,
        _ => Thing::Special,
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn kind(kind: &cap_std::fs::FileType) -> Option<FileType> {
    match kind {
        file if file.is_file() => Some(FileType::RegularFile),
        folder if folder.is_dir() => Some(FileType::Directory),
        link if link.is_symlink() => Some(FileType::Symlink),
        _ => None,
    }
}

fn timespec(nanos: i128) -> Timespec {
    let second = 1_000_000_000;
    let part = |value: i128| i64::try_from(value).unwrap_or_default();
    Timespec { tv_sec: part(nanos.div_euclid(second)), tv_nsec: part(nanos.rem_euclid(second)) }
}
