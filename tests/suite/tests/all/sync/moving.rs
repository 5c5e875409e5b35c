//! Files on their way: what one job costs, and that both sides hold the same bytes afterwards.

use super::lab::Lab;
use super::product::{Product, Setup, options, settings};
use gitlab_sim::{Action, ProjectSpec, TokenSpec};
use gitlab_sync_host::sync::{Change, Deletions, Direction, Options, Settings};
use std::collections::BTreeSet;

/// A product whose folder and a project without files are connected.
async fn fresh() -> (Lab, u64, Product) {
    let lab = Lab::new().await;
    let project = lab.project("acme/handbook");
    let product = lab.syncing(project).await;
    (lab, project, product)
}

fn pages(count: usize) -> Vec<(String, String)> {
    (0..count).map(|number| (format!("docs/{}/{number:04}.md", number % 7), format!("# Page {number}\n"))).collect()
}

fn fill(product: &Product, count: usize) {
    pages(count).iter().for_each(|(path, text)| product.write(path, text));
}

/// A project of so many pages, in one commit.
fn filled(lab: &Lab, count: usize) -> u64 {
    let project = lab.project("acme/handbook");
    let spec = pages(count).into_iter().fold(lab.edit("Begin\n"), |spec, (path, text)| spec.create(&path, text));
    lab.commit(project, spec);
    project
}

#[tokio::test]
async fn the_first_push_ships_everything_in_one_commit() {
    let (lab, project, product) = fresh().await;
    fill(&product, 120);
    let plan = product.plan(Direction::Push).await;
    assert_eq!((plan.changes.len(), plan.head.as_deref()), (120, None));
    let (done, asked) = lab.requests(product.push_as(Options { plan: Some(plan.digest), ..options() })).await;
    assert_eq!(done.unwrap().changes.len(), 120);
    assert_eq!(lab.history(project).len(), 1);
    assert_eq!(lab.files(project), product.files());
    let posts: Vec<_> = asked.iter().filter(|line| line.starts_with("POST")).collect();
    assert_eq!(posts, ["POST /api/v4/projects/1/repository/commits"]);
    assert!(asked.len() <= 2, "the head and the commit: {asked:?}");
}

#[tokio::test]
async fn a_push_of_some_changes_is_one_request_whatever_is_there() {
    let (lab, project, product) = fresh().await;
    fill(&product, 150);
    product.push().await.unwrap();
    for number in 0..10 {
        product.write(&format!("docs/{}/{number:04}.md", number % 7), format!("# Page {number}, again\n"));
    }
    product.write("docs/new.md", "new\n");
    product.remove("docs/0/0014.md");
    product.rename("docs/1/0015.md", "docs/moved.md");
    let (done, asked) = lab.requests(product.push()).await;
    assert_eq!(done.unwrap().changes.len(), 13);
    assert_eq!(asked, ["POST /api/v4/projects/1/repository/commits"]);
    assert_eq!(lab.files(project), product.files());
    let (done, asked) = lab.requests(product.push()).await;
    assert_eq!((done.unwrap().changes.len(), asked.len()), (0, 0), "and none where nothing changed");
}

#[tokio::test]
async fn a_pull_of_nothing_is_one_request() {
    let lab = Lab::new().await;
    let project = filled(&lab, 150);
    let mut product = lab.syncing(project).await;
    product.pull().await.unwrap();
    for _ in 0..2 {
        let (done, asked) = lab.requests(product.pull()).await;
        assert_eq!(done.unwrap().changes.len(), 0);
        assert_eq!(asked.len(), 1, "{asked:?}");
        product.restart().await;
    }
    let status = product.told(product.connection.status().await).unwrap();
    assert_eq!(status.synced_head, Some(lab.head(project)));
}

#[tokio::test]
async fn a_pull_of_some_changes_is_two_requests_whatever_is_there() {
    let lab = Lab::new().await;
    let project = filled(&lab, 150);
    let product = lab.syncing(project).await;
    product.pull().await.unwrap();
    let edited = (0..10).fold(lab.edit("Ten\n"), |spec, number| {
        spec.update(&format!("docs/{}/{number:04}.md", number % 7), format!("# Page {number}, again\n"))
    });
    lab.commit(project, edited.create("docs/new.md", "new\n").delete("docs/0/0014.md"));
    let (done, asked) = lab.requests(product.pull()).await;
    assert_eq!(done.unwrap().changes.len(), 12);
    assert_eq!(lab.files(project), product.files());
    assert_eq!(asked, ["GET /api/v4/projects/1/repository/compare", "POST /api/graphql"]);
}

#[tokio::test]
async fn a_cold_pull_of_any_size_is_three_requests() {
    for count in [1, 5, 100, 700] {
        let lab = Lab::new().await;
        let project = filled(&lab, count);
        let product = lab.syncing(project).await;
        let (done, asked) = lab.requests(product.pull()).await;
        assert_eq!(done.unwrap().changes.len(), count);
        assert_eq!(lab.files(project), product.files());
        // Below this size the files come one by one, beside each other.
        let most = if count < 64 { 2 + count } else { 3 };
        assert!(asked.len() <= most, "{count}: {asked:?}");
        assert!(lab.admin().log().totals().connections <= 8 + 2);
    }
}

#[tokio::test]
async fn our_own_push_coming_back_is_nothing_to_do() {
    let (lab, _, product) = fresh().await;
    fill(&product, 5);
    product.push().await.unwrap();
    let (done, asked) = lab.requests(product.pull()).await;
    assert_eq!((done.unwrap().changes.len(), asked.len()), (0, 1), "{asked:?}");
}

/// Names and bytes that have broken other connectors.
const ODD: &[(&str, &[u8])] = &[
    ("empty.md", b""),
    ("no newline.md", b"no newline"),
    ("crlf.md", b"one\r\ntwo\r\n"),
    ("cr.md", b"one\rtwo\r"),
    ("bom.yaml", b"\xef\xbb\xbfkey: value\n"),
    ("utf-16.md", b"\xff\xfeh\0i\0"),
    ("latin-1.md", b"gr\xfc\xdfe\n"),
    ("zero.md", b"a\0b\n"),
    ("it's.md", b"\"quoted\" \\ backslash\n"),
    ("with spaces/and more.md", b"spaces\n"),
    ("per%20cent/100%.md", b"percent\n"),
    ("hash#tag/a#b.md", b"hash\n"),
    ("plus+plus/a+b.md", b"plus\n"),
    ("ampersand&co/a=b;c,d@e.md", b"ampersand\n"),
    ("b\u{fc}cher/\u{fc}ber.md", b"composed\n"),
    ("be\u{301}rets/e\u{301}te\u{301}.md", b"decomposed\n"),
    ("\u{65e5}\u{672c}\u{8a9e}/\u{1f680}.md", b"wide\n"),
    ("-dash/--help.md", b"dash\n"),
    (".hidden/.dot.md", b"dot\n"),
    ("deep/1/2/3/4/5/6/7/8/9/a.md", b"deep\n"),
    ("trailing.newlines.md", b"\n\n\n"),
];

#[tokio::test]
async fn odd_names_and_bytes_go_round_unchanged() {
    let (lab, project, first) = fresh().await;
    ODD.iter().for_each(|(path, bytes)| first.write(path, bytes));
    first.write("tool.md", "#!/bin/sh\n");
    first.executable("tool.md", 0o755);
    first.push().await.unwrap();
    assert_eq!(lab.files(project), first.files());
    assert_eq!(lab.files(project).len(), ODD.len() + 1);
    let second = lab.syncing(project).await;
    second.pull().await.unwrap();
    assert_eq!(second.files(), first.files());
    assert!(second.files()["tool.md"].1, "the executable bit too");

    // Edited on one side, they come to the other one by one and not by the archive.
    for (path, bytes) in ODD {
        second.write(path, [bytes, b"\r\nmore".as_slice()].concat());
    }
    second.executable("tool.md", 0o644);
    second.push().await.unwrap();
    assert_eq!(lab.files(project), second.files());
    first.pull().await.unwrap();
    assert_eq!(first.files(), second.files());
    assert!(!first.files()["tool.md"].1);

    ODD.iter().for_each(|(path, _)| first.rename(path, &format!("moved/{path}")));
    first.push().await.unwrap();
    assert_eq!(lab.files(project), first.files());
    second.pull().await.unwrap();
    assert_eq!(second.files(), first.files());
}

#[tokio::test]
async fn the_largest_file_that_is_synced_goes_round_in_the_memory_of_a_call() {
    let (lab, project, first) = fresh().await;
    let noise: Vec<u8> = (0_u32..20 << 20).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    first.write("noise.md", &noise);
    first.write("over.md", [noise.as_slice(), b"!"].concat());
    first.write("small.md", "small\n");
    let done = first.push().await.unwrap();
    let shipped: Vec<_> = done.summary().into_iter().filter(|line| line.starts_with("create")).collect();
    assert_eq!(shipped, ["create noise.md", "create small.md"]);
    first.remove("over.md");
    assert_eq!(lab.files(project), first.files());
    let second = lab.syncing(project).await;
    second.pull().await.unwrap();
    assert!(second.files() == first.files());
}

#[tokio::test]
async fn large_files_arrive_one_after_the_other_when_they_do_not_fit_together() {
    let lab = Lab::new().await;
    let project = lab.project("acme/handbook");
    let large = |seed: u32| -> Vec<u8> {
        (0..11 << 20).map(|number: u32| (number.wrapping_mul(2_654_435_761 ^ seed) >> 13) as u8).collect()
    };
    let spec = (0..3).fold(lab.edit("Begin\n"), |spec, number| spec.create(&format!("{number}.md"), large(number)));
    lab.commit(project, spec);
    let product = lab.syncing(project).await;
    product.pull().await.unwrap();
    assert!(lab.files(project) == product.files());
    // Changes come by another way.
    let spec = (0..25).fold(lab.edit("More\n"), |spec, number| {
        spec.create(&format!("new/{number}.md"), vec![b'a' + (number % 26) as u8; 700_000])
    });
    lab.commit(project, spec);
    product.pull().await.unwrap();
    assert!(lab.files(project) == product.files());
}

#[tokio::test]
async fn more_than_one_request_may_hold_is_split_and_arrives_whole() {
    let (lab, project, first) = fresh().await;
    for number in 0..6 {
        first.write(&format!("{number}.md"), format!("{number}\n").repeat(2_400_000));
    }
    let done = first.push().await.unwrap();
    assert_eq!(done.changes.len(), 6);
    assert!(lab.files(project) == first.files());
    assert!((2..=3).contains(&lab.history(project).len()), "{}", lab.history(project).len());
}

#[tokio::test]
async fn an_extension_in_upper_case_is_synced_like_any_other() {
    let (lab, project, product) = fresh().await;
    product.write("README.MD", "here\n");
    product.push().await.unwrap();
    lab.commit(project, lab.edit("More\n").create("docs/A.Yml", "there: 1\n").update("README.MD", "there\n"));
    product.pull().await.unwrap();
    assert_eq!(lab.files(project), product.files());
    assert_eq!(product.files().len(), 2);
}

#[tokio::test]
async fn deleting_and_renaming_work_in_both_directions() {
    let (lab, project, product) = fresh().await;
    for number in 0..30 {
        product.write(&format!("docs/{number}.md"), format!("page {number}\n"));
    }
    product.push().await.unwrap();
    product.remove("docs/1.md");
    product.rename("docs/2.md", "docs/two.md");
    product.rename("docs/3.md", "other/3.md");
    let done = product.push().await.unwrap();
    let expected: BTreeSet<_> = ["delete docs/1.md", "move docs/two.md", "move other/3.md"].map(String::from).into();
    assert_eq!(BTreeSet::from_iter(done.summary()), expected);
    assert_eq!(lab.files(project), product.files());

    lab.commit(
        project,
        lab.edit("Tidy\n").delete("docs/4.md").rename("docs/5.md", "docs/five.md").rename("docs/6.md", "other/6.md"),
    );
    product.pull().await.unwrap();
    assert_eq!(lab.files(project), product.files());

    // A move with an edit, on either side.
    product.rename("docs/7.md", "docs/seven.md");
    product.write("docs/seven.md", "page 7, and more\n");
    product.push().await.unwrap();
    assert_eq!(lab.files(project), product.files());
    let content = Some(b"page 8, and more\n".to_vec());
    let moved = Action::Move { from: "docs/8.md".into(), to: "docs/eight.md".into(), content };
    lab.commit(project, lab.edit("Move and edit\n").action(moved));
    product.pull().await.unwrap();
    assert_eq!(lab.files(project), product.files());

    // A name only in another case, and a folder where a file was.
    product.rename("docs/9.md", "docs/Nine.md");
    product.push().await.unwrap();
    product.rename("docs/Nine.md", "docs/nine.md");
    product.push().await.unwrap();
    product.remove("docs/10.md");
    product.write("docs/10.md/inside.md", "a folder now\n");
    product.push().await.unwrap();
    assert_eq!(lab.files(project), product.files());
    lab.commit(project, lab.edit("Back\n").delete("docs/10.md/inside.md").create("docs/10.md", "a file again\n"));
    product.pull().await.unwrap();
    assert_eq!(lab.files(project), product.files());
    // The same from the branch.
    let folder = lab.edit("A folder\n").delete("docs/11.md").create("docs/11.md/inside.md", "a folder now\n");
    lab.commit(project, folder.rename("docs/nine.md", "docs/NINE.md"));
    product.pull().await.unwrap();
    assert_eq!(lab.files(project), product.files());
}

#[tokio::test]
async fn only_what_was_selected_moves_in_either_direction() {
    let lab = Lab::new().await;
    let project = lab.project_with(
        "acme/handbook",
        &[("docs/a.md", "a\n"), ("docs/b.txt", "b\n"), ("src/main.rs", "fn main() {}\n"), ("README.md", "read\n")],
    );
    let product = lab.product().await;
    let narrow = Settings { directories: vec!["docs".into()], ..settings(project) };
    product.configure_as(narrow).await.unwrap();
    product.write("notes.md", "private\n");
    product.write("docs/c.md", "c\n");
    product.write("docs/d.json", "{}\n");
    product.pull().await.unwrap();
    product.push().await.unwrap();
    let here: Vec<_> = product.files().into_keys().collect();
    assert_eq!(here, ["docs/a.md", "docs/c.md", "docs/d.json", "notes.md"]);
    let there: Vec<_> = lab.files(project).into_keys().collect();
    assert_eq!(there, ["README.md", "docs/a.md", "docs/b.txt", "docs/c.md", "src/main.rs"]);
    // Files outside were removed or changed there: not our business.
    lab.commit(project, lab.edit("Out\n").delete("README.md").update("src/main.rs", "fn main() { }\n"));
    let (done, _) = lab.requests(product.pull()).await;
    assert_eq!(done.unwrap().summary(), Vec::<String>::new());

    // A wider selection brings what is new to it and forgets nothing.
    let patterns = vec!["*.md".into(), "*.txt".into()];
    product.configure_as(Settings { patterns, ..settings(project) }).await.unwrap();
    product.pull().await.unwrap();
    assert_eq!(product.text("docs/b.txt").as_deref(), Some("b\n"));
    product.push().await.unwrap();
    assert_eq!(lab.text(project, "notes.md").as_deref(), Some("private\n"));
}

#[tokio::test]
async fn what_neither_side_can_hold_is_left_alone_with_the_reason() {
    let lab = Lab::new().await;
    let project = lab.project_with("acme/handbook", &[("a.md", "a\n"), ("Same.md", "upper\n"), ("same.md", "lower\n")]);
    let odd = |repository: &git2::Repository| -> Result<(), git2::Error> {
        let tip = repository.revparse_single("refs/heads/main")?.peel_to_commit()?;
        let mut tree = repository.treebuilder(Some(&tip.tree()?))?;
        let blob = repository.blob(b"a.md")?;
        tree.insert("link.md", blob, 0o120_000)?;
        tree.insert("module.md", tip.id(), 0o160_000)?;
        tree.insert("con.md", repository.blob(b"reserved\n")?, 0o100_644)?;
        let tree = repository.find_tree(tree.write()?)?;
        let who = tip.author();
        repository.commit(Some("refs/heads/main"), &who, &who, "Odd entries\n", &tree, &[&tip]).map(drop)
    };
    lab.admin().app().repositories.with(project, odd).unwrap();
    let product = lab.syncing(project).await;
    let plan = product.plan(Direction::Pull).await;
    let skipped: Vec<_> = plan.changes.iter().filter(|change| change.reason.is_some()).collect();
    for (path, code) in
        [("link.md", "not-a-file"), ("module.md", "not-a-file"), ("con.md", "unsafe-path"), ("same.md", "name-clash")]
    {
        let change = skipped.iter().find(|change| change.path == path);
        assert_eq!(change.and_then(|change| change.code.as_deref()), Some(code), "{path}: {skipped:?}");
    }
    product.pull().await.unwrap();
    assert!(!product.workspace().join("link.md").is_symlink());
    product.write("b.md", "b\n");
    product.push().await.unwrap();
    let tree = |repository: &git2::Repository| -> Result<Vec<String>, git2::Error> {
        let tree = repository.revparse_single("refs/heads/main")?.peel_to_tree()?;
        Ok(tree.iter().map(|entry| format!("{} {:o}", entry.name().unwrap(), entry.filemode())).collect())
    };
    let tree = lab.admin().app().repositories.with(project, tree).unwrap();
    for kept in
        ["link.md 120000", "module.md 160000", "con.md 100644", "Same.md 100644", "same.md 100644", "b.md 100644"]
    {
        assert!(tree.iter().any(|entry| entry == kept), "{kept}: {tree:?}");
    }
    // And links of the workspace do not leave it.
    std::os::unix::fs::symlink("/etc/hostname", product.workspace().join("out.md")).unwrap();
    let done = product.push().await.unwrap();
    assert!(lab.text(project, "out.md").is_none(), "{done:?}");
}

/// Only a listing told of it, and a pull of what has changed needs none.
#[tokio::test]
async fn a_name_that_comes_later_and_cannot_be_held_is_told_with_the_reason() {
    let lab = Lab::new().await;
    let project = lab.project_with("acme/handbook", &[("a.md", "a\n")]);
    let product = lab.syncing(project).await;
    product.pull().await.unwrap();
    for name in ["con.md", "docs/a:b.md"] {
        lab.commit(project, lab.edit("Theirs\n").create(name, "theirs\n"));
        let planned = product.plan(Direction::Pull).await.changes;
        let done = product.pull().await.unwrap().changes;
        for changes in [planned, done] {
            let code = changes.iter().find(|change| change.path == name).and_then(|change| change.code.as_deref());
            assert_eq!((code, changes.len()), (Some("unsafe-path"), 1), "{name}: {changes:?}");
        }
    }
    assert_eq!(product.files().len(), 1);
}

#[tokio::test]
async fn files_in_lfs_are_left_alone() {
    let lab = Lab::new().await;
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
    let project = lab.project_with(
        "acme/handbook",
        &[(".gitattributes", "*.big.md filter=lfs diff=lfs merge=lfs -text\n"), ("a.big.md", pointer), ("b.md", "b\n")],
    );
    let product = lab.syncing(project).await;
    let code = |changes: &[Change]| {
        let change = changes.iter().find(|change| change.path == "a.big.md");
        change.and_then(|change| change.code.clone())
    };
    assert_eq!(code(&product.plan(Direction::Pull).await.changes).as_deref(), Some("lfs-path"));
    assert_eq!(code(&product.pull().await.unwrap().changes).as_deref(), Some("lfs-path"));
    assert_eq!(product.files().into_keys().collect::<Vec<_>>(), ["b.md"]);
    product.write("c.big.md", "not a pointer\n");
    product.write("b.md", "b2\n");
    product.push().await.unwrap();
    assert_eq!(lab.text(project, "a.big.md").as_deref(), Some(pointer));
    assert_eq!(lab.text(project, "c.big.md"), None);
    assert_eq!(lab.text(project, "b.md").as_deref(), Some("b2\n"));
}

#[tokio::test]
async fn many_deletions_wait_for_approval_on_either_side() {
    let lab = Lab::new().await;
    let project = filled(&lab, 40);
    let product = lab.syncing(project).await;
    product.pull().await.unwrap();
    let before = product.files();
    let wipe = pages(40).into_iter().take(30).fold(lab.edit("Wipe\n"), |spec, (path, _)| spec.delete(&path));
    lab.commit(project, wipe);
    let refusal = product.pull().await.unwrap_err();
    assert_eq!(refusal.code, "mass-delete-brake");
    assert!(refusal.message.contains("30 of 40 files would be deleted"), "{refusal:?}");
    assert_eq!(product.files(), before);
    let approved = Options { deletions: Deletions::Approved, ..options() };
    product.pull_as(approved.clone()).await.unwrap();
    assert_eq!(product.files().len(), 10);

    let there = lab.files(project);
    for path in product.files().into_keys().take(5) {
        product.remove(&path);
    }
    assert_eq!(product.push().await.unwrap_err().code, "mass-delete-brake");
    assert_eq!(lab.files(project), there);
    product.push_as(approved).await.unwrap();
    assert_eq!(lab.files(project), product.files());
}

#[tokio::test]
async fn an_emptied_workspace_does_not_empty_the_branch() {
    let lab = Lab::new().await;
    let project = filled(&lab, 20);
    let product = lab.syncing(project).await;
    product.pull().await.unwrap();
    std::fs::remove_dir_all(product.workspace().join("docs")).unwrap();
    assert_eq!(product.push().await.unwrap_err().code, "mass-delete-brake");
    assert_eq!(lab.files(project).len(), 20);
}

#[tokio::test]
async fn the_message_and_the_author_are_as_asked() {
    let (lab, project, product) = fresh().await;
    product.write("a.md", "a\n");
    product.push().await.unwrap();
    product.write("a.md", "b\n");
    product.push_as(Options { message: Some("Say b\n\nBecause of c.".into()), ..options() }).await.unwrap();
    product.write("{files}.md", "odd\n");
    let template = Some("docs: {summary} [{files}]".into());
    product.push_as(Options { message: template, ..options() }).await.unwrap();
    assert!(lab.history(project)[0].starts_with("docs: Add {files}.md [1]\n\nGitlab-Sync-Operation: "));
    let history = lab.history(project).split_off(1);
    assert!(history[1].starts_with("Add a.md\n\nGitlab-Sync-Operation: "), "{history:?}");
    assert!(history[0].starts_with("Say b\n\nBecause of c.\n\nGitlab-Sync-Operation: "), "{history:?}");
    let author = |repository: &git2::Repository| -> Result<_, git2::Error> {
        let tip = repository.revparse_single("refs/heads/main")?.peel_to_commit()?;
        Ok(tip.author().name().unwrap().to_owned())
    };
    assert_eq!(lab.admin().app().repositories.with(project, author).unwrap(), "Alice Adams");
}

#[tokio::test]
async fn a_kept_message_is_that_of_every_commit_until_a_push_says_another() {
    let (lab, project, product) = fresh().await;
    let template = Some("docs({branch}): {summary}\n\nRefs: DOC-1".to_owned());
    product.configure_as(Settings { message_template: template.clone(), ..settings(project) }).await.unwrap();
    product.write("a.md", "a\n");
    product.push().await.unwrap();
    product.write("a.md", "b\n");
    product.push_as(Options { message: Some("Say b".into()), ..options() }).await.unwrap();
    product.write("a.md", "c\n");
    product.push().await.unwrap();
    let firsts: Vec<String> =
        lab.history(project).iter().map(|message| message.lines().next().unwrap().into()).collect();
    assert_eq!(firsts, ["docs(main): Update a.md", "Say b", "docs(main): Add a.md"]);
    assert!(lab.history(project)[0].contains("\n\nRefs: DOC-1\n\nGitlab-Sync-Operation: "));
    let status = product.told(product.connection.status().await).unwrap();
    assert_eq!(status.configured.unwrap().message_template, template);
}

#[tokio::test]
async fn a_message_with_an_unknown_placeholder_is_refused_before_gitlab_is_asked() {
    let (lab, project, product) = fresh().await;
    product.write("a.md", "a\n");
    let odd = Some("{sumary}".to_owned());
    let asked = Settings { message_template: odd.clone(), ..settings(project) };
    let (refused, requests) = lab.requests(product.configure_as(asked)).await;
    let refusal = refused.unwrap_err();
    assert_eq!((refusal.code.as_str(), requests.len()), ("invalid-settings", 0));
    assert!(
        refusal.message.contains("`{sumary}`") && refusal.message.contains("`{summary}`, `{files}`"),
        "{refusal:?}"
    );
    let (refused, requests) = lab.requests(product.push_as(Options { message: odd, ..options() })).await;
    assert_eq!((refused.unwrap_err().code.as_str(), requests.len()), ("invalid-settings", 0));
    product.push().await.unwrap();
}

#[tokio::test]
async fn an_outdated_plan_is_not_carried_out() {
    let (lab, project, product) = fresh().await;
    product.write("a.md", "a\n");
    let plan = product.plan(Direction::Push).await;
    product.write("a.md", "b\n");
    let refusal = product.push_as(Options { plan: Some(plan.digest), ..options() }).await.unwrap_err();
    assert_eq!(refusal.code, "plan-outdated");
    assert_eq!(lab.history(project).len(), 0);
    product.push().await.unwrap();
    lab.commit(project, lab.edit("Theirs\n").create("c.md", "c\n"));
    let plan = product.plan(Direction::Pull).await;
    lab.commit(project, lab.edit("More\n").create("d.md", "d\n"));
    let refusal = product.pull_as(Options { plan: Some(plan.digest), ..options() }).await.unwrap_err();
    assert_eq!(refusal.code, "plan-outdated");
    assert_eq!(product.text("c.md"), None);
}

#[tokio::test]
async fn a_project_token_syncs_like_a_person() {
    let lab = Lab::new().await;
    let spec = ProjectSpec { creator_id: Some(lab.alice), ..ProjectSpec::at("acme/handbook") };
    let project = lab.admin().create_project(&spec).unwrap().id;
    let token = lab.admin().create_token(TokenSpec::project(project, &["api"])).secret;
    let product = Product::new(&lab, Setup { token: Some(&token), ..Setup::default() }).await;
    product.configure(project).await;
    product.write("a.md", "a\n");
    product.push().await.unwrap();
    assert_eq!(lab.files(project), product.files());
}

#[tokio::test]
async fn a_token_that_may_only_read_pulls_and_is_told_why_it_cannot_push() {
    let lab = Lab::new().await;
    let project = filled(&lab, 3);
    let token = lab.admin().create_token(TokenSpec::personal(lab.alice, &["read_api"])).secret;
    let product = Product::new(&lab, Setup { token: Some(&token), ..Setup::default() }).await;
    product.configure(project).await;
    product.pull().await.unwrap();
    product.write("a.md", "a\n");
    let refusal = product.push().await.unwrap_err();
    assert_eq!(refusal.code, "token-scope", "{refusal:?}");
    assert_eq!(lab.files(project).len(), 3);
}
