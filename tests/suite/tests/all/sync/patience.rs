//! A GitLab that is busy for a while: what is waited out within a call, what is told instead, and what is never sent twice.

use super::lab::Lab;
use super::product::{Product, connector_below};
use gitlab_sim::{Canned, Effect, Fault, When};
use gitlab_sync_host::connection::ConnectionError;
use gitlab_sync_host::limits::Limits;
use std::time::Duration;

fn busy(status: u16, retry_after: Option<u32>) -> Effect {
    let html = Canned::html(status);
    Effect::Answer(retry_after.map_or(html.clone(), |seconds| html.retry_after(seconds)))
}

/// The pauses that the connector has told, in milliseconds without what spreads them.
fn pauses(product: &Product) -> Vec<u64> {
    let log = product.log();
    let lines = log.lines().filter(|line| line.contains("asking again later"));
    let number = |line: &str| {
        let digits = line.chars().filter(char::is_ascii_digit).collect::<String>();
        let wait: u64 = digits.parse().unwrap();
        wait / 100 * 100
    };
    lines.map(|line| number(&line[line.find("milliseconds").unwrap()..])).collect()
}

#[tokio::test]
async fn a_refusal_that_passes_is_waited_out_by_every_call_that_reads() {
    for (status, retry_after, expected) in
        [(429, Some(7), 7_000), (429, None, 1_000), (502, None, 300), (503, Some(2), 2_000), (504, None, 300)]
    {
        let lab = Lab::new().await;
        let project = lab.project_with("acme/handbook", &[("a.md", "a\n")]);
        let product = lab.product().await;
        let trouble = || lab.admin().fault(Fault::on_any("*", busy(status, retry_after)).when(When::Nth(1)));
        trouble();
        product.told(product.connection.connect().await).unwrap();
        lab.admin().clear_faults();
        trouble();
        product.told(product.connection.projects("", None).await).unwrap();
        lab.admin().clear_faults();
        trouble();
        product.configure(project).await;
        lab.admin().clear_faults();
        trouble();
        product.pull().await.unwrap();
        let told = pauses(&product);
        assert_eq!(told.len(), 4, "{status}: {told:?}");
        assert!(told.iter().all(|wait| (expected..expected + 200).contains(wait)), "{status}: {told:?}");
    }
}

#[tokio::test]
async fn only_what_was_refused_is_asked_again() {
    let lab = Lab::new().await;
    let product = lab.product().await;
    lab.admin().fault(Fault::on("POST", "/api/graphql", busy(503, None)).when(When::First(2)));
    let (connected, mut asked) = lab.requests(product.connection.connect()).await;
    product.told(connected).unwrap();
    asked.sort();
    assert_eq!(
        asked,
        ["GET /api/v4/personal_access_tokens/self", "POST /api/graphql", "POST /api/graphql", "POST /api/graphql"]
    );
}

#[tokio::test]
async fn what_does_not_pass_is_told_with_the_time_to_wait() {
    for (status, retry_after, requests, code, wait) in [
        (429, Some(7), 6, "rate-limited", Some(7_000)),
        (429, None, 6, "rate-limited", Some(60_000)),
        (503, None, 6, "server-unavailable", None),
        (429, Some(31), 2, "rate-limited", Some(31_000)),
        (503, Some(900), 2, "server-unavailable", Some(900_000)),
        (500, Some(1), 2, "server-unavailable", Some(1_000)),
    ] {
        let lab = Lab::new().await;
        let product = lab.product().await;
        lab.admin().fault(Fault::on_any("*", busy(status, retry_after)));
        let (refusal, asked) = lab.requests(product.connection.connect()).await;
        let refusal = product.told(refusal).unwrap_err();
        assert_eq!((refusal.code.as_str(), refusal.retry_after_ms), (code, wait), "{status} {retry_after:?}");
        assert_eq!(asked.len(), requests, "{status} {retry_after:?}: {asked:?}");
    }
}

#[tokio::test]
async fn a_call_never_waits_for_longer_than_it_has_time() {
    let lab = Lab::new().await;
    let product = lab.product().await;
    let hasty = product.with(&connector_below(Limits { wall: Duration::from_secs(12), ..Limits::standard() })).await;
    lab.admin().fault(Fault::on_any("*", busy(429, Some(7))));
    let (outcome, asked) = lab.requests(hasty.connect()).await;
    let Err(ConnectionError::Refused(refusal)) = outcome else { panic!("{outcome:?}") };
    assert_eq!((refusal.code.as_str(), refusal.retry_after_ms, asked.len()), ("rate-limited", Some(7_000), 2));
}

#[tokio::test]
async fn a_commit_is_sent_again_only_where_a_limiter_refused_it() {
    for (status, posts, lands) in [(429, 2, true), (502, 1, false), (503, 1, false), (504, 1, false)] {
        let lab = Lab::new().await;
        let project = lab.project_with("acme/handbook", &[("a.md", "a\n")]);
        let product = lab.syncing(project).await;
        product.pull().await.unwrap();
        product.write("b.md", "b\n");
        lab.admin().fault(Fault::on("POST", "*/repository/commits", busy(status, Some(1))).when(When::Nth(1)));
        let (pushed, asked) = lab.requests(product.push()).await;
        assert_eq!(pushed.is_ok(), lands, "{status}: {pushed:?}");
        assert_eq!(asked.iter().filter(|line| line.starts_with("POST ")).count(), posts, "{status}: {asked:?}");
        assert_eq!(lab.history(project).len(), if lands { 2 } else { 1 }, "{status}");
    }
}
