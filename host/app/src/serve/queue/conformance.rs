//! What every [`Queue`] must do, as checks that any store of one is put through.

use super::{Arrival, Backoff, Ending, Holder, Put, Queue, REMEMBERED, SHOWN, Stage, Taken, Taking};
use crate::serve::job::{Cause, Job, JobNumber, Order, Place};
use crate::serve::people::Organisation;
use crate::serve::problem::Problem;
use gitlab_sync_host::connection_id::ConnectionId;
use std::collections::HashSet;

/// Runs every check, each on a new and empty store.
pub(crate) async fn check<Q: Queue>(mut make: impl FnMut() -> Q) {
    a_delivery_counts_once(&make()).await;
    wakes_join_into_one_job_that_waits(&make()).await;
    one_job_of_a_place_and_of_a_connection_runs_at_a_time(&make()).await;
    organisations_take_turns_and_none_takes_all(&make()).await;
    a_lease_that_ran_out_is_anyones(&make()).await;
    of_many_servers_one_takes_a_job(&make()).await;
    a_job_that_failed_waits_and_what_arrived_meanwhile_waits_with_it(&make()).await;
    a_person_does_not_wait_for_what_failed_before(&make()).await;
    what_a_person_wants_is_not_lost_when_it_is_tried_again(&make()).await;
    looks_one_after_another_are_shown_as_one(&make()).await;
    a_dead_server_gives_everything_back(&make()).await;
    nothing_waits_until_a_clock_that_was_set_back_has_caught_up(&make()).await;
    nothing_begins_while_a_connection_is_held(&make()).await;
    what_was_given_up_is_shown_with_its_reason_and_a_new_wake_is_a_new_job(&make()).await;
    only_what_is_old_is_pruned(&make()).await;
    a_forgotten_connection_leaves_nothing(&make()).await;
}

async fn a_delivery_counts_once(queue: &impl Queue) {
    let arrivals = vec![delivery("one", "a"), delivery("one", "b"), delivery("one", "a"), delivery("two", "a")];
    let became = queue.put(arrivals, 1).await.expect("put");
    let [Put::Queued(first), Put::Joined(second), Put::Repeat, Put::Queued(other)] = became[..] else {
        panic!("{became:?}")
    };
    assert!(first == second && first != other, "a key is one connection's");
    finish_all(queue).await;
    assert_eq!(put(queue, delivery("one", "a")).await, Put::Repeat, "also when its job is done");
    let noted = Arrival { job: None, ..delivery("one", "c") };
    assert_eq!(put(queue, noted).await, Put::Noted);
    assert_eq!(put(queue, delivery("one", "c")).await, Put::Repeat, "also when there was nothing to do");
    assert_eq!(take(queue, "a", 9).await, []);
}

async fn wakes_join_into_one_job_that_waits(queue: &impl Queue) {
    let first = queued(put(queue, wake("one", Job::Pull)).await);
    assert_eq!(put(queue, wake("one", Job::Pull)).await, Put::Joined(first));
    assert_ne!(queued(put(queue, wake("one", Job::Push)).await), first, "another kind of job is another job");
    let taken = take(queue, "a", 9).await;
    assert_eq!(taken.iter().map(|taken| taken.ticket.number).collect::<Vec<_>>(), [first]);
    let later = queued(put(queue, wake("one", Job::Pull)).await);
    assert_ne!(later, first, "what arrives while it runs may be about what it has not seen");
    assert_eq!(seen(queue, first).await, (Stage::Running, 1, 2));
}

async fn one_job_of_a_place_and_of_a_connection_runs_at_a_time(queue: &impl Queue) {
    let at = |id: &str, job, place: &str| Arrival { place: Place(place.into()), ..wake(id, job) };
    for arrival in [
        at("one", Job::Pull, "x"),
        at("one", Job::Push, "moved"),
        at("two", Job::Pull, "x"),
        at("three", Job::Pull, "y"),
    ] {
        put(queue, arrival).await;
    }
    let taken = take(queue, "a", 9).await;
    assert_eq!(names(&taken), ["one", "three"]);
    assert_eq!(take(queue, "b", 9).await, [], "not by another server either");
    end(queue, &taken[0], Ending::Done).await;
    let taken = take(queue, "b", 1).await;
    assert_eq!(names(&taken).len(), 1);
    end(queue, &taken[0], Ending::Done).await;
    assert_eq!(take(queue, "b", 9).await.len(), 1);
}

async fn organisations_take_turns_and_none_takes_all(queue: &impl Queue) {
    for number in 0..20 {
        put(queue, of("loud", &format!("loud-{number}"))).await;
    }
    let taking = Taking { most_per_organisation: 3, ..taking(100, 9) };
    let holder = Holder("a".into());
    let loud = queue.take(&holder, taking).await.expect("taken");
    assert_eq!(loud.len(), 3, "an organisation has a part of the places, however much it wants");
    for quiet in ["quiet", "calm"] {
        put(queue, of(quiet, quiet)).await;
    }
    let next = queue.take(&holder, taking).await.expect("taken");
    assert_eq!(sorted(&next), ["calm", "quiet"], "others do not wait behind it");
    for taken in loud.iter().chain(&next) {
        end(queue, taken, Ending::Done).await;
    }
    for number in 0..3 {
        put(queue, of("quiet", &format!("quiet-{number}"))).await;
    }
    let mut order = vec![];
    for _ in 0..6 {
        let taken = take(queue, "a", 1).await;
        order.push(taken[0].organisation.to_string());
        end(queue, &taken[0], Ending::Done).await;
    }
    assert_eq!(order, ["loud", "quiet", "loud", "quiet", "loud", "quiet"]);
}

async fn a_lease_that_ran_out_is_anyones(queue: &impl Queue) {
    put(queue, wake("one", Job::Pull)).await;
    let [a, b] = ["a", "b"].map(|name| Holder(name.into()));
    let first = queue.take(&a, taking(100, 9)).await.expect("taken");
    assert_eq!(queue.take(&b, taking(150, 9)).await.expect("taken"), []);
    let number = first[0].ticket.number;
    assert_eq!(queue.prolong(&a, vec![number], 300).await.expect("prolonged"), [number]);
    assert_eq!(queue.prolong(&b, vec![number], 900).await.expect("prolonged"), [], "by nobody else");
    assert_eq!(queue.take(&b, taking(250, 9)).await.expect("taken"), [], "it was prolonged");
    let second = queue.take(&b, taking(301, 9)).await.expect("taken");
    assert_eq!((names(&second), second[0].ticket.attempt), (vec!["one".to_owned()], 2));
    assert_eq!(queue.prolong(&a, vec![number], 900).await.expect("prolonged"), [], "it is not its any more");
    assert!(!queue.end(&first[0].ticket, Ending::Done, 302).await.expect("an answer"), "nor to end");
    assert!(queue.end(&second[0].ticket, Ending::Done, 303).await.expect("an answer"));
}

async fn of_many_servers_one_takes_a_job(queue: &impl Queue) {
    for number in 0..8 {
        put(queue, of(&format!("org-{number}"), &format!("it-{number}"))).await;
    }
    let (one, two, three, four) =
        tokio::join!(take(queue, "a", 3), take(queue, "b", 3), take(queue, "c", 3), take(queue, "d", 3));
    let all: Vec<_> = [one, two, three, four].into_iter().flatten().map(|taken| taken.ticket.number).collect();
    assert_eq!((all.len(), all.iter().collect::<HashSet<_>>().len()), (8, 8));
}

async fn a_job_that_failed_waits_and_what_arrived_meanwhile_waits_with_it(queue: &impl Queue) {
    let number = queued(put(queue, wake("one", Job::Pull)).await);
    let taken = take(queue, "a", 9).await;
    end(queue, &taken[0], Ending::Again { due_ms: 5_000, problem: problem("rate-limited") }).await;
    assert_eq!(put(queue, wake("one", Job::Pull)).await, Put::Joined(number), "a wake does not shorten the wait");
    assert_eq!(take(queue, "a", 9).await, []);
    assert_eq!(queue.next_due_ms().await.expect("a time"), Some(5_000));
    let at = |now_ms| queue.take(&HOLDER, taking(now_ms, 9));
    let taken = at(5_000).await.expect("taken");
    assert_eq!(taken[0].ticket.attempt, 2);
    let newer = queued(put(queue, wake("one", Job::Pull)).await);
    let again = Ending::Again { due_ms: 9_000, problem: problem("rate-limited") };
    assert!(queue.end(&taken[0].ticket, again, 5_001).await.expect("ended"));
    assert_eq!(seen(queue, number).await.0, Stage::Joined, "the one that arrived meanwhile takes over");
    assert_eq!(seen(queue, newer).await, (Stage::Waiting, 2, 3));
    assert_eq!(at(8_999).await.expect("taken"), []);
    let taken = at(9_000).await.expect("taken");
    assert_eq!((taken[0].ticket.number, taken[0].ticket.attempt), (newer, 3));
    assert!(queue.end(&taken[0].ticket, Ending::BrokenOff, 9_001).await.expect("ended"));
    assert_eq!(at(9_001).await.expect("taken")[0].ticket.attempt, 3, "what the server broke off is no try");
}

async fn a_person_does_not_wait_for_what_failed_before(queue: &impl Queue) {
    put(queue, wake("one", Job::Push)).await;
    let taken = take(queue, "a", 9).await;
    end(queue, &taken[0], Ending::Again { due_ms: 5_000, problem: problem("mass-delete-brake") }).await;
    let cause = Cause::Person { name: "ana".into() };
    let order = Order { approve_deletions: true, ..Order::default() };
    put(queue, Arrival { cause: cause.clone(), order: order.clone(), ..wake("one", Job::Push) }).await;
    let taken = take(queue, "a", 9).await;
    assert_eq!((&taken[0].cause, &taken[0].order, taken[0].ticket.attempt), (&cause, &order, 1));
    // Nor for what fails after they asked.
    let newer = Arrival { cause: cause.clone(), ..wake("one", Job::Push) };
    put(queue, newer).await;
    end(queue, &taken[0], Ending::Again { due_ms: 9_000, problem: problem("host-unreachable") }).await;
    let taken = take(queue, "a", 9).await;
    assert_eq!((&taken[0].cause, taken[0].ticket.attempt), (&cause, 1));
}

/// An approval was lost when the job it was given for failed while an edit waited.
async fn what_a_person_wants_is_not_lost_when_it_is_tried_again(queue: &impl Queue) {
    let cause = Cause::Person { name: "ana".into() };
    let order = Order { approve_deletions: true, ..Order::default() };
    put(queue, Arrival { cause: cause.clone(), order: order.clone(), ..wake("one", Job::Push) }).await;
    let taken = take(queue, "a", 9).await;
    let edit = queued(put(queue, wake("one", Job::Push)).await);
    end(queue, &taken[0], Ending::Again { due_ms: 90, problem: problem("host-unreachable") }).await;
    let taken = take(queue, "a", 9).await;
    assert_eq!((taken[0].ticket.number, taken[0].ticket.attempt), (edit, 2));
    assert_eq!((&taken[0].cause, &taken[0].order), (&cause, &order));
}

async fn looks_one_after_another_are_shown_as_one(queue: &impl Queue) {
    let look = async || {
        put(queue, wake("one", Job::Pull)).await;
        finish_all(queue).await;
        queue.jobs(&id("one"), 9).await.expect("jobs").len()
    };
    assert_eq!((look().await, look().await, look().await), (1, 1, 1));
    put(queue, delivery("one", "a")).await;
    finish_all(queue).await;
    assert_eq!((look().await, look().await), (3, 3), "what was told stays between them");
}

async fn a_dead_server_gives_everything_back(queue: &impl Queue) {
    put(queue, wake("one", Job::Pull)).await;
    put(queue, wake("two", Job::Pull)).await;
    take(queue, "dead", 1).await;
    take(queue, "alive", 1).await;
    let newer = put(queue, wake("one", Job::Pull)).await;
    assert!(matches!(newer, Put::Queued(_)));
    assert_eq!(queue.give_back(&Holder("dead".into()), 150).await.expect("given back"), 1);
    let taken = queue.take(&HOLDER, taking(150, 9)).await.expect("taken");
    assert_eq!((names(&taken), taken[0].ticket.attempt), (vec!["one".to_owned()], 2), "the try counts");
    let depth = queue.depth(150).await.expect("a depth");
    assert_eq!((depth.waiting, depth.running), (0, 2), "the newer one is done with it");
}

/// A year is no wait: the clock was wrong when the job failed.
async fn nothing_waits_until_a_clock_that_was_set_back_has_caught_up(queue: &impl Queue) {
    let year = 365 * 24 * 60 * 60 * 1_000;
    let longest = Backoff::LONGEST.as_millis() as u64;
    put(queue, Arrival { due_ms: year, ..wake("one", Job::Pull) }).await;
    put(queue, Arrival { due_ms: 100 + longest, ..wake("two", Job::Pull) }).await;
    assert_eq!(names(&take(queue, "a", 9).await), ["one"], "the longest wait there is, is kept");
    let taken = queue.take(&HOLDER, taking(100 + longest, 9)).await.expect("taken");
    assert!(names(&taken).contains(&"two".to_owned()));
}

async fn nothing_begins_while_a_connection_is_held(queue: &impl Queue) {
    let one = id("one");
    queue.hold(&one).await.expect("held");
    queue.hold(&one).await.expect("held twice");
    put(queue, wake("one", Job::Pull)).await;
    put(queue, wake("two", Job::Pull)).await;
    assert_eq!(names(&take(queue, "a", 9).await), ["two"]);
    assert_eq!(queue.next_due_ms().await.expect("no time"), None, "nothing is waited for");
    queue.let_go(&one).await.expect("let go");
    assert_eq!(names(&take(queue, "a", 9).await), ["one"], "what arrived meanwhile is done");
}

async fn what_was_given_up_is_shown_with_its_reason_and_a_new_wake_is_a_new_job(queue: &impl Queue) {
    let number = queued(put(queue, wake("one", Job::Push)).await);
    let taken = take(queue, "a", 9).await;
    end(queue, &taken[0], Ending::GivenUp(problem("branch-protected"))).await;
    let dead = queue.job(number).await.expect("a job").expect("it is there");
    assert_eq!((dead.stage, dead.problem, dead.ended_ms), (Stage::Dead, Some(problem("branch-protected")), Some(101)));
    assert_eq!(queue.jobs(&id("one"), 9).await.expect("jobs").len(), 1);
    assert_eq!(queue.jobs(&id("two"), 9).await.expect("jobs"), [], "of this connection alone");
    assert_eq!(queue.depth(101).await.expect("a depth").dead, 1);
    assert_eq!(take(queue, "a", 9).await, [], "it is not tried by itself");
    let newer = queued(put(queue, wake("one", Job::Push)).await);
    let taken = take(queue, "a", 9).await;
    assert_eq!((taken[0].ticket.number, taken[0].ticket.attempt), (newer, 1));
}

async fn only_what_is_old_is_pruned(queue: &impl Queue) {
    put(queue, delivery("one", "a")).await;
    finish_all(queue).await;
    put(queue, wake("two", Job::Pull)).await;
    let span = |span: std::time::Duration| span.as_millis() as u64;
    queue.prune(span(REMEMBERED)).await.expect("pruned");
    assert_eq!(put(queue, delivery("one", "a")).await, Put::Repeat, "it is remembered for that long");
    queue.prune(span(REMEMBERED) + 100).await.expect("pruned");
    assert!(matches!(put(queue, delivery("one", "a")).await, Put::Queued(_)), "and then it counts again");
    assert_eq!(queue.jobs(&id("one"), 9).await.expect("jobs").len(), 2, "its first job is still shown");
    queue.prune(span(SHOWN) + 200).await.expect("pruned");
    assert_eq!(queue.jobs(&id("one"), 9).await.expect("jobs").len(), 1, "until that is old too");
    assert_eq!(queue.jobs(&id("two"), 9).await.expect("jobs").len(), 1, "what waits never is");
}

async fn a_forgotten_connection_leaves_nothing(queue: &impl Queue) {
    put(queue, delivery("one", "a")).await;
    put(queue, delivery("two", "a")).await;
    let taken = take(queue, "a", 9).await;
    queue.hold(&id("one")).await.expect("held");
    queue.forget(&id("one")).await.expect("forgotten");
    let mut own = taken.iter().filter(|taken| taken.connection == id("one"));
    let own = own.next().expect("it was taken");
    assert!(!queue.end(&own.ticket, Ending::Done, 101).await.expect("an answer"));
    assert_eq!(queue.jobs(&id("one"), 9).await.expect("jobs"), []);
    assert_eq!(queue.jobs(&id("two"), 9).await.expect("jobs").len(), 1, "others stay");
    assert!(matches!(put(queue, delivery("one", "a")).await, Put::Queued(_)));
    assert_eq!(names(&take(queue, "a", 9).await), ["one"], "it is not held any more");
}

static HOLDER: Holder = Holder(String::new());

fn id(text: &str) -> ConnectionId {
    ConnectionId::parse(text).expect("a connection")
}

fn of(organisation: &str, connection: &str) -> Arrival {
    Arrival {
        connection: id(connection),
        organisation: Organisation::parse(organisation).expect("an organisation"),
        place: Place(connection.into()),
        cause: Cause::Poll,
        job: Some(Job::Pull),
        order: Order::default(),
        due_ms: 1,
    }
}

fn wake(connection: &str, job: Job) -> Arrival {
    Arrival { job: Some(job), ..of("acme", connection) }
}

fn delivery(connection: &str, key: &str) -> Arrival {
    let cause = Cause::Delivery { key: key.into(), kind: "push".into() };
    Arrival { cause, ..of("acme", connection) }
}

fn problem(code: &str) -> Problem {
    Problem { code: code.into(), message: "why".into(), remedy: "what to do".into(), since_ms: 1 }
}

fn taking(now_ms: u64, most: u32) -> Taking {
    Taking { now_ms, until_ms: now_ms + 100, most, most_per_organisation: 9 }
}

async fn put(queue: &impl Queue, arrival: Arrival) -> Put {
    queue.put(vec![arrival], 1).await.expect("put")[0]
}

fn queued(put: Put) -> JobNumber {
    match put {
        Put::Queued(number) => number,
        other => panic!("{other:?}"),
    }
}

async fn take(queue: &impl Queue, holder: &str, most: u32) -> Vec<Taken> {
    queue.take(&Holder(holder.into()), taking(100, most)).await.expect("taken")
}

async fn end(queue: &impl Queue, taken: &Taken, ending: Ending) {
    assert!(queue.end(&taken.ticket, ending, 101).await.expect("ended"));
}

async fn finish_all(queue: &impl Queue) {
    for taken in take(queue, "finisher", 99).await {
        end(queue, &taken, Ending::Done).await;
    }
}

async fn seen(queue: &impl Queue, number: JobNumber) -> (Stage, u32, u32) {
    let seen = queue.job(number).await.expect("a job").expect("it is there");
    (seen.stage, seen.attempts, seen.wakes)
}

fn names(taken: &[Taken]) -> Vec<String> {
    taken.iter().map(|taken| taken.connection.to_string()).collect()
}

fn sorted(taken: &[Taken]) -> Vec<String> {
    let mut names = names(taken);
    names.sort();
    names
}
