//! OAuth 2.0 as a client walks it: page, code, token, refresh, device, revocation.

use gitlab_sim::{ApplicationSpec, Settings, TokenSpec, UserSpec};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Lab, Seen};

const BACK: &str = "http://127.0.0.1:7171/back";
const VERIFIER: &str = "ks02i3jdikdo2k0dkfodf3m39rjfjsdk0wk349rj3jrhf";
const CHALLENGE: &str = "2i0WFA-0AerkjQm4X4oDEhqA17QIAKNjXpagHBXmO_U";
const GRANT: &str = "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI \
                     used in the authorization request, or was issued to another client.";

struct App {
    id: String,
    secret: String,
}

fn app(lab: &Lab, confidential: bool) -> App {
    let made = lab.admin().create_application(&ApplicationSpec {
        name: "Sync <tool>".into(),
        redirect_uris: vec![BACK.into()],
        scopes: vec!["api".into(), "read_user".into()],
        confidential,
    });
    App { id: made.uid, secret: made.secret }
}

async fn form(lab: &Lab, path: &str, pairs: &[(&str, &str)]) -> Seen {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let body: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    lab.send("POST", path, &headers, body.join("&")).await.unwrap()
}

/// Clicks a button on the page, as a browser would: every field of its form is posted.
async fn click(lab: &Lab, url: &str, button: &str) -> Seen {
    let page = lab.send("GET", url, &[], "").await.unwrap();
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let html = page.text();
    let attribute = |tag: &str, name: &str| -> String {
        let rest = tag.split_once(&format!("{name}=\"")).unwrap().1;
        rest.split('"').next().unwrap().replace("&amp;", "&")
    };
    let mut fields = vec![("decision".to_owned(), button.to_owned()), ("username".to_owned(), "alice".to_owned())];
    for tag in html.split("<input type=\"hidden\"").skip(1) {
        fields.push((attribute(tag, "name"), attribute(tag, "value")));
    }
    assert!(html.contains("<option>alice</option>"));
    let action = attribute(html.split_once("<form").unwrap().1, "action");
    let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    form(lab, &action, &fields).await
}

fn authorize_url(app: &App, more: &str) -> String {
    let back = BACK.replace(':', "%3A").replace('/', "%2F");
    format!("/oauth/authorize?client_id={}&redirect_uri={back}&response_type=code&state=xyz{more}", app.id)
}

fn query(seen: &Seen, key: &str) -> Option<String> {
    assert_eq!(seen.status, 302, "{}", seen.text());
    let (base, query) = seen.header("location").unwrap().split_once('?').unwrap();
    assert_eq!(base, BACK);
    query.split('&').find_map(|pair| pair.strip_prefix(&format!("{key}="))).map(str::to_owned)
}

async fn code(lab: &Lab, app: &App) -> String {
    let url = authorize_url(app, &format!("&code_challenge={CHALLENGE}&code_challenge_method=S256&scope=api"));
    query(&click(lab, &url, "authorize").await, "code").unwrap()
}

async fn exchange(lab: &Lab, app: &App, code: &str, change: &[(&str, &str)]) -> Seen {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("client_id", &app.id),
        ("code", code),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ];
    pairs.retain(|(key, _)| !change.iter().any(|(name, _)| name == key));
    pairs.extend(change.iter().filter(|(_, value)| !value.is_empty()));
    form(lab, "/oauth/token", &pairs).await
}

async fn refresh(lab: &Lab, app: &App, token: &Value) -> Seen {
    let token = token["refresh_token"].as_str().unwrap();
    form(lab, "/oauth/token", &[("grant_type", "refresh_token"), ("client_id", &app.id), ("refresh_token", token)])
        .await
}

async fn user_status(lab: &Lab, token: &Value) -> u16 {
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    lab.send("GET", "/api/v4/user", &[("authorization", &bearer)], "").await.unwrap().status.as_u16()
}

#[tokio::test]
async fn a_browser_can_say_yes_and_the_code_becomes_a_token() {
    let lab = Lab::new().await;
    let app = app(&lab, false);
    let answer = click(&lab, &authorize_url(&app, ""), "authorize").await;
    assert_eq!(query(&answer, "state").as_deref(), Some("xyz"));
    let code = code(&lab, &app).await;
    let token = exchange(&lab, &app, &code, &[]).await;
    assert_eq!((token.status.as_u16(), token.header("cache-control")), (200, Some("no-store")));
    let token = token.json();
    let keys: Vec<&String> = token.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["access_token", "created_at", "expires_in", "refresh_token", "scope", "token_type"]);
    assert_eq!(token["access_token"].as_str().unwrap().len(), 64);
    assert_eq!(
        (&token["expires_in"], &token["scope"], &token["token_type"]),
        (&json!(7200), &json!("api"), &json!("Bearer"))
    );
    assert_eq!(user_status(&lab, &token).await, 200);
    // A token of OAuth is no personal one.
    let secret = token["access_token"].as_str().unwrap();
    lab.as_token(secret, "GET", "/user", json!(null)).await.is(401, &json!({ "message": "401 Unauthorized" }));
    lab.admin().advance_clock(SignedDuration::from_secs(7201));
    assert_eq!(user_status(&lab, &token).await, 401);
}

#[tokio::test]
async fn a_browser_can_say_no_and_bad_requests_go_back_or_stay() {
    let lab = Lab::new().await;
    let app = app(&lab, false);
    let denied = click(&lab, &authorize_url(&app, ""), "deny").await;
    assert_eq!(query(&denied, "error").as_deref(), Some("access_denied"));
    assert_eq!(query(&denied, "state").as_deref(), Some("xyz"));
    let url = authorize_url(&app, "");
    for (url, status, error) in [
        (url.replace(&app.id, "nobody"), 401, None),
        (url.replace("back", "elsewhere"), 400, None),
        (url.replace("response_type=code", "response_type=token"), 302, Some("unsupported_response_type")),
        (format!("{url}&scope=sudo"), 302, Some("invalid_scope")),
        (format!("{url}&code_challenge=x&code_challenge_method=S512"), 302, Some("invalid_request")),
    ] {
        let seen = lab.send("GET", &url, &[], "").await.unwrap();
        assert_eq!(seen.status, status, "{url}");
        if let Some(error) = error {
            assert_eq!(query(&seen, "error").as_deref(), Some(error), "{url}");
        }
    }
    let page = lab.send("GET", &url, &[], "").await.unwrap().text();
    assert!(page.contains("Sync &lt;tool&gt;") && !page.contains("Sync <tool>"));
}

#[tokio::test]
async fn the_token_endpoint_refuses_in_the_words_of_doorkeeper() {
    let lab = Lab::new().await;
    let (open, closed) = (app(&lab, false), app(&lab, true));
    let fresh = code(&lab, &open).await;
    for (change, status, error) in [
        (vec![("grant_type", "implicit")], 400, "unsupported_grant_type"),
        (vec![("grant_type", "password"), ("username", "alice"), ("password", "x")], 400, "invalid_grant"),
        (vec![("grant_type", "password"), ("client_id", "nobody")], 401, "invalid_client"),
        (vec![("grant_type", "")], 400, "invalid_request"),
        (vec![("client_id", "nobody")], 401, "invalid_client"),
        (vec![("client_id", closed.id.as_str())], 401, "invalid_client"),
        (vec![("client_id", closed.id.as_str()), ("client_secret", "wrong")], 401, "invalid_client"),
        (vec![("client_id", closed.id.as_str()), ("client_secret", &closed.secret)], 400, "invalid_grant"),
        (vec![("code", "nonsense")], 400, "invalid_grant"),
        (vec![("redirect_uri", "http://127.0.0.1/other")], 400, "invalid_grant"),
        (vec![("code_verifier", "another-verifier-another-verifier-another-verifier")], 400, "invalid_grant"),
        (vec![("code_verifier", "")], 400, "invalid_request"),
    ] {
        let refused = exchange(&lab, &open, &fresh, &change).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["error"]), (status, &json!(error)), "{change:?}");
        if error == "invalid_grant" {
            assert_eq!(refused.json()["error_description"], GRANT);
        }
    }
    assert_eq!(exchange(&lab, &open, &fresh, &[]).await.status, 200, "what was refused was not used up");
    let late = code(&lab, &open).await;
    lab.admin().advance_clock(SignedDuration::from_secs(601));
    assert_eq!(exchange(&lab, &open, &late, &[]).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_code_shown_twice_ends_what_it_was_exchanged_for() {
    let lab = Lab::new().await;
    let app = app(&lab, false);
    let code = code(&lab, &app).await;
    let token = exchange(&lab, &app, &code, &[]).await.json();
    assert_eq!(user_status(&lab, &token).await, 200);
    exchange(&lab, &app, &code, &[]).await.is(400, &json!({ "error": "invalid_grant", "error_description": GRANT }));
    assert_eq!(user_status(&lab, &token).await, 401);
    assert_eq!(refresh(&lab, &app, &token).await.status, 400);
}

#[tokio::test]
async fn a_refresh_token_dies_when_its_successor_is_first_used() {
    let lab = Lab::new().await;
    let app = app(&lab, false);
    let code = code(&lab, &app).await;
    let first = exchange(&lab, &app, &code, &[]).await.json();
    lab.admin().advance_clock(SignedDuration::from_secs(8000));
    let second = refresh(&lab, &app, &first).await.json();
    // The answer may have been lost: the old refresh token is still good.
    let third = refresh(&lab, &app, &first).await.json();
    assert_ne!(second["access_token"], third["access_token"]);
    assert_eq!(user_status(&lab, &third).await, 200);
    refresh(&lab, &app, &first).await.is(400, &json!({ "error": "invalid_grant", "error_description": GRANT }));
    assert_eq!(refresh(&lab, &app, &third).await.status, 200);
}

#[tokio::test]
async fn info_tells_and_revocation_ends() {
    let lab = Lab::new().await;
    let (own, other) = (app(&lab, false), app(&lab, false));
    let code = code(&lab, &own).await;
    let token = exchange(&lab, &own, &code, &[]).await.json();
    let secret = token["access_token"].as_str().unwrap();
    let info = async |secret: &str| {
        lab.send("GET", "/oauth/token/info", &[("authorization", &format!("Bearer {secret}"))], "").await.unwrap()
    };
    let told = info(secret).await.json();
    assert_eq!((&told["resource_owner_id"], &told["scope"]), (&json!(lab.alice), &json!(["api"])));
    assert_eq!(told["application"], json!({ "uid": own.id }));
    assert!((7190..=7200).contains(&told["expires_in"].as_i64().unwrap()));
    let body = |text: &str| json!({ "error": "invalid_token", "error_description": text, "state": "unauthorized" });
    info("nonsense").await.is(401, &body("The access token is invalid"));
    let revoke = async |app: &App| form(&lab, "/oauth/revoke", &[("client_id", &app.id), ("token", secret)]).await;
    assert_eq!(revoke(&other).await.status, 403);
    assert_eq!(user_status(&lab, &token).await, 200);
    revoke(&own).await.is(200, &json!({}));
    revoke(&own).await.is(200, &json!({}));
    info(secret).await.is(401, &body("The access token was revoked"));
    assert_eq!(user_status(&lab, &token).await, 401);
    assert_eq!(refresh(&lab, &own, &token).await.status, 400);
}

#[tokio::test]
async fn a_device_polls_until_somebody_decides() {
    let lab = Lab::new().await;
    let app = app(&lab, false);
    let begin =
        async || form(&lab, "/oauth/authorize_device", &[("client_id", &app.id), ("scope", "read_user")]).await.json();
    let kind = "urn:ietf:params:oauth:grant-type:device_code";
    let poll = async |asked: &Value| {
        let code = asked["device_code"].as_str().unwrap();
        form(&lab, "/oauth/token", &[("grant_type", kind), ("client_id", &app.id), ("device_code", code)]).await
    };
    let error = async |asked: &Value| poll(asked).await.json()["error"].as_str().unwrap().to_owned();
    let later = |seconds| lab.admin().advance_clock(SignedDuration::from_secs(seconds));

    let asked = begin().await;
    assert_eq!((&asked["expires_in"], &asked["interval"]), (&json!(300), &json!(5)));
    assert_eq!(asked["user_code"].as_str().unwrap().len(), 8);
    assert_eq!(asked["verification_uri"], format!("{}/oauth/device", lab.gitlab.url()));
    assert_eq!(error(&asked).await, "authorization_pending");
    assert_eq!(error(&asked).await, "slow_down");
    later(6);
    assert_eq!(error(&asked).await, "authorization_pending");
    let page = asked["verification_uri_complete"].as_str().unwrap().strip_prefix(lab.gitlab.url()).unwrap().to_owned();
    click(&lab, &page, "authorize").await;
    let token = poll(&asked).await.json();
    assert_eq!(token["scope"], "read_user");
    assert_eq!(user_status(&lab, &token).await, 200);
    assert_eq!(error(&asked).await, "invalid_grant", "a device code is good once");

    let asked = begin().await;
    let page = format!("/oauth/device?user_code={}", asked["user_code"].as_str().unwrap());
    click(&lab, &page, "deny").await;
    assert_eq!(error(&asked).await, "access_denied");

    let asked = begin().await;
    later(301);
    assert_eq!(error(&asked).await, "expired_token");
}

#[tokio::test]
async fn applications_are_for_administrators_and_the_secret_is_shown_once() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let root = admin.create_user(UserSpec::administrator("root")).id;
    let roots = admin.create_token(TokenSpec::personal(root, &["api"])).secret;
    let body = json!({ "name": "n", "redirect_uri": BACK, "scopes": "api" });
    lab.call("POST", "/applications", body.clone()).await.is(403, &json!({ "message": "403 Forbidden" }));
    let made = lab.as_token(&roots, "POST", "/applications", body).await;
    assert_eq!(made.status, 201);
    assert!(made.json()["secret"].as_str().unwrap().starts_with("gloas-"));
    let listed = lab.as_token(&roots, "GET", "/applications", json!(null)).await.json();
    assert!(listed[0].get("secret").is_none());
    assert_eq!(listed[0]["application_id"], made.json()["application_id"]);
    let one = format!("/applications/{}", made.json()["id"]);
    assert_eq!(lab.as_token(&roots, "DELETE", &one, json!(null)).await.status, 204);
    assert_eq!(lab.as_token(&roots, "DELETE", &one, json!(null)).await.status, 404);
}

#[tokio::test]
async fn the_password_grant_ended_with_19() {
    let lab = Lab::with(Settings { version: "19.0.0-ee".parse().unwrap(), ..Settings::default() }, "").await;
    let app = app(&lab, false);
    let refused = form(&lab, "/oauth/token", &[("grant_type", "password"), ("client_id", &app.id)]).await;
    let text = "The authorization grant type is not supported by the authorization server.";
    refused.is(400, &json!({ "error": "unsupported_grant_type", "error_description": text }));
}

#[tokio::test]
async fn what_an_application_gets_for_itself_is_nobodys() {
    let lab = Lab::new().await;
    let app = app(&lab, true);
    let ask = async |more: &[(&str, &str)]| {
        let own = [("grant_type", "client_credentials"), ("client_id", &app.id), ("client_secret", &app.secret)];
        form(&lab, "/oauth/token", &[&own[..], more].concat()).await
    };
    let token = ask(&[("scope", "read_user")]).await;
    assert_eq!((token.status.as_u16(), token.header("cache-control")), (200, Some("no-store")));
    let token = token.json();
    assert_eq!((&token["scope"], token.get("refresh_token")), (&json!("read_user"), None));
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];
    let user = lab.send("GET", "/api/v4/user", &headers, "").await.unwrap();
    user.is(401, &json!({ "message": "401 Unauthorized" }));
    let info = lab.send("GET", "/oauth/token/info", &headers, "").await.unwrap().json();
    assert_eq!((&info["resource_owner_id"], &info["application"]["uid"]), (&Value::Null, &json!(app.id)));
    assert_eq!(ask(&[("scope", "sudo")]).await.json()["error"], "invalid_scope");
    assert_eq!(ask(&[("client_secret", "wrong")]).await.json()["error"], "invalid_client");
}

#[tokio::test]
async fn an_application_asks_about_its_own_tokens_only() {
    let lab = Lab::new().await;
    let (own, other) = (app(&lab, true), app(&lab, true));
    let public = app(&lab, false);
    let code = code(&lab, &public).await;
    let foreign = exchange(&lab, &public, &code, &[]).await.json();
    let pairs = [("grant_type", "client_credentials"), ("client_id", &own.id), ("client_secret", &own.secret)];
    let token = form(&lab, "/oauth/token", &pairs).await.json();
    let ask = async |app: &App, token: &Value| {
        let secret = token["access_token"].as_str().unwrap();
        let pairs = [("client_id", app.id.as_str()), ("client_secret", &app.secret), ("token", secret)];
        form(&lab, "/oauth/introspect", &pairs).await
    };
    let told = ask(&own, &token).await.json();
    assert_eq!((&told["active"], &told["client_id"], &told["scope"]), (&json!(true), &json!(own.id), &json!("api")));
    assert_eq!(told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap(), 7200);
    ask(&other, &token).await.is(200, &json!({ "active": false }));
    ask(&own, &foreign).await.is(200, &json!({ "active": false }));
    lab.admin().advance_clock(SignedDuration::from_secs(7201));
    ask(&own, &token).await.is(200, &json!({ "active": false }));
    assert_eq!(form(&lab, "/oauth/introspect", &[("token", "x")]).await.status, 401);
}
