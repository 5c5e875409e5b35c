//! What the connector wants, as data: the reviewed permission tables that travel inside the component.
//!
//! Plain types with the meaning that `wit/about.wit` gives them; this is where the words are explained. Decided here: the digest
//! an operator approves. Not decided here: what is granted (`grant`) and how a rule is enforced (`http::policy`, `secrets::policy`).

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A closed set of permissions. An operator approves one, by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Profile {
    /// Such as `files-read-write`.
    pub name: String,
    /// One sentence for the person who approves.
    pub summary: String,
    /// Where the connection's secret goes.
    pub credential: Credential,
    /// What may be done with the product's files.
    pub workspace: WorkspaceUse,
    /// The requests; what is not listed is refused.
    pub rules: Vec<Rule>,
    /// The secrets; what is not listed does not exist.
    pub slots: Vec<Slot>,
}

/// One kind of request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
    /// In plain words.
    pub purpose: String,
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// Template from the base path on: `{name}` is one part, `{#name}` digits only.
    pub path: String,
    /// Names of query parameters; any other is refused.
    pub query: Vec<String>,
    /// Whether the credential goes with it.
    pub credential: CredentialUse,
    /// 0: no body.
    pub max_request_bytes: u64,
    /// Decoded bytes of the reply.
    pub max_reply_bytes: u64,
    /// What a JSON body may hold.
    pub json: Option<JsonShape>,
    /// Slots that may be filled into this request by `secrets.exchange`.
    pub fills: Vec<String>,
    /// What a 2xx reply brings in by `secrets.exchange`, whoever asks.
    pub captures: Vec<Capture>,
}

/// A field of a JSON reply that is a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Capture {
    /// Name of a top-level field.
    pub field: String,
    /// Where its text goes.
    pub slot: String,
    /// Name of the top-level field with its lifetime in seconds or its last day, if there is one.
    pub expires_field: Option<String>,
}

/// Whether the host adds the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialUse {
    /// Yes.
    Attach,
    /// No: for probes before it is known who answers.
    Withhold,
}

/// The top-level keys a JSON body may have; all others are refused, and so are repeated ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct JsonShape {
    /// Allowed keys.
    pub keys: Vec<String>,
    /// Keys with a closed set of values.
    pub pins: Vec<Pin>,
}

/// A key that must be there with one of these texts, such as the text of a GraphQL query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pin {
    /// The top-level key.
    pub key: String,
    /// What it may say. What stands for a line of the grant is filled in from there.
    pub values: Vec<String>,
}

/// A pinned value that stands for the grant's `webhook-url`.
pub const GRANTED_URL: &str = "{{grant.webhook-url}}";
/// A pinned value that stands for the grant's `author-name`.
pub const GRANTED_AUTHOR_NAME: &str = "{{grant.author-name}}";
/// A pinned value that stands for the grant's `author-email`.
pub const GRANTED_AUTHOR_EMAIL: &str = "{{grant.author-email}}";

/// A secret the connector works with and never sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Slot {
    /// Such as `webhook`.
    pub name: String,
    /// In plain words.
    pub purpose: String,
    /// What may be done with it outside a request.
    pub uses: Vec<SlotUse>,
}

/// One thing to do with a slot. Asking for its status is always allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlotUse {
    /// Put a new random secret in.
    Generate,
    /// Remove it.
    Forget,
    /// Compare a candidate with it.
    Matches,
    /// Check a signature with it.
    Verify,
    /// Move it to or from another slot with this use.
    Rename,
}

/// What may be done with the product's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkspaceUse {
    /// Nothing.
    None,
    /// List and read.
    Read,
    /// Also change.
    ReadWrite,
}

/// Where the host puts the connection's secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Credential {
    /// The slot it is taken from.
    pub slot: String,
    /// Such as `authorization`.
    pub header: String,
    /// Put before it, such as `Bearer `.
    pub prefix: String,
}

impl Profile {
    /// Wants nothing: for a connection without a granted profile.
    pub fn nothing() -> Self {
        let credential = Credential { slot: String::new(), header: String::new(), prefix: String::new() };
        let (name, summary) = ("nothing".into(), "No permission at all.".into());
        Self { name, summary, credential, workspace: WorkspaceUse::None, rules: Vec::new(), slots: Vec::new() }
    }

    /// What the operator approves: equal digests mean equal permissions, purposes and summaries included.
    pub fn digest(&self) -> String {
        let canonical = serde_json::to_vec(self).expect("plain data");
        format!("sha256:{}", hex(&Sha256::digest(canonical)))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
