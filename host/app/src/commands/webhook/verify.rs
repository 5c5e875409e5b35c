//! `webhook verify`: the verdict on a delivery that was saved.

use super::saved::{self, Saved};
use super::{WANTED, unconnected};
use crate::cli::{Global, WebhookVerify};
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::output::Output;
use crate::pages;
use crate::session::Session;
use crate::text::{Style, Text};
use gitlab_sync_host::clock::{Clock, SystemClock};
use gitlab_sync_host::sync::{Verdict, Watched};
use jiff::Timestamp;
use std::sync::Arc;

/// What GitLab's own log of deliveries has instead of the token.
const HIDDEN: &str = "[REDACTED]";

pub(crate) async fn run(arguments: &WebhookVerify, global: &Global, output: &Arc<Output>) -> Result<Exit, Failure> {
    let saved = saved::read(arguments)?;
    let clock = clock(arguments.received_at.as_deref(), &saved)?;
    let verdict = if is_unconnected(arguments) {
        let secrets = unconnected::secrets(arguments.secret_file.as_deref(), output).await?;
        let cache = Home::existing(global.home.as_deref()).map(|home| home.cache());
        let connection = unconnected::connection(&secrets, clock, cache).await?;
        match (arguments.project, &arguments.branch) {
            (Some(project), Some(branch)) => {
                let watched = Watched { project, branch: branch.clone() };
                connection.verify_webhook_for(saved.delivery.clone(), watched).await?
            }
            _ => connection.verify_webhook(saved.delivery.clone()).await?,
        }
    } else {
        let connection = Session::open(global, output).await?.at_time(clock).connection().await?;
        connection.verify_webhook(saved.delivery.clone()).await?
    };
    output.result(&verdict, || pages::webhook::verdict(&verdict));
    if matches!(verdict, Verdict::Verified(_)) {
        return Ok(Exit::Done);
    }
    if let Some(hint) = hint(arguments, &saved) {
        output.talk(Text::new().with(Style::Accent, "hint: ").plain(hint));
    }
    Ok(Exit::Refused)
}

/// An empty variable counts as given: whoever means a secret and has none must not be judged by another.
fn is_unconnected(arguments: &WebhookVerify) -> bool {
    let is_named = arguments.secret_file.is_some() || arguments.project.is_some();
    is_named || std::env::var_os(WANTED.variable).is_some()
}

/// What people run into with deliveries that were saved.
fn hint(arguments: &WebhookVerify, saved: &Saved) -> Option<&'static str> {
    if saved.header("x-gitlab-token") == Some(HIDDEN) {
        return Some("GitLab's log hides the token; save a delivery where it arrives");
    }
    let signed = saved.header("webhook-timestamp")?.parse::<i64>().ok()?;
    let is_old = signed.abs_diff(Timestamp::now().as_second()) > 300;
    let is_signed = saved.header("webhook-signature").is_some();
    match (is_signed, saved.delivery.body.last()) {
        (true, _) if is_old && arguments.received_at.is_none() => {
            Some("a saved delivery is judged as of when it came with `--received-at TIME`")
        }
        (true, Some(b'\n')) => {
            Some("the body ends with a line break, which GitLab does not send: save it byte for byte")
        }
        _ => None,
    }
}

/// A time that stands still.
struct At(u64);

impl Clock for At {
    fn now_ms(&self) -> u64 {
        self.0
    }
}

fn clock(received_at: Option<&str>, saved: &Saved) -> Result<Arc<dyn Clock>, Failure> {
    let Some(text) = received_at else { return Ok(Arc::new(SystemClock)) };
    let text = match text {
        "header" => saved.header("date").ok_or_else(|| {
            Failure::new("the delivery has no `Date` header").hint("give the time with `--received-at TIME`")
        })?,
        text => text,
    };
    let ms = time_ms(text).ok_or_else(|| {
        Failure::new(format!("`{text}` is not a time"))
            .hint("write it as `2026-11-14T09:30:00Z`, in seconds since 1970, or as HTTP does")
    })?;
    Ok(Arc::new(At(ms)))
}

fn time_ms(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1_000);
    }
    let http = || jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp());
    let time = text.parse::<Timestamp>().ok().or_else(http)?;
    u64::try_from(time.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_every_form_that_people_have_at_hand() {
        for (text, ms) in [
            ("1614265330", Some(1_614_265_330_000)),
            ("2021-02-25T15:02:10Z", Some(1_614_265_330_000)),
            ("2021-02-25T16:02:10+01:00", Some(1_614_265_330_000)),
            ("2021-02-25 15:02:10.250Z", Some(1_614_265_330_250)),
            (" Thu, 25 Feb 2021 15:02:10 GMT", Some(1_614_265_330_000)),
            ("2021-02-25", None),
            ("1969-12-31T23:59:59Z", None),
            ("99999999999999999999", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(time_ms(text), ms, "{text}");
        }
    }
}
