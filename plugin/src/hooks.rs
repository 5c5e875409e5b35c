//! The webhook in GitLab: what is wanted, what is known of it, and how long secrets are good.
//!
//! Decided here: what is remembered. How GitLab is brought to what is wanted is `ensure`, a new secret `rotate`, which secrets count when
//! `arrival`, what is looked at without changing anything `check`, and what a webhook of ours is like `shape`. Not decided here: what a
//! delivery means (`webhook`).
//!
//! The secret is never here. That GitLab has the present one is known by this: it is remembered which secret (by the time it was
//! made) was in the last request that GitLab answered with success. Before a request leaves, that is forgotten; so after a kill, a
//! cut connection or a refusal the webhook does not count as good until GitLab has confirmed the secret once more.

pub(crate) mod arrival;
mod check;
mod ensure;
mod rotate;
pub(crate) mod shape;
mod written;

use crate::configure::{Configuration, WEBHOOK, WEBHOOK_PREVIOUS, readable};
use crate::error::{Code, Error};
use crate::gitlab::client::Client;
use crate::gitlab::hook::Place;
use crate::host::{Host, Put, SecretError};

pub use check::check;
pub use ensure::{ensure, leave};
pub use rotate::rotate;
pub use shape::{Proof, Wanted};

/// Where it is remembered.
pub(crate) const KEY: &str = "webhook";
/// How long the former secret is good once GitLab has the new one: longer than deliveries wait in GitLab's queue on a bad day.
const OVERLAP_MS: u64 = 60 * 60 * 1000;
/// An end that the first delivery with the present secret sets.
const FIRST_DELIVERY: u64 = 0;
/// Of a URL, as GitLab's own column has it.
const URL_LETTERS: usize = 2048;

/// Who puts it into GitLab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// We do. GitLab calls this URL.
    Auto(String),
    /// A person does, with this URL if it is known.
    Manual(Option<String>),
    /// Nobody.
    #[default]
    None,
}

/// What GitLab tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// Pushes to the branch.
    Pushes,
    /// Merge requests and comments.
    Records,
}

/// What is remembered of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Who sees to it.
    pub mode: Mode,
    /// Where.
    pub place: Place,
    /// What is told.
    pub events: Events,
    /// Its number, once made or adopted.
    pub hook: Option<u64>,
    /// When the secret was made that GitLab has confirmed.
    sent: Option<u64>,
    /// Whether GitLab says that it signs.
    pub signed: bool,
    /// Why a person must see to it.
    pub by_hand: Option<Error>,
    /// How far a rotation is.
    turn: Turn,
    /// How long the former secret is good.
    pub previous_until: Option<u64>,
    /// Webhooks of ours that are no longer wanted, and could not be removed yet.
    left: Vec<(Place, u64)>,
    /// The delivery that was refused for its secret before the secret was sent again.
    blamed: Option<u64>,
    /// Whether a GitLab that can sign was given the key.
    asked_to_sign: bool,
}

/// How far a rotation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Turn {
    /// There is none.
    #[default]
    Still,
    /// At this time somebody set out to move the secrets; the slot for former ones is empty until that is done.
    Begun(u64),
    /// The secrets are in their slots, and GitLab has not confirmed the new one.
    Moved,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Nothing.
    Unchanged,
    /// There was none.
    Created,
    /// One with our URL was there.
    Adopted,
    /// It was not as it should be.
    Repaired,
    /// It is no longer wanted.
    Removed,
}

/// What was done, and what is known now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What is known now.
    pub webhook: Webhook,
    /// What was done.
    pub deed: Deed,
    /// What was not as it should be.
    pub repaired: Vec<&'static str>,
    /// What could not be removed.
    pub left: Vec<String>,
}

/// What is known without asking GitLab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// What is remembered.
    pub kept: Kept,
    /// Whether GitLab has confirmed everything, with the present secret.
    pub settled: bool,
}

impl Kept {
    fn new(place: Place, events: Events, mode: Mode) -> Self {
        Self {
            mode,
            place,
            events,
            hook: None,
            sent: None,
            signed: false,
            by_hand: None,
            turn: Turn::Still,
            previous_until: None,
            left: Vec::new(),
            blamed: None,
            asked_to_sign: false,
        }
    }

    /// What GitLab calls, as far as it is known.
    pub fn url(&self) -> Option<&str> {
        match &self.mode {
            Mode::Auto(url) => Some(url),
            Mode::Manual(url) => url.as_deref(),
            Mode::None => None,
        }
    }
}

/// The remembered, with what it takes to write it back.
struct Room<'a> {
    host: &'a dyn Host,
    kept: Kept,
    version: u64,
}

impl<'a> Room<'a> {
    /// A connection of a version that knew no webhooks of its own has one that a person pasted.
    fn open(host: &'a dyn Host) -> Result<Option<Self>, Error> {
        let Some(value) = host.get(KEY)? else {
            let pasted = |it: Configuration| Kept::new(Place::Project(it.project), Events::Pushes, Mode::Manual(None));
            let kept = Configuration::load(host)?.map(pasted);
            return Ok(kept.map(|kept| Self { host, kept, version: 0 }));
        };
        let mut kept = written::read(&value.bytes)?;
        arrival::heard(host, &mut kept)?;
        Ok(Some(Self { host, kept, version: value.version }))
    }

    fn require(host: &'a dyn Host) -> Result<Self, Error> {
        Self::open(host)?.ok_or_else(|| Code::NotConfigured.into())
    }

    /// Writes it down; fails when another call has done so since it was read. What follows in GitLab is done by one of the two.
    fn save(&mut self) -> Result<(), Error> {
        let put = put(&self.kept, self.version);
        self.host.commit(vec![put])?;
        // A key that comes back begins above every version that it had.
        self.version =
            if self.version == 0 { self.host.get(KEY)?.map_or(0, |value| value.version) } else { self.version + 1 };
        Ok(())
    }

    /// When the present secret was made; it is made now if there is none.
    fn secret(&mut self) -> Result<u64, Error> {
        if let Some(made) = self.host.made_ms(WEBHOOK)? {
            return Ok(made);
        }
        if self.kept.sent.take().is_some() {
            self.save()?;
        }
        self.host.generate_webhook_secret(WEBHOOK)?;
        Ok(self.host.made_ms(WEBHOOK)?.unwrap_or_default())
    }

    fn webhook(&self) -> Result<Webhook, Error> {
        let made = self.host.made_ms(WEBHOOK)?;
        let settled = self.kept.hook.is_some()
            && self.kept.by_hand.is_none()
            && self.kept.turn == Turn::Still
            && made.is_some()
            && made == self.kept.sent;
        Ok(Webhook { kept: self.kept.clone(), settled })
    }

    fn report(&self, deed: Deed, repaired: Vec<&'static str>) -> Result<Report, Error> {
        let left = self.kept.left.iter().map(|(place, hook)| said(*place, *hook)).collect();
        Ok(Report { webhook: self.webhook()?, deed, repaired, left })
    }

    /// Ends the former secret when its time is over.
    fn end_previous(&mut self) -> Result<(), Error> {
        let over = |until: u64| until != FIRST_DELIVERY && until <= self.host.now_ms();
        if !self.kept.previous_until.is_some_and(over) {
            return Ok(());
        }
        forget(self.host, WEBHOOK_PREVIOUS)?;
        self.kept.previous_until = None;
        self.save()
    }
}

/// A webhook by its place and number, for people.
fn said(place: Place, hook: u64) -> String {
    match place {
        Place::Project(id) => format!("webhook {hook} of project {id}"),
        Place::Group(id) => format!("webhook {hook} of group {id}"),
    }
}

fn put(kept: &Kept, expected: u64) -> Put {
    Put { key: KEY.into(), bytes: Some(written::write(kept)), expected }
}

/// Emptying an empty slot is no error.
pub(crate) fn forget(host: &dyn Host, slot: &str) -> Result<(), Error> {
    match host.forget(slot) {
        Ok(()) | Err(SecretError::Empty(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The write that makes another webhook wanted. One that we have made elsewhere is to be removed.
pub(crate) fn want(host: &dyn Host, place: Place, events: Events, mode: Mode) -> Result<Put, Error> {
    check_mode(&mode)?;
    let Some(mut room) = readable(host, Room::open(host))? else {
        let version = host.get(KEY)?.map_or(0, |value| value.version);
        return Ok(put(&Kept::new(place, events, mode), version));
    };
    let kept = &mut room.kept;
    let moved = (kept.place, kept.events) != (place, events);
    if let Some(hook) = kept.hook.filter(|_| moved || mode == Mode::None) {
        kept.left.push((kept.place, hook));
        (kept.hook, kept.sent) = (None, None);
    }
    if kept.mode != mode {
        kept.sent = None;
    }
    (kept.place, kept.events, kept.mode, kept.by_hand) = (place, events, mode, None);
    Ok(put(kept, room.version))
}

/// Wants another webhook, and sees to it.
pub fn set(client: &Client<'_>, place: Place, events: Events, mode: Mode) -> Result<Report, Error> {
    if matches!((place, events), (Place::Group(_), Events::Pushes)) {
        return Err(Error::because(Code::InvalidSettings, "a group's webhook tells of records, not of pushes"));
    }
    client.host.commit(vec![want(client.host, place, events, mode)?])?;
    ensure(client)
}

/// What is known without asking GitLab.
pub fn known(host: &dyn Host) -> Result<Option<Webhook>, Error> {
    readable(host, Room::open(host))?.map(|room| room.webhook()).transpose()
}

fn check_mode(mode: &Mode) -> Result<(), Error> {
    let url = match mode {
        Mode::Auto(url) | Mode::Manual(Some(url)) => url,
        Mode::Manual(None) | Mode::None => return Ok(()),
    };
    let wrong = |why: &str| Err(Error::because(Code::InvalidSettings, &format!("the webhook's URL {why}")));
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest else { return wrong("must begin with https:// or http://") };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains('@') {
        return wrong("must name a host, and neither a user nor a password");
    }
    if url.len() > URL_LETTERS
        || !url.bytes().all(|byte| byte.is_ascii_graphic())
        || url.contains(['{', '}', '#', '"', '\\'])
    {
        return wrong("must be at most 2,048 plain letters without braces, quotes and #");
    }
    Ok(())
}

/// What GitLab is to have, of what is remembered.
fn wanted(host: &dyn Host, kept: &Kept, url: &str) -> Result<Wanted, Error> {
    let configuration = Configuration::load(host)?;
    let (place, events) = (kept.place, kept.events);
    let ours = configuration.filter(|it| place == Place::Project(it.project));
    let branch = ours.as_ref().map(|it| it.branch.clone()).unwrap_or_default();
    Ok(Wanted { place, events, branch, url: url.to_owned(), owner: ours.and_then(|it| it.owner) })
}
