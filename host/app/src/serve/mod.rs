//! `serve`: a server that receives webhooks for many tenants, syncs what changed, and shows it on a page.
//!
//! Brings the parts up and ends them in order: first nothing new is taken, then what runs may end, for as long as the settings say; a job
//! that does not end in time is given back to the queue, which is on disk. Sync itself is the connector's; nothing here knows GitLab.

mod access;
mod api;
pub(crate) mod config;
#[cfg(test)]
mod crossings;
mod deeds;
#[cfg(feature = "demo")]
mod demo;
#[cfg(test)]
mod disorder;
pub(crate) mod health;
pub(crate) mod hooks;
mod intake;
pub(crate) mod job;
mod journal;
mod listener;
pub(crate) mod live;
pub(crate) mod log;
pub(crate) mod metrics;
mod opened;
pub(crate) mod page;
pub(crate) mod people;
mod place;
mod poller;
pub(crate) mod problem;
pub(crate) mod queue;
mod remembered;
mod routes;
pub(crate) mod server;
pub(crate) mod sessions;
#[cfg(test)]
mod stand;
pub(crate) mod states;
pub(crate) mod trail;
mod verifiers;
mod watcher;
pub(crate) mod web;
mod worker;

use crate::cli::{Global, Serve};
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::output::Output;
use config::Config;
use journal::Journal;
use log::Log;
use server::Server;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinError;

pub(crate) async fn run(arguments: &Serve, global: &Global, output: &Arc<Output>) -> Result<Exit, Failure> {
    if arguments.print_config {
        output.text(config::REFERENCE);
        return Ok(Exit::Done);
    }
    #[cfg(feature = "demo")]
    if arguments.demo {
        return demo::run(arguments, output).await;
    }
    let home = Home::open(global.home.as_deref())?;
    let config = Config::read(arguments, &home)?;
    stay_up(config, home, output, async |_| Ok(())).await
}

/// Serves until it is told to end. What is to be done first is done when everything runs.
async fn stay_up(
    config: Config,
    home: Home,
    output: &Output,
    first: impl AsyncFnOnce(&Arc<Server>) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    allow_files();
    let told_to_end = told_to_end()?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        Failure::new(format!("cannot listen at {}: {error}", config.listen)).hint("give another one with `--listen`")
    })?;
    let address = listener.local_addr().map_err(|error| Failure::of(&error))?;
    let config = Config { listen: address, ..config };
    let server = Arc::new(Server::open(config, home, Log::to_stderr(output.stderr())).await?);
    let (stop, end) = watch::channel(false);
    let (journal, written) = Journal::open(server.clone());
    let working = tokio::spawn(worker::work(server.clone(), end.clone()));
    let watching = tokio::spawn(watcher::run(server.clone(), end.clone()));
    let polling = tokio::spawn(poller::run(server.clone(), end.clone()));
    let router = routes::router(server.clone(), journal, end.clone());
    let listening = tokio::spawn(listener::serve(listener, router, end, server.config.grace, server.log.clone()));
    server.log.info("listening", &[("address", &server.config.base())]);
    let told = async {
        first(&server).await?;
        greet(&server).await?;
        std::future::pending().await
    };
    let done = tokio::select! {
        done = told => done,
        told = told_to_end => told,
    };
    server.log.info("ending: nothing new is taken, what runs may end", &[]);
    server.health.end();
    stop.send_replace(true);
    let over = |error: JoinError| Failure::of(&error);
    listening.await.map_err(over)?;
    watching.await.map_err(over)?;
    polling.await.map_err(over)?;
    working.await.map_err(over)??;
    written.await.map_err(over)?;
    done.map(|()| Exit::Done)
}

/// A server that nobody can sign in to says so, and what to do.
async fn greet(server: &Server) -> Result<(), Failure> {
    if server.people.list(None).await?.is_empty() {
        let remedy = "gitlab-sync user add NAME --organisation ORGANISATION --role admin";
        server.log.warn("nobody can sign in yet", &[("remedy", remedy)]);
    }
    Ok(())
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

/// SIGINT or SIGTERM. Heard from this call on, so that whoever reads that the server listens can end it in order.
#[cfg(unix)]
fn told_to_end() -> Result<impl Future<Output = Result<(), Failure>>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|error| Failure::of(&error));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}

#[cfg(not(unix))]
fn told_to_end() -> Result<impl Future<Output = Result<(), Failure>>, Failure> {
    Ok(async { tokio::signal::ctrl_c().await.map_err(|error| Failure::of(&error)) })
}
