//! The contract of `wit/` as Rust: the one place where wasmtime's generator speaks. Plain records come out, with `serde::Serialize`,
//! so that a product can hand them on as JSON.

#![expect(missing_docs, reason = "generated; wit/ documents every name")]

wasmtime::component::bindgen!({
    path: "../../wit",
    // The connector's world without WASI: those interfaces are linked from wasmtime's own crates.
    inline: "
        package gitlab-sync:host;
        world lent {
            import gitlab-sync:connector/clock@0.1.0;
            import gitlab-sync:connector/log@0.1.0;
            import gitlab-sync:connector/files@0.1.0;
            import gitlab-sync:connector/state@0.1.0;
            import gitlab-sync:connector/secrets@0.1.0;
            export gitlab-sync:connector/about@0.1.0;
            export gitlab-sync:connector/sync@0.1.0;
        }
    ",
    world: "gitlab-sync:host/lent",
    imports: { default: async | trappable },
    exports: { default: async },
    require_store_data_send: true,
    additional_derives: [PartialEq, serde::Serialize],
});
