//! Which records an event is about.

use super::kind::Kind;
use super::payload::{Attributes, Payload, Thing};

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// A merge request.
    MergeRequest,
    /// The approvals of a merge request.
    Approval,
    /// A comment.
    Note,
    /// An issue, or another work item.
    Issue,
    /// A milestone.
    Milestone,
    /// A pipeline.
    Pipeline,
    /// One job of it.
    Job,
    /// A deployment.
    Deployment,
    /// A release.
    Release,
    /// A membership; the number is the user's.
    Member,
    /// An account.
    User,
    /// A project.
    Project,
    /// A group.
    Group,
}

/// A record by its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef {
    /// What it is.
    pub kind: RecordKind,
    /// Of the instance.
    pub id: Option<u64>,
    /// Within the project.
    pub iid: Option<u64>,
}

impl RecordRef {
    /// None: the delivery does not say which.
    fn new(kind: RecordKind, id: Option<u64>, iid: Option<u64>) -> Option<Self> {
        (id.is_some() || iid.is_some()).then_some(Self { kind, id, iid })
    }

    fn of(kind: RecordKind, thing: &Thing<'_>) -> Option<Self> {
        Self::new(kind, thing.id.get(), thing.iid.get())
    }

    fn itself(kind: RecordKind, attributes: &Attributes<'_>) -> Option<Self> {
        Self::new(kind, attributes.id.get(), attributes.iid.get())
    }
}

/// The records of an event, each followed by what it belongs to. `project`, `group` and `user` are the event's.
pub(super) fn records(kind: Kind, payload: &Payload<'_>, [project, group, user]: [Option<u64>; 3]) -> Vec<RecordRef> {
    let attributes = &payload.object_attributes;
    let one = |kind, id| RecordRef::new(kind, id, None);
    let found = match kind {
        Kind::MergeRequest => [RecordRef::itself(RecordKind::MergeRequest, attributes), approvals(attributes)],
        Kind::Note => [one(RecordKind::Note, attributes.id.get()), noteable(payload, attributes)],
        Kind::Issue => [RecordRef::itself(RecordKind::Issue, attributes), None],
        Kind::Milestone => [RecordRef::itself(RecordKind::Milestone, attributes), None],
        Kind::Pipeline => [RecordRef::itself(RecordKind::Pipeline, attributes), built(payload, project)],
        Kind::Job => {
            // Before version 10 only the commit said of which pipeline.
            let pipeline = payload.pipeline_id.get().or_else(|| payload.commit.id.get());
            [one(RecordKind::Job, payload.build_id.get()), one(RecordKind::Pipeline, pipeline)]
        }
        Kind::Deployment => [
            one(RecordKind::Deployment, payload.deployment_id.get()),
            one(RecordKind::Job, payload.deployable_id.get()),
        ],
        Kind::Release => [one(RecordKind::Release, payload.id.get()), None],
        Kind::Member => [one(RecordKind::Member, user), None],
        Kind::User => [one(RecordKind::User, user), None],
        Kind::Project => [one(RecordKind::Project, project), None],
        Kind::Group => [one(RecordKind::Group, group), None],
        _ => [None, None],
    };
    found.into_iter().flatten().collect()
}

/// The merge request of a pipeline. That of a fork is in another project, where its number within the project says nothing here.
fn built(payload: &Payload<'_>, project: Option<u64>) -> Option<RecordRef> {
    let merge_request = &payload.merge_request;
    let is_here = merge_request.target_project_id.get().is_none_or(|target| Some(target) == project);
    RecordRef::new(RecordKind::MergeRequest, merge_request.id.get(), merge_request.iid.get().filter(|_| is_here))
}

/// `approval` is one person's, `approved` the merge request's; both, and their opposites, change the list. So does a push that resets it.
fn approvals(attributes: &Attributes<'_>) -> Option<RecordRef> {
    let is_reset = attributes.system_action.get().is_some_and(|what| what.contains("approval"));
    let changes = matches!(attributes.action.get()?, "approval" | "approved" | "unapproval" | "unapproved");
    (changes || is_reset).then(|| RecordRef::new(RecordKind::Approval, None, attributes.iid.get())).flatten()
}

/// What was commented on. Commits and snippets are no records that anybody reads again for a comment.
fn noteable(payload: &Payload<'_>, attributes: &Attributes<'_>) -> Option<RecordRef> {
    let (kind, thing) = match attributes.noteable_type.get()? {
        "MergeRequest" => (RecordKind::MergeRequest, &payload.merge_request),
        "Issue" | "WorkItem" => (RecordKind::Issue, &payload.issue),
        _ => return None,
    };
    RecordRef::of(kind, thing).or_else(|| RecordRef::new(kind, attributes.noteable_id.get(), None))
}
