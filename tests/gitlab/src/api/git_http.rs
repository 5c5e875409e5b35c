//! Git over HTTP: the smart protocol, spoken by git itself and streamed through.
//!
//! Decided here: who may fetch and push, and which references of a push are refused; the refusal itself is carried out by
//! the repository's `pre-receive` hook, so that clients see exactly what git shows them. What a push moved is compared
//! afterwards and told to everyone, as for API commits.

use std::process::Stdio;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::read::GzDecoder;
use futures_util::StreamExt;
use http::{Response, StatusCode, header};
use http_body_util::BodyExt;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio_util::io::ReaderStream;

use crate::app::App;
use crate::auth;
use crate::error::ApiError;
use crate::events::{PushEvent, RefChange, ZERO_ID};
use crate::git::refs;
use crate::pushes::{self, text};
use crate::world::access::{AccessLevel, Visibility};
use crate::world::projects::Project;
use crate::world::users::User;

/// What git asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// What is there, before a fetch.
    AdvertiseUpload,
    /// What is there, before a push.
    AdvertiseReceive,
    /// A fetch.
    Upload,
    /// A push.
    Receive,
}

impl Service {
    /// Recognises git's requests by their path.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let path = request.uri().path();
        let query = request.uri().query().unwrap_or_default();
        if path.ends_with("/info/refs") {
            return match query.split('&').find_map(|pair| pair.strip_prefix("service=")) {
                Some("git-upload-pack") => Some(Self::AdvertiseUpload),
                Some("git-receive-pack") => Some(Self::AdvertiseReceive),
                _ => None,
            };
        }
        if path.ends_with("/git-upload-pack") {
            Some(Self::Upload)
        } else if path.ends_with("/git-receive-pack") {
            Some(Self::Receive)
        } else {
            None
        }
    }

    fn command(self) -> &'static str {
        match self {
            Self::AdvertiseUpload | Self::Upload => "upload-pack",
            Self::AdvertiseReceive | Self::Receive => "receive-pack",
        }
    }

    fn writes(self) -> bool {
        self.command() == "receive-pack"
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::AdvertiseUpload | Self::AdvertiseReceive => "/info/refs",
            Self::Upload => "/git-upload-pack",
            Self::Receive => "/git-receive-pack",
        }
    }
}

/// Answers one of git's requests.
pub(crate) async fn serve(app: Arc<App>, service: Service, request: Request) -> Response<Body> {
    let admitted = tokio::task::block_in_place(|| admit(&app, service, &request));
    let (project, user) = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal.into_response(),
    };
    let protocol = request.headers().get("git-protocol").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let answer = match service {
        Service::AdvertiseUpload | Service::AdvertiseReceive => advertise(&app, service, &project, protocol),
        Service::Upload => upload(&app, &project, protocol, request).await,
        Service::Receive => receive(&app, &project, user, protocol, request).await,
    };
    answer.unwrap_or_else(|_| ApiError::text(StatusCode::INTERNAL_SERVER_ERROR, "git failed\n").into_response())
}

/// The project, and the user if there is one. Without credentials git is asked for some, so that it tries again with them.
fn admit(app: &App, service: Service, request: &Request) -> Result<(Project, Option<User>), ApiError> {
    let challenge = || {
        let text = "HTTP Basic: Access denied. If a password was provided for Git authentication, the password was \
                    incorrect or you're required to use a token instead of a password.";
        ApiError::text(StatusCode::UNAUTHORIZED, text).with_header(header::WWW_AUTHENTICATE, "Basic realm=\"GitLab\"")
    };
    let user = match password(request) {
        Some(password) => {
            let scope = if service.writes() { "write_repository" } else { "read_repository" };
            let now = app.now();
            Some(auth::git_user(&mut app.world_mut(), now, &password, scope).ok_or_else(challenge)?)
        }
        None => None,
    };
    let path = request.uri().path().trim_start_matches('/');
    let path = path.strip_suffix(service.suffix().trim_start_matches('/')).unwrap_or(path).trim_end_matches('/');
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let path = path.strip_suffix(".git").unwrap_or(&path);
    let world = app.world();
    let found = world.projects.by_path(path).filter(|project| world.sees_project(user.as_ref(), project));
    let Some(project) = found else {
        let moved = world.projects.moved_from(path).filter(|project| world.sees_project(user.as_ref(), project));
        if let Some(moved) = moved {
            let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
            let url = format!("{}/{}.git{}{query}", app.url(), world.project_path(moved), service.suffix());
            return Err(ApiError::moved_permanently(&url));
        }
        let refusal = "The project you were looking for could not be found or you don't have permission to view it.";
        return Err(if user.is_some() { ApiError::text(StatusCode::NOT_FOUND, refusal) } else { challenge() });
    };
    let role = user.as_ref().and_then(|user| world.project_role(user.id, project));
    let admin = user.as_ref().is_some_and(|user| user.admin);
    let denied = |text: &str| Err(ApiError::text(StatusCode::FORBIDDEN, text));
    if service.writes() {
        match &user {
            None => return Err(challenge()),
            Some(_) if project.archived => return denied("You can't push code to a read-only GitLab instance."),
            Some(_) if !admin && role < Some(AccessLevel::Developer) => {
                return denied("You are not allowed to push code to this project.");
            }
            Some(_) => {}
        }
    } else if project.visibility == Visibility::Private && !admin && role < Some(AccessLevel::Reporter) {
        return denied("You are not allowed to download code from this project.");
    }
    Ok((project.clone(), user))
}

/// The password of Basic authentication; the user name may be anything.
fn password(request: &Request) -> Option<String> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let encoded = value.strip_prefix("Basic ").or_else(|| value.strip_prefix("basic "))?;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

fn git(app: &App, service: Service, project: &Project, protocol: Option<String>) -> Command {
    let mut git = Command::new("git");
    git.arg(service.command()).arg("--stateless-rpc");
    if matches!(service, Service::AdvertiseUpload | Service::AdvertiseReceive) {
        git.arg("--advertise-refs");
    }
    git.arg(app.repositories.path(project.id)).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    if let Some(protocol) = protocol {
        git.env("GIT_PROTOCOL", protocol);
    }
    git.kill_on_drop(true);
    git
}

fn response(kind: &str, body: Body) -> Response<Body> {
    let builder = Response::builder().header(header::CONTENT_TYPE, kind);
    let builder = builder.header(header::CACHE_CONTROL, "no-cache, max-age=0, must-revalidate");
    builder.body(body).unwrap_or_default()
}

fn broken() -> std::io::Error {
    std::io::ErrorKind::BrokenPipe.into()
}

fn advertise(
    app: &App,
    service: Service,
    project: &Project,
    protocol: Option<String>,
) -> std::io::Result<Response<Body>> {
    let mut child = git(app, service, project, protocol.clone()).stdin(Stdio::null()).spawn()?;
    let output = child.stdout.take().ok_or_else(broken)?;
    tokio::spawn(async move { child.wait().await });
    // Version 2 begins without the line that names the service.
    let line = format!("# service=git-{}\n", service.command());
    let second = protocol.is_some_and(|protocol| protocol.contains("version=2")) && service == Service::AdvertiseUpload;
    let head = if second { String::new() } else { format!("{:04x}{line}0000", line.len() + 4) };
    let body = futures_util::stream::iter([Ok(Bytes::from(head))]).chain(ReaderStream::new(output));
    Ok(response(&format!("application/x-git-{}-advertisement", service.command()), Body::from_stream(body)))
}

/// The body of a request, unpacked when git packed it.
async fn read(request: Request) -> std::io::Result<Bytes> {
    let packed = request.headers().get(header::CONTENT_ENCODING).is_some_and(|value| value.as_bytes() == b"gzip");
    let body = request.into_body().collect().await.map_err(|_| broken())?.to_bytes();
    if !packed {
        return Ok(body);
    }
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut GzDecoder::new(&body[..]), &mut plain)?;
    Ok(plain.into())
}

/// Hands the request to git and the answer to the client, while both are on their way.
fn pipe(mut child: Child, input: Bytes) -> std::io::Result<(Child, ChildStdout)> {
    let mut stdin = child.stdin.take().ok_or_else(broken)?;
    let output = child.stdout.take().ok_or_else(broken)?;
    tokio::spawn(async move {
        // git hangs up early when it has enough.
        let _ = stdin.write_all(&input).await;
    });
    Ok((child, output))
}

async fn upload(
    app: &App,
    project: &Project,
    protocol: Option<String>,
    request: Request,
) -> std::io::Result<Response<Body>> {
    let input = read(request).await?;
    let (mut child, output) = pipe(git(app, Service::Upload, project, protocol).spawn()?, input)?;
    tokio::spawn(async move { child.wait().await });
    let body = Body::from_stream(ReaderStream::with_capacity(output, 64 * 1024));
    Ok(response("application/x-git-upload-pack-result", body))
}

/// One line of a push: old id, new id, reference.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    before: String,
    after: String,
    reference: String,
}

/// The commands at the head of a push, up to the flush packet, and the push options after it.
fn commands(input: &[u8]) -> (Vec<Line>, Vec<String>) {
    let (mut lines, mut options) = (Vec::new(), Vec::new());
    let (mut rest, mut flushes, mut has_options) = (input, 0, false);
    while let Some((head, tail)) = rest.split_at_checked(4) {
        let Some(length) = std::str::from_utf8(head).ok().and_then(|text| usize::from_str_radix(text, 16).ok()) else {
            break;
        };
        if length < 4 {
            flushes += 1;
            rest = tail;
            if flushes == 2 || !has_options {
                break;
            }
            continue;
        }
        let Some((packet, tail)) = tail.split_at_checked(length - 4) else { break };
        rest = tail;
        let text = String::from_utf8_lossy(packet).trim_end_matches('\n').to_owned();
        if flushes == 1 {
            options.push(text);
            continue;
        }
        let (command, capabilities) = text.split_once('\0').unwrap_or((&text, ""));
        has_options |= capabilities.split(' ').any(|capability| capability == "push-options");
        let mut words = command.splitn(3, ' ');
        if let (Some(before), Some(after), Some(reference)) = (words.next(), words.next(), words.next()) {
            lines.push(Line { before: before.into(), after: after.into(), reference: reference.into() });
        }
    }
    (lines, options)
}

/// Why a push is refused before git looks at it, and the branches that may not be forced.
fn judge(app: &App, project: &Project, user: &User, lines: &[Line]) -> (Option<String>, Vec<String>) {
    let empty = app.repositories.with(project.id, |repository| Ok::<_, git2::Error>(refs::is_empty(repository)));
    let empty = empty.unwrap_or(true);
    let world = app.world();
    let mut unforced = Vec::new();
    for line in lines {
        let Some(branch) = line.reference.strip_prefix("refs/heads/") else { continue };
        let protected = pushes::is_protected(project, branch);
        let allowed = pushes::may_push(&world, user, project, branch, empty);
        let refusal = if line.after == ZERO_ID && branch == project.default_branch {
            Some(text::DEFAULT.to_owned())
        } else if line.after == ZERO_ID && protected {
            Some(if allowed { text::WEB_ONLY.to_owned() } else { text::DELETE.to_owned() })
        } else if line.before == ZERO_ID && crate::committing::is_hex_name(branch) {
            Some(text::HEX.to_owned())
        } else if allowed {
            None
        } else if empty {
            Some(pushes::no_default_branch(app, &world, project))
        } else {
            Some(if line.before == ZERO_ID { text::CREATE.to_owned() } else { text::PROTECTED.to_owned() })
        };
        if refusal.is_some() {
            return (refusal, unforced);
        }
        if !pushes::may_force(project, branch) {
            unforced.push(line.reference.clone());
        }
    }
    (None, unforced)
}

async fn receive(
    app: &Arc<App>,
    project: &Project,
    user: Option<User>,
    protocol: Option<String>,
    request: Request,
) -> std::io::Result<Response<Body>> {
    let user = user.ok_or_else(broken)?;
    let input = read(request).await?;
    let (lines, push_options) = commands(&input);
    let (refusal, unforced) = tokio::task::block_in_place(|| judge(app, project, &user, &lines));
    let mut git = git(app, Service::Receive, project, protocol);
    git.env("GITLAB_SIM_REFUSAL", refusal.unwrap_or_default());
    git.env("GITLAB_SIM_UNFORCED", format!(" {} ", unforced.join(" ")));
    let (mut child, output) = pipe(git.spawn()?, input)?;
    // The answer is small, and the world must know of the push before the client does.
    let mut answer = Vec::new();
    tokio::io::copy(&mut { output }, &mut answer).await?;
    child.wait().await?;
    tokio::task::block_in_place(|| tell(app, project, &user, lines, push_options));
    Ok(response("application/x-git-receive-pack-result", Body::from(answer)))
}

/// Tells of the references that really moved.
fn tell(app: &Arc<App>, project: &Project, user: &User, lines: Vec<Line>, push_options: Vec<String>) {
    let moved = |line: &Line| {
        let now = app.repositories.with(project.id, |repository| {
            Ok::<_, git2::Error>(repository.refname_to_id(&line.reference).ok().map(|id| id.to_string()))
        });
        line.before != line.after && now.is_ok_and(|now| now.unwrap_or_else(|| ZERO_ID.to_owned()) == line.after)
    };
    let changes: Vec<RefChange> = lines
        .into_iter()
        .filter(moved)
        .map(|line| RefChange { reference: line.reference, before: line.before, after: line.after })
        .collect();
    if !changes.is_empty() {
        pushes::landed(app, PushEvent { project_id: project.id, user_id: user.id, changes, push_options, chain: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_push_names_its_references_and_options() {
        let zero = ZERO_ID;
        let one = "1".repeat(40);
        let packet = |text: &str| format!("{:04x}{text}", text.len() + 4);
        let first = packet(&format!("{zero} {one} refs/heads/main\0report-status push-options agent=git"));
        let second = packet(&format!("{one} {zero} refs/heads/old branch"));
        let input = format!("{first}{second}0000{}0000PACK...", packet("ci.skip\n"));
        let (lines, options) = commands(input.as_bytes());
        let names: Vec<&str> = lines.iter().map(|line| line.reference.as_str()).collect();
        assert_eq!(names, ["refs/heads/main", "refs/heads/old branch"]);
        assert_eq!(options, ["ci.skip"]);
        let (lines, options) =
            commands(format!("{}0000PACK", packet(&format!("{zero} {one} refs/tags/v1\0"))).as_bytes());
        assert_eq!((lines.len(), options.len()), (1, 0));
    }
}
