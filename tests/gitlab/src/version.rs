//! Versions and tiers: what the simulated instance says it is, and which behaviour follows from it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A GitLab version such as `18.9.0-ee`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
    suffix: String,
}

/// A text that is no version.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a version like `18.9.0-ee`")]
pub struct BadVersion(String);

impl Version {
    /// Whether this is the given release or a later one.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        (self.major, self.minor) >= (major, minor)
    }

    /// Whether this is an Enterprise Edition package.
    pub fn is_enterprise(&self) -> bool {
        self.suffix.ends_with("-ee")
    }
}

impl Default for Version {
    fn default() -> Self {
        Self { major: 18, minor: 9, patch: 0, suffix: "-ee".into() }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}{}", self.major, self.minor, self.patch, self.suffix)
    }
}

impl FromStr for Version {
    type Err = BadVersion;

    fn from_str(text: &str) -> Result<Self, BadVersion> {
        let bad = || BadVersion(text.to_owned());
        let (numbers, suffix) = match text.find('-') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let mut parts = numbers.split('.').map(|part| part.parse::<u32>().map_err(|_| bad()));
        let mut next = || parts.next().unwrap_or(Ok(0));
        let version = Self { major: next()?, minor: next()?, patch: next()?, suffix: suffix.to_owned() };
        if parts.next().is_some() { Err(bad()) } else { Ok(version) }
    }
}

impl TryFrom<String> for Version {
    type Error = BadVersion;

    fn try_from(text: String) -> Result<Self, BadVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

/// What the instance is licensed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// No licence.
    Free,
    /// Premium and everything above it.
    #[default]
    Premium,
}

impl FromStr for Tier {
    type Err = BadTier;

    fn from_str(text: &str) -> Result<Self, BadTier> {
        match text {
            "free" => Ok(Self::Free),
            "premium" => Ok(Self::Premium),
            other => Err(BadTier(other.to_owned())),
        }
    }
}

/// A word that is no tier.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a tier: `free` or `premium`")]
pub struct BadTier(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_with_and_without_a_suffix() {
        for (text, shown, since_18_7) in [
            ("18.9.0-ee", "18.9.0-ee", true),
            ("18.7", "18.7.0", true),
            ("17.11.3", "17.11.3", false),
            ("19.5.0-pre", "19.5.0-pre", true),
        ] {
            let version: Version = text.parse().unwrap();
            assert_eq!(version.to_string(), shown);
            assert_eq!(version.at_least(18, 7), since_18_7, "{text}");
        }
        for text in ["", "x.1", "1.2.3.4", "18,9"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
