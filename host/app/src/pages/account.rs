//! Whose token it is and what it is good for.

use crate::text::{Page, Style, Text};
use gitlab_sync_host::sync::{Connected, Membership, MembershipPlace, TokenKind};

pub(crate) fn connected(connected: &Connected, server: &str) -> Page {
    let mut page = Page::new();
    let version = connected.version.as_ref().map_or(String::new(), |version| format!(" (GitLab {version})"));
    page.line(Text::new().with(Style::Good, "Connected").plain(format!(" to {server}{version}")));
    let mut fact = |name: &str, value: &str| page.line(Text::from("  ").column(Style::Dim, name, 7).plain(value));
    fact("user", &user(connected));
    fact("token", &[kind_words(connected.token_kind), reach(connected.token_kind)].concat());
    fact("scopes", &if connected.scopes.is_empty() { "not told".into() } else { connected.scopes.join(", ") });
    fact("expires", connected.expires_on.as_deref().unwrap_or("never, or the server does not say"));
    fact("role", &roles(connected));
    abilities(connected, &mut page);
    warnings(&connected.warnings, &mut page);
    page
}

/// A token of narrow scope may not even know that.
fn user(connected: &Connected) -> String {
    match connected.username.as_str() {
        "" => format!("not told to the token `{}`", connected.name),
        username => format!("{} (@{username})", connected.name),
    }
}

/// Where GitLab has not told all of them, the one that counts may be among the others.
fn roles(connected: &Connected) -> String {
    let role = |held: &Membership| {
        let of = if held.place == MembershipPlace::Group { "the group " } else { "" };
        format!("{} in {of}{}", held.role, held.path)
    };
    let told = connected.roles.iter().map(role).collect::<Vec<_>>().join(", ");
    match (told.as_str(), connected.more_roles) {
        ("", _) => "each project has its own: `gitlab-sync configure` says it".into(),
        (_, true) => format!("{told}, and maybe others: `gitlab-sync configure` says which counts"),
        (_, false) => told,
    }
}

/// What it can do in one line, and a line for each job that it cannot.
fn abilities(connected: &Connected, page: &mut Page) {
    let job = |job: &str| job.replace('-', " ");
    let can: Vec<String> = connected.abilities.iter().filter(|it| it.allowed).map(|it| job(&it.job)).collect();
    if !can.is_empty() {
        page.line(Text::from("  ").column(Style::Good, "can", 7).plain(can.join(", ")));
    }
    for refused in connected.abilities.iter().filter(|ability| !ability.allowed) {
        let line = Text::from("  ").column(Style::Warn, "cannot", 7).plain(job(&refused.job));
        page.line(line.dim(format!(": {}", refused.reason)));
    }
}

pub(crate) fn warnings(warnings: &[String], page: &mut Page) {
    for warning in warnings {
        page.line(Text::new().with(Style::Warn, "warning: ").plain(warning));
    }
}

/// What its kind comes to.
fn reach(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Project => ", for its own project only",
        TokenKind::Group => ", for projects of its own group only",
        TokenKind::Personal => ", which ends when its person goes: one of a project or a group does not",
        _ => "",
    }
}

pub(crate) fn kind_words(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Personal => "personal access token",
        TokenKind::Project => "project access token",
        TokenKind::Group => "group access token",
        TokenKind::ServiceAccount => "token of a service account",
        TokenKind::Oauth => "OAuth token",
        TokenKind::FineGrained => "fine-grained token",
    }
}
