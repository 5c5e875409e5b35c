//! `webhook`: the secret to paste into GitLab, and the judgement of one delivery.

use super::hooks;
use crate::cli::{Webhook, WebhookCommand};
use crate::failure::{Exit, Failure};
use crate::pages;
use crate::session::{Session, slot};
use crate::text::Page;
use gitlab_sync_host::sync::{Delivery, Verdict};
use std::path::Path;

const SLOT: &str = "webhook";

pub(crate) async fn run(arguments: &Webhook, session: &Session) -> Result<Exit, Failure> {
    match &arguments.command {
        WebhookCommand::Secret => secret(session).await,
        WebhookCommand::Verify { headers, body } => verify(headers, body, session).await,
        WebhookCommand::Status => hooks::status(session).await,
        WebhookCommand::Repair => hooks::repair(session).await,
        WebhookCommand::Rotate => hooks::rotate(session).await,
        WebhookCommand::Follow(arguments) => hooks::follow(arguments, session).await,
    }
}

/// The one place that shows a secret: its owner has to paste it into GitLab.
async fn secret(session: &Session) -> Result<Exit, Failure> {
    session.entry().await?;
    let stored = session.vault.reveal(&session.id, &slot(SLOT)).await?;
    let stored = stored.ok_or_else(|| {
        Failure::new("there is no webhook secret yet").hint("choose what to sync first: `gitlab-sync configure`")
    })?;
    let secret = String::from_utf8_lossy(stored.secret.expose()).into_owned();
    session.output.talk("In GitLab, under Settings → Webhooks → Add new webhook: the URL of your receiver, this as Secret token, Push events.");
    let value = serde_json::json!({ "secret": secret });
    session.output.result(&value, || {
        let mut page = Page::new();
        page.line(secret.as_str());
        page
    });
    Ok(Exit::Done)
}

async fn verify(headers: &Path, body: &Path, session: &Session) -> Result<Exit, Failure> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| Failure::new(format!("`{}` cannot be read: {error}", path.display())))
    };
    let delivery = Delivery { headers: parse(&String::from_utf8_lossy(&read(headers)?))?, body: read(body)? };
    let verdict = session.connection().await?.verify_webhook(delivery).await?;
    session.output.result(&verdict, || pages::webhook::verdict(&verdict));
    Ok(if matches!(verdict, Verdict::Verified(_)) { Exit::Done } else { Exit::Refused })
}

/// `Name: value` lines, as `curl -D` and most servers write them; a status or request line before them is passed over.
fn parse(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut headers = vec![];
    for (index, line) in text.lines().enumerate() {
        match line.split_once(':') {
            _ if line.trim().is_empty() => {}
            Some((name, value)) if !name.contains(' ') => headers.push((name.trim().into(), value.trim().into())),
            _ if index == 0 => {}
            _ => {
                return Err(Failure::new(format!("line {} of the headers is not `Name: value`", index + 1))
                    .hint("give the headers as they were received, one per line"));
            }
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_they_were_received() {
        let text = "POST /hook HTTP/1.1\r\nX-Gitlab-Token: a:b \r\nx-gitlab-event:Push Hook\r\n\r\n";
        let expected = [("X-Gitlab-Token", "a:b"), ("x-gitlab-event", "Push Hook")];
        assert_eq!(parse(text).unwrap(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(parse("X-Ok: 1\nno header\n").unwrap_err().message().starts_with("line 2"));
    }
}
