//! Both sides changed: lines are merged, what does not merge is kept, and a person chooses.

use super::lab::Lab;
use super::product::{Product, settings};
use gitlab_sim::Action;
use gitlab_sync_host::sync::{ConflictPolicy, Resolution, Settings};

pub(crate) const POEM: &str = "one\ntwo\nthree\nfour\nfive\nsix\n";

/// A project and a product that agree on two files, under this policy.
pub(crate) async fn agreed(conflicts: ConflictPolicy) -> (Lab, u64, Product) {
    let lab = Lab::new().await;
    let rest: Vec<_> = (0..10).map(|number| format!("rest/{number}.md")).collect();
    let mut files = vec![("poem.md", POEM), ("rota.yaml", "who: ana\n")];
    files.extend(rest.iter().map(|path| (path.as_str(), "rest\n")));
    let project = lab.project_with("acme/handbook", &files);
    let product = lab.product().await;
    product.configure_as(Settings { conflicts, ..settings(project) }).await.unwrap();
    product.pull().await.unwrap();
    (lab, project, product)
}

/// One file, changed in one line on both sides.
async fn clashing(conflicts: ConflictPolicy) -> (Lab, u64, Product) {
    let (lab, project, product) = agreed(conflicts).await;
    lab.commit(project, lab.edit("Theirs\n").update("rota.yaml", "who: dora\n"));
    product.write("rota.yaml", "who: eli\n");
    (lab, project, product)
}

pub(crate) async fn only_conflict(product: &Product) -> String {
    let conflicts = product.told(product.connection.conflicts().await).unwrap();
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    conflicts[0].id.clone()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    Some(text.into())
}

#[tokio::test]
async fn edits_of_different_lines_are_merged_whichever_way_is_synced() {
    for push_first in [true, false] {
        let (lab, project, product) = agreed(ConflictPolicy::KeepBoth).await;
        lab.commit(project, lab.edit("Theirs\n").update("poem.md", POEM.replace("six", "6")));
        product.write("poem.md", POEM.replace("one", "1"));
        let done = if push_first { product.push().await } else { product.pull().await }.unwrap();
        assert_eq!(done.conflicts, 0);
        assert!(done.summary().contains(&"merge poem.md".into()), "{done:?}");
        product.push().await.unwrap();
        let merged = POEM.replace("one", "1").replace("six", "6");
        assert_eq!(product.text("poem.md"), Some(merged.clone()));
        assert_eq!(lab.text(project, "poem.md"), Some(merged));
        let done = product.pull().await.unwrap();
        assert_eq!((done.changes.len(), done.conflicts), (0, 0));
    }
}

#[tokio::test]
async fn a_clash_is_kept_with_all_three_versions_and_the_branch_is_in_place() {
    for push_first in [true, false] {
        let (lab, project, product) = clashing(ConflictPolicy::KeepBoth).await;
        let done = if push_first { product.push().await } else { product.pull().await }.unwrap();
        assert_eq!(done.conflicts, 1, "{done:?}");
        assert_eq!(product.text("rota.yaml").as_deref(), Some("who: dora\n"));
        let id = only_conflict(&product).await;
        let versions = product.told(product.connection.conflict_versions(&id).await).unwrap();
        assert_eq!(
            (versions.path.as_str(), versions.base, versions.ours, versions.theirs),
            ("rota.yaml", bytes("who: ana\n"), bytes("who: eli\n"), bytes("who: dora\n"))
        );
        // It waits, and nothing moves meanwhile.
        product.push().await.unwrap();
        product.pull().await.unwrap();
        only_conflict(&product).await;
        assert_eq!(lab.text(project, "rota.yaml").as_deref(), Some("who: dora\n"));
        let status = product.told(product.connection.status().await).unwrap();
        assert_eq!(status.conflicts, 1);
    }
}

#[tokio::test]
async fn a_person_chooses_ours_theirs_both_or_something_new() {
    for (resolution, content) in [
        (Resolution::Ours, "who: eli\n"),
        (Resolution::Theirs, "who: dora\n"),
        (Resolution::Merged, "who: eli\nwho: dora\n"),
        (Resolution::Content(b"who: both\n".to_vec()), "who: both\n"),
    ] {
        let (lab, project, mut product) = clashing(ConflictPolicy::KeepBoth).await;
        product.pull().await.unwrap();
        product.restart().await;
        let id = only_conflict(&product).await;
        let (resolved, asked) = lab.requests(product.connection.resolve(&id, resolution)).await;
        product.told(resolved).unwrap();
        assert!(asked.is_empty(), "{asked:?}");
        assert_eq!(product.text("rota.yaml").as_deref(), Some(content));
        product.push().await.unwrap();
        assert_eq!(lab.text(project, "rota.yaml").as_deref(), Some(content));
        assert!(product.told(product.connection.conflicts().await).unwrap().is_empty());
        let again = product.told(product.connection.resolve(&id, Resolution::Ours).await).unwrap_err();
        assert_eq!(again.code, "conflict-unknown");
    }
}

#[tokio::test]
async fn the_last_write_wins_on_the_side_that_is_synced_and_the_loser_is_kept() {
    let (lab, project, product) = clashing(ConflictPolicy::LastWriteWins).await;
    product.push().await.unwrap();
    assert_eq!(lab.text(project, "rota.yaml").as_deref(), Some("who: eli\n"));
    assert_eq!(product.text("rota.yaml").as_deref(), Some("who: eli\n"));
    let versions = product.connection.conflict_versions(&only_conflict(&product).await).await.unwrap();
    assert_eq!(versions.theirs, bytes("who: dora\n"));

    let (lab, project, product) = clashing(ConflictPolicy::LastWriteWins).await;
    product.pull().await.unwrap();
    assert_eq!(lab.text(project, "rota.yaml").as_deref(), Some("who: dora\n"));
    assert_eq!(product.text("rota.yaml").as_deref(), Some("who: dora\n"));
    let versions = product.connection.conflict_versions(&only_conflict(&product).await).await.unwrap();
    assert_eq!(versions.ours, bytes("who: eli\n"));
}

#[tokio::test]
async fn under_the_policy_fail_nothing_moves_until_someone_has_chosen() {
    for (resolution, content) in [
        (Resolution::Ours, "who: eli\n"),
        (Resolution::Theirs, "who: dora\n"),
        (Resolution::Content(b"who: both\n".to_vec()), "who: both\n"),
    ] {
        let (lab, project, product) = clashing(ConflictPolicy::Fail).await;
        product.write("new.md", "new\n");
        lab.commit(project, lab.edit("More\n").create("theirs.md", "theirs\n"));
        for _ in 0..2 {
            for refusal in [product.push().await.unwrap_err(), product.pull().await.unwrap_err()] {
                assert_eq!(refusal.code, "conflict");
                assert!(refusal.message.contains("`rota.yaml`"), "{refusal:?}");
            }
        }
        assert_eq!(product.text("rota.yaml").as_deref(), Some("who: eli\n"));
        assert_eq!((product.text("theirs.md"), lab.text(project, "new.md")), (None, None));
        let id = only_conflict(&product).await;
        product.told(product.connection.resolve(&id, resolution).await).unwrap();
        product.push().await.unwrap();
        product.pull().await.unwrap();
        assert_eq!(lab.text(project, "rota.yaml").as_deref(), Some(content));
        assert_eq!(lab.files(project), product.files());
    }
}

#[tokio::test]
async fn an_edit_wins_over_a_deletion_on_either_side() {
    let (lab, project, product) = agreed(ConflictPolicy::KeepBoth).await;
    lab.commit(project, lab.edit("Gone\n").delete("rota.yaml"));
    product.write("rota.yaml", "who: eli\n");
    product.pull().await.unwrap();
    assert_eq!(product.text("rota.yaml").as_deref(), Some("who: eli\n"));
    product.push().await.unwrap();
    assert_eq!(lab.text(project, "rota.yaml").as_deref(), Some("who: eli\n"));

    lab.commit(project, lab.edit("Changed\n").update("rota.yaml", "who: dora\n"));
    product.remove("rota.yaml");
    product.push().await.unwrap();
    product.pull().await.unwrap();
    assert_eq!(product.text("rota.yaml").as_deref(), Some("who: dora\n"));
    assert_eq!(lab.text(project, "rota.yaml").as_deref(), Some("who: dora\n"));
}

#[tokio::test]
async fn the_same_change_on_both_sides_is_no_conflict() {
    let (lab, project, product) = agreed(ConflictPolicy::Fail).await;
    let moved = Action::Move { from: "rest/1.md".into(), to: "rest/one.md".into(), content: None };
    lab.commit(
        project,
        lab.edit("Same\n").update("rota.yaml", "who: eli\n").create("n.md", "n\n").delete("rest/0.md").action(moved),
    );
    product.write("rota.yaml", "who: eli\n");
    product.write("n.md", "n\n");
    product.remove("rest/0.md");
    product.rename("rest/1.md", "rest/one.md");
    let (done, asked) = lab.requests(product.push()).await;
    assert_eq!(done.unwrap().conflicts, 0);
    product.pull().await.unwrap();
    assert_eq!(lab.files(project), product.files());
    assert_eq!(lab.history(project).len(), 2, "nothing was left to commit: {asked:?}");
}

#[tokio::test]
async fn a_first_sync_of_two_sides_that_have_files_keeps_both() {
    let lab = Lab::new().await;
    let project =
        lab.project_with("acme/handbook", &[("same.md", "same\n"), ("differs.md", "theirs\n"), ("t.md", "t\n")]);
    let product = lab.syncing(project).await;
    product.write("same.md", "same\n");
    product.write("differs.md", "ours\n");
    product.write("o.md", "o\n");
    product.pull().await.unwrap();
    product.push().await.unwrap();
    assert_eq!(lab.files(project), product.files());
    assert_eq!(lab.files(project).len(), 4);
    let versions = product.connection.conflict_versions(&only_conflict(&product).await).await.unwrap();
    assert_eq!((versions.base, versions.ours, versions.theirs), (None, bytes("ours\n"), bytes("theirs\n")));
}

#[tokio::test]
async fn a_conflict_of_large_files_is_kept_too() {
    let (lab, project, product) = agreed(ConflictPolicy::KeepBoth).await;
    let large = |letter: &str| format!("{letter} line\n").repeat(700_000);
    lab.commit(project, lab.edit("Large\n").create("large.md", large("b")));
    product.pull().await.unwrap();
    lab.commit(project, lab.edit("Larger\n").update("large.md", large("t")));
    product.write("large.md", large("o"));
    assert_eq!(product.pull().await.unwrap().conflicts, 1);
    let versions = product.connection.conflict_versions(&only_conflict(&product).await).await.unwrap();
    assert!(versions.ours == bytes(&large("o")) && versions.theirs == bytes(&large("t")));
}
