//! What a component is made of, judged before the compiler sees it.
//!
//! Decided here: which parts of the component model a connector may use, and how much of each it may have. The parts are the ones that
//! the common toolchains make of `wit/`, the numbers several times what ours has. Both keep the work of compiling in proportion to the
//! size of the file. Measured without them: 8 KB of declared variables took a second, 2 MB of calls 13 s and 2.3 GB, 640 bytes of
//! components in components a second and ten times that for each 75 bytes more, and 30 KB of types in types overflowed the stack of
//! the reader, which ends the whole process.
//!
//! Not decided here: what it imports and exports (`contract`), and whether its code is valid: the compiler does that, before it makes
//! anything of it.

use crate::limits::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};
use std::collections::BTreeSet;
use wasmparser::{
    BinaryReaderError, CanonicalFunction, CanonicalOption, ComponentType, CompositeInnerType, FunctionBody, Instance,
    Payload, RecGroup, SectionLimited,
};

/// Something that no connector needs. Put `the component` before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusual {
    /// The engine's transcoders are where other encodings have gone wrong (RUSTSEC-2026-0091 to 0093).
    #[error("passes text as `{0}`, and connectors pass UTF-8")]
    Encoding(&'static str),
    /// An option of a lifted or lowered function, such as `async`.
    #[error("passes values by the option `{0}`, which connectors do without")]
    Option(&'static str),
    /// A function of the component model itself, such as one that makes a stream.
    #[error("uses the built-in function `{0}`, which connectors do without")]
    BuiltIn(String),
    /// A resource that the component makes, not the host.
    #[error("makes resources of its own, which connectors do without")]
    Resource,
    /// A component inside it that is more than a list of names.
    #[error("has a component inside it that does something, and connectors are in one piece")]
    Nested,
    /// Its memory would exist twice.
    #[error("instantiates one of its modules twice")]
    Twice,
    /// An interface whose functions cannot be read at its import.
    #[error("imports `{0}` by a type that stands elsewhere")]
    Indirect(String),
    /// More of something than any connector has.
    #[error("has {found} {}, the most is {}", part.name(), part.most())]
    Excess {
        /// Of what.
        part: Part,
        /// How many were counted.
        found: u64,
    },
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "`name` has the words")]
pub enum Part {
    Modules,
    Memories,
    Tables,
    Components,
    CoreInstances,
    Instances,
    Types,
    NestedTypes,
    Aliases,
    Canonicals,
    CoreTypes,
    CoreItems,
    Parameters,
    Functions,
    CodeBytes,
    LocalsOfOne,
    Locals,
}

impl Part {
    /// The most that is taken. What ours has, in November 2026, stands behind it.
    pub const fn most(self) -> u64 {
        match self {
            Self::Modules => MAX_CORE_INSTANCES as u64, // 3
            Self::Memories => MAX_MEMORIES as u64,      // 1
            Self::Tables => MAX_TABLES as u64,          // 2
            Self::Components => 32,                     // 2
            Self::CoreInstances => 100,                 // 14
            Self::Instances => 32,                      // 2
            Self::Types => 4_000,                       // 310
            Self::NestedTypes => 100,                   // 3
            Self::Aliases => 4_000,                     // 136
            Self::Canonicals => 250,                    // 67
            Self::CoreTypes => 4_000,                   // 82
            Self::CoreItems => 10_000,                  // 90
            Self::Parameters => 50,                     // 13
            Self::Functions => 30_000,                  // 3,201
            Self::CodeBytes => 64 << 10,                // 11,259
            Self::LocalsOfOne => 2_000,                 // 62
            Self::Locals => 200_000,                    // 9,181
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Modules => "core modules",
            Self::Memories => "memories",
            Self::Tables => "tables",
            Self::Components => "components inside it",
            Self::CoreInstances => "core instances",
            Self::Instances => "instances",
            Self::Types => "types",
            Self::NestedTypes => "types within types of one section",
            Self::Aliases => "aliases",
            Self::Canonicals => "lifted and lowered functions",
            Self::CoreTypes => "core types",
            Self::CoreItems => "core imports, globals and segments",
            Self::Parameters => "parameters or results of one core function",
            Self::Functions => "core functions",
            Self::CodeBytes => "bytes of code in one function",
            Self::LocalsOfOne => "variables in one function",
            Self::Locals => "variables",
        }
    }
}

/// Why a component is not read to its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It is not valid.
    Damaged(BinaryReaderError),
    /// Reading it would cost more than it is worth.
    Unusual(Unusual),
}

impl From<BinaryReaderError> for Stop {
    fn from(error: BinaryReaderError) -> Self {
        Self::Damaged(error)
    }
}

/// Counts the parts of one component as a parser goes through it.
#[derive(Default)]
pub(crate) struct Structure {
    counts: [u64; Part::Locals as usize + 1],
    instantiated: BTreeSet<u32>,
    finding: Option<Unusual>,
}

impl Structure {
    /// The first thing that is unusual.
    pub(crate) fn into_finding(self) -> Option<Unusual> {
        self.finding
    }

    /// Looks at the next part of `bytes`, before anyone else reads it; `depth` is how many components or modules it lies in.
    pub(crate) fn take(&mut self, payload: &Payload<'_>, bytes: &[u8], depth: usize) -> Result<(), Stop> {
        match payload {
            Payload::ModuleSection { .. } => self.outermost(depth).count(Part::Modules, 1),
            Payload::ComponentSection { .. } => self.outermost(depth).count(Part::Components, 1),
            Payload::ComponentInstanceSection(section) => {
                self.outermost(depth).count(Part::Instances, section.count());
            }
            Payload::ComponentStartSection { .. } => self.find(Unusual::BuiltIn("start".into())),
            Payload::ComponentAliasSection(section) => self.count(Part::Aliases, section.count()),
            Payload::ComponentTypeSection(section) => self.take_types(section, bytes)?,
            Payload::ComponentCanonicalSection(section) => self.outermost(depth).take_canonicals(section)?,
            Payload::InstanceSection(section) => self.outermost(depth).take_core_instances(section)?,
            Payload::CoreTypeSection(section) => self.count(Part::CoreTypes, section.count()),
            _ => self.take_of_module(payload)?,
        }
        Ok(())
    }

    fn take_of_module(&mut self, payload: &Payload<'_>) -> Result<(), Stop> {
        match payload {
            Payload::TypeSection(section) => self.take_core_types(section)?,
            Payload::ImportSection(section) => self.count(Part::CoreItems, section.count()),
            Payload::GlobalSection(section) => self.count(Part::CoreItems, section.count()),
            Payload::ElementSection(section) => self.count(Part::CoreItems, section.count()),
            Payload::DataSection(section) => self.count(Part::CoreItems, section.count()),
            Payload::MemorySection(section) => self.count(Part::Memories, section.count()),
            Payload::TableSection(section) => self.count(Part::Tables, section.count()),
            Payload::FunctionSection(section) => self.count(Part::Functions, section.count()),
            Payload::CodeSectionEntry(body) => self.take_body(body)?,
            _ => {}
        }
        Ok(())
    }

    fn take_types(&mut self, section: &SectionLimited<'_, ComponentType<'_>>, bytes: &[u8]) -> Result<(), Stop> {
        self.count(Part::Types, section.count());
        within(Part::NestedTypes, nested_types(bytes.get(section.range()).unwrap_or_default()))?;
        for ty in section.clone() {
            if matches!(ty?, ComponentType::Resource { .. }) {
                self.find(Unusual::Resource);
            }
        }
        Ok(())
    }

    /// The validator goes through all parameters for each target of a jump: 1,000 of them and 1 MB of targets took 7 s.
    fn take_core_types(&mut self, section: &SectionLimited<'_, RecGroup>) -> Result<(), Stop> {
        self.count(Part::CoreTypes, section.count());
        for group in section.clone() {
            for ty in group?.into_types() {
                if let CompositeInnerType::Func(function) = &ty.composite_type.inner {
                    within(Part::Parameters, function.params().len().max(function.results().len()))?;
                }
            }
        }
        Ok(())
    }

    fn take_canonicals(&mut self, section: &SectionLimited<'_, CanonicalFunction>) -> Result<(), Stop> {
        self.count(Part::Canonicals, section.count());
        for function in section.clone() {
            match function? {
                CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => {
                    options.iter().filter_map(objection).for_each(|unusual| self.find(unusual));
                }
                CanonicalFunction::ResourceDrop { .. } => {}
                other if self.finding.is_none() => self.find(Unusual::BuiltIn(word(&other))),
                _ => {}
            }
        }
        Ok(())
    }

    fn take_core_instances(&mut self, section: &SectionLimited<'_, Instance<'_>>) -> Result<(), Stop> {
        self.count(Part::CoreInstances, section.count());
        for instance in section.clone() {
            if let Instance::Instantiate { module_index, .. } = instance?
                && !self.instantiated.insert(module_index)
            {
                self.find(Unusual::Twice);
            }
        }
        Ok(())
    }

    fn take_body(&mut self, body: &FunctionBody<'_>) -> Result<(), Stop> {
        self.at_most(Part::CodeBytes, body.range().len() as u64);
        let mut locals = 0;
        for group in body.get_locals_reader()? {
            locals += u64::from(group?.0);
        }
        self.at_most(Part::LocalsOfOne, locals);
        self.count(Part::Locals, u32::try_from(locals).unwrap_or(u32::MAX));
        Ok(())
    }

    /// What lies in a component inside is a list of names: it can be instantiated any number of times, one in the other.
    fn outermost(&mut self, depth: usize) -> &mut Self {
        if depth > 0 {
            self.find(Unusual::Nested);
        }
        self
    }

    fn count(&mut self, part: Part, more: u32) {
        let counted = &mut self.counts[part as usize];
        *counted += u64::from(more);
        let counted = *counted;
        self.at_most(part, counted);
    }

    fn at_most(&mut self, part: Part, found: u64) {
        if found > part.most() {
            self.find(Unusual::Excess { part, found });
        }
    }

    fn find(&mut self, unusual: Unusual) {
        self.finding.get_or_insert(unusual);
    }
}

/// The reader of types calls itself for a type within a type, which begins with these two bytes. So there are at most as many of
/// them as there are such pairs, some of which may be something else.
fn nested_types(section: &[u8]) -> usize {
    section.windows(2).filter(|pair| matches!(pair, [0x01, 0x41 | 0x42])).count()
}

fn within(part: Part, found: usize) -> Result<(), Stop> {
    let found = u64::try_from(found).unwrap_or(u64::MAX);
    if found > part.most() {
        return Err(Stop::Unusual(Unusual::Excess { part, found }));
    }
    Ok(())
}

fn objection(option: &CanonicalOption) -> Option<Unusual> {
    match option {
        CanonicalOption::UTF8
        | CanonicalOption::Memory(_)
        | CanonicalOption::Realloc(_)
        | CanonicalOption::PostReturn(_) => None,
        CanonicalOption::UTF16 => Some(Unusual::Encoding("utf16")),
        CanonicalOption::CompactUTF16 => Some(Unusual::Encoding("latin1+utf16")),
        CanonicalOption::Async => Some(Unusual::Option("async")),
        CanonicalOption::Callback(_) => Some(Unusual::Option("callback")),
        CanonicalOption::CoreType(_) => Some(Unusual::Option("core-type")),
        CanonicalOption::Gc => Some(Unusual::Option("gc")),
    }
}

/// `TaskReturn { .. }` becomes `task-return`.
fn word(function: &CanonicalFunction) -> String {
    let mut word = String::new();
    for letter in format!("{function:?}").chars().take_while(char::is_ascii_alphanumeric) {
        if letter.is_ascii_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}
