//! Workspaces that one call cannot read, and first pushes that one request cannot hold: in the sandbox, with its real limits.

use super::lab::Lab;
use super::product::{Product, options};
use gitlab_sync_host::sync::{Direction, Settings};
use std::fs::File;

/// The largest file that is synced.
const LARGEST: u64 = 20 << 20;

/// Files of zeros that take no room on the disk.
fn holes(product: &Product, folder: &str, count: u64) {
    for number in 0..count {
        product.write(&format!("{folder}/{number}.md"), "");
        let path = product.folder().join("workspace").join(format!("{folder}/{number}.md"));
        File::options().write(true).open(path).unwrap().set_len(LARGEST).unwrap();
    }
}

/// It was stopped for its instructions, at each call anew, and said nothing of files.
#[tokio::test]
async fn a_folder_of_more_than_a_call_reads_is_told_before_anything_is_sent_and_synced_in_parts() {
    let lab = Lab::new().await;
    let project = lab.project_with("acme/handbook", &[("b/there.md", "there\n")]);
    let product = lab.syncing(project).await;
    holes(&product, "a", 60);
    product.write("b/here.md", "here\n");
    let before = (product.files(), lab.head(project));
    let plan = product.told(product.connection.plan(Direction::Push).await).map(drop);
    let (pushed, asked) = lab.requests(product.connection.push(options())).await;
    let pulled = product.told(product.connection.pull(options()).await).map(drop);
    for refused in [plan, product.told(pushed).map(drop), pulled] {
        let refusal = refused.unwrap_err();
        assert_eq!(refusal.code, "too-large");
        assert!(refusal.message.contains("61 files of 1259 MB") && refusal.message.contains("734 MB"), "{refusal:?}");
        assert!(refusal.message.contains("configure some of the directories"), "{refusal:?}");
    }
    assert!(asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");
    assert!(before == (product.files(), lab.head(project)), "nothing was changed");
    product
        .configure_as(Settings { directories: vec!["b".into()], ..super::product::settings(project) })
        .await
        .unwrap();
    product.pull().await.unwrap();
    product.push().await.unwrap();
    assert_eq!(lab.text(project, "b/here.md").as_deref(), Some("here\n"));
    assert_eq!(product.text("b/there.md").as_deref(), Some("there\n"));
}

/// Takes a minute and more, so it is run by hand: `cargo test -p suite --test all -- --ignored near_the_limit`.
#[tokio::test]
#[ignore = "it takes a minute"]
async fn a_first_push_near_the_limit_of_a_call_is_planned_and_begun_within_it() {
    let lab = Lab::new().await;
    let project = lab.project("acme/handbook");
    let product = lab.syncing(project).await;
    // As many bytes as a call reads. Beside a file of 20 MiB and its request there is room for so many names, not for twice as many.
    holes(&product, "large", 20);
    for number in 0..50_000 {
        product.write(&format!("small/{:03}/{number}.md", number / 1_000), number.to_string());
    }
    product.plan(Direction::Push).await;
    let planned = product.cost_of_last_call();
    product.told(product.connection.push(options()).await).unwrap();
    let pushed = product.cost_of_last_call();
    for (fuel, memory) in [planned, pushed] {
        assert!(fuel < 38_000_000_000 && memory <= 96 << 20, "{planned:?} {pushed:?}");
    }
}
