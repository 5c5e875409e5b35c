//! Projects: what is known of one beside its repository.

use std::collections::{BTreeMap, HashMap};

use jiff::{Timestamp, civil::Date};
use serde_json::Value;

use super::access::Visibility;
use super::protected_branches::ProtectedBranch;
use super::protected_tags::ProtectedTag;
use super::push_rules::{PushRule, SECRET_PROTECTION};
use super::table::Table;

/// One project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Numeric id.
    pub id: u64,
    /// Group or personal namespace that holds it.
    pub namespace_id: u64,
    /// Display name.
    pub name: String,
    /// Last part of the path.
    pub path: String,
    /// Free text; GitLab says null when it was never set.
    pub description: Option<String>,
    /// Who may see it.
    pub visibility: Visibility,
    /// Configured default branch, which need not exist yet.
    pub default_branch: String,
    /// Read-only.
    pub archived: bool,
    /// The day from which it is on its way out.
    pub marked_for_deletion_on: Option<Date>,
    /// Who made it.
    pub creator_id: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a setting changed last.
    pub updated_at: Timestamp,
    /// When something happened in it last.
    pub last_activity_at: Timestamp,
    /// Topics.
    pub topics: Vec<String>,
    /// The project this one was forked from.
    pub forked_from: Option<u64>,
    /// Whether LFS is on.
    pub lfs_enabled: bool,
    /// Whether the repository feature is on.
    pub repository_enabled: bool,
    /// Protected branches, by rising id.
    pub protected_branches: Table<ProtectedBranch>,
    /// Tags that not everybody may make.
    pub protected_tags: Table<ProtectedTag>,
    /// What is asked of commits that are pushed.
    pub push_rule: Option<PushRule>,
    /// Further settings as given, shown in the entity under the same key.
    pub settings: BTreeMap<String, Value>,
}

impl Project {
    /// Whether pushed contents are searched for secrets.
    pub fn protect_from_secrets(&mut self, is_on: bool) {
        self.settings.insert(SECRET_PROTECTION.into(), is_on.into());
        self.settings.insert("pre_receive_secret_detection_enabled".into(), is_on.into());
    }
}

/// All projects, by id and by path.
#[derive(Debug, Default)]
pub struct Projects {
    /// Rows by id.
    pub table: Table<Project>,
    /// Lower-case full path to id.
    pub(super) by_path: HashMap<String, u64>,
    /// Lower-case full paths that projects had earlier.
    pub(super) moved: HashMap<String, u64>,
}

impl Projects {
    /// The project with this id.
    pub fn get(&self, id: u64) -> Option<&Project> {
        self.table.get(id)
    }

    /// The project with this id, to change. Paths are changed by `World::move_project` only.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut Project> {
        self.table.get_mut(id)
    }

    /// The project of this full path, without regard to case.
    pub fn by_path(&self, full_path: &str) -> Option<&Project> {
        self.by_path.get(&full_path.to_lowercase()).and_then(|&id| self.table.get(id))
    }

    /// Whether two projects are of one fork network: forks of the same first project.
    pub fn are_related(&self, one: u64, other: u64) -> bool {
        self.root_of(one) == self.root_of(other)
    }

    fn root_of(&self, id: u64) -> u64 {
        let mut root = id;
        while let Some(parent) = self.get(root).and_then(|project| project.forked_from) {
            root = parent;
        }
        root
    }

    /// The project that had this full path earlier, unless another one took the path.
    pub fn moved_from(&self, full_path: &str) -> Option<&Project> {
        self.moved.get(&full_path.to_lowercase()).and_then(|&id| self.table.get(id))
    }
}
