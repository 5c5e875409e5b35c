//! Held against what GitLab itself says and did: its description of the API and recordings of real answers and deliveries.
//!
//! Neither is part of this project, so these tests take them from the environment and say so when they are not there:
//! `GITLAB_OPENAPI=FILE` the description (OpenAPI 3.0, YAML or JSON), `GITLAB_RECORDINGS=DIR` the recordings. What was
//! verified with them is kept in `snapshots`, so that a change is noticed without them.

mod calls;
mod difference;
mod graphql;
mod openapi;
mod recordings;
mod schemas;
mod shape;
mod shapes;
mod stage;
mod webhooks;
