//! `plan`, `push`, `pull` and `sync`: a loop of bounded calls, until there is no more to do.

use crate::cli::{self, Moving, Plan, Pull, Push, Sync};
use crate::failure::{Exit, Failure};
use crate::pages;
use crate::session::Session;
use crate::text::{Style, Text};
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{Deletions, Direction, FirstSync, Options, Step};

/// Calls before something is wrong: each does at least a part of the work.
const MOST_CALLS: usize = 10_000;

/// Which call moves the files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Push,
    Pull,
}

pub(crate) async fn plan(arguments: &Plan, session: &Session) -> Result<Exit, Failure> {
    let direction = match arguments.direction {
        cli::Direction::Push => Direction::Push,
        cli::Direction::Pull => Direction::Pull,
        cli::Direction::Both => Direction::Both,
    };
    show_plan(direction, session).await
}

pub(crate) async fn push(arguments: &Push, session: &Session) -> Result<Exit, Failure> {
    if arguments.moving.dry_run {
        return show_plan(Direction::Push, session).await;
    }
    let options = options(&arguments.moving, arguments.message.clone());
    let steps = all_steps(&session.connection().await?, Way::Push, options).await?;
    show_steps(&steps, "Pushed", session).await
}

pub(crate) async fn pull(arguments: &Pull, session: &Session) -> Result<Exit, Failure> {
    if arguments.moving.dry_run {
        return show_plan(Direction::Pull, session).await;
    }
    let steps = all_steps(&session.connection().await?, Way::Pull, options(&arguments.moving, None)).await?;
    show_steps(&steps, "Pulled", session).await
}

/// Pull first: what merges here is pushed together with what was changed here.
pub(crate) async fn sync(arguments: &Sync, session: &Session) -> Result<Exit, Failure> {
    let connection = session.connection().await?;
    let (ways, direction, done) = ways(&connection).await?;
    if arguments.moving.dry_run {
        return show_plan(direction, session).await;
    }
    let mut steps = vec![];
    for way in ways {
        let message = arguments.message.clone().filter(|_| *way == Way::Push);
        steps.extend(all_steps(&connection, *way, options(&arguments.moving, message)).await?);
    }
    let exit = show_steps(&steps, done, session).await?;
    if ways.len() == 1 {
        session.output.talk("that was the first sync; the next one goes both ways: gitlab-sync sync");
    }
    Ok(exit)
}

/// The first sync goes the way that was configured, and all others both.
async fn ways(connection: &Connection) -> Result<(&'static [Way], Direction, &'static str), Failure> {
    let first = connection.status().await?.configured.map(|configured| configured.first);
    Ok(match first {
        Some(FirstSync::Push) => (&[Way::Push], Direction::Push, "Pushed"),
        Some(FirstSync::Pull) => (&[Way::Pull], Direction::Pull, "Pulled"),
        Some(FirstSync::Merge) | None => (&[Way::Pull, Way::Push], Direction::Both, pages::changes::IN_STEP),
    })
}

/// Calls until nothing is left to do.
pub(crate) async fn all_steps(connection: &Connection, way: Way, mut options: Options) -> Result<Vec<Step>, Failure> {
    let mut steps = vec![];
    for _ in 0..MOST_CALLS {
        let step = match way {
            Way::Push => connection.push(options.clone()).await?,
            Way::Pull => connection.pull(options.clone()).await?,
        };
        let more = step.more;
        steps.push(step);
        if !more {
            return Ok(steps);
        }
        // The plan spoke of the state before the first step.
        options.plan = None;
    }
    Err(Failure::new("the connector always says that there is more to do")
        .hint("report this with `gitlab-sync diagnose`"))
}

fn options(moving: &Moving, message: Option<String>) -> Options {
    let deletions = if moving.approve_deletions { Deletions::Approved } else { Deletions::Brake };
    Options { plan: moving.plan.clone(), deletions, message }
}

async fn show_plan(direction: Direction, session: &Session) -> Result<Exit, Failure> {
    let plan = session.connection().await?.plan(direction).await?;
    session.output.result(&plan, || pages::changes::plan(&plan));
    Ok(Exit::Done)
}

async fn show_steps(steps: &[Step], done: &str, session: &Session) -> Result<Exit, Failure> {
    session.output.result(&steps, || pages::changes::steps(steps, done));
    for kept in session.kept().await?.iter().take(pages::health::MOST_KEPT) {
        let warning = Text::new().with(Style::Warn, "warning: ").plain(pages::health::set_aside(kept));
        session.output.talk(warning);
    }
    Ok(Exit::Done)
}
