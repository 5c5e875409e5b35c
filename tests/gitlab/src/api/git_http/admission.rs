//! Who may fetch from and push to a repository at all, by Basic authentication: for git and for LFS.
//!
//! Order: credential, project, role. Without a credential git is asked for one, so that it tries again with it. Which branch
//! or tag may be pushed is another question.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, Uri, header};

use crate::app::App;
use crate::auth::git::{self, GitActor};
use crate::error::ApiError;
use crate::world::World;
use crate::world::access::{AccessLevel, Visibility};
use crate::world::deploy_tokens::DeployToken;
use crate::world::projects::Project;
use crate::world::users::User;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// To read code.
    Download,
    /// To write.
    Upload,
}

/// Who is at the door.
#[derive(Debug, Clone)]
pub(crate) enum Visitor {
    /// Nobody said.
    Nobody,
    /// A user.
    Person(User),
    /// A machine.
    Machine(DeployToken),
}

impl Visitor {
    fn person(&self) -> Option<&User> {
        match self {
            Self::Person(user) => Some(user),
            Self::Nobody | Self::Machine(_) => None,
        }
    }

    fn sees(&self, world: &World, project: &Project) -> bool {
        match self {
            Self::Machine(token) => token.reaches(&world.namespaces, project),
            Self::Person(_) | Self::Nobody => world.sees_project(self.person(), project),
        }
    }
}

/// 401 with the words that git shows, and the wish for Basic authentication.
pub(crate) fn challenge(app: &App) -> ApiError {
    let help = "help/topics/git/troubleshooting_git.md#error-on-git-fetch-http-basic-access-denied";
    let text = format!(
        "HTTP Basic: Access denied. If a password was provided for Git authentication, the password was incorrect or \
         you're required to use a token instead of a password. If a token was provided, it was either incorrect, \
         expired, or improperly scoped. See {}/{help}",
        app.url()
    );
    ApiError::text(StatusCode::UNAUTHORIZED, text).with_header(header::WWW_AUTHENTICATE, "Basic realm=\"GitLab\"")
}

fn denied(text: &str) -> ApiError {
    ApiError::text(StatusCode::FORBIDDEN, text)
}

/// The project of a repository's address, which ends in `suffix`, and who is asking.
pub(crate) fn admit(
    app: &App,
    headers: &HeaderMap,
    uri: &Uri,
    suffix: &str,
    right: Right,
) -> Result<(Project, Visitor), ApiError> {
    let visitor = visitor(app, headers, right)?;
    let path = uri.path();
    let path = path.strip_suffix(suffix).unwrap_or(path).trim_matches('/');
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let path = path.strip_suffix(".git").unwrap_or(&path);
    let world = app.world();
    let found = world.projects.by_path(path).filter(|project| visitor.sees(&world, project));
    let Some(project) = found else {
        let moved = world.projects.moved_from(path).filter(|project| visitor.sees(&world, project));
        if let Some(moved) = moved {
            let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            let url = format!("{}/{}.git{suffix}{query}", app.url(), world.project_path(moved));
            return Err(ApiError::moved_permanently(&url));
        }
        let text = "The project you were looking for could not be found or you don't have permission to view it.";
        let nobody = matches!(visitor, Visitor::Nobody);
        return Err(if nobody { challenge(app) } else { ApiError::text(StatusCode::NOT_FOUND, text) });
    };
    match right {
        Right::Upload => may_upload(app, &world, &visitor, project)?,
        Right::Download => may_download(&world, &visitor, project)?,
    }
    Ok((project.clone(), visitor))
}

/// Who the credential is of, if there is one, and whether its scopes allow this.
fn visitor(app: &App, headers: &HeaderMap, right: Right) -> Result<Visitor, ApiError> {
    let Some((login, password)) = credentials(headers) else { return Ok(Visitor::Nobody) };
    let now = app.now();
    let actor = git::actor(&mut app.world_mut(), now, &login, &password).ok_or_else(|| challenge(app))?;
    let (visitor, reads, writes) = match actor {
        GitActor::User { user, reads, writes } => (Visitor::Person(user), reads, writes),
        GitActor::DeployToken(token) => {
            let reads = token.reads_code();
            (Visitor::Machine(token), reads, false)
        }
    };
    match right {
        Right::Download if !reads => Err(denied("You are not allowed to download code.")),
        Right::Upload if !writes => Err(denied("You are not allowed to upload code.")),
        _ => Ok(visitor),
    }
}

fn may_upload(app: &App, world: &World, visitor: &Visitor, project: &Project) -> Result<(), ApiError> {
    let Some(user) = visitor.person() else { return Err(challenge(app)) };
    if project.archived {
        return Err(denied("You can't push code to a read-only GitLab instance."));
    }
    if !user.admin && world.project_role(user.id, project) < Some(AccessLevel::Developer) {
        return Err(denied("You are not allowed to push code to this project."));
    }
    Ok(())
}

fn may_download(world: &World, visitor: &Visitor, project: &Project) -> Result<(), ApiError> {
    let allowed = match visitor {
        Visitor::Machine(_) => true,
        Visitor::Nobody => project.visibility != Visibility::Private,
        Visitor::Person(user) => {
            let role = world.project_role(user.id, project);
            project.visibility != Visibility::Private || user.admin || role >= Some(AccessLevel::Reporter)
        }
    };
    if allowed { Ok(()) } else { Err(denied("You are not allowed to download code from this project.")) }
}

/// Name and password of Basic authentication.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let encoded = value.strip_prefix("Basic ").or_else(|| value.strip_prefix("basic "))?;
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    decoded.split_once(':').map(|(login, password)| (login.to_owned(), password.to_owned()))
}
