//! `webhook verify`: the verdict on a delivery that was saved.

use super::saved::{self, Saved};
use super::{WANTED, hint, unconnected};
use crate::cli::{Global, WebhookVerify};
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::output::Output;
use crate::pages;
use crate::session::Session;
use crate::text::{Style, Text};
use gitlab_sync_host::clock::{Clock, SystemClock};
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{Verdict, Watched};
use jiff::Timestamp;
use std::sync::Arc;
use zeroize::Zeroizing;

pub(crate) async fn run(arguments: &WebhookVerify, global: &Global, output: &Arc<Output>) -> Result<Exit, Failure> {
    let saved = saved::read(arguments)?;
    let clock = clock(arguments.received_at.as_deref(), &saved)?;
    let judge = Judge::new(arguments, global, output).await?;
    let verdict = judge.verdict(&saved, Arc::clone(&clock)).await?;
    output.result(&verdict, || pages::webhook::verdict(&verdict));
    let (exit, hints) = match &verdict {
        Verdict::Verified(event) => {
            let hint = hint::idle(event, &saved, arguments, judge.secrets.is_some());
            (Exit::Done, hint.map(str::to_owned).into_iter().collect())
        }
        Verdict::Rejected(_) => (Exit::Refused, judge.reasons(&saved, clock.now_ms()).await?),
    };
    for hint in hints {
        output.talk(Text::new().with(Style::Accent, "hint: ").plain(hint));
    }
    Ok(exit)
}

/// What deliveries are judged with: a connection, or what somebody without one gives.
struct Judge<'a> {
    arguments: &'a WebhookVerify,
    global: &'a Global,
    output: &'a Arc<Output>,
    /// Of somebody without a connection.
    secrets: Option<Zeroizing<String>>,
}

impl<'a> Judge<'a> {
    async fn new(
        arguments: &'a WebhookVerify,
        global: &'a Global,
        output: &'a Arc<Output>,
    ) -> Result<Judge<'a>, Failure> {
        let secrets = if is_unconnected(arguments) {
            Some(unconnected::secrets(arguments.secret_file.as_deref(), output).await?)
        } else {
            None
        };
        Ok(Self { arguments, global, output, secrets })
    }

    async fn verdict(&self, saved: &Saved, clock: Arc<dyn Clock>) -> Result<Verdict, Failure> {
        let connection = self.connection(clock).await?;
        Ok(match (self.arguments.project, &self.arguments.branch) {
            (Some(project), Some(branch)) => {
                let watched = Watched { project, branch: branch.clone() };
                connection.verify_webhook_for(saved.delivery.clone(), watched).await?
            }
            _ => connection.verify_webhook(saved.delivery.clone()).await?,
        })
    }

    async fn connection(&self, clock: Arc<dyn Clock>) -> Result<Connection, Failure> {
        let Some(secrets) = &self.secrets else {
            let session = Session::open(self.global, self.output).await?.at_time(clock);
            return session.connection().await.map_err(|failure| {
                failure.hint("or give the secret with `--secret-file FILE`, and no connection is needed")
            });
        };
        let cache = Home::existing(self.global.home.as_deref()).map(|home| home.cache());
        unconnected::connection(secrets, clock, cache).await
    }

    /// What can be said of a rejection beside its sentence.
    async fn reasons(&self, saved: &Saved, now_ms: u64) -> Result<Vec<String>, Failure> {
        let other = || hint::rejected(saved).map(str::to_owned);
        let signed = hint::out_of_time(saved, now_ms).filter(|_| self.arguments.received_at.is_none());
        let Some(signed) = signed else { return Ok(other().into_iter().collect()) };
        let then = self.verdict(saved, Arc::new(At(signed.saturating_mul(1_000)))).await?;
        let other = if matches!(then, Verdict::Rejected(_)) { other() } else { None };
        Ok(std::iter::once(hint::timely(signed, &then)).chain(other).collect())
    }
}

/// An empty variable counts as given: whoever means a secret and has none must not be judged by another.
fn is_unconnected(arguments: &WebhookVerify) -> bool {
    let is_named = arguments.secret_file.is_some() || arguments.project.is_some();
    is_named || std::env::var_os(WANTED.variable).is_some()
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
