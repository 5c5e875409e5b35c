//! What other people do to the branch, the project and the token while we sync.

use super::jobs::{Case, Job};
use super::lab::{Lab, MAIN};
use super::product::{Product, Setup, options, settings};
use gitlab_sim::{AccessLevel, Canned, CommitSpec, Effect, Fault, Source, Terms, TokenSpec};
use gitlab_sync_host::sync::{self, ConflictPolicy, Deletions, Direction, Options, Resolution, Settings};

fn pages() -> Vec<(String, String)> {
    (0..12).map(|number| (format!("{number}.md"), format!("page {number}\n"))).collect()
}

/// A project of a dozen pages and a product in step with it.
async fn in_step() -> (Lab, u64, Product) {
    let lab = Lab::new().await;
    let project = lab.project("acme/handbook");
    let spec = pages().into_iter().fold(lab.edit("Begin\n"), |spec, (path, text)| spec.create(&path, text));
    lab.commit(project, spec);
    let product = lab.syncing(project).await;
    product.pull().await.unwrap();
    (lab, project, product)
}

fn branch(lab: &Lab, project: u64, change: impl FnOnce(&git2::Repository) -> Result<(), git2::Error>) {
    lab.admin().app().repositories.with(project, change).unwrap();
}

fn drop_branch(lab: &Lab, project: u64) {
    branch(lab, project, |repository| repository.find_reference(&format!("refs/heads/{MAIN}"))?.delete());
}

#[tokio::test]
async fn a_force_push_is_followed_and_our_edits_stay() {
    for push_first in [true, false] {
        let (lab, project, product) = in_step().await;
        let first = lab.head(project);
        lab.commit(project, lab.edit("Second\n").update("1.md", "second\n").create("late.md", "late\n"));
        product.pull().await.unwrap();
        product.write("2.md", "ours\n");
        // Back to the first commit, and on from there with something else.
        lab.force(project, &first);
        lab.commit(project, lab.edit("Other second\n").update("3.md", "rewritten\n"));
        if push_first {
            product.push().await.unwrap();
        }
        product.pull().await.unwrap();
        product.push().await.unwrap();
        assert_eq!(lab.files(project), product.files(), "push first: {push_first}");
        let text = |path: &str| product.text(path).unwrap_or_default();
        assert_eq!([text("1.md"), text("2.md"), text("3.md")], ["page 1\n", "ours\n", "rewritten\n"]);
        assert_eq!(product.text("late.md"), None, "the rewritten branch does not have it");
        assert!(lab.history(project).iter().any(|message| message.starts_with("Other second")));
    }
}

#[tokio::test]
async fn a_branch_taken_back_to_an_older_commit_takes_the_workspace_along() {
    let (lab, project, product) = in_step().await;
    let first = lab.head(project);
    lab.commit(project, lab.edit("Second\n").update("1.md", "second\n"));
    product.pull().await.unwrap();
    lab.force(project, &first);
    product.pull().await.unwrap();
    assert_eq!(product.text("1.md").as_deref(), Some("page 1\n"));
    assert_eq!(lab.files(project), product.files());
}

#[tokio::test]
async fn a_history_without_our_last_commit_is_compared_by_what_it_holds() {
    let (lab, project, product) = in_step().await;
    product.write("1.md", "ours\n");
    // A new root: nothing in common, and the old commits are gone from the repository's references.
    branch(&lab, project, |repository| {
        let tree = repository.revparse_single("refs/heads/main")?.peel_to_tree()?;
        let mut builder = repository.treebuilder(Some(&tree))?;
        builder.insert("5.md", repository.blob(b"squashed\n")?, 0o100_644)?;
        let tree = repository.find_tree(builder.write()?)?;
        let who = git2::Signature::now("Bob", "bob@example.test")?;
        let root = repository.commit(None, &who, &who, "Squash\n", &tree, &[])?;
        repository.reference("refs/heads/main", root, true, "squash").map(drop)
    });
    product.pull().await.unwrap();
    assert_eq!((product.text("1.md").unwrap(), product.text("5.md").unwrap()), ("ours\n".into(), "squashed\n".into()));
    product.push().await.unwrap();
    assert_eq!(lab.files(project), product.files());
}

/// A branch without what the workspace has pushed to it.
const REWRITES: [&str; 4] =
    ["an older commit", "another commit", "a new root", "a new root, and the old commits are cleared away"];

fn rewrite(lab: &Lab, project: u64, first: &str, kind: &str) {
    match kind {
        "an older commit" => lab.force(project, first),
        "another commit" => {
            lab.force(project, first);
            lab.commit(project, lab.edit("Other\n").update("3.md", "other\n"));
        }
        _ => branch(lab, project, |repository| {
            let tree = repository.find_commit(first.parse()?)?.tree()?;
            let who = git2::Signature::now("Bob", "bob@example.test")?;
            let root = repository.commit(None, &who, &who, "Squash\n", &tree, &[])?;
            repository.reference("refs/heads/main", root, true, "squash").map(drop)
        }),
    }
    if kind.contains("cleared away") {
        let body = Some(r#"{"message":"404 Ref Not Found"}"#.into());
        let gone = Canned { status: 404, content_type: Some("application/json".into()), body, headers: vec![] };
        lab.admin().fault(Fault::on("GET", "*/repository/compare", Effect::Answer(gone)));
    }
}

/// A clone from before our commits was pushed with force: our edits went without a word.
#[tokio::test]
async fn what_a_force_push_takes_back_is_kept() {
    for kind in REWRITES {
        for policy in [ConflictPolicy::KeepBoth, ConflictPolicy::LastWriteWins, ConflictPolicy::Fail] {
            for pushes_first in [false, true] {
                let when = format!("{kind}, {policy:?}, push first: {pushes_first}");
                let (lab, project, product) = in_step().await;
                product.configure_as(Settings { conflicts: policy, ..settings(project) }).await.unwrap();
                let first = lab.head(project);
                product.write("2.md", "worked on\n");
                product.write("new.md", "worked on\n");
                product.push().await.unwrap();
                rewrite(&lab, project, &first, kind);
                if pushes_first {
                    product.write("5.md", "later\n");
                    let _ = product.push().await;
                }
                let planned = product.plan(Direction::Pull).await.changes;
                assert!(
                    planned.iter().any(|it| it.path == "2.md" && it.action == sync::Action::Conflict),
                    "{when}: {planned:?}"
                );
                let pulled = product.pull().await;
                let lost = product.connection.conflicts().await.unwrap();
                // Whose earlier version is in the new history is kept as well: nobody has looked.
                assert_eq!(lost.len(), 2 + usize::from(kind == "another commit"), "{when}: {lost:?}");
                for path in ["2.md", "new.md"] {
                    let conflict = lost.iter().find(|conflict| conflict.path == path).unwrap();
                    let versions = product.connection.conflict_versions(&conflict.id).await.unwrap();
                    assert_eq!(versions.ours.as_deref(), Some(&b"worked on\n"[..]), "{when}");
                }
                if policy == ConflictPolicy::Fail {
                    assert_eq!(pulled.unwrap_err().code, "conflict", "{when}");
                    assert_eq!(product.text("2.md").as_deref(), Some("worked on\n"), "{when}");
                    continue;
                }
                pulled.unwrap();
                product.push().await.unwrap();
                assert_eq!(lab.files(project), product.files(), "{when}");
                assert_eq!(
                    (product.text("2.md").as_deref(), product.text("new.md")),
                    (Some("page 2\n"), None),
                    "{when}"
                );
                let only = lost.iter().find(|conflict| conflict.path == "new.md").unwrap();
                product.told(product.connection.resolve(&only.id, Resolution::Ours).await).unwrap();
                product.push().await.unwrap();
                assert_eq!(lab.text(project, "new.md").as_deref(), Some("worked on\n"), "{when}: it is chosen");
            }
        }
    }
}

/// What is left alone for good would else make a conflict of each edit that GitLab ever has after a force-push.
#[tokio::test]
async fn after_a_force_push_edits_are_edits_again() {
    for clash in [false, true] {
        let (lab, project, product) = in_step().await;
        if clash {
            lab.commit(project, lab.edit("Clash\n").create("same.md", "one\n").create("Same.md", "two\n"));
            product.pull().await.unwrap();
        }
        let first = lab.head(project);
        product.write("2.md", "worked on\n");
        product.push().await.unwrap();
        lab.force(project, &first);
        assert_eq!(product.pull().await.unwrap().conflicts, 1, "clash: {clash}");
        for text in ["theirs\n", "theirs again\n"] {
            lab.commit(project, lab.edit("Theirs\n").update("3.md", text));
            lab.commit(project, lab.edit("Theirs\n").update("2.md", text));
            let (done, asked) = lab.requests(product.pull()).await;
            assert_eq!(done.unwrap().conflicts, 1, "clash: {clash}, {text}");
            assert!(asked.len() <= 5, "{asked:?}");
            assert_eq!([product.text("2.md").as_deref(), product.text("3.md").as_deref()], [Some(text); 2]);
        }
    }
}

/// Who rebases or squashes takes nothing back.
#[tokio::test]
async fn a_rewritten_branch_that_holds_the_same_is_no_conflict() {
    let (lab, project, product) = in_step().await;
    let first = lab.head(project);
    product.write("2.md", "worked on\n");
    product.write("new.md", "worked on too\n");
    product.push().await.unwrap();
    lab.force(project, &first);
    let squashed = lab.edit("Squashed\n").update("2.md", "worked on\n").create("renamed.md", "worked on too\n");
    lab.commit(project, squashed.create("theirs.md", "theirs\n"));
    let done = product.pull().await.unwrap();
    assert_eq!((done.conflicts, product.text("theirs.md").is_some()), (0, true), "{done:?}");
    assert_eq!(lab.files(project), product.files());
}

/// The brake knows what a rewritten branch has no more.
#[tokio::test]
async fn a_branch_rewritten_to_nearly_nothing_waits_for_approval() {
    let (lab, project, product) = in_step().await;
    branch(&lab, project, |repository| {
        let mut builder = repository.treebuilder(None)?;
        builder.insert("1.md", repository.blob(b"page 1\n")?, 0o100_644)?;
        let tree = repository.find_tree(builder.write()?)?;
        let who = git2::Signature::now("Bob", "bob@example.test")?;
        let root = repository.commit(None, &who, &who, "Begin anew\n", &tree, &[])?;
        repository.reference("refs/heads/main", root, true, "anew").map(drop)
    });
    assert_eq!(product.pull().await.unwrap_err().code, "mass-delete-brake");
    assert_eq!(product.files().len(), 12);
    product.pull_as(Options { deletions: Deletions::Approved, ..options() }).await.unwrap();
    assert_eq!((product.files().len(), product.connection.conflicts().await.unwrap().len()), (1, 11));
}

#[tokio::test]
async fn a_deleted_branch_deletes_nothing_and_comes_back() {
    let (lab, project, product) = in_step().await;
    let (before, head) = (product.files(), lab.head(project));
    lab.commit(project, CommitSpec::on("other", "Other\n").by(lab.alice).create("o.md", "o\n"));
    drop_branch(&lab, project);
    product.write("1.md", "ours\n");
    for refusal in [product.pull().await.unwrap_err(), product.push().await.unwrap_err()] {
        assert_eq!(refusal.code, "branch-missing", "{refusal:?}");
        assert!(refusal.message.contains("`main` is gone"), "{refusal:?}");
    }
    assert_eq!(product.files().len(), before.len());
    branch(&lab, project, |repository| repository.reference("refs/heads/main", head.parse()?, true, "again").map(drop));
    product.pull().await.unwrap();
    product.push().await.unwrap();
    assert_eq!(lab.files(project), product.files());
    assert_eq!(product.text("1.md").as_deref(), Some("ours\n"));
}

#[tokio::test]
async fn a_repository_without_any_branch_deletes_nothing() {
    let (lab, project, product) = in_step().await;
    let before = product.files();
    drop_branch(&lab, project);
    assert_eq!(product.pull().await.unwrap_err().code, "branch-missing");
    assert!(product.push().await.unwrap().changes.is_empty(), "nothing has changed here");
    product.write("1.md", "ours\n");
    assert_eq!(product.push().await.unwrap_err().code, "branch-missing");
    assert_eq!(product.files().len(), before.len());
}

#[tokio::test]
async fn an_emptied_branch_waits_for_approval() {
    let (lab, project, product) = in_step().await;
    let wipe = pages().into_iter().fold(lab.edit("Wipe\n"), |spec, (path, _)| spec.delete(&path));
    lab.commit(project, wipe);
    assert_eq!(product.pull().await.unwrap_err().code, "mass-delete-brake");
    assert_eq!(product.files().len(), 12);
    product.pull_as(Options { deletions: Deletions::Approved, ..options() }).await.unwrap();
    assert_eq!(product.files().len(), 0);
    product.write("new.md", "new\n");
    product.push().await.unwrap();
    assert_eq!(lab.files(project).len(), 1);
}

#[tokio::test]
async fn a_renamed_or_transferred_project_is_synced_as_before() {
    let (lab, project, product) = in_step().await;
    for path in ["acme/manual", "other/deep/manual"] {
        lab.admin().move_project(project, path).unwrap();
        lab.admin().add_member(Source::Project(project), lab.alice, AccessLevel::Maintainer);
        lab.commit(project, lab.edit("Theirs\n").update("1.md", format!("at {path}\n")));
        product.pull().await.unwrap();
        product.write("2.md", format!("ours at {path}\n"));
        product.push().await.unwrap();
        assert_eq!(lab.files(project), product.files());
    }
    // Somebody else's project at the old path is none of ours.
    lab.project_with("acme/handbook", &[("1.md", "foreign\n")]);
    lab.commit(project, lab.edit("Theirs\n").update("1.md", "after\n"));
    product.pull().await.unwrap();
    assert_eq!(product.text("1.md").as_deref(), Some("after\n"));
    assert_eq!(lab.files(project), product.files());
}

#[tokio::test]
async fn an_archived_project_says_so_and_still_gives_its_files() {
    let (lab, project, product) = in_step().await;
    lab.commit(project, lab.edit("Last\n").update("1.md", "last\n"));
    lab.admin().change_project(project, |project| project.archived = true).unwrap();
    product.pull().await.unwrap();
    assert_eq!(product.text("1.md").as_deref(), Some("last\n"));
    product.write("2.md", "ours\n");
    let refusal = product.push().await.unwrap_err();
    assert_eq!(refusal.code, "project-archived", "{refusal:?}");
    lab.admin().change_project(project, |project| project.archived = false).unwrap();
    product.push().await.unwrap();
    assert_eq!(lab.files(project), product.files());
}

#[tokio::test]
async fn a_project_that_is_gone_or_hidden_deletes_nothing() {
    let (lab, project, product) = in_step().await;
    let before = product.files();
    lab.admin().change_project(project, |project| project.repository_enabled = false).unwrap();
    let refusal = product.pull().await.unwrap_err();
    assert!(["repository-disabled", "role-too-low"].contains(&refusal.code.as_str()), "{refusal:?}");
    lab.admin().change_project(project, |project| project.repository_enabled = true).unwrap();
    product.pull().await.unwrap();
    let bob = lab.admin().create_user(gitlab_sim::UserSpec::person("bob")).id;
    product.put_token(&lab.admin().create_token(TokenSpec::personal(bob, &["api"])).secret).await;
    product.write("1.md", "ours\n");
    for refusal in [product.pull().await.unwrap_err(), product.push().await.unwrap_err()] {
        assert_eq!(refusal.code, "project-not-found", "{refusal:?}");
    }
    assert_eq!(product.files().len(), before.len());
}

/// The words were looked for in English.
#[tokio::test]
async fn a_protected_branch_is_told_from_a_low_role_and_a_rule_in_any_language() {
    let words = ["You are not allowed to push into this branch", "Sie dürfen nicht in diesen Branch pushen"];
    for (status, words, role, code) in [
        (403, words[0], AccessLevel::Developer, "branch-protected"),
        (403, words[1], AccessLevel::Developer, "branch-protected"),
        (400, words[0], AccessLevel::Developer, "branch-protected"),
        (400, words[1], AccessLevel::Developer, "branch-protected"),
        (403, words[1], AccessLevel::Reporter, "role-too-low"),
        (403, words[0], AccessLevel::Maintainer, "role-too-low"),
        (400, words[1], AccessLevel::Maintainer, "push-rule"),
    ] {
        let (lab, project, product) = in_step().await;
        lab.admin().add_member(Source::Project(project), lab.alice, role);
        let message = if status == 403 { format!("403 Forbidden - {words}") } else { words.to_owned() };
        let body = Some(serde_json::json!({ "message": message }).to_string());
        let canned = Canned { content_type: Some("application/json".into()), body, ..Canned::html(status) };
        lab.admin().fault(Fault::on("POST", "*/repository/commits", Effect::Answer(canned)));
        product.write("1.md", "ours\n");
        // Once with nothing asked before, and once after a look at the branch.
        for _ in 0..2 {
            let refusal = product.push().await.unwrap_err();
            assert_eq!(refusal.code, code, "{status} {words} {role:?}: {refusal:?}");
            lab.commit(project, lab.edit("Theirs\n").update("2.md", "theirs\n"));
        }
        assert_eq!(product.text("1.md").as_deref(), Some("ours\n"));
    }
}

/// There is no branch to look at yet.
#[tokio::test]
async fn a_first_push_that_may_not_make_the_branch_is_told_from_a_rule() {
    for (role, code) in [(AccessLevel::Developer, "branch-protected"), (AccessLevel::Maintainer, "push-rule")] {
        let lab = Lab::new().await;
        let project = lab.project("acme/handbook");
        lab.admin().add_member(Source::Project(project), lab.alice, role);
        let rule = Terms { commit_message_regex: "^DOC-".into(), ..Terms::default() };
        lab.admin().set_push_rule(project, rule).unwrap();
        let product = lab.syncing(project).await;
        product.write("1.md", "ours\n");
        assert_eq!(product.push().await.unwrap_err().code, code, "{role:?}");
    }
}

#[tokio::test]
async fn a_branch_that_becomes_protected_says_what_to_grant() {
    let (lab, project, product) = in_step().await;
    lab.admin().add_member(Source::Project(project), lab.alice, AccessLevel::Developer);
    product.write("1.md", "ours\n");
    let refusal = product.push().await.unwrap_err();
    assert_eq!(refusal.code, "branch-protected", "{refusal:?}");
    assert!(refusal.remedy.contains("Project → Settings → Repository → Protected branches"));
    lab.commit(project, lab.edit("Theirs\n").update("2.md", "theirs\n"));
    product.pull().await.unwrap();
    assert_eq!((product.text("1.md").unwrap(), product.text("2.md").unwrap()), ("ours\n".into(), "theirs\n".into()));
    lab.admin().add_member(Source::Project(project), lab.alice, AccessLevel::Maintainer);
    product.push().await.unwrap();
    assert_eq!(lab.files(project), product.files());
}

#[tokio::test]
async fn a_commit_that_lands_in_the_very_moment_of_the_push_is_not_overwritten() {
    for (theirs, expected) in
        [("other file", "ours\n"), ("other lines", "ours\n"), ("same file", "theirs\n"), ("deleted", "ours\n")]
    {
        let (lab, project, product) = in_step().await;
        let ours = if theirs == "other lines" { "page 1\nours\n" } else { "ours\n" };
        product.write("1.md", ours);
        product.write("new.md", "new\n");
        let rival = lab.edit("Rival\n");
        let rival = match theirs {
            "other file" => rival.update("2.md", "theirs\n"),
            "other lines" => rival.create("other.md", "theirs\n"),
            "same file" => rival.update("1.md", "theirs\n"),
            _ => rival.delete("3.md"),
        };
        lab.admin().land_during_next_commit(project, rival).unwrap();
        product.push().await.unwrap_or_else(|refusal| panic!("{theirs}: {refusal:?}"));
        product.pull().await.unwrap();
        product.push().await.unwrap();
        assert_eq!(lab.files(project), product.files(), "{theirs}");
        let history = lab.history(project);
        assert!(history.iter().any(|message| message.starts_with("Rival")), "{theirs}: {history:?}");
        let conflicts = product.connection.conflicts().await.unwrap();
        let text = product.text("1.md").unwrap();
        assert!(text.ends_with(expected), "{theirs}: {text}");
        assert_eq!(conflicts.len(), usize::from(theirs == "same file"), "{theirs}");
        assert_eq!(product.text("new.md").as_deref(), Some("new\n"));
    }
}

#[tokio::test]
async fn two_hosts_that_push_at_once_both_get_through_and_nothing_is_lost() {
    let (lab, project, left) = in_step().await;
    let right = lab.syncing(project).await;
    right.pull().await.unwrap();
    for round in 0..5 {
        left.write("1.md", format!("left {round}\n"));
        left.write(&format!("left-{round}.md"), "left\n");
        right.write("2.md", format!("right {round}\n"));
        right.write(&format!("right-{round}.md"), "right\n");
        let (first, second) = tokio::join!(left.push(), right.push());
        // Three lost races in a row are told, and the next call goes on.
        for (host, outcome) in [(&left, first), (&right, second)] {
            if let Err(refusal) = outcome {
                assert_eq!(refusal.code, "branch-moved");
                host.push().await.unwrap();
            }
        }
        left.pull().await.unwrap();
        right.pull().await.unwrap();
        left.push().await.unwrap();
        right.pull().await.unwrap();
        assert_eq!(lab.files(project), left.files(), "{round}");
        assert_eq!(lab.files(project), right.files(), "{round}");
    }
    assert_eq!(lab.files(project).len(), 12 + 10);
    assert!(left.connection.conflicts().await.unwrap().is_empty());
    assert!(right.connection.conflicts().await.unwrap().is_empty());
}

#[tokio::test]
async fn two_calls_of_one_connection_at_once_leave_it_in_order() {
    let (lab, project, product) = in_step().await;
    for round in 0..4 {
        product.write("1.md", format!("ours {round}\n"));
        lab.commit(project, lab.edit("Theirs\n").update("2.md", format!("theirs {round}\n")));
        let (left, right) = (&product.connection, &product.connection);
        let outcomes =
            tokio::join!(left.push(options()), right.push(options()), left.pull(options()), right.pull(options()));
        for outcome in [outcomes.0, outcomes.1, outcomes.2, outcomes.3] {
            let _ = product.told(outcome);
        }
        product.push().await.unwrap();
        product.pull().await.unwrap();
        assert_eq!(lab.files(project), product.files(), "{round}");
        assert_eq!(product.text("2.md"), Some(format!("theirs {round}\n")));
    }
}

#[tokio::test]
async fn a_token_revoked_half_way_is_told_and_a_new_one_goes_on() {
    for job in [Job::Push, Job::PushOntoOthers, Job::Pull] {
        let lab = Lab::new().await;
        let case = Case::begin(&lab, job, 0).await;
        lab.admin().revoke_token(lab.token);
        let refusal = case.product.told(case.call(&case.product.connection).await).unwrap_err();
        assert_eq!(refusal.code, "token-rejected", "{job:?}: {refusal:?}");
        case.assert_nothing_is_lost(&lab, "revoked").await;
        let next = lab.admin().create_token(TokenSpec::personal(lab.alice, &["api"])).secret;
        case.product.put_token(&next).await;
        case.assert_it_converges(&lab, "with a new token").await;
    }
}

#[tokio::test]
async fn another_branch_of_the_same_project_starts_over_without_losing_anything() {
    let (lab, project, product) = in_step().await;
    lab.commit(project, CommitSpec::on("next", "Next\n").by(lab.alice).update("1.md", "next\n").create("n.md", "n\n"));
    product.configure_as(Settings { branch: Some("next".into()), ..settings(project) }).await.unwrap();
    product.pull().await.unwrap();
    product.push().await.unwrap();
    assert_eq!(lab.files_of(project, "next"), product.files());
    assert_eq!(product.files().len(), 13);
    assert_eq!(lab.files(project).len(), 12, "the other branch is as it was");
}

#[tokio::test]
async fn a_damaged_or_forgotten_ledger_costs_a_listing_and_nothing_else() {
    let (lab, project, product) = in_step().await;
    product.write("1.md", "ours\n");
    product.told(product.connection.disconnect().await).unwrap();
    assert_eq!(product.pull().await.unwrap_err().code, "not-configured");
    product.configure(project).await;
    product.pull().await.unwrap();
    // Without a base nobody can know who edited: both are kept.
    let conflicts = product.connection.conflicts().await.unwrap();
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    let versions = product.connection.conflict_versions(&conflicts[0].id).await.unwrap();
    assert_eq!((versions.ours, versions.theirs), (Some(b"ours\n".to_vec()), Some(b"page 1\n".to_vec())));
    assert_eq!(lab.files(project), product.files());
    let fresh = Product::new(&lab, Setup::default()).await;
    fresh.configure(project).await;
    fresh.pull().await.unwrap();
    assert_eq!(lab.files(project), fresh.files());
}
