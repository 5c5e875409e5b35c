//! Why something did not work, for the person who can change it.

use serde::{Deserialize, Serialize};

/// A code to switch on, and two sentences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// Of the connector's catalogue, or one of the server's own: `stopped`, `storage`, `connection-gone`.
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) remedy: String,
    pub(crate) since_ms: u64,
}
