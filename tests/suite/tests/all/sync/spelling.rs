//! Names in both Unicode normal forms, also on a file system that knows only one of them.

use super::lab::Lab;
use super::product::Product;
use async_trait::async_trait;
use gitlab_sync_host::files::{
    Batch, Change, Content, Delete, Expectation, FileError, Listing, Version, Workspace, WorkspacePath, Write,
};
use std::sync::Arc;

const COMPOSED: &str = "caf\u{e9}.md";
const DECOMPOSED: &str = "cafe\u{301}.md";

/// As HFS+ does: whatever name it is asked for, it means the decomposed one, and so it gives it back.
struct Decomposing(Arc<dyn Workspace>);

fn stored(path: &WorkspacePath) -> WorkspacePath {
    WorkspacePath::parse(&path.as_str().replace('\u{e9}', "e\u{301}")).unwrap()
}

#[async_trait]
impl Workspace for Decomposing {
    async fn list(&self, below: Option<&WorkspacePath>, after: Option<&str>) -> Result<Listing, FileError> {
        self.0.list(below.map(stored).as_ref(), after).await
    }

    async fn read(&self, paths: &[WorkspacePath]) -> Result<Vec<Content>, FileError> {
        let contents = self.0.read(&paths.iter().map(stored).collect::<Vec<_>>()).await?;
        Ok(contents.into_iter().zip(paths).map(|(content, path)| Content { path: path.clone(), ..content }).collect())
    }

    /// A file that is deleted in one form and written in the other is replaced.
    async fn apply(&self, batch: Batch) -> Result<Vec<Version>, FileError> {
        let (mut gone, mut changes) = (Vec::new(), Vec::new());
        for change in batch.into_changes() {
            match change {
                Change::Delete(delete) => gone.push(Delete { path: stored(&delete.path), ..delete }),
                Change::Write(write) => changes.push(Write { path: stored(&write.path), ..write }),
            }
        }
        for write in &mut changes {
            if let Some(at) = gone.iter().position(|delete| delete.path == write.path) {
                assert_eq!(write.expected, Expectation::Absent);
                write.expected = gone.swap_remove(at).expected;
            }
        }
        let changes = changes.into_iter().map(Change::Write).chain(gone.into_iter().map(Change::Delete));
        self.0.apply(Batch::new(changes.collect())?).await
    }
}

async fn decomposing(lab: &Lab) -> Product {
    Product::through(lab, |store| Arc::new(Decomposing(store))).await
}

#[tokio::test]
async fn a_file_system_that_spells_names_its_own_way_renames_nothing_in_gitlab() {
    let lab = Lab::new().await;
    let plain: Vec<String> = (0..6).map(|number| format!("{number}.md")).collect();
    let odd = [(COMPOSED, "one\n"), ("menu/the\u{e9}.md", "tea\n")];
    let files: Vec<_> = plain.iter().map(|path| (path.as_str(), "plain\n")).chain(odd).collect();
    let project = lab.project_with("acme/handbook", &files);
    let product = decomposing(&lab).await;
    product.configure(project).await;
    product.pull().await.unwrap();
    assert_eq!(product.text(DECOMPOSED).as_deref(), Some("one\n"), "the file system has its way");
    let head = lab.head(project);
    assert!(product.push().await.unwrap().changes.is_empty());
    assert_eq!(lab.head(project), head);
    // Edits in both directions, and a deletion.
    product.write(DECOMPOSED, "two\n");
    product.push().await.unwrap();
    assert_eq!(lab.text(project, COMPOSED).as_deref(), Some("two\n"));
    lab.commit(project, lab.edit("Theirs\n").update(COMPOSED, "three\n"));
    product.pull().await.unwrap();
    assert_eq!(product.text(DECOMPOSED).as_deref(), Some("three\n"));
    product.remove("menu/thee\u{301}.md");
    product.push().await.unwrap();
    let names: Vec<String> = lab.files(project).into_keys().filter(|path| !plain.contains(path)).collect();
    assert_eq!(names, [COMPOSED]);
    // Somebody renames it in GitLab to the form that the file system has anyway.
    lab.commit(project, lab.edit("Rename\n").rename(COMPOSED, DECOMPOSED));
    product.pull().await.unwrap();
    assert!(product.push().await.unwrap().changes.is_empty());
    assert_eq!(product.text(DECOMPOSED).as_deref(), Some("three\n"));
    assert_eq!(lab.text(project, DECOMPOSED).as_deref(), Some("three\n"));
}

#[tokio::test]
async fn where_both_forms_are_told_apart_a_rename_from_one_to_the_other_is_one() {
    let lab = Lab::new().await;
    let project = lab.project_with("acme/handbook", &[(COMPOSED, "one\n")]);
    let product = lab.syncing(project).await;
    product.pull().await.unwrap();
    product.rename(COMPOSED, DECOMPOSED);
    product.push().await.unwrap();
    assert_eq!(lab.files(project), product.files());
    assert_eq!((lab.text(project, COMPOSED), lab.text(project, DECOMPOSED).as_deref()), (None, Some("one\n")));
}

#[tokio::test]
async fn both_forms_that_land_on_the_branch_are_one_file_here_until_one_is_renamed() {
    for unifies in [false, true] {
        let lab = Lab::new().await;
        let project = lab.project_with("acme/handbook", &[("plain.md", "p\n")]);
        let product = if unifies { decomposing(&lab).await } else { lab.product().await };
        product.configure(project).await;
        product.pull().await.unwrap();
        lab.commit(project, lab.edit("Both\n").create(DECOMPOSED, "first\n").create(COMPOSED, "second\n"));
        let done = product.pull().await.unwrap();
        let left = done.changes.iter().find(|change| change.path == COMPOSED).unwrap();
        assert_eq!(left.code.as_deref(), Some("name-clash"), "{unifies}: {left:?}");
        assert_eq!((product.text(DECOMPOSED).as_deref(), product.text(COMPOSED)), (Some("first\n"), None), "{unifies}");
        // The one that is here is synced as ever, and the other stays what it is.
        product.write(DECOMPOSED, "edited\n");
        product.push().await.unwrap();
        product.pull().await.unwrap();
        assert_eq!(lab.text(project, DECOMPOSED).as_deref(), Some("edited\n"), "{unifies}");
        assert_eq!(lab.text(project, COMPOSED).as_deref(), Some("second\n"), "{unifies}");
        lab.commit(project, lab.edit("Rename\n").rename(COMPOSED, "tea.md"));
        product.pull().await.unwrap();
        assert_eq!(product.text("tea.md").as_deref(), Some("second\n"), "{unifies}");
        assert!(product.push().await.unwrap().changes.is_empty(), "{unifies}");
        assert_eq!(lab.files(project), product.files(), "{unifies}");
    }
}
