//! What a component declares and does before it is called.

use crate::support::connector::{engine, hostile, limits};
use crate::support::tenant::{Setup, Tenant};
use gitlab_sync_host::Limit;
use gitlab_sync_host::engine::Allocation;
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::load::LoadError;
use hostile_guest::Mode;
use suite::HOSTILE;

/// The profile cannot be asked for under limits that stop every call, so the grant names none.
async fn stopped_at_once(limits: Limits) -> Limit {
    let connector = hostile(&limits);
    let tenant = Tenant::open(Setup { connector, grant: Some(Default::default()), ..Setup::usual() }).await;
    tenant.run(Mode::RememberBetweenCalls, "").await.limit()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_end_by_limit() {
    assert_eq!(stopped_at_once(Limits { table_elements: 8, ..limits() }).await, Limit::Tables(8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_that_a_component_starts_with_counts() {
    assert_eq!(stopped_at_once(Limits { memory_bytes: 64 << 10, ..limits() }).await, Limit::Memory(64 << 10));
}

#[test]
fn a_component_is_compiled_once_and_only_for_its_digest() {
    let engine = engine(limits(), Allocation::OnDemand);
    let first = engine.load(HOSTILE).unwrap();
    assert_eq!(first.outline().digest, engine.load(HOSTILE).unwrap().outline().digest);
    assert!(engine.load_pinned(HOSTILE, &first.outline().digest).is_ok());
    let mut other = HOSTILE.to_vec();
    let last = other.len() - 1;
    other[last] ^= 1;
    let error = engine.load_pinned(&other, &first.outline().digest).err().unwrap();
    assert!(matches!(error, LoadError::Digest { .. }), "{error}");
}

/// The names are right and the types are not: a parser cannot tell, the linker can.
#[test]
fn a_component_with_the_right_names_and_wrong_types_is_refused() {
    let exports = r#"(export "gitlab-sync:connector/about@0.1.0" (instance $empty))
        (export "gitlab-sync:connector/sync@0.1.0" (instance $empty))"#;
    let table = [
        ("exports nothing in its interfaces", String::new()),
        (
            "another result",
            r#"(import "gitlab-sync:connector/clock@0.1.0" (instance (export "now" (func (result string)))))"#.into(),
        ),
        (
            "another parameter",
            r#"(import "gitlab-sync:connector/log@0.1.0" (instance (export "progress" (func (param "done" u8)))))"#.into(),
        ),
        ("a function for an interface", r#"(import "gitlab-sync:connector/clock@0.1.0" (func))"#.into()),
        (
            "a resource of its own",
            r#"(import "wasi:io/poll@0.2.12" (instance (export "pollable" (type (sub resource))) (export "other" (type (sub resource)))))"#.into(),
        ),
        ("a core module", r#"(import "gitlab-sync:connector/clock@0.1.0" (instance (export "now" (core module))))"#.into()),
    ];
    let engine = engine(limits(), Allocation::OnDemand);
    for (label, import) in table {
        let component = wat::parse_str(format!("(component {import} (instance $empty) {exports})")).unwrap();
        let error = engine.load(&component).err().unwrap_or_else(|| panic!("{label}: it was loaded"));
        assert!(matches!(error, LoadError::Engine(_)), "{label}: {error}");
        assert_eq!(error.to_string(), "the component cannot be compiled or linked");
        assert!(!error.hint().is_empty());
    }
}

/// A part that was left out of the engine is left out of every component.
#[test]
fn proposals_that_no_connector_needs_are_off() {
    let exports = r#"(instance $empty) (export "gitlab-sync:connector/about@0.1.0" (instance $empty))
        (export "gitlab-sync:connector/sync@0.1.0" (instance $empty))"#;
    let table = [
        ("threads", "(memory 1 1 shared)"),
        ("64-bit memory", "(memory i64 1)"),
        ("several memories", "(memory 1) (memory 1)"),
        ("SIMD", "(func (result v128) (v128.const i64x2 0 0))"),
        ("tail calls", "(func $f return_call $f)"),
        ("garbage collection", "(type (struct (field i32)))"),
        ("exceptions", "(tag)"),
    ];
    let engine = engine(limits(), Allocation::OnDemand);
    for (label, module) in table {
        let component = wat::parse_str(format!("(component (core module {module}) {exports})")).unwrap();
        let error = engine.load(&component).err().unwrap_or_else(|| panic!("{label} is on"));
        let refused = matches!(error, LoadError::Engine(_) | LoadError::Proposal(_) | LoadError::Unusual(_));
        assert!(refused, "{label}: {error}");
    }
}
