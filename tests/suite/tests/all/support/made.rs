//! Connectors made by hand: all exports of the contract with the right types, around code that no compiler would write.

use super::wit::{contract, interfaces};
use std::fmt::Write;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};

/// What a hand-made connector is made of, as text of WebAssembly.
pub(crate) struct Made<'a> {
    pub(crate) encoding: StringEncoding,
    /// Before everything else.
    pub(crate) imports: &'a str,
    /// Beside the exports.
    pub(crate) items: &'a str,
    /// Run when it is instantiated.
    pub(crate) start: &'a str,
    /// Of each export: gives back the address of its result.
    pub(crate) body: &'a str,
    /// Of each export that has a result.
    pub(crate) post_return: &'a str,
    pub(crate) realloc: &'a str,
    /// First and last size in pages.
    pub(crate) memory: &'a str,
}

/// Its memory is all zeroes, so that every text and every list that it gives back is empty.
impl Default for Made<'_> {
    fn default() -> Self {
        Self {
            encoding: StringEncoding::UTF8,
            imports: "",
            items: "",
            start: "",
            body: "i32.const 1024",
            post_return: "",
            realloc: "i32.const 4096",
            memory: "1",
        }
    }
}

impl Made<'_> {
    pub(crate) fn build(&self) -> Vec<u8> {
        let (resolve, world) = contract();
        let mut module = wat::parse_str(self.module()).unwrap();
        embed_component_metadata(&mut module, &resolve, world, self.encoding).unwrap();
        ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
    }

    fn module(&self) -> String {
        let (resolve, world) = contract();
        let Self { imports, items, start, body, post_return, realloc, memory, .. } = self;
        let mut text = format!("(module {imports} (memory (export \"memory\") {memory}) {items}\n");
        for (interface, id) in interfaces(&resolve, resolve.worlds[world].exports.values()) {
            for (name, function) in &resolve.interfaces[id].functions {
                let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
                let (takes, gives) = (types("param", &signature.params), types("result", &signature.results));
                writeln!(text, "(func (export \"{interface}#{name}\") {takes} {gives} {body})").unwrap();
                let given = types("param", &signature.results);
                writeln!(text, "(func (export \"cabi_post_{interface}#{name}\") {given} {post_return})").unwrap();
            }
        }
        writeln!(text, "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) {realloc})").unwrap();
        if !start.is_empty() {
            writeln!(text, "(func $start {start}) (start $start)").unwrap();
        }
        text + ")"
    }
}

fn types(kind: &str, types: &[WasmType]) -> String {
    let words: Vec<_> = types
        .iter()
        .map(|ty| match ty {
            WasmType::I64 | WasmType::PointerOrI64 => "i64",
            WasmType::F32 => "f32",
            WasmType::F64 => "f64",
            WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        })
        .collect();
    format!("({kind} {})", words.join(" "))
}
