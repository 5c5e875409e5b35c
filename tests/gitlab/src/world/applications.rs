//! OAuth applications, and what people granted them: authorization codes and device codes. Tokens are `oauth_tokens`.

use jiff::{SignedDuration, Timestamp};

use super::table::Table;

/// How long an authorization code lives.
const CODE_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
/// How long a device code lives.
pub const DEVICE_LIFETIME: SignedDuration = SignedDuration::from_secs(300);
/// How far apart a device must ask.
pub const DEVICE_INTERVAL: SignedDuration = SignedDuration::from_secs(5);

/// One application.
#[derive(Debug, Clone)]
pub struct Application {
    /// Numeric id.
    pub id: u64,
    /// `client_id`: 64 hex digits.
    pub uid: String,
    /// `client_secret`.
    pub secret: String,
    /// Display name.
    pub name: String,
    /// Where codes may be sent: exactly these.
    pub redirect_uris: Vec<String>,
    /// Scopes that it may ask for.
    pub scopes: Vec<String>,
    /// Whether it can keep a secret, and must show it.
    pub confidential: bool,
}

/// One authorization code.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The code.
    pub code: String,
    /// Of which application.
    pub application: String,
    /// By whom.
    pub user_id: u64,
    /// Where it was sent.
    pub redirect_uri: String,
    /// What was granted.
    pub scopes: Vec<String>,
    /// What the verifier must match.
    pub challenge: Option<Challenge>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The access token that it was exchanged for.
    pub issued: Option<String>,
}

impl Grant {
    /// Whether it is too late.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now.duration_since(self.created_at) > CODE_LIFETIME
    }
}

/// A PKCE challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// The verifier itself.
    Plain(String),
    /// Its SHA-256 in unpadded base64url.
    Sha256(String),
}

/// One device code.
#[derive(Debug, Clone)]
pub struct DeviceGrant {
    /// What the device keeps.
    pub device_code: String,
    /// What a person types.
    pub user_code: String,
    /// Of which application.
    pub application: String,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the device asked last.
    pub polled_at: Option<Timestamp>,
    /// What the person said.
    pub decision: Decision,
}

/// What a person said to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing yet.
    Pending,
    /// This user allowed it.
    Approved(u64),
    /// Somebody refused it.
    Denied,
}

/// All applications and grants.
#[derive(Debug, Default)]
pub struct Applications {
    /// Applications by id.
    pub table: Table<Application>,
    /// Authorization codes, used ones included.
    pub grants: Vec<Grant>,
    /// Device codes.
    pub devices: Vec<DeviceGrant>,
}

impl Applications {
    /// The application with this `client_id`.
    pub fn by_uid(&self, uid: &str) -> Option<&Application> {
        self.table.iter().find(|application| application.uid == uid)
    }
}
