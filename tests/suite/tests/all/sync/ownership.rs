//! Two installations and one branch: who is told that somebody else writes there, and how it is taken over.

use super::lab::Lab;
use super::product::{Product, settings};
use gitlab_sync_host::sync::{Ownership, Settings};

fn owned(project: u64, owner: &str, directories: &[&str]) -> Settings {
    let directories = directories.iter().map(ToString::to_string).collect();
    Settings { owner: Some(owner.into()), directories, ..settings(project) }
}

/// A project that the installation `one` has pushed to, below `docs`.
async fn taken(lab: &Lab) -> (u64, Product) {
    let project = lab.project_with("acme/handbook", &[("docs/a.md", "a\n"), ("wiki/b.md", "b\n")]);
    let one = lab.product().await;
    one.configure_as(owned(project, "one", &["docs"])).await.unwrap();
    one.pull().await.unwrap();
    one.write("docs/c.md", "c\n");
    let (pushed, asked) = lab.requests(one.push()).await;
    pushed.unwrap();
    assert_eq!(asked.len(), 1, "the mark costs no request: {asked:?}");
    (project, one)
}

#[tokio::test]
async fn a_commit_names_the_installation_that_made_it() {
    let lab = Lab::new().await;
    let (project, _one) = taken(&lab).await;
    let newest = &lab.history(project)[0];
    let lines: Vec<&str> = newest.lines().collect();
    assert_eq!(lines.last(), Some(&"Gitlab-Sync-Owner: one"), "{newest}");
    assert!(lines[lines.len() - 2].starts_with("Gitlab-Sync-Operation: "), "both are one block of trailers: {newest}");
}

#[tokio::test]
async fn a_second_installation_on_the_same_ground_is_refused() {
    let lab = Lab::new().await;
    let (project, one) = taken(&lab).await;
    for (owner, directories, clashes) in [
        (Some("two"), &["docs"][..], true),
        (Some("two"), &[], true),
        (Some("two"), &["wiki", "docs"], true),
        (Some("two"), &["wiki"], false),
        (Some("one"), &["docs"], false),
        (None, &[], false),
    ] {
        let two = lab.product().await;
        let asked = Settings { owner: owner.map(str::to_owned), ..owned(project, "", directories) };
        match two.configure_as(asked).await {
            Ok(_) => assert!(!clashes, "{owner:?} {directories:?}"),
            Err(refusal) => {
                assert!(clashes, "{owner:?} {directories:?}: {refusal:?}");
                assert_eq!(refusal.code, "ownership-clash");
                assert!(refusal.message.contains(&lab.head(project)[..8]), "it names the commit: {refusal:?}");
                let status = two.told(two.connection.status().await).unwrap();
                assert!(status.configured.is_none(), "nothing was remembered");
            }
        }
    }
    one.configure_as(owned(project, "one", &["docs"])).await.expect("nobody clashes with itself");
}

#[tokio::test]
async fn a_branch_is_taken_over_on_purpose_and_then_the_other_is_refused() {
    let lab = Lab::new().await;
    let (project, one) = taken(&lab).await;
    let two = lab.product().await;
    let mine = owned(project, "two", &["docs"]);
    let over = Settings { ownership: Ownership::TakeOver, ..mine.clone() };
    two.configure_as(over).await.unwrap();
    two.configure_as(mine.clone()).await.expect("once is enough, also before the first push");
    two.pull().await.unwrap();
    two.write("docs/d.md", "d\n");
    two.push().await.unwrap();
    two.configure_as(mine).await.unwrap();
    let refusal = one.configure_as(owned(project, "one", &["docs"])).await.unwrap_err();
    assert_eq!(refusal.code, "ownership-clash", "{refusal:?}");
    let checks = one.told(one.connection.diagnose().await).unwrap();
    let check = checks.iter().find(|check| check.name == "ownership").unwrap();
    assert_eq!(check.code.as_deref(), Some("ownership-clash"), "{check:?}");
    one.pull().await.expect("who reads does no harm");
}

#[tokio::test]
async fn the_mark_of_an_installation_that_is_long_gone_counts_no_more() {
    let lab = Lab::new().await;
    lab.admin().advance_clock(jiff::SignedDuration::from_hours(-24 * 91));
    let (project, _one) = taken(&lab).await;
    lab.product().await.configure_as(owned(project, "two", &[])).await.unwrap();
}

#[tokio::test]
async fn a_mark_that_could_not_stand_in_a_trailer_is_refused_before_gitlab_is_asked() {
    let lab = Lab::new().await;
    let product = lab.product().await;
    for owner in ["", "Two", "a\nb", &"x".repeat(65)] {
        let (refusal, asked) = lab.requests(product.configure_as(owned(1, owner, &[]))).await;
        assert_eq!((refusal.unwrap_err().code.as_str(), asked.len()), ("invalid-settings", 0), "{owner:?}");
    }
}
