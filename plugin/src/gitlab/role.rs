//! Roles in projects and groups, which GitLab numbers.

/// A role, the least first. A role that somebody made counts as the one it was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// And all below.
    Guest,
    /// Since 17.7.
    Planner,
    /// The least that reads the files of a private project.
    Reporter,
    /// The newest one.
    SecurityManager,
    /// The least that writes files.
    Developer,
    /// The least that sees to a project's webhooks.
    Maintainer,
    /// And all above.
    Owner,
}

impl Role {
    /// The one of this number.
    pub fn of(level: u64) -> Self {
        match level {
            50.. => Self::Owner,
            40..50 => Self::Maintainer,
            30..40 => Self::Developer,
            25..30 => Self::SecurityManager,
            20..25 => Self::Reporter,
            15..20 => Self::Planner,
            _ => Self::Guest,
        }
    }

    /// As GitLab shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guest => "Guest",
            Self::Planner => "Planner",
            Self::Reporter => "Reporter",
            Self::SecurityManager => "Security Manager",
            Self::Developer => "Developer",
            Self::Maintainer => "Maintainer",
            Self::Owner => "Owner",
        }
    }
}
