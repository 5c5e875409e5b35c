//! Starting, base path, authentication, common headers.

use crate::support::Lab;
use gitlab_sim::{Settings, Version};
use serde_json::json;

#[tokio::test]
async fn an_instance_under_a_sub_path_answers_only_below_it() {
    let lab = Lab::with(Settings::default(), "/gitlab").await;
    let user = lab.get("/user").await;
    assert_eq!(user.status, 200);
    assert_eq!(user.json()["web_url"], format!("{}/alice", lab.gitlab.url()));
    assert!(lab.gitlab.url().ends_with("/gitlab"));
    assert_eq!(lab.admin().log().count("GET", "/api/v4/user"), 1);
}

#[tokio::test]
async fn the_version_is_the_configured_one() {
    let settings = Settings { version: "17.3.1-ee".parse::<Version>().unwrap(), ..Settings::default() };
    let lab = Lab::with(settings, "").await;
    assert_eq!(lab.get("/version").await.json()["version"], "17.3.1-ee");
    lab.as_token("", "GET", "/version", json!(null)).await.is(401, &json!({"message": "401 Unauthorized"}));
}
