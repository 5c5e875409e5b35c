//! Access levels and visibility: the integers and words that GitLab uses for them.

use serde::{Deserialize, Serialize};

/// A role, in the order of power. Serialised as GitLab's integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum AccessLevel {
    /// 5: may see that the group exists.
    Minimal,
    /// 10.
    Guest,
    /// 15.
    Planner,
    /// 20: may read code of private projects.
    Reporter,
    /// 25.
    SecurityManager,
    /// 30: may push to unprotected branches.
    Developer,
    /// 40: may push to protected branches and manage hooks and tokens.
    Maintainer,
    /// 50.
    Owner,
}

/// A number that is no access level.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an access level")]
pub struct NoSuchLevel(u8);

impl TryFrom<u8> for AccessLevel {
    type Error = NoSuchLevel;

    fn try_from(level: u8) -> Result<Self, NoSuchLevel> {
        Ok(match level {
            5 => Self::Minimal,
            10 => Self::Guest,
            15 => Self::Planner,
            20 => Self::Reporter,
            25 => Self::SecurityManager,
            30 => Self::Developer,
            40 => Self::Maintainer,
            50 => Self::Owner,
            other => return Err(NoSuchLevel(other)),
        })
    }
}

impl From<AccessLevel> for u8 {
    fn from(level: AccessLevel) -> Self {
        match level {
            AccessLevel::Minimal => 5,
            AccessLevel::Guest => 10,
            AccessLevel::Planner => 15,
            AccessLevel::Reporter => 20,
            AccessLevel::SecurityManager => 25,
            AccessLevel::Developer => 30,
            AccessLevel::Maintainer => 40,
            AccessLevel::Owner => 50,
        }
    }
}

impl AccessLevel {
    /// The word of webhook payloads and protected-branch descriptions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minimal => "Minimal Access",
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

/// Who may see a project or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Members only.
    #[default]
    Private,
    /// Every signed-in user that is not external.
    Internal,
    /// Everybody.
    Public,
}

impl Visibility {
    /// Reads GitLab's word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "private" => Some(Self::Private),
            "internal" => Some(Self::Internal),
            "public" => Some(Self::Public),
            _ => None,
        }
    }

    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Internal => "internal",
            Self::Public => "public",
        }
    }

    /// The integer of webhook payloads.
    pub fn level(self) -> u8 {
        match self {
            Self::Private => 0,
            Self::Internal => 10,
            Self::Public => 20,
        }
    }
}
