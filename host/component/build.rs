//! Builds the connector and its digest into this crate.

fn main() {
    let component = guest_build::component("gitlab-sync-connector");
    println!("cargo::rustc-env=CONNECTOR={}", component.display());
}
