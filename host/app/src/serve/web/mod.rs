//! The edge between browsers and the pages.

pub(crate) mod cookie;
pub(crate) mod headers;
pub(crate) mod limiter;
pub(crate) mod origin;
pub(crate) mod session;
