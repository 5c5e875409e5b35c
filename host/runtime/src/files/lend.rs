//! How the component reaches the workspace: `wit/files.wit` over [`Workspace`](super::Workspace).
//!
//! Decided here: whether this connection has a workspace at all and may change it. Everything else is the workspace's to say.

use super::underway::{Outcome, Underway, outcome_word};
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
    underway: Underway,
    /// What the audit trail will say of it.
    record: FileBatch,
}

impl LentFiles {
    /// `allowed` is what both the profile and the grant say.
    pub(crate) fn new(workspace: Option<Arc<dyn Workspace>>, allowed: WorkspaceUse, trail: Arc<Trail>) -> Self {
        Self { workspace, allowed, trail, underway: Underway::default(), record: FileBatch::default() }
    }

    /// Waits until all that the call has written is on disk.
    pub(crate) async fn settle(&mut self) -> Result<(), FileError> {
        self.wait().await;
        match &self.workspace {
            Some(workspace) => workspace.settle().await,
            None => Ok(()),
        }
    }

    async fn reading(&mut self) -> Result<Arc<dyn Workspace>, wit::FileError> {
        self.wait().await;
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

    async fn apply(&mut self, batch: Vec<wit::Change>) -> Outcome {
        self.wait().await;
        if self.underway.is_untold() {
            return Err(wit::FileError::Storage("what became of the batch before was not asked".into()));
        }
        self.hand_over(batch).await;
        self.tell().await
    }

    async fn apply_ahead(&mut self, batch: Vec<wit::Change>) -> Outcome {
        let before = self.tell().await?;
        if !batch.is_empty() {
            self.hand_over(batch).await;
        }
        Ok(before)
    }

    async fn hand_over(&mut self, batch: Vec<wit::Change>) {
        self.record = file_batch(&batch);
        match self.writing().and_then(|workspace| Ok((workspace, changes(batch)?))) {
            Ok((workspace, batch)) => self.underway.begin(workspace, batch).await,
            Err(refused) => {
                self.put_down(outcome_word(&refused));
                self.underway.refuse(refused);
            }
        }
    }

    async fn tell(&mut self) -> Outcome {
        self.wait().await;
        self.underway.tell()
    }

    /// Until nothing is being made any more.
    async fn wait(&mut self) {
        if let Some(word) = self.underway.wait().await {
            self.put_down(word);
        }
    }

    fn put_down(&mut self, outcome: &str) {
        self.trail.files(FileBatch { outcome: outcome.into(), ..std::mem::take(&mut self.record) });
    }
}

impl wit::Host for CallState {
    async fn list(
        &mut self,
        prefix: String,
        after: Option<String>,
    ) -> wasmtime::Result<Result<wit::Listing, wit::FileError>> {
        self.count_host_call()?;
        Ok(list(&mut self.lent.files, &prefix, after.as_deref()).await)
    }

    async fn list_news(
        &mut self,
        known: Vec<u64>,
        paths: Vec<String>,
    ) -> wasmtime::Result<Result<wit::News, wit::FileError>> {
        self.count_host_call()?;
        Ok(news(&mut self.lent.files, known, &paths).await)
    }

    async fn look(&mut self, paths: Vec<String>) -> wasmtime::Result<Result<Vec<Option<wit::Entry>>, wit::FileError>> {
        self.count_host_call()?;
        Ok(look(&mut self.lent.files, &paths).await)
    }

    async fn read(&mut self, paths: Vec<String>) -> wasmtime::Result<Result<Vec<wit::Content>, wit::FileError>> {
        self.count_host_call()?;
        Ok(read(&mut self.lent.files, &paths).await)
    }

    async fn apply(&mut self, batch: Vec<wit::Change>) -> wasmtime::Result<Result<Vec<String>, wit::FileError>> {
        self.count_host_call()?;
        Ok(self.lent.files.apply(batch).await)
    }

    async fn apply_ahead(&mut self, batch: Vec<wit::Change>) -> wasmtime::Result<Result<Vec<String>, wit::FileError>> {
        self.count_host_call()?;
        Ok(self.lent.files.apply_ahead(batch).await)
    }
}

async fn list(files: &mut LentFiles, prefix: &str, after: Option<&str>) -> Result<wit::Listing, wit::FileError> {
    let below = if prefix.is_empty() { None } else { Some(parse(prefix)?) };
    let listing = files.reading().await?.list(below.as_ref(), after).await?;
    Ok(wit::Listing {
        entries: listing.entries.into_iter().map(wit::Entry::from).collect(),
        skipped: listing.skipped.into_iter().map(wit::Skipped::from).collect(),
        more: listing.more,
    })
}

async fn news(files: &mut LentFiles, known: Vec<u64>, paths: &[String]) -> Result<wit::News, wit::FileError> {
    let paths = paths.iter().map(|path| parse(path)).collect::<Result<Vec<_>, _>>()?;
    let news = news::news(&*files.reading().await?, known, &paths).await?;
    Ok(wit::News {
        entries: news.entries.into_iter().map(wit::Entry::from).collect(),
        skipped: news.skipped.into_iter().map(wit::Skipped::from).collect(),
        missing: news.missing,
        too_many: news.too_many,
    })
}

async fn look(files: &mut LentFiles, paths: &[String]) -> Result<Vec<Option<wit::Entry>>, wit::FileError> {
    let paths = paths.iter().map(|path| parse(path)).collect::<Result<Vec<_>, _>>()?;
    let found = files.reading().await?.look(&paths).await?;
    Ok(found.into_iter().map(|entry| entry.map(wit::Entry::from)).collect())
}

async fn read(files: &mut LentFiles, paths: &[String]) -> Result<Vec<wit::Content>, wit::FileError> {
    let paths = paths.iter().map(|path| parse(path)).collect::<Result<Vec<_>, _>>()?;
    let contents = files.reading().await?.read(&paths).await?;
    Ok(contents
        .into_iter()
        .map(|content| wit::Content {
            path: content.path.to_string(),
            bytes: content.bytes,
            version: content.version.as_str().into(),
        })
        .collect())
}

fn changes(batch: Vec<wit::Change>) -> Result<Batch, wit::FileError> {
    let changes = batch.into_iter().map(change).collect::<Result<Vec<_>, _>>()?;
    Ok(Batch::new(changes)?)
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

#[cfg(test)]
mod tests {
    use super::super::memory::Memory;
    use super::super::{Content, Listing};
    use super::*;
    use crate::audit::{self, Event};
    use crate::clock::SystemClock;
    use crate::connection_id::ConnectionId;
    use std::time::Duration;
    use tokio::sync::Semaphore;

    /// A workspace in which a batch takes as long as the test wants.
    struct Slow {
        files: Memory,
        allowed: Semaphore,
    }

    #[async_trait::async_trait]
    impl Workspace for Slow {
        async fn list(&self, below: Option<&WorkspacePath>, after: Option<&str>) -> Result<Listing, FileError> {
            self.files.list(below, after).await
        }

        async fn read(&self, paths: &[WorkspacePath]) -> Result<Vec<Content>, FileError> {
            self.files.read(paths).await
        }

        async fn apply(&self, batch: Batch) -> Result<Vec<Version>, FileError> {
            self.allowed.acquire().await.expect("it is never closed").forget();
            self.files.apply(batch).await
        }
    }

    struct Scene {
        files: LentFiles,
        workspace: Arc<Slow>,
        audit: Arc<audit::Memory>,
    }

    impl Scene {
        fn new() -> Self {
            let workspace = Arc::new(Slow { files: Memory::new(), allowed: Semaphore::new(0) });
            let audit = Arc::new(audit::Memory::default());
            let id = ConnectionId::parse("handbook").unwrap();
            let trail = Arc::new(Trail::new(audit.clone(), Arc::new(SystemClock), id));
            let files = LentFiles::new(Some(workspace.clone()), WorkspaceUse::ReadWrite, trail);
            Self { files, workspace, audit }
        }

        /// So many batches may be made.
        fn allow(&self, batches: usize) {
            self.workspace.allowed.add_permits(batches);
        }

        async fn paths(&self) -> Vec<String> {
            let listing = self.workspace.list(None, None).await.unwrap();
            listing.entries.into_iter().map(|entry| entry.path.to_string()).collect()
        }

        /// What the trail says became of batches.
        fn outcomes(&self) -> Vec<String> {
            let files = |record: audit::Record| match record.event {
                Event::Files(batch) => Some(format!("{} {}", batch.writes, batch.outcome)),
                _ => None,
            };
            self.audit.records().into_iter().filter_map(files).collect()
        }
    }

    fn new(paths: &[&str]) -> Vec<wit::Change> {
        let write = |path: &&str| wit::Write {
            path: (*path).into(),
            bytes: b"text".to_vec(),
            executable: false,
            expected: wit::Expectation::Absent,
        };
        paths.iter().map(write).map(wit::Change::Write).collect()
    }

    #[tokio::test]
    async fn a_batch_that_was_handed_over_is_made_while_its_component_goes_on() {
        let mut scene = Scene::new();
        assert_eq!(scene.files.apply_ahead(new(&["a.md", "b.md"])).await.unwrap(), Vec::<String>::new());
        assert!(scene.paths().await.is_empty(), "it waits for its permit");
        scene.allow(2);
        assert_eq!(scene.files.apply_ahead(new(&["c.md"])).await.unwrap().len(), 2, "of the first");
        assert_eq!(scene.files.apply_ahead(Vec::new()).await.unwrap().len(), 1, "of the second");
        assert_eq!(scene.files.apply_ahead(Vec::new()).await.unwrap().len(), 0, "each is told once");
        assert_eq!(
            (scene.paths().await, scene.outcomes()),
            (["a.md", "b.md", "c.md"].map(String::from).to_vec(), ["2 done", "1 done"].map(String::from).to_vec(),)
        );
    }

    #[tokio::test]
    async fn after_one_that_failed_none_is_begun_until_that_was_told() {
        let refusals =
            [(new(&["a.md"]), "changed"), (new(&["../a.md"]), "unsafe-path"), (new(&["x/y", "x"]), "unsafe-path")];
        for (unfit, word) in refusals {
            let mut scene = Scene::new();
            scene.allow(9);
            scene.files.apply(new(&["a.md"])).await.unwrap();
            let size = unfit.len();
            assert!(scene.files.apply_ahead(unfit).await.is_ok(), "{word}: it is not known yet");
            let refused = scene.files.apply_ahead(new(&["b.md"])).await.unwrap_err();
            assert_eq!(outcome_word(&refused), word);
            assert_eq!(scene.paths().await, ["a.md"]);
            assert_eq!(scene.files.apply_ahead(new(&["b.md"])).await.unwrap().len(), 0);
            scene.files.settle().await.unwrap();
            assert_eq!(scene.outcomes(), ["1 done".into(), format!("{size} {word}"), "1 done".into()]);
        }
    }

    #[tokio::test]
    async fn everything_else_waits_for_it() {
        let mut scene = Scene::new();
        scene.files.apply_ahead(new(&["a.md"])).await.unwrap();
        let hurried = tokio::time::timeout(Duration::from_millis(20), list(&mut scene.files, "", None)).await;
        assert!(hurried.is_err(), "and whoever gives up loses nothing");
        scene.allow(1);
        assert_eq!(list(&mut scene.files, "", None).await.unwrap().entries.len(), 1);
        let unasked = scene.files.apply(new(&["b.md"])).await;
        assert!(matches!(unasked, Err(wit::FileError::Storage(_))), "{unasked:?}");
        assert_eq!(scene.files.apply_ahead(Vec::new()).await.unwrap().len(), 1);
        scene.allow(1);
        assert_eq!(scene.files.apply(new(&["b.md"])).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_call_that_ends_without_asking_waits_for_it() {
        let mut scene = Scene::new();
        scene.files.apply_ahead(new(&["a.md"])).await.unwrap();
        let hurried = tokio::time::timeout(Duration::from_millis(20), scene.files.settle()).await;
        assert!(hurried.is_err());
        scene.allow(1);
        scene.files.settle().await.unwrap();
        assert_eq!((scene.paths().await, scene.outcomes()), (vec!["a.md".to_owned()], vec!["1 done".to_owned()]));
    }
}
