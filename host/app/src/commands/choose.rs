//! What `configure` asks on a terminal: the project, the branch, and what the first sync brings where.

use crate::ask::Terminal;
use crate::cli::First;
use crate::failure::Failure;
use crate::operations::pickers::all_branches;
use crate::pages::short;
use crate::text::{Style, Text};
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{Branch, Project, Target};

/// The ability without which no project is offered to be made.
const CREATE: &str = "create-project";
/// Lines of one screen.
const SCREEN: usize = 20;

/// An existing project out of the list, page by page, or a new one where the token can make one.
pub(super) async fn project(terminal: Terminal<'_>, connection: &Connection) -> Result<Target, Failure> {
    let abilities = connection.connect().await?.abilities;
    let creates = abilities.iter().all(|ability| ability.job != CREATE || ability.allowed);
    if let Some(cannot) = abilities.iter().find(|ability| ability.job == CREATE && !ability.allowed) {
        terminal.say(Text::new().dim(format!("This token can't create projects: {}.", cannot.reason)));
    }
    let answers = if creates { "number, part of a name, or `new NAME`" } else { "number or part of a name" };
    let mut list = Projects::default();
    let mut search = String::new();
    list.more(connection, &search).await?;
    loop {
        list.show(terminal, &search, creates);
        let question = if list.is_all_shown() { "Project" } else { "Project, or Enter for more" };
        let question = format!("{question} ({answers}):");
        let typed = terminal.ask(question.as_str()).await?;
        if typed.is_empty() {
            list.more(connection, &search).await?;
        } else if let Some(name) = typed.strip_prefix("new ").map(str::trim).filter(|name| creates && !name.is_empty())
        {
            return Ok(Target::Create(name.to_owned()));
        } else if let Some(project) = list.named(&typed) {
            return Ok(Target::Existing(project.id));
        } else {
            search = typed;
            list = Projects::default();
            list.more(connection, &search).await?;
        }
    }
}

/// What was listed so far.
#[derive(Default)]
struct Projects {
    projects: Vec<Project>,
    shown: usize,
    cursor: Option<String>,
    is_complete: bool,
}

impl Projects {
    /// Another screen of them, with a request if they are not here yet.
    async fn more(&mut self, connection: &Connection, search: &str) -> Result<(), Failure> {
        while self.projects.len() < self.shown + SCREEN && !self.is_complete {
            let page = connection.projects(search, self.cursor.take()).await?;
            self.projects.extend(page.projects);
            self.is_complete = page.next.is_none();
            self.cursor = page.next;
        }
        Ok(())
    }

    fn is_all_shown(&self) -> bool {
        self.is_complete && self.shown >= self.projects.len()
    }

    fn show(&mut self, terminal: Terminal<'_>, search: &str, creates: bool) {
        let width = self.projects.len().to_string().len();
        for (at, project) in self.projects.iter().enumerate().skip(self.shown).take(SCREEN) {
            let line = Text::from("  ").column(Style::Accent, format!("{:>width$}", at + 1), width);
            let line = line.bold(&project.path);
            terminal.say(match &project.obstacle {
                Some(obstacle) => line.with(Style::Warn, format!("  {obstacle}")),
                None => line,
            });
        }
        self.shown = self.projects.len().min(self.shown + SCREEN);
        match (self.projects.is_empty(), search) {
            (false, _) => {}
            (true, "") if creates => terminal.say("This token can push to no project; `new NAME` makes one."),
            (true, "") => terminal.say("This token can push to no project: make its user a Developer of one."),
            (true, search) => {
                terminal.say(format!("No project that this token can push to has `{search}` in its name."));
            }
        }
    }

    /// By its number in the list, or by its path.
    fn named(&self, typed: &str) -> Option<&Project> {
        let by_number = typed.parse::<usize>().ok().and_then(|number| self.projects.get(number.checked_sub(1)?));
        by_number.or_else(|| self.projects.iter().find(|project| project.path.eq_ignore_ascii_case(typed)))
    }
}

/// The branch; Enter takes GitLab's default.
pub(super) async fn branch(
    terminal: Terminal<'_>,
    connection: &Connection,
    project: u64,
) -> Result<Option<String>, Failure> {
    let branches = all_branches(connection, project, "").await?;
    let Some(usual) = branches.iter().find(|branch| branch.default) else { return Ok(None) };
    if branches.len() == 1 {
        return Ok(Some(usual.name.clone()));
    }
    loop {
        let typed = terminal.ask_or("Branch (`?` lists them)", &usual.name).await?;
        if branches.iter().any(|branch| branch.name == typed) {
            return Ok(Some(typed));
        }
        show(terminal, &branches, if typed == "?" { "" } else { &typed });
    }
}

fn show(terminal: Terminal<'_>, branches: &[Branch], part: &str) {
    let found: Vec<&Branch> = branches.iter().filter(|branch| branch.name.contains(part)).collect();
    for branch in found.iter().take(SCREEN) {
        terminal.say(Text::from("  ").bold(&branch.name).dim(format!("  {}", short(&branch.head))));
    }
    match found.len() {
        0 => terminal.say(format!("There is no branch with `{part}` in its name.")),
        count if count > SCREEN => terminal.say(Text::new().dim(format!("  and {} more", count - SCREEN))),
        _ => {}
    }
}

/// What the first sync brings where.
pub(super) async fn first(terminal: Terminal<'_>) -> Result<First, Failure> {
    loop {
        return Ok(match terminal.ask_or("First sync: push, pull or merge", "merge").await?.as_str() {
            "push" => First::Push,
            "pull" => First::Pull,
            "merge" => First::Merge,
            other => {
                terminal.say(format!("`{other}` is none of push, pull and merge."));
                continue;
            }
        });
    }
}
