//! The words of the contract for the webhook in GitLab, over the domain.

use super::bindings::exports::gitlab_sync::connector::sync as wit;
use crate::gitlab::hook::Place;
use crate::hooks::{Deed, Events, Mode, Report, Webhook};

impl From<wit::WebhookMode> for Mode {
    fn from(mode: wit::WebhookMode) -> Self {
        match mode {
            wit::WebhookMode::Auto(url) => Self::Auto(url),
            wit::WebhookMode::Manual(url) => Self::Manual(url),
            wit::WebhookMode::None => Self::None,
        }
    }
}

impl From<Mode> for wit::WebhookMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Auto(url) => Self::Auto(url),
            Mode::Manual(url) => Self::Manual(url),
            Mode::None => Self::None,
        }
    }
}

impl From<wit::WebhookPlace> for Place {
    fn from(place: wit::WebhookPlace) -> Self {
        match place {
            wit::WebhookPlace::Project(id) => Self::Project(id),
            wit::WebhookPlace::Group(id) => Self::Group(id),
        }
    }
}

impl From<Place> for wit::WebhookPlace {
    fn from(place: Place) -> Self {
        match place {
            Place::Project(id) => Self::Project(id),
            Place::Group(id) => Self::Group(id),
        }
    }
}

impl From<wit::WebhookEvents> for Events {
    fn from(events: wit::WebhookEvents) -> Self {
        match events {
            wit::WebhookEvents::Pushes => Self::Pushes,
            wit::WebhookEvents::Records => Self::Records,
        }
    }
}

impl From<Webhook> for wit::Webhook {
    fn from(webhook: Webhook) -> Self {
        let Webhook { kept, settled } = webhook;
        Self {
            by_hand: kept.by_hand.map(Into::into),
            place: kept.place.into(),
            events: match kept.events {
                Events::Pushes => wit::WebhookEvents::Pushes,
                Events::Records => wit::WebhookEvents::Records,
            },
            hook: kept.hook,
            settled,
            signed: kept.signed,
            previous_until_ms: kept.previous_until,
            mode: kept.mode.into(),
        }
    }
}

impl From<Report> for wit::WebhookReport {
    fn from(report: Report) -> Self {
        Self {
            webhook: report.webhook.into(),
            deed: match report.deed {
                Deed::Unchanged => wit::WebhookDeed::Unchanged,
                Deed::Created => wit::WebhookDeed::Created,
                Deed::Adopted => wit::WebhookDeed::Adopted,
                Deed::Repaired => wit::WebhookDeed::Repaired,
                Deed::Removed => wit::WebhookDeed::Removed,
            },
            repaired: report.repaired.into_iter().map(str::to_owned).collect(),
            left: report.left,
        }
    }
}
