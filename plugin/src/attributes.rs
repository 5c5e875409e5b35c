//! Which paths git keeps in LFS, as the repository's `.gitattributes` say.
//!
//! Such files are left alone. GitLab turns what is created there into a pointer, so that the branch would hold something else
//! than was pushed, and an update through the API would put the bytes themselves where a pointer belongs.
//!
//! Known gaps: attributes that are kept outside of the repository, and macros other than `binary`.

use serde::Serialize;

use crate::{json, order};

/// The rules of all `.gitattributes` of a commit that speak of `filter`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attributes {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Rule {
    /// Of the file that says so, with a slash at its end; empty at the top.
    folder: String,
    pattern: String,
    lfs: bool,
}

json::object!(Attributes { rules; });
json::object!(Rule { folder, pattern, lfs; });

/// The name of the files that hold them.
pub const FILE_NAME: &str = ".gitattributes";

/// Whether the file of this path holds them.
pub fn is_one(path: &str) -> bool {
    path.rsplit('/').next() == Some(FILE_NAME)
}

impl Attributes {
    /// From the files' paths and texts. Deeper ones win, as do later lines.
    pub fn parse<'t>(files: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let mut files: Vec<(&str, &str)> = files.into_iter().collect();
        let depth = |(path, _): &(&str, &str)| path.matches('/').count();
        order::sort_by(&mut files, |one, other| depth(one).cmp(&depth(other)));
        let rules = files.into_iter().flat_map(|(path, text)| {
            let folder = &path[..path.len() - FILE_NAME.len().min(path.len())];
            text.lines().filter_map(move |line| Rule::parse(folder, line))
        });
        Self { rules: rules.collect() }
    }

    /// Whether there is nothing to judge by.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether the file of this path is kept in LFS.
    pub fn is_lfs(&self, path: &str) -> bool {
        self.rules.iter().rev().find(|rule| rule.covers(path)).is_some_and(|rule| rule.lfs)
    }
}

impl Rule {
    fn parse(folder: &str, line: &str) -> Option<Self> {
        let line = line.trim();
        let (pattern, attributes) = match line.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => line.split_once(char::is_whitespace)?,
        };
        if pattern.is_empty() || pattern.starts_with('#') || pattern.starts_with("[attr]") {
            return None;
        }
        let filter = attributes.split_whitespace().rev().find_map(|attribute| match attribute {
            "filter=lfs" => Some(true),
            "-filter" | "!filter" => Some(false),
            other => other.starts_with("filter=").then_some(false),
        });
        Some(Self { folder: folder.to_owned(), pattern: pattern.to_owned(), lfs: filter? })
    }

    /// A pattern without slash is about names, one with a slash about paths below its folder.
    fn covers(&self, path: &str) -> bool {
        let Some(below) = path.strip_prefix(self.folder.as_str()) else { return false };
        let pattern = self.pattern.strip_prefix('/').unwrap_or(&self.pattern);
        if self.pattern.contains('/') {
            return matches(pattern.as_bytes(), below.as_bytes());
        }
        let name = below.rsplit('/').next().unwrap_or(below);
        matches(pattern.as_bytes(), name.as_bytes())
    }
}

/// Git's wildcards: `*` and `?` within a part, `**` across parts, `[a-z]` and `[!a-z]`.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let failed = vec![false; (pattern.len() + 1) * (text.len() + 1)];
    Match { width: text.len() + 1, failed }.run(pattern, text)
}

/// What has failed once is not tried again: many stars would take for ever otherwise, and a repository is not to be trusted.
struct Match {
    width: usize,
    /// By what is left of the pattern and of the text.
    failed: Vec<bool>,
}

impl Match {
    fn run(&mut self, pattern: &[u8], text: &[u8]) -> bool {
        let place = pattern.len() * self.width + text.len();
        let is_match = !self.failed[place] && self.step(pattern, text);
        self.failed[place] = !is_match;
        is_match
    }

    fn step(&mut self, pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', b'*', b'/', rest @ ..] => {
                let after = text.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at + 1);
                std::iter::once(0).chain(after).any(|at| self.run(rest, &text[at..]))
            }
            [b'*', b'*'] => !text.is_empty(),
            [b'*', rest @ ..] => {
                let end = text.iter().position(|byte| *byte == b'/').unwrap_or(text.len());
                (0..=end).any(|at| self.run(rest, &text[at..]))
            }
            [b'[', rest @ ..] => match (class(rest), text) {
                (Some((set, rest)), [first, tail @ ..]) => set(*first) && self.run(rest, tail),
                _ => false,
            },
            [b'\\', literal, rest @ ..] => {
                matches!(text, [first, tail @ ..] if first == literal && self.run(rest, tail))
            }
            [wanted, rest @ ..] => match text {
                [first, tail @ ..] => (first == wanted || (*wanted == b'?' && *first != b'/')) && self.run(rest, tail),
                [] => false,
            },
        }
    }
}

/// What stands in brackets, and what follows them.
fn class(pattern: &[u8]) -> Option<(impl Fn(u8) -> bool, &[u8])> {
    let (negated, body) = match pattern {
        [b'!' | b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let end = body.iter().skip(1).position(|byte| *byte == b']')? + 1;
    let (members, rest) = (&body[..end], &body[end + 1..]);
    let holds = move |byte: u8| {
        let mut left = members;
        while let [first, tail @ ..] = left {
            let (low, high, tail) = match tail {
                [b'-', last, tail @ ..] => (*first, *last, tail),
                tail => (*first, *first, tail),
            };
            if (low..=high).contains(&byte) {
                return true;
            }
            left = tail;
        }
        false
    };
    Some((move |byte| byte != b'/' && holds(byte) != negated, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_judged_as_git_judges_them() {
        let attributes = Attributes::parse([
            (
                FILE_NAME,
                "# comment\n*.md filter=lfs diff=lfs merge=lfs -text\nkeep.md -filter\n/top.yml filter=lfs\n*.png text\n",
            ),
            (
                "docs/.gitattributes",
                "plain/** -filter\n\"with space.yml\" filter=lfs\n[a-c]?.yaml filter=lfs\nx/**/y.yml filter=lfs",
            ),
        ]);
        for (path, lfs) in [
            ("a.md", true),
            ("deep/er/a.md", true),
            ("deep/keep.md", false),
            ("top.yml", true),
            ("deep/top.yml", false),
            ("a.png", false),
            ("docs/a.md", true),
            ("docs/plain/a.md", false),
            ("docs/plain/deep/a.md", false),
            ("docs/with space.yml", true),
            ("docs/b1.yaml", true),
            ("docs/d1.yaml", false),
            ("docs/b/.yaml", false),
            ("docs/x/y.yml", true),
            ("docs/x/1/2/y.yml", true),
            ("b1.yaml", false),
        ] {
            assert_eq!(attributes.is_lfs(path), lfs, "{path}");
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let pattern = format!("{}b", "*a".repeat(500));
        assert!(!matches(pattern.as_bytes(), "a".repeat(2_000).as_bytes()));
    }

    #[test]
    fn the_last_line_that_speaks_of_filters_wins() {
        let attributes =
            Attributes::parse([(FILE_NAME, "*.md filter=lfs\n*.md text\na.md filter=other\n[broken filter=lfs")]);
        assert!(attributes.is_lfs("b.md"));
        assert!(!attributes.is_lfs("a.md"));
        assert!(!attributes.is_lfs("[broken"));
        assert!(Attributes::parse([(FILE_NAME, "*.md text\n")]).is_empty());
    }
}
