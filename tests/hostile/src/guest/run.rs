//! The exports: `sync.projects` does what it is told, the rest refuses.

use super::bindings::exports::gitlab_sync::connector::{about as wit_about, sync};
use super::bindings::gitlab_sync::connector::log;
use super::bindings::gitlab_sync::connector::types::{Error, Instance};
use super::{
    abi, about, allocator, computing, files, floods, handles, headers, memory, paths, replies, secrets, sizes, state,
    targets, waiting,
};
use crate::Mode;

pub(super) struct Hostile;

/// What came of a mode: observations, or the message of an error.
pub(super) type Seen = Result<Vec<String>, String>;

/// Where to and with what.
pub(super) struct Ask {
    pub(super) instance: Instance,
    lines: Vec<String>,
}

impl Ask {
    /// The parameter's line, empty if there is none.
    pub(super) fn line(&self, at: usize) -> &str {
        self.lines.get(at).map_or("", String::as_str)
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str).filter(|line| !line.is_empty())
    }

    pub(super) fn number(&self, at: usize) -> usize {
        self.line(at).trim().parse().unwrap_or(0)
    }
}

fn run(mode: Mode, ask: &Ask) -> Seen {
    match mode {
        Mode::EndlessLoop => computing::endless_loop(),
        Mode::BulkLoop => computing::bulk_loop(),
        Mode::DeepRecursion => Ok(vec![computing::recurse(0).to_string()]),
        Mode::Trap => computing::trap(),
        Mode::Panic => panic!("{}", floods::unescape(&ask.lines.join("\n"))),
        Mode::PanicLong => panic!("{}", "x".repeat(ask.number(0))),
        Mode::RememberBetweenCalls => computing::remember(),
        Mode::WaitForReply => waiting::for_reply(ask),
        Mode::WaitForBody => waiting::for_body(ask),
        Mode::WaitForRoom => waiting::for_room(ask),
        Mode::WaitOnUnsent => waiting::on_unsent(ask),
        Mode::WaitForNothing => waiting::for_nothing(),
        Mode::WaitOnExchange => waiting::on_exchange(ask),
        Mode::WaitByClock => waiting::by_clock(ask),
        Mode::BusyWait => waiting::busily(ask),
        Mode::MemoryBomb => memory::bomb(),
        Mode::MemoryAtOnce => memory::at_once(),
        Mode::FillMemory => memory::fill(ask),
        Mode::FillMemoryAndTrap => memory::fill(ask).and_then(|_| computing::trap()),
        Mode::SearchMemory => memory::search(ask),
        Mode::HandleBomb => handles::fields(ask),
        Mode::PollableBomb => handles::pollables(ask),
        Mode::PollOneOften => handles::poll_one_often(ask),
        Mode::DropParentFirst => handles::drop_parent_first(ask),
        Mode::ForgedHandle => handles::forged(ask),
        Mode::SecondHelping => handles::second_helping(ask),
        Mode::AbiAbuse => abi::abuse(ask),
        Mode::HostileAllocator => allocator::lie(ask),
        Mode::StreamMisuse => handles::streams(ask),
        Mode::LogFlood => floods::log(ask),
        Mode::LogForge => floods::forge(ask),
        Mode::LogLong => floods::long(ask),
        Mode::LogManyFields => floods::many_fields(ask),
        Mode::ProgressFlood => floods::progress(ask),
        Mode::ClockFlood => floods::clock(),
        Mode::StateFlood => floods::state(),
        Mode::ListFlood => floods::list(),
        Mode::StatusFlood => floods::status(),
        Mode::OversizedResult => Ok(vec!["x".repeat(ask.number(0))]),
        Mode::ManyItems => Ok(vec![String::new(); ask.number(0)]),
        Mode::LongErrorCode => Err("it is an error of its own".into()),
        Mode::OversizedError => Err("x".repeat(ask.number(0))),
        Mode::OversizedArgument => sizes::argument(ask),
        Mode::HugeRequestBody => replies::huge_request(ask),
        Mode::EndlessReply | Mode::GzipBomb | Mode::DrippingReply => replies::read(ask),
        Mode::OddReplies => replies::read_each(ask),
        Mode::ManyReplies => replies::read_many(ask),
        Mode::TooManyRequests => replies::many_requests(ask),
        Mode::TooManyInFlight => replies::many_in_flight(ask),
        Mode::LeaveRequestBehind => replies::leave_behind(ask),
        Mode::SearchReply => replies::search(ask),
        Mode::AuthHeaders => headers::auth(ask),
        Mode::AuthTrailers => headers::trailers(ask),
        Mode::AuthQuery => headers::query(ask),
        Mode::OverrideHeaders => headers::overrides(ask),
        Mode::HeaderInjection => headers::injection(ask),
        Mode::HeaderFlood => headers::flood(ask),
        Mode::HugeHeader => headers::huge(ask),
        Mode::LengthTricks => headers::lengths(ask),
        Mode::OtherHost => targets::other_host(ask),
        Mode::OtherPort => targets::other_port(ask),
        Mode::OtherScheme => targets::other_scheme(ask),
        Mode::UserInfo => targets::user_info(ask),
        Mode::TrailingDot => targets::trailing_dot(ask),
        Mode::NumericHost => targets::numeric(ask),
        Mode::MappedHost => targets::mapped(ask),
        Mode::MetadataHost => targets::metadata(ask),
        Mode::PrivateHost => targets::private(ask),
        Mode::UnicodeHost => targets::unicode(ask),
        Mode::OtherMethods => targets::methods(ask),
        Mode::ChangingDns => targets::repeatedly(ask),
        Mode::FollowRedirect => targets::follow_redirect(ask),
        Mode::AbsolutePath => targets::absolute_path(ask),
        Mode::TargetInjection => targets::injection(ask),
        Mode::PathEscapes => paths::escapes(ask),
        Mode::QueryTricks => paths::queries(ask),
        Mode::JsonTricks => paths::json(ask),
        Mode::ContentTypes => paths::content_types(ask),
        Mode::FileEscapes => files::escapes(ask),
        Mode::FileLinks => files::links(ask),
        Mode::HalfBatch => files::half_batch(),
        Mode::FileFlood => files::flood(ask),
        Mode::FileCollisions => files::collisions(),
        Mode::FilesWithoutPermission => files::without_permission(),
        Mode::OtherStateKeys => state::other_keys(ask),
        Mode::StateVersions => state::versions(),
        Mode::StateHoard => state::hoard(ask),
        Mode::MatchesGuessing => secrets::guess(ask),
        Mode::MatchesTiming => secrets::timing(ask),
        Mode::TagGuessing => secrets::tags(),
        Mode::SlotNames => secrets::slot_names(),
        Mode::CredentialAsSlot => secrets::credential_as_slot(ask),
        Mode::RenameCredential => secrets::rename_credential(ask),
        Mode::ExchangePaths => secrets::exchange_paths(),
        Mode::ExchangeSlots => secrets::exchange_slots(ask),
        Mode::ExchangeInPath => secrets::exchange_in_path(),
        Mode::ExchangeHeaders => secrets::exchange_headers(),
        Mode::ExchangePlaceholders => secrets::exchange_placeholders(),
        Mode::ExchangeInjection => secrets::exchange_injection(),
        Mode::ExchangeCaptures => secrets::exchange_captures(ask),
        Mode::ExchangeEcho => secrets::exchange_echo(ask),
        Mode::ParkedSecret => secrets::parked(ask),
    }
}

/// A panic ends in a trap without words, so they go to the log before.
fn speak_before_panic() {
    std::panic::set_hook(Box::new(|panic| {
        log::event(log::Level::Error, "panic", &[("panic".into(), panic.to_string())]);
    }));
}

fn failed(message: String) -> Error {
    Error { code: "hostile".into(), message, remedy: "do not run it".into(), retry_after_ms: None }
}

fn page(observations: Vec<String>) -> sync::ProjectPage {
    let project = |path| sync::Project { id: 0, path, default_branch: None, web_url: String::new(), obstacle: None };
    sync::ProjectPage { projects: observations.into_iter().map(project).collect(), next: None }
}

impl sync::Guest for Hostile {
    fn projects(instance: Instance, search: String, cursor: Option<String>) -> Result<sync::ProjectPage, Error> {
        speak_before_panic();
        let mode = Mode::parse(&search).ok_or_else(|| failed(format!("no mode `{search}`")))?;
        let lines = cursor.unwrap_or_default().lines().map(str::to_string).collect();
        let ask = Ask { instance, lines };
        if mode == Mode::LongErrorCode {
            return Err(Error { code: "x".repeat(ask.number(0)), ..failed("hostile".into()) });
        }
        run(mode, &ask).map(page).map_err(failed)
    }

    fn locate(_: Vec<Instance>) -> Result<Instance, Error> {
        Err(failed("not a mode".into()))
    }

    fn connect(_: Instance) -> Result<sync::Connected, Error> {
        Err(failed("not a mode".into()))
    }

    fn branches(_: Instance, _: u64, _: String, _: Option<String>) -> Result<sync::BranchPage, Error> {
        Err(failed("not a mode".into()))
    }

    fn configure(_: Instance, _: sync::Settings) -> Result<sync::Configured, Error> {
        Err(failed("not a mode".into()))
    }

    fn plan(_: Instance, _: sync::Direction) -> Result<Option<sync::SyncPlan>, Error> {
        Err(failed("not a mode".into()))
    }

    fn push(_: Instance, _: sync::Options) -> Result<sync::Step, Error> {
        Err(failed("not a mode".into()))
    }

    fn pull(_: Instance, _: sync::Options) -> Result<sync::Step, Error> {
        Err(failed("not a mode".into()))
    }

    fn conflicts() -> Result<Vec<sync::Conflict>, Error> {
        Err(failed("not a mode".into()))
    }

    fn conflict_versions(_: String) -> Result<sync::Versions, Error> {
        Err(failed("not a mode".into()))
    }

    fn resolve(_: String, _: sync::Resolution) -> Result<(), Error> {
        Err(failed("not a mode".into()))
    }

    fn verify_webhook(_: sync::Delivery, _: Option<sync::Watched>) -> Result<sync::Verdict, Error> {
        Err(failed("not a mode".into()))
    }

    fn status() -> Result<sync::SyncStatus, Error> {
        Err(failed("not a mode".into()))
    }

    fn diagnose(_: Instance) -> Result<Vec<sync::Check>, Error> {
        Err(failed("not a mode".into()))
    }

    fn ensure_webhook(_: Instance) -> Result<sync::WebhookReport, Error> {
        Err(failed("not a mode".into()))
    }

    fn set_webhook(
        _: Instance,
        _: sync::WebhookPlace,
        _: sync::WebhookEvents,
        _: sync::WebhookMode,
    ) -> Result<sync::WebhookReport, Error> {
        Err(failed("not a mode".into()))
    }

    fn rotate_webhook(_: Instance) -> Result<sync::WebhookReport, Error> {
        Err(failed("not a mode".into()))
    }

    fn check_webhook(_: Instance) -> Result<Vec<sync::Check>, Error> {
        Err(failed("not a mode".into()))
    }

    fn disconnect(_: Instance) -> Result<Vec<String>, Error> {
        Err(failed("not a mode".into()))
    }
}

impl wit_about::Guest for Hostile {
    fn describe() -> wit_about::Description {
        speak_before_panic();
        about::description()
    }

    fn profiles() -> Vec<wit_about::Profile> {
        speak_before_panic();
        about::profiles()
    }

    fn errors() -> Vec<wit_about::ErrorEntry> {
        vec![]
    }

    fn features() -> Vec<wit_about::Feature> {
        vec![]
    }

    fn settings_schema() -> String {
        "{}".into()
    }
}
