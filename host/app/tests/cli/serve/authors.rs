//! Whom commits name as their author, chosen on a server: naming somebody approves this author and no other.

use super::api::office::Office;
use serde_json::{Value, json};

#[test]
fn an_author_is_approved_by_naming_it_kept_and_given_up_by_the_api_too() {
    let office = Office::new("");
    let id = office.connect();
    let path = format!("/api/v1/connections/{id}/configuration");
    let docs = json!({ "name": "Docs bot", "email": "docs@example.com" });
    let chosen = |author: Option<&Value>| {
        let mut wanted = json!({ "project": office.scene.project });
        author.into_iter().for_each(|author| wanted["author"] = author.clone());
        wanted
    };
    let pushed_by = |text: &str| {
        std::fs::write(office.file("here.md"), text).unwrap();
        office.work(&id, json!({ "job": "push" }));
        office.scene.newest_author()
    };
    assert_eq!(office.done("PUT", &path, chosen(Some(&docs)))["author"], docs);
    assert_eq!(pushed_by("one\n"), "Docs bot <docs@example.com>");
    // What is refused takes the grant of the one before with it, once.
    let odd = json!({ "name": "Docs <bot>", "email": "docs@example.com" });
    let refused = office.client.refused(&office.admin, "PUT", &path, Some(chosen(Some(&odd))));
    assert_eq!(refused, (422, "invalid-settings".into()));
    assert_eq!(pushed_by("two\n"), "Docs bot <docs@example.com>");
    assert_eq!(office.done("PUT", &path, chosen(None))["author"], docs, "left out it is as before");
    assert_eq!(pushed_by("three\n"), "Docs bot <docs@example.com>");
    assert_eq!(office.done("PUT", &path, chosen(Some(&Value::Null)))["author"], Value::Null);
    assert_eq!(pushed_by("four\n"), "ana <ana@example.test>", "the token's user");
}
