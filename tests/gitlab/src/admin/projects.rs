//! Groups and projects, by a test's hand.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Admin, AdminError, missing};
use crate::events::Event;
use crate::pushes;
use crate::world::PathError;
use crate::world::access::{AccessLevel, Visibility};
use crate::world::groups::{Group, NamespaceKind};
use crate::world::members::{Member, Source};
use crate::world::projects::Project;
use crate::world::push_rules::{PushRule, Terms};
use crate::world::table::Table;

/// A project to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectSpec {
    /// Full path. Groups on the way are made when they are missing.
    pub path: String,
    /// Who may see it.
    #[serde(default)]
    pub visibility: Visibility,
    /// Default branch; the instance's when none is given.
    #[serde(default)]
    pub default_branch: Option<String>,
    /// Who makes it, and becomes its owner's equal; the first user when none is given.
    #[serde(default)]
    pub creator_id: Option<u64>,
    /// What it was forked from.
    #[serde(default)]
    pub forked_from: Option<u64>,
}

impl ProjectSpec {
    /// A private project at this full path.
    pub fn at(path: &str) -> Self {
        Self {
            path: path.into(),
            visibility: Visibility::Private,
            default_branch: None,
            creator_id: None,
            forked_from: None,
        }
    }

    /// The same for everybody to see.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.visibility = Visibility::Public;
        self
    }
}

impl Admin {
    /// Adds a group, and those above it that are missing. An existing one is left as it is.
    pub fn create_group(&self, full_path: &str, visibility: Visibility) -> u64 {
        let now = self.app.now();
        let mut world = self.app.world_mut();
        let mut parent = None;
        let mut so_far = String::new();
        for part in full_path.split('/') {
            so_far = if so_far.is_empty() { part.to_owned() } else { format!("{so_far}/{part}") };
            let known = world.namespaces.group_by_path(&so_far).map(|group| group.id);
            let above = parent;
            parent = Some(known.unwrap_or_else(|| {
                world.namespaces.add_group(|id| Group {
                    id,
                    parent_id: above,
                    name: part.to_owned(),
                    path: part.to_owned(),
                    description: String::new(),
                    visibility,
                    created_at: now,
                    marked_for_deletion_on: None,
                })
            }));
        }
        parent.unwrap_or_default()
    }

    /// Adds a project with an empty repository. Whose namespace it is in owns it.
    pub fn create_project(&self, spec: &ProjectSpec) -> Result<Project, AdminError> {
        let (above, path) = spec.path.rsplit_once('/').ok_or_else(|| missing("namespace of", &spec.path))?;
        let known = self.app.world().namespace_by_path(above);
        let namespace_id = known.unwrap_or_else(|| self.create_group(above, spec.visibility));
        let now = self.app.now();
        let mut world = self.app.world_mut();
        let creator = spec.creator_id.or_else(|| world.users.table.iter().next().map(|user| user.id));
        let branch = spec.default_branch.clone().unwrap_or_else(|| world.settings.default_branch_name.clone());
        let id = world.add_project(|id| Project {
            id,
            namespace_id,
            name: path.to_owned(),
            path: path.to_owned(),
            description: None,
            visibility: spec.visibility,
            default_branch: branch.clone(),
            archived: false,
            marked_for_deletion_on: None,
            creator_id: creator.unwrap_or_default(),
            created_at: now,
            updated_at: now,
            last_activity_at: now,
            topics: Vec::new(),
            forked_from: spec.forked_from,
            lfs_enabled: true,
            repository_enabled: true,
            protected_branches: Table::default(),
            protected_tags: Table::default(),
            push_rule: None,
            settings: std::collections::BTreeMap::new(),
        })?;
        if let Some(NamespaceKind::User(user_id)) = world.namespaces.kind(namespace_id) {
            world.members.set(Member {
                source: Source::Project(id),
                user_id,
                access_level: AccessLevel::Owner,
                created_at: now,
                created_by: None,
                expires_at: None,
            });
        }
        self.app.repositories.init(id, &branch)?;
        let project = world.projects.get(id).cloned().ok_or(PathError::NoProject(id))?;
        drop(world);
        self.app.events.tell(&Event::ProjectCreated { project_id: id });
        Ok(project)
    }

    /// Renames or transfers a project; the old path redirects from then on.
    pub fn move_project(&self, id: u64, new_full_path: &str) -> Result<(), AdminError> {
        let (above, path) = new_full_path.rsplit_once('/').ok_or_else(|| missing("namespace of", new_full_path))?;
        let known = self.app.world().namespace_by_path(above);
        let namespace_id = known.unwrap_or_else(|| self.create_group(above, Visibility::Private));
        Ok(self.app.world_mut().move_project(id, namespace_id, path)?)
    }

    /// Changes what is known of a project beside its path.
    pub fn change_project(&self, id: u64, change: impl FnOnce(&mut Project)) -> Result<(), AdminError> {
        let mut world = self.app.world_mut();
        let project = world.projects.get_mut(id).ok_or_else(|| missing("project", &id.to_string()))?;
        change(project);
        Ok(())
    }

    /// Protects a branch or pattern: who may push and merge (0, 30, 40).
    pub fn protect_branch(&self, project_id: u64, name: &str, push: u8, merge: u8) {
        pushes::protect(&mut self.app.world_mut(), project_id, name, push, merge);
    }

    /// Sets what is asked of commits that are pushed to a project. Commits by the test's hand are free.
    pub fn set_push_rule(&self, project_id: u64, terms: Terms) -> Result<(), AdminError> {
        let rule = PushRule { id: project_id, created_at: self.app.now(), terms };
        self.change_project(project_id, |project| project.push_rule = Some(rule))
    }

    /// Where the bare repository of a project is on disk.
    pub fn repository_path(&self, project_id: u64) -> PathBuf {
        self.app.repositories.path(project_id)
    }
}
