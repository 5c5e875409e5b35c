//! `serve --demo`: the whole server against a GitLab in this process, with two organisations in it.
//!
//! Decided here: what there is to see (`stage`), and that all of it is below one new folder, which goes at the end. Nothing here is a
//! simulation but GitLab and its people: connections are made, synced and brought into conflict by the server's own parts, and GitLab
//! sends its deliveries over the network.

mod stage;

use super::config::Config;
use super::server::Server;
use super::stay_up;
use crate::cli::Serve;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::output::Output;
use crate::text::{Page, Style, Text};
use gitlab_sim::{Running, Simulator};
use gitlab_sync_host::grant::Network;
use serde::Serialize;
use stage::Stage;
use std::path::Path;
use std::sync::Arc;

/// What somebody needs to look around.
#[derive(Serialize)]
struct Shown<'a> {
    address: String,
    gitlab: &'a str,
    /// To connect with; of a person who may push.
    gitlab_token: &'a str,
    users: &'a [User],
    folder: &'a Path,
}

/// Somebody who may sign in.
#[derive(Serialize)]
struct User {
    organisation: String,
    name: String,
    role: &'static str,
    token: String,
}

pub(super) async fn run(arguments: &Serve, output: &Output) -> Result<Exit, Failure> {
    let folder = tempfile::Builder::new().prefix("gitlab-sync-serve-").tempdir();
    let folder = folder.map_err(|error| Failure::new(format!("the demo's folder cannot be made: {error}")))?;
    let exit = play(arguments, folder.path(), output).await;
    folder.close().map_err(|error| Failure::new(format!("the demo's folder was not removed: {error}")))?;
    output.talk("the demo is over; nothing of it is left");
    exit
}

async fn play(arguments: &Serve, folder: &Path, output: &Output) -> Result<Exit, Failure> {
    let home = Home::open(Some(&folder.join("home")))?;
    let config = Config::read(arguments, &home)?;
    // GitLab is on this machine and speaks plain text, so both have to be granted.
    let network = Network { private_addresses: vec!["127.0.0.1/32".into()], plain_text: true, ..Network::default() };
    let gitlab = gitlab(&folder.join("gitlab")).await?;
    stay_up(Config { network, ..config }, home, output, async |server: &Arc<Server>| {
        let mut stage = Stage::new(server, &gitlab);
        let users = stage.set().await?;
        tell(server, &stage, &users, folder, output);
        Ok(())
    })
    .await
}

async fn gitlab(repositories: &Path) -> Result<Running, Failure> {
    std::fs::create_dir(repositories).map_err(|error| Failure::of(&error))?;
    let builder = Simulator::builder().base_path("/gitlab").repositories(repositories.to_path_buf());
    builder.start().await.map_err(|error| Failure::of(&error))
}

fn tell(server: &Server, stage: &Stage<'_>, users: &[User], folder: &Path, output: &Output) {
    let (gitlab, gitlab_token) = (stage.gitlab(), stage.token());
    let shown = Shown { address: server.config.base(), gitlab, gitlab_token, users, folder };
    output.result(&shown, || page(&shown));
}

fn page(shown: &Shown<'_>) -> Page {
    let mut page = Page::new();
    page.line(
        Text::new().with(Style::Good, "Open ").bold(&shown.address).plain(" and sign in with one of these tokens:"),
    );
    for User { organisation, name, role, token } in shown.users {
        let line = Text::from("  ").column(Style::Dim, organisation, 7).column(Style::Bold, name, 5);
        page.line(line.column(Style::Plain, role, 6).plain(token));
    }
    page.line("");
    page.line(
        Text::new()
            .plain("To connect another project: ")
            .bold(shown.gitlab)
            .plain(" with the token ")
            .plain(shown.gitlab_token),
    );
    page.line(
        Text::new().dim(format!("Files are below {}; all of it goes when this ends (Ctrl-C).", shown.folder.display())),
    );
    page
}
