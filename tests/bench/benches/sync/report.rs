//! The tables, as Markdown, on the terminal and in the README.

use crate::cell::{Cell, Job, Tool, median};
use crate::gates::{Kind, gates, paired};
use crate::readme_folder;
use std::fs;

const BEGIN: &str = "<!-- sync: made by `cargo bench -p bench --bench sync -- --write` -->\n";
const END: &str = "<!-- sync: end -->\n";

/// Everything that was measured.
pub(crate) fn report(cells: &[Cell]) -> String {
    let mut text = String::new();
    for job in Job::ALL {
        text.push_str(&table(cells, job));
    }
    text.push_str(&targets(cells));
    text
}

/// One job: a row for each size and round trip.
fn table(cells: &[Cell], job: Job) -> String {
    let of_job: Vec<&Cell> = cells.iter().filter(|cell| cell.job == job).collect();
    let mut places: Vec<(usize, u64)> = of_job.iter().map(|cell| (cell.files, cell.round_trip_ms)).collect();
    places.sort_unstable();
    places.dedup();
    if places.is_empty() {
        return String::new();
    }
    let mut text = format!("### {} ({})\n\n", job.title(), job.in_git());
    text.push_str("| N | round trip | sandbox | ÷ git | ÷ native | git | python-gitlab | requests | connections | up | down | guest memory | RSS |\n");
    text.push_str("|---:|---:|---:|---:|---:|---:|---:|---|---|---|---|---:|---|\n");
    for (files, ms) in places {
        let find = |tool: Tool| {
            let fits = |cell: &&&Cell| (cell.files, cell.round_trip_ms, cell.tool) == (files, ms, tool);
            of_job.iter().find(fits).copied()
        };
        text.push_str(&row(files, ms, find));
    }
    text.push('\n');
    text
}

fn row<'c>(files: usize, ms: u64, find: impl Fn(Tool) -> Option<&'c Cell>) -> String {
    let [ours, native, git, python] = Tool::ALL.map(find);
    let ratio = |other: Option<&Cell>| match (ours, other) {
        (Some(ours), Some(other)) => format!("{:.2}", paired(ours, other)),
        _ => "–".into(),
    };
    let wall = |cell: Option<&Cell>| cell.map_or("–".into(), |cell| time(cell.median(|sample| sample.wall_ms)));
    let last = git.map(|git| git.median(|sample| sample.last_ms)).filter(|last| {
        // Where the last of several commands is what goes over the network.
        git.is_some_and(|git| matches!(git.job, Job::PushTen | Job::FirstPush) && last.is_finite())
    });
    let last = last.map(|last| format!(" (push alone {})", time(last))).unwrap_or_default();
    let three =
        |of: fn(&Cell) -> String| [ours, git, python].into_iter().flatten().map(of).collect::<Vec<_>>().join(" / ");
    let guest = ours.map_or("–".into(), |cell| size(cell.most(|sample| sample.guest_memory.unwrap_or_default())));
    format!(
        "| {} | {ms} ms | {} | {} | {} | {}{last} | {} | {} | {} | {} | {} | {guest} | {} |\n",
        thousands(files),
        wall(ours),
        ratio(git),
        ratio(native),
        wall(git),
        wall(python),
        three(|cell| cell.most(|sample| sample.requests).to_string()),
        three(|cell| cell.most(|sample| sample.connections).to_string()),
        three(|cell| size_of(cell, |sample| sample.bytes_up)),
        three(|cell| size_of(cell, |sample| sample.bytes_down)),
        three(|cell| size_of(cell, |sample| sample.peak_rss)),
    )
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for people")]
fn size_of(cell: &Cell, of: impl Fn(&crate::cell::Sample) -> u64) -> String {
    size(median(cell.samples.iter().map(|sample| of(sample) as f64).collect()) as u64)
}

fn targets(cells: &[Cell]) -> String {
    let mut text = "### Targets\n\n| target | limit | measured | |\n|---|---|---|---|\n".to_owned();
    for gate in gates(cells) {
        let kind = if gate.kind == Kind::Count { "counted" } else { "timed" };
        let held = if gate.held { "held" } else { "NOT held" };
        text.push_str(&format!("| {} | {} | {} ({kind}) | {held} |\n", gate.what, gate.target, gate.measured));
    }
    text
}

/// Between the marks of the README, with the plot beside it.
pub(crate) fn write(report: &str, plot: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let readme = readme_folder().join("README.md");
    let text = fs::read_to_string(&readme).map_err(failed)?;
    let marks = || format!("`{}` has lost its marks", readme.display());
    let (before, rest) = text.split_once(BEGIN).ok_or_else(marks)?;
    let (_, after) = rest.split_once(END).ok_or_else(marks)?;
    fs::write(&readme, format!("{before}{BEGIN}\n{report}\n{END}{after}")).map_err(failed)?;
    fs::write(readme_folder().join("sync.svg"), plot).map_err(failed)
}

/// Three digits and a unit.
pub(crate) fn time(ms: f64) -> String {
    match ms {
        ms if ms.is_nan() => "–".into(),
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms if ms < 10_000.0 => format!("{:.2} s", ms / 1_000.0),
        ms => format!("{:.1} s", ms / 1_000.0),
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn size(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes < 1e3 => format!("{bytes} B"),
        bytes if bytes < 1e4 => format!("{:.1} kB", bytes / 1e3),
        bytes if bytes < 1e6 => format!("{:.0} kB", bytes / 1e3),
        bytes if bytes < 1e7 => format!("{:.1} MB", bytes / 1e6),
        bytes => format!("{:.0} MB", bytes / 1e6),
    }
}

/// Such as 100,000.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
