//! Whatever is in a body, there is a verdict.

use crate::told::{judge, watched};
use gitlab_sync_connector::webhook::Work;
use proptest::prelude::*;

/// JSON of any shape that uses the words a delivery has, so that it gets behind the first field.
fn json() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "object_kind",
        "event_name",
        "push",
        "merge_request",
        "note",
        "project_id",
        "project",
        "id",
        "iid",
        "object_attributes",
        "changes",
        "refs",
        "ref",
        "refs/heads/main",
        "before",
        "after",
        "action",
        "open",
        "last_commit",
        "source_branch",
        "user",
        "expires_at",
        "x",
    ]);
    let text = prop_oneof![
        word.prop_map(|word| format!("\"{word}\"")),
        any::<String>().prop_map(|it| serde_json::to_string(&it).unwrap())
    ];
    let leaf = prop_oneof![
        text.clone(),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| serde_json::to_string(&number).unwrap()),
        prop::sample::select(vec!["null", "true", "false", "7", "1e308", "-0", "123456789012345678901234567890"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(6, 60, 8, move |inner| {
        let fields = prop::collection::vec((text.clone(), inner.clone()), 0..8);
        let object = fields.prop_map(|fields| {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}:{value}")).collect();
            format!("{{{}}}", fields.join(","))
        });
        prop_oneof![object, prop::collection::vec(inner, 0..8).prop_map(|list| format!("[{}]", list.join(",")))]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever is in a body, a proved sender gets one verdict, with something to do or a reason.
    #[test]
    fn every_body_has_a_verdict(body in json(), cut in any::<prop::sample::Index>(), header in ".{0,20}") {
        for body in [body.as_bytes(), &body.as_bytes()[..cut.index(body.len())]] {
            let event = judge(&header, body, watched());
            prop_assert!(!event.work.is_empty());
            let idle = event.work.iter().any(|work| matches!(work, Work::Nothing(_)));
            prop_assert!(!idle || event.work.len() == 1);
            prop_assert!(event.kind.chars().count() <= 64 && event.moves.len() <= 100);
        }
    }

    #[test]
    fn bytes_that_are_no_json_have_one_too(body in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(!judge("Push Hook", &body, watched()).work.is_empty());
    }
}
