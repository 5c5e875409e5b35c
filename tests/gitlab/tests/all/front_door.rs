//! Starting, base path, transports, authentication, common headers.

use gitlab_sim::world::users::UserState;
use gitlab_sim::{Settings, Simulator, TokenSpec, UserSpec, Version};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::Lab;

#[tokio::test]
async fn an_instance_under_a_sub_path_answers_only_below_it() {
    let lab = Lab::with(Settings::default(), "/gitlab").await;
    let user = lab.get("/user").await;
    assert_eq!(user.status, 200);
    assert_eq!(user.json()["web_url"], format!("{}/alice", lab.gitlab.url()));
    assert!(lab.gitlab.url().ends_with("/gitlab"));
    assert_eq!(lab.admin().log().count("GET", "/api/v4/user"), 1);
    let root = lab.gitlab.url().trim_end_matches("/gitlab").to_owned();
    let outside = lab.send_to(&format!("{root}/api/v4/user"), "GET", &[], "").await.unwrap();
    assert_eq!((outside.status.as_u16(), outside.header("content-type")), (404, Some("text/html; charset=utf-8")));
}

#[tokio::test]
async fn the_version_is_the_configured_one() {
    let settings = Settings { version: "17.3.1-ee".parse::<Version>().unwrap(), ..Settings::default() };
    let lab = Lab::with(settings, "").await;
    assert_eq!(lab.get("/version").await.json()["version"], "17.3.1-ee");
    lab.as_token("", "GET", "/version", json!(null)).await.is(401, &json!({"message": "401 Unauthorized"}));
}

#[tokio::test]
async fn http_2_is_spoken_in_clear_with_prior_knowledge() {
    use hyper_util::client::legacy::Client;
    let lab = Lab::new().await;
    let client = Client::builder(hyper_util::rt::TokioExecutor::new()).http2_only(true).build_http();
    let request = http::Request::builder()
        .uri(format!("{}/api/v4/user", lab.gitlab.url()))
        .header("private-token", &lab.token)
        .body(http_body_util::Full::<bytes::Bytes>::default())
        .unwrap();
    let answer = client.request(request).await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (http::Version::HTTP_2, 200));
    assert_eq!(lab.admin().log().entries()[0].protocol, "HTTP/2.0");
}

#[tokio::test]
async fn tls_is_signed_by_the_authority_that_the_handle_shows() {
    let gitlab = Simulator::builder().tls().start().await.unwrap();
    let mut roots = rustls::RootCertStore::empty();
    let pem = gitlab.ca_pem().unwrap().to_owned();
    let der = rustls::pki_types::pem::PemObject::from_pem_slice(pem.as_bytes()).unwrap();
    roots.add(der).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let address = gitlab.url().trim_start_matches("https://").to_owned();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let stream = connector.connect("127.0.0.1".try_into().unwrap(), stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
}

#[tokio::test]
async fn every_way_to_carry_a_token_works_and_job_tokens_count_as_nothing() {
    let lab = Lab::new().await;
    let token = lab.token.clone();
    let bearer = format!("Bearer {token}");
    let oauth = lab.oauth_token(&["api"]);
    let oauth_bearer = format!("Bearer {oauth}");
    let query = format!("/api/v4/user?private_token={token}");
    let access = format!("/api/v4/user?access_token={oauth}");
    type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, u16);
    let table: [Case<'_>; 10] = [
        ("/api/v4/user", vec![("private-token", &token)], 200),
        ("/api/v4/user", vec![("authorization", &bearer)], 200),
        ("/api/v4/user", vec![("authorization", &oauth_bearer)], 200),
        (&query, vec![], 200),
        (&access, vec![], 200),
        ("/api/v4/user", vec![], 401),
        ("/api/v4/user", vec![("private-token", "glpat-unknown")], 401),
        ("/api/v4/user", vec![("private-token", &oauth)], 401),
        // An unknown bearer is ignored when the personal token is good.
        ("/api/v4/user", vec![("authorization", "Bearer nope"), ("private-token", &token)], 200),
        ("/api/v4/user", vec![("private-token", "glcbt-64_job")], 401),
    ];
    for (path, headers, expected) in table {
        let seen = lab.send("GET", path, &headers, "").await.unwrap();
        assert_eq!(seen.status.as_u16(), expected, "{path} {headers:?}: {}", seen.text());
    }
    // A job token does not refuse what is public; an unknown token does.
    let public = lab.public_project("demo/open");
    let path = format!("/api/v4/projects/{public}");
    assert_eq!(lab.send("GET", &path, &[("private-token", "glcbt-x")], "").await.unwrap().status, 200);
    assert_eq!(lab.send("GET", &path, &[("private-token", "glpat-x")], "").await.unwrap().status, 401);
}

#[tokio::test]
async fn dead_tokens_say_why_and_carry_a_challenge() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let expired = "Token is expired. You can either do re-authorization or token refresh.";
    let revoked = "Token was revoked. You have to re-authorize from the user.";
    let dead = admin.create_token(TokenSpec::personal(lab.alice, &["api"]));
    admin.revoke_token(dead.id);
    let seen = lab.as_token(&dead.secret, "GET", "/user", json!(null)).await;
    seen.is(401, &json!({"error": "invalid_token", "error_description": revoked}));
    assert!(seen.header("www-authenticate").unwrap().starts_with("Bearer "));
    let oauth = lab.oauth_token(&["api"]);
    admin.advance_clock(SignedDuration::from_hours(3));
    let bearer = format!("Bearer {oauth}");
    let seen = lab.send("GET", "/api/v4/user", &[("authorization", &bearer)], "").await.unwrap();
    seen.is(401, &json!({"error": "invalid_token", "error_description": expired}));
    admin.advance_clock(SignedDuration::from_hours(24 * 366));
    lab.get("/user").await.is(401, &json!({"error": "invalid_token", "error_description": expired}));
}

#[tokio::test]
async fn scopes_are_enforced_per_endpoint_and_the_refusal_names_them_without_a_challenge() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    let project = lab.project;
    let table: [(&[&str], &str, String, u16); 9] = [
        (&["read_user"], "GET", "/user".into(), 200),
        (&["read_api"], "GET", "/user".into(), 200),
        (&["read_repository"], "GET", "/user".into(), 403),
        (&["read_repository"], "GET", format!("/projects/{project}/repository/files/a.md?ref=main"), 200),
        (&["read_repository"], "GET", format!("/projects/{project}/repository/tree"), 403),
        (&["read_api"], "GET", format!("/projects/{project}/repository/tree"), 200),
        (&["read_api"], "POST", format!("/projects/{project}/repository/commits"), 403),
        (&["write_repository"], "POST", format!("/projects/{project}/repository/commits"), 403),
        (&["read_registry"], "GET", "/personal_access_tokens/self".into(), 200),
    ];
    for (scopes, method, path, expected) in table {
        let token = lab.admin().create_token(TokenSpec::personal(lab.alice, scopes)).secret;
        let seen = lab.as_token(&token, method, &path, json!(null)).await;
        assert_eq!(seen.status.as_u16(), expected, "{scopes:?} {path}: {}", seen.text());
        if expected == 403 {
            assert_eq!(seen.json()["error"], "insufficient_scope");
            assert_eq!(
                seen.json()["error_description"],
                "The request requires higher privileges than provided by the access token."
            );
            assert!(seen.json()["scope"].as_str().unwrap().contains("api"));
            assert_eq!(seen.header("www-authenticate"), None);
        }
    }
}

#[tokio::test]
async fn a_fine_grained_token_can_be_refused_by_every_who_am_i_probe() {
    let lab = Lab::new().await;
    let token = lab.admin().create_token(TokenSpec::granular(lab.alice, &["Repository: Read"])).secret;
    for (path, permission) in [
        ("/user", "User: Read"),
        ("/version", "Metadata: Read"),
        ("/personal_access_tokens/self", "Personal Access Token: Read"),
    ] {
        let text = format!("Access denied: Your Personal Access Token lacks the required permissions: [{permission}].");
        let expected = json!({"error": "insufficient_granular_scope", "error_description": text});
        lab.as_token(&token, "GET", path, json!(null)).await.is(403, &expected);
    }
    let seen = lab.as_token(&token, "GET", &format!("/projects/{}", lab.project), json!(null)).await;
    let text = "Access denied: Your Personal Access Token lacks the required permissions: [Project: Read] for \"demo/handbook\".";
    seen.is(403, &json!({"error": "insufficient_granular_scope", "error_description": text}));
    lab.commit("a.md", "one");
    let tree = format!("/projects/{}/repository/tree", lab.project);
    assert_eq!(lab.as_token(&token, "GET", &tree, json!(null)).await.status, 200);
}

#[tokio::test]
async fn blocked_users_are_told_so() {
    let lab = Lab::new().await;
    lab.admin().change_user(lab.alice, |user| user.state = UserState::Blocked).unwrap();
    lab.get("/user").await.is(403, &json!({"message": "403 Forbidden - Your account has been blocked."}));
}

#[tokio::test]
async fn only_administrators_with_the_scope_may_act_as_somebody_else() {
    let lab = Lab::new().await;
    let root = lab.admin().create_user(UserSpec::administrator("root")).id;
    let plain = lab.admin().create_token(TokenSpec::personal(root, &["api"])).secret;
    let sudo = lab.admin().create_token(TokenSpec::personal(root, &["api", "sudo"])).secret;
    let refused = json!({"message": "403 Forbidden - Must be admin to use sudo"});
    lab.as_token(&lab.token, "GET", "/user?sudo=root", json!(null)).await.is(403, &refused);
    assert_eq!(lab.as_token(&plain, "GET", "/user?sudo=alice", json!(null)).await.json()["scope"], "sudo");
    assert_eq!(lab.as_token(&sudo, "GET", "/user?sudo=alice", json!(null)).await.json()["username"], "alice");
    let unknown = json!({"message": "404 User with ID or username '123' Not Found"});
    lab.as_token(&sudo, "GET", "/user?sudo=123", json!(null)).await.is(404, &unknown);
}

#[tokio::test]
async fn what_no_route_has_is_json_below_the_api_and_a_sign_in_page_elsewhere() {
    let lab = Lab::new().await;
    lab.get("/nothing/here").await.is(404, &json!({"error": "404 Not Found"}));
    // A raw slash in an id is two segments, and so no route.
    lab.get("/projects/demo/handbook").await.is(404, &json!({"error": "404 Not Found"}));
    lab.call("DELETE", "/user", json!(null)).await.is(405, &json!({"error": "405 Not Allowed"}));
    let page = lab.send("GET", "/dashboard", &[], "").await.unwrap();
    assert_eq!(page.status, 302);
    assert!(page.header("location").unwrap().ends_with("/users/sign_in"));
}

#[tokio::test]
async fn answers_carry_the_headers_of_the_real_one_and_an_etag_that_saves_the_body() {
    let lab = Lab::new().await;
    let seen = lab.get("/user").await;
    for name in
        ["x-request-id", "x-runtime", "x-gitlab-meta", "etag", "cache-control", "vary", "x-content-type-options"]
    {
        assert!(seen.header(name).is_some(), "{name}");
    }
    let etag = seen.header("etag").unwrap();
    let headers = [("private-token", lab.token.as_str()), ("if-none-match", etag)];
    let again = lab.send("GET", "/api/v4/user", &headers, "").await.unwrap();
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
}

#[tokio::test]
async fn json_is_compressed_for_those_who_ask() {
    let lab = Lab::new().await;
    let headers = [("private-token", lab.token.as_str()), ("accept-encoding", "gzip")];
    let seen = lab.send("GET", "/api/v4/user", &headers, "").await.unwrap();
    assert_eq!(seen.header("content-encoding"), Some("gzip"));
    let mut plain = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&seen.body[..]), &mut plain).unwrap();
    assert!(plain.contains("\"username\":\"alice\""));
    assert_eq!(lab.get("/user").await.header("content-encoding"), None);
}

#[tokio::test]
async fn the_world_can_be_changed_over_http_and_that_is_not_in_the_log() {
    let lab = Lab::new().await;
    let json_type = [("content-type", "application/json")];
    let made = lab.send("POST", "/-/sim/users", &json_type, r#"{"username":"carol"}"#).await.unwrap();
    assert_eq!(made.status, 201);
    let body = json!({"user_id": made.json()["id"], "scopes": ["api"], "name": "x"}).to_string();
    let token =
        lab.send("POST", "/-/sim/tokens", &json_type, body).await.unwrap().json()["token"].as_str().unwrap().to_owned();
    assert_eq!(lab.as_token(&token, "GET", "/user", json!(null)).await.json()["username"], "carol");
    let fault = json!({"path": "/api/v4/user", "when": {"nth": 1}, "effect": {"kind": "answer", "status": 502}});
    assert_eq!(lab.send("POST", "/-/sim/faults", &json_type, fault.to_string()).await.unwrap().status, 204);
    assert_eq!(lab.get("/user").await.status, 502);
    assert_eq!(lab.get("/user").await.status, 200);
    let put = lab.send("PUT", "/-/sim/settings", &json_type, r#"{"version":"16.1.0"}"#).await.unwrap();
    assert_eq!(put.json()["version"], "16.1.0");
    let log = lab.send("GET", "/-/sim/log", &[], "").await.unwrap().json();
    let log = log.as_array().unwrap();
    assert_eq!(log.len(), 3);
    assert_eq!((log[1]["status"].as_u64(), log[1]["path"].as_str()), (Some(502), Some("/api/v4/user")));
    assert!(log[0]["headers"].as_array().unwrap().iter().any(|header| header[0] == "private-token"));
    let wrong = lab.send("POST", "/-/sim/users", &json_type, r#"{"user":"x"}"#).await.unwrap();
    assert_eq!(wrong.status, 422);
}
