//! Ids, modes and contents of many files by their paths, in one GraphQL request. Contents that are large are left out: as JSON they
//! can be three times as large, and are read one by one.
//!
//! A query has a price, and what a path costs differs between versions of GitLab, so a batch that is refused is asked again in
//! halves. Texts come as JSON, in which bytes that are not UTF-8 are lost: a content only counts if its id says so.

use std::ops::ControlFlow;

use serde::Serialize;

use super::client::Client;
use crate::blob::BlobId;
use crate::host::HttpError;
use crate::json::{self, Anything};
use crate::request::{Request, Target};
use crate::tree::Mode;

/// One of two queries there are; the permission table holds them word for word.
pub const QUERY: &str = "query($project:ID!,$ref:String!,$paths:[String!]!){project(fullPath:$project){repository{\
                         blobs(ref:$ref,paths:$paths,first:100){nodes{path mode oid rawBlob}}}}}";
/// The same without contents.
pub const IDS_QUERY: &str = "query($project:ID!,$ref:String!,$paths:[String!]!){project(fullPath:$project){repository{\
                             blobs(ref:$ref,paths:$paths,first:100){nodes{path mode oid}}}}}";
/// Of a reply with contents: held twice while it is read, and far below the memory of a call.
const MOST_REPLY: usize = 8 * 1024 * 1024;
/// Paths in one request.
const BATCH: usize = 100;
/// Below this a refusal is not about the price.
const LEAST: usize = 8;

/// How the requests of one call go.
pub struct Batches {
    /// Paths in one request: fewer after a refusal.
    size: usize,
    /// How many there were.
    pub sent: usize,
}

impl Default for Batches {
    fn default() -> Self {
        Self { size: BATCH, sent: 0 }
    }
}

/// One file as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub path: String,
    /// Its id.
    pub blob: BlobId,
    /// None for a symbolic link.
    pub mode: Option<Mode>,
    /// None where JSON could not carry it.
    pub content: Option<Vec<u8>>,
}

#[derive(Serialize)]
struct Body<'a> {
    query: &'static str,
    variables: Variables<'a>,
}

#[derive(Serialize)]
struct Variables<'a> {
    project: &'a str,
    #[serde(rename = "ref")]
    reference: &'a str,
    paths: &'a [String],
}

#[derive(Default)]
struct Answer {
    data: Option<Data>,
    errors: Option<Anything>,
}

#[derive(Default)]
struct Data {
    project: Option<Project>,
}

#[derive(Default)]
struct Project {
    repository: Option<Repository>,
}

#[derive(Default)]
struct Repository {
    blobs: Option<Nodes>,
}

#[derive(Default)]
struct Nodes {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    path: String,
    mode: Option<String>,
    oid: String,
    raw_blob: Option<String>,
}

json::object!(Answer { ; data, errors });
json::object!(Data { ; project });
json::object!(Project { ; repository });
json::object!(Repository { ; blobs });
json::object!(Nodes { nodes; });
json::object!(Node { path, oid; mode, raw_blob as "rawBlob" });

/// The request for these paths at a commit. GraphQL knows projects by path only.
pub fn request(client: &Client<'_>, query: &'static str, project: &str, commit: &str, paths: &[String]) -> Request {
    let body = Body { query, variables: Variables { project, reference: commit, paths } };
    let json = serde_json::to_vec(&body).expect("plain data");
    Request::post(client.instance, Target::graphql(), json)
}

/// Those of the files that are there. None: it cannot be known this way.
pub fn fetch(
    client: &Client<'_>,
    project: &str,
    commit: &str,
    paths: &[String],
    batches: &mut Batches,
) -> Option<Vec<Found>> {
    let mut found = Vec::with_capacity(paths.len());
    let mut at = 0;
    while at < paths.len() {
        let some = &paths[at..paths.len().min(at + batches.size)];
        batches.sent += 1;
        let nodes = match ask(client, QUERY, project, commit, some) {
            Answered::Files(nodes) => nodes,
            Answered::Refused if some.len() > LEAST => {
                batches.size = some.len() / 2;
                continue;
            }
            // GitLab gives at most 20 MB of contents in one reply, and we take less.
            Answered::Refused | Answered::TooLarge => {
                batches.sent += 1;
                match ask(client, IDS_QUERY, project, commit, some) {
                    Answered::Files(nodes) => nodes,
                    Answered::Refused | Answered::TooLarge => return None,
                }
            }
        };
        found.extend(nodes);
        at += some.len();
    }
    Some(found)
}

/// What came of one request.
enum Answered {
    Files(Vec<Found>),
    TooLarge,
    Refused,
}

fn ask(client: &Client<'_>, query: &'static str, project: &str, commit: &str, paths: &[String]) -> Answered {
    let request = request(client, query, project, commit, paths);
    let mut body = Vec::new();
    let outcome = client.stream(&request, &mut |bytes| {
        body.extend_from_slice(bytes);
        if body.len() > MOST_REPLY { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if body.len() > MOST_REPLY || outcome == Err(HttpError::ReplyTooLarge) {
        return Answered::TooLarge;
    }
    match client.checked(&request, outcome).ok().and_then(|_| files(&body, paths.len())) {
        Some(files) => Answered::Files(files),
        None => Answered::Refused,
    }
}

fn files(body: &[u8], most: usize) -> Option<Vec<Found>> {
    let answer: Answer = json::read(body).ok()?;
    let nodes = answer.data?.project?.repository?.blobs?.nodes;
    if answer.errors.is_some() || nodes.len() > most {
        return None;
    }
    nodes.into_iter().map(Node::found).collect()
}

impl Node {
    fn found(self) -> Option<Found> {
        let blob: BlobId = self.oid.parse().ok()?;
        let mode = match self.mode.as_deref()? {
            "100644" => Some(Mode::Regular),
            "100755" => Some(Mode::Executable),
            _ => None,
        };
        let content = self.raw_blob.map(String::into_bytes).filter(|bytes| BlobId::of(bytes) == blob);
        Some(Found { path: self.path, blob, mode, content })
    }
}
