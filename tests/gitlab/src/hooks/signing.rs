//! Signatures in the manner of Standard Webhooks: GitLab 19.0 and later.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a signing token begins with.
const PREFIX: &str = "whsec_";

/// The key of a signing token.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey([u8; 32]);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// Reads `whsec_` and the base64 of 32 bytes.
    pub fn parse(token: &str) -> Option<Self> {
        let bytes = STANDARD.decode(token.strip_prefix(PREFIX)?).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The value of `webhook-signature`.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        sign(&self.0, id, timestamp, body)
    }
}

fn sign(key: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published vector has a key of 24 bytes, which GitLab would not take, so it goes past `parse`.
    #[test]
    fn the_signature_is_that_of_the_published_vector() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn only_the_base64_of_32_bytes_after_the_prefix_is_a_key() {
        let good = format!("whsec_{}", STANDARD.encode([7; 32]));
        assert!(SigningKey::parse(&good).is_some());
        for bad in ["", "whsec_", "whsec_!!", &good[6..], &format!("whsec_{}", STANDARD.encode([7; 24]))] {
            assert!(SigningKey::parse(bad).is_none(), "{bad}");
        }
    }
}
