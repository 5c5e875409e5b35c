//! The pages that a person clicks through. Plain HTML without scripts: any browser, and any test, can post the form.

use std::fmt::Write as _;

use http::StatusCode;

use crate::app::App;
use crate::reply::Reply;
use crate::world::users::{UserKind, UserState};

/// Makes text safe within HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn html(title: &str, body: &str) -> Reply {
    let title = escape(title);
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title} · GitLab</title></head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    );
    Reply::bytes("text/html; charset=utf-8", page)
}

/// A page that says what went wrong.
pub(super) fn refusal(status: StatusCode, text: &str) -> Reply {
    html("An error has occurred", &format!("<p class=\"error\">{}</p>\n", escape(text))).status(status)
}

/// A page that says something.
pub(super) fn notice(title: &str, text: &str) -> Reply {
    html(title, &format!("<p>{}</p>\n", escape(text)))
}

/// A form with hidden fields, a choice of people, and two buttons: `decision` is `authorize` or `deny`.
pub(super) fn question(app: &App, title: &str, action: &str, fields: &[(&str, String)], lines: &[String]) -> Reply {
    let mut body = String::new();
    for line in lines {
        let _ = writeln!(body, "<p>{}</p>", escape(line));
    }
    let _ = writeln!(body, "<form action=\"{}{action}\" method=\"post\">", app.base_path());
    for (name, value) in fields {
        let _ = writeln!(body, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value));
    }
    let _ = writeln!(body, "<label>Decide as <select name=\"username\">{}</select></label>", people(app));
    body.push_str("<button type=\"submit\" name=\"decision\" value=\"authorize\">Authorize</button>\n");
    body.push_str("<button type=\"submit\" name=\"decision\" value=\"deny\">Deny</button>\n</form>\n");
    html(title, &body)
}

/// A form that asks for a code.
pub(super) fn code_form(app: &App) -> Reply {
    let body = format!(
        "<form action=\"{}/oauth/device\" method=\"get\">\n<label>Code <input name=\"user_code\"></label>\n\
         <button type=\"submit\">Continue</button>\n</form>\n",
        app.base_path()
    );
    html("Enter the code displayed on your device", &body)
}

/// Everybody who could sign in, people who administer nothing first.
fn people(app: &App) -> String {
    let world = app.world();
    let fits = |user: &&crate::world::users::User| user.kind == UserKind::Human && user.state == UserState::Active;
    let mut users: Vec<_> = world.users.table.iter().filter(fits).collect();
    users.sort_by_key(|user| (user.admin, user.id));
    users.iter().map(|user| format!("<option>{}</option>", escape(&user.username))).collect()
}
