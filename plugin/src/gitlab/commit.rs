//! Commits: making one, and finding one that was made although its answer was lost.
//!
//! The Commits API has no "only if the branch is still there"; what it has is a check for each file against a commit that is
//! known to hold the version one has read (`last_commit_id`). It passes silently when it finds nothing to compare, so the
//! caller must compare the parent of what was made. `force` and `start_sha` are never sent: they rewrite history.

use serde::Serialize;

use super::client::{Client, json};
use super::refusal;
use crate::author::Author;
use crate::body::{Body, Content, Spelling};
use crate::error::{Code, Error};
use crate::fingerprint::Fingerprint;
use crate::host::Reply;
use crate::json;
use crate::request::{Request, Target};

/// Names of the trailer that makes a commit findable.
const TRAILER: &str = "Gitlab-Sync-Operation";
/// Names of the trailer that says which installation made a commit.
const OWNER: &str = "Gitlab-Sync-Owner";
/// Names of the trailer that says where that installation made it: commits are merged and picked from branch to branch.
const BRANCH: &str = "Gitlab-Sync-Branch";
/// Names of the trailer that tells another installation that it is to write there no more.
const TAKES_OVER: &str = "Gitlab-Sync-Takes-Over";
/// Newest commits among which another installation's mark is looked for.
const LATELY: &str = "100";
/// Newest commits among which a lost one is looked for.
const NEWEST: &str = "20";
const OPENING: &[u8] = b"{\"actions\":[";
/// Room for what stands around the actions.
const SPARE: usize = 64 * 1024;
/// What stands around a content: names, a path of usual length, a commit id.
const AROUND: usize = 256;

/// What we read of a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: String,
    /// None for the first one.
    pub parent_ids: Vec<String>,
    /// When, with its offset.
    pub committed_date: Option<String>,
    message: String,
}

json::object!(Commit { id; parent_ids, committed_date, message });

impl Commit {
    /// The mark of the installation that made it on this branch, if it is one of ours.
    pub fn owner(&self, project: u64, branch: &str) -> Option<&str> {
        let value = |trailer| self.message.lines().rev().find_map(|line| value_of(trailer, line));
        let is_here = value(BRANCH).is_none_or(|place| place == place_name(project, branch));
        value(OWNER).filter(|_| is_here)
    }

    /// Whether it tells the installation of this mark that it is to write there no more.
    pub fn takes_over(&self, mark: &str) -> bool {
        self.message.lines().any(|line| value_of(TAKES_OVER, line) == Some(mark))
    }
}

fn place_name(project: u64, branch: &str) -> String {
    format!("{project}:{branch}")
}

fn value_of<'l>(trailer: &str, line: &'l str) -> Option<&'l str> {
    line.strip_prefix(trailer)?.strip_prefix(": ")
}

/// One change of one file.
#[derive(Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// A new file.
    Create {
        /// Where.
        path: &'a str,
        /// What.
        content: Content,
    },
    /// A new content.
    Update {
        /// Where.
        path: &'a str,
        /// What.
        content: Content,
    },
    /// A new name.
    Move {
        /// The new one.
        path: &'a str,
        /// The old one.
        from: &'a str,
    },
    /// The end.
    Delete {
        /// Where.
        path: &'a str,
    },
    /// The executable bit of a file that was there before.
    Chmod {
        /// Where.
        path: &'a str,
        /// Whether set.
        executable: bool,
    },
    /// The executable bit of a file that this very commit creates or moves.
    ChmodNew {
        /// Where.
        path: &'a str,
        /// Whether set.
        executable: bool,
    },
}

#[derive(Serialize)]
struct Wire<'a> {
    action: &'static str,
    file_path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execute_filemode: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_commit_id: Option<&'a str>,
}

/// A commit in the making: its JSON, written action by action, so that no content is held twice.
pub struct Draft {
    body: Body,
    /// How long the body is by now.
    length: usize,
    head: Option<String>,
    budget: usize,
}

impl Draft {
    /// On this head; none for a branch without commits. Contents that are not large weigh about `small` bytes, for which the text of a
    /// draft before may have the room. The first one is taken whatever it weighs; of the others, as many as fit into `budget` bytes.
    pub fn new(head: Option<&str>, mut text: Vec<u8>, small: usize, budget: usize) -> Self {
        text.clear();
        text.reserve_exact(small.min(budget) + SPARE.min(small));
        text.extend_from_slice(OPENING);
        Self { length: text.len(), body: text.into(), head: head.map(str::to_owned), budget }
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.length == OPENING.len()
    }

    /// Whether it is larger than it was to be: a single content was.
    pub fn is_oversized(&self) -> bool {
        self.length > self.budget
    }

    /// Whether contents of so many bytes may fit in beside what is there.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.length as u64 + bytes <= self.budget as u64
    }

    /// These changes, applied after those before them; all, or none if they do not fit into one request with what is there
    /// already. Gives back whether they did.
    #[must_use]
    pub fn add(&mut self, actions: Vec<Action<'_>>) -> bool {
        let weight: usize = actions.iter().map(Action::weight).sum();
        let fits = self.is_empty() || self.length + weight <= self.budget;
        if fits {
            actions.into_iter().for_each(|action| self.write(action));
        }
        fits
    }

    /// An object of its own, and a content as the last of its fields.
    fn write(&mut self, action: Action<'_>) {
        let mut json = if self.is_empty() { Vec::new() } else { vec![b','] };
        serde_json::to_writer(&mut json, &action.wire(self.head.as_deref())).expect("plain data into memory");
        let Some(content) = action.into_content() else { return self.put(&json) };
        json.pop();
        json.extend_from_slice(match content.spelling() {
            Spelling::Text => b",\"encoding\":\"text\",\"content\":\"".as_slice(),
            Spelling::Base64 => b",\"encoding\":\"base64\",\"content\":\"",
        });
        self.put(&json);
        self.length += content.length();
        if content.is_large() {
            self.body.insert(content);
        } else {
            self.make_room(content.length());
            self.body.write(&content);
        }
        self.put(b"\"}");
    }

    fn put(&mut self, json: &[u8]) {
        self.make_room(json.len());
        self.length += json.len();
        self.body.text().extend_from_slice(json);
    }

    /// Doubles like any vector, but not past what one request may hold: a text that grows past its room is held twice for a moment.
    fn make_room(&mut self, more: usize) {
        let (budget, text) = (self.budget, self.body.text());
        if text.capacity() - text.len() < more {
            let room = (text.len() + more).max(budget.min(text.capacity() * 2) + SPARE);
            text.reserve_exact(room - text.len());
        }
    }

    /// The request. Its commit is found again by the operation, which must be equal for equal changes on an equal head.
    pub fn finish(mut self, client: &Client<'_>, place: &Place<'_>, message: &str, operation: &Fingerprint) -> Request {
        let mut message = format!("{}\n\n{TRAILER}: {operation}\n", message.trim_end());
        if let Some(owner) = place.owner {
            message.push_str(&format!("{BRANCH}: {}\n{OWNER}: {owner}\n", place_name(place.project, place.branch)));
        }
        place.takes_over.iter().for_each(|other| message.push_str(&format!("{TAKES_OVER}: {other}\n")));
        let text = self.body.text();
        text.extend_from_slice(b"],\"branch\":");
        serde_json::to_writer(&mut *text, place.branch).expect("plain data into memory");
        text.extend_from_slice(b",\"commit_message\":");
        serde_json::to_writer(&mut *text, &message).expect("plain data into memory");
        if let Some(author) = place.author {
            text.extend_from_slice(b",\"author_name\":");
            serde_json::to_writer(&mut *text, &author.name).expect("plain data into memory");
            text.extend_from_slice(b",\"author_email\":");
            serde_json::to_writer(&mut *text, &author.email).expect("plain data into memory");
        }
        // Counted by GitLab over all that changed, and not read by anyone here.
        text.extend_from_slice(b",\"stats\":false}");
        Request::post(client.instance, commits(place.project), self.body)
    }
}

impl<'a> Action<'a> {
    /// Bytes of its content in JSON, and about what stands around it.
    fn weight(&self) -> usize {
        let content = match self {
            Self::Create { content, .. } | Self::Update { content, .. } => content.length(),
            _ => 0,
        };
        content + AROUND
    }

    fn into_content(self) -> Option<Content> {
        match self {
            Self::Create { content, .. } | Self::Update { content, .. } => Some(content),
            _ => None,
        }
    }

    fn wire<'w>(&self, head: Option<&'w str>) -> Wire<'w>
    where
        'a: 'w,
    {
        let plain = |action, file_path| Wire {
            action,
            file_path,
            previous_path: None,
            execute_filemode: None,
            last_commit_id: None,
        };
        match self {
            Self::Create { path, .. } => plain("create", path),
            Self::Update { path, .. } => Wire { last_commit_id: head, ..plain("update", path) },
            Self::Move { path, from } => {
                Wire { previous_path: Some(from), last_commit_id: head, ..plain("move", path) }
            }
            Self::Delete { path } => Wire { last_commit_id: head, ..plain("delete", path) },
            Self::Chmod { path, executable } => {
                Wire { execute_filemode: Some(*executable), last_commit_id: head, ..plain("chmod", path) }
            }
            Self::ChmodNew { path, executable } => Wire { execute_filemode: Some(*executable), ..plain("chmod", path) },
        }
    }
}

/// Which branch of which project.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// By number.
    pub project: u64,
    /// By name.
    pub branch: &'a str,
    /// The mark of who writes there.
    pub owner: Option<&'a str>,
    /// The marks of those who are to write there no more.
    pub takes_over: &'a [String],
    /// Who is named as the author. None: the token's user.
    pub author: Option<&'a Author>,
}

/// Sends it. An answer that leaves open whether it happened is settled by looking for the operation in the branch; nothing is
/// ever sent twice.
pub fn send(
    client: &Client<'_>,
    place: &Place<'_>,
    request: &Request,
    operation: &Fingerprint,
) -> Result<Commit, Error> {
    let outcome = client.send_raw(request);
    let ambiguous = match &outcome {
        Ok(reply) => reply.status >= 500,
        Err(error) => error.is_ambiguous(),
    };
    let rule = outcome.as_ref().ok().and_then(rule_text);
    let error = match client.checked(request, outcome) {
        Ok(reply) => match json(request, &reply) {
            Ok(commit) => return Ok(commit),
            Err(error) => error,
        },
        Err(error) if !ambiguous => {
            let unknown = error.code == Code::UnexpectedReply;
            return Err(rule.filter(|_| unknown).map_or(error, |text| Error::because(Code::PushRule, &text)));
        }
        Err(error) => error,
    };
    match find(client, place, operation) {
        Ok(Some(commit)) => Ok(commit),
        _ => Err(error),
    }
}

/// Push rules, hooks and secret protection answer 400 with a text of their own; GitLab's own checks of a request have a prefix.
fn rule_text(reply: &Reply) -> Option<String> {
    refusal::words(reply).filter(|text| reply.status == 400 && !text.starts_with("400 Bad request"))
}

/// The commit of this operation among the branch's newest.
pub fn find(client: &Client<'_>, place: &Place<'_>, operation: &Fingerprint) -> Result<Option<Commit>, Error> {
    let target = newest(place.project, place.branch);
    let commits: Vec<Commit> = client.read(target)?;
    let trailer = format!("{TRAILER}: {operation}");
    let is_it = |commit: &Commit| commit.message.lines().any(|line| line == trailer);
    Ok(commits.into_iter().find(is_it))
}

/// Where commits are made.
pub fn commits(project: u64) -> Target {
    Target::project(project, "repository/commits")
}

/// The branch's newest commits.
pub fn newest(project: u64, branch: &str) -> Target {
    commits(project).query("ref_name", branch).query("per_page", NEWEST)
}

/// The branch's newest commits that touched a directory.
pub fn newest_below(project: u64, branch: &str, directory: Option<&str>) -> Target {
    let target = commits(project).query("ref_name", branch).query("per_page", LATELY);
    directory.map_or(target.clone(), |directory| target.query("path", directory))
}
