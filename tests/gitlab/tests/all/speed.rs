//! That the simulator's cost grows with what is asked and not with what is there: ratios within one run, of the best of some tries each.
//! What it takes is measured, with gates, by the benchmark `simulator`.

use std::time::{Duration, Instant};

use gitlab_sim::CommitSpec;

use crate::support::Lab;

/// A busy machine holds up some of them, and not all.
const TRIES: u32 = 4;

async fn with_files(count: usize) -> Lab {
    let lab = Lab::new().await;
    let mut spec = CommitSpec::on("main", "many");
    for n in 0..count {
        spec = spec.create(&format!("dir{:03}/file{n:05}.md", n % 200), format!("# {n}\n"));
    }
    lab.admin().commit(lab.project, spec).unwrap();
    lab
}

async fn quickest_listing(lab: &Lab, count: usize) -> Duration {
    let mut quickest = Duration::MAX;
    for _ in 0..TRIES {
        let started = Instant::now();
        let seen = lab.get(&lab.at("/repository/tree?recursive=true&pagination=none")).await;
        quickest = quickest.min(started.elapsed());
        assert_eq!(seen.json().as_array().unwrap().len(), count + 200);
    }
    quickest
}

#[tokio::test]
async fn a_listing_of_ten_times_the_files_takes_ten_times_as_long() {
    let (few, many) = (with_files(1_000).await, with_files(10_000).await);
    let (few, many) = (quickest_listing(&few, 1_000).await, quickest_listing(&many, 10_000).await);
    assert!(many < few * 30, "{few:?}, {many:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_do_not_hold_each_other_up() {
    let lab = std::sync::Arc::new(Lab::new().await);
    lab.commit("a.md", "one");
    let path = lab.at("/repository/files/a.md?ref=main");
    let (mut alone, mut together) = (Duration::MAX, Duration::MAX);
    for _ in 0..TRIES {
        alone = alone.min(reading(&lab, &path, 1).await);
        together = together.min(reading(&lab, &path, 8).await);
    }
    assert!(together < alone * 3, "{alone:?}, {together:?}");
}

/// The time of 200 reads by so many at once.
async fn reading(lab: &std::sync::Arc<Lab>, path: &str, readers: usize) -> Duration {
    let started = Instant::now();
    let readers = (0..readers).map(|_| {
        let (lab, path) = (lab.clone(), path.to_owned());
        tokio::spawn(async move {
            for _ in 0..200 / readers {
                assert_eq!(lab.get(&path).await.status, 200);
            }
        })
    });
    for reader in futures_util::future::join_all(readers).await {
        reader.unwrap();
    }
    started.elapsed()
}
