//! `plan`, `push`, `pull` and `sync`: what was done, or would be.

use super::patience::Patience;
use crate::cli::{self, Moving, Plan, Pull, Push, Sync, Waiting};
use crate::failure::{Exit, Failure};
use crate::operations::configure::may_write;
use crate::operations::moving::{MoveError, Way, ways};
use crate::pages;
use crate::session::Session;
use crate::text::{Style, Text};
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{Deletions, Direction, Options, Step};

pub(crate) async fn plan(arguments: &Plan, session: &Session) -> Result<Exit, Failure> {
    let direction = match arguments.direction {
        cli::Direction::Push => Direction::Push,
        cli::Direction::Pull => Direction::Pull,
        cli::Direction::Both if only_reads(session).await? => Direction::Pull,
        cli::Direction::Both => Direction::Both,
    };
    show_plan(direction, &arguments.waiting, session).await
}

pub(crate) async fn push(arguments: &Push, session: &Session) -> Result<Exit, Failure> {
    if arguments.moving.dry_run {
        return show_plan(Direction::Push, &arguments.moving.waiting, session).await;
    }
    let connection = session.connection().await?;
    go(&connection, &[Way::Push], Direction::Push, &arguments.moving, arguments.message.clone(), session).await
}

pub(crate) async fn pull(arguments: &Pull, session: &Session) -> Result<Exit, Failure> {
    if arguments.moving.dry_run {
        return show_plan(Direction::Pull, &arguments.moving.waiting, session).await;
    }
    let connection = session.connection().await?;
    go(&connection, &[Way::Pull], Direction::Pull, &arguments.moving, None, session).await
}

pub(crate) async fn sync(arguments: &Sync, session: &Session) -> Result<Exit, Failure> {
    let connection = session.connection().await?;
    let only_reads = only_reads(session).await?;
    let (ways, direction) = match only_reads {
        true => (&[Way::Pull][..], Direction::Pull),
        false => ways(&connection).await?,
    };
    if arguments.moving.dry_run {
        return show_plan(direction, &arguments.moving.waiting, session).await;
    }
    let exit = go(&connection, ways, direction, &arguments.moving, arguments.message.clone(), session).await?;
    if ways.len() == 1 && !only_reads {
        session.output.advise("that was the first sync; the next one goes both ways: gitlab-sync sync");
    }
    Ok(exit)
}

/// Whether the connection was granted nothing but to bring files here, which is told. Both ways are then one; who asks for a push is refused.
async fn only_reads(session: &Session) -> Result<bool, Failure> {
    let entry = session.entry().await?;
    if may_write(&entry) {
        return Ok(false);
    }
    let profile = entry.grant.profile.unwrap_or_default();
    session.output.talk(Text::new().dim(format!("nothing is pushed: the profile is {profile}")));
    Ok(true)
}

/// What was done is told also where the rest failed.
async fn go(
    connection: &Connection,
    ways: &[Way],
    direction: Direction,
    moving: &Moving,
    message: Option<String>,
    session: &Session,
) -> Result<Exit, Failure> {
    let mut steps = vec![];
    let mut patience = Patience::of(&moving.waiting, connection, session);
    for way in ways {
        session.progress.begin();
        let options = options(moving, message.clone().filter(|_| *way == Way::Push));
        while let Err(error) = session.mover(connection).all_steps(*way, options.clone(), &mut steps).await {
            if let Err(error) = patience.wait_out(error, steps.len()).await {
                return Err(Failure::from(error).after(steps));
            }
        }
    }
    show_steps(&steps, done(direction), session).await
}

fn done(direction: Direction) -> &'static str {
    match direction {
        Direction::Push => "Pushed",
        Direction::Pull => "Pulled",
        Direction::Both => pages::changes::IN_STEP,
    }
}

fn options(moving: &Moving, message: Option<String>) -> Options {
    let deletions = if moving.approve_deletions { Deletions::Approved } else { Deletions::Brake };
    Options { plan: moving.plan.clone(), deletions, message }
}

async fn show_plan(direction: Direction, waiting: &Waiting, session: &Session) -> Result<Exit, Failure> {
    let connection = session.connection().await?;
    let mut patience = Patience::of(waiting, &connection, session);
    let plan = loop {
        match connection.plan(direction).await {
            Ok(plan) => break plan,
            Err(error) => patience.wait_out(error.into(), 0).await?,
        }
    };
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

impl From<MoveError> for Failure {
    fn from(error: MoveError) -> Self {
        match error {
            MoveError::Trouble(trouble) => trouble.into(),
            MoveError::Endless => Self::of(&error).hint("report this with `gitlab-sync diagnose`"),
        }
    }
}
