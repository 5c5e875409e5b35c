//! The branch as what it was at the last sync and what has changed since: two requests, however many files there are.
//!
//! Decided here: when this is good enough. Wherever a comparison is not complete, a file cannot be found or anything is not as
//! expected, there is no answer, and the files are listed as on the first day.

use std::sync::Arc;

use crate::attributes;
use crate::gitlab::blob::Contents;
use crate::gitlab::blobs::{self, Batches};
use crate::gitlab::compare::Comparison;
use crate::path::RepoPath;
use crate::remote::Remote;
use crate::session::Session;
use crate::tree::{Entry, Side, Skip, SkipReason};

/// Changed files above which a listing and an archive are the better way.
const MOST: usize = 400;

/// What is known of the branch without listing it.
pub(crate) enum Delta {
    /// Nothing but that it must be listed.
    Unknown,
    /// It has not moved.
    Same,
    /// It has, and this is what it holds; with the contents that came along.
    Moved(Remote, Contents),
}

/// What a comparison with the last sync says of the branch.
pub(crate) fn of(session: &Session<'_>, compared: Option<Comparison>) -> Delta {
    match compared {
        Some(Comparison::Same) => Delta::Same,
        Some(Comparison::Moved { head, present, gone, history, .. }) => match moved(session, head, &present, &gone) {
            Some((remote, contents)) => Delta::Moved(Remote { history, ..remote }, contents),
            None => Delta::Unknown,
        },
        Some(Comparison::Unlisted(_)) | None => Delta::Unknown,
    }
}

fn moved(session: &Session<'_>, head: String, present: &[String], gone: &[String]) -> Option<(Remote, Contents)> {
    let mut remote = Remote { head: None, ..Remote::assumed(session)? };
    // What is kept in LFS may have changed, and with it what is left alone.
    if present.iter().chain(gone).any(|path| attributes::is_one(path)) {
        return None;
    }
    let mut contents = Contents::new();
    for path in gone {
        remote.tree.remove(path.as_str());
    }
    remote.skips.extend(present.iter().filter_map(|path| unsafe_name(path)));
    let is_selected = |path: &&String| RepoPath::parse(path).is_ok_and(|path| session.selection.selects(&path));
    let wanted: Vec<String> = present.iter().filter(is_selected).cloned().collect();
    if wanted.len() > MOST {
        return None;
    }
    let found = blobs::fetch(&session.client, &session.configuration.path, &head, &wanted, &mut Batches::default())?;
    // A path that is there and not found is a submodule, or something we do not understand.
    if found.len() != wanted.len() {
        return None;
    }
    for file in found {
        let path = RepoPath::parse(&file.path).ok()?;
        match file.mode {
            Some(mode) => drop(remote.tree.insert(path, Entry { blob: file.blob, mode })),
            None => {
                remote.tree.remove(path.as_str());
                remote.skips.push(Skip {
                    path: Arc::from(&*file.path),
                    side: Side::Branch,
                    reason: SkipReason::Symlink,
                });
            }
        }
        contents.extend(file.content.map(|content| (file.blob, content)));
    }
    remote.head = Some(head);
    Some((remote, contents))
}

/// What a listing would tell of it.
fn unsafe_name(path: &str) -> Option<Skip> {
    let why = RepoPath::parse(path).err()?;
    Some(Skip { path: Arc::from(path), side: Side::Branch, reason: SkipReason::UnsafePath(why.to_string().into()) })
}
