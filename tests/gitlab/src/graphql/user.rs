//! Users, as everybody sees them.

use async_graphql::{Enum, ID, SimpleObject};

use super::scalars::gid;
use crate::app::App;
use crate::world::users;

/// `UserState`, the part that this instance knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(rename_items = "snake_case")]
enum UserState {
    Active,
    Blocked,
    BlockedPendingApproval,
    Deactivated,
}

/// A user.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "UserCore")]
pub(crate) struct User {
    id: ID,
    username: String,
    name: String,
    bot: bool,
    state: UserState,
    public_email: Option<String>,
    web_url: String,
    web_path: String,
}

impl User {
    /// The user as shown.
    pub(crate) fn of(app: &App, user: &users::User) -> Self {
        Self {
            id: gid("User", user.id),
            username: user.username.clone(),
            name: user.name.clone(),
            bot: user.is_bot(),
            state: match user.state {
                users::UserState::Active => UserState::Active,
                users::UserState::Blocked => UserState::Blocked,
                users::UserState::BlockedPendingApproval => UserState::BlockedPendingApproval,
                users::UserState::Deactivated => UserState::Deactivated,
            },
            public_email: Some(user.public_email.clone()),
            web_url: format!("{}/{}", app.url(), user.username),
            web_path: format!("{}/{}", app.base_path(), user.username),
        }
    }
}
