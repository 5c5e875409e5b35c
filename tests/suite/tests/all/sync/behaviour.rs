//! The rows of `plugin/BEHAVIOUR.md` that no other file has a test for, and that every row has one.

use super::conflicts::{agreed, only_conflict};
use super::jobs::{Case, Job};
use super::lab::Lab;
use super::product::{Product, settings};
use crate::support::sources::missing_tests;
use gitlab_sim::{Canned, Effect, Fault, Terms, TokenSpec, When};
use gitlab_sync_host::sync::{Action, ConflictPolicy, Resolution, Settings};

const TABLE: &str = include_str!("../../../../../plugin/BEHAVIOUR.md");

#[test]
fn every_row_of_the_table_names_a_test_that_there_is() {
    let rows: Vec<&str> = TABLE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Case")).collect();
    assert!(rows.len() > 40, "{}", rows.len());
    let tests: Vec<_> = rows.iter().map(|row| row.trim_end_matches('|').rsplit('|').next().unwrap()).collect();
    let without: Vec<_> = rows.iter().zip(&tests).filter(|(_, tests)| !tests.contains('`')).collect();
    assert!(without.is_empty(), "{without:?}");
    assert_eq!(missing_tests(&tests.concat()), [""; 0], "there are no such tests");
}

async fn in_step() -> (Lab, u64, Product) {
    agreed(ConflictPolicy::KeepBoth).await
}

/// Pulls and pushes, in either order, until both sides have had their say.
async fn sync(product: &Product, push_first: bool) {
    if push_first {
        product.push().await.unwrap();
    }
    product.pull().await.unwrap();
    product.push().await.unwrap();
}

fn skips(product: &[gitlab_sync_host::sync::Change]) -> Vec<(&str, &str)> {
    let skipped = product.iter().filter(|change| change.action == Action::Skip);
    skipped.map(|change| (change.path.as_str(), change.reason.as_deref().unwrap_or_default())).collect()
}

#[tokio::test]
async fn an_edit_follows_a_file_that_the_other_side_has_renamed() {
    for push_first in [true, false] {
        // Renamed there, edited here; and the reverse.
        let (lab, project, product) = in_step().await;
        lab.commit(project, lab.edit("Rename\n").rename("rota.yaml", "duty/rota.yaml"));
        product.write("rota.yaml", "who: eli\n");
        sync(&product, push_first).await;
        assert_eq!(lab.files(project), product.files(), "push first: {push_first}");
        assert_eq!(product.text("duty/rota.yaml").as_deref(), Some("who: eli\n"));
        assert_eq!(product.text("rota.yaml"), None);

        lab.commit(project, lab.edit("Edit\n").update("poem.md", "seven\n"));
        product.rename("poem.md", "verse/poem.md");
        sync(&product, push_first).await;
        assert_eq!(lab.files(project), product.files(), "push first: {push_first}");
        assert_eq!(product.text("verse/poem.md").as_deref(), Some("seven\n"));
        assert_eq!(product.text("poem.md"), None);
        assert!(product.connection.conflicts().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_file_that_both_sides_rename_differently_is_under_both_names() {
    let (lab, project, product) = in_step().await;
    lab.commit(project, lab.edit("Rename\n").rename("rota.yaml", "theirs.yaml"));
    product.rename("rota.yaml", "ours.yaml");
    sync(&product, true).await;
    assert_eq!(lab.files(project), product.files());
    for name in ["ours.yaml", "theirs.yaml"] {
        assert_eq!(product.text(name).as_deref(), Some("who: ana\n"), "{name}");
    }
}

#[tokio::test]
async fn a_folder_against_a_file_is_left_to_a_person_who_renames_one() {
    let (lab, project, product) = in_step().await;
    lab.commit(project, lab.edit("A folder\n").create("plan.md/part.md", "theirs\n"));
    product.write("plan.md", "ours\n");
    product.write("else.md", "else\n");
    sync(&product, false).await;
    assert_eq!(product.text("plan.md").as_deref(), Some("ours\n"));
    assert_eq!(lab.text(project, "plan.md/part.md").as_deref(), Some("theirs\n"));
    assert_eq!(lab.text(project, "else.md").as_deref(), Some("else\n"), "the others are not held up");
    let done = product.push().await.unwrap();
    assert!(skips(&done.changes).iter().any(|(_, reason)| reason.contains("rename one of them")), "{done:?}");
    product.rename("plan.md", "plan-of-ours.md");
    sync(&product, false).await;
    assert_eq!(lab.files(project), product.files());
    assert_eq!(product.text("plan.md/part.md").as_deref(), Some("theirs\n"));
}

/// GitLab puts a new file in the place of a folder without a word, and a warm push has not seen the folder.
#[tokio::test]
async fn a_file_that_lands_on_an_unseen_folder_keeps_what_it_replaced() {
    let (lab, project, product) = in_step().await;
    lab.commit(project, lab.edit("A folder\n").create("plan.md/part.md", "theirs\n"));
    product.write("plan.md", "ours\n");
    sync(&product, true).await;
    assert_eq!(lab.files(project), product.files());
    assert_eq!(product.text("plan.md").as_deref(), Some("ours\n"));
    let versions = product.connection.conflict_versions(&only_conflict(&product).await).await.unwrap();
    assert_eq!((versions.path.as_str(), versions.theirs), ("plan.md/part.md", Some(b"theirs\n".to_vec())));
}

#[tokio::test]
async fn one_name_in_both_normal_forms_is_left_to_a_person_who_renames_one() {
    let (lab, project, product) = in_step().await;
    let (composed, decomposed) = ("caf\u{e9}.md", "cafe\u{301}.md");
    lab.commit(project, lab.edit("Theirs\n").create(decomposed, "theirs\n"));
    product.write(composed, "ours\n");
    sync(&product, false).await;
    assert_eq!((product.text(composed).as_deref(), product.text(decomposed)), (Some("ours\n"), None));
    assert_eq!((lab.text(project, decomposed).as_deref(), lab.text(project, composed)), (Some("theirs\n"), None));
    let done = product.pull().await.unwrap();
    let told = skips(&done.changes);
    assert!(told.iter().any(|(path, reason)| *path == decomposed && reason.contains("the same file as")), "{told:?}");
    product.rename(composed, "bar.md");
    sync(&product, true).await;
    assert_eq!(lab.files(project), product.files());
    assert_eq!(product.text(decomposed).as_deref(), Some("theirs\n"));
}

/// A sync with a clash of names never came to an end for `status`, and to whoever waited for the first one.
#[tokio::test]
async fn a_sync_is_finished_where_nothing_but_what_is_left_alone_differs() {
    let (lab, project, product) = in_step().await;
    lab.commit(
        project,
        lab.edit("Clash\n").create("Plan/a.md", "a\n").create("Plan/b.md", "b\n").create("c.md", "c\n"),
    );
    product.write("plan", "a file, which is not selected and in the way all the same\n");
    let synced = async || {
        let status = product.told(product.connection.status().await).unwrap();
        (status.synced_head, status.left_alone)
    };
    let before = synced().await;
    product.pull().await.unwrap();
    assert_eq!(synced().await, (Some(lab.head(project)), 2));
    product.write("rota.yaml", "who: eli\n");
    product.push().await.unwrap();
    assert_ne!(synced().await, before);
    assert_eq!(synced().await, (Some(lab.head(project)), 2));
    product.rename("plan", "plan.txt");
    product.pull().await.unwrap();
    assert_eq!(synced().await, (Some(lab.head(project)), 0));
    assert_eq!(product.text("Plan/b.md").as_deref(), Some("b\n"));
}

#[tokio::test]
async fn a_push_says_what_it_leaves_alone_and_why() {
    let lab = Lab::new().await;
    let project =
        lab.project_with("acme/handbook", &[(".gitattributes", "*.big.md filter=lfs -text\n"), ("b.md", "b\n")]);
    let product = lab.syncing(project).await;
    product.pull().await.unwrap();
    product.write("c.big.md", "not a pointer\n");
    product.write("large.md", vec![b'x'; (20 << 20) + 1]);
    product.write("con.md", "reserved\n");
    std::os::unix::fs::symlink("b.md", product.workspace().join("link.md")).unwrap();
    product.write("b.md", "b2\n");
    let done = product.push().await.unwrap();
    let told = skips(&done.changes);
    for (path, reason, code) in [
        ("c.big.md", "kept in Git LFS", Some("lfs-path")),
        ("large.md", "20971521 bytes; the most is 20971520", Some("too-large")),
        ("con.md", "device", Some("unsafe-path")),
        ("link.md", "link", None),
    ] {
        assert!(told.iter().any(|told| told.0 == path && told.1.contains(reason)), "{path}: {told:?}");
        let change = done.changes.iter().find(|change| change.path == path).unwrap();
        assert_eq!(change.code.as_deref(), code, "{path}");
    }
    assert_eq!(lab.files(project).into_keys().collect::<Vec<_>>(), [".gitattributes", "b.md"]);
}

#[tokio::test]
async fn a_renamed_default_branch_is_named() {
    let (lab, project, product) = in_step().await;
    let rename = |repository: &git2::Repository| -> Result<(), git2::Error> {
        repository.find_reference("refs/heads/main")?.rename("refs/heads/trunk", false, "renamed").map(drop)
    };
    lab.admin().app().repositories.with(project, rename).unwrap();
    lab.admin().change_project(project, |project| project.default_branch = "trunk".into()).unwrap();
    product.write("rota.yaml", "who: eli\n");
    let before = product.files();
    for refusal in [product.pull().await.unwrap_err(), product.push().await.unwrap_err()] {
        assert_eq!(refusal.code, "branch-missing");
        assert!(refusal.message.contains("`main` is gone; the project's default branch is `trunk`"), "{refusal:?}");
    }
    assert_eq!(product.files(), before);
    product.configure(project).await;
    sync(&product, false).await;
    assert_eq!(lab.files_of(project, "trunk"), product.files());
}

#[tokio::test]
async fn a_branch_made_anew_with_other_files_takes_nothing_of_ours_away() {
    for push_first in [true, false] {
        let (lab, project, product) = in_step().await;
        product.write("ours.md", "ours\n");
        product.write("rota.yaml", "who: eli\n");
        let remake = |repository: &git2::Repository| -> Result<(), git2::Error> {
            let old = repository.revparse_single("refs/heads/main")?.peel_to_tree()?;
            repository.find_reference("refs/heads/main")?.delete()?;
            let mut tree = repository.treebuilder(Some(&old))?;
            tree.insert("new.md", repository.blob(b"new\n")?, 0o100_644)?;
            tree.remove("poem.md")?;
            let tree = repository.find_tree(tree.write()?)?;
            let who = git2::Signature::now("Bob", "bob@example.test")?;
            repository.commit(Some("refs/heads/main"), &who, &who, "Anew\n", &tree, &[]).map(drop)
        };
        lab.admin().app().repositories.with(project, remake).unwrap();
        sync(&product, push_first).await;
        assert_eq!(lab.files(project), product.files());
        assert_eq!(product.text("ours.md").as_deref(), Some("ours\n"));
        assert_eq!(product.text("rota.yaml").as_deref(), Some("who: eli\n"));
        assert_eq!((product.text("new.md").as_deref(), product.text("poem.md")), (Some("new\n"), None));
    }
}

#[tokio::test]
async fn a_token_that_expires_half_way_is_told_and_a_new_one_goes_on() {
    for job in [Job::Push, Job::PushOntoOthers, Job::Pull] {
        let lab = Lab::new().await;
        let case = Case::begin(&lab, job, 0).await;
        // The lab's token lives for a year.
        lab.admin().advance_clock(jiff::SignedDuration::from_hours(24 * 400));
        let refusal = case.product.told(case.call(&case.product.connection).await).unwrap_err();
        assert_eq!(refusal.code, "token-expired", "{job:?}: {refusal:?}");
        case.assert_nothing_is_lost(&lab, "expired").await;
        let next = lab.admin().create_token(TokenSpec::personal(lab.alice, &["api"])).secret;
        case.product.put_token(&next).await;
        case.assert_it_converges(&lab, "with a new token").await;
    }
}

/// A rule, and the words in which it refuses an edit of `rota.yaml` and a new `keys/team.key.yaml`.
fn rules() -> Vec<(Terms, &'static str)> {
    let none = Terms::default;
    vec![
        (
            Terms { commit_message_regex: "^JIRA-".into(), ..none() },
            "Commit message does not follow the pattern '^JIRA-'",
        ),
        (
            Terms { author_email_regex: "@acme.example$".into(), ..none() },
            "' does not follow the pattern '@acme.example$'",
        ),
        (
            Terms { file_name_regex: r"\.key\.yaml$".into(), ..none() },
            r#"File name keys/team.key.yaml was prohibited by the pattern "\\.key\\.yaml$"."#,
        ),
        (Terms { max_file_size: 1, ..none() }, r#"File "rota.yaml" is larger than the allowed size of 1 MiB."#),
        (Terms { reject_non_dco_commits: true, ..none() }, "Commit message must contain a DCO signoff"),
    ]
}

#[tokio::test]
async fn rules_of_the_project_refuse_a_push_in_their_own_words_and_hold_up_no_pull() {
    for (terms, words) in rules() {
        let (lab, project, product) = in_step().await;
        lab.admin().set_push_rule(project, terms).unwrap();
        let rota = "who: eli\n".repeat(120_000);
        product.write("rota.yaml", &rota);
        product.write("keys/team.key.yaml", "door: 3\n");
        lab.commit(project, lab.edit("Theirs\n").update("poem.md", "theirs\n"));
        let head = lab.head(project);
        for _ in 0..2 {
            let refusal = product.push().await.unwrap_err();
            assert_eq!(refusal.code, "push-rule", "{refusal:?}");
            assert!(refusal.message.contains(words), "{words}: {refusal:?}");
        }
        product.pull().await.unwrap();
        assert_eq!(product.text("poem.md").as_deref(), Some("theirs\n"));
        assert_eq!(product.text("rota.yaml"), Some(rota), "the edit waits");
        assert_eq!(lab.head(project), head, "nothing half done is there");
        lab.admin().set_push_rule(project, Terms::default()).unwrap();
        product.push().await.unwrap();
        assert_eq!(lab.files(project), product.files());
    }
}

#[tokio::test]
async fn a_secret_in_a_file_is_named_with_its_line_and_never_repeated() {
    let (lab, project, product) = in_step().await;
    lab.admin().change_project(project, |project| project.protect_from_secrets(true)).unwrap();
    let secret = format!("glpat-{}", "x1".repeat(10));
    product.write("rota.yaml", format!("who: eli\ntoken: {secret}\n"));
    let refusal = product.push().await.unwrap_err();
    assert_eq!(refusal.code, "push-rule", "{refusal:?}");
    assert!(refusal.message.contains("PUSH BLOCKED: Secrets detected in code changes"), "{refusal:?}");
    assert!(refusal.message.contains("-- rota.yaml:2 | GitLab Personal Access Token"), "{refusal:?}");
    assert!(!format!("{refusal:?}{}", product.log()).contains(&secret));
    product.write("rota.yaml", "who: eli\ntoken: in the vault\n");
    product.push().await.unwrap();
    assert_eq!(lab.files(project), product.files());
}

#[tokio::test]
async fn a_message_template_satisfies_a_rule_for_messages() {
    let (lab, project, product) = in_step().await;
    let rule = Terms { commit_message_regex: r"^DOC-\d+: ".into(), ..Terms::default() };
    lab.admin().set_push_rule(project, rule).unwrap();
    product.write("rota.yaml", "who: eli\n");
    assert_eq!(product.push().await.unwrap_err().code, "push-rule");
    let message_template = Some("DOC-7: {summary}".into());
    product.configure_as(Settings { message_template, ..settings(project) }).await.unwrap();
    product.push().await.unwrap();
    assert_eq!(lab.files(project), product.files());
}

#[tokio::test]
async fn a_content_that_the_workspace_has_is_copied_and_not_downloaded() {
    let (lab, project, product) = in_step().await;
    let copies = (0..5)
        .fold(lab.edit("Copies\n"), |spec, number| spec.create(&format!("copy/{number}.md"), super::conflicts::POEM));
    lab.commit(project, copies.delete("rest/0.md").create("again.md", "rest\n"));
    // Without the shortcut, contents come one by one.
    lab.admin().fault(Fault::on("GET", "*/repository/compare", Effect::Answer(Canned::html(500))).when(When::Always));
    let (done, asked) = lab.requests(product.pull()).await;
    done.unwrap();
    lab.admin().clear_faults();
    assert_eq!(lab.files(project), product.files());
    assert!(!asked.iter().any(|line| line.contains("/blobs/") || line.contains("archive")), "{asked:?}");
}

#[tokio::test]
async fn a_conflict_of_the_largest_files_is_kept_and_can_be_resolved_unseen() {
    let (lab, project, product) = in_step().await;
    let large = |seed: u32| -> Vec<u8> {
        (0..20 << 20).map(|number: u32| (number.wrapping_mul(2_654_435_761 ^ seed) >> 13) as u8).collect()
    };
    lab.commit(project, lab.edit("Large\n").create("large.md", large(1)));
    product.pull().await.unwrap();
    lab.commit(project, lab.edit("Larger\n").update("large.md", large(3)));
    product.write("large.md", large(5));
    assert_eq!(product.pull().await.unwrap().conflicts, 1);
    assert!(product.files()["large.md"].0 == large(3), "the branch's is in place");
    let id = only_conflict(&product).await;
    let refusal = product.told(product.connection.conflict_versions(&id).await).unwrap_err();
    assert_eq!(refusal.code, "too-large", "{refusal:?}");
    product.told(product.connection.resolve(&id, Resolution::Ours).await).unwrap();
    assert!(product.files()["large.md"].0 == large(5), "ours was kept");
    product.push().await.unwrap();
    assert!(lab.files(project)["large.md"].0 == large(5));
}
