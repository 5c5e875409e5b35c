//! `/api/graphql`: the part of GitLab's schema that importers and synchronisers ask for.
//!
//! `endpoint` is the HTTP side with its refusals; `limits` is what a query may cost; the rest is the schema, one file per
//! noun. What somebody may not see is null without an error, as at GitLab.
//!
//! Not modelled: mutations, `remove_deprecated`, timeouts of single fields, and every type and field that is not in the
//! schema here. Messages of queries that do not fit the schema are the library's, except for unknown fields.

pub(crate) mod blobs;
pub(crate) mod connection;
pub(crate) mod endpoint;
pub(crate) mod limits;
pub(crate) mod member;
pub(crate) mod merge_requests;
pub(crate) mod project;
pub(crate) mod query;
pub(crate) mod repository;
pub(crate) mod scalars;
pub(crate) mod tree;
pub(crate) mod user;
