//! The one place where the component's functions are exported.

#![expect(unsafe_code, reason = "the canonical ABI passes pointers; the code is generated")]

use super::run::Hostile;

super::bindings::export!(Hostile with_types_in super::bindings);
