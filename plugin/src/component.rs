#![expect(missing_docs, reason = "generated")]
wit_bindgen::generate!({ path: "../wit", world: "connector", generate_all });
