//! Contents of files by their blob ids.
//!
//! Decided here: how many are fetched at a time, since a tree does not say how large they are; and that every content is checked
//! against its id, so that nothing on the way can change a byte of it.

use super::client::Client;
use super::refusal;
use crate::blob::BlobId;
use crate::error::{Code, Error};
use crate::host::HttpError;
use crate::request::{Request, Target};
use crate::sorted::{Map, Set};

/// Contents by id.
pub type Contents = Map<BlobId, Vec<u8>>;

/// One content as it is.
pub fn raw(project: u64, id: &BlobId) -> Target {
    Target::project(project, "repository/blobs").part(&id.to_string()).fixed("raw")
}

/// How many contents to fetch next: so many that about this much is held, judged by what came before.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    next: usize,
}

impl Pace {
    /// Held at a time; far below the 96 MiB of memory that a call has.
    const BYTES: usize = 6 * 1024 * 1024;
    const FIRST: usize = 8;
    const MOST: usize = 100;

    /// A careful start.
    pub fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// For the next request.
    pub fn next(self) -> usize {
        self.next
    }

    /// Learns from what `count` contents weighed together. Grows by at most four, shrinks at once.
    pub fn learn(&mut self, count: usize, bytes: usize) {
        let average = (bytes / count.max(1)).max(1);
        self.next = (Self::BYTES / average).clamp(1, self.next * 4).min(Self::MOST);
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

/// The contents of these ids, several requests at once. What GitLab has no more, after a rewritten history, is left out.
pub fn fetch(client: &Client<'_>, project: u64, ids: &[BlobId]) -> Result<Contents, Error> {
    match fetch_some(client, project, ids)? {
        (contents, later) if later.is_empty() => Ok(contents),
        _ => Err(refusal::unreachable(client.instance, &HttpError::NoRoom)),
    }
}

/// The same, and the ids for which there was no room beside the others.
pub fn fetch_some(client: &Client<'_>, project: u64, ids: &[BlobId]) -> Result<(Contents, Set<BlobId>), Error> {
    let requests: Vec<Request> = ids.iter().map(|id| client.get(raw(project, id))).collect();
    let outcomes = client.send_all(&requests);
    if outcomes.len() != ids.len() {
        return Err(Error::because(Code::PartialListing, "fewer contents came than were asked for"));
    }
    let (mut contents, mut later) = (Contents::new(), Set::default());
    for ((id, request), outcome) in ids.iter().zip(&requests).zip(outcomes) {
        if outcome == Err(HttpError::NoRoom) {
            later.insert(*id);
            continue;
        }
        let reply = match client.checked(request, outcome) {
            Err(error) if error.code == Code::HistoryRewritten => continue,
            reply => reply?,
        };
        if BlobId::of(&reply.body) != *id {
            return Err(Error::because(
                Code::UnexpectedReply,
                &format!("the content of blob {id} is not what its id says"),
            ));
        }
        contents.insert(*id, reply.body);
    }
    Ok((contents, later))
}
