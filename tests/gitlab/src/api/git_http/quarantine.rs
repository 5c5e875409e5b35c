//! What a push brings, looked at before git takes it: its objects lie in a folder of their own beside the repository, as git's own
//! quarantine has them, and go away with it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use git2::{Oid, Repository};

use super::push::Line;
use crate::app::App;
use crate::events::ZERO_ID;
use crate::push_rules::{self, Arrival, Way};
use crate::world::projects::Project;
use crate::world::users::User;

/// Why what is pushed is refused by what is in it, if it is. Blocks.
pub(super) fn judge(
    app: &App,
    project: &Project,
    user: &User,
    lines: &[Line],
    options: &[String],
    input: &[u8],
) -> std::io::Result<Option<String>> {
    if !push_rules::guards(project) {
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let path = app.repositories.path(project.id);
    unpack(&path, folder.path(), input)?;
    let judged = || -> Result<Option<String>, git2::Error> {
        let repository = Repository::open_bare(&path)?;
        repository.odb()?.add_disk_alternate(&folder.path().display().to_string())?;
        for (line, branch) in lines.iter().filter_map(|line| Some((line, line.branch()?))) {
            if line.after() == ZERO_ID {
                continue;
            }
            let arrival = Arrival { project, user, branch, way: Way::Git(options) };
            let refusal = push_rules::refusal(app, &repository, &arrival, Oid::from_str(line.after())?)?;
            if refusal.is_some() {
                return Ok(refusal);
            }
        }
        Ok(None)
    };
    judged().map_err(std::io::Error::other)
}

/// A push that only deletes or moves has no pack.
fn unpack(repository: &Path, into: &Path, input: &[u8]) -> std::io::Result<()> {
    const FLUSH_AND_PACK: &[u8] = b"0000PACK";
    let Some(at) = input.windows(FLUSH_AND_PACK.len()).position(|bytes| bytes == FLUSH_AND_PACK) else {
        return Ok(());
    };
    let mut git = Command::new("git");
    git.args(["index-pack", "--stdin", "--fix-thin"]).current_dir(repository);
    git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_DIR", repository);
    git.env("GIT_OBJECT_DIRECTORY", into).env("GIT_ALTERNATE_OBJECT_DIRECTORIES", repository.join("objects"));
    let mut child = git.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&input[at + 4..])?;
    }
    if child.wait()?.success() { Ok(()) } else { Err(std::io::Error::other("the pack is broken")) }
}
