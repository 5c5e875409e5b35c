//! The files of a commit: path, blob id and mode of each, without their contents.
//!
//! Asked in one request with `pagination=none`. A server that does not know it answers a page and says so; then the pages are
//! walked to their end, because what a listing lacks would be taken for deleted.

use std::borrow::Cow;
use std::sync::Arc;

use super::client::Client;
use super::{page, refusal};
use crate::blob::BlobId;
use crate::error::{Code, Error};
use crate::json::{self, Fit, Kind, Take, Unfit};
use crate::ledger::{Ledger, Walk};
use crate::path::RepoPath;
use crate::request::Target;
use crate::tree::{Entry, Mode, Side, Skip, SkipReason, Tree};

const PER_PAGE: &str = "100";
/// Pages of a server without `pagination=none`: 100,000 files, which is also what the memory is good for.
const PAGES: usize = 1_000;

/// A complete listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The files both sides can hold.
    pub tree: Tree,
    /// The others.
    pub skips: Vec<Skip>,
}

/// One request; see above for old servers.
pub fn target(project: u64, commit: &str) -> Target {
    Target::project(project, "repository/tree")
        .query("ref", commit)
        .query("recursive", "true")
        .query("pagination", "none")
        .query("per_page", PER_PAGE)
}

/// All files of this commit. Paths that the ledger knows are not held twice. A commit without any file is rare, and a server in
/// trouble that answers with an empty list is not: it is believed when it is said twice.
pub fn list(client: &Client<'_>, project: u64, commit: &str, known: &Ledger) -> Result<Listing, Error> {
    match walk(client, project, commit, known)? {
        listing if listing.len() == 0 => walk(client, project, commit, known),
        listing => Ok(listing),
    }
}

fn walk(client: &Client<'_>, project: u64, commit: &str, known: &Ledger) -> Result<Listing, Error> {
    let mut listing = Entries { files: Vec::new(), skips: Vec::new(), items: 0, known: known.walk() };
    let mut next = Some(target(project, commit));
    for _ in 0..PAGES {
        let Some(target) = next else { return Ok(listing.finish()) };
        let request = client.get(target);
        let reply = client.send(&request)?;
        let before = listing.items;
        let mut into = Into { entries: &mut listing, item: None };
        json::fill(&mut into, &reply.body).map_err(|_| refusal::not_listing(&request, &reply))?;
        let cursor = page::next(&reply).filter(|_| listing.items > before);
        next = cursor.map(|cursor| paged(project, commit, &cursor)).transpose()?;
    }
    Err(Code::PartialListing.into())
}

fn paged(project: u64, commit: &str, cursor: &str) -> Result<Target, Error> {
    let target = Target::project(project, "repository/tree").query("ref", commit).query("recursive", "true");
    page::resume(target.query("per_page", PER_PAGE), cursor)
}

impl Listing {
    fn len(&self) -> usize {
        self.tree.len() + self.skips.len()
    }
}

/// A listing in the making.
struct Entries<'l> {
    files: Vec<(RepoPath, Entry)>,
    skips: Vec<Skip>,
    /// With the folders: a page may hold nothing else.
    items: usize,
    known: Walk<'l>,
}

impl Entries<'_> {
    /// Made at once, the map takes half of the memory.
    fn finish(self) -> Listing {
        Listing { tree: self.files.into_iter().collect(), skips: self.skips }
    }

    fn add(&mut self, item: &Item<'_>) -> Fit {
        self.items += 1;
        let mode = match (&*item.kind, &*item.mode) {
            ("tree", _) => return Ok(()),
            ("commit", _) => return self.skip(item, SkipReason::Submodule),
            ("blob", "120000") => return self.skip(item, SkipReason::Symlink),
            ("blob", "100755") => Mode::Executable,
            ("blob", _) => Mode::Regular,
            _ => return Err(Unfit),
        };
        let blob: BlobId = item.id.parse().map_err(|_| Unfit)?;
        let path = match self.known.at(&item.path) {
            Some(known) => known.path.clone(),
            None => match RepoPath::parse(&item.path) {
                Ok(path) => path,
                Err(why) => return self.skip(item, SkipReason::UnsafePath(why.to_string().into())),
            },
        };
        self.files.push((path, Entry { blob, mode }));
        Ok(())
    }

    fn skip(&mut self, item: &Item<'_>, reason: SkipReason) -> Fit {
        self.skips.push(Skip { path: Arc::from(&*item.path), side: Side::Branch, reason });
        Ok(())
    }
}

#[derive(Default)]
struct Item<'a> {
    id: Cow<'a, str>,
    kind: Cow<'a, str>,
    path: Cow<'a, str>,
    mode: Cow<'a, str>,
}

json::object!(Item<'a> { id, kind as "type", path, mode; });

/// Reads entries straight into a listing: a list of 100,000 of them would not fit beside it.
struct Into<'e, 'l, 'a> {
    entries: &'e mut Entries<'l>,
    /// None outside of the list.
    item: Option<Item<'a>>,
}

impl<'a> Take<'a> for Into<'_, '_, 'a> {
    fn opens(&mut self, kind: Kind) -> Fit {
        match kind {
            Kind::List if self.item.is_none() => self.item = Some(Item::default()),
            Kind::Object if self.item.is_some() => {}
            _ => return Err(Unfit),
        }
        Ok(())
    }

    fn names(&self) -> &'static json::Names {
        self.item.names()
    }

    fn field(&mut self, name: &str, at: Option<usize>) -> Option<&mut dyn Take<'a>> {
        self.item.field(name, at)
    }

    fn entry(&mut self) -> Option<&mut dyn Take<'a>> {
        Some(self)
    }

    fn closes(&mut self, kind: Kind) -> Fit {
        match &self.item {
            Some(item) if kind == Kind::Object => self.entries.add(item),
            _ => Ok(()),
        }
    }
}
