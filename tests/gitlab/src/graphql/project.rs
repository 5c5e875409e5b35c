//! Projects.

use async_graphql::{Context, ID, Object};

use super::connection::{Connection, Wish, with_pages};
use super::merge_requests::{MergeRequest, MergeRequestSort, MergeRequestState, Wanted, select};
use super::query::Viewer;
use super::repository::Repository;
use super::scalars::{Time, gid};
use crate::world::access::{AccessLevel, Visibility};
use crate::world::projects;

/// A project that the viewer sees.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) row: projects::Project,
}

impl Project {
    fn reads_code(&self, viewer: &Viewer) -> bool {
        let role = |user: &crate::world::users::User| viewer.app.world().project_role(user.id, &self.row);
        let member = viewer.user.as_ref().is_some_and(|user| user.admin || role(user) >= Some(AccessLevel::Reporter));
        self.row.repository_enabled && (self.row.visibility != Visibility::Private || member)
    }
}

/// Numbers that are named cost nothing; a page costs by its size, and sorting one more.
fn list_cost(inner: usize, named: bool, sorted: bool, first: Option<i32>) -> usize {
    let own = inner + 1 + usize::from(sorted);
    if named { own } else { with_pages(own, first) }
}

#[Object]
impl Project {
    async fn id(&self) -> ID {
        gid("Project", self.row.id)
    }

    async fn name(&self) -> &str {
        &self.row.name
    }

    async fn path(&self) -> &str {
        &self.row.path
    }

    async fn full_path(&self, context: &Context<'_>) -> ID {
        Viewer::of(context).app.world().project_path(&self.row).into()
    }

    async fn description(&self) -> Option<&str> {
        self.row.description.as_deref()
    }

    async fn visibility(&self) -> Option<&'static str> {
        Some(self.row.visibility.word())
    }

    async fn archived(&self) -> Option<bool> {
        Some(self.row.archived)
    }

    async fn created_at(&self) -> Option<Time> {
        Some(Time(self.row.created_at))
    }

    async fn last_activity_at(&self) -> Option<Time> {
        Some(Time(self.row.last_activity_at))
    }

    async fn web_url(&self, context: &Context<'_>) -> Option<String> {
        let app = &Viewer::of(context).app;
        Some(format!("{}/{}", app.url(), app.world().project_path(&self.row)))
    }

    /// Null for those who see the project but not its code.
    async fn repository(&self, context: &Context<'_>) -> Option<Repository> {
        self.reads_code(Viewer::of(context)).then(|| Repository { project: self.row.clone() })
    }

    #[graphql(complexity = "list_cost(child_complexity, iids.is_some(), sort.is_some(), first)")]
    #[expect(clippy::too_many_arguments, reason = "one per argument of the field")]
    async fn merge_requests(
        &self,
        context: &Context<'_>,
        iids: Option<Vec<String>>,
        first: Option<i32>,
        after: Option<String>,
        state: Option<MergeRequestState>,
        updated_after: Option<Time>,
        updated_before: Option<Time>,
        sort: Option<MergeRequestSort>,
    ) -> Option<Connection<MergeRequest>> {
        let viewer = Viewer::of(context);
        if !self.reads_code(viewer) {
            return None;
        }
        let wanted = Wanted { iids, state, updated_after, updated_before, sort };
        Some(select(viewer, self.row.id, &wanted, &Wish { first, after }))
    }

    #[graphql(complexity = "child_complexity + 1")]
    async fn merge_request(&self, context: &Context<'_>, iid: String) -> Option<MergeRequest> {
        let viewer = Viewer::of(context);
        let iid = iid.parse().ok().filter(|_| self.reads_code(viewer))?;
        let world = viewer.app.world();
        world.merge_requests.get(self.row.id, iid).map(|row| MergeRequest { row: row.clone() })
    }
}
