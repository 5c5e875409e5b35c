//! Builds the hostile guest into this crate.

fn main() {
    let component = guest_build::component("hostile-guest");
    println!("cargo::rustc-env=HOSTILE={}", component.display());
}
