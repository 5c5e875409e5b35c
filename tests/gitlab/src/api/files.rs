//! The Files API: one file by path, to read in three forms and to write in three verbs.
//!
//! Its refusals differ from those of the Commits API: a protected branch is a 400 here, and the stale texts are other ones.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use git2::Oid;
use http::{HeaderName, StatusCode, header};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{blobs, create_commit};
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::committing::{self, CommitError, GuardedAction, Order, Overwrite, Start};
use crate::error::ApiError;
use crate::git::actions::{Action, clean_path};
use crate::git::tree::EXECUTABLE;
use crate::git::{history, lfs, refs, tree};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::world::access::AccessLevel;
use crate::world::projects::Project;

const READ: Access = Access::scopes(&["api", "read_api", "read_repository", "ai_workflows"], "Repository: Read");
const WRITE: Access = Access::write("Repository: Write");

pub(crate) fn routes() -> Router<Arc<App>> {
    let path = "/api/v4/projects/{id}/repository/files/{file_path}";
    let one = get(endpoint(show)).head(endpoint(head)).post(endpoint(create)).put(endpoint(update));
    Router::new()
        .route(path, one.delete(endpoint(delete)))
        .route(&format!("{path}/raw"), get(endpoint(raw)))
        .route(&format!("{path}/blame"), get(endpoint(blame)))
}

/// One file at one commit.
struct File {
    path: String,
    revision: String,
    blob: Oid,
    commit: Oid,
    last_commit: Oid,
    executable: bool,
    content: Vec<u8>,
}

impl File {
    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    fn sha256(&self) -> String {
        Sha256::digest(&self.content).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The `X-Gitlab-*` headers, which ride on every form.
    fn describe(&self, reply: Reply) -> Reply {
        let pairs = [
            ("x-gitlab-blob-id", self.blob.to_string()),
            ("x-gitlab-commit-id", self.commit.to_string()),
            ("x-gitlab-content-sha256", self.sha256()),
            ("x-gitlab-encoding", "base64".into()),
            ("x-gitlab-file-name", self.name().to_owned()),
            ("x-gitlab-file-path", self.path.clone()),
            ("x-gitlab-last-commit-id", self.last_commit.to_string()),
            ("x-gitlab-ref", self.revision.clone()),
            ("x-gitlab-size", self.content.len().to_string()),
            ("x-gitlab-execute-filemode", self.executable.to_string()),
        ];
        pairs.into_iter().fold(reply, |reply, (name, value)| reply.with(HeaderName::from_static(name), &value))
    }
}

fn valid_path(call: &Call) -> Result<String, ApiError> {
    let path = call.path.get("file_path");
    let invalid = || ApiError::invalid_params("file_path should be a valid file path");
    let traversal = path.split('/').any(|part| part == "..") || path.contains('\0');
    if traversal || path.is_empty() { Err(invalid()) } else { clean_path(path).map_err(|_| invalid()) }
}

fn read(call: &Call, project: &Project, revision: &str) -> Result<File, ApiError> {
    let path = valid_path(call)?;
    call.with_repository(project, |repository| {
        let wanted = if revision == "HEAD" { &project.default_branch } else { revision };
        let commit = refs::commit(repository, wanted).ok_or_else(|| ApiError::not_found("Commit"))?;
        let missing = || ApiError::not_found("File");
        let found = tree::find(&commit.tree()?, &path).ok_or_else(missing)?;
        let blob = repository.find_blob(found.id).map_err(|_| missing())?;
        Ok(File {
            revision: revision.to_owned(),
            blob: found.id,
            commit: commit.id(),
            last_commit: history::last_touching(repository, commit.id(), &path).unwrap_or(commit.id()),
            executable: found.mode == EXECUTABLE,
            content: blob.content().to_vec(),
            path,
        })
    })
}

fn file_of(call: &Call) -> Result<(Project, File), ApiError> {
    let caller = call.caller_or_nobody(READ)?;
    let mut checks = call.params.checks();
    let revision = checks.required("ref");
    checks.finish()?;
    valid_path(call)?;
    let user = caller.as_ref().map(|caller| &caller.user);
    let project = call.project(user)?;
    call.require_code(user, &project)?;
    let file = read(call, &project, &revision)?;
    Ok((project, file))
}

fn show(call: &Call) -> Answer {
    let (project, file) = file_of(call)?;
    blobs::limit_large(call, &project, file.blob, file.content.len())?;
    let reply = Reply::ok(&json!({
        "file_name": file.name(),
        "file_path": file.path,
        "size": file.content.len(),
        "encoding": "base64",
        "content_sha256": file.sha256(),
        "ref": file.revision,
        "blob_id": file.blob.to_string(),
        "commit_id": file.commit.to_string(),
        "last_commit_id": file.last_commit.to_string(),
        "execute_filemode": file.executable,
        "content": STANDARD.encode(&file.content),
    }))?;
    Ok(file.describe(reply))
}

fn head(call: &Call) -> Answer {
    let (project, file) = file_of(call)?;
    blobs::limit_large(call, &project, file.blob, file.content.len())?;
    Ok(file.describe(Reply::bytes("application/json", Vec::new())))
}

fn raw(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let revision = call.params.filled("ref").unwrap_or_else(|| "HEAD".into());
    let mut checks = call.params.checks();
    let wants_lfs = checks.flag("lfs", false);
    checks.finish()?;
    let path = call.path.get("file_path");
    let limit = call.app.world().settings.limits.raw_blob;
    call.limit(&format!("raw_blob:{}:{revision}:{path}", project.id), limit, 60)?;
    let file = read(call, &project, &revision)?;
    let pointer = if wants_lfs { lfs::Pointer::parse(&file.content) } else { None };
    let content = match pointer {
        None => file.content.clone(),
        Some(pointer) => lfs::load(&call.app.repositories.path(project.id), &pointer.oid)
            .ok_or_else(|| ApiError::not_found("LFS Object"))?,
    };
    Ok(file.describe(blobs::inline(content, Some(file.name()))))
}

/// One entry per run of lines with the same last commit.
/// What blame says of a commit: less than everything else does.
const BLAMED: [&str; 9] = [
    "id",
    "parent_ids",
    "message",
    "authored_date",
    "author_name",
    "author_email",
    "committed_date",
    "committer_name",
    "committer_email",
];

fn blame(call: &Call) -> Answer {
    let (project, file) = file_of(call)?;
    let url = super::commits::project_url(&call.app, &project);
    let text = String::from_utf8_lossy(&file.content).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let shown = call.with_repository(&project, |repository| {
        let mut options = git2::BlameOptions::new();
        options.newest_commit(file.commit);
        let blame = repository.blame_file(std::path::Path::new(&file.path), Some(&mut options))?;
        let mut shown = Vec::new();
        for hunk in blame.iter() {
            let commit = repository.find_commit(hunk.final_commit_id())?;
            let from = hunk.final_start_line().saturating_sub(1).min(lines.len());
            let to = (from + hunk.lines_in_hunk()).min(lines.len());
            let mut entity = super::commits::entity(&url, &commit, super::commits::Trailers::Unread);
            if let serde_json::Value::Object(map) = &mut entity {
                map.retain(|key, _| BLAMED.contains(&key.as_str()));
            }
            shown.push(json!({ "commit": entity, "lines": lines[from..to] }));
        }
        Ok(shown)
    })?;
    Ok(file.describe(Reply::ok(&shown)?))
}

/// What the three verbs have in common.
fn write(call: &Call, make: impl FnOnce(String) -> Result<Action, ApiError>) -> Result<(String, String), ApiError> {
    create_commit::guard_body(call, WRITE)?;
    let caller = call.caller(WRITE)?;
    let mut checks = call.params.checks();
    let branch = checks.required("branch");
    let message = checks.required("commit_message");
    let deletes = call.method == http::Method::DELETE;
    if !deletes {
        checks.present("content");
        checks.one_of("encoding", &["text", "base64"]);
    }
    checks.finish()?;
    let path = valid_path(call)?;
    let project = call.project(Some(&caller.user))?;
    call.require_code(Some(&caller.user), &project)?;
    call.require_role(&caller.user, &project, AccessLevel::Developer)?;
    call.require_writable(&project)?;
    let start = call.params.filled("start_branch").map_or(Start::Target, Start::Branch);
    let version = call.app.world().settings.version.clone();
    let guards = !deletes || version.at_least(18, 9);
    let order = Order {
        branch: branch.clone(),
        start,
        overwrite: Overwrite::Refuse,
        message,
        author: (call.params.text("author_name"), call.params.text("author_email")),
        actions: vec![GuardedAction {
            action: make(path.clone())?,
            last_commit_id: call.params.filled("last_commit_id").filter(|_| guards),
        }],
        chain: create_commit::chain(call),
    };
    let stale = if deletes {
        "You are attempting to delete a file that has been previously updated."
    } else {
        "You are attempting to update a file that has changed since you started editing it."
    };
    committing::commit(&call.app, &project, &caller.user, &order).map_err(|error| {
        let text = if matches!(error, CommitError::Stale(_)) { stale.to_owned() } else { error.to_string() };
        ApiError::message(StatusCode::BAD_REQUEST, text)
    })?;
    Ok((path, branch))
}

fn content(call: &Call) -> Result<Vec<u8>, ApiError> {
    let base64 = call.params.text("encoding").as_deref() == Some("base64");
    create_commit::decode(&call.params.text("content").unwrap_or_default(), base64)
}

fn create(call: &Call) -> Answer {
    let executable = call.params.text("execute_filemode").as_deref() == Some("true");
    let (path, branch) = write(call, |path| Ok(Action::Create { path, content: content(call)?, executable }))?;
    Reply::created(&json!({ "file_path": path, "branch": branch }))
}

fn update(call: &Call) -> Answer {
    let (path, branch) = write(call, |path| Ok(Action::Update { path, content: content(call)? }))?;
    Reply::ok(&json!({ "file_path": path, "branch": branch }))
}

fn delete(call: &Call) -> Answer {
    write(call, |path| Ok(Action::Delete { path }))?;
    Ok(Reply::no_content()?.with(header::CACHE_CONTROL, "no-cache"))
}
