//! The switches of the instance: version, tier, limits.

use serde::{Deserialize, Serialize};

use crate::hooks::switches::HookSwitches;
use crate::version::{Tier, Version};

/// The switches, with the values of a fresh self-managed installation as default.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What `/version` says.
    pub version: Version,
    /// What the instance is licensed for.
    pub tier: Tier,
    /// Name of the first branch of a new project.
    pub default_branch_name: String,
    /// Whether impersonation tokens may be used.
    pub impersonation_enabled: bool,
    /// Records beyond which a list has no total and no last page.
    pub count_limit: u64,
    /// Offset beyond which projects, groups and users want keyset pagination.
    pub offset_limit: u64,
    /// Longest life of a token in days.
    pub token_lifetime_days: u32,
    /// Refuses writes with 503, and says this text.
    pub maintenance: Option<String>,
    /// Requests per minute and user, with `RateLimit-*` headers. Off on a fresh installation.
    pub throttle: Throttle,
    /// Limits of single features, answered in JSON without headers.
    pub limits: Limits,
    /// Size limits of differences.
    pub diff: DiffLimits,
    /// Webhooks.
    pub hooks: HookSwitches,
    /// How long a new merge request says `preparing` and has no difference.
    pub preparing_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: Version::default(),
            tier: Tier::default(),
            default_branch_name: "main".into(),
            impersonation_enabled: true,
            count_limit: 10_000,
            offset_limit: 50_000,
            token_lifetime_days: 365,
            maintenance: None,
            throttle: Throttle::default(),
            limits: Limits::default(),
            diff: DiffLimits::default(),
            hooks: HookSwitches::default(),
            preparing_ms: 0,
        }
    }
}

/// Request limits in the manner of `Rack::Attack`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Throttle {
    /// Requests of one user per period.
    pub authenticated: Option<u32>,
    /// Requests of one address per period.
    pub unauthenticated: Option<u32>,
    /// Requests of one user to the Files API per period, counted apart when set.
    pub files: Option<u32>,
    /// Length of the period; 60 when 0.
    pub period_seconds: u32,
    /// Whether answers carry no `RateLimit-*` headers unless they are a 429, as before 18.x.
    pub headers_only_on_refusal: bool,
    /// Whether even a 429 has no headers, as behind some proxies.
    pub no_headers: bool,
    /// Body of the 429; `Retry later` when empty.
    pub text: String,
}

/// Limits of single features, per minute unless stated. GitLab's own numbers by default.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Archives of one project by one user.
    pub archive: u32,
    /// Reads of one blob above 10 MB.
    pub large_blob: u32,
    /// Commit bodies above 20 MB by one user, per 30 s.
    pub large_commit: u32,
    /// Raw files of one path; 0 is no limit.
    pub raw_blob: u32,
    /// `members/all`, since 18.6; 0 is no limit.
    pub members_all: u32,
    /// Largest body of the Commits and Files API.
    pub commit_body_bytes: u64,
    /// From this size on a commit body counts as large.
    pub large_commit_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            archive: 5,
            large_blob: 5,
            large_commit: 3,
            raw_blob: 300,
            members_all: 200,
            commit_body_bytes: 314_572_800,
            large_commit_bytes: 20 * 1024 * 1024,
        }
    }
}

/// Where differences are cut.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiffLimits {
    /// Files of one difference.
    pub max_files: usize,
    /// Lines of one difference.
    pub max_lines: usize,
    /// Bytes of the patch of one file.
    pub max_patch_bytes: usize,
}

impl Default for DiffLimits {
    fn default() -> Self {
        Self { max_files: 1000, max_lines: 50_000, max_patch_bytes: 204_800 }
    }
}
