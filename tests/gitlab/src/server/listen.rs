//! Accepts connections and speaks HTTP/1.1 or HTTP/2 on them, over TLS or in clear.

use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::gate::Gate;

/// Serves until the task is dropped.
pub(crate) async fn listen(listener: TcpListener, tls: Option<Arc<ServerConfig>>, gate: Gate) {
    let acceptor = tls.map(TlsAcceptor::from);
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let connection = gate.app.log.connected();
        tokio::spawn(greet(stream, acceptor.clone(), gate.clone(), connection));
    }
}

async fn greet(stream: TcpStream, acceptor: Option<TlsAcceptor>, gate: Gate, connection: u64) {
    // Small answers must not wait for the next packet.
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => talk(stream, gate, connection).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                talk(stream, gate, connection).await;
            }
        }
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, gate: Gate, connection: u64) {
    let service = service_fn(move |request| gate.clone().serve(connection, request));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(256);
    // A client that goes away in the middle is its own affair.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}
