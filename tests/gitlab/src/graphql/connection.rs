//! Cursor pages: never more than a hundred, with cursors that nobody should read.

use std::borrow::Cow;

use async_graphql::{OutputType, SimpleObject, TypeName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Largest page.
pub(crate) const MAX_PAGE: usize = 100;

/// Where a page is.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct PageInfo {
    end_cursor: Option<String>,
    has_next_page: bool,
    has_previous_page: bool,
    start_cursor: Option<String>,
}

/// One entry and its cursor.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name_type)]
pub(crate) struct Edge<T: OutputType> {
    cursor: String,
    node: T,
}

/// One page.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(name_type)]
pub(crate) struct Connection<T: OutputType> {
    count: i32,
    edges: Vec<Edge<T>>,
    nodes: Vec<T>,
    page_info: PageInfo,
}

impl<T: OutputType> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::type_name()).into()
    }
}

impl<T: OutputType> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::type_name()).into()
    }
}

/// Which page is wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    /// At most this many.
    pub(crate) first: Option<i32>,
    /// After this cursor.
    pub(crate) after: Option<String>,
}

impl Wish {
    /// The positions of the page among `count` entries.
    pub(crate) fn range(&self, count: usize) -> std::ops::Range<usize> {
        let start = self.after.as_deref().and_then(position).unwrap_or(0).min(count);
        let size = self.first.map_or(MAX_PAGE, |first| usize::try_from(first).unwrap_or(0).min(MAX_PAGE));
        start..(start + size).min(count)
    }
}

fn position(cursor: &str) -> Option<usize> {
    let text = String::from_utf8(STANDARD_NO_PAD.decode(cursor).ok()?).ok()?;
    text.parse().ok()
}

impl<T: OutputType + Clone> Connection<T> {
    /// The page of `nodes` at `start` among `count` entries.
    pub(crate) fn new(nodes: Vec<T>, start: usize, count: usize) -> Self {
        // A cursor is the number of entries up to and with its own.
        let cursor = |index: usize| STANDARD_NO_PAD.encode((start + index + 1).to_string());
        let edges = nodes.iter().enumerate().map(|(index, node)| Edge { cursor: cursor(index), node: node.clone() });
        let edges: Vec<Edge<T>> = edges.collect();
        let page_info = PageInfo {
            end_cursor: edges.last().map(|edge| edge.cursor.clone()),
            has_next_page: start + nodes.len() < count,
            has_previous_page: start > 0,
            start_cursor: edges.first().map(|edge| edge.cursor.clone()),
        };
        Self { count: i32::try_from(count).unwrap_or(i32::MAX), edges, nodes, page_info }
    }

    /// The wanted page of all entries.
    pub(crate) fn of(all: &[T], wish: &Wish) -> Self {
        let range = wish.range(all.len());
        Self::new(all[range.clone()].to_vec(), range.start, all.len())
    }
}

/// What a connection costs beside the one per entry: a hundredth more per entry of the page.
pub(crate) fn with_pages(complexity: usize, first: Option<i32>) -> usize {
    let size = first.map_or(MAX_PAGE, |first| usize::try_from(first).unwrap_or(0).min(MAX_PAGE));
    complexity + complexity * size / 100
}
