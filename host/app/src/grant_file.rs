//! A grant file, read from disk: what the operator typed. What it means is decided by `gitlab_sync_host::permission`.

use crate::failure::Failure;
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
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
        // The parser lists all keys it knows after the first line break.
        let message = error.message().lines().collect::<Vec<_>>().join(" ");
        Failure::new(format!("line {line}: {message}"))
            .hint("a word that the grant does not know is never ignored; the README shows a grant")
    })
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
