//! The fault plan, seen from the other end of the wire.

use std::time::{Duration, Instant};

use gitlab_sim::{Canned, Effect, Fault, When};
use serde_json::{Value, json};

use crate::support::Lab;

async fn lab() -> Lab {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    lab
}

#[tokio::test]
async fn answers_can_come_late_or_never() {
    let lab = lab().await;
    lab.admin().fault(Fault::on("GET", "/api/v4/user", Effect::Latency { ms: 120, jitter_ms: 0 }).when(When::Nth(1)));
    lab.admin().fault(Fault::on("GET", "/api/v4/user", Effect::Drop).when(When::Nth(2)));
    let started = Instant::now();
    assert_eq!(lab.get("/user").await.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(120));
    let headers = [("private-token", lab.token.as_str())];
    assert!(lab.send("GET", "/api/v4/user", &headers, "").await.is_err());
    assert_eq!(lab.get("/user").await.status, 200);
    assert_eq!(lab.admin().log().entries()[1].status, 0);
}

#[tokio::test]
async fn bodies_can_be_cut_truncated_or_lie_about_their_length() {
    let lab = lab().await;
    let headers = [("private-token", lab.token.as_str())];
    for (effect, fails) in [
        (Effect::CutBody { at: 10 }, true),
        (Effect::ContentLength { says: 100_000 }, true),
        (Effect::TruncateBody { at: 10 }, false),
        (Effect::Drip { bytes: 200, every_ms: 5 }, false),
    ] {
        lab.admin().clear_faults();
        lab.admin().fault(Fault::on_any("/api/v4/user", effect.clone()));
        let seen = lab.send("GET", "/api/v4/user", &headers, "").await;
        assert_eq!(seen.is_err(), fails, "{effect:?}: {seen:?}");
        if let (Effect::TruncateBody { .. }, Ok(seen)) = (&effect, &seen) {
            assert_eq!((seen.body.len(), seen.header("content-length")), (10, Some("10")));
            assert!(serde_json::from_slice::<Value>(&seen.body).is_err());
        }
    }
}

#[tokio::test]
async fn what_stands_in_front_of_gitlab_speaks_html() {
    let lab = lab().await;
    for status in [429, 500, 502, 503] {
        lab.admin().clear_faults();
        lab.admin().fault(Fault::on_any("/api/v4/*", Effect::Answer(Canned::html(status).retry_after(7))));
        let seen = lab.get("/user").await;
        assert_eq!((seen.status.as_u16(), seen.header("retry-after")), (status, Some("7")));
        assert!(seen.header("content-type").unwrap().starts_with("text/html") && seen.text().contains("<html>"));
    }
}

#[tokio::test]
async fn a_commit_can_land_although_the_answer_was_502() {
    let lab = lab().await;
    let effect = Effect::AnswerAfter(Canned::html(502));
    lab.admin().fault(Fault::on("POST", "/api/v4/projects/*/repository/commits", effect));
    let body = json!({"branch": "main", "commit_message": "m", "actions": [{"action": "create", "file_path": "b", "content": ""}]});
    assert_eq!(lab.call("POST", &lab.at("/repository/commits"), body).await.status, 502);
    assert_eq!(lab.get(&lab.at("/repository/commits")).await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn pages_can_go_on_for_ever_or_round_in_circles() {
    let lab = lab().await;
    let branches = lab.at("/repository/branches");
    lab.admin().fault(Fault::on_any("/api/v4/projects/*/repository/branches", Effect::EndlessPages));
    for page in [1, 2, 500] {
        let seen = lab.get(&format!("{branches}?page={page}&per_page=20")).await;
        assert_eq!(seen.header("x-next-page"), Some((page + 1).to_string().as_str()));
        assert_eq!(seen.json().as_array().unwrap().len(), 1);
        assert!(seen.header("link").unwrap().contains(&format!("page={}", page + 1)));
    }
    lab.admin().clear_faults();
    lab.admin().fault(Fault::on_any("/api/v4/projects/*/repository/branches", Effect::LoopingPages));
    assert_eq!(lab.get(&branches).await.header("x-next-page"), Some("1"));
    lab.admin().clear_faults();
    lab.admin().fault(Fault::on_any("*", Effect::NoPageHeaders));
    assert_eq!(lab.get(&branches).await.header("x-total"), None);
}

#[tokio::test]
async fn answers_can_point_at_another_origin() {
    let lab = lab().await;
    let origin = "http://198.51.100.7:9999";
    lab.admin().fault(Fault::on_any("/api/v4/user", Effect::Redirect { status: 302, origin: origin.into() }));
    lab.admin().fault(Fault::on_any("*/branches", Effect::LinkOrigin { origin: origin.into() }));
    let seen = lab.get("/user?x=1").await;
    assert_eq!(
        (seen.status.as_u16(), seen.header("location")),
        (302, Some("http://198.51.100.7:9999/api/v4/user?x=1"))
    );
    let link = lab.get(&lab.at("/repository/branches")).await.header("link").unwrap().to_owned();
    assert!(link.contains("<http://198.51.100.7:9999/api/v4/") && !link.contains("127.0.0.1"), "{link}");
}

#[tokio::test]
async fn a_small_answer_can_unpack_to_a_large_one() {
    let lab = lab().await;
    lab.admin().fault(Fault::on_any("/api/v4/user", Effect::GzipBomb { mib: 64 }));
    let seen = lab.get("/user").await;
    assert_eq!(seen.header("content-encoding"), Some("gzip"));
    assert!(seen.body.len() < 200_000);
    let mut plain = std::io::sink();
    let size = std::io::copy(&mut flate2::read::GzDecoder::new(&seen.body[..]), &mut plain).unwrap();
    assert_eq!(size, 64 << 20);
}

#[tokio::test]
async fn the_log_counts_requests_bytes_connections_and_how_many_were_in_flight() {
    let lab = lab().await;
    lab.admin().fault(Fault::on_any("/api/v4/user", Effect::Latency { ms: 50, jitter_ms: 0 }));
    let many = (0..5).map(|_| lab.get("/user"));
    futures_util::future::join_all(many).await;
    let totals = lab.admin().log().totals();
    assert_eq!((totals.requests, totals.max_in_flight, totals.connections), (5, 5, 5));
    assert!(totals.response_bytes > 1000);
    assert_eq!(lab.admin().log().per_route()["GET /api/v4/user"], 5);
    lab.get(&lab.at("/repository/tree")).await;
    assert_eq!(lab.admin().log().count("GET", "/api/v4/projects/{id}/repository/tree"), 1);
    lab.admin().log().clear();
    assert_eq!(lab.admin().log().totals().requests, 0);
}

/// A path of every route, with something in the place of each parameter.
fn paths() -> Vec<(&'static str, String)> {
    let filled = |route: gitlab_sim::routing::Route| {
        let parts = route.path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
        (route.method, parts.collect::<Vec<_>>().join("/"))
    };
    gitlab_sim::routes().into_iter().map(filled).collect()
}

/// How one effect shows in whatever the route answers.
fn shows(effect: &Effect, seen: &Result<crate::support::Seen, String>) -> bool {
    let header = |name: &str| seen.as_ref().ok().and_then(|seen| seen.header(name).map(str::to_owned));
    let status = seen.as_ref().map_or(0, |seen| seen.status.as_u16());
    match effect {
        Effect::Drop | Effect::CutBody { .. } | Effect::ContentLength { .. } => seen.is_err(),
        Effect::TruncateBody { at } => seen.as_ref().is_ok_and(|seen| seen.body.len() as u64 <= *at),
        Effect::Answer(canned) | Effect::AnswerAfter(canned) => status == canned.status,
        Effect::Redirect { status: wanted, origin } => {
            status == *wanted && header("location").is_some_and(|to| to.starts_with(origin.as_str()))
        }
        Effect::EndlessPages => header("x-next-page").as_deref() == Some("2"),
        Effect::LoopingPages => header("x-next-page").as_deref() == Some("1"),
        Effect::GzipBomb { .. } => header("content-encoding").as_deref() == Some("gzip"),
        Effect::NoPageHeaders => header("link").is_none() && header("x-total").is_none(),
        Effect::Latency { .. } | Effect::Drip { .. } | Effect::LinkOrigin { .. } => seen.is_ok(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_can_be_produced_on_every_route() {
    let lab = lab().await;
    let origin = "http://198.51.100.7:9999".to_owned();
    let effects = [
        Effect::Latency { ms: 1, jitter_ms: 1 },
        Effect::Drop,
        Effect::CutBody { at: 1 },
        Effect::TruncateBody { at: 1 },
        Effect::ContentLength { says: 100_000 },
        Effect::Answer(Canned::html(429)),
        Effect::Answer(Canned::html(500)),
        Effect::Answer(Canned::html(502)),
        Effect::Answer(Canned::html(503)),
        Effect::AnswerAfter(Canned::html(502)),
        Effect::Drip { bytes: 4096, every_ms: 1 },
        Effect::EndlessPages,
        Effect::LoopingPages,
        Effect::Redirect { status: 302, origin: origin.clone() },
        Effect::LinkOrigin { origin },
        Effect::GzipBomb { mib: 1 },
        Effect::NoPageHeaders,
    ];
    // Nobody asks, so that nothing is changed; an answer of some length all the same, but to HEAD.
    let headers = [("content-type", "application/json")];
    let mut silent = Vec::new();
    for effect in effects {
        lab.admin().clear_faults();
        lab.admin().fault(Fault::on_any("*", effect.clone()));
        let asked = paths().into_iter().filter(|(method, _)| *method != "HEAD");
        let seen = asked.map(|(method, path)| {
            let (lab, effect) = (&lab, &effect);
            async move {
                let seen = lab.send(method, &path, &headers, "{}").await;
                (!shows(effect, &seen)).then(|| format!("{effect:?}: {method} {path}: {seen:?}"))
            }
        });
        silent.extend(futures_util::future::join_all(seen).await.into_iter().flatten());
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}
