//! What an instance can set about webhooks.

use serde::{Deserialize, Serialize};

/// The switches, with the values of a fresh self-managed installation, except that receivers on loopback are allowed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HookSwitches {
    /// How long a delivery may take.
    pub timeout_ms: u64,
    /// The authorities, in PEM, against which certificates of receivers are checked.
    pub trusted_authorities: String,
    /// Whether failing hooks are left alone: on at GitLab.com, off on a fresh installation.
    pub auto_disable: bool,
    /// Whether hooks may point at the instance's own network. GitLab says no until an administrator says yes.
    pub allow_local: bool,
    /// From one more branch or tag in one push than this no push hook is told.
    pub push_ref_limit: usize,
    /// Nothing is sent at all.
    pub silent: bool,
    /// Deliveries of one top-level namespace per minute; 0 is no limit.
    pub per_minute: u32,
    /// Hooks of one project.
    pub per_project: usize,
    /// Hooks of one group.
    pub per_group: usize,
}

impl Default for HookSwitches {
    fn default() -> Self {
        Self {
            timeout_ms: 10_000,
            trusted_authorities: String::new(),
            auto_disable: false,
            allow_local: true,
            push_ref_limit: 3,
            silent: false,
            per_minute: 0,
            per_project: 100,
            per_group: 50,
        }
    }
}
