//! Calling every route: the table in `calls.txt`, read and carried out.

use std::collections::BTreeSet;

use gitlab_sim::routing::Route;
use jiff::SignedDuration;
use serde_json::Value;

use super::stage::Stage;
use crate::support::Seen;

/// One line of the table.
#[derive(Debug, Clone)]
struct Line {
    method: String,
    target: String,
    body: String,
    status: u16,
    /// Name and pointer of what is kept of the answer.
    keep: Vec<(String, String)>,
    token: String,
}

/// A call that was made.
#[derive(Debug)]
pub(super) struct Exchange {
    /// The route that answered.
    pub(super) route: Route,
    /// Names of parameters in the query and in the body.
    pub(super) params: BTreeSet<String>,
    /// The answer.
    pub(super) seen: Seen,
    /// What the table says otherwise.
    wrong: Option<String>,
}

/// The table's lines, without comments.
fn lines() -> Vec<Line> {
    let text = include_str!("calls.txt");
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(read).collect()
}

fn read(line: &str) -> Line {
    let (line, token) = line.rsplit_once(" as ").map_or((line, ""), |(line, token)| (line, token));
    let (line, keep) = line.split_once(" = ").map_or((line, ""), |(line, keep)| (line, keep));
    let (line, status) = line.split_once(" -> ").map_or((line, ""), |(line, status)| (line, status));
    let mut parts = line.splitn(3, ' ');
    let mut next = || parts.next().unwrap_or_default().to_owned();
    let (method, target, body) = (next(), next(), next());
    let usual = match method.as_str() {
        "POST" => 201,
        "DELETE" => 204,
        _ => 200,
    };
    let pair = |word: &str| word.split_once('/').map(|(name, path)| (name.to_owned(), format!("/{path}")));
    Line {
        status: status.trim().parse().unwrap_or(usual),
        keep: keep.split(' ').filter_map(pair).collect(),
        token: token.to_owned(),
        method,
        target,
        body,
    }
}

/// Whether a path is one of a route: parameters fit any segment.
pub(super) fn fits(route: &str, path: &str) -> bool {
    let (mut left, mut right) = (route.split('/'), path.split('/'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(left), Some(right)) if left == right || left.starts_with('{') => {}
            _ => return false,
        }
    }
}

/// The route of a path: the one with the fewest parameters.
pub(super) fn route_of(method: &str, path: &str) -> Option<Route> {
    let fitting = gitlab_sim::routes().into_iter().filter(|route| route.method == method && fits(&route.path, path));
    fitting.min_by_key(|route| route.path.matches('{').count())
}

/// Makes every call in order.
pub(super) async fn make_all(stage: &mut Stage) -> Vec<Exchange> {
    let mut made = Vec::new();
    for line in lines() {
        made.push(make(stage, &line).await);
        // Times are told in whole seconds: what changes with each call does not depend on when one begins.
        stage.lab.admin().advance_clock(SignedDuration::from_secs(1));
    }
    made
}

async fn make(stage: &mut Stage, line: &Line) -> Exchange {
    let (target, body) = (filled(stage, &line.target), filled(stage, &line.body));
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let route = route_of(&line.method, path).unwrap_or_else(|| panic!("no route: {} {path}", line.method));
    let token = stage.names.get(&format!("token:{}", line.token)).or_else(|| stage.names.get(&line.token));
    // A version that does not know the call before has left no token.
    let token = token.cloned().unwrap_or_default();
    let mut headers = vec![("content-type", "application/json")];
    if !path.starts_with("/oauth/") && line.token != "nobody" {
        headers.push(("private-token", token.as_str()));
    }
    let sent = target.replace('{', "%7B").replace('}', "%7D");
    let seen = stage.lab.send(&line.method, &sent, &headers, body.clone()).await.unwrap();
    let unlike = seen.status != line.status;
    let wrong = unlike.then(|| format!("{} {target} {body}: {} {}", line.method, seen.status, seen.text()));
    for (name, pointer) in &line.keep {
        let value = serde_json::from_slice::<Value>(&seen.body).unwrap_or_default();
        let Some(value) = value.pointer(pointer).cloned() else { continue };
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        stage.names.insert(name.clone(), value);
    }
    let pairs = query.split('&').filter_map(|pair| pair.split(['=', '[']).next()).filter(|name| !name.is_empty());
    let mut params: BTreeSet<String> = pairs.map(str::to_owned).collect();
    if let Ok(Value::Object(map)) = serde_json::from_str(&body) {
        params.extend(map.into_iter().map(|(key, _)| key));
    }
    Exchange { route, params, seen, wrong }
}

/// Longer names first, so that `$token` does not eat `$tokenish`.
fn filled(stage: &Stage, text: &str) -> String {
    let mut names: Vec<(&String, &String)> = stage.names.iter().collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    names.into_iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${name}"), value))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_called_in_the_table_and_answers_as_it_says() {
    let mut stage = Stage::set(gitlab_sim::Settings::default()).await;
    let made = make_all(&mut stage).await;
    let wrong: Vec<&str> = made.iter().filter_map(|made| made.wrong.as_deref()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let called: BTreeSet<Route> = made.into_iter().map(|made| made.route).collect();
    let missing: Vec<String> = gitlab_sim::routes()
        .into_iter()
        .filter(|route| !called.contains(route))
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert!(missing.is_empty(), "no line in conformance/calls.txt calls:\n{}", missing.join("\n"));
}
