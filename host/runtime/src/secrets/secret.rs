//! A secret in memory, and the only comparisons that are made with it.
//!
//! Decided here: that a secret is long enough to be found where it should not be, prints nothing, cannot be cloned or serialised, is zeroed
//! when dropped, and is compared in time that depends neither on its bytes, nor on its length, nor on where a candidate differs. Not
//! decided here: who may compare (`policy`), where it is kept (`vault`).
//!
//! No other length and no prefix of a token is judged: GitLab changed both before and will again.
//!
//! Known gap: while a secret is in use its bytes are in ordinary memory; a core dump or a debugger of the same user sees them.
//! A server that minds should run as a non-dumpable process.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

/// Base64 of the standard alphabet, read with or without its padding.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The shortest secret that is kept. A shorter one cannot be kept out of replies and logs: it would be found in innocent places, and
/// where it was found would give it away. GitLab's have 20 characters and more.
pub const MIN_SECRET_BYTES: usize = 8;

/// The longest secret that is kept. Far above any token; a private key in PEM fits.
pub const MAX_SECRET_BYTES: usize = 64 * 1024;

const WHSEC: &str = "whsec_";

/// Secret bytes, [`MIN_SECRET_BYTES`] to [`MAX_SECRET_BYTES`].
pub struct Secret {
    bytes: Zeroizing<Vec<u8>>,
    /// Made with them, so that a comparison hashes the candidate alone: the time of hashing tells a length, in blocks of 64 bytes.
    digest: Zeroizing<[u8; 32]>,
}

/// The bytes cannot be a secret.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SecretError {
    /// An empty secret would match an empty candidate.
    #[error("a secret cannot be empty")]
    Empty,
    /// Shorter than [`MIN_SECRET_BYTES`].
    #[error("a secret of {0} bytes cannot be kept out of replies and logs: it needs at least {MIN_SECRET_BYTES}")]
    TooShort(usize),
    /// Longer than [`MAX_SECRET_BYTES`].
    #[error("a secret of {0} bytes is longer than {MAX_SECRET_BYTES}")]
    TooLong(usize),
}

impl SecretError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty | Self::TooShort(_) => "give the whole secret; GitLab's have 20 characters and more",
            Self::TooLong(_) => "give the secret alone, not the file it is in",
        }
    }
}

/// The system's random source failed.
#[derive(Debug, Error)]
#[error("no random bytes from the system")]
pub struct RandomError(#[from] getrandom::Error);

/// What a new secret looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// 32 random bytes as 64 hexadecimal digits.
    Hex,
    /// `whsec_` and the base64 of 32 random bytes, as Standard Webhooks has it.
    Whsec,
}

/// How a slot's text becomes the key of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// The bytes themselves.
    Text,
    /// Base64 after `whsec_`.
    Whsec,
}

/// The slot does not hold a key of that form.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("not `whsec_` and base64")]
pub struct KeyFormError;

impl Secret {
    /// Takes the bytes over; they are zeroed when they cannot be a secret.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, SecretError> {
        let bytes = Zeroizing::new(bytes.into());
        match bytes.len() {
            0 => Err(SecretError::Empty),
            length @ 1..MIN_SECRET_BYTES => Err(SecretError::TooShort(length)),
            MIN_SECRET_BYTES..=MAX_SECRET_BYTES => Ok(Self::of(bytes)),
            length => Err(SecretError::TooLong(length)),
        }
    }

    /// A new random secret.
    pub fn generate(recipe: Recipe) -> Result<Self, RandomError> {
        let bytes = random::<32>()?;
        let mut text = Vec::with_capacity(64);
        match recipe {
            Recipe::Hex => text.extend(hex_digits(&bytes[..])),
            Recipe::Whsec => {
                text.resize(50, 0);
                text[..WHSEC.len()].copy_from_slice(WHSEC.as_bytes());
                BASE64.encode_slice(&bytes[..], &mut text[WHSEC.len()..]).expect("44 digits for 32 bytes");
            }
        }
        Ok(Self::of(Zeroizing::new(text)))
    }

    fn of(bytes: Zeroizing<Vec<u8>>) -> Self {
        let digest = Zeroizing::new(Sha256::digest(&bytes[..]).into());
        Self { bytes, digest }
    }

    /// The bytes. Each caller of this is a place where a secret leaves its wrapping.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the candidate is the secret. Digests are compared, so unequal lengths take the same way as equal ones, and how long it takes
    /// tells only the candidate's.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(candidate).into();
        digest.ct_eq(&self.digest[..]).into()
    }

    /// Whether `tag` is the HMAC-SHA256 of the message. A tag of another length is just wrong.
    pub fn verify_hmac_sha256(&self, form: KeyForm, message: &[u8], tag: &[u8]) -> Result<bool, KeyFormError> {
        let key = self.key(form)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length is a key");
        mac.update(message);
        Ok(mac.verify_slice(tag).is_ok())
    }

    fn key(&self, form: KeyForm) -> Result<Zeroizing<Vec<u8>>, KeyFormError> {
        if form == KeyForm::Text {
            return Ok(self.bytes.clone());
        }
        let digits = self.bytes.strip_prefix(WHSEC.as_bytes()).ok_or(KeyFormError)?;
        let key = Zeroizing::new(BASE64.decode(digits).map_err(|_| KeyFormError)?);
        if key.is_empty() { Err(KeyFormError) } else { Ok(key) }
    }
}

impl TryFrom<&[u8]> for Secret {
    type Error = SecretError;

    fn try_from(bytes: &[u8]) -> Result<Self, SecretError> {
        Self::new(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// Random bytes of the system, zeroed when dropped.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, RandomError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut bytes[..]).inspect_err(|_| bytes.zeroize())?;
    Ok(bytes)
}

/// Two digits for each byte, without a text in between that nobody would zero.
pub(crate) fn hex_digits(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|nibble| b"0123456789abcdef"[usize::from(nibble)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text).unwrap()
    }

    #[test]
    fn a_secret_is_neither_empty_nor_too_short_to_be_redacted_nor_endless() {
        assert_eq!(Secret::new("").unwrap_err(), SecretError::Empty);
        assert_eq!(Secret::new("1234567").unwrap_err(), SecretError::TooShort(7));
        assert!(Secret::new("12345678").is_ok());
        assert_eq!(Secret::new(vec![0; MAX_SECRET_BYTES + 1]).unwrap_err(), SecretError::TooLong(MAX_SECRET_BYTES + 1));
    }

    #[test]
    fn only_the_same_bytes_match() {
        let kept = secret("glpat-canary");
        for (candidate, expected) in [
            ("glpat-canary", true),
            ("", false),
            ("glpat-canar", false),
            ("glpat-canary\0", false),
            ("glpat-canary ", false),
            ("GLPAT-CANARY", false),
        ] {
            assert_eq!(kept.matches(candidate.as_bytes()), expected, "{candidate:?}");
        }
    }

    #[test]
    fn nothing_is_printed() {
        let kept = secret("a canary");
        assert_eq!(format!("{kept} {kept:?} {:?}", Some(&kept)), "(secret) Secret(..) Some(Secret(..))");
    }

    #[test]
    fn hmac_agrees_with_rfc_4231_and_standard_webhooks() {
        let tag = [
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00,
            0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
        ];
        // The example's key, shorter than any that is kept.
        let jefe = Secret::of(Zeroizing::new(b"Jefe".to_vec()));
        let message = b"what do ya want for nothing?";
        assert_eq!(jefe.verify_hmac_sha256(KeyForm::Text, message, &tag), Ok(true));
        assert_eq!(jefe.verify_hmac_sha256(KeyForm::Text, b"something else", &tag), Ok(false));
        assert_eq!(jefe.verify_hmac_sha256(KeyForm::Text, message, &tag[..31]), Ok(false));
        assert_eq!(jefe.verify_hmac_sha256(KeyForm::Text, message, b""), Ok(false));
        assert_eq!(jefe.verify_hmac_sha256(KeyForm::Whsec, message, &tag), Err(KeyFormError));

        // The example of the Standard Webhooks specification.
        let whsec = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = br#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#;
        let tag = BASE64.decode("g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=").unwrap();
        assert_eq!(whsec.verify_hmac_sha256(KeyForm::Whsec, signed, &tag), Ok(true));
        assert_eq!(whsec.verify_hmac_sha256(KeyForm::Text, signed, &tag), Ok(false));
        assert_eq!(secret("whsec_==").verify_hmac_sha256(KeyForm::Whsec, signed, &tag), Err(KeyFormError));
    }

    #[test]
    fn a_new_secret_has_the_shape_of_its_recipe_and_never_repeats() {
        let hex = Secret::generate(Recipe::Hex).unwrap();
        assert_eq!(hex.expose().len(), 64);
        assert!(hex.expose().iter().all(u8::is_ascii_hexdigit));
        let whsec = Secret::generate(Recipe::Whsec).unwrap();
        assert_eq!(whsec.key(KeyForm::Whsec).unwrap().len(), 32);
        assert_eq!(whsec.expose().len(), 50);
        assert!(!Secret::generate(Recipe::Hex).unwrap().matches(hex.expose()));
    }
}
