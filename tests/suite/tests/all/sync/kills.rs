//! The host or the connector dies at every moment of a push and of a pull, and running again comes to the same end.
//!
//! Five ways to die: the guest is stopped at its n-th call of the host, or when its fuel is used up somewhere in between; the product
//! drops the call while a request is on its way or its answer is; the process is killed there too; it ends before or after each use of
//! its storage, and at any moment by the system.

use super::jobs::{Case, Job};
use super::lab::Lab;
use super::product::{Fuse, Product, connector_below};
use gitlab_sim::{Effect, Fault, When};
use gitlab_sync_host::connection::ConnectionError;
use gitlab_sync_host::engine::Connector;
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::{CallError, Limit};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

/// Moments between the first and the last instruction at which a call runs out of fuel.
const FUEL_MOMENTS: u64 = 24;
/// Moments of a run at which the process is killed.
const KILLS: u32 = 12;
/// What the killed process is told.
const VICTIM: &str = "GITLAB_SYNC_SUITE_VICTIM";
/// At which use of its storage it dies.
const FUSE: &str = "GITLAB_SYNC_SUITE_FUSE";

/// A connector that may call the host so many times. Shared, because the jobs ask for the same numbers.
pub(super) fn with_host_calls(host_calls: u64) -> Connector {
    static SHARED: LazyLock<Mutex<BTreeMap<u64, Connector>>> = LazyLock::new(Mutex::default);
    let fresh = || connector_below(Limits { host_calls, ..Limits::standard() });
    SHARED.lock().unwrap().entry(host_calls).or_insert_with(fresh).clone()
}

async fn survives_at_every_host_call(job: Job) {
    let lab = Lab::new().await;
    for calls in 0.. {
        let case = Case::begin(&lab, job, usize::try_from(calls).unwrap()).await;
        let connection = case.product.with(&with_host_calls(calls)).await;
        let when = format!("{job:?}, stopped at host call {}", calls + 1);
        match case.call(&connection).await {
            Err(ConnectionError::Stopped(CallError::Limit(Limit::HostCalls(_)))) => {}
            Err(error) => panic!("{when}: {error}"),
            Ok(_) => {
                assert!(calls > 8, "{when}: a job of {calls} calls is none");
                return;
            }
        }
        case.assert_nothing_is_lost(&lab, &when).await;
        case.assert_it_converges(&lab, &when).await;
    }
}

async fn survives_at_any_instruction(job: Job) {
    let lab = Lab::new().await;
    let case = Case::begin(&lab, job, 0).await;
    case.call(&case.product.connection).await.unwrap();
    let all = case.product.fuel_of_last_call();
    let least = least_fuel(all).await;
    let mut stopped = 0;
    for moment in 1..FUEL_MOMENTS {
        let fuel = least + (all - least) * moment / FUEL_MOMENTS;
        let connector = connector_below(Limits { fuel, ..Limits::standard() });
        let case = Case::begin(&lab, job, usize::try_from(moment).unwrap()).await;
        let when = format!("{job:?}, out of fuel at {fuel} of {all}");
        match case.call(&case.product.with(&connector).await).await {
            Err(ConnectionError::Stopped(CallError::Limit(Limit::Fuel(_)))) => stopped += 1,
            Err(error) => panic!("{when}: {error}"),
            Ok(_) => {}
        }
        case.assert_nothing_is_lost(&lab, &when).await;
        case.assert_it_converges(&lab, &when).await;
    }
    assert!(stopped > FUEL_MOMENTS / 3, "{stopped}");
}

/// Too little to say what it wants is too little for a connection, so nothing can run out below that. Within a hundredth of `most`.
async fn least_fuel(most: u64) -> u64 {
    let (mut less, mut enough) = (0, most);
    while enough - less > most / 100 {
        let fuel = u64::midpoint(less, enough);
        match connector_below(Limits { fuel, ..Limits::standard() }).about().await {
            Ok(_) => enough = fuel,
            Err(_) => less = fuel,
        }
    }
    enough
}

/// Two ways for the n-th request to wait: before it is carried out, and after, with its answer on the way.
const WAITS: [Effect; 2] = [Effect::Latency { ms: 60_000, jitter_ms: 0 }, Effect::Drip { bytes: 1, every_ms: 60_000 }];

/// A case of the job whose n-th request waits, for each request and each way.
async fn waiting(lab: &Lab, job: Job) -> Vec<(usize, Effect)> {
    let case = Case::begin(lab, job, 0).await;
    let (_, asked) = lab.requests(case.finish("without trouble")).await;
    assert!(!asked.is_empty());
    (1..=asked.len()).flat_map(|request| WAITS.map(|effect| (request, effect))).collect()
}

/// Makes that request wait.
fn hold(lab: &Lab, request: usize, effect: &Effect) {
    lab.admin().log().clear();
    lab.admin().fault(Fault::on_any("*", effect.clone()).when(When::Nth(request)));
}

/// Whether it waits.
fn is_held(lab: &Lab, request: usize, effect: &Effect) -> bool {
    let entries = lab.admin().log().entries();
    entries.get(request - 1).is_some_and(|entry| effect == &WAITS[0] || entry.status != 0)
}

/// The call is dropped while the n-th request waits, before it is carried out and after.
async fn survives_being_dropped(job: Job) {
    let lab = Lab::new().await;
    for (number, (request, effect)) in waiting(&lab, job).await.into_iter().enumerate() {
        let when = format!("{job:?}, dropped at request {request}, {effect:?}");
        let case = Case::begin(&lab, job, number + 1).await;
        hold(&lab, request, &effect);
        let reached = async {
            while !is_held(&lab, request, &effect) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::select! {
            outcome = case.call(&case.product.connection) => panic!("{when}: it ended: {outcome:?}"),
            () = reached => {}
        }
        lab.admin().clear_faults();
        case.assert_nothing_is_lost(&lab, &when).await;
        case.assert_it_converges(&lab, &when).await;
    }
}

/// Another process does the job and is killed by the system while its n-th request waits, before it is carried out and after.
async fn survives_the_death_of_the_process_at_every_request(job: Job) {
    let lab = Lab::new().await;
    for (number, (request, effect)) in waiting(&lab, job).await.into_iter().enumerate() {
        let when = format!("{job:?}, killed at request {request}, {effect:?}");
        let case = Case::begin(&lab, job, number + 1).await;
        hold(&lab, request, &effect);
        let mut process = victim(&lab, &case).spawn().unwrap();
        while !is_held(&lab, request, &effect) {
            assert!(process.try_wait().unwrap().is_none(), "{when}: it ended");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        lab.admin().clear_faults();
        case.assert_nothing_is_lost(&lab, &when).await;
        case.assert_it_converges(&lab, &when).await;
    }
}

/// Another process does the job and ends before, and after, each of its uses of the workspace and of the state, until one ends by
/// itself. After one use and before the next, nothing lasting happens but requests, at each of which it is killed above.
async fn survives_the_death_of_the_process_at_every_use_of_its_storage(job: Job) {
    let lab = Lab::new().await;
    for moment in 1.. {
        let case = Case::begin(&lab, job, usize::try_from(moment).unwrap()).await;
        let mut command = victim(&lab, &case);
        let ended = command.env(FUSE, moment.to_string()).spawn().unwrap().wait().unwrap();
        let when = format!("{job:?}, dead at moment {moment}");
        if ended.success() {
            assert!(moment > 20, "{when}: a job of so few uses is none");
            return case.assert_it_converges(&lab, &when).await;
        }
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(6), "{when}: {ended}");
        case.assert_nothing_is_lost(&lab, &when).await;
        case.assert_it_converges(&lab, &when).await;
    }
}

/// Another process does the job and is killed by the system, in the middle of whatever it does.
async fn survives_the_death_of_the_process(job: Job) {
    let lab = Lab::new().await;
    let case = Case::begin(&lab, job, 0).await;
    let started = Instant::now();
    assert!(victim(&lab, &case).spawn().unwrap().wait().unwrap().success());
    let mut whole = started.elapsed();
    case.assert_it_converges(&lab, "nobody was killed").await;
    let mut killed = 0;
    for moment in 0..KILLS {
        let case = Case::begin(&lab, job, usize::try_from(moment).unwrap() + 1).await;
        let mut process = victim(&lab, &case).spawn().unwrap();
        // The first half of a run is the start of the process.
        tokio::time::sleep(whole / 2 + whole * moment / KILLS / 2).await;
        process.kill().unwrap();
        match process.wait().unwrap().success() {
            // The first one was held up by whatever else the machine does.
            true => whole = whole * 3 / 4,
            false => killed += 1,
        }
        let when = format!("{job:?}, killed at moment {moment} of {KILLS}");
        case.assert_nothing_is_lost(&lab, &when).await;
        case.assert_it_converges(&lab, &when).await;
    }
    assert!(killed > 0, "the process was always faster");
}

fn victim(lab: &Lab, case: &Case) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "sync::kills::a_process_that_will_be_killed"]);
    let what = format!("{}\n{}\n{}", case.product.folder().display(), lab.gitlab.url(), case.is_push());
    command.env(VICTIM, what).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[tokio::test]
#[ignore = "it is started by the tests that kill it"]
async fn a_process_that_will_be_killed() {
    let Ok(what) = std::env::var(VICTIM) else { return };
    let mut lines = what.lines().map(str::to_owned);
    let (folder, url, push) = (lines.next().unwrap(), lines.next().unwrap(), lines.next().unwrap() == "true");
    let fuse = std::env::var(FUSE).ok().map_or_else(Fuse::none, |moment| Fuse::at(moment.parse().unwrap()));
    let product = Product::at(folder.as_ref(), &url, fuse).await;
    if push {
        product.push().await.unwrap()
    } else {
        product.pull().await.unwrap()
    };
}

macro_rules! every_death_of {
    ($($way:ident: $($name:ident $job:ident)*;)*) => { $( $(
        #[tokio::test]
        async fn $name() {
            $way(Job::$job).await;
        }
    )* )* };
}

every_death_of! {
    survives_at_every_host_call:
        the_first_push_may_be_stopped_at_every_host_call FirstPush
        a_push_may_be_stopped_at_every_host_call Push
        a_push_onto_other_peoples_commits_may_be_stopped_at_every_host_call PushOntoOthers
        a_pull_may_be_stopped_at_every_host_call Pull
        a_cold_pull_may_be_stopped_at_every_host_call ColdPull
        a_cold_pull_by_archive_may_be_stopped_at_every_host_call ColdPullOfMany;
    survives_at_any_instruction:
        a_push_may_run_out_of_fuel_anywhere PushOntoOthers
        a_pull_may_run_out_of_fuel_anywhere Pull
        a_cold_pull_by_archive_may_run_out_of_fuel_anywhere ColdPullOfMany;
    survives_being_dropped:
        a_push_may_be_dropped_at_every_request PushOntoOthers
        a_pull_may_be_dropped_at_every_request Pull
        a_cold_pull_by_archive_may_be_dropped_at_every_request ColdPullOfMany;
    survives_the_death_of_the_process_at_every_request:
        a_process_may_be_killed_at_every_request_of_the_first_push FirstPush
        a_process_may_be_killed_at_every_request_of_a_push PushOntoOthers
        a_process_may_be_killed_at_every_request_of_a_pull Pull
        a_process_may_be_killed_at_every_request_of_a_cold_pull ColdPullOfMany;
    survives_the_death_of_the_process_at_every_use_of_its_storage:
        a_process_may_die_at_every_use_of_its_storage_while_it_pushes PushOntoOthers
        a_process_may_die_at_every_use_of_its_storage_while_it_pulls Pull;
    survives_the_death_of_the_process:
        a_process_may_be_killed_while_it_pushes PushOntoOthers
        a_process_may_be_killed_while_it_pulls ColdPullOfMany;
}
