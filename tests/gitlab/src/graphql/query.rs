//! The root: who am I, what did this cost, and projects by path.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_graphql::{Context, ID, Object, SimpleObject};

use super::limits::Ceiling;
use super::project::Project;
use super::user::User;
use crate::app::App;
use crate::world::users;

/// Whose eyes the query sees with.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    pub(crate) app: Arc<App>,
    pub(crate) user: Option<users::User>,
}

impl Viewer {
    /// The viewer of this query.
    pub(crate) fn of<'a>(context: &Context<'a>) -> &'a Self {
        context.data_unchecked::<Self>()
    }
}

/// `queryComplexity`.
#[derive(Debug, SimpleObject)]
struct QueryComplexity {
    limit: Option<i32>,
    score: Option<i32>,
}

/// `metadata`.
#[derive(Debug, SimpleObject)]
struct Metadata {
    enterprise: bool,
    revision: String,
    version: String,
}

/// The root.
#[derive(Debug)]
pub(crate) struct Query;

#[Object]
impl Query {
    async fn current_user(&self, context: &Context<'_>) -> Option<User> {
        let viewer = Viewer::of(context);
        viewer.user.as_ref().map(|user| User::of(&viewer.app, user))
    }

    async fn query_complexity(&self, context: &Context<'_>) -> Option<QueryComplexity> {
        let ceiling = context.data_unchecked::<Ceiling>();
        let number = |value: usize| i32::try_from(value).ok();
        let score = ceiling.score.load(Ordering::Relaxed);
        Some(QueryComplexity { limit: number(ceiling.complexity), score: number(score) })
    }

    async fn metadata(&self, context: &Context<'_>) -> Option<Metadata> {
        let viewer = Viewer::of(context);
        viewer.user.as_ref()?;
        let version = viewer.app.world().settings.version.clone();
        Some(Metadata {
            enterprise: version.is_enterprise(),
            revision: "6714c913625".into(),
            version: version.to_string(),
        })
    }

    async fn echo(&self, context: &Context<'_>, text: String) -> String {
        let name = Viewer::of(context).user.as_ref().map_or("nil".into(), |user| format!("\"{}\"", user.username));
        format!("{name} says: {text}")
    }

    async fn project(&self, context: &Context<'_>, full_path: ID) -> Option<Project> {
        let viewer = Viewer::of(context);
        let world = viewer.app.world();
        let project = world.projects.by_path(&full_path).or_else(|| world.projects.moved_from(&full_path))?;
        world.sees_project(viewer.user.as_ref(), project).then(|| Project { row: project.clone() })
    }
}
