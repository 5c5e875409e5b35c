//! What a call uses up: each limit ends it with an error of its own, and the next call works.

use crate::support::connector::{hostile, limits, short_of_fuel, short_of_time};
use crate::support::tenant::{Outcome, Setup, Tenant};
use gitlab_sync_host::audit::Event;
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::{CallError, Limit};
use hostile_guest::{ABI_ABUSES, ALLOCATIONS, Mode, OVERSIZED};

async fn under(limits: &Limits) -> Tenant {
    Tenant::open(Setup { connector: hostile(limits), ..Setup::usual() }).await
}

/// A tenant with these limits is stopped by this one, and a tenant with the usual ones still stands.
async fn stopped(tenant: &Tenant, mode: Mode, parameter: &str) -> Limit {
    let limit = tenant.run(mode, parameter).await.limit();
    let mut outcomes = tenant.audit.records().into_iter().filter_map(|record| match record.event {
        Event::Call(call) => Some(call.outcome),
        _ => None,
    });
    assert_eq!(outcomes.next_back().unwrap(), limit.name());
    limit
}

pub(super) async fn endless_loop_ends_by_fuel() {
    let limits = short_of_fuel();
    let tenant = under(&limits).await;
    assert_eq!(stopped(&tenant, Mode::EndlessLoop, "").await, Limit::Fuel(limits.fuel));
    assert_eq!(tenant.run(Mode::RememberBetweenCalls, "").await.seen(), ["1"]);
}

pub(super) async fn bulk_loop_ends_by_time() {
    wait_ends_by_time(Mode::BulkLoop, "").await;
}

pub(super) async fn wait_ends_by_time(mode: Mode, parameter: &str) {
    let limits = short_of_time();
    let tenant = under(&limits).await;
    assert_eq!(stopped(&tenant, mode, parameter).await, Limit::Time(limits.wall.as_millis()));
    assert_eq!(tenant.run(Mode::RememberBetweenCalls, "").await.seen(), ["1"]);
}

pub(super) async fn deep_recursion_ends_by_stack() {
    let tenant = Tenant::usual().await;
    assert_eq!(stopped(&tenant, Mode::DeepRecursion, "").await, Limit::Stack);
    tenant.stands().await;
}

pub(super) async fn memory_ends_by_limit(mode: Mode) {
    let tenant = Tenant::usual().await;
    assert_eq!(stopped(&tenant, mode, "").await, Limit::Memory(limits().memory_bytes));
    tenant.stands().await;
}

pub(super) async fn handles_end_by_limit(mode: Mode) {
    let tenant = Tenant::usual().await;
    assert_eq!(stopped(&tenant, mode, "100000").await, Limit::Handles(limits().handles));
    tenant.stands().await;
}

pub(super) async fn host_calls_end_by_limit(mode: Mode) {
    let tenant = Tenant::usual().await;
    assert_eq!(stopped(&tenant, mode, "").await, Limit::HostCalls(limits().host_calls));
    tenant.stands().await;
}

pub(super) async fn crossing_ends_by_limit(mode: Mode, parameter: &str) {
    let tenant = Tenant::usual().await;
    assert_eq!(stopped(&tenant, mode, parameter).await, Limit::Crossing(limits().crossing_bytes));
    tenant.stands().await;
}

pub(super) async fn every_large_argument_ends_by_limit() {
    let tenant = Tenant::usual().await;
    for function in OVERSIZED {
        let limit = stopped(&tenant, Mode::OversizedArgument, &format!("{function}\n6000000")).await;
        assert_eq!(limit, Limit::Crossing(limits().crossing_bytes), "{function}");
    }
    tenant.stands().await;
}

pub(super) async fn trap_has_its_name() {
    let tenant = Tenant::usual().await;
    assert_eq!(tenant.run(Mode::Trap, "").await.trapped(), "wasm trap: wasm `unreachable` instruction executed");
    tenant.stands().await;
}

/// Using the host's functions in a way they are not for is the guest's mistake, not the host's failure.
pub(super) async fn misuse_traps(mode: Mode, parameter: &str, words: &str) {
    let tenant = Tenant::usual().await;
    let trapped = tenant.run(mode, parameter).await.trapped();
    assert!(trapped.contains(words), "{trapped}");
    tenant.stands().await;
}

pub(super) async fn forged_handles_trap() {
    let tenant = Tenant::usual().await;
    for kind in ["input-stream", "output-stream", "fields", "request", "reply", "incoming-body", "drop"] {
        for number in ["0", "1", "2", "99", "4096", "2147483647", "4294967294"] {
            let trapped = tenant.run(Mode::ForgedHandle, format!("{kind}\n{number}")).await.trapped();
            assert!(trapped.contains("handle"), "{kind} {number}: {trapped}");
        }
    }
    tenant.stands().await;
}

/// What the bindings would never send: each is the guest's mistake and ends its call, nobody else's.
pub(super) async fn abi_abuse_traps() {
    let tenant = Tenant::usual().await;
    for abuse in ABI_ABUSES {
        let trapped = tenant.run(Mode::AbiAbuse, *abuse).await.trapped();
        assert!(!trapped.is_empty(), "{abuse}");
        assert_eq!(tenant.heard.events().len(), 0, "{abuse} was logged");
    }
    tenant.stands().await;
}

/// Where the guest says that there is room, the host looks for itself.
pub(super) async fn a_lying_allocator_harms_the_guest_alone() {
    let limits = short_of_fuel();
    let (tenant, hasty) = (Tenant::usual().await, under(&limits).await);
    for allocation in ALLOCATIONS {
        if *allocation == "loop" {
            assert_eq!(stopped(&hasty, Mode::HostileAllocator, allocation).await, Limit::Fuel(limits.fuel));
            continue;
        }
        let outcome = tenant.run(Mode::HostileAllocator, *allocation).await;
        match *allocation {
            // Memory that is the guest's own is its own to spoil.
            "grows" => assert_eq!(outcome.seen(), ["the host wrote it"]),
            "overlaps" => drop(outcome),
            _ => assert!(!outcome.trapped().is_empty(), "{allocation}"),
        }
        assert_eq!(tenant.run(Mode::RememberBetweenCalls, "").await.seen(), ["1"], "after {allocation}");
    }
    tenant.stands().await;
}

pub(super) async fn streams_give_and_take_in_pieces() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::StreamMisuse, "read").await.seen();
    let most: usize = seen[0].strip_prefix("at most ").unwrap().parse().unwrap();
    assert!((1..=1 << 20).contains(&most), "{seen:?}");
    let trapped = tenant.run(Mode::StreamMisuse, "write").await.trapped();
    assert!(trapped.contains("write"), "{trapped}");
    assert_eq!(tenant.server.requests().len(), 1);
    tenant.stands().await;
}

pub(super) async fn panic_is_heard_before_the_trap() {
    let tenant = Tenant::usual().await;
    let words = tenant.run(Mode::Panic, "last words \\e[2J\\nforged line").await.trapped();
    let heard = tenant.heard.events().pop().unwrap();
    for text in [&words, &heard.fields[0].1] {
        assert!(text.contains("last words") && text.contains("forged line"), "{text}");
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    tenant.stands().await;
}

pub(super) async fn long_panic_is_cut() {
    let tenant = Tenant::usual().await;
    let words = tenant.run(Mode::PanicLong, "3000000").await.trapped();
    assert!(words.len() <= 8 << 10, "{} bytes", words.len());
    tenant.stands().await;
}

pub(super) async fn long_error_code_is_cut() {
    let tenant = Tenant::usual().await;
    let Outcome::Refused(message) = tenant.run(Mode::LongErrorCode, "3000000").await else {
        panic!("it was no refusal")
    };
    assert_eq!(message, "hostile");
    let recorded = format!("{:?}", tenant.audit.records());
    assert!(recorded.len() <= 8 << 10, "the audit trail has {} bytes of one call", recorded.len());
    tenant.stands().await;
}

pub(super) async fn nothing_is_remembered() {
    let tenant = Tenant::usual().await;
    for _ in 0..3 {
        assert_eq!(tenant.run(Mode::RememberBetweenCalls, "").await.seen(), ["1"]);
    }
    tenant.stands().await;
}

pub(super) async fn nothing_is_given_twice() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::SecondHelping, "").await.seen();
    assert_eq!(seen.len(), 5);
    assert!(seen.iter().all(|what| what.ends_with(": true")), "{seen:?}");
    tenant.stands().await;
}

pub(super) async fn log_flood_is_cut() {
    let tenant = Tenant::usual().await;
    tenant.run(Mode::LogFlood, "2500").await.seen();
    let events = tenant.heard.events();
    assert_eq!(events.len(), 1_001, "1,000 lines and one that says how many were dropped");
    assert!(format!("{:?}", events.last()).contains("1500"), "{:?}", events.last());
    tenant.stands().await;
}

pub(super) async fn log_lines_cannot_be_forged() {
    let tenant = Tenant::usual().await;
    let lines =
        ["a\\nERROR forged", "a\\r\\e[2K\\e[1Aforged", "\\e]0;title\\0", "\u{9b}31m\u{85}\u{2028}\u{202e}\u{2066}"];
    tenant.run(Mode::LogForge, lines.join("\n")).await.seen();
    let (events, progress) = (tenant.heard.events(), tenant.heard.progress());
    assert_eq!((events.len(), progress.len()), (lines.len(), lines.len()));
    let texts = events.iter().flat_map(|event| {
        let fields = event.fields.iter().flat_map(|(name, value)| [name.clone(), value.clone()]);
        fields.chain([event.message.clone()]).collect::<Vec<_>>()
    });
    for text in texts.chain(progress.into_iter().map(|progress| progress.unit)) {
        let turns = |letter: char| matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!text.contains(|letter: char| letter.is_control() || turns(letter)), "{text:?}");
    }
    tenant.stands().await;
}

fn line_bytes(tenant: &Tenant) -> usize {
    let event = tenant.heard.events().pop().unwrap();
    event.message.len() + event.fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

pub(super) async fn long_line_is_cut() {
    let tenant = Tenant::usual().await;
    tenant.run(Mode::LogLong, "3000000").await.seen();
    assert!(line_bytes(&tenant) <= 4 << 10);
    tenant.stands().await;
}

pub(super) async fn many_fields_are_cut() {
    let tenant = Tenant::usual().await;
    tenant.run(Mode::LogManyFields, "50000").await.seen();
    assert!(line_bytes(&tenant) <= 4 << 10);
    assert!(tenant.heard.events().pop().unwrap().fields.len() <= 4 << 10);
    tenant.stands().await;
}

pub(super) async fn progress_flood_is_cut() {
    let tenant = Tenant::usual().await;
    tenant.run(Mode::ProgressFlood, "2500").await.seen();
    let progress = tenant.heard.progress();
    assert_eq!(progress.len(), 1_001);
    assert_eq!(progress.last().unwrap().done, 2_499, "the last one counts");
    tenant.stands().await;
}

#[test]
fn each_limit_has_an_error_and_a_hint_of_its_own() {
    let all = [
        Limit::Fuel(1),
        Limit::Time(1),
        Limit::Memory(1),
        Limit::Tables(1),
        Limit::Handles(1),
        Limit::Crossing(1),
        Limit::HostCalls(1),
        Limit::Stack,
    ];
    let told = |limit: &Limit| (limit.name(), CallError::Limit(*limit).to_string());
    let distinct: std::collections::BTreeSet<_> = all.iter().map(told).collect();
    assert_eq!(distinct.len(), all.len());
    assert!(all.iter().all(|limit| !CallError::Limit(*limit).hint().is_empty()));
}
