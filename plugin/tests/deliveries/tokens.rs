//! Tokens that are about to end.

use crate::told::check;

#[test]
fn a_token_that_is_about_to_end_is_named_with_its_last_day() {
    const HOOK: &str = "Resource Access Token Hook";
    check(&[
        (
            HOOK,
            r#"{"object_kind":"access_token","project":{"id":7,"path_with_namespace":"acme/handbook"},"event_name":"expiring_access_token","object_attributes":{"user_id":90,"id":25,"name":"bot","expires_at":"2027-01-26","created_at":"2024-01-24 16:27:40 UTC"}}"#,
            "access_token p:7=acme/handbook u:90 -> access token Some(25) Some(\"bot\") ends Some(\"2027-01-26\")",
        ),
        (
            HOOK,
            r#"{"object_kind":"access_token","group":{"group_name":"Twitter","group_path":"twitter","group_id":35},"object_attributes":{"id":25,"expires_at":"2027-01-26T00:00:00.000Z"}}"#,
            "access_token g:35=twitter -> access token Some(25) None ends Some(\"2027-01-26\")",
        ),
        (
            "Resource Deploy Token Hook",
            r#"{"object_kind":"deploy_token","project":{"id":7},"event_name":"expiring_deploy_token","object_attributes":{"id":3,"name":"d","expires_at":null}}"#,
            "deploy_token p:7 -> deploy token Some(3) Some(\"d\") ends None",
        ),
        (
            HOOK,
            r#"{"event_name":"expiring_access_token","object_attributes":{"expires_at":"soon"}}"#,
            "expiring_access_token -> access token None None ends None",
        ),
    ]);
}
