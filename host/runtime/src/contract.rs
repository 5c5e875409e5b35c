//! What a component may import and must export, and what each import means in plain words.
//!
//! Decided here: the closed list of capabilities. A component that asks for anything else is refused at load, by name. Whether the
//! list is that of `wit/` is held by a test (`tests/suite`).

/// The contract this host speaks.
pub const CONTRACT: &str = "gitlab-sync:connector@0.1.0";

/// One interface that a component may import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Without the version: `wasi:http/types`.
    pub interface: &'static str,
    /// The version this host has; others with the same major and, before 1.0, minor number fit.
    pub version: &'static str,
    /// For a reviewer.
    pub meaning: &'static str,
    /// Everything in it that can be called.
    pub functions: &'static [&'static str],
}

const WASI: &str = "0.2.12";
const OWN: &str = "0.1.0";

/// Every interface that may be imported.
pub const CAPABILITIES: &[Capability] = &[
    Capability {
        interface: "gitlab-sync:connector/clock",
        version: OWN,
        meaning: "ask the host for the time, and to let some pass",
        functions: &["now", "wait"],
    },
    Capability {
        interface: "gitlab-sync:connector/files",
        version: OWN,
        meaning: "list, read and change the product's workspace, as far as the grant allows",
        functions: &["list", "list-news", "look", "read", "apply", "apply-ahead"],
    },
    Capability {
        interface: "gitlab-sync:connector/log",
        version: OWN,
        meaning: "write bounded log lines and progress",
        functions: &["event", "progress"],
    },
    Capability {
        interface: "gitlab-sync:connector/secrets",
        version: OWN,
        meaning: "have the host use secrets that the component cannot read",
        functions: &["status", "generate", "rename", "forget", "matches", "verify-hmac-sha256", "exchange"],
    },
    Capability {
        interface: "gitlab-sync:connector/state",
        version: OWN,
        meaning: "keep notes of its own connection",
        functions: &["get", "commit"],
    },
    Capability {
        interface: "gitlab-sync:connector/types",
        version: OWN,
        meaning: "no ability: words that the interfaces share",
        functions: &[],
    },
    Capability {
        interface: "wasi:http/outgoing-handler",
        version: WASI,
        meaning: "ask the host to send an HTTP request, which the permission table judges",
        functions: &["handle"],
    },
    Capability {
        interface: "wasi:http/types",
        version: WASI,
        meaning: "no ability of its own: build requests and take replies apart",
        functions: &[
            "[constructor]outgoing-request",
            "[method]fields.entries",
            "[method]future-incoming-response.get",
            "[method]future-incoming-response.subscribe",
            "[method]incoming-body.stream",
            "[method]incoming-response.consume",
            "[method]incoming-response.headers",
            "[method]incoming-response.status",
            "[method]outgoing-body.write",
            "[method]outgoing-request.body",
            "[method]outgoing-request.set-authority",
            "[method]outgoing-request.set-method",
            "[method]outgoing-request.set-path-with-query",
            "[method]outgoing-request.set-scheme",
            "[static]fields.from-list",
            "[static]outgoing-body.finish",
            "http-error-code",
        ],
    },
    Capability {
        interface: "wasi:io/error",
        version: WASI,
        meaning: "no ability: say why a stream broke",
        functions: &["[method]error.to-debug-string"],
    },
    Capability {
        interface: "wasi:io/poll",
        version: WASI,
        meaning: "wait for replies",
        functions: &["[method]pollable.block", "[method]pollable.ready", "poll"],
    },
    Capability {
        interface: "wasi:io/streams",
        version: WASI,
        meaning: "no ability of its own: read and write the bytes of requests and replies",
        functions: &[
            "[method]input-stream.blocking-read",
            "[method]input-stream.subscribe",
            "[method]output-stream.blocking-flush",
            "[method]output-stream.check-write",
            "[method]output-stream.subscribe",
            "[method]output-stream.write",
        ],
    },
];

/// Interfaces a connector has to export.
pub const EXPORTS: &[&str] = &["gitlab-sync:connector/about", "gitlab-sync:connector/sync"];

/// Why an import is not lent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// No such interface in the contract.
    Interface(String),
    /// The interface, in a version that does not fit.
    Version(String),
    /// A function that the contract leaves out of the interface.
    Function {
        /// The interface, with its version.
        interface: String,
        /// Its function.
        function: String,
    },
}

/// The capability behind an import such as `wasi:io/poll@0.2.12`.
pub fn capability(import: &str) -> Result<&'static Capability, Foreign> {
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    let known = CAPABILITIES.iter().find(|capability| capability.interface == name);
    let capability = known.ok_or_else(|| Foreign::Interface(import.into()))?;
    if !compatible(version, capability.version) {
        return Err(Foreign::Version(import.into()));
    }
    Ok(capability)
}

/// Whether a function of an import is in the contract.
pub fn function(import: &str, function: &str) -> Result<(), Foreign> {
    let capability = capability(import)?;
    if capability.functions.contains(&function) {
        return Ok(());
    }
    Err(Foreign::Function { interface: import.into(), function: function.into() })
}

/// Whether an export such as `gitlab-sync:connector/sync@0.1.0` is this interface of [`EXPORTS`], in a version that fits.
pub fn is_export(export: &str, wanted: &str) -> bool {
    export.split_once('@').is_some_and(|(name, version)| name == wanted && compatible(version, OWN))
}

/// The rule of the component model for releases before 1.0: equal `0.x`. Ours is the newest of its line, so an older one fits.
fn compatible(wanted: &str, lent: &str) -> bool {
    let parse = |text: &str| {
        let mut parts = text.splitn(3, '.').map(str::parse::<u32>);
        Some((parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?))
    };
    let (Some(wanted), Some(lent)) = (parse(wanted), parse(lent)) else { return false };
    (wanted.0, wanted.1) == (lent.0, lent.1) && wanted.2 <= lent.2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_one_line_fit_and_others_do_not() {
        let table = [
            ("0.2.12", true),
            ("0.2.0", true),
            ("0.2.13", false),
            ("0.3.0", false),
            ("1.2.12", false),
            ("0.2.0-rc.1", false),
            ("", false),
        ];
        for (wanted, fits) in table {
            assert_eq!(compatible(wanted, "0.2.12"), fits, "{wanted}");
        }
    }

    #[test]
    fn what_is_not_in_the_contract_is_named() {
        assert_eq!(
            capability("wasi:filesystem/types@0.2.12"),
            Err(Foreign::Interface("wasi:filesystem/types@0.2.12".into()))
        );
        assert!(capability("wasi:io/poll@0.2.6").is_ok());
        let import = "wasi:http/types@0.2.12";
        assert!(function(import, "[method]incoming-request.method").is_err());
        assert!(function(import, "http-error-code").is_ok());
    }
}
