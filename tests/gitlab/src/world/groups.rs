//! Groups, subgroups and personal namespaces. All of them share one sequence of namespace ids, as in GitLab.

use jiff::{Timestamp, civil::Date};

use super::access::Visibility;
use super::table::Table;

/// A group or a subgroup.
#[derive(Debug, Clone)]
pub struct Group {
    /// Id, shared with the namespace.
    pub id: u64,
    /// The group above, if any.
    pub parent_id: Option<u64>,
    /// Display name.
    pub name: String,
    /// Last part of the path.
    pub path: String,
    /// Free text.
    pub description: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// When it was made.
    pub created_at: Timestamp,
    /// The day from which it is on its way out.
    pub marked_for_deletion_on: Option<Date>,
}

/// What a namespace id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamespaceKind {
    /// A group with the same id.
    Group,
    /// The personal namespace of this user.
    User(u64),
}

/// All namespaces, and the groups among them.
#[derive(Debug, Default)]
pub struct Namespaces {
    kinds: Table<NamespaceKind>,
    groups: Table<Group>,
}

impl Namespaces {
    /// Reserves a personal namespace.
    pub fn add_personal(&mut self, user_id: u64) -> u64 {
        let id = self.kinds.next_id();
        self.kinds.put(id, NamespaceKind::User(user_id));
        id
    }

    /// Adds the group that `build` makes for the next id.
    pub fn add_group(&mut self, build: impl FnOnce(u64) -> Group) -> u64 {
        let id = self.kinds.next_id();
        self.kinds.put(id, NamespaceKind::Group);
        self.groups.put(id, build(id));
        id
    }

    /// What this id stands for.
    pub fn kind(&self, id: u64) -> Option<NamespaceKind> {
        self.kinds.get(id).copied()
    }

    /// The group with this id.
    pub fn group(&self, id: u64) -> Option<&Group> {
        self.groups.get(id)
    }

    /// The group with this id, to change.
    pub fn group_mut(&mut self, id: u64) -> Option<&mut Group> {
        self.groups.get_mut(id)
    }

    /// All groups by rising id.
    pub fn groups(&self) -> impl DoubleEndedIterator<Item = &Group> {
        self.groups.iter()
    }

    /// The group and those above it, nearest first.
    pub fn lineage(&self, id: u64) -> Vec<&Group> {
        let mut found = Vec::new();
        let mut next = Some(id);
        while let Some(group) = next.and_then(|id| self.groups.get(id)) {
            found.push(group);
            next = group.parent_id;
        }
        found
    }

    /// Whether `id` is `ancestor` or lies below it.
    pub fn is_within(&self, id: u64, ancestor: u64) -> bool {
        self.lineage(id).iter().any(|group| group.id == ancestor)
    }

    /// The full path of a group: `top/sub`.
    pub fn group_full_path(&self, id: u64) -> String {
        let mut parts: Vec<&str> = self.lineage(id).iter().map(|group| group.path.as_str()).collect();
        parts.reverse();
        parts.join("/")
    }

    /// The full name of a group: `Top / Sub`.
    pub fn group_full_name(&self, id: u64) -> String {
        let mut parts: Vec<&str> = self.lineage(id).iter().map(|group| group.name.as_str()).collect();
        parts.reverse();
        parts.join(" / ")
    }

    /// The group of this full path, without regard to case.
    pub fn group_by_path(&self, full_path: &str) -> Option<&Group> {
        self.groups.iter().find(|group| self.group_full_path(group.id).eq_ignore_ascii_case(full_path))
    }
}
