//! Asking one instance and reading its answers.
//!
//! Decided here: that a status other than a success is an error, and that a success which is not the JSON we know is one too.
//! An error is never read as "empty". Every request goes through here, so that what `patience` waits out is waited out for all.

use std::ops::ControlFlow;

use super::{patience, refusal};
use crate::error::{Code, Error};
use crate::host::{ExchangeError, Host, HttpError, Level, Reply};
use crate::json::{self, Owned, Take};
use crate::request::{Instance, Request, Target};

/// A GitLab instance and the host that reaches it.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    /// What the host lends.
    pub host: &'a dyn Host,
    /// Where GitLab is.
    pub instance: &'a Instance,
}

impl Client<'_> {
    /// A request to read this.
    pub fn get(&self, target: Target) -> Request {
        Request::get(self.instance, target)
    }

    /// One request's reply; anything but a success is an error.
    pub fn send(&self, request: &Request) -> Result<Reply, Error> {
        self.checked(request, self.send_raw(request))
    }

    /// One request's outcome as it is.
    pub fn send_raw(&self, request: &Request) -> Result<Reply, HttpError> {
        let mut outcomes = self.send_all(std::slice::from_ref(request));
        outcomes.pop().unwrap_or(Err(HttpError::NoReply("the host gave no outcome")))
    }

    /// The outcomes of several requests, some at once, in their order. Those that GitLab was too busy for are sent again.
    pub fn send_all(&self, requests: &[Request]) -> Vec<Result<Reply, HttpError>> {
        let mut outcomes = self.host.send(requests);
        for sent in 0..patience::REPEATS {
            let now_ms = self.host.now_ms();
            let pause = |(at, outcome): (usize, &Result<Reply, HttpError>)| {
                let request = requests.get(at)?;
                Some((at, patience::pause(request, outcome.as_ref().ok()?, sent, now_ms)?))
            };
            let again: Vec<(usize, u32)> = outcomes.iter().enumerate().filter_map(pause).collect();
            let Some(wait) = again.iter().map(|(_, wait)| *wait).max() else { break };
            if !self.wait(wait) {
                break;
            }
            if again.len() == requests.len() {
                // Not copied: one body can be a third of a call's memory.
                outcomes = self.host.send(requests);
                continue;
            }
            let repeated: Vec<Request> = again.iter().map(|(at, _)| requests[*at].clone()).collect();
            for ((at, _), outcome) in again.into_iter().zip(self.host.send(&repeated)) {
                outcomes[at] = outcome;
            }
        }
        outcomes
    }

    /// One request whose success is handed over in pieces.
    pub fn stream(
        &self,
        request: &Request,
        take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Reply, HttpError> {
        for sent in 0..patience::REPEATS {
            let reply = self.host.stream(request, take)?;
            match patience::pause(request, &reply, sent, self.host.now_ms()) {
                Some(wait) if self.wait(wait) => {}
                _ => return Ok(reply),
            }
        }
        self.host.stream(request, take)
    }

    /// Whether it was waited.
    fn wait(&self, ms: u32) -> bool {
        self.host.event(Level::Info, "GitLab is busy: asking again later", &[("milliseconds", &ms.to_string())]);
        self.host.wait(ms)
    }

    /// One request's reply as JSON.
    pub fn read<T: Owned>(&self, target: Target) -> Result<T, Error> {
        let request = self.get(target);
        let reply = self.send(&request)?;
        json(&request, &reply)
    }

    /// The reply to a request into which the host fills secrets.
    pub fn exchange(&self, request: &Request) -> Result<Reply, Error> {
        for sent in 0..patience::REPEATS {
            let reply = self.exchange_once(request)?;
            match patience::pause(request, &reply, sent, self.host.now_ms()) {
                Some(wait) if self.wait(wait) => {}
                _ => return Ok(reply),
            }
        }
        self.exchange_once(request)
    }

    fn exchange_once(&self, request: &Request) -> Result<Reply, Error> {
        self.host.exchange(request).map_err(|error| match error {
            ExchangeError::Denied(reason) => Error::because(Code::Denied, &reason),
            ExchangeError::Empty(reason) => Error::because(Code::SecretMissing, &reason),
            ExchangeError::NoReply(reason) => {
                Error::new(Code::HostUnreachable, format!("Can't reach `{}`: no reply, {reason}", self.instance))
            }
            ExchangeError::Storage(reason) => Error::because(Code::SecretFailed, &reason),
        })
    }

    /// What became of a request.
    pub fn checked(&self, request: &Request, outcome: Result<Reply, HttpError>) -> Result<Reply, Error> {
        let reply = outcome.map_err(|error| refusal::unreachable(self.instance, &error))?;
        if (200..300).contains(&reply.status) {
            return Ok(reply);
        }
        Err(refusal::refusal(request, &reply, self.host.now_ms()))
    }
}

/// The reply's body as JSON of the known shape.
pub fn json<T: Owned>(request: &Request, reply: &Reply) -> Result<T, Error> {
    let mut value = T::default();
    fill(&mut value, request, reply)?;
    Ok(value)
}

fn fill<'a>(value: &mut dyn Take<'a>, request: &Request, reply: &'a Reply) -> Result<(), Error> {
    json::fill(value, &reply.body).map_err(|error| {
        if !json::is_json(&reply.body) {
            return refusal::not_json(request, reply);
        }
        let place = format!("{} line {} column {}", request.target.path(), error.line(), error.column());
        Error::because(Code::UnexpectedReply, &place)
    })
}
