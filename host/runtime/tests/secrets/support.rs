//! A server that replaces tokens as GitLab does, and a call of the connector against it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use gitlab_sync_host::manifest::{Capture, Credential, Profile, Slot, SlotUse, WorkspaceUse};
use gitlab_sync_host::secrets::connection::{ConnectionSecrets, Parts};
use gitlab_sync_host::secrets::envelope::Stored;
use gitlab_sync_host::secrets::exchange::{Decided, ExchangeRequest, NoReply, Outgoing, Refusal, Transport};
use gitlab_sync_host::secrets::master::MasterKey;
use gitlab_sync_host::secrets::names::{ConnectionId, SlotName};
use gitlab_sync_host::secrets::observer::{Observer, UseEvent};
use gitlab_sync_host::secrets::policy::ExchangeRule;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::secrets::store::SecretStore;
use gitlab_sync_host::secrets::vault::Vault;

pub(crate) fn connection(id: &str) -> ConnectionId {
    ConnectionId::parse(id).unwrap()
}

pub(crate) fn slot(name: &str) -> SlotName {
    SlotName::parse(name).unwrap()
}

pub(crate) fn master(byte: u8) -> MasterKey {
    MasterKey::from_bytes([byte; 32])
}

/// With spaces where the text is too short for a secret.
pub(crate) fn stored(text: &str) -> Stored {
    Stored { secret: Secret::new(format!("{text:8}")).unwrap(), created_ms: 1, expires_ms: Some(2) }
}

/// The text in a slot, if any, without those spaces.
pub(crate) async fn text(vault: &Vault, id: &str, name: &str) -> Option<String> {
    let stored = vault.reveal(&connection(id), &slot(name)).await.unwrap();
    stored.map(|stored| String::from_utf8_lossy(stored.secret.expose()).trim_end().to_owned())
}

pub(crate) fn profile() -> Profile {
    let all = vec![SlotUse::Generate, SlotUse::Forget, SlotUse::Matches, SlotUse::Verify, SlotUse::Rename];
    let slot = |name: &str, uses: &[SlotUse]| Slot {
        name: name.to_owned(),
        purpose: "for tests".to_owned(),
        uses: uses.to_vec(),
    };
    Profile {
        name: "files-read-write".to_owned(),
        summary: "for tests".to_owned(),
        credential: Credential { slot: "token".to_owned(), header: "private-token".to_owned(), prefix: String::new() },
        workspace: WorkspaceUse::None,
        rules: vec![],
        slots: vec![
            slot("token", &[]),
            slot("refresh", &[]),
            slot("webhook", &all),
            slot("next", &all),
            slot("look", &[SlotUse::Matches]),
        ],
    }
}

type Handler = dyn Fn(&http::Request<Bytes>) -> Result<http::Response<Bytes>, NoReply> + Send + Sync;

/// Judges like the host's policy, for a few rules, and answers from a closure.
pub(crate) struct Server {
    handler: Box<Handler>,
    /// What the policy was shown.
    pub(crate) judged: Mutex<Vec<String>>,
}

impl Server {
    pub(crate) fn new(
        handler: impl Fn(&http::Request<Bytes>) -> Result<http::Response<Bytes>, NoReply> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { handler: Box::new(handler), judged: Mutex::default() })
    }

    /// Answers every request with this body.
    pub(crate) fn says(status: u16, body: &'static str) -> Arc<Self> {
        Self::new(move |_| Ok(reply(status, body.to_owned())))
    }
}

pub(crate) fn rule(method: &str, path: &str) -> Result<ExchangeRule, Refusal> {
    let rule = |purpose: &str, fills: &[&str], captures: Vec<Capture>| {
        let fills = fills.iter().map(|name| (*name).to_owned()).collect();
        Ok(ExchangeRule { purpose: purpose.to_owned(), fills, captures })
    };
    match (method, path) {
        ("POST", "/hooks") => rule("make a webhook", &["webhook"], vec![]),
        ("POST", "/rotate") => {
            rule("rotate the token", &["token"], vec![capture("token", "token", Some("expires_at"))])
        }
        ("POST", "/oauth/token") => {
            let access = capture("access_token", "token", Some("expires_in"));
            rule("refresh", &["refresh"], vec![access, capture("refresh_token", "refresh", None)])
        }
        ("POST", "/odd") => rule("capture a strange field", &[], vec![capture("pat", "token", None)]),
        ("POST", "/wrong") => rule("capture the wrong field", &["token"], vec![capture("expires_at", "next", None)]),
        ("POST", "/stranger") => rule("fill no slot", &[], vec![capture("token", "unknown", None)]),
        ("GET", "/projects") => rule("look", &[], vec![]),
        _ => Err(Refusal(format!("no rule for {method} {path}; add one to the profile"))),
    }
}

pub(crate) fn reply(status: u16, body: String) -> http::Response<Bytes> {
    http::Response::builder().status(status).body(body.into()).unwrap()
}

#[async_trait]
impl Transport for Server {
    async fn decide(&self, request: &Outgoing<'_>) -> Result<Decided, Refusal> {
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        self.judged.lock().unwrap().push(format!("{request:?} {body}"));
        Ok(Decided { rule: rule(request.method, request.path_with_query)?, ticket: Box::new("ticket") })
    }

    async fn send(&self, decided: Decided, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, NoReply> {
        assert_eq!(decided.ticket.downcast_ref(), Some(&"ticket"));
        tokio::task::yield_now().await;
        (self.handler)(&request)
    }
}

/// Has one token at a time; whoever shows it gets the next one and the old one is dead.
#[derive(Default)]
pub(crate) struct Tokens {
    issued: AtomicU32,
}

impl Tokens {
    pub(crate) fn current(&self) -> String {
        format!("glpat-canary-{}", self.issued.load(Ordering::SeqCst))
    }

    pub(crate) fn rotate(&self, request: &http::Request<Bytes>) -> http::Response<Bytes> {
        if request.headers()["private-token"] != self.current() {
            return reply(401, r#"{"error":"invalid_token"}"#.to_owned());
        }
        self.issued.fetch_add(1, Ordering::SeqCst);
        reply(200, format!(r#"{{"id":7,"token":"{}","expires_at":"2026-12-01"}}"#, self.current()))
    }
}

pub(crate) fn rotate_request() -> ExchangeRequest {
    ExchangeRequest {
        method: "POST".to_owned(),
        path_with_query: "/rotate".to_owned(),
        headers: vec![("Private-Token".to_owned(), "{{token}}".to_owned())],
        body: String::new(),
    }
}

fn capture(field: &str, slot: &str, expires: Option<&str>) -> Capture {
    Capture { field: field.to_owned(), slot: slot.to_owned(), expires_field: expires.map(str::to_owned) }
}

/// Keeps every event as a line.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<String>>);

impl Heard {
    /// The lines since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Observer for Heard {
    fn used(&self, event: &UseEvent<'_>) {
        let line = format!("{} {} {}", event.usage.word(), event.slot, event.outcome.word());
        self.0.lock().unwrap().push(line);
    }
}

/// Everything for calls of one connection.
pub(crate) struct Bench {
    pub(crate) vault: Arc<Vault>,
    pub(crate) heard: Arc<Heard>,
    now: Arc<AtomicU64>,
}

impl Bench {
    pub(crate) fn new(store: Arc<dyn SecretStore>) -> Self {
        let vault = Arc::new(Vault::new(store, master(1)));
        Self { vault, heard: Arc::default(), now: Arc::new(AtomicU64::new(1_000)) }
    }

    pub(crate) fn call(&self, transport: Arc<dyn Transport>) -> ConnectionSecrets {
        let now = self.now.clone();
        let parts = Parts {
            vault: self.vault.clone(),
            connection: connection("1"),
            transport,
            observer: self.heard.clone(),
            clock: Arc::new(move || now.fetch_add(1, Ordering::SeqCst)),
        };
        ConnectionSecrets::new(parts, &profile()).unwrap()
    }
}
