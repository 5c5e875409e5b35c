//! Direct memberships of users, the newest first.
//!
//! A minimal role in a group is none here, as at GitLab. A project or group that the viewer may not see is left out before there are
//! pages; at GitLab its page is shorter.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use super::connection::{Connection, Wish};
use super::project::Project;
use super::query::Viewer;
use super::scalars::{Time, gid};
use crate::world::access;
use crate::world::groups;
use crate::world::members::{Member, Members, Source};

/// `AccessLevelEnum`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "AccessLevelEnum", remote = "access::AccessLevel")]
enum Level {
    #[graphql(name = "MINIMAL_ACCESS")]
    Minimal,
    Guest,
    Planner,
    Reporter,
    SecurityManager,
    Developer,
    Maintainer,
    Owner,
}

/// A role.
#[derive(Debug, Clone, SimpleObject)]
struct AccessLevel {
    integer_value: Option<i32>,
    string_value: Option<Level>,
}

/// A group that the viewer sees.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    row: groups::Group,
}

/// `ProjectMember`.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ProjectMember {
    access_level: Option<AccessLevel>,
    created_at: Option<Time>,
    project: Option<Project>,
}

/// `GroupMember`.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct GroupMember {
    access_level: Option<AccessLevel>,
    created_at: Option<Time>,
    group: Option<Group>,
}

/// In projects.
pub(crate) fn of_projects(viewer: &Viewer, user: u64, wish: &Wish) -> Connection<ProjectMember> {
    let world = viewer.app.world();
    let seen = newest_first(&world.members, user).filter_map(|member| {
        let Source::Project(id) = member.source else { return None };
        let row = world.projects.get(id).filter(|row| world.sees_project(viewer.user.as_ref(), row))?;
        Some(ProjectMember {
            access_level: Some(AccessLevel::of(member.access_level)),
            created_at: Some(Time(member.created_at)),
            project: Some(Project { row: row.clone() }),
        })
    });
    Connection::of(&seen.collect::<Vec<_>>(), wish)
}

/// In groups.
pub(crate) fn of_groups(viewer: &Viewer, user: u64, wish: &Wish) -> Connection<GroupMember> {
    let world = viewer.app.world();
    let counted = newest_first(&world.members, user).filter(|it| it.access_level > access::AccessLevel::Minimal);
    let seen = counted.filter_map(|member| {
        let Source::Group(id) = member.source else { return None };
        let row = world.namespaces.group(id).filter(|_| world.sees_group(viewer.user.as_ref(), id))?;
        Some(GroupMember {
            access_level: Some(AccessLevel::of(member.access_level)),
            created_at: Some(Time(member.created_at)),
            group: Some(Group { row: row.clone() }),
        })
    });
    Connection::of(&seen.collect::<Vec<_>>(), wish)
}

fn newest_first(members: &Members, user: u64) -> impl Iterator<Item = &Member> {
    let mut rows: Vec<&Member> = members.of_user(user).collect();
    rows.reverse();
    rows.into_iter()
}

impl AccessLevel {
    fn of(level: access::AccessLevel) -> Self {
        Self { integer_value: Some(u8::from(level).into()), string_value: Some(level.into()) }
    }
}

#[Object]
impl Group {
    async fn id(&self) -> Option<ID> {
        Some(gid("Group", self.row.id))
    }

    async fn name(&self) -> Option<&str> {
        Some(&self.row.name)
    }

    async fn path(&self) -> &str {
        &self.row.path
    }

    async fn full_path(&self, context: &Context<'_>) -> ID {
        Viewer::of(context).app.world().namespaces.group_full_path(self.row.id).into()
    }
}
