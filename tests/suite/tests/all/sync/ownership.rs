//! Two installations and one branch: who is told that somebody else writes there, and how it is taken over.

use super::lab::Lab;
use super::product::{Done, Product, settings};
use gitlab_sim::{Canned, Effect, Fault, When};
use gitlab_sync_host::connection::Refusal;
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
    assert_eq!(lines[lines.len() - 2], format!("Gitlab-Sync-Branch: {project}:main"));
    assert!(lines[lines.len() - 3].starts_with("Gitlab-Sync-Operation: "), "all are one block of trailers: {newest}");
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
    assert_eq!(one.pull().await.unwrap_err().code, "ownership-clash");
}

/// Two installations below `docs`, of which the second has taken over and pushed `docs/d.md`; both were in step before.
async fn overtaken(lab: &Lab) -> (u64, Product, Product) {
    let (project, one) = taken(lab).await;
    let two = lab.product().await;
    let over = Settings { ownership: Ownership::TakeOver, ..owned(project, "two", &["docs"]) };
    two.configure_as(over).await.unwrap();
    two.pull().await.unwrap();
    two.write("docs/d.md", "d\n");
    two.push().await.unwrap();
    (project, one, two)
}

async fn refused(what: impl Future<Output = Result<Done, Refusal>>) -> String {
    let refusal = what.await.unwrap_err();
    assert_eq!(refusal.code, "ownership-clash", "{refusal:?}");
    refusal.message
}

#[tokio::test]
async fn a_sync_notices_that_another_installation_has_taken_the_branch_over_and_loses_nothing() {
    let lab = Lab::new().await;
    let (project, one, two) = overtaken(&lab).await;
    let theirs = lab.head(project);
    let before = one.files();
    let message = refused(one.pull()).await;
    assert!(message.contains(&theirs[..8]), "it names the commit: {message}");
    assert_eq!(one.files(), before, "nothing was touched");
    // The same file: GitLab refuses the commit, and what moved the branch says why.
    one.write("docs/c.md", "ours\n");
    two.write("docs/c.md", "theirs\n");
    two.push().await.unwrap();
    refused(one.push()).await;
    refused(one.push()).await;
    assert_eq!(lab.text(project, "docs/c.md").as_deref(), Some("theirs\n"));
    assert_eq!(one.text("docs/c.md").as_deref(), Some("ours\n"));
    let back = Settings { ownership: Ownership::TakeOver, ..owned(project, "one", &["docs"]) };
    one.configure_as(back).await.unwrap();
    one.pull().await.unwrap();
    assert_eq!(one.text("docs/d.md").as_deref(), Some("d\n"));
    one.write("docs/e.md", "e\n");
    one.push().await.unwrap();
    refused(two.pull()).await;
    two.write("docs/f.md", "f\n");
    refused(two.push()).await;
    one.write("docs/e.md", "e, again\n");
    one.push().await.expect("who has taken over goes on");
}

#[tokio::test]
async fn a_push_that_lands_before_it_could_see_the_other_says_so_and_the_other_goes_on() {
    let lab = Lab::new().await;
    let (project, one, two) = overtaken(&lab).await;
    one.write("docs/ours.md", "ours\n");
    let message = refused(one.push()).await;
    let landed = lab.head(project);
    assert!(message.contains(&format!("is there as {}", &landed[..8])), "{message}");
    assert_eq!(lab.text(project, "docs/ours.md").as_deref(), Some("ours\n"));
    assert_eq!(lab.text(project, "docs/d.md").as_deref(), Some("d\n"));
    one.write("docs/ours.md", "ours again\n");
    refused(one.push()).await;
    assert_eq!(lab.head(project), landed, "it was told once, and stops");
    two.pull().await.expect("what the other pushed until it knew is forgiven");
    assert_eq!(two.text("docs/ours.md").as_deref(), Some("ours\n"));
    two.write("docs/d.md", "d again\n");
    two.push().await.unwrap();
}

#[tokio::test]
async fn another_installation_beside_us_disturbs_nobody_and_is_told_apart_at_one_request() {
    let lab = Lab::new().await;
    let (project, one) = taken(&lab).await;
    let two = lab.product().await;
    two.configure_as(owned(project, "two", &["wiki"])).await.unwrap();
    two.pull().await.unwrap();
    two.write("wiki/b.md", "b, edited\n");
    two.push().await.unwrap();
    let (pulled, asked) = lab.requests(one.pull()).await;
    pulled.unwrap();
    let lists = asked.iter().filter(|request| request.contains("/repository/commits")).count();
    assert_eq!(lists, 1, "{asked:?}");
    one.write("docs/c.md", "c, edited\n");
    let (pushed, asked) = lab.requests(one.push()).await;
    pushed.unwrap();
    assert_eq!(asked.len(), 1, "{asked:?}");
}

/// What another installation made on a branch of its own comes into ours by merging or picking, trailers and all.
#[tokio::test]
async fn commits_that_came_from_another_branch_or_project_claim_nothing() {
    let lab = Lab::new().await;
    let (project, one) = taken(&lab).await;
    let elsewhere = |place: &str| format!("Edit\n\nGitlab-Sync-Branch: {place}\nGitlab-Sync-Owner: two\n");
    for (at, place) in [format!("{project}:draft"), "99:main".into()].iter().enumerate() {
        let path = format!("docs/merged-{at}.md");
        lab.commit(project, lab.edit(&elsewhere(place)).create(&path, "merged\n"));
        one.pull().await.unwrap();
        assert_eq!(one.text(&path).as_deref(), Some("merged\n"), "{place}");
    }
    lab.commit(project, lab.edit(&elsewhere(&format!("{project}:main"))).create("docs/here.md", "here\n"));
    refused(one.pull()).await;
}

#[tokio::test]
async fn who_only_reads_goes_on_after_a_branch_was_taken_over() {
    let lab = Lab::new().await;
    let (project, _one) = taken(&lab).await;
    let reader = lab.product().await;
    reader.configure_as(Settings { owner: None, ..owned(project, "", &[]) }).await.unwrap();
    reader.pull().await.unwrap();
    let two = lab.product().await;
    let over = Settings { ownership: Ownership::TakeOver, ..owned(project, "two", &["docs"]) };
    two.configure_as(over).await.unwrap();
    two.write("docs/d.md", "d\n");
    two.pull().await.unwrap();
    two.push().await.unwrap();
    reader.pull().await.unwrap();
    assert_eq!(reader.text("docs/d.md").as_deref(), Some("d\n"));
}

#[tokio::test]
async fn a_taking_over_is_noticed_where_the_commits_cannot_be_compared() {
    let lab = Lab::new().await;
    let (_project, one, _two) = overtaken(&lab).await;
    lab.admin().fault(Fault::on_any("*/repository/compare", Effect::Answer(Canned::html(500))).when(When::Always));
    refused(one.pull()).await;
    one.write("docs/d.md", "ours\n");
    refused(one.push()).await;
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

/// Two hosts that configured the same project while it was empty, each with a file of its own and one that both have.
async fn both_at_an_empty_project(lab: &Lab, marks: [Option<&str>; 2]) -> (u64, [Product; 2]) {
    let project = lab.project("acme/handbook");
    let products = [lab.product().await, lab.product().await];
    for ((product, mark), name) in products.iter().zip(marks).zip(["one", "two"]) {
        let asked = Settings { owner: mark.map(str::to_owned), ..settings(project) };
        product.configure_as(asked).await.expect("nobody writes there yet");
        product.write(&format!("{name}.md"), format!("of {name}\n"));
        product.write("same.md", format!("{name}\n"));
    }
    (project, products)
}

/// What a side has in files, and in conflicts that wait.
async fn saved(product: &Product) -> Vec<Vec<u8>> {
    let mut texts: Vec<_> = product.files().into_values().map(|(bytes, _)| bytes).collect();
    for conflict in product.told(product.connection.conflicts().await).unwrap() {
        let versions = product.told(product.connection.conflict_versions(&conflict.id).await).unwrap();
        texts.extend([versions.ours, versions.theirs].into_iter().flatten());
    }
    texts
}

#[tokio::test]
async fn two_first_pushes_into_an_empty_project_lose_nothing_and_whoever_came_second_is_told() {
    for (marks, at_once) in
        [([None; 2], true), ([None; 2], false), ([Some("one"), Some("two")], true), ([Some("one"), Some("two")], false)]
    {
        let lab = Lab::new().await;
        let (project, products) = both_at_an_empty_project(&lab, marks).await;
        let [one, two] = &products;
        // Both have seen that there is nothing before either of the commits lands.
        let late = Effect::Latency { ms: 300, jitter_ms: 0 };
        lab.admin().fault(Fault::on("POST", "*/repository/commits", late));
        let outcomes = match at_once {
            true => <[_; 2]>::from(tokio::join!(one.push(), two.push())),
            false => [one.push().await, two.push().await],
        };
        lab.admin().clear_faults();
        assert!(outcomes.iter().any(Result::is_ok), "{marks:?} {at_once}: {outcomes:?}");
        for refusal in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(refusal.code, "ownership-clash", "{marks:?} {at_once}: {refusal:?}");
            assert!(marks[0].is_some());
        }
        if marks[0].is_some() {
            // One of them has to decide: it was told by its push, or is by its next call.
            let next = [one.pull().await, two.pull().await];
            assert_eq!(next.iter().filter(|outcome| outcome.is_err()).count(), 1, "{at_once}: {next:?}");
        }
        for _ in 0..2 {
            for (product, mark) in products.iter().zip(marks) {
                let over =
                    Settings { owner: mark.map(str::to_owned), ownership: Ownership::TakeOver, ..settings(project) };
                product.configure_as(over).await.unwrap();
                product.pull().await.unwrap();
                product.push().await.unwrap();
            }
        }
        let files = lab.files(project);
        assert_eq!(files.keys().collect::<Vec<_>>(), ["one.md", "same.md", "two.md"], "{marks:?} {at_once}");
        let texts = [saved(one).await, saved(two).await].concat();
        for text in ["of one\n", "of two\n", "one\n", "two\n"] {
            assert!(texts.iter().any(|saved| saved == text.as_bytes()), "{text:?} {marks:?} {at_once}");
        }
        assert_eq!((one.files(), two.files()), (files.clone(), files), "{marks:?} {at_once}");
    }
}
