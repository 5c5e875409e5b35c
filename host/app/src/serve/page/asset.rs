//! The style sheet, the script and the icon: files of this program, sent as they are.

use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// One file with the address it is sent under, which changes with its content, so that browsers may keep it.
pub(crate) struct Asset {
    pub(crate) path: String,
    pub(crate) kind: &'static str,
    pub(crate) content: &'static str,
}

pub(crate) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", "text/css; charset=utf-8", include_str!("style.css")));
pub(crate) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("script", "js", "text/javascript; charset=utf-8", include_str!("script.js")));
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("icon.svg")));

impl Asset {
    fn new(name: &str, end: &str, kind: &'static str, content: &'static str) -> Self {
        let digest: String = Sha256::digest(content).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { path: format!("/assets/{name}-{digest}.{end}"), kind, content }
    }
}
