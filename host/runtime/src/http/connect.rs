//! The one place that opens sockets: resolve, judge, dial exactly the judged addresses, TLS.
//!
//! A connector belongs to one connection profile and knows one origin: whatever the HTTP client asks it for, it connects there
//! and nowhere else. If any address of a name is prohibited the name is refused as a whole, since a mixed answer is how
//! rebinding begins. Each new connection is resolved and judged again.
//!
//! With a proxy, the proxy's own name is resolved and judged just like that (a proxy on a private address needs its entry in
//! `private-addresses`). The server's name is resolved and judged here too, and the proxy is given the judged address, so that
//! it cannot choose another; the certificate is still checked for the name. Where only the proxy can look names up the operator
//! says so by `proxy-resolves`; then an address written as such is judged and a name is not. Proxy variables of the
//! environment are never read.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use super::address::Prohibited;
use super::demand::{Demand, Open};
use super::dial::{TunnelError, dial, in_happy_order, tunnel};
use super::resolve::Resolve;
use super::target::{Host, Origin, Scheme};
use super::timeouts::Timeouts;
use super::tls;
use crate::permission::{Permission, Proxy, ProxyNames, Site};

/// A name with more addresses than this is cut: nobody tries them all.
const MAX_ADDRESSES: usize = 16;

/// Why there is no connection.
#[derive(Clone, Debug, Error)]
pub enum ConnectError {
    /// Nothing is granted.
    #[error("nothing is granted to this connection")]
    Nothing,
    /// Every request has found another connection.
    #[error("the connection is no longer wanted")]
    NotWanted,
    /// The resolver took too long.
    #[error("looking up `{0}` took too long")]
    LookupTimeout(Host),
    /// The resolver failed.
    #[error("`{host}` cannot be looked up: {reason}")]
    Lookup {
        /// The name.
        host: Host,
        /// By the system.
        reason: String,
    },
    /// The name has no address.
    #[error("`{0}` has no address")]
    NoAddress(Host),
    /// One of the addresses is prohibited.
    #[error("`{host}` is refused: {prohibited}")]
    Prohibited {
        /// The name.
        host: Host,
        /// Its address.
        prohibited: Prohibited,
    },
    /// No address answered in time.
    #[error("connecting to `{0}` took too long")]
    Timeout(Host),
    /// Every address refused.
    #[error("`{host}` cannot be reached: {reason}")]
    Unreachable {
        /// The name.
        host: Host,
        /// By the system.
        reason: String,
        /// Whether somebody answered with a refusal.
        kind: io::ErrorKind,
    },
    /// No tunnel.
    #[error("no tunnel to `{host}`: {source}")]
    Tunnel {
        /// The name.
        host: Host,
        /// By the proxy.
        source: TunnelError,
    },
    /// Silence in the handshake.
    #[error("the TLS handshake with `{0}` took too long")]
    TlsTimeout(Host),
    /// Not trusted, not for this name, or expired.
    #[error("the certificate of `{host}` is not accepted: {reason}")]
    Certificate {
        /// The name.
        host: Host,
        /// By rustls.
        reason: String,
    },
    /// Everything else about TLS.
    #[error("no TLS with `{host}`: {reason}")]
    Tls {
        /// The name.
        host: Host,
        /// By rustls or the system.
        reason: String,
    },
}

/// Connects to the one origin of a permission.
#[derive(Clone)]
pub struct Connector(Arc<Inner>);

struct Inner {
    permission: Permission,
    resolver: Arc<dyn Resolve>,
    timeouts: Timeouts,
    demand: Arc<Demand>,
    tls: OnceCell<Arc<ClientConfig>>,
}

/// An open connection.
pub struct Channel {
    io: TokioIo<Box<dyn Duplex>>,
    http2: bool,
    _open: Open,
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl ConnectError {
    /// What the operator could change.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Prohibited { prohibited, .. } => Some(prohibited.hint()),
            Self::Certificate { .. } => Some(
                "if the server's certificate is issued by your own authority, put that authority's certificate into `ca-pem` \
                 under `[network]` of the grant"
                    .to_owned(),
            ),
            Self::Lookup { .. } | Self::NoAddress(_) => Some("check the host name in `origin` of the grant".to_owned()),
            Self::Tunnel { .. } => Some("check `proxy` under `[network]` of the grant".to_owned()),
            _ => None,
        }
    }
}

impl Connector {
    pub(super) fn new(
        permission: Permission,
        resolver: Arc<dyn Resolve>,
        timeouts: Timeouts,
        demand: Arc<Demand>,
    ) -> Self {
        Self(Arc::new(Inner { permission, resolver, timeouts, demand, tls: OnceCell::new() }))
    }
}

impl tower_service::Service<http::Uri> for Connector {
    type Response = Channel;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Channel, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    /// The client's idea of the destination is not looked at: there is only one.
    fn call(&mut self, _: http::Uri) -> Self::Future {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.connect().await })
    }
}

impl Inner {
    async fn connect(&self) -> Result<Channel, ConnectError> {
        let site = self.permission.site().map_err(|_| ConnectError::Nothing)?;
        let open = self.demand.another().await.ok_or(ConnectError::NotWanted)?;
        match site.origin.scheme() {
            Scheme::Http => {
                let stream = self.stream(site).await?;
                Ok(Channel { io: TokioIo::new(Box::new(stream)), http2: false, _open: open })
            }
            Scheme::Https => {
                // The first of a process reads the platform's roots: some milliseconds, in which the server is reached.
                let (stream, config) = tokio::try_join!(self.stream(site), self.tls_config(site))?;
                self.secure(site, stream, config, open).await
            }
        }
    }

    async fn stream(&self, site: &Site) -> Result<TcpStream, ConnectError> {
        match &site.proxy {
            None => self.reach(site, &site.origin).await,
            Some(proxy) => self.reach_through(site, proxy).await,
        }
    }

    async fn tls_config(&self, site: &Site) -> Result<Arc<ClientConfig>, ConnectError> {
        let config = self.tls.get_or_try_init(|| tls::client_config(&site.ca)).await;
        let failed =
            |error: rustls::Error| ConnectError::Tls { host: site.origin.host().clone(), reason: error.to_string() };
        config.cloned().map_err(failed)
    }

    async fn reach(&self, site: &Site, origin: &Origin) -> Result<TcpStream, ConnectError> {
        let addresses = self.judged_addresses(site, origin).await?;
        let host = origin.host();
        let dialled = within(self.timeouts.connect, dial(addresses, origin.port())).await;
        dialled.ok_or_else(|| ConnectError::Timeout(host.clone()))?.map_err(|error| ConnectError::Unreachable {
            host: host.clone(),
            reason: error.to_string(),
            kind: error.kind(),
        })
    }

    async fn reach_through(&self, site: &Site, proxy: &Proxy) -> Result<TcpStream, ConnectError> {
        let origin = &site.origin;
        let destination = match (proxy.names, origin.host()) {
            (ProxyNames::Proxy, Host::Name(name)) => Host::Name(name.clone()),
            _ => {
                let addresses = self.judged_addresses(site, origin).await?;
                Host::Address(*addresses.first().ok_or_else(|| ConnectError::NoAddress(origin.host().clone()))?)
            }
        };
        let mut stream = self.reach(site, &proxy.origin).await?;
        let authority = format!("{destination}:{}", origin.port());
        let opened = within(self.timeouts.connect, tunnel(&mut stream, &authority)).await;
        opened
            .ok_or_else(|| ConnectError::Timeout(proxy.origin.host().clone()))?
            .map_err(|source| ConnectError::Tunnel { host: origin.host().clone(), source })?;
        Ok(stream)
    }

    async fn judged_addresses(&self, site: &Site, origin: &Origin) -> Result<Vec<IpAddr>, ConnectError> {
        let host = origin.host();
        let mut addresses = self.resolve(host).await?;
        for address in &addresses {
            let verdict = site.addresses.judge(*address, origin.port());
            verdict.map_err(|prohibited| ConnectError::Prohibited { host: host.clone(), prohibited })?;
        }
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() {
            return Err(ConnectError::NoAddress(host.clone()));
        }
        Ok(in_happy_order(addresses))
    }

    async fn resolve(&self, host: &Host) -> Result<Vec<IpAddr>, ConnectError> {
        let Host::Name(name) = host else { return Ok(host.address().into_iter().collect()) };
        let found = within(self.timeouts.lookup, self.resolver.resolve(name)).await;
        let found = found.ok_or_else(|| ConnectError::LookupTimeout(host.clone()))?;
        found.map_err(|error| ConnectError::Lookup { host: host.clone(), reason: error.to_string() })
    }

    async fn secure(
        &self,
        site: &Site,
        stream: TcpStream,
        config: Arc<ClientConfig>,
        open: Open,
    ) -> Result<Channel, ConnectError> {
        let host = site.origin.host();
        let failed = |reason: String| ConnectError::Tls { host: host.clone(), reason };
        let name = tls::server_name(host).ok_or_else(|| failed("no certificate can have this name".to_owned()))?;
        let handshake = TlsConnector::from(config).connect(name, stream);
        let stream =
            within(self.timeouts.tls, handshake).await.ok_or_else(|| ConnectError::TlsTimeout(host.clone()))?;
        let stream = stream.map_err(|error| tls_error(host, &error))?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Channel { io: TokioIo::new(Box::new(stream)), http2, _open: open })
    }
}

fn tls_error(host: &Host, error: &io::Error) -> ConnectError {
    let host = host.clone();
    match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            ConnectError::Certificate { host, reason: reason.to_string() }
        }
        _ => ConnectError::Tls { host, reason: error.to_string() },
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("permission", &self.0.permission).finish_non_exhaustive()
    }
}

impl Connection for Channel {
    fn connected(&self) -> Connected {
        if self.http2 { Connected::new().negotiated_h2() } else { Connected::new() }
    }
}

impl Read for Channel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Channel {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, buffers)
    }
}
