//! A browser that clicks through the pages of OAuth, driven by puppeteer.

use std::path::PathBuf;

use gitlab_sim::ApplicationSpec;
use serde_json::{Value, json};

use super::{debian, npm, on_path, or_skip};
use crate::support::Lab;

const VERSION: &str = "25.16.0";
const BACK: &str = "http://127.0.0.1:9/back";
const VERIFIER: &str = "ks02i3jdikdo2k0dkfodf3m39rjfjsdk0wk349rj3jrhf";

/// A browser that is there, or Debian's.
fn chromium() -> Result<PathBuf, String> {
    let names = ["chromium", "chromium-browser", "chromium-headless-shell", "google-chrome"];
    if let Some(program) = names.into_iter().find_map(on_path) {
        return Ok(program);
    }
    let package = "chromium-headless-shell";
    debian::program_with_libraries(package, &format!("usr/lib/chromium/{package}"))
}

async fn post(lab: &Lab, path: &str, pairs: &[(&str, &str)]) -> Value {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let body: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    lab.send("POST", path, &headers, body.join("&")).await.unwrap().json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_clicks_through_the_pages_of_oauth() {
    let Some(chromium) = or_skip("chromium", tokio::task::block_in_place(chromium)) else { return };
    let driver = tokio::task::block_in_place(|| npm::package("puppeteer-core", VERSION));
    let Some(folder) = or_skip("puppeteer", driver) else { return };
    let lab = Lab::with(gitlab_sim::Settings::default(), "/gitlab").await;
    let app = lab.admin().create_application(&ApplicationSpec {
        name: "Sync <tool>".into(),
        redirect_uris: vec![BACK.into()],
        scopes: vec!["read_user".into()],
        confidential: false,
    });
    let device = post(&lab, "/oauth/authorize_device", &[("client_id", &app.uid)]).await;
    let told = json!({
        "url": lab.gitlab.url(), "chromium": chromium, "client": app.uid, "back": BACK, "device": device["user_code"],
    });
    let ran = npm::node(&folder, include_str!("browser.mjs"), &told);
    assert_eq!(ran.code, 0, "{}", ran.text);
    let said: Value = serde_json::from_str(ran.text.trim()).unwrap();

    let by_code = [
        ("grant_type", "authorization_code"),
        ("client_id", app.uid.as_str()),
        ("code", said["code"].as_str().unwrap()),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ];
    let by_device = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", app.uid.as_str()),
        ("device_code", device["device_code"].as_str().unwrap()),
    ];
    for pairs in [&by_code[..], &by_device] {
        let token = post(&lab, "/oauth/token", pairs).await;
        let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
        let user = lab.send("GET", "/api/v4/user", &[("authorization", &bearer)], "").await.unwrap().json();
        assert_eq!(user["username"], "alice");
    }
}
