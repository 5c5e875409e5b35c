//! Merge requests, as far as statistics need them.

use async_graphql::{Context, Enum, ID, Object, OutputType, SimpleObject};

use super::connection::{Connection, Wish};
use super::query::Viewer;
use super::scalars::{Time, gid};
use super::user::{Assignee, Author, Reviewer, User};
use crate::app::App;
use crate::world::merge_requests::{self as rows, State};

/// A merge request.
#[derive(Debug, Clone)]
pub(crate) struct MergeRequest {
    pub(crate) row: rows::MergeRequest,
}

/// `MergeRequestState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(rename_items = "lowercase")]
pub(crate) enum MergeRequestState {
    All,
    Closed,
    Locked,
    Merged,
    Opened,
}

/// `MergeRequestSort`, the part that importers use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum MergeRequestSort {
    CreatedAsc,
    CreatedDesc,
    UpdatedAsc,
    UpdatedDesc,
}

/// Lines of a whole difference.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct DiffStatsSummary {
    additions: i32,
    changes: i32,
    deletions: i32,
    file_count: i32,
}

/// Lines of one file.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct DiffStats {
    additions: i32,
    deletions: i32,
    path: String,
}

/// The commits between which a difference is.
#[derive(Debug, Clone, SimpleObject)]
struct DiffRefs {
    base_sha: Option<String>,
    head_sha: String,
    start_sha: String,
}

/// A label.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct Label {
    title: String,
}

/// Which of them are wanted.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) iids: Option<Vec<String>>,
    pub(crate) state: Option<MergeRequestState>,
    pub(crate) updated_after: Option<Time>,
    pub(crate) updated_before: Option<Time>,
    pub(crate) sort: Option<MergeRequestSort>,
}

impl Wanted {
    fn fits(&self, row: &rows::MergeRequest) -> bool {
        let state = match self.state {
            None | Some(MergeRequestState::All) => None,
            Some(MergeRequestState::Closed) => Some(State::Closed),
            Some(MergeRequestState::Locked) => Some(State::Locked),
            Some(MergeRequestState::Merged) => Some(State::Merged),
            Some(MergeRequestState::Opened) => Some(State::Opened),
        };
        state.is_none_or(|state| row.state == state)
            && self.updated_after.is_none_or(|time| row.updated_at >= time.0)
            && self.updated_before.is_none_or(|time| row.updated_at <= time.0)
    }
}

/// The wanted page; the newest first unless something else is said.
pub(crate) fn select(viewer: &Viewer, project_id: u64, wanted: &Wanted, page: &Wish) -> Connection<MergeRequest> {
    let world = viewer.app.world();
    let mut rows: Vec<&rows::MergeRequest> = match &wanted.iids {
        Some(iids) => {
            let mut iids: Vec<u64> = iids.iter().filter_map(|iid| iid.parse().ok()).collect();
            iids.sort_unstable();
            iids.dedup();
            iids.iter().filter_map(|iid| world.merge_requests.get(project_id, *iid)).collect()
        }
        None => world.merge_requests.of(project_id).collect(),
    };
    rows.retain(|row| wanted.fits(row));
    match wanted.sort.unwrap_or(MergeRequestSort::CreatedDesc) {
        MergeRequestSort::CreatedAsc => rows.sort_by_key(|row| (row.created_at, row.id)),
        MergeRequestSort::CreatedDesc => rows.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id))),
        MergeRequestSort::UpdatedAsc => rows.sort_by_key(|row| (row.updated_at, row.id)),
        MergeRequestSort::UpdatedDesc => rows.sort_by_key(|row| std::cmp::Reverse((row.updated_at, row.id))),
    }
    let range = page.range(rows.len());
    let nodes = rows[range.clone()].iter().map(|row| MergeRequest { row: (*row).clone() }).collect();
    Connection::new(nodes, range.start, rows.len())
}

fn lines(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn users<T>(viewer: &Viewer, ids: &[u64], show: fn(&App, &crate::world::users::User) -> T) -> Connection<T>
where
    T: OutputType + Clone,
{
    let world = viewer.app.world();
    let users = ids.iter().filter_map(|id| world.users.get(*id)).map(|user| show(&viewer.app, user));
    Connection::of(&users.collect::<Vec<_>>(), &Wish::default())
}

#[Object]
impl MergeRequest {
    async fn id(&self) -> ID {
        gid("MergeRequest", self.row.id)
    }

    async fn iid(&self) -> String {
        self.row.iid.to_string()
    }

    async fn title(&self) -> &str {
        &self.row.title
    }

    async fn description(&self) -> Option<&str> {
        Some(&self.row.description)
    }

    async fn state(&self) -> MergeRequestState {
        match self.row.state {
            State::Opened => MergeRequestState::Opened,
            State::Closed => MergeRequestState::Closed,
            State::Locked => MergeRequestState::Locked,
            State::Merged => MergeRequestState::Merged,
        }
    }

    async fn draft(&self) -> bool {
        self.row.is_draft()
    }

    async fn source_branch(&self) -> &str {
        &self.row.source_branch
    }

    async fn target_branch(&self) -> &str {
        &self.row.target_branch
    }

    async fn created_at(&self) -> Time {
        Time(self.row.created_at)
    }

    async fn updated_at(&self) -> Time {
        Time(self.row.updated_at)
    }

    async fn merged_at(&self) -> Option<Time> {
        self.row.merged.map(|(at, _)| Time(at))
    }

    async fn closed_at(&self) -> Option<Time> {
        self.row.closed.map(|(at, _)| Time(at))
    }

    async fn prepared_at(&self) -> Option<Time> {
        self.row.prepared_at.map(Time)
    }

    async fn merge_commit_sha(&self) -> Option<&str> {
        self.row.merge_commit_sha.as_deref()
    }

    async fn user_notes_count(&self) -> Option<i32> {
        i32::try_from(self.row.user_notes()).ok()
    }

    #[graphql(complexity = "child_complexity + 2")]
    async fn diff_head_sha(&self) -> Option<&str> {
        Some(&self.row.sha)
    }

    async fn diff_refs(&self) -> Option<DiffRefs> {
        self.row.prepared_at?;
        let (base, head) = (self.row.base_sha.clone(), self.row.sha.clone());
        Some(DiffRefs { start_sha: base.clone(), base_sha: Some(base), head_sha: head })
    }

    /// Null while the difference is being prepared.
    #[graphql(complexity = "child_complexity + 2")]
    async fn diff_stats_summary(&self) -> Option<DiffStatsSummary> {
        let files = self.row.files.as_ref()?;
        let additions = lines(files.iter().map(|file| file.additions).sum());
        let deletions = lines(files.iter().map(|file| file.deletions).sum());
        let file_count = i32::try_from(files.len()).unwrap_or(i32::MAX);
        Some(DiffStatsSummary { additions, changes: additions + deletions, deletions, file_count })
    }

    #[graphql(complexity = "child_complexity + 2")]
    async fn diff_stats(&self, path: Option<String>) -> Option<Vec<DiffStats>> {
        let files = self.row.files.as_ref()?;
        let wanted = files.iter().filter(|file| path.as_ref().is_none_or(|path| *path == file.path));
        let shown = wanted.map(|file| DiffStats {
            additions: lines(file.additions),
            deletions: lines(file.deletions),
            path: file.path.clone(),
        });
        Some(shown.collect())
    }

    async fn author(&self, context: &Context<'_>) -> Option<Author> {
        let viewer = Viewer::of(context);
        viewer.app.world().users.get(self.row.author_id).map(|user| Author::of(&viewer.app, user))
    }

    async fn merge_user(&self, context: &Context<'_>) -> Option<User> {
        let viewer = Viewer::of(context);
        let (_, id) = self.row.merged?;
        viewer.app.world().users.get(id).map(|user| User::of(&viewer.app, user))
    }

    async fn approved_by(&self, context: &Context<'_>) -> Option<Connection<User>> {
        let ids: Vec<u64> = self.row.approvals.iter().map(|(user, _)| *user).collect();
        Some(users(Viewer::of(context), &ids, User::of))
    }

    async fn reviewers(&self, context: &Context<'_>) -> Option<Connection<Reviewer>> {
        Some(users(Viewer::of(context), &self.row.reviewer_ids, Reviewer::of))
    }

    async fn assignees(&self, context: &Context<'_>) -> Option<Connection<Assignee>> {
        Some(users(Viewer::of(context), &self.row.assignee_ids, Assignee::of))
    }

    async fn labels(&self) -> Option<Connection<Label>> {
        let labels: Vec<Label> = self.row.labels.iter().map(|title| Label { title: title.clone() }).collect();
        Some(Connection::of(&labels, &Wish::default()))
    }
}
