//! What the operator decides about the server: a TOML file, and options that come before it.
//!
//! Decided here: the words of the file (unknown ones are errors), the defaults, and which values cannot be. Network grants are here and not
//! on the page, because what may be reached from this machine is the operator's to say.

use crate::cli::Serve;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::toml_text;
use gitlab_sync_host::grant::Network;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// GitLab sends no larger delivery.
const MOST_BODY_BYTES: usize = 25 << 20;

/// Nobody guesses one of so many random letters.
const LEAST_TOKEN_BYTES: usize = 32;

/// Every setting with its default and what it does.
pub(crate) const REFERENCE: &str = include_str!("settings.toml");

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// Where the server listens.
    pub(crate) listen: SocketAddr,
    /// Where others reach it, without a slash at the end. None: at `listen`.
    pub(crate) public_url: Option<Url>,
    /// Below it, connections made on the page have their folders.
    pub(crate) workspaces: PathBuf,
    /// Between two looks at a branch's head.
    pub(crate) poll: Duration,
    /// How long a folder has to be quiet before an edit is pushed.
    pub(crate) debounce: Duration,
    /// How long a pull waits after the delivery that wakes it, so that a burst of them leads to one.
    pub(crate) settle: Duration,
    /// A larger delivery is refused before it is read.
    pub(crate) body_limit: usize,
    /// Jobs that run at once.
    pub(crate) jobs: u32,
    /// Of them, those of one organisation.
    pub(crate) jobs_per_organisation: u32,
    /// How long what runs may go on when the server is to end.
    pub(crate) grace: Duration,
    /// The sha256 of what opens `/metrics` from other machines. None: nothing does.
    pub(crate) metrics_token: Option<[u8; 32]>,
    /// What connections made on the page may reach beside public addresses.
    pub(crate) network: Network,
}

/// As typed.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Typed {
    listen: SocketAddr,
    public_url: Option<String>,
    workspaces: Option<PathBuf>,
    poll_seconds: u64,
    debounce_milliseconds: u64,
    settle_milliseconds: u64,
    body_limit_bytes: usize,
    jobs: u32,
    jobs_per_organisation: Option<u32>,
    grace_seconds: u64,
    metrics_token: Option<String>,
    network: Network,
}

impl Default for Typed {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8470)),
            public_url: None,
            workspaces: None,
            poll_seconds: 300,
            debounce_milliseconds: 2_000,
            settle_milliseconds: 1_000,
            body_limit_bytes: MOST_BODY_BYTES,
            jobs: 16,
            jobs_per_organisation: None,
            grace_seconds: 30,
            metrics_token: None,
            network: Network::default(),
        }
    }
}

impl Config {
    /// The file, if one was named, and the options before it.
    pub(crate) fn read(arguments: &Serve, home: &Home) -> Result<Self, Failure> {
        let mut typed = arguments.config.as_deref().map_or_else(|| Ok(Typed::default()), file)?;
        typed.listen = arguments.listen.unwrap_or(typed.listen);
        typed.public_url = arguments.public_url.clone().or(typed.public_url);
        typed.workspaces = arguments.workspaces.clone().or(typed.workspaces);
        typed.judged(home)
    }

    /// Nothing was said.
    #[cfg(test)]
    pub(crate) fn standard(home: &Home) -> Self {
        Typed::default().judged(home).expect("the defaults are within their bounds")
    }

    /// Where GitLab and people reach the server, without a slash at the end.
    pub(crate) fn base(&self) -> String {
        let own = || format!("http://{}", self.listen);
        self.public_url.as_ref().map_or_else(own, |url| url.as_str().trim_end_matches('/').to_owned())
    }
}

impl Typed {
    fn judged(self, home: &Home) -> Result<Config, Failure> {
        let within = |name: &str, value: u64, least: u64, most: u64| match value {
            value if (least..=most).contains(&value) => Ok(value),
            _ => Err(misused(format!("`{name}` is {value}, and can be {least} to {most}"))),
        };
        let jobs = within("jobs", self.jobs.into(), 1, 256)?;
        let share = self.jobs_per_organisation.map_or(jobs.div_ceil(4), u64::from);
        let share = within("jobs-per-organisation", share, 1, jobs)?;
        let body_limit = within("body-limit-bytes", self.body_limit_bytes as u64, 1 << 10, MOST_BODY_BYTES as u64)?;
        let workspaces = self.workspaces.unwrap_or_else(|| home.workspaces());
        Ok(Config {
            listen: self.listen,
            public_url: self.public_url.as_deref().map(public_url).transpose()?,
            workspaces: std::path::absolute(&workspaces).unwrap_or(workspaces),
            poll: Duration::from_secs(within("poll-seconds", self.poll_seconds, 10, 86_400)?),
            debounce: Duration::from_millis(within("debounce-milliseconds", self.debounce_milliseconds, 50, 60_000)?),
            settle: Duration::from_millis(within("settle-milliseconds", self.settle_milliseconds, 0, 60_000)?),
            body_limit: usize::try_from(body_limit).expect("it was one"),
            jobs: u32::try_from(jobs).expect("256 at most"),
            jobs_per_organisation: u32::try_from(share).expect("256 at most"),
            grace: Duration::from_secs(within("grace-seconds", self.grace_seconds, 0, 600)?),
            metrics_token: self.metrics_token.as_deref().map(metrics_token).transpose()?,
            network: self.network,
        })
    }
}

fn file(path: &Path) -> Result<Typed, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| misused(format!("the settings `{}` cannot be read: {error}", path.display())))?;
    toml_text::parse(&text).map_err(|why| misused(format!("the settings `{}`, {why}", path.display())))
}

fn public_url(text: &str) -> Result<Url, Failure> {
    let url = Url::parse(text).ok().filter(|url| {
        let plain = url.username().is_empty() && url.password().is_none();
        let bare = url.query().is_none() && url.fragment().is_none() && url.path() == "/";
        matches!(url.scheme(), "http" | "https") && url.has_host() && plain && bare
    });
    url.ok_or_else(|| misused(format!("`{text}` is no address of a server")).hint("such as `https://sync.example.com`"))
}

/// The value is not repeated.
fn metrics_token(text: &str) -> Result<[u8; 32], Failure> {
    if text.len() < LEAST_TOKEN_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let sentence = format!("`metrics-token` is no token: at least {LEAST_TOKEN_BYTES} letters, digits and signs");
        return Err(misused(sentence).hint("make one with `openssl rand -hex 32`"));
    }
    Ok(Sha256::digest(text).into())
}

fn misused(sentence: String) -> Failure {
    Failure::new(sentence).ending(Exit::Misused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Result<Config, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(&folder.path().join("home"))).unwrap();
        toml::from_str::<Typed>(text).map_err(|error| misused(error.to_string())).and_then(|typed| typed.judged(&home))
    }

    #[test]
    fn without_a_file_the_server_listens_on_this_machine_alone() {
        let config = judged("").unwrap();
        assert!(config.listen.ip().is_loopback());
        assert_eq!((config.body_limit, config.jobs, config.jobs_per_organisation), (25 << 20, 16, 4));
        assert_eq!(config.base(), "http://127.0.0.1:8470");
    }

    #[test]
    fn the_reference_has_every_setting_with_its_default() {
        assert_eq!(toml::from_str::<Typed>(REFERENCE).unwrap(), Typed::default());
        let names = |text: &str| {
            let message = toml::from_str::<Typed>(text).unwrap_err().to_string();
            let names: Vec<_> = message.split('`').skip(3).step_by(2).map(String::from).collect();
            assert!(names.len() >= 5, "{message}");
            names
        };
        let named =
            |name: &str| REFERENCE.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{name} =")));
        let all = names("nonsense = 1").into_iter().chain(names("network.nonsense = 1"));
        assert_eq!(all.filter(|name| name != "network" && !named(name)).collect::<Vec<_>>(), [""; 0]);
        let open = |line: &str| line.strip_prefix("# ").filter(|line| line.contains(" = ")).map(String::from);
        let other: Vec<_> =
            REFERENCE.lines().map(|line| open(line).unwrap_or_else(|| line.trim_start_matches("# -").into())).collect();
        let other = other.join("\n").replace("\n# \"\"\"", "\n\"\"\"").replace("----BEGIN", "").replace("----END", "");
        assert!(
            toml::from_str::<Typed>(&other).is_ok(),
            "what is commented out can be put in: {:?}",
            toml::from_str::<Typed>(&other)
        );
    }

    #[test]
    fn a_token_that_was_mistyped_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.toml");
        for (text, line) in [
            ("jobs = 2\nmetrics-token = canary-of-thirty-two-letters-and-more", "line 2"),
            ("metrics-token = 'canary-of-thirty-two-letters-and-more\njobs = 2", "line 1"),
            ("metrics-token = ['canary-of-thirty-two-letters-and-more']", "line 1"),
        ] {
            std::fs::write(&path, text).unwrap();
            let message = file(&path).unwrap_err().message().to_owned();
            assert!(message.contains(line) && !message.contains("canary"), "{message}");
        }
    }

    #[test]
    fn what_is_not_a_setting_is_refused() {
        let table = [
            ("lisen = '127.0.0.1:1'", "lisen"),
            ("network.plain-txt = true", "plain-txt"),
            ("jobs = 0", "`jobs` is 0"),
            ("jobs = 2\njobs-per-organisation = 3", "`jobs-per-organisation` is 3"),
            ("body-limit-bytes = 26214401", "`body-limit-bytes` is 26214401"),
            ("poll-seconds = 1", "`poll-seconds` is 1"),
            ("public-url = 'https://a:b@sync.example.com'", "no address"),
            ("public-url = 'https://sync.example.com/a'", "no address"),
            ("public-url = 'sync.example.com'", "no address"),
            ("metrics-token = 'short'", "`metrics-token` is no token"),
        ];
        for (text, words) in table {
            let message = judged(text).unwrap_err().message().to_owned();
            assert!(message.contains(words), "{text}: {message}");
        }
        assert_eq!(judged("public-url = 'https://sync.example.com/'").unwrap().base(), "https://sync.example.com");
    }
}
