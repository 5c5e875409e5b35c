//! The real component in the real host against the simulator, over loopback.

/// Which project and branch, and pickers longer than a page.
mod configure;
/// Who the token is, where GitLab is, and what is asked for both.
mod connect;

/// A GitLab with a person and projects in it.
mod lab;
/// One host with one connection, as a product has it.
mod product;
