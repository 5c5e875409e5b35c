//! From untrusted bytes to a connector that can be called.
//!
//! Decided here: whether the bytes are a component at all, and whether it asks only for what the contract lends. The checks run
//! in this order, cheapest first: header, size, imports and exports by name, what it is made of; then the compiler, which checks that
//! all of it is valid, or has done so when it put it into its cache; then the linker's types. Not decided here: which parts a component
//! may be made of (`structure`), and what a connection grants.

use crate::contract::{self, Foreign};
use crate::manifest::hex;
use crate::structure::{Stop, Structure, Unusual};
use sha2::{Digest, Sha256};
use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentType, ComponentTypeRef,
    CustomSectionReader, InstanceTypeDeclaration, KnownCustom, Parser, Payload, Validator,
};

/// Why bytes are not a connector.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Larger than any connector.
    #[error("the component has {bytes} bytes, the most is {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Nothing at all.
    #[error("the file is empty")]
    Empty,
    /// No WebAssembly at all.
    #[error("this is not WebAssembly: it does not start with `\\0asm`")]
    NotWasm,
    /// A module, which has no interfaces.
    #[error("this is a core WebAssembly module, not a component")]
    CoreModule,
    /// From before components had a standard, or from a future one.
    #[error("this is WebAssembly of a version that this host does not know")]
    Version,
    /// It uses what this host has left out on purpose, or not yet.
    #[error("the component needs a part of WebAssembly that this host leaves out: {0}")]
    Proposal(String),
    /// Cut off or damaged.
    #[error("the component is damaged at byte {offset}: {reason}")]
    Damaged {
        /// Where reading stopped.
        offset: usize,
        /// The parser's words.
        reason: String,
    },
    /// It asks for something that the contract does not lend.
    #[error("the component asks for `{}`, which this host does not lend", foreign_name(.0))]
    Foreign(Foreign),
    /// It lacks an interface of the contract.
    #[error("the component does not export `{0}`, so it is not a gitlab-sync connector")]
    MissingExport(&'static str),
    /// It is made of parts that no connector needs, or of too many.
    #[error("the component {0}")]
    Unusual(Unusual),
    /// The digest is not the expected one.
    #[error("the component's digest is `{found}`, expected was `{expected}`")]
    Digest {
        /// What was pinned.
        expected: String,
        /// What the bytes have.
        found: String,
    },
    /// The compiler or the linker refused it.
    #[error("the component cannot be compiled or linked")]
    Engine(#[source] wasmtime::Error),
}

fn foreign_name(foreign: &Foreign) -> String {
    match foreign {
        Foreign::Interface(interface) | Foreign::Version(interface) => printable(interface),
        Foreign::Function { interface, function } => printable(&format!("{interface}#{function}")),
    }
}

impl LoadError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => {
                "give the connector itself, built without an interpreter such as JavaScript's or Python's inside"
            }
            Self::Empty => "download the file again and compare its sha256",
            Self::NotWasm => "give a `.wasm` file; was a web page, an archive or a `.wat` text given instead?",
            Self::CoreModule => {
                "build it as a component: link it with `wasm-component-ld`, or see `wasm-tools component new`"
            }
            Self::Version => "build it again with current tools",
            Self::Damaged { .. } => "download the file again and compare its sha256",
            Self::Foreign(Foreign::Version(_)) => "take a connector built for this host's contract, or a newer host",
            Self::Foreign(_) => "do not run it; `gitlab-sync inspect` lists everything it asks for",
            Self::MissingExport(_) => "give a connector built for this contract",
            Self::Unusual(_) => "take a connector from where its digest was published; this host runs no other kind",
            Self::Digest { .. } => "do not run it; get the component from where the digest was published",
            Self::Proposal(_) | Self::Engine(_) => "take a connector built for this host's contract",
        }
    }
}

/// What a parser reads in a component, before anything is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// `sha256:` and 64 digits.
    pub digest: String,
    /// Size in bytes.
    pub bytes: usize,
    /// The interfaces it imports, with the functions it takes from each. In the order of the file.
    pub imports: Vec<Import>,
    /// The interfaces it exports.
    pub exports: Vec<String>,
    /// What its metadata sections say: name, version, license and the like.
    pub metadata: Vec<(String, String)>,
    /// The first thing in it that no connector needs.
    pub unusual: Option<Unusual>,
}

/// One imported interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// With its version.
    pub interface: String,
    /// What it can call there.
    pub functions: Vec<String>,
}

/// The digest that a component is pinned and cached by.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

impl Outline {
    /// Reads a component without compiling it, down to its last instruction. Foreign components are read too: judging them is
    /// `foreign`.
    pub fn read(bytes: &[u8]) -> Result<Self, LoadError> {
        let outline = Self::skim(bytes, digest(bytes))?;
        match (Validator::new().validate_all(bytes), &outline.unusual) {
            (Ok(_), _) => Ok(outline),
            // Some of what is unusual is not valid either, as long as it is only proposed.
            (Err(_), Some(unusual)) => Err(LoadError::Unusual(unusual.clone())),
            (Err(error), None) => Err(damaged(&error)),
        }
    }

    /// As [`read`](Self::read), but leaves it to the compiler whether all of it is valid. Takes a thirtieth of the time.
    pub(crate) fn skim(bytes: &[u8], digest: String) -> Result<Self, LoadError> {
        check_header(bytes)?;
        let mut reading = Reading::default();
        for payload in Parser::new(0).parse_all(bytes) {
            reading.take(&payload.map_err(|error| damaged(&error))?, bytes)?;
        }
        let Reading { imports, exports, metadata, structure, indirect, .. } = reading;
        let unusual = structure.into_finding().or(indirect);
        Ok(Self { digest, bytes: bytes.len(), imports, exports, metadata, unusual })
    }

    /// Everything it asks for outside the contract.
    pub fn foreign(&self) -> Vec<Foreign> {
        self.foreign_ones().collect()
    }

    /// The first interface of the contract that it does not export.
    pub fn missing_export(&self) -> Option<&'static str> {
        let exports = |wanted: &str| self.exports.iter().any(|export| contract::is_export(export, wanted));
        contract::EXPORTS.iter().copied().find(|wanted| !exports(wanted))
    }

    /// Whether this host can run it.
    pub fn check(&self) -> Result<(), LoadError> {
        if let Some(foreign) = self.foreign_ones().next() {
            return Err(LoadError::Foreign(foreign));
        }
        if let Some(export) = self.missing_export() {
            return Err(LoadError::MissingExport(export));
        }
        self.unusual.clone().map_or(Ok(()), |unusual| Err(LoadError::Unusual(unusual)))
    }

    fn foreign_ones(&self) -> impl Iterator<Item = Foreign> {
        self.imports.iter().flat_map(|import| {
            let interface = contract::capability(&import.interface).err();
            let functions = if interface.is_none() { import.functions.as_slice() } else { &[] };
            let function = |function: &String| contract::function(&import.interface, function).err();
            interface.into_iter().chain(functions.iter().filter_map(function))
        })
    }
}

/// Metadata of a component has seven texts and a name.
const MAX_METADATA: usize = 32;

/// What is known of a component while a parser goes through it.
#[derive(Default)]
struct Reading {
    /// Components and modules around the current part.
    depth: usize,
    /// The types of the outermost component, by index: the functions of instance types, none of others.
    types: Vec<Option<Vec<String>>>,
    imports: Vec<Import>,
    exports: Vec<String>,
    metadata: Vec<(String, String)>,
    structure: Structure,
    indirect: Option<Unusual>,
}

impl Reading {
    fn take(&mut self, payload: &Payload<'_>, bytes: &[u8]) -> Result<(), LoadError> {
        self.structure.take(payload, bytes, self.depth)?;
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => self.depth += 1,
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            _ if self.depth > 0 => {}
            _ => self.take_outermost(payload).map_err(|error| damaged(&error))?,
        }
        Ok(())
    }

    fn take_outermost(&mut self, payload: &Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::ComponentTypeSection(section) => {
                for ty in section.clone() {
                    self.types.push(functions(&ty?));
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    self.types.extend(names_type(&alias?).then_some(None));
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import?;
                    self.take_import(import.name.name, import.ty);
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    self.exports.push(export.name.name.into());
                    self.types.extend((export.kind == ComponentExternalKind::Type).then_some(None));
                }
            }
            Payload::CustomSection(section) => self.take_metadata(section),
            _ => {}
        }
        Ok(())
    }

    fn take_import(&mut self, interface: &str, ty: ComponentTypeRef) {
        let functions = match ty {
            ComponentTypeRef::Instance(index) => self.functions_of(interface, index),
            ComponentTypeRef::Type(_) => {
                self.types.push(None);
                vec![]
            }
            _ => vec![],
        };
        self.imports.push(Import { interface: interface.into(), functions });
    }

    fn functions_of(&mut self, interface: &str, index: u32) -> Vec<String> {
        let found = usize::try_from(index).ok().and_then(|index| self.types.get(index)).cloned().flatten();
        found.unwrap_or_else(|| {
            self.indirect.get_or_insert_with(|| Unusual::Indirect(printable(interface)));
            vec![]
        })
    }

    fn take_metadata(&mut self, section: &CustomSectionReader<'_>) {
        const TEXTS: [&str; 7] = ["version", "description", "licenses", "source", "homepage", "revision", "authors"];
        if self.metadata.len() >= MAX_METADATA {
            return;
        }
        if let KnownCustom::ComponentName(names) = section.as_known() {
            let own = names.into_iter().flatten().find_map(|name| match name {
                wasmparser::ComponentName::Component { name, .. } => Some(name),
                _ => None,
            });
            self.metadata.extend(own.map(|name| ("name".into(), printable(name))));
        } else if TEXTS.contains(&section.name()) {
            let text = String::from_utf8_lossy(section.data());
            self.metadata.push((section.name().into(), printable(&text)));
        }
    }
}

/// The functions of an instance type.
fn functions(ty: &ComponentType<'_>) -> Option<Vec<String>> {
    let ComponentType::Instance(declarations) = ty else { return None };
    let functions = declarations.iter().filter_map(|declaration| match declaration {
        InstanceTypeDeclaration::Export { name, ty: ComponentTypeRef::Func(_) } => Some(name.name.to_owned()),
        _ => None,
    });
    Some(functions.collect())
}

/// Whether an alias gives a type of the component another index.
fn names_type(alias: &ComponentAlias<'_>) -> bool {
    matches!(
        alias,
        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, .. }
            | ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. }
    )
}

/// Names come from strangers: no control characters on a reviewer's terminal, and not more than a line.
fn printable(text: &str) -> String {
    text.chars().take(200).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

fn check_header(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.is_empty() {
        return Err(LoadError::Empty);
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(LoadError::NotWasm);
    }
    match bytes.get(4..8) {
        Some([1, 0, 0, 0]) => Err(LoadError::CoreModule),
        Some([0x0d, 0, 1, 0]) if bytes.len() > crate::limits::MAX_COMPONENT_BYTES => {
            Err(LoadError::TooLarge { bytes: bytes.len(), limit: crate::limits::MAX_COMPONENT_BYTES })
        }
        Some([0x0d, 0, 1, 0]) => Ok(()),
        Some(_) => Err(LoadError::Version),
        None => Err(LoadError::Damaged { offset: bytes.len(), reason: "unexpected end".into() }),
    }
}

impl From<Stop> for LoadError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Damaged(error) => damaged(&error),
            Stop::Unusual(unusual) => Self::Unusual(unusual),
        }
    }
}

fn damaged(error: &BinaryReaderError) -> LoadError {
    // Some of its messages go on with a dump of the bytes over several lines.
    let reason = error.message().lines().next().unwrap_or_default().split(" - expected=").next().unwrap_or_default();
    // The parser has one kind of error for both.
    if ["feature", "proposal"].iter().any(|word| reason.contains(word)) {
        return LoadError::Proposal(printable(reason));
    }
    LoadError::Damaged { offset: error.offset(), reason: printable(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gitlab_sync_component::CONNECTOR;

    fn skim(bytes: &[u8]) -> Result<Outline, LoadError> {
        Outline::skim(bytes, digest(bytes))
    }

    #[test]
    fn skimming_sees_what_reading_sees() {
        let read = Outline::read(CONNECTOR).unwrap();
        assert_eq!(skim(CONNECTOR).unwrap(), read);
        read.check().unwrap();
    }

    #[test]
    fn no_part_of_a_connector_is_a_connector() {
        for part in 0..256 {
            let cut = &CONNECTOR[..CONNECTOR.len() * part / 256];
            assert!(skim(cut).and_then(|outline| outline.check()).is_err(), "{part}/256");
        }
    }

    /// The validator knows the types of all imports, which takes it ten times as long.
    #[test]
    fn the_functions_of_each_import_are_those_that_the_validator_finds() {
        use wasmparser::component_types::ComponentEntityType;
        let types = Validator::new().validate_all(CONNECTOR).unwrap();
        let types = types.as_ref();
        for Import { interface, functions } in Outline::read(CONNECTOR).unwrap().imports {
            let Some(ComponentEntityType::Instance(instance)) =
                types.component_item_for_import(&interface).map(|item| item.ty)
            else {
                panic!("`{interface}` is no interface")
            };
            let exports = types[instance].exports.iter();
            let found = exports.filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)));
            assert_eq!(functions, found.map(|(name, _)| name.clone()).collect::<Vec<_>>(), "{interface}");
        }
    }
}
