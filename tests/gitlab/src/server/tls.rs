//! A certificate authority made at start, and a server certificate for loopback signed by it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// What TLS needs.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The authority in PEM, for clients to trust.
    pub(crate) ca_pem: String,
    /// The server's side.
    pub(crate) config: Arc<ServerConfig>,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The certificate could not be made.
    #[error("no certificate could be made")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library did not take it.
    #[error("the certificate is not usable")]
    Tls(#[from] rustls::Error),
}

/// Makes an authority and a certificate for `localhost`, `127.0.0.1`, `::1` and `gitlab.test`.
pub(crate) fn identity() -> Result<Identity, IdentityError> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "gitlab-sim authority");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let names = ["localhost", "127.0.0.1", "::1", "gitlab.test"].map(str::to_owned);
    let key = KeyPair::generate()?;
    let mut server = CertificateParams::new(names)?;
    server.distinguished_name.push(DnType::CommonName, "gitlab-sim");
    server.use_authority_key_identifier_extension = true;
    let certificate = server.signed_by(&key, &authority)?;

    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Identity { ca_pem: authority.pem(), config: Arc::new(config) })
}
