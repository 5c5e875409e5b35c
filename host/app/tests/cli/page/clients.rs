//! How programs that nobody here wrote are obtained, in common with the simulator's own tests.

#[path = "../../../../../tests/gitlab/tests/all/clients/debian.rs"]
#[expect(dead_code, reason = "the simulator's tests take programs without libraries, too")]
mod debian;
#[path = "../../../../../tests/gitlab/tests/all/clients/obtained.rs"]
mod obtained;

pub(super) use debian::program_with_libraries;
use obtained::{DEMAND, installed, is_required, step};
pub(super) use obtained::{on_path, or_skip};
