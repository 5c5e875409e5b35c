//! Whom commits name: the token's user, or the author that was configured and granted, and never anybody else.

use super::lab::Lab;
use super::product::{Product, Setup, settings};
use gitlab_sync_host::sync::{Author, Settings};

fn ana() -> Author {
    Author { name: "Ana O'Hara".into(), email: "ana@example.com".into() }
}

/// Author and committer of the branch's newest commit.
fn people(lab: &Lab, project: u64) -> [String; 2] {
    let read = |repository: &git2::Repository| -> Result<_, git2::Error> {
        let tip = repository.revparse_single("refs/heads/main")?.peel_to_commit()?;
        Ok([tip.author(), tip.committer()].map(|who| format!("{} <{}>", who.name().unwrap(), who.email().unwrap())))
    };
    lab.admin().app().repositories.with(project, read).unwrap()
}

#[tokio::test]
async fn commits_name_the_configured_author_and_the_tokens_user_as_who_committed() {
    let lab = Lab::new().await;
    let project = lab.project_with("acme/handbook", &[("a.md", "a\n")]);
    let product = Product::new(&lab, Setup::default()).await;
    let product =
        product.granting(|grant| (grant.author_name, grant.author_email) = (Some(ana().name), Some(ana().email))).await;
    let configured = product.configure_as(Settings { author: Some(ana()), ..settings(project) }).await.unwrap();
    assert_eq!(configured.author, Some(ana()));
    product.pull().await.unwrap();
    product.write("a.md", "b\n");
    product.push().await.unwrap();
    let [author, committer] = people(&lab, project);
    assert_eq!(author, "Ana O'Hara <ana@example.com>");
    assert!(committer.starts_with("Alice Adams <"), "{committer}");

    product.configure(project).await;
    product.write("a.md", "c\n");
    product.push().await.unwrap();
    assert!(people(&lab, project)[0].starts_with("Alice Adams <"), "by default it is the token's user");
}

#[tokio::test]
async fn an_author_that_is_not_granted_is_refused_and_the_edit_waits() {
    let lab = Lab::new().await;
    let project = lab.project_with("acme/handbook", &[("a.md", "a\n")]);
    let mut product = lab.product().await;
    product.configure_as(Settings { author: Some(ana()), ..settings(project) }).await.unwrap();
    product.pull().await.unwrap();
    product.write("a.md", "b\n");
    for granted in [None, Some("Bob")] {
        product = product
            .granting(|grant| {
                grant.author_name = granted.map(str::to_owned);
                grant.author_email = granted.map(|_| ana().email);
            })
            .await;
        let (refused, asked) = lab.requests(product.push()).await;
        let refusal = refused.unwrap_err();
        assert_eq!(refusal.code, "denied");
        assert!(refusal.denials.iter().any(|hint| hint.contains("`author-name = ")), "{refusal:?}");
        assert!(asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");
    }
    product.configure(project).await;
    product.push().await.unwrap();
    assert_eq!(lab.text(project, "a.md").as_deref(), Some("b\n"));
}

#[tokio::test]
async fn a_name_that_git_would_change_is_refused_before_gitlab_is_asked() {
    let lab = Lab::new().await;
    let project = lab.project("acme/handbook");
    let product = lab.product().await;
    let odd = Author { name: "Ana <root>".into(), ..ana() };
    let (refused, asked) =
        lab.requests(product.configure_as(Settings { author: Some(odd), ..settings(project) })).await;
    assert_eq!((refused.unwrap_err().code.as_str(), asked.len()), ("invalid-settings", 0));
}
