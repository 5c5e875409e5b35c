//! Git over HTTP: the smart protocol, spoken by git itself and streamed through.
//!
//! Here is the protocol. Who may fetch and push at all is `admission`, which references of a push are refused is `push`; the
//! refusal itself is carried out by the repository's `pre-receive` hook, so that clients see exactly what git shows them.
//! What a push moved is compared afterwards and told to everyone, as for API commits.

pub(crate) mod admission;
mod push;
mod quarantine;

use std::process::Stdio;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use flate2::read::GzDecoder;
use futures_util::StreamExt;
use http::{Response, StatusCode, header};
use http_body_util::BodyExt;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio_util::io::ReaderStream;

use crate::app::App;
use crate::error::ApiError;
use crate::world::projects::Project;
use admission::{Right, Visitor};

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
    let admitted = tokio::task::block_in_place(|| {
        let right = if service.writes() { Right::Upload } else { Right::Download };
        admission::admit(&app, request.headers(), request.uri(), service.suffix(), right)
    });
    let (project, visitor) = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal.into_response(),
    };
    let protocol = request.headers().get("git-protocol").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let answer = match service {
        Service::AdvertiseUpload | Service::AdvertiseReceive => advertise(&app, service, &project, protocol),
        Service::Upload => upload(&app, &project, protocol, request).await,
        Service::Receive => receive(&app, &project, visitor, protocol, request).await,
    };
    answer.unwrap_or_else(|_| ApiError::text(StatusCode::INTERNAL_SERVER_ERROR, "git failed\n").into_response())
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

async fn receive(
    app: &Arc<App>,
    project: &Project,
    visitor: Visitor,
    protocol: Option<String>,
    request: Request,
) -> std::io::Result<Response<Body>> {
    let Visitor::Person(user) = visitor else { return Err(broken()) };
    let input = read(request).await?;
    let (lines, push_options) = push::commands(&input);
    let (refusal, unforced) = tokio::task::block_in_place(|| push::judge(app, project, &user, &lines));
    let by_content = || quarantine::judge(app, project, &user, &lines, &push_options, &input);
    let refusal = match refusal {
        Some(refusal) => Some(refusal),
        None => tokio::task::block_in_place(by_content)?,
    };
    let mut git = git(app, Service::Receive, project, protocol);
    git.env("GITLAB_SIM_REFUSAL", refusal.unwrap_or_default());
    if project.lfs_enabled {
        git.env("GITLAB_SIM_LFS", app.repositories.lfs_path(project.id));
    }
    git.env("GITLAB_SIM_UNFORCED", format!(" {} ", unforced.join(" ")));
    let (mut child, output) = pipe(git.spawn()?, input)?;
    // The answer is small, and the world must know of the push before the client does.
    let mut answer = Vec::new();
    tokio::io::copy(&mut { output }, &mut answer).await?;
    child.wait().await?;
    tokio::task::block_in_place(|| push::tell(app, project, &user, lines, push_options));
    Ok(response("application/x-git-receive-pack-result", Body::from(answer)))
}
