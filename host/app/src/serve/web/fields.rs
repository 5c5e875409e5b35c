//! What was typed into a form, or stands behind the question mark of an address.

use url::form_urlencoded;

/// Names with values. Of a name that is there twice the first value counts.
#[derive(Default)]
pub(crate) struct Fields {
    pairs: Vec<(String, String)>,
}

impl Fields {
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        Self { pairs: form_urlencoded::parse(encoded).into_owned().collect() }
    }

    /// As typed; empty if it is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Without blanks around it; none if nothing is left.
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty())
    }

    /// One value in each line, or several between blanks.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        self.text(name).lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from).collect()
    }

    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        self.text(name).split([' ', ',', '\n', '\r', '\t']).filter(|word| !word.is_empty()).map(String::from).collect()
    }

    /// A box that was ticked.
    pub(crate) fn is_ticked(&self, name: &str) -> bool {
        self.text(name) == "yes"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_it_was_typed() {
        let fields =
            Fields::parse(b"name=+a%20b+&dirs=docs%0D%0A%0D%0A+team%2Fx+&name=other&ok=yes&files=*.md%2C+*.txt");
        assert_eq!((fields.text("name"), fields.word("name")), (" a b ", Some("a b")));
        assert_eq!((fields.word("none"), fields.text("none")), (None, ""));
        assert_eq!(fields.lines("dirs"), ["docs", "team/x"]);
        assert_eq!(fields.words("files"), ["*.md", "*.txt"]);
        assert!(fields.is_ticked("ok") && !fields.is_ticked("name"));
    }
}
