//! The webhook in GitLab: what was done about it, and how it is.

use super::health;
use crate::text::{Page, Style, Text};
use gitlab_sync_host::sync::{Check, Webhook, WebhookDeed, WebhookMode, WebhookPlace, WebhookReport};

/// Whether somebody has to paste something into GitLab.
pub(crate) fn is_by_hand(webhook: &Webhook) -> bool {
    webhook.by_hand.is_some() || matches!(webhook.mode, WebhookMode::Manual(_))
}

pub(crate) fn report(report: &WebhookReport) -> Page {
    let mut page = Page::new();
    page.line(headline(report));
    if let Some(url) = url(&report.webhook) {
        page.line(Text::from("  ").column(Style::Dim, "URL", 6).plain(url));
    }
    if let Some(error) = &report.webhook.by_hand {
        page.line(Text::from("  ").column(Style::Dim, "why", 6).plain(&error.message));
        page.line(Text::from("  ").column(Style::Dim, "", 6).with(Style::Accent, "hint: ").plain(&error.remedy));
    }
    for left in &report.left {
        page.line(Text::new().with(Style::Warn, "left in GitLab: ").plain(left));
    }
    page
}

fn headline(report: &WebhookReport) -> Text {
    let webhook = &report.webhook;
    let start = |style, word: &str| Text::new().with(style, word);
    if webhook.by_hand.is_some() {
        return start(Style::Warn, "Webhook").plain(": to be pasted into GitLab under Settings → Webhooks");
    }
    let hook = webhook.hook.map(|hook| format!("webhook {hook} of {}", place(webhook.place))).unwrap_or_default();
    match (&webhook.mode, report.deed) {
        (WebhookMode::None, WebhookDeed::Removed) => start(Style::Good, "Webhook").plain(": removed"),
        (WebhookMode::None, _) => start(Style::Dim, "Webhook").plain(": none is wanted"),
        (WebhookMode::Manual(_), _) => {
            start(Style::Plain, "Webhook").plain(": pasted by you into GitLab under Settings → Webhooks")
        }
        (_, WebhookDeed::Created) => start(Style::Good, "Webhook").plain(format!(": made {hook}")),
        (_, WebhookDeed::Adopted) => start(Style::Good, "Webhook").plain(format!(": took over {hook}")),
        (_, WebhookDeed::Repaired) => {
            start(Style::Good, "Webhook").plain(format!(": repaired {} of {hook}", report.repaired.join(", ")))
        }
        _ => start(Style::Good, "Webhook").plain(format!(": {hook} is as it should be")),
    }
}

pub(crate) fn status(webhook: Option<&Webhook>, checks: &[Check], now_ms: u64) -> Page {
    let mut page = Page::new();
    if let Some(webhook) = webhook {
        let mut fact = |name: &str, value: &str| page.line(Text::from("  ").column(Style::Dim, name, 8).plain(value));
        fact(
            "kept by",
            match webhook.mode {
                WebhookMode::Auto(_) => "the connector",
                WebhookMode::Manual(_) => "you",
                WebhookMode::None => "nobody",
            },
        );
        fact("where", &place(webhook.place));
        if let Some(url) = url(webhook) {
            fact("URL", url);
        }
        if webhook.signed {
            fact("proof", "GitLab signs deliveries");
        }
        if let Some(until) = webhook.previous_until_ms {
            fact("former", &former(until, now_ms));
        }
    }
    page.append(health::checks(checks));
    page
}

fn former(until_ms: u64, now_ms: u64) -> String {
    match until_ms {
        0 => "the secret before this one is good until a delivery with this one comes".into(),
        _ => {
            let minutes = until_ms.saturating_sub(now_ms).div_ceil(60_000);
            format!("the secret before this one is good for {}", super::counted(minutes as usize, "minute"))
        }
    }
}

fn url(webhook: &Webhook) -> Option<&str> {
    match &webhook.mode {
        WebhookMode::Auto(url) => Some(url),
        WebhookMode::Manual(url) => url.as_deref(),
        WebhookMode::None => None,
    }
}

fn place(place: WebhookPlace) -> String {
    match place {
        WebhookPlace::Project(id) => format!("project {id}"),
        WebhookPlace::Group(id) => format!("group {id}"),
    }
}
