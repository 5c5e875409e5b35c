//! What the connector says of itself: who it is, what it wants, how it fails.
//!
//! Decided here: the permission tables. They list exactly the requests the code makes, and a test builds each of these requests
//! and looks for its rule. Not decided here: how a rule is enforced; that is the host's part and outside the sandbox.

use crate::configure::{WEBHOOK, WEBHOOK_PREVIOUS};
use crate::gitlab::{blobs, token};
use crate::hooks::shape;

/// Who this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// Of the crate.
    pub name: &'static str,
    /// Of the crate.
    pub version: &'static str,
    /// Package and version of the WIT.
    pub contract: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// SPDX.
    pub license: &'static str,
    /// Where its source is.
    pub source: &'static str,
}

/// The description of this build.
pub const DESCRIPTION: Description = Description {
    name: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    contract: "gitlab-sync:connector@0.1.0",
    summary: env!("CARGO_PKG_DESCRIPTION"),
    license: env!("CARGO_PKG_LICENSE"),
    source: env!("CARGO_PKG_REPOSITORY"),
};

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// In plain words.
    pub purpose: &'static str,
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// `{name}` is one part, `{#name}` digits.
    pub path: &'static str,
    /// Names of parameters.
    pub query: &'static [&'static str],
    /// Whether the credential goes with it.
    pub with_credential: bool,
    /// 0: no body.
    pub max_request_bytes: u64,
    /// Decoded.
    pub max_reply_bytes: u64,
    /// Top-level keys of a JSON body, and no other.
    pub json: Option<JsonShape>,
    /// Secrets that go out in it.
    pub fills: &'static [&'static str],
}

/// What a JSON body may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonShape {
    /// Allowed keys.
    pub keys: &'static [&'static str],
    /// Keys with a closed set of texts.
    pub pins: &'static [(&'static str, &'static [&'static str])],
}

/// One use of a slot that is not a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotUse {
    /// Put a new random secret in.
    Generate,
    /// Remove it.
    Forget,
    /// Compare with it.
    Matches,
    /// Check a signature with it.
    Verify,
    /// Move it.
    Rename,
}

/// One secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its name.
    pub name: &'static str,
    /// In plain words.
    pub purpose: &'static str,
    /// What may be done with it.
    pub uses: &'static [SlotUse],
}

/// What may be done with the product's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkspaceUse {
    /// Nothing.
    None,
    /// List and read, and change.
    ReadWrite,
}

/// A closed set of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Of the product's files.
    pub workspace: WorkspaceUse,
    /// The requests.
    pub rules: Vec<Rule>,
    /// The secrets.
    pub slots: &'static [Slot],
}

/// The slot of the connection's credential, the header it goes into, and what stands before it there. `Bearer` serves OAuth
/// tokens and access tokens alike; `PRIVATE-TOKEN` only the latter.
pub const CREDENTIAL: (&str, &str, &str) = ("token", "authorization", "Bearer ");

/// What GitLab has since when, of what we use.
pub const FEATURES: &[(&str, &str)] = &[
    ("token kind and expiry (`personal_access_tokens/self`)", "15.5"),
    ("two-way sync of files", "16.0"),
    ("deduplication of webhooks by `Idempotency-Key`", "17.4"),
    ("fine-grained tokens", "18.10"),
    ("webhooks that say who keeps them", "17.1"),
    ("how a webhook's last delivery went", "17.3"),
    ("signed webhooks", "19.0"),
];

/// JSON Schema of `sync.settings`.
pub const SETTINGS_SCHEMA: &str = include_str!("settings.schema.json");

/// What the host puts there: the author that the operator granted.
const GRANTED_AUTHOR: &[(&str, &[&str])] =
    &[("author_name", &["{{grant.author-name}}"]), ("author_email", &["{{grant.author-email}}"])];

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

const fn reads(
    purpose: &'static str,
    path: &'static str,
    query: &'static [&'static str],
    max_reply_bytes: u64,
) -> Rule {
    Rule {
        purpose,
        method: "GET",
        path,
        query,
        with_credential: true,
        max_request_bytes: 0,
        max_reply_bytes,
        json: None,
        fills: &[],
    }
}

/// A request that makes or changes a webhook.
const fn sets_hook(purpose: &'static str, method: &'static str, path: &'static str, json: JsonShape) -> Rule {
    Rule { method, max_request_bytes: 16 * KIB, json: Some(json), fills: &[WEBHOOK], ..reads(purpose, path, &[], MIB) }
}

const fn without_body(purpose: &'static str, method: &'static str, path: &'static str) -> Rule {
    Rule { method, ..reads(purpose, path, &[], MIB) }
}

/// Every profile finds its GitLab and knows its token.
const CONNECTING: &[Rule] = &[
    Rule {
        with_credential: false,
        ..reads("find out whether a GitLab answers at this address", "/api/v4/user", &[], 64 * KIB)
    },
    Rule {
        method: "POST",
        max_request_bytes: KIB,
        json: Some(JsonShape { keys: &["query"], pins: &[("query", &[token::QUERY])] }),
        ..reads(
            "see whose token it is, its roles and GitLab's version; this query and no other",
            "/api/graphql",
            &[],
            64 * KIB,
        )
    },
    reads("see whose token it is, where its scopes are narrow", "/api/v4/users/{#user}", &[], 256 * KIB),
    reads("see the token's scopes and last day", "/api/v4/personal_access_tokens/self", &[], 64 * KIB),
    reads("see an OAuth token's scopes", "/oauth/token/info", &[], 64 * KIB),
    reads(
        "list projects to choose from",
        "/api/v4/projects",
        &[
            "membership",
            "min_access_level",
            "archived",
            "order_by",
            "sort",
            "pagination",
            "per_page",
            "search",
            "search_namespaces",
            "page",
            "id_before",
            "id_after",
            "cursor",
        ],
        8 * MIB,
    ),
    reads("look at the chosen project", "/api/v4/projects/{#project}", &[], MIB),
];

const READING_FILES: &[Rule] = &[
    reads(
        "list branches to choose from",
        "/api/v4/projects/{#project}/repository/branches",
        &["search", "per_page", "page", "page_token"],
        4 * MIB,
    ),
    reads("see the branch's head", "/api/v4/projects/{#project}/repository/branches/{branch}", &[], MIB),
    reads(
        "list the files of a commit: paths and ids, no contents",
        "/api/v4/projects/{#project}/repository/tree",
        &["ref", "recursive", "pagination", "per_page", "page", "page_token", "cursor"],
        32 * MIB,
    ),
    reads(
        "see which files changed since the last sync",
        "/api/v4/projects/{#project}/repository/compare",
        &["from", "to", "straight"],
        32 * MIB,
    ),
    Rule {
        method: "POST",
        max_request_bytes: MIB,
        json: Some(JsonShape { keys: &["query", "variables"], pins: &[("query", &[blobs::QUERY, blobs::IDS_QUERY])] }),
        ..reads("read changed files, many at once; these queries and no other", "/api/graphql", &[], 32 * MIB)
    },
    reads(
        "read all files of a commit at once, for a first pull",
        "/api/v4/projects/{#project}/repository/archive.tar",
        &["sha", "include_lfs_blobs"],
        1024 * MIB,
    ),
    reads("read one file's content", "/api/v4/projects/{#project}/repository/blobs/{sha}/raw", &[], 20 * MIB),
];

const SEEING_HOOKS: &[Rule] = &[
    reads(
        "see whether a webhook is there and as it should be; never its secret",
        "/api/v4/projects/{#project}/hooks",
        &["per_page", "page"],
        MIB,
    ),
    reads(
        "see, for diagnosis, how a webhook's last delivery went",
        "/api/v4/projects/{#project}/hooks/{#hook}/events",
        &["per_page"],
        32 * MIB,
    ),
];

const SEEING_GROUP_HOOKS: &[Rule] = &[
    reads(
        "see whether a group's webhook is there and as it should be; never its secret",
        "/api/v4/groups/{#group}/hooks",
        &["per_page", "page"],
        MIB,
    ),
    reads(
        "see, for diagnosis, how a group webhook's last delivery went",
        "/api/v4/groups/{#group}/hooks/{#hook}/events",
        &["per_page"],
        32 * MIB,
    ),
];

const REMOVING_HOOKS: Rule = without_body("remove a webhook", "DELETE", "/api/v4/projects/{#project}/hooks/{#hook}");

const PUSH_HOOKS: &[Rule] = &[
    sets_hook(
        "make a webhook that tells the granted URL of pushes and of nothing else, with a secret the connector does not know",
        "POST",
        "/api/v4/projects/{#project}/hooks",
        shape::PUSHES,
    ),
    sets_hook("turn a webhook into such a one", "PUT", "/api/v4/projects/{#project}/hooks/{#hook}", shape::PUSHES),
    without_body(
        "have GitLab test a webhook that it has disabled",
        "POST",
        "/api/v4/projects/{#project}/hooks/{#hook}/test/push_events",
    ),
    REMOVING_HOOKS,
];

const RECORD_HOOKS: &[Rule] = &[
    sets_hook(
        "make a webhook that tells the granted URL of merge requests and comments and of nothing else, with a secret the connector does not know",
        "POST",
        "/api/v4/projects/{#project}/hooks",
        shape::RECORDS,
    ),
    sets_hook("turn a webhook into such a one", "PUT", "/api/v4/projects/{#project}/hooks/{#hook}", shape::RECORDS),
    without_body(
        "have GitLab test a webhook that it has disabled",
        "POST",
        "/api/v4/projects/{#project}/hooks/{#hook}/test/merge_requests_events",
    ),
    REMOVING_HOOKS,
    sets_hook("make such a webhook for a group", "POST", "/api/v4/groups/{#group}/hooks", shape::GROUP_RECORDS),
    sets_hook(
        "turn a group's webhook into such a one",
        "PUT",
        "/api/v4/groups/{#group}/hooks/{#hook}",
        shape::GROUP_RECORDS,
    ),
    without_body(
        "have GitLab test a group's webhook that it has disabled",
        "POST",
        "/api/v4/groups/{#group}/hooks/{#hook}/test/merge_requests_events",
    ),
    without_body("remove a group's webhook", "DELETE", "/api/v4/groups/{#group}/hooks/{#hook}"),
];

const WRITING_FILES: &[Rule] = &[
    reads("look up the group that a new project is to be in", "/api/v4/namespaces/{group}", &[], 64 * KIB),
    Rule {
        method: "POST",
        max_request_bytes: 64 * KIB,
        json: Some(JsonShape { keys: &["name", "visibility", "namespace_id"], pins: &[("visibility", &["private"])] }),
        ..reads("create a private project", "/api/v4/projects", &[], MIB)
    },
    Rule {
        method: "POST",
        max_request_bytes: 32 * MIB,
        json: Some(JsonShape { keys: &["branch", "commit_message", "actions", "stats"], pins: &[] }),
        ..reads("commit files to the branch", "/api/v4/projects/{#project}/repository/commits", &[], MIB)
    },
    Rule {
        method: "POST",
        max_request_bytes: 32 * MIB,
        json: Some(JsonShape {
            keys: &["branch", "commit_message", "actions", "author_name", "author_email", "stats"],
            pins: GRANTED_AUTHOR,
        }),
        ..reads(
            "the same in the name of the granted author",
            "/api/v4/projects/{#project}/repository/commits",
            &[],
            MIB,
        )
    },
    reads(
        "look for a commit whose answer was lost, and for who else commits here",
        "/api/v4/projects/{#project}/repository/commits",
        &["ref_name", "path", "per_page"],
        4 * MIB,
    ),
];

/// The host adds it to requests; nothing else may be done with it.
const TOKEN: Slot = Slot { name: CREDENTIAL.0, purpose: "the access token of the connection", uses: &[] };

const WEBHOOK_SLOTS: &[Slot] = &[
    TOKEN,
    Slot {
        name: WEBHOOK,
        purpose: "proves that a delivery comes from GitLab",
        uses: &[SlotUse::Generate, SlotUse::Forget, SlotUse::Matches, SlotUse::Verify, SlotUse::Rename],
    },
    Slot {
        name: WEBHOOK_PREVIOUS,
        purpose: "the webhook secret before this one, while it is replaced",
        uses: &[SlotUse::Forget, SlotUse::Matches, SlotUse::Verify, SlotUse::Rename],
    },
];

/// All profiles; an operator approves one. Those that change nothing in GitLab have a twin that may also keep the webhook, so that
/// each says in one sentence what it is, and no more is asked for than is used.
pub fn profiles() -> Vec<Profile> {
    let files_read: Vec<Rule> = [CONNECTING, READING_FILES, SEEING_HOOKS].concat();
    vec![
        Profile {
            name: "files-read-write",
            summary: "Read and write the files of one branch, create private projects and keep a webhook for pushes; never force, never delete a branch.",
            workspace: WorkspaceUse::ReadWrite,
            rules: [files_read.as_slice(), WRITING_FILES, PUSH_HOOKS].concat(),
            slots: WEBHOOK_SLOTS,
        },
        Profile {
            name: "files-read-only",
            summary: "Bring the files of one branch into the workspace; nothing in GitLab is ever changed.",
            workspace: WorkspaceUse::ReadWrite,
            rules: files_read.clone(),
            slots: WEBHOOK_SLOTS,
        },
        Profile {
            name: "files-read-only-with-webhook",
            summary: "Bring the files of one branch into the workspace; nothing in GitLab is ever changed but webhooks.",
            workspace: WorkspaceUse::ReadWrite,
            rules: [files_read.as_slice(), PUSH_HOOKS].concat(),
            slots: WEBHOOK_SLOTS,
        },
        Profile {
            name: "records-read-only",
            summary: "Read records about work, never a file or its content; nothing in GitLab is ever changed.",
            workspace: WorkspaceUse::None,
            rules: CONNECTING.to_vec(),
            slots: &[TOKEN],
        },
        Profile {
            name: "records-read-only-with-webhook",
            summary: "Read records about work, never a file or its content; nothing in GitLab is ever changed but webhooks.",
            workspace: WorkspaceUse::None,
            rules: [CONNECTING, SEEING_HOOKS, SEEING_GROUP_HOOKS, RECORD_HOOKS].concat(),
            slots: WEBHOOK_SLOTS,
        },
    ]
}
