//! The versions of a conflict as JSON: the same for the command line and the server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gitlab_sync_host::sync;
use serde::{Deserialize, Serialize};

/// None: the file was not there.
#[derive(Serialize)]
pub(crate) struct Versions {
    path: String,
    base: Option<Content>,
    ours: Option<Content>,
    theirs: Option<Content>,
}

/// A file's content: as text where it is UTF-8.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Content {
    Text(String),
    Base64(String),
}

impl From<sync::Versions> for Versions {
    fn from(versions: sync::Versions) -> Self {
        let content = |bytes: Option<Vec<u8>>| bytes.map(Content::of);
        let [base, ours, theirs] = [versions.base, versions.ours, versions.theirs].map(content);
        Self { path: versions.path, base, ours, theirs }
    }
}

impl Content {
    fn of(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Base64(STANDARD.encode(error.into_bytes())), Self::Text)
    }

    pub(crate) fn bytes(self) -> Result<Vec<u8>, base64::DecodeError> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Base64(text) => STANDARD.decode(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_of_any_bytes_comes_back_the_same() {
        for bytes in [&b""[..], b"text\n", "ä\u{0}".as_bytes(), b"\xff\xfe\x00"] {
            let json = serde_json::to_string(&Content::of(bytes.to_vec())).unwrap();
            assert_eq!(serde_json::from_str::<Content>(&json).unwrap().bytes().unwrap(), bytes, "{json}");
        }
    }
}
