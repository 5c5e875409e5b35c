//! What the commands and the server share: connect, configure, diagnose, disconnect, list what there is to choose from, and move files.
//!
//! Decided here: what is done and in which order. Not decided here: who may do it, what was typed, and the words of an answer. An error
//! says what happened and never how to type it better; a command names its options (`failure`), the page its fields.

pub(crate) mod configure;
pub(crate) mod connect;
pub(crate) mod diagnose;
pub(crate) mod disconnect;
pub(crate) mod hooks;
pub(crate) mod moving;
pub(crate) mod named;
pub(crate) mod pickers;
mod trouble;
pub(crate) mod versions;

pub(crate) use trouble::Trouble;
