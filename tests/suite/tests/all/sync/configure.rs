//! Choosing a project and a branch, and making a project.

use super::lab::{Lab, MAIN};
use super::product::{Product, Setup, settings};
use gitlab_sim::{
    AccessLevel, Canned, CommitSpec, Effect, Fault, ProjectSpec, Source, TokenSpec, UserSpec, Visibility,
};
use gitlab_sync_host::sync::{Settings, Target};
use std::collections::BTreeSet;

#[tokio::test]
async fn pickers_reach_every_project_and_branch_past_the_first_page() {
    let lab = Lab::new().await;
    let expected: BTreeSet<u64> = (0..120).map(|number| lab.project(&format!("acme/p{number:03}"))).collect();
    let big = *expected.first().unwrap();
    lab.commit(big, lab.edit("Begin\n").create("a.md", "a\n"));
    for number in 0..210 {
        let spec = CommitSpec::on(&format!("topic-{number:03}"), "Begin\n").by(lab.alice);
        lab.commit(big, spec.create("b.md", format!("{number}\n")));
    }
    let product = lab.product().await;
    let (mut found, mut cursor, mut pages) = (BTreeSet::new(), None, 0);
    loop {
        let page = product.told(product.connection.projects("", cursor).await).unwrap();
        pages += 1;
        found.extend(page.projects.iter().map(|project| project.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((found, pages <= 4), (expected, true), "{pages} pages");
    let (mut names, mut cursor) = (BTreeSet::new(), None);
    loop {
        let page = product.told(product.connection.branches(big, "", cursor).await).unwrap();
        assert!(page.branches.iter().all(|branch| branch.can_push && branch.default == (branch.name == MAIN)));
        names.extend(page.branches.into_iter().map(|branch| branch.name));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names.len(), 211);
    let some = product.told(product.connection.projects("p07", None).await).unwrap();
    assert_eq!(some.projects.len(), 10, "{some:?}");
    assert_eq!(product.told(product.connection.branches(big, "topic-20", None).await).unwrap().branches.len(), 10);
    let forged = Some("private_token=x".into());
    assert_eq!(product.told(product.connection.projects("", forged).await).unwrap_err().code, "invalid-settings");
}

#[tokio::test]
async fn an_existing_project_is_known_by_its_number_and_its_branch_is_what_gitlab_says() {
    let lab = Lab::new().await;
    let spec = ProjectSpec {
        creator_id: Some(lab.alice),
        default_branch: Some("trunk".into()),
        ..ProjectSpec::at("acme/handbook")
    };
    let project = lab.admin().create_project(&spec).unwrap().id;
    lab.admin().add_member(Source::Project(project), lab.alice, AccessLevel::Maintainer);
    let head = lab.commit(project, CommitSpec::on("trunk", "Begin\n").by(lab.alice).create("a.md", "a\n"));
    let product = lab.product().await;
    let (configured, asked) = lab.requests(product.configure(project)).await;
    assert_eq!((configured.branch.as_str(), configured.head.as_deref()), ("trunk", Some(head.as_str())));
    assert_eq!((configured.project.id, configured.project.path.as_str()), (project, "acme/handbook"));
    assert!(configured.warnings.is_empty(), "{configured:?}");
    assert_eq!(asked.len(), 3, "the project, the branch, and who else commits there: {asked:?}");
    assert_eq!(configured.role.as_deref(), Some("Maintainer"));
    let status = product.told(product.connection.status().await).unwrap();
    assert_eq!(status.configured.unwrap().branch, "trunk");
    assert!(product.webhook_secret().await.len() > 40);
}

#[tokio::test]
async fn a_new_project_is_private_and_empty_and_the_first_push_fills_it() {
    let lab = Lab::new().await;
    let product = lab.product().await;
    let create = |name: &str| Settings { target: Target::Create(name.into()), ..settings(0) };
    let configured = product.configure_as(create("Team Handbook")).await.unwrap();
    assert_eq!(configured.project.path, "alice/team-handbook");
    assert_eq!(configured.head, None);
    let visibility = lab.admin().app().world().projects.get(configured.project.id).unwrap().visibility;
    assert_eq!(visibility, Visibility::Private);
    product.write("a.md", "a\n");
    product.push().await.unwrap();
    assert_eq!(lab.text(configured.project.id, "a.md").as_deref(), Some("a\n"));
    for name in ["  ", "/", "acme/"] {
        let empty = product.configure_as(create(name)).await.unwrap_err();
        assert_eq!(empty.code, "invalid-settings", "`{name}`: {empty:?}");
    }
}

/// GitLab speaks the language of the token's user, and the words were looked for in English.
#[tokio::test]
async fn a_name_that_is_taken_is_told_in_any_language_with_who_has_it() {
    let lab = Lab::new().await;
    let group = lab.admin().create_group("acme/docs", Visibility::Private);
    lab.admin().add_member(Source::Group(group), lab.alice, AccessLevel::Maintainer);
    let product = lab.product().await;
    let create = |name: &str| Settings { target: Target::Create(name.into()), ..settings(0) };
    for name in ["Team Handbook", "acme/docs/Handbook"] {
        product.configure_as(create(name)).await.unwrap();
    }
    for words in [None, Some("ist bereits vergeben"), Some("はすでに使用されています")] {
        if let Some(words) = words {
            let body = serde_json::json!({ "message": { "name": [words], "path": [words] } });
            lab.admin().clear_faults();
            lab.admin().fault(Fault::on("POST", "/api/v4/projects", refused(400, &body)));
        }
        for (name, path) in [
            ("Team Handbook", "`alice/team-handbook`"),
            ("team handbook", "`alice/team-handbook`"),
            ("ACME/docs/Handbook", "`acme/docs/handbook`"),
        ] {
            let taken = product.configure_as(create(name)).await.unwrap_err();
            assert_eq!(taken.code, "name-taken", "{taken:?}");
            assert!(taken.message.contains(path), "{taken:?}");
        }
    }
    // What is refused for another reason has GitLab's own words.
    let other = product.configure_as(create("Handbook")).await.unwrap_err();
    assert_eq!(other.code, "unexpected-reply", "{other:?}");
    assert!(other.message.contains("はすでに使用されています"), "{other:?}");
}

fn refused(status: u16, body: &serde_json::Value) -> Effect {
    let content_type = Some("application/json".into());
    Effect::Answer(Canned { content_type, body: Some(body.to_string()), ..Canned::html(status) })
}

#[tokio::test]
async fn a_new_project_can_be_made_in_a_group_that_the_token_may_see() {
    let lab = Lab::new().await;
    let group = lab.admin().create_group("acme/docs", Visibility::Private);
    lab.admin().create_group("hidden", Visibility::Private);
    lab.admin().add_member(Source::Group(group), lab.alice, AccessLevel::Maintainer);
    let product = lab.product().await;
    let create = |name: &str| Settings { target: Target::Create(name.into()), ..settings(0) };
    let configured = product.configure_as(create("acme/docs/Handbook")).await.unwrap();
    assert_eq!(configured.project.path, "acme/docs/handbook");
    for group in ["hidden", "nowhere/at/all"] {
        let (refusal, asked) = lab.requests(product.configure_as(create(&format!("{group}/new")))).await;
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.code, "invalid-settings", "{refusal:?}");
        assert!(refusal.message.contains(&format!("there is no group `{group}`")), "{refusal:?}");
        assert!(!asked.contains(&"POST /api/v4/projects".to_owned()), "{asked:?}");
    }
}

#[tokio::test]
async fn what_is_paid_for_is_told_from_what_is_not_allowed() {
    let lab = Lab::new().await;
    let project = lab.project_with("acme/handbook", &[("a.md", "a\n")]);
    let body = r#"{"message":"403 Forbidden - This feature requires a Premium license"}"#;
    let canned = Canned { content_type: Some("application/json".into()), body: Some(body.into()), ..Canned::html(403) };
    lab.admin().fault(Fault::on("GET", "*/repository/branches/*", Effect::Answer(canned)));
    let refusal = lab.product().await.configure_as(settings(project)).await.unwrap_err();
    assert_eq!(refusal.code, "tier-required", "{refusal:?}");
}

#[tokio::test]
async fn a_bot_is_told_that_it_cannot_create_before_anything_is_sent_that_would() {
    let lab = Lab::new().await;
    let project = lab.project("acme/handbook");
    let token = lab.admin().create_token(TokenSpec::project(project, &["api"])).secret;
    let product = Product::new(&lab, Setup { token: Some(&token), ..Setup::default() }).await;
    let create = Settings { target: Target::Create("new".into()), ..settings(0) };
    let (refusal, asked) = lab.requests(product.configure_as(create)).await;
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.code, "token-kind-cannot-create");
    assert!(refusal.message.starts_with("This token can't create projects"), "{refusal:?}");
    assert_eq!(asked, ["POST /api/graphql"], "whose token it is, and nothing more");
    product.configure(project).await;
}

#[tokio::test]
async fn a_project_that_cannot_be_synced_is_refused_with_the_reason() {
    let lab = Lab::new().await;
    let of_bob = lab.admin().create_user(UserSpec::person("bob")).id;
    let hidden = lab
        .admin()
        .create_project(&ProjectSpec { creator_id: Some(of_bob), ..ProjectSpec::at("other/secret") })
        .unwrap()
        .id;
    let day = jiff::civil::date(2030, 1, 1);
    let archived = lab.project_with("acme/archived", &[("a.md", "a\n")]);
    lab.admin().change_project(archived, |project| project.archived = true).unwrap();
    let doomed = lab.project_with("acme/doomed", &[("a.md", "a\n")]);
    lab.admin().change_project(doomed, |project| project.marked_for_deletion_on = Some(day)).unwrap();
    let disabled = lab.project_with("acme/disabled", &[("a.md", "a\n")]);
    lab.admin().change_project(disabled, |project| project.repository_enabled = false).unwrap();
    let product = lab.product().await;
    for (project, code) in [
        (hidden, "project-not-found"),
        (999_999, "project-not-found"),
        (archived, "project-archived"),
        (doomed, "project-pending-deletion"),
        (disabled, "repository-disabled"),
    ] {
        let refusal = product.configure_as(settings(project)).await.unwrap_err();
        assert_eq!(refusal.code, code, "{refusal:?}");
    }
    let good = lab.project_with("acme/good", &[("a.md", "a\n")]);
    let missing = Settings { branch: Some("nowhere".into()), ..settings(good) };
    let refusal = product.configure_as(missing).await.unwrap_err();
    assert_eq!(refusal.code, "branch-missing");
    assert!(refusal.message.contains("`nowhere` in `acme/good`"), "{refusal:?}");
    let status = product.told(product.connection.status().await).unwrap();
    assert!(status.configured.is_none(), "nothing was remembered");
}

#[tokio::test]
async fn a_protected_branch_is_no_obstacle_to_configuring_and_only_a_warning() {
    let lab = Lab::new().await;
    let project = lab.project_with("acme/handbook", &[("a.md", "a\n")]);
    lab.admin().add_member(Source::Project(project), lab.alice, AccessLevel::Developer);
    let product = lab.product().await;
    let configured = product.configure(project).await;
    assert_eq!(configured.warnings.len(), 1, "{configured:?}");
    let hint = "Project → Settings → Repository → Protected branches";
    assert!(configured.warnings[0].contains(hint), "{configured:?}");
    product.write("b.md", "b\n");
    let refusal = product.push().await.unwrap_err();
    assert_eq!(refusal.code, "branch-protected", "{refusal:?}");
    assert!(refusal.remedy.contains(hint), "{refusal:?}");
}

/// They were once compared as they were typed, so that `.` and `docs` were two places.
#[tokio::test]
async fn directories_are_kept_as_they_are_meant() {
    let lab = Lab::new().await;
    let project = lab.project("acme/handbook");
    let product = lab.product().await;
    for (typed, kept) in [
        (&["wiki/", "docs", "docs/"][..], &["docs", "wiki"][..]),
        (&["docs/team"], &["docs/team"]),
        (&["."], &[]),
        (&["docs", "."], &[]),
    ] {
        let directories = typed.iter().map(ToString::to_string).collect();
        let configured = product.configure_as(Settings { directories, ..settings(project) }).await.unwrap();
        assert_eq!(configured.directories, kept, "{typed:?}");
    }
}

#[tokio::test]
async fn settings_that_cannot_be_meant_are_refused_before_gitlab_is_asked() {
    let lab = Lab::new().await;
    let project = lab.project("acme/handbook");
    let product = lab.product().await;
    // An absolute one was once taken for `srv/handbook` in the repository, where there was nothing.
    let absolute = vec!["docs", "/srv/handbook"];
    for (directories, patterns) in
        [(absolute, vec![]), (vec!["../up"], vec![]), (vec!["a//b"], vec![]), (vec![], vec!["a/[b"])]
    {
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let wrong = Settings { directories: owned(directories), patterns: owned(patterns), ..settings(project) };
        let (refusal, asked) = lab.requests(product.configure_as(wrong.clone())).await;
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal.code, "invalid-settings", "{wrong:?}");
        assert!(refusal.message.matches(": ").count() > 1 || refusal.message.contains("bracket"), "why: {refusal:?}");
        assert!(asked.is_empty(), "{asked:?}");
    }
    assert_eq!(product.pull().await.unwrap_err().code, "not-configured");
    assert_eq!(product.push().await.unwrap_err().code, "not-configured");
}
