//! One sort for the lists of all types.
//!
//! The standard sort is compiled anew for each type and each comparison, 4 kB of the component each time, and a standard
//! map that is collected sorts first. Decided here: lists are sorted through their places, which takes 120 kB less than each by itself.
//! Where the largest lists are sorted, in [`crate::ledger`] and [`crate::names`], and where the largest maps are collected, the standard
//! one stays.

use std::cmp::Ordering;

/// Sorts; what is equal keeps its order.
pub(crate) fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, T::cmp);
}

/// Sorts by a comparison; what is equal keeps its order.
pub(crate) fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut places = places(items.len(), &|one, other| compare(&items[one], &items[other]));
    for start in 0..items.len() {
        let mut at = start;
        while places[at] != start {
            let from = std::mem::replace(&mut places[at], at);
            items.swap(at, from);
            at = from;
        }
        places[at] = at;
    }
}

/// Which item belongs where.
fn places(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_by(|one, other| compare(*one, *other));
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_comes_out_as_from_the_standard_sort(items: Vec<(u8, u16)>) {
            let (mut ours, mut by_first) = (items.clone(), items.clone());
            sort(&mut ours);
            sort_by(&mut by_first, |one, other| one.0.cmp(&other.0));
            let (mut theirs, mut theirs_by_first) = (items.clone(), items);
            theirs.sort();
            theirs_by_first.sort_by_key(|item| item.0);
            prop_assert_eq!(ours, theirs);
            prop_assert_eq!(by_first, theirs_by_first);
        }
    }
}
