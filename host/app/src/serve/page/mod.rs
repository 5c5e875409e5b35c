//! The pages: what each shows as plain data, and the HTML it becomes.
//!
//! Decided here: words, structure and looks. Not decided here: who may see what (`web`), and where the data is from. Every function is
//! pure. HTML is only written by the `html!` macro, which escapes all text; what strangers wrote goes through [`name`], too, so that it
//! cannot turn the direction of what stands around it.

pub(crate) mod address;
pub(crate) mod asset;
pub(crate) mod check;
pub(crate) mod conflict;
pub(crate) mod connect;
pub(crate) mod connections;
pub(crate) mod difference;
pub(crate) mod disconnect;
pub(crate) mod frame;
pub(crate) mod history;
pub(crate) mod overview;
pub(crate) mod plan;
pub(crate) mod problem;
pub(crate) mod project;
pub(crate) mod review;
pub(crate) mod settings;
pub(crate) mod sign_in;
#[cfg(test)]
mod states;
pub(crate) mod stranger;
pub(crate) mod webhook;

pub(crate) use frame::{Crumb, Frame, Notice, document, form};
pub(crate) use maud::{Markup, html};
pub(crate) use problem::Problem;
pub(crate) use stranger::{name, web_link};
