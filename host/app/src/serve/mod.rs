//! `serve`: a server that receives webhooks for many tenants, syncs what changed, and shows it on a page.
//!
//! Brings the parts up and ends them in order: first nothing new is taken, then what runs may end, for as long as the settings say; a job
//! that does not end in time is given back to the queue, which is on disk. Sync itself is the connector's; nothing here knows GitLab.

pub(crate) mod config;
pub(crate) mod hooks;
mod intake;
pub(crate) mod job;
mod journal;
mod listener;
pub(crate) mod live;
pub(crate) mod log;
mod opened;
pub(crate) mod page;
pub(crate) mod people;
mod place;
pub(crate) mod problem;
pub(crate) mod queue;
mod routes;
pub(crate) mod server;
pub(crate) mod states;
pub(crate) mod trail;
mod watcher;
pub(crate) mod web;
mod worker;

use crate::cli::{Global, Serve};
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::output::Output;
use config::Config;
use journal::Journal;
use server::Server;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinError;

pub(crate) async fn run(arguments: &Serve, global: &Global, output: &Arc<Output>) -> Result<Exit, Failure> {
    allow_files();
    let home = Home::open(global.home.as_deref())?;
    let config = Config::read(arguments, &home)?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        Failure::new(format!("cannot listen at {}: {error}", config.listen)).hint("give another one with `--listen`")
    })?;
    let address = listener.local_addr().map_err(|error| Failure::of(&error))?;
    let server = Arc::new(Server::open(Config { listen: address, ..config }, home).await?);
    let (stop, end) = watch::channel(false);
    let (journal, written) = Journal::open(server.clone());
    let working = tokio::spawn(worker::work(server.clone(), end.clone()));
    let router = routes::router(server.clone(), journal);
    let listening = tokio::spawn(listener::serve(listener, router, end, server.config.grace));
    output.talk(format!("listening on {}", server.config.base()));
    told_to_end().await?;
    output.talk("ending: nothing new is taken, what runs may end");
    stop.send_replace(true);
    let over = |error: JoinError| Failure::of(&error);
    listening.await.map_err(over)?;
    working.await.map_err(over)??;
    written.await.map_err(over)?;
    Ok(Exit::Done)
}

/// As many open files as the system lets us have: each connection holds a folder, and often a socket. The usual 1,024 are few.
fn allow_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// SIGINT or SIGTERM.
#[cfg(unix)]
async fn told_to_end() -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|error| Failure::of(&error));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn told_to_end() -> Result<(), Failure> {
    tokio::signal::ctrl_c().await.map_err(|error| Failure::of(&error))
}
