//! One import as a capability in plain words.

use gitlab_sync_host::contract::{self, Foreign};
use gitlab_sync_host::load;
use serde::Serialize;

/// An interface that the component asks for.
#[derive(Debug, Serialize)]
pub(crate) struct Import {
    pub(crate) interface: String,
    /// What it lends, for a reviewer.
    pub(crate) meaning: String,
    pub(crate) inside: bool,
    pub(crate) functions: Vec<Function>,
    #[serde(skip)]
    objection: Option<String>,
}

/// A function of it.
#[derive(Debug, Serialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) inside: bool,
}

/// What the best known interfaces outside the contract lend, by the start of their names; the first that fits counts.
const STRANGERS: &[(&str, &str)] = &[
    ("wasi:filesystem/", "open, read and change files of the machine"),
    ("wasi:sockets/", "open network connections of its own"),
    ("wasi:cli/environment", "read environment variables and arguments"),
    ("wasi:cli/exit", "end the program"),
    ("wasi:cli/std", "use the program's standard streams"),
    ("wasi:cli/terminal", "use the terminal"),
    ("wasi:cli/", "behave like a command"),
    ("wasi:clocks/", "read the machine's clocks"),
    ("wasi:random/", "draw random numbers"),
    ("wasi:http/", "use a part of HTTP that the contract leaves out"),
    ("wasi:io/", "use streams of a version that the contract leaves out"),
    ("wasi:config/", "read configuration"),
    ("wasi:keyvalue/", "use a key-value store"),
    ("wasi:blobstore/", "use an object store"),
    ("wasi:messaging/", "send and receive messages"),
    ("wasi:nn/", "run machine learning models"),
    ("wasi:logging/", "write log lines"),
    ("wasi:webgpu/", "use the graphics card"),
    ("wasi:", "use a part of WASI that the contract leaves out"),
    ("gitlab-sync:connector/", "use an interface of another version of this contract"),
];

impl Import {
    pub(crate) fn of(import: &load::Import) -> Self {
        let name = &import.interface;
        let function =
            |function: &String| Function { name: function.clone(), inside: contract::function(name, function).is_ok() };
        let (meaning, objection) = match contract::capability(name) {
            Ok(capability) => (capability.meaning.into(), None),
            Err(foreign) => (stranger(name), Some(objection(&foreign))),
        };
        Self {
            interface: name.clone(),
            meaning,
            inside: objection.is_none(),
            functions: import.functions.iter().map(function).collect(),
            objection,
        }
    }

    /// Why it is outside the contract, if it is: the interface as a whole, or each function that is.
    pub(crate) fn objections(&self) -> Vec<String> {
        if let Some(objection) = &self.objection {
            return vec![objection.clone()];
        }
        let outside = self.functions.iter().filter(|function| !function.inside);
        let sentence = |function: &Function| {
            objection(&Foreign::Function { interface: self.interface.clone(), function: function.name.clone() })
        };
        outside.map(sentence).collect()
    }
}

fn objection(foreign: &Foreign) -> String {
    match foreign {
        Foreign::Interface(interface) => format!("imports `{interface}`, which is not in the contract"),
        Foreign::Version(interface) => format!("imports `{interface}`, a version that this host does not have"),
        Foreign::Function { interface, function } => {
            format!("imports `{function}` of `{interface}`, which the contract leaves out")
        }
    }
}

fn stranger(interface: &str) -> String {
    let known = STRANGERS.iter().find(|(start, _)| interface.starts_with(start));
    known.map_or("nobody here knows what this lends", |(_, meaning)| meaning).into()
}
