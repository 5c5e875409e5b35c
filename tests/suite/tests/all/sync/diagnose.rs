//! Everything a sync needs, probed: each thing that can be missing is found, named and comes with what to do.

use super::lab::Lab;
use super::product::{Product, Setup};
use gitlab_sim::hooks::branch_filter::BranchFilter;
use gitlab_sim::hooks::hook::{Hook, Owner};
use gitlab_sim::hooks::trigger::Trigger;
use gitlab_sim::{AccessLevel, Canned, Effect, Fault, Simulator, Source, TokenSpec};
use gitlab_sync_host::sync::{Check, CheckOutcome, WebhookEvents, WebhookMode, WebhookPlace};

async fn diagnose(product: &Product) -> Vec<Check> {
    let checks = product.told(product.connection.diagnose().await).unwrap();
    for check in &checks {
        assert!(!check.finding.is_empty(), "{check:?}");
        assert_eq!(check.remedy.is_none(), check.outcome == CheckOutcome::Passed, "{check:?}");
        assert_eq!(check.code.is_some(), check.outcome == CheckOutcome::Failed, "{check:?}");
    }
    checks
}

/// Code and name of what failed.
fn failed(checks: &[Check]) -> Vec<(&str, &str)> {
    checks.iter().filter_map(|check| Some((check.name.as_str(), check.code.as_deref()?))).collect()
}

fn unchecked(checks: &[Check]) -> Vec<&str> {
    let open = checks.iter().filter(|check| check.outcome == CheckOutcome::Unchecked);
    open.map(|check| check.name.as_str()).collect()
}

/// Told of nothing that was done before, however late the simulator comes to it.
async fn hook(lab: &Lab, project: u64, change: impl FnOnce(&mut Hook)) {
    lab.gitlab.deliveries().await;
    let app = lab.admin().app().clone();
    let now = app.now();
    app.world_mut().hooks.add(|id| {
        let mut hook = Hook::new(id, Owner::Project(project), now);
        hook.url = "https://me:secret@product.example.com/hook?key=secret".into();
        change(&mut hook);
        hook
    });
}

fn deliveries(lab: &Lab, body: &str) {
    let (content_type, body) = (Some("application/json".into()), Some(body.into()));
    let canned = Canned { status: 200, content_type, body, headers: Vec::new() };
    lab.admin().fault(Fault::on("GET", "*/hooks/*/events", Effect::Answer(canned)));
}

#[tokio::test]
async fn a_good_connection_passes_and_says_what_only_a_person_can_see() {
    let lab = Lab::new().await;
    let project = lab.project_with("acme/handbook", &[("a.md", "a\n")]);
    let product = lab.syncing(project).await;
    hook(&lab, project, |_| {}).await;
    deliveries(&lab, r#"[{"id":1,"response_status":"204"}]"#);
    let checks = diagnose(&product).await;
    assert_eq!((failed(&checks), unchecked(&checks)), (vec![], vec!["webhook URL"]), "{checks:?}");
    let url = checks.iter().find(|check| check.name == "webhook URL").unwrap();
    assert!(url.finding.contains("`https://product.example.com/hook`"), "without its secrets: {url:?}");
    let names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
    for name in ["workspace", "server", "token", "project", "role", "branch", "ownership", "webhook secret"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
}

/// How the hook is, what its deliveries were answered, and what fails.
type Case = (fn(&mut Hook), &'static str, &'static [(&'static str, &'static str)]);

#[tokio::test]
async fn each_line_of_the_checklist_for_webhooks_is_found_by_itself() {
    let cases: [Case; 5] = [
        (|_| {}, r#"[{"response_status":"200"}]"#, &[]),
        (|hook| hook.triggers = [Trigger::TagPush].into(), "[]", &[("webhook Push events", "hook-missing")]),
        (
            |hook| hook.branches = BranchFilter::Wildcard(Some("release/*".into())),
            "[]",
            &[("webhook branch", "hook-missing")],
        ),
        (|_| {}, r#"[{"response_status":"401"}]"#, &[("webhook delivery", "hook-secret")]),
        (|_| {}, r#"[{"response_status":"internal error"}]"#, &[("webhook delivery", "hook-failing")]),
    ];
    for (change, body, expected) in cases {
        let lab = Lab::new().await;
        let project = lab.project_with("acme/handbook", &[("a.md", "a\n")]);
        let product = lab.syncing(project).await;
        hook(&lab, project, change).await;
        deliveries(&lab, body);
        let checks = diagnose(&product).await;
        assert_eq!(failed(&checks), expected, "{checks:?}");
    }
}

/// It was a good one until the first delivery was refused.
#[tokio::test]
async fn a_pasted_webhook_without_any_secret_is_told_where_gitlab_says_so() {
    for (version, token, expected) in [
        ("18.9.0-ee", None, &[][..]),
        ("19.0.0-ee", Some("whsec_pasted"), &[]),
        ("19.0.0-ee", None, &[("webhook Secret token", "hook-secret")]),
    ] {
        let lab = Lab::of(Simulator::builder().version(version.parse().unwrap())).await;
        let project = lab.project_with("acme/handbook", &[("a.md", "a\n")]);
        let product = lab.syncing(project).await;
        hook(&lab, project, |hook| hook.token = token.map(str::to_owned)).await;
        assert_eq!(failed(&diagnose(&product).await), expected, "{version} {token:?}");
    }
}

#[tokio::test]
async fn a_hook_that_gitlab_has_disabled_is_told_from_one_that_is_missing() {
    let lab = Lab::new().await;
    lab.admin().settings(|settings| settings.hooks.auto_disable = true);
    let project = lab.project_with("acme/handbook", &[("a.md", "a\n")]);
    let product = lab.syncing(project).await;
    let checks = diagnose(&product).await;
    assert_eq!((failed(&checks), unchecked(&checks)), (vec![], vec!["webhook"]), "there is none, and none was wanted");
    let now = lab.admin().app().now();
    hook(&lab, project, |hook| (0..5).for_each(|_| hook.breaker.fail(now))).await;
    let checks = diagnose(&product).await;
    assert_eq!(failed(&checks), [("webhook state", "hook-disabled")], "{checks:?}");
    hook(&lab, project, |_| {}).await;
    assert_eq!(failed(&diagnose(&product).await), [], "of two, the one that wakes us counts");
}

/// It once failed for everybody who had chosen to do without.
#[tokio::test]
async fn a_webhook_is_missed_only_where_one_is_wanted() {
    let lab = Lab::new().await;
    let project = lab.project_with("acme/handbook", &[("a.md", "a\n")]);
    let product = lab.syncing(project).await;
    let url = "https://product.example.com/hook".to_owned();
    for (mode, missed) in [
        (WebhookMode::Manual(None), false),
        (WebhookMode::Manual(Some(url)), true),
        (WebhookMode::None, false),
        (WebhookMode::Manual(None), false),
    ] {
        let place = WebhookPlace::Project(project);
        product.connection.set_webhook(place, WebhookEvents::Pushes, mode.clone()).await.unwrap();
        let expected: &[_] = if missed { &[("webhook", "hook-missing")] } else { &[] };
        assert_eq!(failed(&diagnose(&product).await), expected, "{mode:?}");
    }
}

#[tokio::test]
async fn who_may_not_see_webhooks_gets_the_checklist_to_look_at_by_hand() {
    let lab = Lab::new().await;
    let project = lab.project_with("acme/handbook", &[("a.md", "a\n")]);
    lab.admin().add_member(Source::Project(project), lab.alice, AccessLevel::Developer);
    lab.admin().protect_branch(project, "other", 40, 40);
    let product = lab.syncing(project).await;
    let checks = diagnose(&product).await;
    let by_hand = ["webhook URL", "webhook Secret token", "webhook Push events", "webhook branch"];
    assert_eq!(unchecked(&checks), by_hand, "{checks:?}");
}

#[tokio::test]
async fn what_is_wrong_with_token_role_project_and_branch_is_told_where_it_is() {
    let lab = Lab::new().await;
    let project = lab.project_with("acme/handbook", &[("a.md", "a\n")]);
    let product = lab.syncing(project).await;
    lab.admin().add_member(Source::Project(project), lab.alice, AccessLevel::Reporter);
    let checks = diagnose(&product).await;
    assert!(failed(&checks).contains(&("role", "role-too-low")), "{checks:?}");
    assert!(failed(&checks).contains(&("branch", "branch-protected")), "{checks:?}");
    lab.admin().add_member(Source::Project(project), lab.alice, AccessLevel::Maintainer);
    lab.admin().change_project(project, |project| project.archived = true).unwrap();
    let checks = diagnose(&product).await;
    assert!(failed(&checks).contains(&("project", "project-archived")));
    assert!(!failed(&checks).iter().any(|(name, _)| *name == "branch"), "no grant helps there: {checks:?}");
    lab.admin().change_project(project, |project| project.archived = false).unwrap();
    let narrow = lab.admin().create_token(TokenSpec::personal(lab.alice, &["read_api"])).secret;
    product.put_token(&narrow).await;
    assert!(failed(&diagnose(&product).await).contains(&("token", "token-scope")));
    let low = TokenSpec { access_level: Some(AccessLevel::Reporter), ..TokenSpec::project(project, &["api"]) };
    product.put_token(&lab.admin().create_token(low).secret).await;
    let checks = diagnose(&product).await;
    assert!(failed(&checks).starts_with(&[("token", "role-too-low"), ("role", "role-too-low")]), "{checks:?}");
    lab.admin().revoke_token(lab.token);
    product.put_token(lab.canary.secret()).await;
    assert_eq!(failed(&diagnose(&product).await), [("token", "token-rejected")]);
    let gone = Setup { grant: |grant| grant.origin = Some("http://127.0.0.1:1".into()), ..Setup::default() };
    let gone = Product::new(&lab, gone).await;
    assert_eq!(failed(&diagnose(&gone).await), [("server", "host-unreachable")]);
    let fresh = lab.project_with("acme/fresh", &[("a.md", "a\n")]);
    let other = lab.admin().create_token(TokenSpec::personal(lab.alice, &["api"])).secret;
    let unconfigured = Product::new(&lab, Setup { token: Some(&other), ..Setup::default() }).await;
    assert_eq!(failed(&diagnose(&unconfigured).await), [("settings", "not-configured")], "{fresh}");
}
