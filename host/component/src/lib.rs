//! The connector as a component, built from `plugin/` and carried inside programs that want to start without a file.

/// The component's bytes: what `gitlab-sync component FILE` writes and what a marketplace lists.
pub const CONNECTOR: &[u8] = include_bytes!(env!("CONNECTOR"));
