//! Which files are synced: those below some directories whose names match some patterns.
//!
//! The pattern language is small on purpose: `*` and `?` within a part, `**` for any number of parts. What other tools read as
//! a class, an alternative, an escape or a negation is refused, because to take it literally would silently select other
//! files. What somebody wrote is case-sensitive, as git is; the patterns of the default are not, for who names a file `README.MD` means
//! Markdown. Matching takes time linear in pattern times path.

use crate::fingerprint::{Fingerprint, Fingerprinter};
use crate::order;
use crate::path::{PathError, RepoPath};

/// What is synced if nothing else is said. In order, as all patterns are kept.
pub const DEFAULT_PATTERNS: [&str; 4] = ["*.markdown", "*.md", "*.yaml", "*.yml"];

const MAX_PATTERN: usize = 256;

/// Directories and patterns, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Sorted; none means everywhere.
    directories: Vec<RepoPath>,
    /// Sorted, never empty.
    patterns: Vec<Pattern>,
}

/// What a pattern is held against. Taken apart once: every path is judged several times in a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Pattern {
    text: Box<str>,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The end of the name: the common `*.md`. It holds no slash, so it is the end of the path as well.
    End(Box<str>),
    /// The same in letters of either case.
    EndOfAnyCase(Box<str>),
    /// The whole name.
    Name,
    /// The whole path.
    Path,
}

/// Why a selection cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// A directory that no file can be in.
    #[error("the directory `{directory}` cannot be synced")]
    Directory {
        /// As it was given.
        directory: String,
        /// What is wrong with it.
        #[source]
        source: PathError,
    },
    /// A pattern that matches nothing or means something else elsewhere.
    #[error("the pattern `{pattern}` {problem}")]
    Pattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Whether a path is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Selected,
    /// It lies in none of the directories.
    OutsideDirectories,
    /// Its name matches no pattern.
    NoPattern,
}

impl Default for Selection {
    fn default() -> Self {
        Selection { directories: Vec::new(), patterns: DEFAULT_PATTERNS.map(Pattern::of_any_case).to_vec() }
    }
}

impl Selection {
    /// Empty `directories` for everywhere, empty `patterns` for [`DEFAULT_PATTERNS`]. A pattern without `/` is matched with the
    /// file's name, one with `/` with the entire path.
    pub fn new(directories: &[String], patterns: &[String]) -> Result<Self, SelectionError> {
        let mut selection = Selection { directories: Vec::new(), ..Selection::default() };
        for directory in directories {
            match parse_directory(directory)? {
                Some(directory) => selection.directories.push(directory),
                None => return Selection::new(&[], patterns),
            }
        }
        if !patterns.is_empty() {
            selection.patterns = patterns.iter().map(|pattern| parse_pattern(pattern)).collect::<Result<_, _>>()?;
        }
        order::sort(&mut selection.directories);
        selection.directories.dedup();
        order::sort(&mut selection.patterns);
        selection.patterns.dedup();
        Ok(selection)
    }

    /// Below which files are synced; none for everywhere.
    pub fn directories(&self) -> Vec<String> {
        self.directories.iter().map(ToString::to_string).collect()
    }

    /// Judges a path.
    pub fn judge(&self, path: &RepoPath) -> Verdict {
        if !self.directories.is_empty() && !self.directories.iter().any(|directory| is_below(directory, path)) {
            return Verdict::OutsideDirectories;
        }
        if !self.patterns.iter().any(|pattern| pattern.matches(path)) {
            return Verdict::NoPattern;
        }
        Verdict::Selected
    }

    /// Whether the path is synced.
    pub fn selects(&self, path: &RepoPath) -> bool {
        self.judge(path) == Verdict::Selected
    }

    /// Equal for equal selections, however they were written down.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut fields = Fingerprinter::new("selection 2");
        fields.field(&self.directories.len().to_le_bytes()[..4]);
        self.directories.iter().for_each(|directory| fields.field(directory.as_bytes()));
        for pattern in &self.patterns {
            fields.field(pattern.text.as_bytes());
            fields.field(&[u8::from(matches!(pattern.kind, Kind::EndOfAnyCase(_)))]);
        }
        fields.finish()
    }
}

/// None for the whole repository.
fn parse_directory(text: &str) -> Result<Option<RepoPath>, SelectionError> {
    let trimmed = text.trim_matches('/');
    if trimmed.is_empty() || trimmed == "." {
        return Ok(None);
    }
    let parsed = RepoPath::parse(trimmed);
    parsed.map(Some).map_err(|source| SelectionError::Directory { directory: text.to_owned(), source })
}

fn is_below(directory: &str, path: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

impl Pattern {
    /// Of a text without a problem.
    fn new(text: &str) -> Self {
        let end = text.strip_prefix('*').filter(|end| !end.contains(['*', '?', '/']));
        let kind = match end {
            Some(end) => Kind::End(end.into()),
            None if text == "**" => Kind::End("".into()),
            None if text.contains('/') => Kind::Path,
            None => Kind::Name,
        };
        Pattern { text: text.into(), kind }
    }

    fn of_any_case(text: &str) -> Self {
        let pattern = Pattern::new(text);
        match pattern.kind {
            Kind::End(end) => Pattern { kind: Kind::EndOfAnyCase(end), ..pattern },
            _ => pattern,
        }
    }

    fn matches(&self, path: &RepoPath) -> bool {
        match &self.kind {
            Kind::EndOfAnyCase(end) => {
                let start = path.len().checked_sub(end.len());
                start.is_some_and(|start| path.as_bytes()[start..].eq_ignore_ascii_case(end.as_bytes()))
            }
            Kind::End(end) => path.ends_with(&**end),
            Kind::Name => matches_part(&self.text, path.file_name()),
            Kind::Path => matches_path(&self.text, path),
        }
    }
}

fn parse_pattern(text: &str) -> Result<Pattern, SelectionError> {
    match pattern_problem(text) {
        Some(problem) => Err(SelectionError::Pattern { pattern: text.to_owned(), problem }),
        None => Ok(Pattern::new(text)),
    }
}

fn pattern_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() || text.len() > MAX_PATTERN {
        return Some("must be of 1 to 256 bytes");
    }
    if text.starts_with('!') {
        return Some("starts with `!`: patterns only add files");
    }
    if text.contains(['[', ']', '{', '}', '\\']) {
        return Some("holds a bracket, a brace or a backslash: only `*`, `**` and `?` are special");
    }
    let mut parts = text.split('/');
    if parts.clone().any(|part| part.is_empty() || part == "." || part == "..") {
        return Some("has an empty or a dot part: write it relative to the top of the repository");
    }
    if parts.any(|part| part.contains("**") && part != "**") {
        return Some("has `**` beside other characters: it must stand alone between slashes");
    }
    None
}

fn matches_path(pattern: &str, path: &RepoPath) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let parts: Vec<&str> = path.split('/').collect();
    wildcard(&pattern, &parts, |part| *part == "**", |pattern, part| matches_part(pattern, part))
}

fn matches_part(pattern: &str, part: &str) -> bool {
    if let Some(end) = pattern.strip_prefix('*')
        && !end.contains(['*', '?'])
    {
        return part.ends_with(end); // Without a copy.
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let part: Vec<char> = part.chars().collect();
    wildcard(&pattern, &part, |c| *c == '*', |pattern, c| *pattern == '?' || pattern == c)
}

/// Matches with items that stand for any number of others. Only the last such item ever needs to take more, so this is at
/// most the product of both lengths.
fn wildcard<T>(pattern: &[T], text: &[T], is_star: impl Fn(&T) -> bool, is_match: impl Fn(&T, &T) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(item) if is_star(item) => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(item) if is_match(item, &text[t]) => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((after_star, taken)) = retry else { return false };
                retry = Some((after_star, taken + 1));
                (p, t) = (after_star, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(is_star)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(directories: &[&str], patterns: &[&str]) -> Result<Selection, SelectionError> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Selection::new(&owned(directories), &owned(patterns))
    }

    fn judge(selection: &Selection, path: &str) -> Verdict {
        selection.judge(&RepoPath::parse(path).unwrap())
    }

    #[test]
    fn markdown_and_yaml_everywhere_is_the_default() {
        let default = selection(&[], &[]).unwrap();
        for path in ["README.md", "a/b.markdown", "a/b/c.yaml", ".gitlab-ci.yml", "a/.md", "README.MD", "é/a.Yml"] {
            assert_eq!(judge(&default, path), Verdict::Selected, "{path}");
        }
        for path in ["a.md/b.txt", "md", "a.yml.j2", "MD", "aé"] {
            assert_eq!(judge(&default, path), Verdict::NoPattern, "{path}");
        }
        assert_eq!(default, Selection::default());
        let written = selection(&[], &["*.markdown", "*.md", "*.yaml", "*.yml"]).unwrap();
        assert_eq!(judge(&written, "README.MD"), Verdict::NoPattern, "what somebody wrote is meant as it is");
        assert_ne!(written.fingerprint(), default.fingerprint());
    }

    #[test]
    fn a_directory_holds_what_is_below_it_and_not_its_namesakes() {
        let docs = selection(&["docs/", "a/b"], &[]).unwrap();
        let table =
            [("docs/x.md", true), ("docs2/x.md", false), ("docs.md", false), ("a/b/c/x.md", true), ("a/x.md", false)];
        for (path, selected) in table {
            assert_eq!(judge(&docs, path) == Verdict::Selected, selected, "{path}");
        }
        assert_eq!(judge(&docs, "x.md"), Verdict::OutsideDirectories);
        for everywhere in ["", "/", "."] {
            assert_eq!(selection(&["docs", everywhere], &[]).unwrap(), Selection::default(), "{everywhere:?}");
        }
    }

    #[test]
    fn patterns_match_names_or_paths_as_their_slash_says() {
        let table = [
            ("*", "a/b/c", true),
            ("**", "a/b/c", true),
            ("?.md", "x/é.md", true),
            ("?.md", "ab.md", false),
            ("a*b*c", "axxbxxbc", true),
            ("a*b*c", "axxbxxb", false),
            ("docs/*.md", "docs/a.md", true),
            ("docs/*.md", "docs/x/a.md", false),
            ("docs/*.md", "x/docs/a.md", false),
            ("docs/**", "docs/x/a.md", true),
            ("docs/**/*.md", "docs/a.md", true),
            ("docs/**/*.md", "docs/x/y/a.md", true),
            ("**/x/**/a.md", "1/2/x/a.md", true),
            ("**/x/**/a.md", "1/2/a.md", false),
            ("*/a.md", "a.md", false),
            ("a.md", "b/a.md", true),
        ];
        for (pattern, path, selected) in table {
            let selection = selection(&[], &[pattern]).unwrap();
            assert_eq!(judge(&selection, path) == Verdict::Selected, selected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let slow = selection(&[], &[&"*a".repeat(100)]).unwrap();
        assert_eq!(judge(&slow, &"a".repeat(99)), Verdict::NoPattern);
    }

    #[test]
    fn patterns_that_mean_something_else_elsewhere_are_refused() {
        for pattern in ["", "!x", "[ab].md", "*.{md,yml}", "a\\*", "/x", "x/", "a/./b", "../x", "a**", &"x".repeat(257)]
        {
            assert!(selection(&[], &[pattern]).is_err(), "{pattern}");
        }
        assert!(selection(&["a/../b"], &[]).is_err());
    }

    #[test]
    fn order_and_repetition_do_not_change_the_fingerprint_and_meaning_does() {
        let one = selection(&["b", "a"], &["*.md", "*.yml"]).unwrap().fingerprint();
        assert_eq!(one, selection(&["a/", "b", "a"], &["*.yml", "*.md", "*.md"]).unwrap().fingerprint());
        assert_ne!(one, selection(&["a"], &["*.md", "*.yml"]).unwrap().fingerprint());
        assert_ne!(one, selection(&["a", "b"], &["*.md"]).unwrap().fingerprint());
    }
}
