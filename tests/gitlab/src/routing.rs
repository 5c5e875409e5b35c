//! A router that knows what was put into it: every route of the instance is in one table, which tests hold against
//! GitLab's own description of its API.
//!
//! It has axum's shape, so that a noun's `routes()` reads as it would with axum's own.

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter};

/// One route: a method and a path below the base path, with `{parameters}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// The path.
    pub path: String,
    /// The method.
    pub method: &'static str,
}

/// Routes of one noun, or of all.
pub(crate) struct Router<S> {
    inner: axum::Router<S>,
    table: Vec<Route>,
}

/// What answers at one path, by method.
pub(crate) struct Verbs<S> {
    inner: MethodRouter<S>,
    methods: Vec<&'static str>,
}

macro_rules! first {
    ($($name:ident $filter:ident $word:literal;)*) => {$(
        /// Answers this method.
        pub(crate) fn $name<H, T, S>(handler: H) -> Verbs<S>
        where
            H: Handler<T, S>,
            T: 'static,
            S: Clone + Send + Sync + 'static,
        {
            Verbs { inner: MethodRouter::new().on(MethodFilter::$filter, handler), methods: vec![$word] }
        }
    )*};
}

macro_rules! further {
    ($($name:ident $filter:ident $word:literal;)*) => {
        impl<S: Clone + Send + Sync + 'static> Verbs<S> {$(
            /// Answers this method, too.
            pub(crate) fn $name<H, T>(mut self, handler: H) -> Self
            where
                H: Handler<T, S>,
                T: 'static,
            {
                self.inner = self.inner.on(MethodFilter::$filter, handler);
                self.methods.push($word);
                self
            }
        )*}
    };
}

first! {
    get GET "GET";
    post POST "POST";
    put PUT "PUT";
    delete DELETE "DELETE";
}

further! {
    head HEAD "HEAD";
    post POST "POST";
    put PUT "PUT";
    patch PATCH "PATCH";
    delete DELETE "DELETE";
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// No routes.
    pub(crate) fn new() -> Self {
        Self { inner: axum::Router::new(), table: Vec::new() }
    }

    /// Adds a path.
    pub(crate) fn route(mut self, path: &str, verbs: Verbs<S>) -> Self {
        self.table.extend(verbs.methods.into_iter().map(|method| Route { path: path.to_owned(), method }));
        self.inner = self.inner.route(path, verbs.inner);
        self
    }

    /// Adds the routes of another noun.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.table.extend(other.table);
        self.inner = self.inner.merge(other.inner);
        self
    }

    /// The table, in order of path and method.
    pub(crate) fn table(mut self) -> Vec<Route> {
        self.table.sort();
        self.table
    }

    /// What axum serves.
    pub(crate) fn into_axum(self) -> axum::Router<S> {
        self.inner
    }
}
