//! TLS: rustls with ring, the platform's roots beside the operator's, HTTP/2 and HTTP/1.1 by ALPN.
//!
//! The platform's roots are read once per process, when the first TLS connection is made. No environment variable is read for
//! it on Linux and the BSDs: `SSL_CERT_FILE` would let whoever sets it decide whom we trust. (On macOS and Windows the system's
//! store is asked through `rustls-native-certs`, which looks at that variable first.)

use std::sync::{Arc, OnceLock};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use super::target::Host;

/// The client configuration of one connection profile; session tickets live in it, so it is never shared between two.
pub(super) async fn client_config(operator: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(platform_roots().await.iter().cloned());
    roots.add_parsable_certificates(operator.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The name that the server's certificate must have.
pub(super) fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Name(name) => ServerName::try_from(name.clone()).ok(),
        Host::Address(address) => Some(ServerName::from(*address)),
    }
}

async fn platform_roots() -> &'static [CertificateDer<'static>] {
    static ROOTS: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return roots;
    }
    // A few milliseconds of file reading. If the task fails there are no roots, and every certificate is refused.
    let loaded = tokio::task::spawn_blocking(load_platform_roots).await.unwrap_or_default();
    ROOTS.get_or_init(|| loaded)
}

#[cfg(any(windows, target_os = "macos"))]
fn load_platform_roots() -> Vec<CertificateDer<'static>> {
    rustls_native_certs::load_native_certs().certs
}

#[cfg(not(any(windows, target_os = "macos")))]
fn load_platform_roots() -> Vec<CertificateDer<'static>> {
    const BUNDLES: [&str; 8] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
        "/usr/local/share/certs/ca-root-nss.crt",
        "/usr/local/etc/ssl/cert.pem",
        "/etc/openssl/certs/ca-certificates.crt",
    ];
    let load = |path: &&str| rustls_native_certs::load_certs_from_paths(Some(path.as_ref()), None).certs;
    BUNDLES.iter().map(load).find(|certificates| !certificates.is_empty()).unwrap_or_default()
}
