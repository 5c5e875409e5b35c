//! How the component reaches the workspace: `wit/files.wit` over [`Workspace`](super::Workspace).
//!
//! Decided here: whether this connection has a workspace at all and may change it. Everything else is the workspace's to say.

use super::{
    Batch, Change, Delete, Entry, Expectation, FileError, Skipped, Version, Workspace, WorkspacePath, Write, news,
};
use crate::audit::FileBatch;
use crate::bindings::gitlab_sync::connector::files as wit;
use crate::call::CallState;
use crate::manifest::WorkspaceUse;
use crate::trail::Trail;
use std::sync::Arc;

/// A call's use of the workspace.
pub(crate) struct LentFiles {
    workspace: Option<Arc<dyn Workspace>>,
    allowed: WorkspaceUse,
    trail: Arc<Trail>,
}

impl LentFiles {
    /// `allowed` is what both the profile and the grant say.
    pub(crate) fn new(workspace: Option<Arc<dyn Workspace>>, allowed: WorkspaceUse, trail: Arc<Trail>) -> Self {
        Self { workspace, allowed, trail }
    }

    /// Waits until all that the call has written is on disk.
    pub(crate) async fn settle(&self) -> Result<(), FileError> {
        match &self.workspace {
            Some(workspace) => workspace.settle().await,
            None => Ok(()),
        }
    }

    fn reading(&self) -> Result<Arc<dyn Workspace>, wit::FileError> {
        self.having(WorkspaceUse::Read, "workspace = \"read\"")
    }

    fn writing(&self) -> Result<Arc<dyn Workspace>, wit::FileError> {
        self.having(WorkspaceUse::ReadWrite, "workspace = \"read-write\"")
    }

    fn having(&self, needed: WorkspaceUse, line: &str) -> Result<Arc<dyn Workspace>, wit::FileError> {
        if self.allowed < needed {
            let denial = format!("the grant and the profile do not both allow it; add `{line}` to the grant");
            return Err(wit::FileError::Denied(denial));
        }
        self.workspace.clone().ok_or_else(|| wit::FileError::Denied("the product lends no workspace".into()))
    }
}

impl wit::Host for CallState {
    async fn list(
        &mut self,
        prefix: String,
        after: Option<String>,
    ) -> wasmtime::Result<Result<wit::Listing, wit::FileError>> {
        self.count_host_call()?;
        Ok(list(&self.lent.files, &prefix, after.as_deref()).await)
    }

    async fn list_news(
        &mut self,
        known: Vec<u64>,
        paths: Vec<String>,
    ) -> wasmtime::Result<Result<wit::News, wit::FileError>> {
        self.count_host_call()?;
        Ok(news(&self.lent.files, known, &paths).await)
    }

    async fn look(&mut self, paths: Vec<String>) -> wasmtime::Result<Result<Vec<Option<wit::Entry>>, wit::FileError>> {
        self.count_host_call()?;
        Ok(look(&self.lent.files, &paths).await)
    }

    async fn read(&mut self, paths: Vec<String>) -> wasmtime::Result<Result<Vec<wit::Content>, wit::FileError>> {
        self.count_host_call()?;
        Ok(read(&self.lent.files, &paths).await)
    }

    async fn apply(&mut self, batch: Vec<wit::Change>) -> wasmtime::Result<Result<Vec<String>, wit::FileError>> {
        self.count_host_call()?;
        let mut record = file_batch(&batch);
        let outcome = apply(&self.lent.files, batch).await;
        record.outcome = outcome.as_ref().map_or_else(outcome_word, |_| "done").into();
        self.lent.files.trail.files(record);
        Ok(outcome)
    }
}

async fn list(files: &LentFiles, prefix: &str, after: Option<&str>) -> Result<wit::Listing, wit::FileError> {
    let below = if prefix.is_empty() { None } else { Some(parse(prefix)?) };
    let listing = files.reading()?.list(below.as_ref(), after).await?;
    Ok(wit::Listing {
        entries: listing.entries.into_iter().map(wit::Entry::from).collect(),
        skipped: listing.skipped.into_iter().map(wit::Skipped::from).collect(),
        more: listing.more,
    })
}

async fn news(files: &LentFiles, known: Vec<u64>, paths: &[String]) -> Result<wit::News, wit::FileError> {
    let paths = paths.iter().map(|path| parse(path)).collect::<Result<Vec<_>, _>>()?;
    let news = news::news(&*files.reading()?, known, &paths).await?;
    Ok(wit::News {
        entries: news.entries.into_iter().map(wit::Entry::from).collect(),
        skipped: news.skipped.into_iter().map(wit::Skipped::from).collect(),
        missing: news.missing,
        too_many: news.too_many,
    })
}

async fn look(files: &LentFiles, paths: &[String]) -> Result<Vec<Option<wit::Entry>>, wit::FileError> {
    let paths = paths.iter().map(|path| parse(path)).collect::<Result<Vec<_>, _>>()?;
    let found = files.reading()?.look(&paths).await?;
    Ok(found.into_iter().map(|entry| entry.map(wit::Entry::from)).collect())
}

async fn read(files: &LentFiles, paths: &[String]) -> Result<Vec<wit::Content>, wit::FileError> {
    let paths = paths.iter().map(|path| parse(path)).collect::<Result<Vec<_>, _>>()?;
    let contents = files.reading()?.read(&paths).await?;
    Ok(contents
        .into_iter()
        .map(|content| wit::Content {
            path: content.path.to_string(),
            bytes: content.bytes,
            version: content.version.as_str().into(),
        })
        .collect())
}

async fn apply(files: &LentFiles, batch: Vec<wit::Change>) -> Result<Vec<String>, wit::FileError> {
    let workspace = files.writing()?;
    let changes = batch.into_iter().map(change).collect::<Result<Vec<_>, _>>()?;
    let versions = workspace.begin(Batch::new(changes)?).await?;
    Ok(versions.into_iter().map(|version| version.as_str().into()).collect())
}

fn change(change: wit::Change) -> Result<Change, wit::FileError> {
    Ok(match change {
        wit::Change::Write(write) => Change::Write(Write {
            path: parse(&write.path)?,
            bytes: write.bytes,
            executable: write.executable,
            expected: expectation(write.expected),
        }),
        wit::Change::Delete(delete) => {
            Change::Delete(Delete { path: parse(&delete.path)?, expected: expectation(delete.expected) })
        }
    })
}

fn expectation(wit: wit::Expectation) -> Expectation {
    match wit {
        wit::Expectation::Absent => Expectation::Absent,
        wit::Expectation::Version(version) => Expectation::Version(Version::new(version)),
    }
}

fn parse(path: &str) -> Result<WorkspacePath, wit::FileError> {
    WorkspacePath::parse(path).map_err(|error| wit::FileError::UnsafePath((path.into(), error.to_string())))
}

fn file_batch(batch: &[wit::Change]) -> FileBatch {
    let sizes = batch.iter().filter_map(|change| match change {
        wit::Change::Write(write) => Some(write.bytes.len() as u64),
        wit::Change::Delete(_) => None,
    });
    let (writes, bytes) = sizes.fold((0, 0), |(writes, bytes), size| (writes + 1, bytes + size));
    FileBatch { writes, deletes: batch.len() as u64 - writes, bytes, outcome: String::new() }
}

/// For the audit trail: the kind of failure, without paths.
fn outcome_word(error: &wit::FileError) -> &'static str {
    match error {
        wit::FileError::Changed(_) => "changed",
        wit::FileError::UnsafePath(_) => "unsafe-path",
        wit::FileError::NotFound(_) => "not-found",
        wit::FileError::TooLarge(_) => "too-large",
        wit::FileError::Denied(_) => "denied",
        wit::FileError::Storage(_) => "storage",
    }
}

impl From<Entry> for wit::Entry {
    fn from(entry: Entry) -> Self {
        Self {
            path: entry.path.to_string(),
            size: entry.size,
            version: entry.version.as_str().into(),
            executable: entry.executable,
        }
    }
}

impl From<Skipped> for wit::Skipped {
    fn from(skipped: Skipped) -> Self {
        Self { path: skipped.path, reason: skipped.reason }
    }
}

impl From<FileError> for wit::FileError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Changed(paths) => Self::Changed(paths.iter().map(ToString::to_string).collect()),
            FileError::UnsafePath { path, reason } => Self::UnsafePath((path, reason)),
            FileError::NotFound(path) => Self::NotFound(path.to_string()),
            FileError::TooLarge { limit } => Self::TooLarge(limit),
            // What the system said stays here; what to do about it is in words of ours.
            FileError::Storage { .. } => Self::Storage(match error.hint() {
                Some(hint) => format!("{error}: {hint}"),
                None => error.to_string(),
            }),
        }
    }
}
