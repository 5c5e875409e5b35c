//! Which lines two texts share, in order: Myers' algorithm in linear space ("An O(ND) difference algorithm and its variations",
//! 1986, section 4b), with an end.
//!
//! Own code, since the crates for this have no end: two texts of 100,000 different lines keep them busy for minutes. Here the
//! work is at most about `4 * MAX_DISTANCE²` steps, and the caller is told.

/// Half of the most lines that may differ. 4,000 is a tenth of a second natively.
const MAX_DISTANCE: isize = 4_000;

/// Equal lines at `old..old + length` and `new..new + length`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) old: usize,
    pub(crate) new: usize,
    pub(crate) length: usize,
}

/// A stretch of both texts.
#[derive(Clone, Copy)]
struct Area {
    old: (usize, usize),
    new: (usize, usize),
}

/// The runs of equal lines, in order and as long as can be. None if the texts differ too much.
pub(crate) fn equal_runs(old: &[u32], new: &[u32]) -> Option<Vec<Run>> {
    let mut runs = Vec::new();
    let mut search = Search::default();
    let mut open = vec![Area { old: (0, old.len()), new: (0, new.len()) }];
    while let Some(area) = open.pop() {
        let (area, suffix) = take_ends(old, new, area, &mut runs);
        match suffix {
            // The ends have to wait for what is between them.
            Some(suffix) if !area.is_one_sided() => {
                open.push(suffix);
                open.push(area);
            }
            Some(suffix) => open.push(suffix),
            None if area.is_one_sided() => {}
            None => {
                let (x, y) = search.middle(&old[area.old.0..area.old.1], &new[area.new.0..area.new.1])?;
                let (first, second) = area.split(area.old.0 + x, area.new.0 + y);
                open.push(second);
                open.push(first);
            }
        }
    }
    Some(runs)
}

/// Notes the lines that both begin with; gives back what is between, and what both end with.
fn take_ends(old: &[u32], new: &[u32], area: Area, runs: &mut Vec<Run>) -> (Area, Option<Area>) {
    let Area { old: (old_start, old_end), new: (new_start, new_end) } = area;
    let prefix = common(old[old_start..old_end].iter(), new[new_start..new_end].iter());
    push(runs, Run { old: old_start, new: new_start, length: prefix });
    let (old_start, new_start) = (old_start + prefix, new_start + prefix);
    let suffix = common(old[old_start..old_end].iter().rev(), new[new_start..new_end].iter().rev());
    let (old_middle, new_middle) = (old_end - suffix, new_end - suffix);
    let ends = Area { old: (old_middle, old_end), new: (new_middle, new_end) };
    let between = Area { old: (old_start, old_middle), new: (new_start, new_middle) };
    (between, (suffix > 0).then_some(ends))
}

fn common<'a>(one: impl Iterator<Item = &'a u32>, other: impl Iterator<Item = &'a u32>) -> usize {
    one.zip(other).take_while(|(one, other)| one == other).count()
}

fn push(runs: &mut Vec<Run>, run: Run) {
    match runs.last_mut() {
        _ if run.length == 0 => {}
        Some(last) if last.old + last.length == run.old && last.new + last.length == run.new => {
            last.length += run.length;
        }
        _ => runs.push(run),
    }
}

impl Area {
    /// Nothing can be shared.
    fn is_one_sided(self) -> bool {
        self.old.0 == self.old.1 || self.new.0 == self.new.1
    }

    fn split(self, old: usize, new: usize) -> (Area, Area) {
        let first = Area { old: (self.old.0, old), new: (self.new.0, new) };
        (first, Area { old: (old, self.old.1), new: (new, self.new.1) })
    }
}

/// How far paths from both corners have come, by diagonal; kept from one search to the next.
#[derive(Default)]
struct Search {
    forward: Vec<isize>,
    backward: Vec<isize>,
}

impl Search {
    /// A point on a shortest way from one corner to the other, about half-way. Both texts are non-empty and differ at both
    /// ends.
    fn middle(&mut self, old: &[u32], new: &[u32]) -> Option<(usize, usize)> {
        let (n, m) = (old.len() as isize, new.len() as isize);
        let delta = n - m;
        let limit = ((n + m + 1) / 2).min(MAX_DISTANCE);
        let origin = limit + 1;
        for reached in [&mut self.forward, &mut self.backward] {
            reached.clear();
            reached.resize(2 * origin as usize + 1, 0);
        }
        let meets = |reached: isize, other: &[isize], k: isize, d: isize| {
            let opposite = delta - k;
            opposite.abs() <= d && reached + other[(origin + opposite) as usize] >= n
        };
        for d in 0..=limit {
            for k in (-d..=d).step_by(2) {
                let start = furthest(&self.forward, origin, k, d);
                let end = start + follow(start, start - k, old, new, <[u32]>::get);
                self.forward[(origin + k) as usize] = end;
                if delta % 2 != 0 && meets(end, &self.backward, k, d - 1) {
                    return point(start, start - k);
                }
            }
            for k in (-d..=d).step_by(2) {
                let start = furthest(&self.backward, origin, k, d);
                let end =
                    start + follow(start, start - k, old, new, |text, at| text.get(text.len().checked_sub(at + 1)?));
                self.backward[(origin + k) as usize] = end;
                if delta % 2 == 0 && meets(end, &self.forward, k, d) {
                    return point(n - end, m - (end - k));
                }
            }
        }
        None
    }
}

/// Where the best path of `d` differences enters diagonal `k`.
fn furthest(reached: &[isize], origin: isize, k: isize, d: isize) -> isize {
    let (below, above) = (reached[(origin + k - 1) as usize], reached[(origin + k + 1) as usize]);
    if k == -d || (k != d && below < above) { above } else { below + 1 }
}

/// How many lines are equal from there on.
fn follow(x: isize, y: isize, old: &[u32], new: &[u32], line: fn(&[u32], usize) -> Option<&u32>) -> isize {
    let Some((x, y)) = point(x, y) else { return 0 };
    let equal = |count: &usize| {
        let old = line(old, x + count);
        old.is_some() && old == line(new, y + count)
    };
    (0..).take_while(equal).count() as isize
}

fn point(x: isize, y: isize) -> Option<(usize, usize)> {
    Some((usize::try_from(x).ok()?, usize::try_from(y).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The length of the longest common subsequence, by the textbook.
    fn longest(old: &[u32], new: &[u32]) -> usize {
        let mut row = vec![0; new.len() + 1];
        for line in old {
            let mut diagonal = 0;
            for (at, other) in new.iter().enumerate() {
                let above = row[at + 1];
                row[at + 1] = if line == other { diagonal + 1 } else { above.max(row[at]) };
                diagonal = above;
            }
        }
        row[new.len()]
    }

    proptest! {
        #[test]
        fn runs_are_equal_lines_in_order_and_as_many_as_can_be(
            old in prop::collection::vec(0_u32..6, 0..40),
            new in prop::collection::vec(0_u32..6, 0..40),
        ) {
            let runs = equal_runs(&old, &new).unwrap();
            let (mut old_end, mut new_end) = (0, 0);
            for run in &runs {
                prop_assert!(run.old >= old_end && run.new >= new_end && run.length > 0);
                (old_end, new_end) = (run.old + run.length, run.new + run.length);
                prop_assert_eq!(&old[run.old..old_end], &new[run.new..new_end]);
            }
            prop_assert_eq!(runs.iter().map(|run| run.length).sum::<usize>(), longest(&old, &new));
        }
    }

    #[test]
    fn texts_that_differ_too_much_are_given_up_and_long_ones_with_few_differences_are_not() {
        let numbers = |range: std::ops::Range<u32>| range.collect::<Vec<_>>();
        assert_eq!(equal_runs(&numbers(0..100_000), &numbers(100_000..200_000)), None);
        let mut edited = numbers(0..200_000);
        edited.remove(7);
        edited.insert(150_000, 1);
        assert_eq!(equal_runs(&numbers(0..200_000), &edited).unwrap().len(), 3);
    }
}
