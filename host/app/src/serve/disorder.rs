//! Deliveries in whatever order and number, with a worker that dies between them: the same end.

use super::job::{Cause, Job};
use super::stand::scene::Scene;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::Cell;
use std::collections::BTreeSet;
use tokio::sync::watch;

const CASES: u32 = 24;

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Somebody edits in GitLab.
    Edit,
    /// GitLab tells of one of the edits so far, perhaps again, perhaps later than of a newer one.
    Tell(prop::sample::Index),
    /// The worker dies in the middle of what it does, and another one takes its place.
    Die,
}

fn story() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Edit),
        5 => any::<prop::sample::Index>().prop_map(Step::Tell),
        1 => Just(Step::Die),
    ];
    prop::collection::vec(step, 1..16)
}

async fn live(scene: &Scene, case: u32, story: &[Step]) {
    let name = |edit: usize| format!("case-{case}-{edit}");
    let (mut worker, mut edits, mut told, mut is_told) = (scene.worker(), 0, BTreeSet::new(), true);
    for step in story {
        match step {
            Step::Edit => {
                scene.edit(&name(edits));
                (edits, is_told) = (edits + 1, false);
            }
            Step::Tell(_) if edits == 0 => {}
            Step::Tell(which) => {
                let key = name(which.index(edits));
                let is_new = told.insert(key.clone());
                assert_eq!(scene.tell(&key).await, if is_new { "queued\n" } else { "known already\n" });
                is_told |= is_new;
            }
            Step::Die => {
                worker.abort();
                let _ = worker.await;
                worker = scene.worker();
            }
        }
    }
    if !is_told {
        // As the poller does where nothing is told.
        scene.wake(Job::Pull, Cause::Poll).await;
    }
    scene.wait_until_idle().await;
    for edit in 0..edits {
        assert_eq!(scene.here(&format!("{}.md", name(edit))).as_deref(), Some("edited\n"));
    }
    if let Some(last) = edits.checked_sub(1) {
        assert_eq!(scene.here("last.md"), Some(format!("{}\n", name(last))));
    }
    let of_this = format!("FROM deliveries WHERE key LIKE 'case-{case}-%'");
    assert_eq!(scene.number(format!("SELECT count(*) {of_this}")).await, told.len(), "each once");
    let ended = "SELECT number FROM jobs WHERE stage IN ('done', 'joined')";
    assert_eq!(scene.number(format!("SELECT count(*) {of_this} AND job NOT IN ({ended})")).await, 0);
    worker.abort();
    let _ = worker.await;
}

#[test]
fn whatever_order_and_number_deliveries_come_in_and_whenever_the_worker_dies_the_same_state_is_reached() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (_stop, end) = watch::channel(false);
    let scene = runtime.block_on(Scene::synced(folder.path(), end, |_| {}));
    let case = Cell::new(0);
    let settings = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let told = TestRunner::new(settings).run(&story(), |story| {
        case.set(case.get() + 1);
        runtime.block_on(live(&scene, case.get(), &story));
        Ok(())
    });
    told.unwrap();
}
