//! Edits in workspaces: noticed, waited for, and made into a push.

mod debounce;
mod ears;
mod folder;
