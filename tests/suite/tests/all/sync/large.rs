//! Workspaces that one call does not read, and first pushes that one request cannot hold: in the sandbox, with its real limits.

use super::lab::Lab;
use super::product::{Product, options};
use gitlab_sync_host::sync::Direction;
use std::fs::File;
use std::time::{Duration, SystemTime};

/// The largest file that is synced.
const LARGEST: u64 = 20 << 20;

/// Files of zeros that take no room on the disk.
fn holes(product: &Product, folder: &str, count: u64) {
    for number in 0..count {
        let path = format!("{folder}/{number}.md");
        product.write(&path, "");
        File::options().write(true).open(product.workspace().join(&path)).unwrap().set_len(LARGEST).unwrap();
        date_back(product, &path);
    }
}

/// What was edited in the last seconds is looked at again by the next call.
fn date_back(product: &Product, path: &str) {
    let file = File::options().write(true).open(product.workspace().join(path)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
}

/// It was refused, and a person had to configure one directory after the other.
#[tokio::test]
async fn what_one_call_does_not_read_is_read_by_several_and_a_plan_covers_all_of_it() {
    let lab = Lab::new().await;
    let project = lab.project_with("acme/handbook", &[("there.md", "there\n")]);
    let product = lab.syncing(project).await;
    holes(&product, "large", 14);
    product.write("here.md", "here\n");
    let before = (product.files(), lab.head(project));
    let first = product.told(product.connection.plan_step(Direction::Push).await).unwrap();
    assert_eq!(first.map(|plan| plan.changes), None, "293 MB are more than a call reads");
    let (fuel, memory) = product.cost_of_last_call();
    assert!(fuel < 20_000_000_000 && memory <= 64 << 20, "{fuel} {memory}");
    let (plan, asked) = lab.requests(product.connection.plan(Direction::Push)).await;
    let plan = product.told(plan).unwrap();
    assert_eq!((plan.changes.len(), plan.bytes), (15, 14 * LARGEST + 5));
    let (next, _) = product.cost_of_last_call();
    assert!(next < fuel / 4, "what was read is not read again: {next} {fuel}");
    assert!(asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");
    assert!(before == (product.files(), lab.head(project)), "nothing was changed");
    let pulled = product.pull().await.unwrap();
    assert_eq!((pulled.changes.len(), product.text("there.md").as_deref()), (1, Some("there\n")));
    let (last, _) = product.cost_of_last_call();
    assert!(last < fuel / 4, "nor by another call: {last} {fuel}");
}

/// Takes a minute and more, so it is run by hand: `cargo test -p suite --test all -- --ignored among_a_hundred_thousand`.
///
/// It was stopped for its memory: the largest file, its request in base64 and the names did not fit.
#[tokio::test]
#[ignore = "it takes a minute"]
async fn the_largest_file_goes_among_a_hundred_thousand_others() {
    let lab = Lab::new().await;
    let project = lab.project("acme/handbook");
    let product = lab.syncing(project).await;
    holes(&product, "large", 10);
    for number in 0..100_000 {
        product.write(&format!("small/{:03}/{number}.md", number / 1_000), number.to_string());
    }
    let mut costs = vec![];
    product.plan(Direction::Push).await;
    costs.push(product.cost_of_last_call());
    for _ in 0..2 {
        let step = product.told(product.connection.push(options()).await).unwrap();
        assert_eq!((step.changes.len(), step.more), (1, true));
        costs.push(product.cost_of_last_call());
    }
    println!("{costs:?}");
    assert!(costs.iter().all(|(fuel, memory)| *fuel < 30_000_000_000 && *memory <= 96 << 20), "{costs:?}");
}

/// Minutes without optimisation, most of them the simulator's, so it is run by hand:
/// `cargo test -p suite --test all -- --ignored goes_on_in_commits`.
///
/// Each call read again all that was still to come, and where that was more than one call reads, none began.
#[tokio::test]
#[ignore = "it takes minutes"]
async fn a_first_push_of_more_than_a_call_reads_goes_on_in_commits() {
    const FILES: u64 = 300;
    const SIZE: u64 = 1_000_000;
    let lab = Lab::new().await;
    let project = lab.project("acme/handbook");
    let product = lab.syncing(project).await;
    for number in 0..FILES {
        let line = format!("{number:09}\n");
        let path = format!("docs/{number}.md");
        product.write(&path, line.repeat(SIZE as usize / line.len()));
        date_back(&product, &path);
    }
    let (mut reading, mut commits, mut fuel) = (0, 0, 0);
    loop {
        let step = product.told(product.connection.push(options()).await).unwrap();
        let (used, memory) = product.cost_of_last_call();
        assert!(memory <= 64 << 20, "{memory}");
        fuel += used;
        reading += u32::from(step.commits == 0);
        commits += step.commits as usize;
        if !step.more {
            break;
        }
    }
    println!("{reading} calls that read, {commits} commits, {} instructions a byte", fuel / (FILES * SIZE));
    assert_eq!((reading, lab.history(project).len()), (1, commits));
    assert!((16..=20).contains(&commits), "{commits}");
    // 38 to know a byte, and what a commit takes.
    assert!(fuel < 100 * FILES * SIZE, "{fuel}");
    assert!(lab.files(project) == product.files());
}
