//! Components that no compiler would make. What they are made of is judged at load; what they do, when they are called.

use super::{component, leb128, random, sentence};
use crate::support::connector::{engine, limits};
use crate::support::made::Made;
use gitlab_sync_host::about::AboutError;
use gitlab_sync_host::engine::{Allocation, Engine};
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::load::{LoadError, Outline};
use gitlab_sync_host::structure::Unusual;
use gitlab_sync_host::{CallError, Limit};
use std::error::Error;
use std::fmt::Write;
use wit_component::StringEncoding;

const EXPORTS: &str = r#"(instance $empty) (export "gitlab-sync:connector/about@0.1.0" (instance $empty))
    (export "gitlab-sync:connector/sync@0.1.0" (instance $empty))"#;

/// A component that exports everything, as far as names go, and has `parts`.
fn having(parts: &str) -> Vec<u8> {
    component(&format!("(component {parts} {EXPORTS})"))
}

fn module(items: &str) -> String {
    format!("(core module $m {items})")
}

/// A module with a memory and a `realloc`, instantiated, so that functions can be lifted and lowered with it.
const CORE: &str = r#"(core module $m (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "none"))
        (func (export "text") (result i32) unreachable))
    (core instance $i (instantiate $m))
    (alias core export $i "memory" (core memory $memory))
    (alias core export $i "realloc" (core func $realloc))"#;

fn lifting(options: &str) -> String {
    format!(
        r#"{CORE} (func $f (result string) (canon lift (core func $i "text") (memory $memory) (realloc $realloc) {options}))"#
    )
}

fn built_in(text: &str) -> String {
    format!("{CORE} (core func $b (canon {text}))")
}

fn repeated(count: usize, text: &str) -> String {
    text.repeat(count)
}

/// Each component inside doubles what is instantiated.
fn nested_instances(depth: usize) -> String {
    let mut text = String::from("(component $c0 (core module $m) (core instance (instantiate $m)))");
    for level in 1..depth {
        let twice = format!("(instance (instantiate $c{0})) (instance (instantiate $c{0}))", level - 1);
        text = format!("(component $c{level} {text} {twice})");
    }
    format!("{text} (instance (instantiate $c{}))", depth - 1)
}

#[test]
fn parts_that_no_connector_needs_are_refused_with_a_clear_sentence() {
    let clock = r#"(import "gitlab-sync:connector/clock@0.1.0" (instance $clock (export "now" (func (result u64)))))"#;
    let elsewhere = r#"(component $c (type $t (instance (export "now" (func (result u64))))) (export "t" (type $t)))
        (instance $n (instantiate $c)) (alias export $n "t" (type $t))
        (import "gitlab-sync:connector/clock@0.1.0" (instance (type $t)))"#;
    let table = [
        ("UTF-16", lifting("string-encoding=utf16")),
        ("Latin-1 or UTF-16", lifting("string-encoding=latin1+utf16")),
        ("an asynchronous export", lifting("async")),
        (
            "an asynchronous import",
            format!("{clock} {CORE} (core func (canon lower (func $clock \"now\") async (memory $memory)))"),
        ),
        ("a task that returns early", built_in("task.return")),
        ("a set of things to wait for", built_in("waitable-set.new")),
        ("an error with context", built_in("error-context.drop")),
        ("backpressure", built_in("backpressure.inc")),
        ("a stream", format!("(type $s (stream u8)) {}", built_in("stream.new $s"))),
        ("a resource", "(type (resource (rep i32)))".into()),
        ("a module inside a component inside", "(component (core module))".into()),
        ("a component inside a component inside", "(component (component))".into()),
        ("a component inside that lifts", format!("(component {})", lifting(""))),
        ("components that multiply", nested_instances(60)),
        ("a module that is there twice", format!("{CORE} (core instance (instantiate $m))")),
        ("many modules", repeated(20, "(core module)")),
        ("two memories", repeated(2, "(core module (memory 1))")),
        ("three tables", module("(table 1 funcref) (table 1 funcref) (table 1 funcref)")),
        ("many core instances", repeated(900, "(core instance)")),
        ("many instances", repeated(900, "(instance)")),
        ("many components", repeated(900, "(component)")),
        ("many types", repeated(20_000, "(type (tuple u8))")),
        ("many core types", module(&repeated(20_000, "(type (func))"))),
        ("many globals", module(&repeated(20_000, "(global i32 (i32.const 0))"))),
        ("many functions", module(&repeated(40_000, "(func)"))),
        ("many parameters", module(&format!("(func (param {}))", "i32 ".repeat(200)))),
        ("many results", module(&format!("(type (func (result {})))", "i32 ".repeat(200)))),
        ("a long function", module(&format!("(func {})", "nop ".repeat(100_000)))),
        ("many variables in a function", module(&format!("(func (local {}))", "i32 ".repeat(40_000)))),
        ("many variables", module(&repeated(1_000, &format!("(func (local {}))", "i32 ".repeat(1_000))))),
        ("an interface by a type from elsewhere", elsewhere.into()),
    ];
    let engine = engine(limits(), Allocation::OnDemand);
    let mut report = String::new();
    for (label, parts) in table {
        let bytes = having(&parts);
        writeln!(report, "{label}:\n  {}", sentence(&bytes)).unwrap();
        let error = engine.load(&bytes).err().unwrap();
        assert!(matches!(error, LoadError::Unusual(_)), "{label}: {error}");
    }
    insta::assert_snapshot!("unusual", report);
}

/// A component that exports everything, as far as names go, and begins with a type in a type in a type. The text parser has a limit
/// of its own.
fn having_types_in_types(depth: usize, kind: u8) -> Vec<u8> {
    let mut types = vec![1];
    types.extend([kind, 1, 1].repeat(depth));
    types.extend([kind, 0]);
    let exporting = having("");
    let (header, rest) = exporting.split_at(8);
    let mut bytes = [header, &[7]].concat();
    leb128(&mut bytes, types.len());
    [bytes, types, rest.to_vec()].concat()
}

const COMPONENT_TYPE: u8 = 0x41;
const INSTANCE_TYPE: u8 = 0x42;

/// A reader that calls itself for each of them overflows its stack, which ends the process: 30 KB were enough.
#[test]
fn types_in_types_do_not_overflow_the_reader() {
    for depth in [100, 10_000, 1_000_000] {
        for kind in [COMPONENT_TYPE, INSTANCE_TYPE] {
            let bytes = having_types_in_types(depth, kind);
            let text = sentence(&bytes);
            assert!(text.contains("types within types"), "{text}");
        }
    }
}

/// The most that is taken fits a thread of the usual 2 MiB, without optimisation too.
#[test]
fn as_many_types_in_types_as_are_taken_can_be_read_and_compiled() {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(|| {
        for kind in [COMPONENT_TYPE, INSTANCE_TYPE] {
            // The one that they all lie in counts too.
            let bytes = having_types_in_types(99, kind);
            Outline::read(&bytes).unwrap().check().unwrap();
            let error = engine(limits(), Allocation::OnDemand).load(&bytes).err().unwrap();
            // Its interfaces are empty: that is seen by the linker, after it was compiled.
            assert!(matches!(error, LoadError::Engine(_)), "{error}");
        }
    });
    thread.unwrap().join().unwrap();
}

/// One name after the other was put in front of a list.
#[test]
fn a_component_with_a_million_names_is_read_in_no_time() {
    let mut names = b"\x0ecomponent-name".to_vec();
    for _ in 0..500_000 {
        names.extend([0, 2, 1, b'n']);
    }
    let mut bytes = b"\0asm\x0d\0\x01\0\0".to_vec();
    leb128(&mut bytes, names.len());
    bytes.extend(names);
    let outline = Outline::read(&bytes).unwrap();
    assert_eq!(outline.metadata, [("name".to_owned(), "n".to_owned())]);
}

#[test]
fn a_connector_made_by_hand_is_taken() {
    let connector = engine(limits(), Allocation::OnDemand).load(&Made::default().build()).unwrap();
    assert_eq!(connector.outline().unusual, None);
}

#[test]
fn a_connector_that_passes_other_text_than_utf8_is_refused() {
    let engine = engine(limits(), Allocation::OnDemand);
    for (encoding, name) in [(StringEncoding::UTF16, "utf16"), (StringEncoding::CompactUTF16, "latin1+utf16")] {
        let error = engine.load(&Made { encoding, ..Made::default() }.build()).err().unwrap();
        assert!(matches!(error, LoadError::Unusual(Unusual::Encoding(found)) if found == name), "{error}");
    }
}

/// With a warm cache too: the cache has a component under the digest of its bytes, and those that are refused are never put into it.
#[test]
fn what_is_refused_is_refused_with_a_warm_cache_and_never_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let options = || gitlab_sync_host::engine::EngineOptions {
        cache: Some(folder.path().join("compiled")),
        allocation: Allocation::OnDemand,
        limits: limits(),
    };
    let good = Made::default().build();
    Engine::new(options()).unwrap().load(&good).unwrap();
    let engine = Engine::new(options()).unwrap();
    engine.load(&good).unwrap();
    assert_eq!(engine.cache_hits_and_misses(), (1, 0));
    let foreign = component(r#"(component (import "wasi:cli/environment@0.2.12" (instance)))"#);
    for bad in [
        foreign,
        having("(component (component))"),
        Made { encoding: StringEncoding::UTF16, ..Made::default() }.build(),
    ] {
        for _ in 0..2 {
            engine.load(&bad).err().unwrap();
        }
    }
    assert_eq!(engine.cache_hits_and_misses(), (1, 0));
}

/// What `about` comes to, which calls six exports and passes what they give back.
async fn stopped(made: Made<'_>, limits: &Limits) -> Result<(), CallError> {
    let connector = engine(limits.clone(), Allocation::OnDemand).load(&made.build()).unwrap();
    let asked = connector.about().await.map(drop);
    asked.map_err(|error: AboutError| match error.source().unwrap().downcast_ref() {
        Some(CallError::Limit(limit)) => CallError::Limit(*limit),
        Some(CallError::Trapped(words)) => CallError::Trapped(words.clone()),
        other => panic!("{other:?}"),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_connector_does_while_it_is_made_ends_by_limit() {
    let limits = Limits { fuel: 10_000_000, memory_bytes: 1 << 20, table_elements: 100, ..limits() };
    let clock = r#"(import "gitlab-sync:connector/clock@0.1.0" "now" (func $now (result i64)))"#;
    let usual = Made::default;
    let table = [
        ("a loop", Made { start: "(loop (br 0))", ..usual() }, Limit::Fuel(limits.fuel)),
        ("recursion", Made { start: "call $start", ..usual() }, Limit::Stack),
        (
            "asking for memory",
            Made { start: "(drop (memory.grow (i32.const 100)))", ..usual() },
            Limit::Memory(limits.memory_bytes),
        ),
        ("beginning with much memory", Made { memory: "17", ..usual() }, Limit::Memory(limits.memory_bytes)),
        ("beginning with all memory", Made { memory: "65536", ..usual() }, Limit::Memory(limits.memory_bytes)),
        (
            "asking for a table",
            Made {
                items: "(table $t 1 funcref)",
                start: "(drop (table.grow $t (ref.null func) (i32.const 100)))",
                ..usual()
            },
            Limit::Tables(limits.table_elements),
        ),
        (
            "beginning with a large table",
            Made { items: "(table 9000000 funcref)", ..usual() },
            Limit::Tables(limits.table_elements),
        ),
        (
            "beginning with two tables that are too large together",
            Made { items: "(table 60 funcref) (table 60 funcref)", ..usual() },
            Limit::Tables(limits.table_elements),
        ),
        (
            "calling the host",
            Made { imports: clock, start: "(loop (drop (call $now)) (br 0))", ..usual() },
            Limit::HostCalls(limits.host_calls),
        ),
        ("a loop after each answer", Made { post_return: "(loop (br 0))", ..usual() }, Limit::Fuel(limits.fuel)),
    ];
    for (label, made, limit) in table {
        match stopped(made, &limits).await {
            Err(CallError::Limit(struck)) => assert_eq!(struck, limit, "{label}"),
            other => panic!("{label}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_of_a_connector_are_traps_with_a_sentence() {
    let usual = Made::default;
    let table = [
        ("a trap while it is made", Made { start: "unreachable", ..usual() }, "unreachable"),
        ("data beside its memory", Made { items: r#"(data (i32.const 65535) "ab")"#, ..usual() }, "out of bounds"),
        (
            "elements beside its table",
            Made { items: "(table 1 funcref) (func $f) (elem (i32.const 1) $f)", ..usual() },
            "out of bounds",
        ),
        ("a trap in each export", Made { body: "unreachable", ..usual() }, "unreachable"),
        ("a trap after each answer", Made { post_return: "unreachable", ..usual() }, "unreachable"),
        ("an answer beside its memory", Made { body: "i32.const 65532", ..usual() }, "out of bounds"),
        ("an answer at the end of the world", Made { body: "i32.const -4", ..usual() }, "out of bounds"),
        ("an answer at an odd address", Made { body: "i32.const 1025", ..usual() }, "align"),
        (
            "a list of everything",
            Made { items: r#"(data (i32.const 1024) "\00\00\00\00\ff\ff\ff\7f")"#, ..usual() },
            "out of bounds",
        ),
        (
            "text beside its memory",
            Made { items: r#"(data (i32.const 1024) "\00\ff\00\00\ff\ff\00\00")"#, ..usual() },
            "out of bounds",
        ),
        (
            "text that is no text",
            Made {
                items: r#"(data (i32.const 1024) "\00\00\00\00\01\00\00\00") (data (i32.const 0) "\ff")"#,
                ..usual()
            },
            "utf-8",
        ),
    ];
    for (label, made, words) in table {
        match stopped(made, &limits()).await {
            Err(CallError::Trapped(text)) => assert!(text.contains(words), "{label}: {text}"),
            other => panic!("{label}: {other:?}"),
        }
    }
}

/// Seeded, so that a failure can be seen again. What is still a connector is asked what it is; whatever it does ends by a limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_connector_is_refused_or_harmless() {
    let limits = Limits { fuel: 1_000_000, ..limits() };
    let engine = engine(limits, Allocation::OnDemand);
    let sound = Made::default().build();
    let mut words = random(11).map(|word| (word >> 8) as usize);
    let (mut refused, mut taken) = (0, 0);
    for round in 0..400 {
        let mut bytes = sound.clone();
        for _ in 0..1 + round % 4 {
            let (at, bit) = (words.next().unwrap() % bytes.len(), words.next().unwrap() % 8);
            bytes[at] ^= 1 << bit;
        }
        if round % 5 == 0 {
            bytes.truncate(words.next().unwrap() % bytes.len());
        }
        match engine.load(&bytes) {
            Err(error) => {
                assert!(!error.hint().is_empty() && error.to_string().len() < 500, "{error}");
                // What is no longer valid is called so, whoever noticed.
                assert!(!matches!(error, LoadError::Engine(_)) || Outline::read(&bytes).is_ok(), "{error:?}");
                refused += 1;
            }
            Ok(connector) => {
                let _ = connector.about().await;
                taken += 1;
            }
        }
    }
    assert!(refused > 100 && taken > 10, "{refused} refused, {taken} taken");
}
