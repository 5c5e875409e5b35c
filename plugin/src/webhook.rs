//! Who sent a delivery, and what it asks for.
//!
//! In this order: the sender is proved (`proof`), the body is read as far as it is wanted (`payload`, `value`), and what it is, whom it
//! concerns and what to do follows from its kind (`kind`, `event`, `work`). A delivery is a hint and the branch's head is the truth, so an
//! event wakes a sync and says nothing of what that will do. What is verified but not for us is not an error, because GitLab stops
//! calling those who answer with errors; and so a body that nobody can read, once its sender is proved, is an event that asks for nothing.

mod ci;
mod deduplication;
mod delivery;
mod event;
mod expiring;
mod kind;
mod payload;
mod proof;
mod record;
mod reference;
mod time;
mod value;
mod work;

pub use ci::CiRun;
pub use delivery::Delivery;
pub use event::{Concern, Event, Scope};
pub use expiring::{ExpiringToken, TokenClass};
pub use proof::Proof;
pub use record::{RecordKind, RecordRef};
pub use reference::RefMove;
pub use work::{Watched, Work};

use crate::configure::Configuration;
use crate::error::Error;
use crate::host::Host;

/// The outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To be answered with success.
    Verified(Box<Event>),
    /// To be answered 401; the reason is for the log.
    Rejected(&'static str),
}

/// Judges one delivery. Pushes are compared with `watched`, or else with the settings. Does not reach the network.
pub fn verify(host: &dyn Host, delivery: &Delivery, watched: Option<Watched>) -> Result<Verdict, Error> {
    let proof = match proof::prove(host, delivery)? {
        Ok(proof) => proof,
        Err(reason) => return Ok(Verdict::Rejected(reason)),
    };
    let watched = match watched {
        Some(watched) => Some(watched),
        None => Configuration::load(host)?.map(|it| Watched { project: it.project, branch: it.branch }),
    };
    Ok(Verdict::Verified(Box::new(Event::read(delivery, proof, watched.as_ref()))))
}
