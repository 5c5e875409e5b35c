//! The JSON of a delivery, as far as it is read: every kind of event in one shape, because they share most of their words.
//!
//! Not decided here: what a kind means (`kind`), and what is to be done about it (`task`). All other fields are passed over
//! unread, so that a delivery of GitLab's largest, 25 MB, takes no more memory than a small one.

use serde::Deserialize;

use super::value::{Few, Flag, Number, Object, Text};

/// What stands at the top.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Payload<'a> {
    #[serde(borrow)]
    pub(super) object_kind: Text<'a>,
    /// Of pushes, and of lifecycle events, which have no kind.
    #[serde(borrow)]
    pub(super) event_name: Text<'a>,
    #[serde(borrow)]
    pub(super) action: Text<'a>,

    #[serde(borrow)]
    pub(super) project: Object<Thing<'a>>,
    pub(super) project_id: Number,
    #[serde(borrow)]
    pub(super) path_with_namespace: Text<'a>,
    #[serde(borrow)]
    pub(super) project_path_with_namespace: Text<'a>,

    #[serde(borrow)]
    pub(super) group: Object<Thing<'a>>,
    pub(super) group_id: Number,
    #[serde(borrow)]
    pub(super) group_path: Text<'a>,
    #[serde(borrow)]
    pub(super) full_path: Text<'a>,
    #[serde(borrow)]
    pub(super) path: Text<'a>,

    #[serde(borrow)]
    pub(super) user: Object<Thing<'a>>,
    pub(super) user_id: Number,
    #[serde(borrow)]
    pub(super) user_username: Text<'a>,
    #[serde(borrow)]
    pub(super) username: Text<'a>,

    /// Of a push of one reference.
    #[serde(borrow)]
    pub(super) r#ref: Text<'a>,
    #[serde(borrow)]
    pub(super) before: Text<'a>,
    #[serde(borrow)]
    pub(super) after: Text<'a>,
    /// Of a push of several. In other events this is an object.
    #[serde(borrow)]
    pub(super) changes: Few<Object<Moved<'a>>>,
    #[serde(borrow)]
    pub(super) refs: Few<Text<'a>>,

    #[serde(borrow)]
    pub(super) object_attributes: Object<Attributes<'a>>,
    #[serde(borrow)]
    pub(super) merge_request: Object<Thing<'a>>,
    #[serde(borrow)]
    pub(super) issue: Object<Thing<'a>>,

    pub(super) id: Number,
    pub(super) build_id: Number,
    pub(super) pipeline_id: Number,
    pub(super) deployment_id: Number,
    pub(super) deployable_id: Number,
    #[serde(borrow)]
    pub(super) build_status: Text<'a>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,

    #[serde(borrow)]
    pub(super) created_at: Text<'a>,
    #[serde(borrow)]
    pub(super) updated_at: Text<'a>,
    #[serde(borrow)]
    pub(super) status_changed_at: Text<'a>,
    #[serde(borrow)]
    pub(super) build_created_at: Text<'a>,
    #[serde(borrow)]
    pub(super) build_started_at: Text<'a>,
    #[serde(borrow)]
    pub(super) build_finished_at: Text<'a>,
}

/// A project, a group, a person, or a record that an event belongs to.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Thing<'a> {
    pub(super) id: Number,
    pub(super) iid: Number,
    /// What a group's `id` is called in the news of its tokens.
    pub(super) group_id: Number,
    #[serde(borrow)]
    pub(super) group_path: Text<'a>,
    #[serde(borrow)]
    pub(super) full_path: Text<'a>,
    #[serde(borrow)]
    pub(super) path_with_namespace: Text<'a>,
    #[serde(borrow)]
    pub(super) username: Text<'a>,
}

/// The record itself.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Attributes<'a> {
    pub(super) id: Number,
    pub(super) iid: Number,
    #[serde(borrow)]
    pub(super) action: Text<'a>,
    #[serde(borrow)]
    pub(super) state: Text<'a>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) expires_at: Text<'a>,
    pub(super) user_id: Number,
    pub(super) project_id: Number,

    /// Of a merge request. The head before, only where it has new commits.
    #[serde(borrow)]
    pub(super) oldrev: Text<'a>,
    #[serde(borrow)]
    pub(super) source_branch: Text<'a>,
    #[serde(borrow)]
    pub(super) target_branch: Text<'a>,
    pub(super) source_project_id: Number,
    pub(super) target_project_id: Number,
    #[serde(borrow)]
    pub(super) target: Object<Thing<'a>>,
    #[serde(borrow)]
    pub(super) last_commit: Object<Commit<'a>>,
    pub(super) draft: Flag,
    /// What `draft` was called before 14.
    pub(super) work_in_progress: Flag,

    /// Of a note.
    #[serde(borrow)]
    pub(super) noteable_type: Text<'a>,
    pub(super) noteable_id: Number,

    #[serde(borrow)]
    pub(super) created_at: Text<'a>,
    #[serde(borrow)]
    pub(super) updated_at: Text<'a>,
    #[serde(borrow)]
    pub(super) finished_at: Text<'a>,
}

/// A commit by its name.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Commit<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
}

/// One reference of a push of several.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Moved<'a> {
    #[serde(borrow)]
    pub(super) r#ref: Text<'a>,
    #[serde(borrow)]
    pub(super) before: Text<'a>,
    #[serde(borrow)]
    pub(super) after: Text<'a>,
}

impl<'a> Payload<'a> {
    /// None: not JSON, or not an object.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice::<Object<Self>>(body).ok()?.into_inner()
    }
}
