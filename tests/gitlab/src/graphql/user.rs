//! Users, as everybody sees them.

use async_graphql::{Enum, SimpleObject};

use super::scalars::UserId;
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

/// GitLab has one type per part that a user has in a merge request; the common fields are the same.
macro_rules! people {
    ($($(#[doc = $doc:literal])* $name:ident $graphql:literal;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, SimpleObject)]
        #[graphql(name = $graphql)]
        pub(crate) struct $name {
            id: UserId,
            username: String,
            name: String,
            bot: bool,
            state: UserState,
            public_email: Option<String>,
            web_url: String,
            web_path: String,
        }

        impl $name {
            /// The user as shown.
            pub(crate) fn of(app: &App, user: &users::User) -> Self {
                Self {
                    id: UserId(user.id),
                    username: user.username.clone(),
                    name: user.name.clone(),
                    bot: user.is_bot(),
                    state: UserState::of(user.state),
                    public_email: Some(user.public_email.clone()),
                    web_url: format!("{}/{}", app.url(), user.username),
                    web_path: format!("{}/{}", app.base_path(), user.username),
                }
            }
        }
    )*};
}

people! {
    /// A user.
    User "UserCore";
    /// Who made a merge request.
    Author "MergeRequestAuthor";
    /// Who works on one.
    Assignee "MergeRequestAssignee";
    /// Who is to look at one.
    Reviewer "MergeRequestReviewer";
}

impl UserState {
    fn of(state: users::UserState) -> Self {
        match state {
            users::UserState::Active => Self::Active,
            users::UserState::Blocked => Self::Blocked,
            users::UserState::BlockedPendingApproval => Self::BlockedPendingApproval,
            users::UserState::Deactivated => Self::Deactivated,
        }
    }
}
