//! One hook, and the table of all of them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::branch_filter::BranchFilter;
use super::breaker::{AlertStatus, Breaker};
use super::signing::SigningKey;
use super::switches::HookSwitches;
use super::trigger::Trigger;
use crate::world::table::Table;

/// Whose hook it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A project's.
    Project(u64),
    /// A group's: it is told of every project below.
    Group(u64),
    /// The instance's.
    System,
}

/// One hook.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Numeric id, one sequence for all owners.
    pub id: u64,
    /// Whose it is.
    pub owner: Owner,
    /// Where it points, with `{variables}`.
    pub url: String,
    /// Display name.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Sent as `X-Gitlab-Token`; never shown.
    pub token: Option<String>,
    /// Signs deliveries; never shown.
    pub signing: Option<SigningKey>,
    /// What it listens to.
    pub triggers: BTreeSet<Trigger>,
    /// Whether the receiver's certificate is checked.
    pub verify_tls: bool,
    /// Which branches it listens to.
    pub branches: BranchFilter,
    /// Template of its payload.
    pub template: Option<String>,
    /// Values for its URL; never shown.
    pub variables: BTreeMap<String, String>,
    /// Further headers; values are never shown.
    pub headers: BTreeMap<String, String>,
    /// Whether it is left alone.
    pub breaker: Breaker,
    /// When it was made.
    pub created_at: Timestamp,
    /// How many events there were before it: it is told of later ones only, however long those take to be worked off.
    pub since: u64,
}

impl Hook {
    /// A hook with GitLab's defaults: pushes for projects and groups, repository updates for the instance.
    pub fn new(id: u64, owner: Owner, created_at: Timestamp) -> Self {
        let first = if owner == Owner::System { Trigger::RepositoryUpdate } else { Trigger::Push };
        Self {
            id,
            owner,
            url: String::new(),
            name: None,
            description: None,
            token: None,
            signing: None,
            triggers: BTreeSet::from([first]),
            verify_tls: true,
            branches: BranchFilter::default(),
            template: None,
            variables: BTreeMap::new(),
            headers: BTreeMap::new(),
            breaker: Breaker::default(),
            created_at,
            since: 0,
        }
    }

    /// Whether it is told things, as the instance's switches have it.
    pub fn status(&self, switches: &HookSwitches, now: Timestamp) -> AlertStatus {
        if switches.auto_disable && self.owner != Owner::System {
            self.breaker.status(now)
        } else {
            AlertStatus::Executable
        }
    }

    /// Whether it listens to this, and to this branch if there is one.
    pub fn wants(&self, trigger: Trigger, branch: Option<&str>) -> bool {
        if trigger == Trigger::System {
            return self.owner == Owner::System;
        }
        self.triggers.contains(&trigger) && branch.is_none_or(|branch| self.branches.passes(branch))
    }
}

/// All hooks.
#[derive(Debug, Default)]
pub struct Hooks {
    table: Table<Hook>,
}

impl Hooks {
    /// Adds the hook that `build` makes for the next id.
    pub fn add(&mut self, build: impl FnOnce(u64) -> Hook) -> &Hook {
        self.table.add(build)
    }

    /// The hook of this owner with this id.
    pub fn get(&self, owner: Owner, id: u64) -> Option<&Hook> {
        self.table.get(id).filter(|hook| hook.owner == owner)
    }

    /// The hook with this id, whoever owns it, to change.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut Hook> {
        self.table.get_mut(id)
    }

    /// Takes a hook out.
    pub fn remove(&mut self, id: u64) {
        self.table.remove(id);
    }

    /// The hooks of one owner by rising id.
    pub fn of(&self, owner: Owner) -> impl Iterator<Item = &Hook> {
        self.table.iter().filter(move |hook| hook.owner == owner)
    }
}
