//! One mode: something too large for each host function that takes text, bytes or a list.

use super::bindings::gitlab_sync::connector::{files, log, secrets, state};
use super::bindings::wasi::http::types::Method;
use super::run::{Ask, Seen};
use super::wire::{self, Request};

pub(super) fn argument(ask: &Ask) -> Seen {
    let (what, bytes) = (ask.line(0), ask.number(1));
    let text = || "x".repeat(bytes);
    let echo = || Request::get(&ask.instance, "/hostile/echo");
    let said = match what {
        "log-message" => said(&log::event(log::Level::Info, &text(), &[])),
        "log-field" => said(&log::event(log::Level::Info, "field", &[("name".into(), text())])),
        "log-fields" => {
            said(&log::event(log::Level::Info, "fields", &vec![(String::new(), String::new()); bytes / 16]))
        }
        "progress-unit" => said(&log::progress(1, 1, &text())),
        "state-key" => said(&state::get(&text())),
        "state-value" => said(&state::commit(&[put("large", text())])),
        "state-values" => said(&state::commit(&vec![put("large", String::new()); bytes / 40])),
        "files-list" => said(&files::list(&text(), Some(&text()))),
        "files-news" => said(&files::list_news(&vec![1; bytes / 8], &[text()])),
        "files-news-many" => said(&files::list_news(&[], &vec![String::new(); bytes / 8])),
        "files-look" => said(&files::look(&[text()])),
        "files-look-many" => said(&files::look(&vec![String::new(); bytes / 8])),
        "files-read" => said(&files::read(&[text()])),
        "files-read-many" => said(&files::read(&vec![String::new(); bytes / 8])),
        "files-apply" => said(&files::apply(&[write("large.md", text())])),
        "files-apply-many" => said(&files::apply(&vec![write("", String::new()); bytes / 40])),
        "files-apply-ahead" => {
            let handed_over = files::apply_ahead(&[write("ahead.md", text())]);
            said(&handed_over.and_then(|_| files::apply_ahead(&vec![write("", String::new()); bytes / 40])))
        }
        "secret-slot" => said(&secrets::status(&text())),
        "secret-candidate" => said(&secrets::matches("webhook", text().as_bytes())),
        "secret-message" => {
            said(&secrets::verify_hmac_sha256("webhook", secrets::KeyForm::Text, text().as_bytes(), text().as_bytes()))
        }
        "exchange-path" => exchange(format!("/secret/{}", text()), String::new(), vec![]),
        "exchange-body" => exchange("/secret/1".into(), text(), vec![]),
        "exchange-headers" => exchange("/secret/1".into(), String::new(), vec![(text(), text())]),
        "header-value" => echo().header("x-large", text()).send().to_string(),
        "header-list" => said(&wire::fields(&vec![(String::new(), vec![]); bytes / 16]).map(drop)),
        "path" => Request { path: Some(format!("/hostile/{}", text())), ..echo() }.send().to_string(),
        "authority" => Request { authority: Some(text()), ..echo() }.send().to_string(),
        "method" => Request { method: Method::Other(text()), ..echo() }.send().to_string(),
        "stream-write" => stream_write(&echo(), &text())?,
        other => return Err(format!("no function `{other}`")),
    };
    Ok(vec![said])
}

fn said(answer: &impl std::fmt::Debug) -> String {
    format!("{answer:?}").chars().take(200).collect()
}

fn put(key: &str, value: String) -> state::Put {
    state::Put { key: key.into(), bytes: Some(value.into_bytes()), expected: 0 }
}

fn write(path: &str, content: String) -> files::Change {
    files::Change::Write(files::Write {
        path: path.into(),
        bytes: content.into_bytes(),
        executable: false,
        expected: files::Expectation::Absent,
    })
}

fn exchange(path_with_query: String, body: String, headers: Vec<(String, String)>) -> String {
    let request = secrets::ExchangeRequest { method: "POST".into(), path_with_query, headers, body };
    said(&secrets::exchange(&request))
}

/// Writes at once, without asking for room.
fn stream_write(request: &Request, content: &str) -> Result<String, String> {
    let post = Request { method: Method::Post, ..request.clone() };
    let request = post.build().map_err(|outcome| outcome.to_string())?;
    let body = request.body().map_err(|()| "no body".to_string())?;
    let stream = body.write().map_err(|()| "no stream".to_string())?;
    Ok(format!("{:?}", stream.write(content.as_bytes()).map_err(wire::closed)))
}
