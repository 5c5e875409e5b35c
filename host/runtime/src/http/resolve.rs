//! Looking names up. A trait, so that a test can change the answer between two look-ups, and a product can bring its own.

use std::io;
use std::net::IpAddr;

use async_trait::async_trait;

/// Looks a name up.
#[async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of a name. Called once for each new connection; exactly what it returns is judged and dialled.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let addresses = tokio::net::lookup_host((name, 0)).await?;
        Ok(addresses.map(|address| address.ip()).collect())
    }
}
