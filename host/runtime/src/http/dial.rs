//! Dialling: TCP to one of a few judged addresses, and the tunnel through a proxy.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// RFC 8305: the next address is tried after this long, or at once when the one before has failed.
const STAGGER: Duration = Duration::from_millis(250);
/// A proxy's answer to `CONNECT` is a status line and a few headers.
const MAX_PROXY_REPLY: usize = 8 * 1024;

/// Why a proxy opened no tunnel.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TunnelError {
    /// Another status than 200.
    #[error("the proxy answered `{0}`")]
    Refused(u16),
    /// Not HTTP, or it hung up.
    #[error("the proxy did not answer as a proxy")]
    Protocol,
}

/// IPv6 and IPv4 in turn, beginning with the family that the resolver put first.
pub(super) fn in_happy_order(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (first, second): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    loop {
        let (one, two) = (first.next(), second.next());
        if one.is_none() && two.is_none() {
            return ordered;
        }
        ordered.extend(one.into_iter().chain(two));
    }
}

/// The first of these addresses that answers.
pub(super) async fn dial(addresses: Vec<IpAddr>, port: u16) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter().map(|address| SocketAddr::new(address, port));
    let mut attempts = JoinSet::new();
    let mut failure = io::Error::from(io::ErrorKind::HostUnreachable);
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(TcpStream::connect(address));
        }
        let attempt = if waiting.len() == 0 {
            attempts.join_next().await
        } else {
            let Ok(attempt) = tokio::time::timeout(STAGGER, attempts.join_next()).await else { continue };
            attempt
        };
        match attempt {
            Some(Ok(Ok(stream))) => {
                // Small requests must not wait for the acknowledgement of the one before.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Some(Ok(Err(error))) => failure = error,
            Some(Err(_)) => {}
            None if waiting.len() == 0 => return Err(failure),
            None => {}
        }
    }
}

/// Asks a proxy for a tunnel to `authority`.
pub(super) async fn tunnel(stream: &mut TcpStream, authority: &str) -> Result<(), TunnelError> {
    let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|_| TunnelError::Protocol)?;
    let mut reply = Vec::new();
    while !reply.ends_with(b"\r\n\r\n") {
        if reply.len() == MAX_PROXY_REPLY {
            return Err(TunnelError::Protocol);
        }
        // Byte by byte: what follows the head belongs to the tunnel.
        reply.push(stream.read_u8().await.map_err(|_| TunnelError::Protocol)?);
    }
    match status(&reply).ok_or(TunnelError::Protocol)? {
        200..=299 => Ok(()),
        status => Err(TunnelError::Refused(status)),
    }
}

fn status(reply: &[u8]) -> Option<u16> {
    let line = str::from_utf8(reply.split(|byte| *byte == b'\r').next()?).ok()?;
    let rest = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "))?;
    rest.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_beginning_with_the_resolvers_first() {
        let order = |addresses: &[&str]| {
            let parsed = addresses.iter().map(|address| address.parse().unwrap()).collect();
            in_happy_order(parsed).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(order(&["::1", "::2", "::3", "1.1.1.1"]), ["::1", "1.1.1.1", "::2", "::3"]);
        assert_eq!(order(&["1.1.1.1", "::1", "1.1.1.2"]), ["1.1.1.1", "::1", "1.1.1.2"]);
        assert_eq!(order(&[]), [""; 0]);
    }

    #[tokio::test]
    async fn an_address_that_refuses_does_not_hold_up_the_next() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let addresses = vec!["127.0.0.2".parse().unwrap(), "127.0.0.1".parse().unwrap()];
        // A busy machine may hold up one try, and not each of several.
        let mut quickest = Duration::MAX;
        for _ in 0..5 {
            let begun = std::time::Instant::now();
            let stream = dial(addresses.clone(), port).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
            quickest = quickest.min(begun.elapsed());
        }
        assert!(quickest < STAGGER);
        drop(listener);
        assert!(dial(vec!["127.0.0.1".parse().unwrap()], port).await.is_err());
        assert!(dial(vec![], port).await.is_err());
    }
}
