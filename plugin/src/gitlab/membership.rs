//! What the token's user was made a member of, as the query of [`token`](super::token) tells it.
//!
//! Decided here: a handful is enough, the highest roles first, and whether GitLab told all there are. GitLab tells the newest first, leaves
//! out what the token may not see, and says null for what it could not find out in time.

use super::role::Role;
use crate::json::Any;

/// That are kept, of those that the query asks for.
const HANDFUL: usize = 5;

/// What somebody is a member of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// One project.
    Project,
    /// A group, with all below it.
    Group,
}

/// A role that was given directly, not by a group above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Which one.
    pub role: Role,
    /// Of the project or the group.
    pub path: String,
    /// Which of the two.
    pub place: Place,
}

impl Membership {
    /// Where, for a sentence.
    pub fn place(&self) -> String {
        match self.place {
            Place::Project => self.path.clone(),
            Place::Group => format!("the group {}", self.path),
        }
    }
}

/// What is known of somebody's memberships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memberships {
    /// The highest first.
    pub some: Vec<Membership>,
    /// Whether there may be others.
    pub more: bool,
}

impl Memberships {
    /// Of both lists, as far as they can be read.
    pub(crate) fn of(projects: &Any, groups: &Any) -> Self {
        let (mut some, mut more) = (Vec::new(), false);
        for (place, page) in [(Place::Project, projects), (Place::Group, groups)] {
            let has_next = page.get("pageInfo").and_then(|info| info.get("hasNextPage")?.flag());
            let Some(Any::List(nodes)) = page.get("nodes") else {
                more = true;
                continue;
            };
            more |= has_next != Some(false);
            for member in nodes {
                let Some(told) = told(member, place) else {
                    more = true;
                    continue;
                };
                let at = some.partition_point(|other: &Membership| other.role >= told.role);
                some.insert(at, told);
            }
        }
        more |= some.len() > HANDFUL;
        some.truncate(HANDFUL);
        Self { some, more }
    }

    /// The one there is.
    pub fn only(&self) -> Option<&Membership> {
        match self.some.as_slice() {
            [only] if !self.more => Some(only),
            _ => None,
        }
    }
}

/// Any of it may be null.
fn told(member: &Any, place: Place) -> Option<Membership> {
    let Any::Number(level) = member.get("accessLevel")?.get("integerValue")? else { return None };
    let path = member.get("place")?.get("fullPath")?.text()?.to_owned();
    Some(Membership { role: Role::of(*level), path, place })
}

#[cfg(test)]
mod tests {
    use crate::gitlab::token::Identity;

    fn told(projects: &str, groups: &str) -> (Vec<String>, bool) {
        let user =
            format!(r#"{{"username":"ana","bot":false,"projectMemberships":{projects},"groupMemberships":{groups}}}"#);
        let body = format!(r#"{{"data":{{"currentUser":{user},"metadata":null}},"errors":[{{"message":"Timeout"}}]}}"#);
        let held = Identity::read(body.as_bytes()).user.unwrap().memberships();
        let words = |it: &super::Membership| format!("{} in {}", it.role.name(), it.place());
        (held.some.iter().map(words).collect(), held.more)
    }

    fn page(members: &[(u64, &str)], more: bool) -> String {
        let member = |(level, path): &(u64, &str)| {
            format!(r#"{{"accessLevel":{{"integerValue":{level}}},"place":{{"fullPath":"{path}"}}}}"#)
        };
        let nodes: Vec<String> = members.iter().map(member).collect();
        format!(r#"{{"nodes":[{}],"pageInfo":{{"hasNextPage":{more}}}}}"#, nodes.join(","))
    }

    #[test]
    fn the_highest_roles_come_first_and_what_is_left_out_is_said() {
        let none = page(&[], false);
        let six = page(&[(10, "f"), (15, "e"), (20, "d"), (25, "c"), (30, "b"), (40, "a")], false);
        for (projects, groups, some, more) in [
            (&none, &none, &[][..], false),
            (
                &page(&[(30, "tools/site")], false),
                &page(&[(50, "acme")], false),
                &["Owner in the group acme", "Developer in tools/site"],
                false,
            ),
            (&page(&[(20, "new"), (20, "old")], false), &none, &["Reporter in new", "Reporter in old"], false),
            (&page(&[(20, "new")], true), &none, &["Reporter in new"], true),
            (&none, &page(&[], true), &[], true),
            (
                &six,
                &none,
                &["Maintainer in a", "Developer in b", "Security Manager in c", "Reporter in d", "Planner in e"],
                true,
            ),
        ] {
            assert_eq!(
                told(projects, groups),
                (some.iter().map(|it| (*it).to_owned()).collect(), more),
                "{projects} {groups}"
            );
        }
    }

    #[test]
    fn what_is_null_is_not_known_and_the_rest_is() {
        let known = page(&[(40, "acme")], false);
        for projects in [
            "null",
            r#"{"nodes":null,"pageInfo":{"hasNextPage":false}}"#,
            r#"{"nodes":[],"pageInfo":null}"#,
            r#"{"nodes":[null],"pageInfo":{"hasNextPage":false}}"#,
            r#"{"nodes":[{"accessLevel":null,"place":{"fullPath":"a"}}],"pageInfo":{"hasNextPage":false}}"#,
            r#"{"nodes":[{"accessLevel":{"integerValue":null},"place":{"fullPath":"a"}}],"pageInfo":{"hasNextPage":false}}"#,
            r#"{"nodes":[{"accessLevel":{"integerValue":30},"place":null}],"pageInfo":{"hasNextPage":false}}"#,
        ] {
            assert_eq!(told(projects, &known), (vec!["Maintainer in the group acme".to_owned()], true), "{projects}");
        }
    }
}
