//! Everything that can go wrong with a request, at every request of every job.
//!
//! After each fault: an answer or a clear refusal, nothing lost, nothing deleted by mistake, no commit made twice; and running again
//! without trouble comes to the same end.

use super::jobs::{Case, Job};
use super::lab::Lab;
use gitlab_sim::{Canned, Effect, Fault, When};
use std::collections::BTreeSet;

/// What goes wrong, and the codes by which it may be told.
pub(super) fn troubles() -> Vec<(&'static str, Effect, &'static [&'static str])> {
    let json = |status: u16, body: &str| {
        let (content_type, body) = (Some("application/json".into()), Some(body.into()));
        Effect::Answer(Canned { status, content_type, body, headers: Vec::new() })
    };
    let text = |canned: Canned, body: &str| Canned {
        content_type: Some("text/plain".into()),
        body: Some(body.into()),
        ..canned
    };
    let broken: &[&str] = &["host-unreachable", "not-a-gitlab", "partial-listing", "unexpected-reply"];
    vec![
        ("500", json(500, r#"{"message":"500 Internal Server Error"}"#), &["server-unavailable"]),
        ("502", Effect::Answer(Canned::html(502)), &["server-unavailable"]),
        ("503 with a time", Effect::Answer(Canned::html(503).retry_after(7)), &["server-unavailable"]),
        ("429 with a time", Effect::Answer(text(Canned::html(429).retry_after(7), "Retry later\n")), &["rate-limited"]),
        (
            "429 without",
            json(429, r#"{"message":{"error":"This endpoint has been requested too many times."}}"#),
            &["rate-limited"],
        ),
        (
            "401 revoked",
            json(401, r#"{"error":"invalid_token","error_description":"Token was revoked."}"#),
            &["token-rejected"],
        ),
        (
            "404 project",
            json(404, r#"{"message":"404 Project Not Found"}"#),
            &["project-not-found", "history-rewritten"],
        ),
        ("403", json(403, r#"{"message":"403 Forbidden"}"#), &["role-too-low"]),
        ("cut before the answer", Effect::Drop, &["host-unreachable"]),
        ("cut after it was done", Effect::CutBody { at: 0 }, &["host-unreachable"]),
        ("cut in the body", Effect::CutBody { at: 20 }, &["host-unreachable"]),
        ("a body that ends early", Effect::TruncateBody { at: 20 }, broken),
        ("an empty body", Effect::TruncateBody { at: 0 }, broken),
        ("a sign-in page", Effect::Answer(Canned::html(200)), broken),
        ("an empty list", json(200, "[]"), broken),
        ("an empty record", json(200, "{}"), broken),
        ("a redirect", Effect::Redirect { status: 302, origin: "https://elsewhere.example".into() }, &["not-a-gitlab"]),
        ("502 after it was done", Effect::AnswerAfter(Canned::html(502)), &["server-unavailable"]),
        (
            "401 expired",
            json(
                401,
                r#"{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}"#,
            ),
            &["token-expired"],
        ),
        ("a late answer", Effect::Latency { ms: 30, jitter_ms: 10 }, &[]),
        ("an answer in drops", Effect::Drip { bytes: 4_096, every_ms: 5 }, &[]),
        ("a body longer than it says", Effect::ContentLength { says: 10 }, broken),
        ("a body shorter than it says", Effect::ContentLength { says: 10_000_000 }, &["host-unreachable", "too-large"]),
        ("a link to somewhere else", Effect::LinkOrigin { origin: "https://elsewhere.example".into() }, &[]),
        ("no headers of pages", Effect::NoPageHeaders, &[]),
        (
            "a bomb",
            Effect::GzipBomb { mib: 40 },
            &["too-large", "host-unreachable", "not-a-gitlab", "unexpected-reply"],
        ),
        ("a page that looks the same for ever", Effect::LoopingPages, &["partial-listing"]),
        ("pages without end", Effect::EndlessPages, &["partial-listing"]),
    ]
}

/// Those that are tried from a request on, too.
const LASTING: &[&str] = &[
    "502",
    "429 with a time",
    "401 revoked",
    "cut before the answer",
    "a body that ends early",
    "502 after it was done",
];

/// Runs the job with each trouble at each of its requests.
async fn survives(job: Job) {
    let lab = Lab::new().await;
    let mut number = 0;
    let case = Case::begin(&lab, job, number).await;
    let (_, asked) = lab.requests(case.finish("without trouble")).await;
    let most = asked.len();
    assert!(most > 0);
    for (name, effect, codes) in troubles() {
        for request in 1..=most {
            for when in [When::Nth(request), When::From(request)] {
                // What lasts is tried with the few that differ; a server that insists on a branch without files is believed.
                if when != When::Nth(request) && !LASTING.contains(&name) {
                    continue;
                }
                number += 1;
                let told = format!("{job:?}, {name}, {when:?}");
                let case = Case::begin(&lab, job, number).await;
                lab.admin().fault(Fault::on_any("*", effect.clone()).when(when));
                let outcome = case.product.told(case.call(&case.product.connection).await);
                lab.admin().clear_faults();
                if let Err(refusal) = outcome {
                    assert!(codes.contains(&refusal.code.as_str()), "{told}: {refusal:?}");
                    assert_wait(name, &refusal);
                }
                case.assert_nothing_is_lost(&lab, &told).await;
                case.assert_it_converges(&lab, &told).await;
            }
        }
    }
}

/// How many kinds of trouble the simulator can make, and which of them one is. A new kind compiles only when it stands here, and
/// then has to be tried.
macro_rules! kinds {
    ($($kind:ident)*) => {
        const KINDS: &[&str] = &[$(stringify!($kind)),*];

        fn kind(effect: &Effect) -> &'static str {
            match effect { $(Effect::$kind { .. } => stringify!($kind),)* }
        }
    };
}

kinds! {
    Latency Drop CutBody TruncateBody ContentLength Answer AnswerAfter Drip EndlessPages LoopingPages Redirect LinkOrigin GzipBomb
    NoPageHeaders
}

#[test]
fn every_kind_of_trouble_is_tried() {
    let tried: BTreeSet<&str> = troubles().iter().map(|(_, effect, _)| kind(effect)).collect();
    assert_eq!(tried, KINDS.iter().copied().collect());
}

/// Who is asked to wait is told how long.
fn assert_wait(name: &str, refusal: &gitlab_sync_host::connection::Refusal) {
    match name {
        "429 with a time" | "503 with a time" => assert_eq!(refusal.retry_after_ms, Some(7_000), "{refusal:?}"),
        "429 without" => assert_eq!(refusal.retry_after_ms, Some(60_000), "{refusal:?}"),
        _ => {}
    }
}

macro_rules! every_fault_of {
    ($($name:ident $job:ident)*) => { $(
        #[tokio::test]
        async fn $name() {
            survives(Job::$job).await;
        }
    )* };
}

every_fault_of! {
    connecting_survives_every_fault_at_every_request Connect
    configuring_survives_every_fault_at_every_request ConfigureExisting
    making_a_project_survives_every_fault_at_every_request ConfigureNew
    the_first_push_survives_every_fault_at_every_request FirstPush
    a_push_survives_every_fault_at_every_request Push
    a_push_onto_other_peoples_commits_survives_every_fault_at_every_request PushOntoOthers
    a_pull_survives_every_fault_at_every_request Pull
    a_cold_pull_survives_every_fault_at_every_request ColdPull
    a_cold_pull_by_archive_survives_every_fault_at_every_request ColdPullOfMany
}
