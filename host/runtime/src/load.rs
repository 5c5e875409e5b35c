//! From untrusted bytes to a connector that can be called.
//!
//! Decided here: whether the bytes are a component at all, and whether it asks only for what the contract lends. The checks run
//! in this order, cheapest first: header, size, imports and exports as read by a parser, then the compiler, then the linker's types.
//! Not decided here: what a connection grants.

use crate::contract::{self, Foreign};
use crate::manifest::hex;
use sha2::{Digest, Sha256};

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
        Foreign::Interface(interface) | Foreign::Version(interface) => interface.clone(),
        Foreign::Function { interface, function } => format!("{interface}#{function}"),
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
            Self::Digest { .. } => "do not run it; get the component from where the digest was published",
            Self::Engine(_) => "take a connector built for this host's contract",
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
        check_header(bytes)?;
        let types = validator().validate_all(bytes).map_err(|error| damaged(&error))?;
        Self::of(bytes, &types)
    }

    /// As [`read`](Self::read), but leaves the instructions to the compiler, which checks them before it has them in its cache.
    pub(crate) fn skim(bytes: &[u8]) -> Result<Self, LoadError> {
        check_header(bytes)?;
        Self::of(bytes, &structure(bytes).map_err(|error| damaged(&error))?)
    }

    fn of(bytes: &[u8], types: &wasmparser::types::Types) -> Result<Self, LoadError> {
        let mut outline = Self {
            digest: digest(bytes),
            bytes: bytes.len(),
            imports: Vec::new(),
            exports: Vec::new(),
            metadata: Vec::new(),
        };
        let mut depth = 0_usize;
        for payload in wasmparser::Parser::new(0).parse_all(bytes) {
            outline.take(&payload.map_err(|error| damaged(&error))?, &types.as_ref(), &mut depth)?;
        }
        Ok(outline)
    }

    /// Everything it asks for outside the contract.
    pub fn foreign(&self) -> Vec<Foreign> {
        self.imports
            .iter()
            .flat_map(|import| match contract::capability(&import.interface) {
                Err(foreign) => vec![foreign],
                Ok(_) => import
                    .functions
                    .iter()
                    .filter_map(|function| contract::function(&import.interface, function).err())
                    .collect(),
            })
            .collect()
    }

    /// The first interface of the contract that it does not export.
    pub fn missing_export(&self) -> Option<&'static str> {
        let exports = |wanted: &str| self.exports.iter().any(|export| contract::is_export(export, wanted));
        contract::EXPORTS.iter().copied().find(|wanted| !exports(wanted))
    }

    /// Whether this host can run it.
    pub fn check(&self) -> Result<(), LoadError> {
        if let Some(foreign) = self.foreign().into_iter().next() {
            return Err(LoadError::Foreign(foreign));
        }
        self.missing_export().map_or(Ok(()), |export| Err(LoadError::MissingExport(export)))
    }

    fn take(
        &mut self,
        payload: &wasmparser::Payload<'_>,
        types: &wasmparser::types::TypesRef<'_>,
        depth: &mut usize,
    ) -> Result<(), LoadError> {
        use wasmparser::Payload;
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => *depth += 1,
            Payload::End(_) => *depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if *depth == 0 => {
                for import in section.clone() {
                    let name = import.map_err(|error| damaged(&error))?.name.name;
                    self.imports.push(Import { interface: name.into(), functions: functions(types, name) });
                }
            }
            Payload::ComponentExportSection(section) if *depth == 0 => {
                for export in section.clone() {
                    self.exports.push(export.map_err(|error| damaged(&error))?.name.name.into());
                }
            }
            Payload::CustomSection(section) if *depth == 0 => self.take_metadata(section),
            _ => {}
        }
        Ok(())
    }

    fn take_metadata(&mut self, section: &wasmparser::CustomSectionReader<'_>) {
        const TEXTS: [&str; 7] = ["version", "description", "licenses", "source", "homepage", "revision", "authors"];
        if let wasmparser::KnownCustom::ComponentName(names) = section.as_known() {
            for name in names.into_iter().flatten() {
                if let wasmparser::ComponentName::Component { name, .. } = name {
                    self.metadata.insert(0, ("name".into(), printable(name)));
                }
            }
        } else if TEXTS.contains(&section.name()) {
            let text = String::from_utf8_lossy(section.data());
            self.metadata.push((section.name().into(), printable(&text)));
        }
    }
}

fn validator() -> wasmparser::Validator {
    wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::default())
}

/// The component's types, from everything but its instructions.
fn structure(bytes: &[u8]) -> Result<wasmparser::types::Types, wasmparser::BinaryReaderError> {
    let (mut validator, mut types) = (validator(), None);
    for payload in wasmparser::Parser::new(0).parse_all(bytes) {
        if let wasmparser::ValidPayload::End(ended) = validator.payload(&payload?)? {
            types = Some(ended);
        }
    }
    Ok(types.expect("parsing ends with the end of the outermost component, or with an error"))
}

/// Names come from strangers: no control characters on a reviewer's terminal, and not more than a line.
fn printable(text: &str) -> String {
    text.chars().take(200).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// The functions of an imported interface.
fn functions(types: &wasmparser::types::TypesRef<'_>, import: &str) -> Vec<String> {
    use wasmparser::component_types::ComponentEntityType;
    let Some(ComponentEntityType::Instance(instance)) = types.component_item_for_import(import).map(|item| item.ty)
    else {
        return vec![];
    };
    let exports = types[instance].exports.iter();
    let functions = exports.filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)));
    functions.map(|(name, _)| name.clone()).collect()
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

fn damaged(error: &wasmparser::BinaryReaderError) -> LoadError {
    // Some of its messages go on with a dump of the bytes over several lines.
    let reason = error.message().lines().next().unwrap_or_default().split(" - expected=").next().unwrap_or_default();
    LoadError::Damaged { offset: error.offset(), reason: printable(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gitlab_sync_component::CONNECTOR;

    #[test]
    fn skimming_sees_what_reading_sees_and_notices_every_cut() {
        let read = Outline::read(CONNECTOR).unwrap();
        assert_eq!(Outline::skim(CONNECTOR).unwrap(), read);
        read.check().unwrap();
        for part in 0..64 {
            let cut = &CONNECTOR[..CONNECTOR.len() * part / 64];
            assert_eq!(Outline::skim(cut).is_err(), Outline::read(cut).is_err(), "{part}/64");
        }
    }
}
