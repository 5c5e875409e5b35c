//! Path templates of permission rules: `/api/v4/projects/{#id}/repository/tree`.
//!
//! Decided here: whether a path is one that the template means. `{name}` is exactly one part, `{#name}` one part of digits;
//! there is no wildcard for several parts and none for a piece of a part.

use std::fmt;

use thiserror::Error;

use super::path::{Path, PathError, Segment};

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Segment),
    Any,
    Number,
}

/// Why a template is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TemplateError {
    /// A literal part is not a path's.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Braces that are not one whole part with a plain name.
    #[error("`{0}` is not a placeholder: one is a whole part, `{{name}}` or `{{#name}}`")]
    Placeholder(String),
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let parts = match text.strip_prefix('/').ok_or(PathError::NotAbsolute)? {
            "" => Vec::new(),
            relative => relative.split('/').map(Part::parse).collect::<Result<_, _>>()?,
        };
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Whether these parts of a path, below the base path, are what the template means.
    pub fn matches(&self, segments: &[Segment]) -> bool {
        self.parts.len() == segments.len()
            && self.parts.iter().zip(segments).all(|(part, segment)| part.matches(segment))
    }

    /// Whether some path is what both mean.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.parts.len() == other.parts.len()
            && self.parts.iter().zip(&other.parts).all(|(part, other)| part.overlaps(other))
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Part {
    fn parse(text: &str) -> Result<Self, TemplateError> {
        if !text.contains(['{', '}']) {
            return Ok(Self::Literal(Segment::parse(text)?));
        }
        let name = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
        let (part, name) = match name.strip_prefix('#') {
            Some(name) => (Self::Number, name),
            None => (Self::Any, name),
        };
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if plain { Ok(part) } else { Err(TemplateError::Placeholder(text.to_owned())) }
    }

    fn matches(&self, segment: &Segment) -> bool {
        match self {
            Self::Literal(literal) => literal == segment,
            Self::Any => true,
            Self::Number => segment.is_number(),
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(literal), part) | (part, Self::Literal(literal)) => part.matches(literal),
            _ => true,
        }
    }
}

/// Whether `path` lies below `base` and is what `template` means.
pub fn matches_below(template: &Template, path: &Path, base: &Path) -> bool {
    path.below(base).is_some_and(|segments| template.matches(segments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_one_part_and_never_more() {
        let table = [
            ("/", "/gitlab", true),
            ("/", "/gitlab/x", false),
            ("/api/v4/user", "/gitlab/api/v4/user", true),
            ("/api/v4/user", "/gitlab/api/v4/%75ser", true),
            ("/api/v4/user", "/api/v4/user", false),
            ("/api/v4/user", "/gitlabx/api/v4/user", false),
            ("/api/v4/user", "/gitlab/api/v4/users", false),
            ("/api/v4/user", "/gitlab/api/v4/user/keys", false),
            ("/projects/{id}", "/gitlab/projects/7", true),
            ("/projects/{id}", "/gitlab/projects/group%2Fname", true),
            ("/projects/{id}", "/gitlab/projects/group/name", false),
            ("/projects/{#id}/hooks", "/gitlab/projects/7/hooks", true),
            ("/projects/{#id}/hooks", "/gitlab/projects/%37/hooks", true),
            ("/projects/{#id}/hooks", "/gitlab/projects/7a/hooks", false),
            ("/projects/{#id}/hooks", "/gitlab/projects/+7/hooks", false),
            ("/projects/{#id}/hooks", "/gitlab/projects/%D9%A7/hooks", false),
            ("/projects/{#id}/hooks", "/gitlab/projects/123456789012345678901/hooks", false),
        ];
        let base = Path::parse("/gitlab").unwrap();
        for (template, path, expected) in table {
            let parsed = Path::parse(path).unwrap();
            assert_eq!(
                matches_below(&Template::parse(template).unwrap(), &parsed, &base),
                expected,
                "{template} {path}"
            );
        }
    }

    #[test]
    fn templates_overlap_when_one_path_is_what_both_mean() {
        let table = [
            ("/a", "/a", true),
            ("/a", "/%61", true),
            ("/a", "/b", false),
            ("/a", "/a/b", false),
            ("/a/{x}", "/a/b", true),
            ("/a/{x}", "/{y}/b", true),
            ("/a/{x}", "/b/{x}", false),
            ("/a/{#x}", "/a/7", true),
            ("/a/{#x}", "/a/b", false),
            ("/a/{#x}", "/a/{y}", true),
            ("/a/{#x}/c", "/a/{y}/{#z}", false),
        ];
        for (one, other, expected) in table {
            let [one, other] = [one, other].map(|text| Template::parse(text).unwrap());
            assert_eq!(one.overlaps(&other), expected, "{one} {other}");
            assert_eq!(other.overlaps(&one), expected, "{other} {one}");
        }
    }

    #[test]
    fn a_template_with_a_piece_of_a_part_as_placeholder_is_refused() {
        for bad in
            ["x", "/a/{}", "/a/{#}", "/a/x{id}", "/a/{id}.json", "/a/{a}{b}", "/a/{a b}", "/a/..", "/a//b", "/a/{id}/"]
        {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }
}
