//! Differences between two trees, with renames, as GitLab shows them: one patch per file, cut at the instance's limits.

use git2::{Delta, DiffDelta, DiffFindOptions, DiffFormat, DiffOptions, Patch, Repository, Tree};
use serde::Serialize;

use super::unequal;
use crate::world::merge_requests::FileStats;
use crate::world::settings::DiffLimits;

/// One file of a difference, with the keys of the API.
#[derive(Debug, Clone, Serialize)]
pub struct FileDiff {
    /// The patch without its `diff --git` head; empty for binary, collapsed or too large files.
    pub diff: String,
    /// Shown instead of the patch while it is expanded on demand.
    pub collapsed: bool,
    /// The patch is beyond what the instance shows.
    pub too_large: bool,
    /// Path after.
    pub new_path: String,
    /// Path before.
    pub old_path: String,
    /// Mode before; `0` for a new file.
    pub a_mode: String,
    /// Mode after; `0` for a deleted file.
    pub b_mode: String,
    /// It was not there before.
    pub new_file: bool,
    /// It had another path before.
    pub renamed_file: bool,
    /// It is not there any more.
    pub deleted_file: bool,
    /// Whether it is marked as generated; null when nobody looked.
    pub generated_file: Option<bool>,
}

/// A difference, and whether it is all of it.
#[derive(Debug, Clone, Default)]
pub struct TreeDiff {
    /// The files.
    pub files: Vec<FileDiff>,
    /// Whether files were left out or cut because there is too much.
    pub overflow: bool,
}

/// Lines added and removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
pub struct Stats {
    /// Lines added.
    pub additions: usize,
    /// Lines removed.
    pub deletions: usize,
    /// Their sum.
    pub total: usize,
}

/// Whether patches begin with `---` and `+++`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchHead {
    /// They begin with the first hunk.
    None,
    /// They begin with `---` and `+++` (`unidiff=true`).
    Unified,
}

fn raw<'r>(
    repository: &'r Repository,
    old: Option<&Tree<'r>>,
    new: Option<&Tree<'r>>,
) -> Result<git2::Diff<'r>, git2::Error> {
    let mut options = DiffOptions::new();
    options.context_lines(3).include_typechange(true);
    let mut diff = unequal::diff(repository, old, new, &mut options)?;
    let mut renames = DiffFindOptions::new();
    // git's own default: 50 % alike, and no more than 1000 candidates.
    renames.renames(true).rename_threshold(50).rename_limit(1000);
    diff.find_similar(Some(&mut renames))?;
    Ok(diff)
}

/// What changed from `old` to `new`.
pub fn between<'r>(
    repository: &'r Repository,
    old: Option<&Tree<'r>>,
    new: Option<&Tree<'r>>,
    limits: &DiffLimits,
    head: PatchHead,
) -> Result<TreeDiff, git2::Error> {
    let diff = raw(repository, old, new)?;
    let mut shown = TreeDiff::default();
    for delta in diff.deltas().take(limits.max_files) {
        shown.files.push(describe(&delta));
    }
    shown.overflow = diff.deltas().len() > limits.max_files;
    fill_patches(&diff, &mut shown, limits, head)?;
    Ok(shown)
}

/// Paths that changed from `old` to `new`: added, modified, removed, with a rename only under its new path.
pub fn paths<'r>(
    repository: &'r Repository,
    old: Option<&Tree<'r>>,
    new: Option<&Tree<'r>>,
) -> Result<[Vec<String>; 3], git2::Error> {
    let diff = raw(repository, old, new)?;
    let [mut added, mut modified, mut removed] = [const { Vec::new() }; 3];
    for delta in diff.deltas() {
        match delta.status() {
            Delta::Added | Delta::Renamed | Delta::Copied => added.push(path(&delta.new_file())),
            Delta::Deleted => removed.push(path(&delta.old_file())),
            _ => modified.push(path(&delta.new_file())),
        }
    }
    Ok([added, modified, removed])
}

/// Lines added and removed from `old` to `new`.
pub fn stats<'r>(
    repository: &'r Repository,
    old: Option<&Tree<'r>>,
    new: Option<&Tree<'r>>,
) -> Result<Stats, git2::Error> {
    let stats = raw(repository, old, new)?.stats()?;
    let (additions, deletions) = (stats.insertions(), stats.deletions());
    Ok(Stats { additions, deletions, total: additions + deletions })
}

/// Lines added and removed from `old` to `new`, file by file.
pub fn per_file<'r>(
    repository: &'r Repository,
    old: Option<&Tree<'r>>,
    new: Option<&Tree<'r>>,
) -> Result<Vec<FileStats>, git2::Error> {
    let diff = raw(repository, old, new)?;
    let mut files = Vec::new();
    for (index, delta) in diff.deltas().enumerate() {
        // A binary file has no patch and no lines.
        let lines = Patch::from_diff(&diff, index)?.map(|patch| patch.line_stats()).transpose()?;
        let (_, additions, deletions) = lines.unwrap_or_default();
        let short = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let path = if delta.status() == Delta::Deleted { delta.old_file() } else { delta.new_file() };
        files.push(FileStats { path: self::path(&path), additions: short(additions), deletions: short(deletions) });
    }
    Ok(files)
}

fn path(file: &git2::DiffFile<'_>) -> String {
    file.path_bytes().map(|path| String::from_utf8_lossy(path).into_owned()).unwrap_or_default()
}

fn describe(delta: &DiffDelta<'_>) -> FileDiff {
    let mode = |file: git2::DiffFile<'_>| match u32::from(file.mode()) {
        0 => "0".to_owned(),
        mode => format!("{mode:o}"),
    };
    let status = delta.status();
    let (old, new) = (path(&delta.old_file()), path(&delta.new_file()));
    FileDiff {
        diff: String::new(),
        collapsed: false,
        too_large: false,
        old_path: old,
        new_path: new,
        a_mode: if status == Delta::Added { "0".into() } else { mode(delta.old_file()) },
        b_mode: if status == Delta::Deleted { "0".into() } else { mode(delta.new_file()) },
        new_file: status == Delta::Added,
        renamed_file: status == Delta::Renamed,
        deleted_file: status == Delta::Deleted,
        generated_file: None,
    }
}

fn fill_patches(
    diff: &git2::Diff<'_>,
    shown: &mut TreeDiff,
    limits: &DiffLimits,
    head: PatchHead,
) -> Result<(), git2::Error> {
    let mut lines = 0;
    let mut index = 0;
    diff.print(DiffFormat::Patch, |delta, _, line| {
        let here = (path(&delta.old_file()), path(&delta.new_file()));
        while shown.files.get(index).is_some_and(|file| (&file.old_path, &file.new_path) != (&here.0, &here.1)) {
            index += 1;
        }
        let Some(file) = shown.files.get_mut(index) else { return true };
        lines += 1;
        if lines > limits.max_lines {
            shown.overflow = true;
            file.collapsed = true;
            file.diff.clear();
            return true;
        }
        add_line(file, &line, limits.max_patch_bytes, head);
        true
    })
}

fn add_line(file: &mut FileDiff, line: &git2::DiffLine<'_>, max_bytes: usize, head: PatchHead) {
    if file.too_large {
        return;
    }
    let text = String::from_utf8_lossy(line.content());
    match line.origin() {
        'F' if head == PatchHead::Unified => {
            let names = text.lines().filter(|line| line.starts_with("--- ") || line.starts_with("+++ "));
            names.for_each(|line| file.diff.extend([line, "\n"]));
        }
        'H' => file.diff.push_str(&text),
        origin @ ('+' | '-' | ' ') => {
            file.diff.push(origin);
            file.diff.push_str(&text);
        }
        '>' | '<' | '=' => file.diff.push_str(&text),
        _ => {}
    }
    if file.diff.len() > max_bytes {
        file.diff.clear();
        file.too_large = true;
    }
}
