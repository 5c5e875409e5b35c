//! The plot: one panel for each job and round trip, wall time over N, both in powers of ten.

use crate::cell::{Cell, Job, Tool};
use crate::report::{thousands, time};

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 52.0;
const TOP: f64 = 34.0;
const INNER: (f64, f64) = (WIDTH - LEFT - 14.0, HEIGHT - TOP - 32.0);
/// From 10 ms to 1,000 s.
const TIMES: (f64, f64) = (1.0, 6.0);
/// From 100 to 100,000 files.
const FILES: (f64, f64) = (2.0, 5.0);
const COLORS: [(Tool, &str, &str); 4] = [
    (Tool::Sandbox, "#d2541b", ""),
    (Tool::Native, "#d2541b", "3 3"),
    (Tool::Git, "#2b6cb0", ""),
    (Tool::Python, "#6b7280", ""),
];

/// An SVG of all cells.
pub(crate) fn plot(cells: &[Cell]) -> String {
    let mut round_trips: Vec<u64> = cells.iter().map(|cell| cell.round_trip_ms).collect();
    round_trips.sort_unstable();
    round_trips.dedup();
    let (width, height) = (WIDTH * round_trips.len() as f64, HEIGHT * Job::ALL.len() as f64 + 30.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"10\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (row, job) in Job::ALL.into_iter().enumerate() {
        for (column, ms) in round_trips.iter().enumerate() {
            let origin = (WIDTH * column as f64, HEIGHT * row as f64);
            svg.push_str(&panel(cells, job, *ms, origin));
        }
    }
    svg.push_str(&legend(height - 12.0));
    svg.push_str("</svg>\n");
    svg
}

fn panel(cells: &[Cell], job: Job, ms: u64, (left, top): (f64, f64)) -> String {
    let mut svg = format!(
        "<g transform=\"translate({left} {top})\">\n<text x=\"{LEFT}\" y=\"20\" font-weight=\"bold\">{}, {ms} ms</text>\n",
        job.title()
    );
    for power in [1_i32, 2, 3, 4, 5, 6] {
        let y = y_of(10_f64.powi(power));
        svg.push_str(&format!(
            "<path d=\"M{LEFT} {y:.1}h{:.1}\" stroke=\"#e5e7eb\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#6b7280\">{}</text>\n",
            INNER.0,
            LEFT - 5.0,
            y + 3.0,
            time(10_f64.powi(power)).replace(".00", "").replace(".0", ""),
        ));
    }
    for files in [100, 1_000, 10_000, 100_000] {
        let (x, y) = (x_of(files), TOP + INNER.1 + 14.0);
        svg.push_str(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" fill=\"#6b7280\">{}</text>\n",
            thousands(files)
        ));
    }
    for (tool, color, dashes) in COLORS {
        let points: Vec<(f64, f64)> = cells
            .iter()
            .filter(|cell| (cell.job, cell.round_trip_ms, cell.tool) == (job, ms, tool))
            .map(|cell| (x_of(cell.files), y_of(cell.median(|sample| sample.wall_ms))))
            .collect();
        svg.push_str(&line(&points, color, dashes));
    }
    svg.push_str("</g>\n");
    svg
}

fn line(points: &[(f64, f64)], color: &str, dashes: &str) -> String {
    let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let mut svg = format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\" stroke-dasharray=\"{dashes}\"/>\n",
        path.join(" ")
    );
    for (x, y) in points {
        svg.push_str(&format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.2\" fill=\"{color}\"/>\n"));
    }
    svg
}

fn legend(y: f64) -> String {
    let mut svg = String::new();
    for (place, (tool, color, dashes)) in COLORS.into_iter().enumerate() {
        let x = LEFT + 110.0 * place as f64;
        svg.push_str(&format!(
            "<path d=\"M{x} {y}h24\" stroke=\"{color}\" stroke-width=\"1.5\" stroke-dasharray=\"{dashes}\"/>\
             <text x=\"{}\" y=\"{}\">{}</text>\n",
            x + 30.0,
            y + 3.5,
            if tool == Tool::Python { "python-gitlab" } else { tool.name() },
        ));
    }
    svg
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn x_of(files: usize) -> f64 {
    LEFT + INNER.0 * ((files as f64).log10() - FILES.0) / (FILES.1 - FILES.0)
}

fn y_of(ms: f64) -> f64 {
    TOP + INNER.1 * (1.0 - (ms.log10() - TIMES.0) / (TIMES.1 - TIMES.0))
}
