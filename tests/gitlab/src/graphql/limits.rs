//! What a query may cost: complexity and depth, judged before anything runs.
//!
//! Complexity is GitLab's: one per field, one more where it asks the git service, and for a page a hundredth more per
//! entry. The fields say what they cost in the schema; here is the ceiling.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation};
use async_graphql::{ServerError, ValidationResult};

use crate::world::users::User;

/// The ceilings for one caller, and what the query turned out to cost.
#[derive(Debug)]
pub(crate) struct Ceiling {
    /// Highest complexity.
    pub(crate) complexity: usize,
    /// Deepest nesting.
    pub(crate) depth: usize,
    /// Complexity of this query.
    pub(crate) score: AtomicUsize,
}

impl Ceiling {
    /// 200 for nobody, 250 for users, 300 for administrators.
    pub(crate) fn of(user: Option<&User>) -> Self {
        let (complexity, depth) = match user {
            None => (200, 15),
            Some(user) if user.admin => (300, 20),
            Some(_) => (250, 20),
        };
        Self { complexity, depth, score: AtomicUsize::new(0) }
    }
}

/// Refuses queries above the ceiling.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits;

impl ExtensionFactory for Limits {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Limits {
    async fn validation(
        &self,
        context: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let result = next.run(context).await?;
        let Some(ceiling) = context.data_opt::<Ceiling>() else { return Ok(result) };
        ceiling.score.store(result.complexity, Ordering::Relaxed);
        let mut errors = Vec::new();
        let mut complain = |text: String| errors.push(ServerError::new(text, None));
        if result.complexity > ceiling.complexity {
            let (score, limit) = (result.complexity, ceiling.complexity);
            complain(format!("Query has complexity of {score}, which exceeds max complexity of {limit}"));
        }
        if result.depth > ceiling.depth {
            complain(format!("Query has depth of {}, which exceeds max depth of {}", result.depth, ceiling.depth));
        }
        if errors.is_empty() { Ok(result) } else { Err(errors) }
    }
}
