//! The first sync in the direction that was chosen.

use super::lab::Lab;
use super::product::{Product, settings};
use gitlab_sync_host::sync::{FirstSync, Settings, Versions};

/// Both sides have a file of the same name and one of their own.
async fn begin(lab: &Lab, first: FirstSync) -> (u64, Product) {
    let project = lab.project_with("acme/handbook", &[("both.md", "theirs\n"), ("there.md", "there\n")]);
    let product = lab.product().await;
    product.write("both.md", "ours\n");
    product.write("here.md", "here\n");
    let configured = product.configure_as(Settings { first, ..settings(project) }).await.unwrap();
    assert_eq!(configured.first, first);
    (project, product)
}

async fn only_conflict(product: &Product) -> Versions {
    let conflicts = product.told(product.connection.conflicts().await).unwrap();
    let [conflict] = conflicts.as_slice() else { panic!("{conflicts:?}") };
    product.told(product.connection.conflict_versions(&conflict.id).await).unwrap()
}

async fn first_of(product: &Product) -> FirstSync {
    product.told(product.connection.status().await).unwrap().configured.unwrap().first
}

#[tokio::test]
async fn a_first_push_brings_the_workspace_to_the_branch_and_keeps_what_it_replaced() {
    let lab = Lab::new().await;
    let (project, product) = begin(&lab, FirstSync::Push).await;
    product.push().await.unwrap();
    assert_eq!(lab.text(project, "both.md").as_deref(), Some("ours\n"));
    assert_eq!(lab.text(project, "here.md").as_deref(), Some("here\n"));
    assert_eq!((product.text("there.md"), product.text("both.md").as_deref()), (None, Some("ours\n")));
    assert_eq!(first_of(&product).await, FirstSync::Merge, "the first sync is over");
    product.pull().await.unwrap();
    assert_eq!(product.text("there.md").as_deref(), Some("there\n"), "the next one brings the rest");
    assert_eq!(only_conflict(&product).await.theirs.as_deref(), Some(&b"theirs\n"[..]), "the branch's version is kept");
}

#[tokio::test]
async fn a_first_pull_brings_the_branch_to_the_workspace_and_keeps_what_it_replaced() {
    let lab = Lab::new().await;
    let (project, product) = begin(&lab, FirstSync::Pull).await;
    product.pull().await.unwrap();
    assert_eq!(product.text("both.md").as_deref(), Some("theirs\n"));
    assert_eq!(product.text("there.md").as_deref(), Some("there\n"));
    assert_eq!((lab.text(project, "here.md"), product.text("here.md").as_deref()), (None, Some("here\n")));
    assert_eq!(only_conflict(&product).await.ours.as_deref(), Some(&b"ours\n"[..]), "our version is kept");
    assert_eq!(first_of(&product).await, FirstSync::Merge);
}

#[tokio::test]
async fn there_is_no_first_pull_from_an_empty_repository() {
    let lab = Lab::new().await;
    let project = lab.project("acme/handbook");
    let product = lab.product().await;
    let pull = Settings { first: FirstSync::Pull, ..settings(project) };
    let refusal = product.configure_as(pull).await.unwrap_err();
    assert_eq!(refusal.code, "repository-empty");
    assert!(refusal.message.contains("`acme/handbook`") && refusal.remedy.starts_with("Push first"), "{refusal:?}");
}

#[tokio::test]
async fn a_direction_is_only_for_a_first_sync() {
    let lab = Lab::new().await;
    let (project, product) = begin(&lab, FirstSync::Merge).await;
    product.pull().await.unwrap();
    product.push().await.unwrap();
    let again = product.configure_as(Settings { first: FirstSync::Push, ..settings(project) }).await.unwrap();
    assert_eq!(again.first, FirstSync::Merge);
    assert!(again.warnings.iter().any(|warning| warning.contains("was synced before")), "{again:?}");
}
