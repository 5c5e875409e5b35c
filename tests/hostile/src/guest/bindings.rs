//! The contract as `wit-bindgen` writes it.

wit_bindgen::generate!({
    path: "../../wit",
    world: "connector",
    generate_all,
    default_bindings_module: "crate::guest::bindings",
});
