//! Tells the story: a heading for each step, what the step said, and what it took. Everything comes from the real calls.

use crate::failure::Failure;
use crate::output::Output;
use crate::pages::counted;
use crate::text::{Page, Style, Text};
use gitlab_sim::Admin;
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;

/// The story so far.
pub(super) struct Narrator {
    output: Arc<Output>,
    gitlab: Admin,
    begun: Option<(Instant, usize)>,
    steps: Vec<Told>,
}

/// One step, when it is over.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    name: String,
    /// That arrived at GitLab.
    requests: usize,
    ms: u128,
}

impl Narrator {
    pub(super) fn new(output: &Arc<Output>, gitlab: Admin) -> Self {
        Self { output: output.clone(), gitlab, begun: None, steps: vec![] }
    }

    /// Begins a step, and ends the one before.
    pub(super) fn step(&mut self, name: &str, what: &str) {
        self.end();
        let number = self.steps.len() + 1;
        self.say("");
        let heading = Text::new().with(Style::Accent, format!("{number}  ")).bold(name).dim(format!("  {what}"));
        self.say(heading);
        self.steps.push(Told { name: name.into(), requests: 0, ms: 0 });
        self.begun = Some((Instant::now(), self.requests()));
    }

    /// Ends the step and says what it took.
    pub(super) fn end(&mut self) {
        let (Some((since, before)), now) = (self.begun.take(), self.requests()) else { return };
        let Some(step) = self.steps.last_mut() else { return };
        (step.requests, step.ms) = (now - before, since.elapsed().as_millis());
        let line = format!("   {} at GitLab, {} ms", counted(step.requests, "request"), step.ms);
        self.say(Text::new().dim(line));
    }

    pub(super) fn say(&self, line: impl Into<Text>) {
        let mut page = Page::new();
        page.line(line);
        self.output.show(&page);
    }

    pub(super) fn show(&self, page: &Page) {
        self.output.show(&page.indented(3));
    }

    /// Something that has to be true. The demo fails where it is not.
    pub(super) fn holds(&self, sentence: &str, held: bool) -> Result<(), Failure> {
        if !held {
            return Err(Failure::new(format!("this did not hold: {sentence}"))
                .hint("this is a bug of gitlab-sync; please report it"));
        }
        self.say(Text::new().with(Style::Good, "   ✓ ").plain(sentence));
        Ok(())
    }

    pub(super) fn steps(&self) -> &[Told] {
        &self.steps
    }

    fn requests(&self) -> usize {
        self.gitlab.log().totals().requests
    }
}

impl Told {
    pub(super) fn line(&self) -> Text {
        Text::from("   ")
            .column(Style::Bold, &self.name, 26)
            .column(Style::Plain, counted(self.requests, "request"), 11)
            .dim(format!("{:>5} ms", self.ms))
    }
}
