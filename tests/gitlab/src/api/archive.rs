//! `GET /projects/:id/repository/archive[.ext]`, streamed from `git archive`.

use std::process::Stdio;
use std::sync::Arc;

use axum::body::Body;
use http::header;
use tokio::process::Command;
use tokio_util::io::ReaderStream;

use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::git::{refs, tree};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::world::projects::Project;

const READ: Access = Access::read("Repository: Read");

/// What can be asked for, and what git calls it.
const FORMATS: [(&str, &str); 8] = [
    ("bz2", "tar.bz2"),
    ("tar", "tar"),
    ("tar.bz2", "tar.bz2"),
    ("tar.gz", "tar.gz"),
    ("tb2", "tar.bz2"),
    ("tbz", "tar.bz2"),
    ("tbz2", "tar.bz2"),
    ("zip", "zip"),
];

pub(crate) fn routes() -> Router<Arc<App>> {
    let path = "/api/v4/projects/{id}/repository/archive";
    let bare = Router::new().route(path, get(endpoint(|call| archive(call, "tar.gz", "tar.gz"))));
    FORMATS.into_iter().fold(bare, |router, (extension, format)| {
        router.route(&format!("{path}.{extension}"), get(endpoint(move |call| archive(call, extension, format))))
    })
}

/// What `git archive` is told.
struct Request {
    commit: String,
    prefix: String,
    path: Option<String>,
    excluded: Vec<String>,
    smudge: bool,
}

fn archive(call: &Call, extension: &str, format: &str) -> Answer {
    let (caller, project) = call.code(READ)?;
    let limit = call.app.world().settings.limits.archive;
    let user = caller.map_or(0, |caller| caller.user.id);
    call.limit_of("archive", &format!("archive:{}:{user}", project.id), limit, 60)?;
    let request = read(call, &project)?;
    let name = format!("{}.{extension}", request.prefix);
    let body = run(call, &project, &request, format).map_err(|_| ApiError::not_found("File"))?;
    let kind = if format == "zip" { "application/zip" } else { "application/octet-stream" };
    Ok(Reply::bytes(kind, body)
        .with(header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""))
        .with(header::CACHE_CONTROL, "max-age=0, private, must-revalidate, no-store, no-cache"))
}

/// Whatever is wrong with the revision or the path is `404 File Not Found`.
fn read(call: &Call, project: &Project) -> Result<Request, ApiError> {
    let missing = || ApiError::not_found("File");
    let mut checks = call.params.checks();
    let smudge = checks.flag("include_lfs_blobs", true);
    checks.finish()?;
    let revision = call.params.filled("sha").unwrap_or_else(|| project.default_branch.clone());
    let path = call.params.filled("path").map(|path| path.trim_matches('/').to_owned());
    let commit = call.with_repository(project, |repository| {
        let commit = refs::commit(repository, &revision).ok_or_else(missing)?;
        if let Some(path) = &path {
            tree::find(&commit.tree()?, path).ok_or_else(missing)?;
        }
        Ok(commit.id().to_string())
    })?;
    let dashed = |text: &str| text.replace('/', "-");
    let tail = path.as_deref().map(|path| format!("-{}", dashed(path))).unwrap_or_default();
    let prefix = format!("{}-{}-{commit}{tail}", project.path, dashed(&revision));
    let excluded = call.params.filled("exclude_paths").unwrap_or_default();
    let excluded = excluded.split(',').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    Ok(Request { commit, prefix, path, excluded, smudge })
}

fn run(call: &Call, project: &Project, request: &Request, format: &str) -> std::io::Result<Body> {
    let folder = call.app.repositories.path(project.id);
    let mut git = Command::new("git");
    git.arg("-c").arg("tar.tar.bz2.command=bzip2 -c");
    if request.smudge {
        git.arg("-c").arg(format!("filter.lfs.smudge=sh '{}'", folder.join("lfs-smudge").display()));
    }
    git.arg("-C").arg(&folder).arg("archive").arg(format!("--format={format}"));
    git.arg(format!("--prefix={}/", request.prefix)).arg(&request.commit).arg("--");
    git.args(request.path.iter());
    if request.path.is_none() && !request.excluded.is_empty() {
        git.arg(".");
    }
    git.args(request.excluded.iter().map(|path| format!(":(exclude){path}")));
    let mut child = git.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let Some(output) = child.stdout.take() else { return Err(std::io::ErrorKind::BrokenPipe.into()) };
    tokio::spawn(async move { child.wait().await });
    Ok(Body::from_stream(ReaderStream::with_capacity(output, 64 * 1024)))
}
