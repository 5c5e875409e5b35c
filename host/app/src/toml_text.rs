//! TOML that an operator typed, and where it is wrong. A wrong line is named and never repeated, because it may be that of a secret.

use serde::de::DeserializeOwned;

/// What it says, or the line that is wrong and why: `line 3: unknown field ..`.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        // The parser lists all keys it knows after the first line break.
        let why = error.message().lines().collect::<Vec<_>>().join(" ");
        format!("line {}: {why}", before.matches('\n').count() + 1)
    })
}
