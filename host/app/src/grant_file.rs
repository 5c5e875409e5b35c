//! A grant file, read from disk: what the operator typed. What it means is decided by `gitlab_sync_host::permission`.

use crate::failure::Failure;
use crate::toml_text;
use gitlab_sync_host::grant::Grant;
use std::io::Read;
use std::path::Path;

/// Far more than a grant with a chain of certificates has.
const MOST_BYTES: u64 = 1 << 20;

pub(crate) fn read(path: &Path) -> Result<Grant, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("the grant `{}` cannot be read: {error}", path.display()))
            .hint("give the path of a TOML file; the README shows one")
    };
    let mut text = String::new();
    std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text)).map_err(failed)?;
    parse(&text).map_err(|failure| failure.about(path))
}

fn parse(text: &str) -> Result<Grant, Failure> {
    let hint = "a word that the grant does not know is never ignored; the README shows a grant";
    toml_text::parse(text).map_err(|why| Failure::new(why).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_is_named_with_its_line() {
        let failure = parse("origin = \"https://gitlab.com\"\n[network]\nplaintext = true\n").unwrap_err();
        assert!(failure.message().starts_with("line 3: unknown field `plaintext`"), "{}", failure.message());
        assert!(parse("origin = 7").unwrap_err().message().starts_with("line 1: "));
        assert_eq!(parse("").unwrap(), Grant::default());
    }
}
