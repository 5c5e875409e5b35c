//! Who is behind a name and password of Basic authentication, as git and LFS send them.

use jiff::Timestamp;

use crate::world::World;
use crate::world::deploy_tokens::DeployToken;
use crate::world::users::{User, UserState};

/// Who it is.
#[derive(Debug, Clone)]
pub(crate) enum GitActor {
    /// The user of a token.
    User {
        /// Who.
        user: User,
        /// Whether its scopes allow to read code.
        reads: bool,
        /// Whether its scopes allow to write code.
        writes: bool,
    },
    /// A deploy token.
    DeployToken(DeployToken),
}

/// Finds out who it is: a deploy token under its own name, an OAuth token under the name `oauth2`, an access token under any
/// name but none. Records the use.
pub(crate) fn actor(world: &mut World, now: Timestamp, login: &str, password: &str) -> Option<GitActor> {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    world.members.end_expired(today);
    if let Some(token) = world.deploy_tokens.by_credentials(login, password) {
        return token.is_active(now).then(|| GitActor::DeployToken(token.clone()));
    }
    if login.is_empty() {
        return None;
    }
    let (user_id, scopes) = match world.oauth_tokens.get(password).filter(|_| login == "oauth2") {
        Some(token) => (!token.revoked && !token.is_expired(now)).then(|| (token.user_id, token.scopes.clone()))?,
        None => {
            let id = world.tokens.by_secret(password).filter(|token| token.is_active(today))?.id;
            let token = world.tokens.get_mut(id)?;
            token.last_used_at = Some(now);
            (Some(token.user_id), token.scopes.clone())
        }
    };
    let user = world.users.get(user_id?).filter(|user| user.state == UserState::Active)?.clone();
    let has = |wanted: &[&str]| scopes.iter().any(|scope| wanted.contains(&scope.as_str()));
    let (reads, writes) = (has(&["api", "read_repository", "write_repository"]), has(&["api", "write_repository"]));
    Some(GitActor::User { user, reads, writes })
}
