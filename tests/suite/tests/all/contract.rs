//! The connector against its contract: what it imports and exports, and that the host's list of capabilities is that of `wit/`.

use crate::support::wit::{contract, interfaces};
use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::contract::{CAPABILITIES, CONTRACT, EXPORTS, capability};
use gitlab_sync_host::limits::{LOCAL_EXPORTS, Limits};
use gitlab_sync_host::load::Outline;
use std::collections::BTreeSet;
use suite::HOSTILE;
use wit_component::{DecodedWasm, OutputToString, WitPrinter};

/// What `wasm-tools component wit` prints, sorted by name: the linker's order changes with the code, the surface does not.
fn wit_text(component: &[u8]) -> String {
    let DecodedWasm::Component(mut resolve, world) = wit_component::decode(component).unwrap() else {
        panic!("this is a WIT package, not a component")
    };
    for (_, interface) in &mut resolve.interfaces {
        interface.types.sort_unstable_keys();
        interface.functions.sort_unstable_keys();
    }
    for (_, package) in &mut resolve.packages {
        package.interfaces.sort_unstable_keys();
    }
    let main = resolve.worlds[world].package.unwrap();
    let mut nested: Vec<_> = resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != main).collect();
    nested.sort_by_key(|id| resolve.packages[*id].name.to_string());
    let mut printer = WitPrinter::new(OutputToString::default());
    printer.print(&resolve, main, &nested).unwrap();
    printer.output.to_string()
}

#[test]
fn the_wit_of_the_component_is_the_one_that_was_reviewed() {
    insta::assert_snapshot!("connector.wit", wit_text(CONNECTOR));
}

#[test]
fn the_component_imports_exactly_the_declared_interfaces() {
    let (resolve, world) = contract();
    let declared = interfaces(&resolve, resolve.worlds[world].imports.values());
    let declared: BTreeSet<String> = declared.into_iter().map(|(name, _)| name).collect();
    for component in [CONNECTOR, HOSTILE] {
        let outline = Outline::read(component).unwrap();
        let imported: BTreeSet<String> = outline.imports.iter().map(|import| import.interface.clone()).collect();
        assert_eq!(imported, declared);
        assert_eq!(outline.foreign(), []);
    }
}

#[test]
fn the_component_imports_nothing_of_wasi_but_http_and_streams() {
    let outline = Outline::read(CONNECTOR).unwrap();
    let wasi = outline.imports.iter().map(|import| import.interface.as_str()).filter(|name| name.starts_with("wasi:"));
    let expected =
        ["wasi:http/outgoing-handler", "wasi:http/types", "wasi:io/error", "wasi:io/poll", "wasi:io/streams"];
    let expected: BTreeSet<String> = expected.iter().map(|name| format!("{name}@0.2.12")).collect();
    assert_eq!(wasi.map(str::to_string).collect::<BTreeSet<_>>(), expected);
}

#[test]
fn the_component_fits_the_world_of_the_contract() {
    for component in [CONNECTOR, HOSTILE] {
        let (resolve, world) = contract();
        wit_component::targets(&resolve, world, component).unwrap();
    }
}

#[test]
fn the_hosts_list_of_capabilities_is_that_of_the_contract() {
    let (resolve, world) = contract();
    let declared: BTreeSet<String> = interfaces(&resolve, resolve.worlds[world].imports.values())
        .into_iter()
        .flat_map(|(name, id)| {
            let functions = resolve.interfaces[id].functions.keys().map(|function| format!("{name}#{function}"));
            functions.chain([name.clone()]).collect::<Vec<_>>()
        })
        .collect();
    let listed: BTreeSet<String> = CAPABILITIES
        .iter()
        .flat_map(|capability| {
            let name = format!("{}@{}", capability.interface, capability.version);
            let functions = capability.functions.iter().map(|function| format!("{name}#{function}"));
            functions.chain([name.clone()]).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(listed, declared);
}

#[test]
fn each_capability_says_what_it_means_in_words_of_its_own() {
    let meanings: BTreeSet<&str> = CAPABILITIES.iter().map(|capability| capability.meaning).collect();
    assert_eq!(meanings.len(), CAPABILITIES.len());
    for capability in CAPABILITIES {
        assert!(capability.meaning.len() > 10, "{}", capability.interface);
    }
}

#[test]
fn the_exports_are_those_of_the_contract() {
    let (resolve, world) = contract();
    let version = CONTRACT.split_once('@').unwrap().1;
    let declared = interfaces(&resolve, resolve.worlds[world].exports.values());
    let listed: BTreeSet<String> = EXPORTS.iter().map(|name| format!("{name}@{version}")).collect();
    assert_eq!(declared.into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>(), listed);
    let outline = Outline::read(CONNECTOR).unwrap();
    assert_eq!(outline.exports.iter().cloned().collect::<BTreeSet<_>>(), listed);
    assert_eq!(outline.missing_export(), None);
}

#[test]
fn no_import_or_export_passes_a_resource_of_our_own() {
    let (resolve, _) = contract();
    for (_, interface) in &resolve.interfaces {
        let package = &resolve.packages[interface.package.unwrap()].name;
        if package.namespace == "gitlab-sync" {
            let resources =
                interface.types.values().filter(|id| resolve.types[**id].kind == wit_parser::TypeDefKind::Resource);
            assert_eq!(resources.count(), 0, "{:?}", interface.name);
        }
    }
}

#[test]
fn every_interface_and_function_of_the_contract_is_documented() {
    let (resolve, _) = contract();
    let mut bare = vec![];
    for (id, interface) in &resolve.interfaces {
        let name = resolve.id_of(id).unwrap();
        let own = name.starts_with("gitlab-sync:");
        // WASI's interfaces are documented in their package; ours say what they are for.
        if own && interface.docs.contents.is_none() {
            bare.push(name.clone());
        }
        let functions = interface.functions.values().filter(|function| function.docs.contents.is_none());
        bare.extend(functions.map(|function| format!("{name}#{}", function.name)));
    }
    assert_eq!(bare, Vec::<String>::new());
}

/// `wit/sync.wit` says of each function whether it reaches the network; those that do not have less time.
#[test]
fn exports_that_do_not_reach_the_network_have_to_answer_sooner() {
    let (resolve, _) = contract();
    let sync = resolve.interfaces.iter().find(|(_, interface)| interface.name.as_deref() == Some("sync")).unwrap().1;
    let local = sync.functions.values().filter(|function| {
        function.docs.contents.as_ref().is_some_and(|words| words.replace('\n', " ").contains("not reach the network"))
    });
    let mut local: Vec<&str> = local.map(|function| function.name.as_str()).collect();
    local.push("about");
    local.sort_unstable();
    assert_eq!(local, LOCAL_EXPORTS);
    let limits = Limits::standard();
    assert!(limits.wall_of("verify-webhook") < limits.wall_of("push"));
}

#[test]
fn what_is_in_the_contract_is_lent_and_everything_else_is_named() {
    assert!(capability("gitlab-sync:connector/files@0.1.0").is_ok());
    for import in ["wasi:filesystem/types@0.2.12", "wasi:cli/environment@0.2.12", "gitlab-sync:connector/sync@0.1.0"] {
        assert!(capability(import).is_err(), "{import}");
    }
}

#[test]
fn the_component_is_at_most_one_mebibyte() {
    assert!(CONNECTOR.len() <= 1 << 20, "{} bytes", CONNECTOR.len());
}

#[test]
fn the_component_says_its_name_version_licence_source_and_description() {
    let metadata = Outline::read(CONNECTOR).unwrap().metadata;
    for key in ["name", "version", "licenses", "source", "description"] {
        let value = metadata.iter().find(|(name, _)| name == key);
        assert!(value.is_some_and(|(_, value)| !value.is_empty()), "`{key}` is not in {metadata:?}");
    }
}
