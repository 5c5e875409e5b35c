//! Rate limits of both kinds, maintenance.

use gitlab_sim::world::settings::Throttle;
use serde_json::{Value, json};

use crate::support::Lab;

fn throttle(limit: u32) -> Throttle {
    Throttle { authenticated: Some(limit), unauthenticated: Some(1), period_seconds: 3600, ..Throttle::default() }
}

#[tokio::test]
async fn the_throttle_refuses_in_plain_text_and_tells_the_standing_in_headers() {
    let lab = Lab::new().await;
    lab.admin().stop_clock();
    assert_eq!(lab.get("/user").await.header("ratelimit-limit"), None);
    lab.admin().settings(|settings| settings.throttle = throttle(120));
    let seen = lab.get("/user").await;
    assert_eq!((seen.header("ratelimit-limit"), seen.header("ratelimit-observed")), (Some("2"), Some("1")));
    assert_eq!(seen.header("ratelimit-name"), Some("throttle_authenticated_api"));
    assert_eq!(seen.header("retry-after"), None);
    lab.admin().settings(|settings| settings.throttle = throttle(1));
    let seen = lab.get("/user").await;
    assert_eq!((seen.status.as_u16(), seen.text().as_str()), (429, "Retry later\n"));
    assert_eq!(seen.header("content-type"), Some("text/plain"));
    assert!(seen.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    assert!(seen.header("ratelimit-resettime").unwrap().ends_with(" GMT"));
    lab.admin().settings(|settings| settings.throttle.no_headers = true);
    assert_eq!(lab.get("/user").await.header("retry-after"), None);
    lab.admin().app().limiter.reset();
    assert_eq!(lab.as_token("", "GET", "/projects", Value::Null).await.status, 200);
    assert_eq!(lab.as_token("", "GET", "/projects", Value::Null).await.status, 429);
}

#[tokio::test]
async fn limits_of_single_features_are_json_without_headers() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    lab.admin().stop_clock();
    lab.admin().settings(|settings| {
        settings.limits.archive = 2;
        settings.limits.members_all = 1;
        settings.limits.raw_blob = 1;
    });
    for (path, allowed, noun) in [
        (lab.at("/repository/archive"), 2, "archive"),
        (lab.at("/members/all"), 1, "endpoint"),
        (lab.at("/repository/files/a.md/raw"), 1, "endpoint"),
    ] {
        for _ in 0..allowed {
            assert_eq!(lab.get(&path).await.status, 200);
        }
        let seen = lab.get(&path).await;
        let text = format!("This {noun} has been requested too many times. Try again later.");
        seen.is(429, &json!({"message": {"error": text}}));
        assert_eq!((seen.header("retry-after"), seen.header("ratelimit-limit")), (None, None));
    }
}

#[tokio::test]
async fn maintenance_lets_reads_through_and_refuses_writes() {
    let lab = Lab::new().await;
    lab.admin().settings(|settings| settings.maintenance = Some(String::new()));
    assert_eq!(lab.get("/user").await.status, 200);
    let seen = lab.call("POST", "/projects", json!({"name": "x"})).await;
    seen.is(503, &json!({"message": "GitLab is undergoing maintenance"}));
    assert_eq!(seen.header("retry-after"), Some("900"));
}
