//! What the connector is lent: traits with plain types, one for each interface of the contract.
//!
//! Decided here: the words in which the domain asks. Not decided here: what is allowed, which is the host's business, and how a
//! question crosses the border of the component (`component`). Natively a product or a test implements these traits itself.

use std::ops::ControlFlow;

use crate::request::Request;

/// Everything the host lends, as one object.
pub trait Host: Http + Files + State + Secrets + Log + Clock {}

impl<T: Http + Files + State + Secrets + Log + Clock> Host for T {}

/// HTTP to the connection's own instance.
pub trait Http {
    /// Sends all of them, some at once, and gives the outcomes in the order of the requests.
    fn send(&self, requests: &[Request]) -> Vec<Result<Reply, HttpError>>;

    /// Sends one and hands a success's body over in pieces as they come, so that it need not fit into memory; the reply's own
    /// body is then empty. The body of any other reply is in the reply. Stops reading when `take` breaks.
    fn stream(&self, request: &Request, take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<Reply, HttpError>;
}

/// What a server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Such as 200.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Decoded and complete.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first value of the header of this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// The host's policy; nothing was sent. With its reason where it gave one.
    Denied(Option<String>),
    /// The name resolved to an address that the host does not dial; nothing was sent.
    AddressProhibited,
    /// The name could not be resolved.
    NotResolved,
    /// No connection came about: the reason in a few words.
    NotConnected(&'static str),
    /// The certificate or the handshake was not accepted.
    NotTrusted,
    /// The host has no credential to send; nothing was sent.
    NoCredential,
    /// A limit of the host for this call struck before anything was sent.
    Exhausted,
    /// The reply is larger than the host lends.
    ReplyTooLarge,
    /// The replies that came with it fill the memory of a call: ask for this one again, with fewer beside it.
    NoRoom,
    /// The connection broke or took too long after the request had left: it may have been carried out.
    NoReply(&'static str),
}

impl HttpError {
    /// Whether the server may have carried out the request.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::NoReply(_) | Self::ReplyTooLarge | Self::NoRoom)
    }
}

/// The product's workspace.
pub trait Files {
    /// One page of the files below `prefix` (empty for all) after the path `after`.
    fn list(&self, prefix: &str, after: Option<&str>) -> Result<Listing, FileError>;
    /// What is new beside what these marks make known, and the files at `paths` in any case. A mark is a number as
    /// `ledger::Mark` gives it.
    fn news(&self, known: &[u64], paths: &[String]) -> Result<News, FileError>;
    /// The file at each of these paths, in the order asked, whatever else is there. At most 10,000.
    fn look(&self, paths: &[String]) -> Result<Vec<Option<Entry>>, FileError>;
    /// The contents, in the order asked.
    fn read(&self, paths: &[String]) -> Result<Vec<Content>, FileError>;
    /// All changes or none. Gives the new version of each written path, in order.
    fn apply(&self, batch: Vec<FileChange>) -> Result<Vec<String>, FileError>;
    /// Hands over a batch, which is made meanwhile, and gives what became of the one before; if that failed, this one is not begun.
    /// An empty one only asks.
    fn apply_ahead(&self, batch: Vec<FileChange>) -> Result<Vec<String>, FileError>;
    /// How much one call takes on.
    fn portion(&self) -> Portion {
        Portion::STANDARD
    }
}

/// What one call takes on, in bytes. More is for another call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion {
    /// Of files that are read because they are not known.
    pub read: u64,
    /// Of one commit's request.
    pub commit: usize,
    /// Of the requests of all commits.
    pub commits: usize,
    /// Of contents that are fetched, out of an archive or otherwise.
    pub fetched: usize,
    /// Read of an archive, with all that is passed over in it.
    pub archive: usize,
    /// Milliseconds in which contents are fetched. A call has two minutes for these, a listing and what is noted in the end.
    pub millis: u64,
}

impl Portion {
    /// For 40 G instructions and GitLab's limits. A byte that is hashed takes 38 instructions, one of a commit 92 with that, and a call that
    /// pushes some of 100,000 files 3 G beside it: half of all is left for larger trees. GitLab slows requests above 20 MB down to three in
    /// half a minute; eight of them are one call. The host lends 1 GiB of replies, of which a listing of 100,000 files takes 25 MB.
    pub const STANDARD: Self = Self {
        read: 256 << 20,
        commit: 19_000_000,
        commits: 152_000_000,
        fetched: 384 << 20,
        archive: 896 << 20,
        millis: 75_000,
    };
}

/// One page of the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// In order of their paths.
    pub entries: Vec<Entry>,
    /// What is there and cannot be lent, with the reason.
    pub skipped: Vec<(String, String)>,
    /// Whether more follow.
    pub more: bool,
}

/// What a walk through the whole workspace found beside what is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Files that are not known, and those that were asked for, in order of their paths.
    pub entries: Vec<Entry>,
    /// Everything that is there and cannot be lent, with the reason.
    pub skipped: Vec<(String, String)>,
    /// Known marks that no file has.
    pub missing: Vec<u64>,
    /// Whether there was too much to tell; then nothing is told.
    pub too_many: bool,
}

/// One file of the workspace, unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative, separated by `/`.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// The host's cheap mark of the content.
    pub version: String,
    /// The executable bit.
    pub executable: bool,
}

/// One file of the workspace, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// As asked.
    pub path: String,
    /// The whole file.
    pub bytes: Vec<u8>,
    /// The mark of exactly these bytes.
    pub version: String,
}

/// One change of an atomic batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// Put these bytes there.
    Write {
        /// Where.
        path: String,
        /// What.
        bytes: Vec<u8>,
        /// With the executable bit.
        executable: bool,
        /// What must be there before.
        expected: Expectation,
    },
    /// Remove the file.
    Delete {
        /// Which.
        path: String,
        /// What must be there before.
        expected: Expectation,
    },
}

/// What must be there for a change to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Nothing.
    Absent,
    /// The content with this mark.
    Version(String),
}

/// Why the workspace did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileError {
    /// These paths are not what was expected; nothing was changed.
    Changed(Vec<String>),
    /// This path cannot be used, and why.
    Unsafe(String, String),
    /// No such file.
    NotFound(String),
    /// More bytes than the host lends in one call.
    TooLarge(u64),
    /// Not granted; names what would.
    Denied(String),
    /// The storage failed.
    Storage(String),
}

/// The connection's own ledger.
pub trait State {
    /// What is under the key.
    fn get(&self, key: &str) -> Result<Option<Value>, StateError>;
    /// All writes or none.
    fn commit(&self, writes: Vec<Put>) -> Result<(), StateError>;
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Opaque to the host.
    pub bytes: Vec<u8>,
    /// Counts up from 1.
    pub version: u64,
}

/// One write of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Where.
    pub key: String,
    /// None removes the key.
    pub bytes: Option<Vec<u8>>,
    /// The version that was read; 0 for a key that was not there.
    pub expected: u64,
}

/// Why the ledger did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateError {
    /// Another call wrote these keys in between; nothing was written.
    Changed(Vec<String>),
    /// The key or the value is out of bounds.
    Invalid(String),
    /// The storage failed.
    Storage(String),
}

/// Secrets that are used and never seen.
pub trait Secrets {
    /// Whether the slot holds something.
    fn is_present(&self, slot: &str) -> Result<bool, SecretError>;
    /// When the slot's secret was made, in milliseconds since 1970 UTC. None: there is none.
    fn made_ms(&self, slot: &str) -> Result<Option<u64>, SecretError>;
    /// Moves a secret to another slot, replacing what is there.
    fn rename(&self, from: &str, to: &str) -> Result<(), SecretError>;
    /// Puts a new random `whsec_` secret into the slot.
    fn generate_webhook_secret(&self, slot: &str) -> Result<(), SecretError>;
    /// Removes the slot's secret.
    fn forget(&self, slot: &str) -> Result<(), SecretError>;
    /// Compares in constant time.
    fn matches(&self, slot: &str, candidate: &[u8]) -> Result<bool, SecretError>;
    /// Checks an HMAC-SHA256 whose key is the base64 after `whsec_` in the slot.
    fn verify_signature(&self, slot: &str, message: &[u8], tag: &[u8]) -> Result<bool, SecretError>;
    /// Sends a request in whose body `{{slot}}` stands for the slot's secret.
    fn exchange(&self, request: &Request) -> Result<Reply, ExchangeError>;
}

/// Why an exchange has no reply to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeError {
    /// The profile or the grant does not permit it, and nothing was sent; names what would.
    Denied(String),
    /// Nothing is in this slot, and nothing was sent.
    Empty(String),
    /// It may or may not have happened.
    NoReply(String),
    /// The vault failed.
    Storage(String),
}

/// Why the vault did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretError {
    /// The profile does not permit it; names what would.
    Denied(String),
    /// Nothing is in the slot.
    Empty(String),
    /// Too many comparisons in one call.
    Exhausted,
    /// The slot's secret is no key for signatures.
    NotAKey(String),
    /// The vault failed.
    Storage(String),
}

/// What the product is told meanwhile.
pub trait Log {
    /// One thing that happened.
    fn event(&self, level: Level, message: &str, fields: &[(&str, &str)]);
    /// How far a long call is.
    fn progress(&self, done: u64, total: u64, unit: &str);
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For developers.
    Debug,
    /// For the curious.
    Info,
    /// For the person who looks after it.
    Warn,
    /// For now.
    Error,
}

/// The host's time.
pub trait Clock {
    /// Milliseconds since 1970 UTC.
    fn now_ms(&self) -> u64;
    /// Lets this many milliseconds pass; false if the host has not the time, and nothing was waited.
    fn wait(&self, ms: u32) -> bool;
}
