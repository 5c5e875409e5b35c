//! Each command: from what was typed to how it ends.

mod choose;
mod component;
mod configure;
mod conflicts;
pub(crate) mod connect;
mod disconnect;
mod hooks;
mod inspect;
mod keys;
mod moving;
mod patience;
mod pickers;
mod status;
mod user;
mod webhook;

use crate::cli::{Cli, Command};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::session::Session;
use std::sync::Arc;

pub(crate) async fn run(cli: Cli, output: &Arc<Output>) -> Result<Exit, Failure> {
    let session = || Session::open(&cli.global, output);
    match cli.command {
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => crate::demo::run(&arguments, output).await,
        Command::Inspect(arguments) => inspect::run(&arguments, output).await,
        Command::Component(arguments) => component::run(&arguments, output),
        Command::Keys(arguments) => keys::run(&arguments, &cli.global, output).await,
        Command::Connect(arguments) => connect::run(&arguments, &session().await?).await,
        Command::Projects(arguments) => pickers::projects(&arguments, &session().await?).await,
        Command::Branches(arguments) => pickers::branches(&arguments, &session().await?).await,
        Command::Configure(arguments) => configure::run(&arguments, &session().await?).await,
        Command::Plan(arguments) => moving::plan(&arguments, &session().await?).await,
        Command::Push(arguments) => moving::push(&arguments, &session().await?).await,
        Command::Pull(arguments) => moving::pull(&arguments, &session().await?).await,
        Command::Sync(arguments) => moving::sync(&arguments, &session().await?).await,
        Command::Conflicts(arguments) => conflicts::list(&arguments, &session().await?).await,
        Command::Resolve(arguments) => conflicts::resolve(&arguments, &session().await?).await,
        Command::Status(_) => status::status(&session().await?).await,
        Command::Diagnose(_) => status::diagnose(&session().await?).await,
        Command::Webhook(arguments) => webhook::run(&arguments, &cli.global, output).await,
        Command::User(arguments) => user::run(&arguments, &cli.global, output).await,
        Command::Serve(arguments) => crate::serve::run(&arguments, &cli.global, output).await,
        Command::Disconnect(_) => disconnect::run(&session().await?).await,
    }
}
