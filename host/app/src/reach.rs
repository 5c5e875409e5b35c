//! What a server in the clear needs to be granted, told at once.
//!
//! A grant without `--plain-text` is refused before any name is looked up, and a private address only when it is dialled. A GitLab in
//! somebody's own network has both, and whoever connects it should read about both the first time. Nothing is decided here and
//! nothing is dialled: the library refuses either by itself.

use crate::failure::{Exit, Failure, option};
use crate::server::Server;
use gitlab_sync_host::grant::Network;
use gitlab_sync_host::http::address::AddressPolicy;
use gitlab_sync_host::http::resolve::{Resolve, SystemResolver};
use gitlab_sync_host::http::target::{Host, Origin};
use std::net::IpAddr;
use std::time::Duration;

/// A name that takes longer is left to the connection itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a server that is spoken to in the clear cannot be reached with this grant. None: it is granted, or not in the clear.
pub(crate) async fn missing(server: &Server, network: &Network) -> Option<Failure> {
    if server.scheme != "http" || network.plain_text {
        return None;
    }
    let origin: Origin = server.origin().parse().ok()?;
    let policy = AddressPolicy::parse(&network.private_addresses).unwrap_or_default();
    let (mut reasons, mut options) = (vec!["it is not encrypted".to_owned()], vec!["--plain-text".to_owned()]);
    // Through a proxy, names may mean something else.
    let addresses = if network.proxy.is_none() { addresses(origin.host()).await } else { vec![] };
    for prohibited in addresses.into_iter().filter_map(|address| policy.judge(address, origin.port()).err()) {
        if let Some((_, option)) = option(&prohibited.hint()) {
            reasons.push(prohibited.to_string());
            options.push(option);
        }
    }
    let failure = Failure::new(format!("`{origin}` is not granted: {}", reasons.join(", and ")));
    let options = options.join(" ");
    let hint = format!("if this is your server, and the token may cross the network in the clear, add `{options}`");
    Some(failure.hint(hint).coded("denied").ending(Exit::Refused))
}

async fn addresses(host: &Host) -> Vec<IpAddr> {
    let name = match host {
        Host::Address(address) => return vec![*address],
        Host::Name(name) => name,
    };
    let found = tokio::time::timeout(PATIENCE, SystemResolver.resolve(name)).await;
    found.ok().and_then(Result::ok).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everything_that_a_local_server_needs_is_told_at_once() {
        let network = |private: &[&str]| Network {
            private_addresses: private.iter().map(ToString::to_string).collect(),
            ..Network::default()
        };
        for (url, granted, command) in [
            ("http://10.0.0.5", &[][..], Some("`--plain-text --private-address 10.0.0.5/32:80`")),
            ("http://10.0.0.5:8080/x", &["10.0.0.0/8"], Some("`--plain-text`")),
            ("http://[fd00::7]", &[], Some("`--plain-text --private-address [fd00::7/128]:80`")),
            ("http://192.0.2.1", &["192.0.2.1/32"], Some("`--plain-text`")),
            ("https://10.0.0.5", &[], None),
        ] {
            let failure = missing(&Server::parse(url).unwrap(), &network(granted)).await;
            assert_eq!(failure.is_some(), command.is_some(), "{url}");
            let hints = failure.map(|failure| failure.hints().to_vec()).unwrap_or_default();
            assert!(command.is_none_or(|command| hints.iter().any(|hint| hint.ends_with(command))), "{url}: {hints:?}");
        }
        let plain = Network { plain_text: true, ..Network::default() };
        assert!(missing(&Server::parse("http://10.0.0.5").unwrap(), &plain).await.is_none());
    }
}
