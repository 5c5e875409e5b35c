//! Users, as everybody sees them.

use async_graphql::{ComplexObject, Context, Enum, SimpleObject};

use super::connection::{Connection, Wish, with_pages};
use super::member::{GroupMember, ProjectMember, of_groups, of_projects};
use super::query::Viewer;
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
        #[graphql(name = $graphql, complex)]
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

        #[ComplexObject]
        impl $name {
            #[graphql(complexity = "with_pages(child_complexity + 1, first)")]
            async fn project_memberships(
                &self,
                context: &Context<'_>,
                first: Option<i32>,
                after: Option<String>,
            ) -> Option<Connection<ProjectMember>> {
                Some(of_projects(Viewer::of(context), self.id.0, &Wish { first, after }))
            }

            #[graphql(complexity = "with_pages(child_complexity + 1, first)")]
            async fn group_memberships(
                &self,
                context: &Context<'_>,
                first: Option<i32>,
                after: Option<String>,
            ) -> Option<Connection<GroupMember>> {
                Some(of_groups(Viewer::of(context), self.id.0, &Wish { first, after }))
            }
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
