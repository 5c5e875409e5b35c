//! `webhook`: the secret to paste into GitLab, and the judgement of one delivery.

mod headers;
mod hint;
mod path;
mod saved;
mod secret;
mod unconnected;
mod verify;

use super::hooks;
use crate::cli::{Global, Webhook, WebhookCommand};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::session::Session;
use crate::typed_secret::Wanted;
use std::sync::Arc;

/// A secret that somebody else has made.
const WANTED: Wanted = Wanted {
    variable: "GITLAB_SYNC_WEBHOOK_SECRET",
    prompt: "Webhook secret",
    noun: "secret",
    example: "gitlab-sync webhook secret --set < secret-file",
    // People make these up: GitLab takes all but line breaks.
    letters: |letter| !letter.is_control(),
};

pub(crate) async fn run(arguments: &Webhook, global: &Global, output: &Arc<Output>) -> Result<Exit, Failure> {
    match &arguments.command {
        WebhookCommand::Secret(arguments) => secret::run(arguments, &Session::open(global, output).await?).await,
        WebhookCommand::Path => path::run(&Session::open(global, output).await?).await,
        WebhookCommand::Verify(arguments) => verify::run(arguments, global, output).await,
        WebhookCommand::Status => hooks::status(&Session::open(global, output).await?).await,
        WebhookCommand::Repair => hooks::repair(&Session::open(global, output).await?).await,
        WebhookCommand::Rotate => hooks::rotate(&Session::open(global, output).await?).await,
        WebhookCommand::Follow(arguments) => hooks::follow(arguments, &Session::open(global, output).await?).await,
    }
}
