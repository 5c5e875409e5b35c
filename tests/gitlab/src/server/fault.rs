//! The fault plan: which requests go wrong, and how. Carrying the faults out is `spoil`'s part.
//!
//! A fault is a matcher and an effect. All faults that match a request apply, in the order in which they were added.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::log::glob;

/// One planned fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fault {
    /// Only requests of this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Only requests whose path below the base path, as sent, fits this pattern; `*` stands for any text.
    pub path: String,
    /// Which of the matching requests.
    #[serde(default)]
    pub when: When,
    /// What happens to them.
    pub effect: Effect,
}

/// Which of the matching requests a fault hits, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// All of them.
    #[default]
    Always,
    /// Only this one.
    Nth(usize),
    /// The first so many.
    First(usize),
    /// This one and all later ones.
    From(usize),
    /// Every so many.
    Every(usize),
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Effect {
    /// The request is answered later by this, give or take the jitter.
    Latency {
        /// Always.
        ms: u64,
        /// At most, on top.
        #[serde(default)]
        jitter_ms: u64,
    },
    /// The connection is cut before anything of the answer is sent.
    Drop,
    /// The connection is cut after so many bytes of the body.
    CutBody {
        /// Bytes sent before the cut.
        at: u64,
    },
    /// The body ends early, and neither length nor framing tells.
    TruncateBody {
        /// Bytes kept.
        at: u64,
    },
    /// The answer says this length, whatever the body's is.
    ContentLength {
        /// What it says.
        says: u64,
    },
    /// The request is not carried out; the answer is this.
    Answer(Canned),
    /// The request is carried out, and then answered with this: a commit that lands although the answer was 502.
    AnswerAfter(Canned),
    /// The body comes in pieces with pauses.
    Drip {
        /// Bytes of a piece.
        bytes: usize,
        /// Pause before each.
        every_ms: u64,
    },
    /// Lists never end: there is always a next page, and it is never empty.
    EndlessPages,
    /// The same page again and again: the next page points at itself.
    LoopingPages,
    /// A redirect to the same path at another origin.
    Redirect {
        /// 301, 302, 307 or 308.
        status: u16,
        /// Scheme, host and port.
        origin: String,
    },
    /// `Link` headers point at another host.
    LinkOrigin {
        /// Scheme, host and port.
        origin: String,
    },
    /// So many bytes of spaces, compressed.
    GzipBomb {
        /// Size after decompression, in MiB.
        mib: u32,
    },
    /// Totals and pagination headers are left out.
    NoPageHeaders,
}

/// An answer that does not come from GitLab itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canned {
    /// Status.
    pub status: u16,
    /// Content type; HTML when none is given.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Body; the HTML error page of that status when none is given.
    #[serde(default)]
    pub body: Option<String>,
    /// Headers.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

impl Canned {
    /// The HTML page that stands in front of GitLab says this with.
    pub fn html(status: u16) -> Self {
        Self { status, content_type: None, body: None, headers: Vec::new() }
    }

    /// The same with `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.headers.push(("retry-after".into(), seconds.to_string()));
        self
    }
}

impl Fault {
    /// A fault for every request of this method and path pattern.
    pub fn on(method: &str, path: &str, effect: Effect) -> Self {
        Self { method: Some(method.into()), path: path.into(), when: When::Always, effect }
    }

    /// A fault for every request of this path pattern.
    pub fn on_any(path: &str, effect: Effect) -> Self {
        Self { method: None, path: path.into(), when: When::Always, effect }
    }

    /// Narrows which of the matching requests are hit.
    #[must_use]
    pub fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }
}

impl When {
    fn hits(self, number: usize) -> bool {
        match self {
            Self::Always => true,
            Self::Nth(nth) => number == nth,
            Self::First(count) => number <= count,
            Self::From(first) => number >= first,
            Self::Every(step) => step > 0 && number.is_multiple_of(step),
        }
    }
}

/// All planned faults.
#[derive(Debug, Default)]
pub struct FaultPlan {
    faults: Mutex<Vec<(Fault, AtomicUsize)>>,
}

impl FaultPlan {
    /// Plans a fault.
    pub fn add(&self, fault: Fault) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push((fault, AtomicUsize::new(0)));
    }

    /// Drops all plans.
    pub fn clear(&self) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The effects on this request. Counts it.
    pub(crate) fn effects(&self, method: &str, path: &str) -> Vec<Effect> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |fault: &Fault| fault.method.as_deref().is_none_or(|m| m == method) && glob(&fault.path, path);
        let fitting = faults.iter().filter(|(fault, _)| fits(fault));
        let hit = fitting.filter(|(fault, seen)| fault.when.hits(seen.fetch_add(1, Ordering::Relaxed) + 1));
        hit.map(|(fault, _)| fault.effect.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_hits_the_occurrences_it_was_planned_for() {
        for (when, expected) in [
            (When::Always, [true, true, true, true]),
            (When::Nth(2), [false, true, false, false]),
            (When::First(2), [true, true, false, false]),
            (When::From(3), [false, false, true, true]),
            (When::Every(2), [false, true, false, true]),
        ] {
            let plan = FaultPlan::default();
            plan.add(Fault::on("GET", "/api/v4/projects/*/repository/tree", Effect::Drop).when(when));
            let hits = [(); 4].map(|()| !plan.effects("GET", "/api/v4/projects/1/repository/tree").is_empty());
            assert_eq!(hits, expected, "{when:?}");
            assert!(plan.effects("POST", "/api/v4/projects/1/repository/tree").is_empty());
            assert!(plan.effects("GET", "/api/v4/user").is_empty());
        }
    }
}
