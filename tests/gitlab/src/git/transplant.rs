//! Bringing a commit with all it needs from one repository into another, without any reference to it.

use std::io::Write;
use std::path::Path;

use git2::{Oid, Repository};

use super::refs;

/// The commit that `revision` names in the repository at `from`, after it was brought here. Nothing when it names none.
pub fn bring(here: &Repository, from: &Path, revision: &str) -> Result<Option<Oid>, git2::Error> {
    let there = Repository::open_bare(from)?;
    let Some(id) = refs::commit(&there, revision).map(|commit| commit.id()) else { return Ok(None) };
    if here.find_commit(id).is_ok() {
        return Ok(Some(id));
    }
    let mut walk = there.revwalk()?;
    walk.push(id)?;
    // What both have needs no second copy.
    for (_, tip) in refs::branches(here)? {
        let _ = walk.hide(tip);
    }
    let mut pack = there.packbuilder()?;
    pack.insert_walk(&mut walk)?;
    let store = here.odb()?;
    let mut writer = store.packwriter()?;
    pack.foreach(|bytes| writer.write_all(bytes).is_ok())?;
    writer.commit()?;
    Ok(Some(id))
}
