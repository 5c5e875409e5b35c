//! The edge between browsers and the pages: who is signed in, what they may do, what a form has to prove, and what each address answers.
//!
//! Three things hold by type. A handler gets a connection only as [`Own`], which is made for connections of the visitor's organisation
//! alone. A handler that changes something asks for [`Sent`], which is made only of a form that proved where it comes from; one that shows
//! something asks for [`Seen`], which is not made for a form. And what only admins may do wants an [`Admin`].

pub(crate) mod caller;
pub(crate) mod cookie;
pub(crate) mod desk;
mod fields;
pub(crate) mod headers;
pub(crate) mod limiter;
mod origin;
mod refusal;
mod routes;
mod sent;
pub(crate) mod session;
mod words;

pub(crate) use caller::{Admin, Own, Visitor};
pub(crate) use desk::Desk;
pub(crate) use fields::Fields;
pub(crate) use refusal::Refusal;
pub(crate) use routes::router;
pub(crate) use sent::{Seen, Sent};
