//! What a delivery is and asks for.

use crate::text::{Page, Style, Text};
use gitlab_sync_host::sync::{Proof, Verdict, Work};

pub(crate) fn verdict(verdict: &Verdict) -> Page {
    let mut page = Page::new();
    let event = match verdict {
        Verdict::Verified(event) => event,
        Verdict::Rejected(reason) => {
            page.line(Text::new().with(Style::Bad, "Rejected: ").plain(reason));
            page.line(Text::new().dim("answer 401 with an empty body"));
            return page;
        }
    };
    let proof = match event.proof {
        Proof::Token => "its token is the secret",
        Proof::Signature => "its signature is right",
    };
    page.line(Text::new().with(Style::Good, "Verified").plain(format!(": a `{}` event, {proof}", event.kind)));
    page.line(match &event.work {
        Work::Pull => "the branch may have moved: pull".to_owned(),
        Work::Nothing(reason) => format!("nothing to do: {reason}"),
    });
    page.line(Text::new().dim("answer 2xx"));
    page
}
