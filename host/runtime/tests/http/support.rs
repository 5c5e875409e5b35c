//! Servers on loopback, grants that allow them, and a call to reach them with.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gitlab_sync_host::grant::Grant;
use gitlab_sync_host::http::call::Call;
use gitlab_sync_host::http::credential::{CredentialError, CredentialSource, Lent};
use gitlab_sync_host::http::error::{SendError, Wait};
use gitlab_sync_host::http::record::{Observer, RequestRecord};
use gitlab_sync_host::http::resolve::Resolve;
use gitlab_sync_host::http::sender::{Sender, SenderConfig};
use gitlab_sync_host::http::timeouts::{Shorter, Timeouts};
use gitlab_sync_host::http::upload::GuestBody;
use gitlab_sync_host::manifest::{Credential, CredentialUse, JsonShape, Profile, Rule, Slot, WorkspaceUse};
use gitlab_sync_host::permission::Permission;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

/// Must be seen in one header of one origin and nowhere else.
pub(crate) const TOKEN: &str = "glpat-canary-0123456789";
/// A secret of the same connection that no request carries.
pub(crate) const OTHER: &str = "whsec-canary-9876543210";

/// A server that counts its connections.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// A server that does with each connection what `serve` says.
    pub(crate) async fn raw<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream));
            }
        });
        Self { address, connections }
    }

    /// A server that writes `reply` as it is, once the head of a request has come.
    pub(crate) async fn answering(reply: impl Into<Vec<u8>>) -> Self {
        let reply = Arc::new(reply.into());
        Self::raw(move |mut stream| {
            let reply = Arc::clone(&reply);
            async move {
                read_head(&mut stream).await;
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &reply).await;
            }
        })
        .await
    }

    /// A real HTTP/1.1 server.
    pub(crate) async fn http<F>(answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        Self::raw(move |stream| serve(stream, answer.clone())).await
    }

    /// A real HTTP/2 and HTTP/1.1 server behind TLS.
    pub(crate) async fn https<F>(
        acceptor: TlsAcceptor,
        answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        Self::raw(move |stream| {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, answer).await;
                }
            }
        })
        .await
    }

    /// A listener that only counts who comes.
    pub(crate) async fn trap() -> Self {
        Self::raw(|stream| async move { drop(stream) }).await
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}

async fn serve<S, F>(stream: S, answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let service = hyper::service::service_fn(move |request| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(answer(request).await) }
    });
    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

/// Reads up to the empty line.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// A certificate authority and a server certificate of it.
pub(crate) fn authority(name: &str, protocols: &[&str]) -> (String, TlsAcceptor) {
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer_key = rcgen::KeyPair::generate().unwrap();
    let issuer_pem = parameters.self_signed(&issuer_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(parameters, issuer_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    (issuer_pem, TlsAcceptor::from(Arc::new(config)))
}

/// A resolver that answers from a list, the last answer for ever.
#[derive(Default)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    pub(crate) asked: AtomicUsize,
}

impl Script {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self { answers: Mutex::new(answers.iter().map(parse).collect()), asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Resolve for Script {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        if answers.len() > 1 {
            Ok(answers.pop_front().unwrap())
        } else {
            Ok(answers.front().cloned().unwrap_or_default())
        }
    }
}

/// A vault with one token, or none.
pub(crate) struct Vault(pub(crate) Option<&'static str>);

#[async_trait]
impl CredentialSource for Vault {
    async fn secrets(&self) -> Result<Lent, CredentialError> {
        let lent = |(slot, secret): (&str, &str)| (slot.to_owned(), Zeroizing::new(secret.as_bytes().to_vec()));
        Ok(self.0.map(|token| ("token", token)).into_iter().chain([("webhook", OTHER)]).map(lent).collect())
    }
}

/// Keeps what it hears.
#[derive(Default)]
pub(crate) struct Ears(Mutex<Vec<RequestRecord>>);

impl Ears {
    pub(crate) fn heard(&self) -> Vec<RequestRecord> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Ears {
    fn request(&self, record: &RequestRecord) {
        self.0.lock().unwrap().push(record.clone());
    }
}

/// Everything a test of the sender needs.
pub(crate) struct Lab {
    pub(crate) grant: Grant,
    pub(crate) resolver: Arc<Script>,
    pub(crate) timeouts: Timeouts,
    pub(crate) token: Option<&'static str>,
    pub(crate) ears: Arc<Ears>,
}

impl Lab {
    /// A grant for a server on loopback, by name and in the clear.
    pub(crate) fn plain(server: &Server) -> Self {
        let mut lab = Self::at(&format!("http://gitlab.test:{}", server.port()));
        lab.grant.network.plain_text = true;
        lab
    }

    /// The same with TLS and a private authority.
    pub(crate) fn secure(server: &Server, ca_pem: &str) -> Self {
        let mut lab = Self::at(&format!("https://gitlab.test:{}", server.port()));
        lab.grant.network.ca_pem = Some(ca_pem.to_owned());
        lab
    }

    pub(crate) fn at(origin: &str) -> Self {
        let mut grant = Grant {
            origin: Some(origin.to_owned()),
            base_path: "/gitlab".into(),
            profile: Some("test".into()),
            approved: Some(profile().digest()),
            ..Grant::default()
        };
        grant.network.private_addresses = vec!["127.0.0.1/32".into()];
        let long = Duration::from_secs(20);
        let timeouts = Timeouts {
            place: long,
            lookup: long,
            connect: long,
            tls: long,
            first_byte: long,
            between_bytes: long,
            total: 2 * long,
        };
        let resolver = Script::new(&[&["127.0.0.1"]]);
        Self { grant, resolver, timeouts, token: Some(TOKEN), ears: Arc::default() }
    }

    /// For tests that wait for this timeout. It alone is short: they once met another one while the machine stood still for a moment.
    pub(crate) fn hasty(mut self, wait: Wait) -> Self {
        let short = Duration::from_millis(400);
        let timeouts = &mut self.timeouts;
        match wait {
            Wait::Connection => (timeouts.connect, timeouts.tls) = (short, short),
            Wait::FirstByte => timeouts.first_byte = short,
            Wait::NextBytes => timeouts.between_bytes = short,
            Wait::Upload | Wait::Total => timeouts.total = 3 * short,
        }
        self
    }

    pub(crate) fn sender(&self) -> Arc<Sender> {
        let permission = Permission::new(&profile(), &self.grant).unwrap();
        let config = SenderConfig {
            resolver: Arc::clone(&self.resolver) as Arc<dyn Resolve>,
            timeouts: self.timeouts,
            ..SenderConfig::new(Arc::new(Vault(self.token)))
        };
        Arc::new(Sender::new(permission, config))
    }

    pub(crate) fn call(&self) -> Call {
        self.call_of(&self.sender())
    }

    pub(crate) fn call_of(&self, sender: &Arc<Sender>) -> Call {
        Call::new(Arc::clone(sender), Arc::clone(&self.ears) as Arc<dyn Observer>)
    }

    /// Sends so many at the same time; each has to be answered.
    pub(crate) async fn at_once(&self, call: &Call, count: usize) {
        let all: Vec<_> = (0..count)
            .map(|_| {
                let (call, url) = (call.clone(), self.url("/thing/x"));
                tokio::spawn(async move { send(&call, request("GET", &url, None)).await.map(drop) })
            })
            .collect();
        for one in all {
            one.await.unwrap().unwrap();
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/gitlab{path}", self.grant.origin.as_deref().unwrap())
    }

    /// One GET, read to its end.
    pub(crate) async fn get(&self, call: &Call, path: &str) -> Result<Response<Bytes>, SendError> {
        send(call, request("GET", &self.url(path), None)).await
    }
}

pub(crate) fn request(method: &str, url: &str, json: Option<&str>) -> Request<GuestBody> {
    let request = Request::builder().method(method).uri(url);
    match json {
        None => request.body(Empty::new().map_err(|never| match never {}).boxed_unsync()).unwrap(),
        Some(json) => {
            let body = Full::new(Bytes::from(json.to_owned())).map_err(|never| match never {}).boxed_unsync();
            request.header("content-type", "application/json").body(body).unwrap()
        }
    }
}

pub(crate) async fn send(call: &Call, request: Request<GuestBody>) -> Result<Response<Bytes>, SendError> {
    let (head, body) = call.forward(request, Shorter::default()).await?.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

pub(crate) fn profile() -> Profile {
    let rule = |method: &str, path: &str| Rule {
        purpose: format!("{method} {path}"),
        method: method.into(),
        path: path.into(),
        query: vec!["page".into()],
        credential: CredentialUse::Attach,
        max_request_bytes: 0,
        max_reply_bytes: 1 << 20,
        json: None,
        fills: Vec::new(),
        captures: Vec::new(),
    };
    let shape = |keys: &[&str]| JsonShape { keys: keys.iter().map(ToString::to_string).collect(), pins: Vec::new() };
    let json = |keys, path: &str| Rule { max_request_bytes: 1024, json: Some(shape(keys)), ..rule("POST", path) };
    Profile {
        name: "test".into(),
        summary: "for tests".into(),
        credential: Credential { slot: "token".into(), header: "authorization".into(), prefix: "Bearer ".into() },
        workspace: WorkspaceUse::None,
        rules: vec![
            rule("GET", "/thing/{name}"),
            rule("HEAD", "/thing/{name}"),
            Rule { credential: CredentialUse::Withhold, ..rule("GET", "/probe") },
            json(&["a"], "/json"),
            Rule { fills: vec!["webhook".into()], ..json(&["token"], "/hooks") },
            Rule { max_request_bytes: 1 << 20, ..rule("PUT", "/upload") },
        ],
        slots: vec![
            Slot { name: "token".into(), purpose: "the token".into(), uses: Vec::new() },
            Slot { name: "webhook".into(), purpose: "the webhook's".into(), uses: Vec::new() },
        ],
    }
}
