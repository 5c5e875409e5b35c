//! One branch of one project: commits as whole trees, and the Commits API's checks in GitLab's order.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use gitlab_sync_connector::blob::BlobId;
use gitlab_sync_connector::body::Body;
use gitlab_sync_connector::host::{HttpError, Reply};
use gitlab_sync_connector::request::{Method, Request};
use serde_json::{Value, json};

type Files = BTreeMap<String, (Vec<u8>, bool)>;

#[derive(Clone)]
struct Commit {
    id: String,
    parent: Option<usize>,
    files: Files,
    message: String,
}

/// How a server answers.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Manner {
    #[default]
    Usual,
    /// It knows no listing without pages; the folders come first, on a page of their own.
    Pages,
    /// Comparisons take it too long: they are cut short.
    CutsShort,
    /// It speaks the language of the token's user.
    InPolish,
}

/// The branch `main` of project 7.
#[derive(Clone, Default)]
pub(crate) struct Branch {
    commits: Vec<Commit>,
    tip: Option<usize>,
    /// How many requests came.
    pub(crate) requests: usize,
    /// How many of them were for an archive.
    pub(crate) archives: usize,
    /// How its server deviates from the newest, if it does.
    pub(crate) manner: Manner,
}

impl Branch {
    /// The files at its head.
    pub(crate) fn files(&self) -> Files {
        self.tip.map(|tip| self.commits[tip].files.clone()).unwrap_or_default()
    }

    /// Every content that its history has.
    pub(crate) fn ever(&self) -> impl Iterator<Item = &[u8]> {
        let commits = self.tip.into_iter().flat_map(|tip| self.history(tip)).map(|at| &self.commits[at]);
        commits.flat_map(|commit| commit.files.values().map(|(bytes, _)| bytes.as_slice()))
    }

    /// A commit and all before it.
    fn history(&self, tip: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(tip), |at| self.commits[*at].parent)
    }

    /// How many commits were made.
    pub(crate) fn len(&self) -> usize {
        self.commits.len()
    }

    /// Someone else commits.
    pub(crate) fn edit(&mut self, edit: impl FnOnce(&mut Files)) {
        let mut files = self.files();
        edit(&mut files);
        self.commit(files, "by hand".into(), self.tip);
    }

    /// Someone else rewrites history: a commit without parent takes its place.
    pub(crate) fn rewrite(&mut self, edit: impl FnOnce(&mut Files)) {
        let mut files = self.files();
        edit(&mut files);
        self.commit(files, "rewritten".into(), None);
    }

    fn commit(&mut self, files: Files, message: String, parent: Option<usize>) {
        let id = BlobId::of(format!("commit {}", self.commits.len()).as_bytes()).to_string();
        self.commits.push(Commit { id, parent, files, message });
        self.tip = Some(self.commits.len() - 1);
    }

    /// Answers one request.
    pub(crate) fn answer(&mut self, request: &Request) -> Result<Reply, HttpError> {
        self.requests += 1;
        let path = request.target.path().strip_prefix("/api/v4/").unwrap_or_default().to_owned();
        let (status, body) = match (request.method, path.as_str()) {
            (Method::Get, "projects/7") => (200, project()),
            (Method::Get, "projects/7/repository/branches/main") => self.head(),
            (Method::Get, "projects/7/repository/tree") if self.manner == Manner::Pages => {
                return Ok(self.page(&request.target.to_string()));
            }
            (Method::Get, "projects/7/repository/tree") => self.tree(&request.target.to_string()),
            (Method::Get, "projects/7/repository/commits") => (200, self.newest()),
            (Method::Post, "projects/7/repository/commits") => self.post(&body(request)),
            (Method::Get, "projects/7/repository/compare") => self.compare(&request.target.to_string()),
            (Method::Post, "") => self.graphql(&body(request)),
            (Method::Get, "projects/7/repository/archive.tar") => {
                self.archives += 1;
                return Ok(self.archive());
            }
            (Method::Get, blob) => return Ok(self.raw(blob)),
            _ => (404, json!({"error": "404 Not Found"})),
        };
        Ok(Reply { status, headers: Vec::new(), body: body.to_string().into_bytes() })
    }

    fn head(&self) -> (u16, Value) {
        match self.tip {
            Some(tip) => (200, json!({"name": "main", "commit": self.described(tip), "can_push": true})),
            None => (404, json!({"message": "404 Branch Not Found"})),
        }
    }

    fn tree(&self, target: &str) -> (u16, Value) {
        let wanted = target.split("ref=").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or_default();
        let Some(commit) = self.commits.iter().find(|commit| commit.id == wanted) else {
            return (404, json!({"message": "404 Tree Not Found"}));
        };
        let entry = |(path, (bytes, executable)): (&String, &(Vec<u8>, bool))| {
            let mode = if *executable { "100755" } else { "100644" };
            json!({"id": BlobId::of(bytes).to_string(), "type": "blob", "path": path, "mode": mode, "name": path})
        };
        (200, commit.files.iter().map(entry).collect())
    }

    /// Folders on the first page, files on the second.
    fn page(&self, target: &str) -> Reply {
        let folder = json!([{"id": "0".repeat(40), "type": "tree", "path": "docs", "mode": "040000", "name": "docs"}]);
        let is_second = target.contains("page_token=two");
        let (status, items) = if is_second { self.tree(target) } else { (200, folder) };
        let next = "<https://gitlab.example.com/api/v4/x?page_token=two>; rel=\"next\"";
        let headers = if is_second { Vec::new() } else { vec![("link".to_owned(), next.to_owned())] };
        Reply { status, headers, body: items.to_string().into_bytes() }
    }

    fn compare(&self, target: &str) -> (u16, Value) {
        let from = target.split("from=").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or_default();
        let from = self.commits.iter().position(|commit| commit.id == from);
        let (Some(from), Some(tip)) = (from, self.tip) else {
            return (404, json!({"message": "404 Ref Not Found"}));
        };
        let (old, new) = (&self.commits[from].files, &self.commits[tip].files);
        let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let is_cut = self.manner == Manner::CutsShort;
        let diffs: Vec<Value> = paths
            .into_iter()
            .filter(|path| old.get(*path) != new.get(*path))
            .take(if is_cut { 2 } else { usize::MAX })
            .map(|path| json!({"old_path": path, "new_path": path, "deleted_file": !new.contains_key(path)}))
            .collect();
        let known: Vec<usize> = self.history(from).collect();
        let mut between: Vec<Value> =
            self.history(tip).filter(|at| !known.contains(at)).map(|at| self.described(at)).collect();
        between.reverse();
        let told = json!({
            "commit": between.last(),
            "commits": between,
            "diffs": diffs,
            "compare_timeout": is_cut,
            "compare_same_ref": from == tip,
        });
        (200, told)
    }

    fn graphql(&self, body: &[u8]) -> (u16, Value) {
        let body: Value = serde_json::from_slice(body).expect("the connector sends JSON");
        let paths = body["variables"]["paths"].as_array().expect("paths");
        if paths.len() > 30 {
            let message = "Query has complexity of 301, which exceeds max complexity of 250";
            return (200, json!({"errors": [{"message": message}]}));
        }
        let commit = self.commits.iter().find(|commit| body["variables"]["ref"] == commit.id).expect("a commit");
        let node = |path: &Value| {
            let path = path.as_str()?;
            let (bytes, executable) = commit.files.get(path)?;
            let mode = if *executable { "100755" } else { "100644" };
            let text = String::from_utf8_lossy(bytes);
            Some(json!({"path": path, "mode": mode, "oid": BlobId::of(bytes).to_string(), "rawBlob": text}))
        };
        let nodes: Vec<Value> = paths.iter().filter_map(node).collect();
        (200, json!({"data": {"project": {"repository": {"blobs": {"nodes": nodes}}}}}))
    }

    fn newest(&self) -> Value {
        let mut commits = Vec::new();
        let mut at = self.tip;
        while let Some(index) = at.filter(|_| commits.len() < 20) {
            commits.push(self.described(index));
            at = self.commits[index].parent;
        }
        Value::Array(commits)
    }

    fn described(&self, index: usize) -> Value {
        let commit = &self.commits[index];
        let parents: Vec<&str> = commit.parent.iter().map(|parent| self.commits[*parent].id.as_str()).collect();
        json!({"id": commit.id, "parent_ids": parents, "message": commit.message})
    }

    fn raw(&self, path: &str) -> Reply {
        let id = path.strip_prefix("projects/7/repository/blobs/").and_then(|rest| rest.strip_suffix("/raw"));
        let found = self.ever().find(|bytes| id == Some(BlobId::of(bytes).to_string().as_str()));
        match found {
            Some(bytes) => Reply { status: 200, headers: Vec::new(), body: bytes.to_vec() },
            None => {
                let body = json!({"message": "404 Blob Not Found"}).to_string().into_bytes();
                Reply { status: 404, headers: Vec::new(), body }
            }
        }
    }

    /// The head as a tar. Files whose names hold `ignored` are left out and those with `changed` differ, as attributes can do.
    fn archive(&self) -> Reply {
        let mut body = Vec::new();
        for (path, (bytes, _)) in self.files() {
            if path.contains("ignored") {
                continue;
            }
            let changed = [&bytes[..], b"!"].concat();
            let content = if path.contains("changed") { &changed } else { &bytes };
            let mut block = vec![0; 512];
            let name = format!("docs-main/{path}");
            block[..name.len()].copy_from_slice(name.as_bytes());
            block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
            block[148..157].copy_from_slice(b"        0");
            let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            body.extend(block);
            body.extend_from_slice(content);
            body.resize(body.len().next_multiple_of(512), 0);
        }
        body.resize(body.len() + 1024, 0);
        Reply { status: 200, headers: Vec::new(), body }
    }

    fn post(&mut self, body: &[u8]) -> (u16, Value) {
        let body: Value = serde_json::from_slice(body).expect("the connector sends JSON");
        let mut files = self.files();
        for action in body["actions"].as_array().expect("actions") {
            if let Err(message) = self.apply(&mut files, action) {
                let message =
                    if self.manner == Manner::InPolish { "Plik został zmieniony".to_owned() } else { message };
                return (400, json!({"message": message}));
            }
        }
        self.commit(files, body["commit_message"].as_str().expect("a message").into(), self.tip);
        (201, self.described(self.commits.len() - 1))
    }

    fn apply(&self, files: &mut Files, action: &Value) -> Result<(), String> {
        let text = |name: &str| action[name].as_str();
        let path = text("file_path").expect("a path").to_owned();
        let kind = text("action").expect("an action");
        let from = text("previous_path").unwrap_or(&path).to_owned();
        if let Some(known) = text("last_commit_id")
            && self.has_changed(&from, known)
        {
            return Err(format!("The file has changed since you started editing it: {from}"));
        }
        let content = || match (text("encoding"), text("content").expect("content")) {
            (Some("base64"), content) => base64::engine::general_purpose::STANDARD.decode(content).expect("base64"),
            (_, content) => content.as_bytes().to_vec(),
        };
        let missing = || "A file with this name doesn't exist".to_owned();
        match kind {
            "create" if files.contains_key(&path) => return Err("A file with this name already exists".into()),
            "create" => drop(files.insert(path, (content(), false))),
            "update" => files.get_mut(&path).ok_or_else(missing)?.0 = content(),
            "delete" => drop(files.remove(&path).ok_or_else(missing)?),
            "chmod" => {
                files.get_mut(&path).ok_or_else(missing)?.1 = action["execute_filemode"].as_bool().expect("a mode");
            }
            "move" if files.contains_key(&path) => return Err("A file with this name already exists".into()),
            "move" => {
                let moved = files.remove(&from).ok_or_else(missing)?;
                files.insert(path, moved);
            }
            other => panic!("action `{other}`"),
        }
        Ok(())
    }

    /// As GitLab has it: unknown on either side passes.
    fn has_changed(&self, path: &str, known: &str) -> bool {
        let known = self.commits.iter().position(|commit| commit.id == known);
        match (self.last_touch(path, self.tip), self.last_touch(path, known)) {
            (Some(now), Some(then)) => now != then,
            _ => false,
        }
    }

    fn last_touch(&self, path: &str, from: Option<usize>) -> Option<usize> {
        let mut at = from;
        while let Some(index) = at {
            let parent = self.commits[index].parent;
            let before = parent.and_then(|parent| self.commits[parent].files.get(path));
            let here = self.commits[index].files.get(path);
            if here != before {
                return Some(index);
            }
            at = parent;
        }
        None
    }
}

fn body(request: &Request) -> Vec<u8> {
    request.body.as_ref().map_or_else(Vec::new, Body::to_bytes)
}

fn project() -> Value {
    json!({"id": 7, "path_with_namespace": "group/docs", "default_branch": "main", "empty_repo": true})
}
