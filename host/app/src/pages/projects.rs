//! Projects and branches to choose from, and what was chosen.

use super::account::warnings;
use super::short;
use crate::text::{Page, Style, Text};
use gitlab_sync_host::sync::{Branch, Configured, Project};

pub(crate) fn projects(projects: &[Project]) -> Page {
    let mut page = Page::new();
    let width = projects.iter().map(|project| project.path.chars().count()).max().unwrap_or(0);
    for project in projects {
        let line = Text::new()
            .column(Style::Dim, format!("{:>8}", project.id), 8)
            .column(Style::Bold, &project.path, width)
            .plain(project.default_branch.as_deref().unwrap_or("no branch yet"));
        page.line(match &project.obstacle {
            Some(obstacle) => line.with(Style::Warn, format!("  {obstacle}")),
            None => line,
        });
    }
    if projects.is_empty() {
        page.line("No project that this token can push to.");
    }
    page
}

pub(crate) fn branches(branches: &[Branch]) -> Page {
    let mut page = Page::new();
    let width = branches.iter().map(|branch| branch.name.chars().count()).max().unwrap_or(0);
    for branch in branches {
        let line = Text::new().column(Style::Bold, &branch.name, width).dim(short(&branch.head));
        let line = if branch.default { line.plain("  default") } else { line };
        page.line(if branch.can_push { line } else { line.with(Style::Warn, "  this token cannot push to it") });
    }
    if branches.is_empty() {
        page.line("No branch of that name.");
    }
    page
}

pub(crate) fn configured(configured: &Configured) -> Page {
    let mut page = Page::new();
    let project = &configured.project;
    let line =
        Text::new().with(Style::Good, "Configured").plain(format!(": {} (project {})", project.path, project.id));
    page.line(line);
    let mut fact = |name: &str, value: &str| page.line(Text::from("  ").column(Style::Dim, name, 6).plain(value));
    fact("branch", &configured.branch);
    fact("head", configured.head.as_deref().map_or("no commit yet", short));
    if let Some(role) = &configured.role {
        fact("role", role);
    }
    fact("page", &project.web_url);
    warnings(&configured.warnings, &mut page);
    page
}
