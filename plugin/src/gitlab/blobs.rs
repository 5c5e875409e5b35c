//! Ids, modes and contents of many files by their paths, in one GraphQL request.
//!
//! A query has a price, and what a path costs differs between versions of GitLab, so a batch that is refused is asked again in
//! halves. Texts come as JSON, in which bytes that are not UTF-8 are lost: a content only counts if its id says so.

use serde::{Deserialize, Serialize};

use super::client::Client;
use crate::blob::BlobId;
use crate::request::{Request, Target};
use crate::tree::Mode;

/// The only query there is; the permission table holds it word for word.
pub const QUERY: &str = "query($project:ID!,$ref:String!,$paths:[String!]!){project(fullPath:$project){repository{\
                         blobs(ref:$ref,paths:$paths,first:100){nodes{path mode oid rawBlob}}}}}";
/// Paths in one request.
const BATCH: usize = 100;
/// Below this a refusal is not about the price.
const LEAST: usize = 8;

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

#[derive(Deserialize)]
struct Answer {
    data: Option<Data>,
    errors: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Data {
    project: Option<Project>,
}

#[derive(Deserialize)]
struct Project {
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    blobs: Option<Nodes>,
}

#[derive(Deserialize)]
struct Nodes {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    path: String,
    mode: Option<String>,
    oid: String,
    raw_blob: Option<String>,
}

/// The request for these paths at a commit. GraphQL knows projects by path only.
pub fn request(client: &Client<'_>, project: &str, commit: &str, paths: &[String]) -> Request {
    let body = Body { query: QUERY, variables: Variables { project, reference: commit, paths } };
    let json = serde_json::to_vec(&body).expect("plain data");
    Request::post(client.instance, Target::graphql(), json)
}

/// Those of the files that are there. None: it cannot be known this way.
pub fn fetch(client: &Client<'_>, project: &str, commit: &str, paths: &[String]) -> Option<Vec<Found>> {
    let mut found = Vec::with_capacity(paths.len());
    let (mut at, mut batch) = (0, BATCH);
    while at < paths.len() {
        let some = &paths[at..paths.len().min(at + batch)];
        match ask(client, project, commit, some) {
            Some(nodes) => {
                found.extend(nodes);
                at += some.len();
            }
            None if some.len() > LEAST => batch = some.len() / 2,
            None => return None,
        }
    }
    Some(found)
}

fn ask(client: &Client<'_>, project: &str, commit: &str, paths: &[String]) -> Option<Vec<Found>> {
    let reply = client.send(&request(client, project, commit, paths)).ok()?;
    let answer: Answer = serde_json::from_slice(&reply.body).ok()?;
    let nodes = answer.data?.project?.repository?.blobs?.nodes;
    if answer.errors.is_some() || nodes.len() > paths.len() {
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
