//! `wit/deps` restates a part of WASI. Each type and function in it has to be, to the letter, the one that wasmtime's crates ship.

use crate::support::wit::{read_wit, workspace};
use std::path::PathBuf;
use std::process::Command;
use wit_parser::{Function, Handle, InterfaceId, Resolve, Type, TypeDefKind, TypeId};

/// The folder of a dependency's sources, as cargo resolved it for this workspace.
fn sources(package: &str) -> PathBuf {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(workspace())
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let found: Vec<_> = packages.iter().filter(|found| found["name"] == package).collect();
    assert_eq!(found.len(), 1, "one version of {package}");
    PathBuf::from(found[0]["manifest_path"].as_str().unwrap()).parent().unwrap().to_path_buf()
}

fn interface(resolve: &Resolve, name: &str) -> Option<InterfaceId> {
    resolve.interfaces.iter().map(|(id, _)| id).find(|id| resolve.id_of(*id).as_deref() == Some(name))
}

/// A type as WIT spells it, with the names of types in full, so that two worlds can be compared.
fn spell(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else { return format!("{ty:?}").to_lowercase() };
    let definition = &resolve.types[*id];
    match (&definition.name, definition.owner) {
        (Some(name), wit_parser::TypeOwner::Interface(owner)) => format!("{}.{name}", resolve.id_of(owner).unwrap()),
        _ => define(resolve, *id),
    }
}

fn spell_optional(resolve: &Resolve, ty: Option<&Type>) -> String {
    ty.map_or("_".into(), |ty| spell(resolve, ty))
}

/// What a type is made of.
fn define(resolve: &Resolve, id: TypeId) -> String {
    let all = |types: Vec<(&str, Option<&Type>)>| {
        let parts = types.into_iter().map(|(name, ty)| format!("{name}: {}", spell_optional(resolve, ty)));
        parts.collect::<Vec<_>>().join(", ")
    };
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => {
            format!("record {{{}}}", all(record.fields.iter().map(|field| (&*field.name, Some(&field.ty))).collect()))
        }
        TypeDefKind::Variant(variant) => {
            format!("variant {{{}}}", all(variant.cases.iter().map(|case| (&*case.name, case.ty.as_ref())).collect()))
        }
        TypeDefKind::Enum(cases) => {
            format!("enum {{{}}}", all(cases.cases.iter().map(|case| (&*case.name, None)).collect()))
        }
        TypeDefKind::Tuple(tuple) => format!("tuple<{}>", all(tuple.types.iter().map(|ty| ("", Some(ty))).collect())),
        TypeDefKind::Option(ty) => format!("option<{}>", spell(resolve, ty)),
        TypeDefKind::List(ty) => format!("list<{}>", spell(resolve, ty)),
        TypeDefKind::Type(ty) => format!("same as {}", spell(resolve, ty)),
        TypeDefKind::Resource => "resource".into(),
        TypeDefKind::Handle(Handle::Own(id)) => format!("own {}", spell(resolve, &Type::Id(*id))),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow {}", spell(resolve, &Type::Id(*id))),
        TypeDefKind::Result(result) => {
            let (ok, err) = (spell_optional(resolve, result.ok.as_ref()), spell_optional(resolve, result.err.as_ref()));
            format!("result<{ok}, {err}>")
        }
        other => panic!("the contract has no {}", other.as_str()),
    }
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let parameters = function.params.iter().map(|one| format!("{}: {}", one.name, spell(resolve, &one.ty)));
    let parameters = parameters.collect::<Vec<_>>().join(", ");
    format!("({parameters}) -> {}", spell_optional(resolve, function.result.as_ref()))
}

#[test]
fn what_we_restate_of_wasi_is_what_wasmtime_ships() {
    let (ours, _) = read_wit(&workspace().join("wit"));
    let (theirs, _) = read_wit(&sources("wasmtime-wasi-http").join("wit"));
    let (mut types, mut functions) = (0, 0);
    for (id, restated) in &ours.interfaces {
        let name = ours.id_of(id).unwrap();
        if !name.starts_with("wasi:") {
            continue;
        }
        let shipped = interface(&theirs, &name).unwrap_or_else(|| panic!("wasmtime ships no `{name}`"));
        let shipped = &theirs.interfaces[shipped];
        for (ty, id) in &restated.types {
            let original = shipped.types.get(ty).unwrap_or_else(|| panic!("`{name}` has no type `{ty}`"));
            assert_eq!(define(&ours, *id), define(&theirs, *original), "{name}.{ty}");
            types += 1;
        }
        for (function, definition) in &restated.functions {
            let original = shipped.functions.get(function).unwrap_or_else(|| panic!("`{name}` has no `{function}`"));
            assert_eq!(signature(&ours, definition), signature(&theirs, original), "{name}#{function}");
            functions += 1;
        }
    }
    // So that the test notices if it compares nothing.
    assert!(types >= 25 && functions >= 27, "{types} types, {functions} functions");
}

#[test]
fn the_streams_crate_ships_the_same_definitions_as_the_http_crate() {
    let (http, _) = read_wit(&sources("wasmtime-wasi-http").join("wit"));
    let (wasi, _) = read_wit(&sources("wasmtime-wasi").join("src/p2/wit"));
    for name in ["wasi:io/error@0.2.12", "wasi:io/poll@0.2.12", "wasi:io/streams@0.2.12"] {
        let (in_http, in_wasi) = (interface(&http, name).unwrap(), interface(&wasi, name).unwrap());
        let spelled = |resolve: &Resolve, id: InterfaceId| {
            let functions = resolve.interfaces[id].functions.values();
            functions.map(|function| format!("{}{}", function.name, signature(resolve, function))).collect::<Vec<_>>()
        };
        assert_eq!(spelled(&http, in_http), spelled(&wasi, in_wasi), "{name}");
    }
}
