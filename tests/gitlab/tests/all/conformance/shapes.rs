//! The shapes of all answers as they were when they were verified: a change shows up here without any recording.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gitlab_sim::Settings;

use super::calls;
use super::shape::Shape;
use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn answers_keep_the_shapes_that_were_verified() {
    let mut stage = Stage::set(Settings::default()).await;
    let mut shapes: BTreeMap<String, Shape> = BTreeMap::new();
    for made in calls::make_all(&mut stage).await {
        let Ok(body) = serde_json::from_slice(&made.seen.body) else { continue };
        let here = format!("{} {} {}", made.route.path, made.route.method, made.seen.status.as_u16());
        shapes.entry(here).or_default().add(&body);
    }
    let mut text = String::new();
    for (here, shape) in shapes {
        let _ = write!(text, "# {here}\n{}\n", shape.lines());
    }
    insta::assert_snapshot!(text);
}
