//! A GitLab that behaves like GitLab.
