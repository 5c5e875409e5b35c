//! Generated from the contract.

#![allow(
    clippy::all,
    clippy::pedantic,
    unused_qualifications,
    unreachable_pub,
    reason = "generated code is not ours to shape"
)]

wit_bindgen::generate!({ path: "../wit", world: "connector", generate_all });
