//! The real component in the real host against the simulator, over loopback.

/// Which project and branch, and pickers longer than a page.
mod configure;
/// Who the token is, where GitLab is, and what is asked for both.
mod connect;

/// Both sides changed the same file.
mod conflicts;
/// Everything that can go wrong with a request, at every request.
mod faults;
/// The host or the connector dies in the middle.
mod kills;
/// Push and pull: what they cost, and that nothing is changed on the way.
mod moving;

/// What trouble is made for.
mod jobs;
/// A GitLab with a person and projects in it.
mod lab;
/// What other people do meanwhile.
mod rewritten;

/// One host with one connection, as a product has it.
mod product;
