//! The batch API of LFS, byte by byte. A real git-lfs is in `clients`.

use gitlab_sim::{AccessLevel, Source, TokenSpec, UserSpec};
use serde_json::json;

use crate::support::{Lab, Seen};

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const KIND: &str = "application/vnd.git-lfs+json";

fn basic(token: &str) -> String {
    use base64::Engine;
    let pair = format!("oauth2:{token}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

async fn ask(lab: &Lab, authorization: &str, method: &str, path: &str, body: impl Into<bytes::Bytes>) -> Seen {
    let mut headers = vec![("content-type", KIND)];
    if !authorization.is_empty() {
        headers.push(("authorization", authorization));
    }
    lab.send(method, path, &headers, body).await.unwrap()
}

async fn batch(lab: &Lab, authorization: &str, project: &str, operation: &str) -> Seen {
    let body = json!({ "operation": operation, "objects": [{ "oid": HELLO, "size": 5 }] }).to_string();
    ask(lab, authorization, "POST", &format!("/{project}.git/info/lfs/objects/batch"), body).await
}

#[tokio::test]
async fn an_object_goes_up_by_the_address_it_is_given_and_comes_down_again() {
    let lab = Lab::new().await;
    let own = basic(&lab.token);
    let told = batch(&lab, &own, "demo/handbook", "upload").await;
    assert_eq!((told.status.as_u16(), told.header("content-type")), (200, Some(KIND)));
    let action = told.json()["objects"][0]["actions"]["upload"].clone();
    assert_eq!(action["header"]["Authorization"], own);
    let href = action["href"].as_str().unwrap();
    assert_eq!(href, format!("{}/demo/handbook.git/gitlab-lfs/objects/{HELLO}/5", lab.gitlab.url()));
    let path = href.strip_prefix(lab.gitlab.url()).unwrap();
    let wrong = ask(&lab, &own, "PUT", path, "other").await;
    assert_eq!((wrong.status.as_u16(), wrong.text().as_str()), (400, "SHA256 or size mismatch"));
    assert_eq!(ask(&lab, &own, "PUT", path, "hello").await.status, 200);
    let again = batch(&lab, &own, "demo/handbook", "upload").await.json();
    assert!(again["objects"][0].get("actions").is_none(), "{again}");
    let down = batch(&lab, &own, "demo/handbook", "download").await.json();
    let href = down["objects"][0]["actions"]["download"]["href"].as_str().unwrap().to_owned();
    let seen = ask(&lab, &own, "GET", href.strip_prefix(lab.gitlab.url()).unwrap(), "").await;
    assert_eq!((seen.text().as_str(), seen.header("content-type")), ("hello", Some("application/octet-stream")));
    let public = lab.public_project("my.github/open");
    let missing = batch(&lab, "", "my.github/open", "download").await.json();
    assert_eq!(missing["objects"][0]["error"]["code"], 404, "{public}: {missing}");
}

#[tokio::test]
async fn lfs_refuses_in_json_and_asks_for_a_credential_in_text() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let gus = admin.create_user(UserSpec::person("gus")).id;
    admin.add_member(Source::Project(lab.project), gus, AccessLevel::Reporter);
    let reporter = basic(&admin.create_token(TokenSpec::personal(gus, &["api"])).secret);
    let stranger = admin.create_user(UserSpec::person("sam")).id;
    let stranger = basic(&admin.create_token(TokenSpec::personal(stranger, &["api"])).secret);
    let help = format!("{}/help", lab.gitlab.url());
    let refusal = |text: &str| json!({ "message": text, "documentation_url": help });
    let forbidden = refusal("Access forbidden. Check your access level.");
    batch(&lab, &reporter, "demo/handbook", "upload").await.is(403, &forbidden);
    assert_eq!(batch(&lab, &reporter, "demo/handbook", "download").await.status, 200);
    batch(&lab, &stranger, "demo/handbook", "download").await.is(404, &refusal("Not found."));
    let nobody = batch(&lab, "", "demo/handbook", "download").await;
    assert_eq!((nobody.status.as_u16(), nobody.header("www-authenticate")), (401, Some("Basic realm=\"GitLab\"")));
    assert!(nobody.text().starts_with("HTTP Basic: Access denied."));
    let none = ask(&lab, &reporter, "POST", "/demo/handbook.git/info/lfs/objects/batch", "{}").await;
    none.is(404, &refusal("Not found."));
    admin.change_project(lab.project, |project| project.lfs_enabled = false).unwrap();
    batch(&lab, &reporter, "demo/handbook", "download").await.is(403, &forbidden);
}

#[tokio::test]
async fn nobody_holds_a_lock() {
    let lab = Lab::new().await;
    let own = basic(&lab.token);
    let locks = "/demo/handbook.git/info/lfs/locks";
    ask(&lab, &own, "GET", locks, "").await.is(200, &json!({ "locks": [] }));
    let verified = ask(&lab, &own, "POST", &format!("{locks}/verify"), "{}").await;
    verified.is(200, &json!({ "ours": [], "theirs": [] }));
    assert_eq!(ask(&lab, "", "GET", locks, "").await.status, 401);
}
