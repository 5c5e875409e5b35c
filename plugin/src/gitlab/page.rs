//! Pages of lists.
//!
//! GitLab names the next page by a URL in `Link` and by `X-Next-Page`. The URL is never followed: behind a proxy it can name
//! another host, and with a credential that would be a leak. Only the parameter that moves on is taken out of it, and put onto
//! the configured address. Decided here: which parameters those are, and when a list has ended.

use super::client::{Client, json};
use crate::error::{Code, Error};
use crate::host::Reply;
use crate::json::Owned;
use crate::request::{Target, decode};

/// Parameters that move a list on. The first one found counts.
const CURSORS: &[&str] = &["page_token", "cursor", "id_before", "id_after", "page"];

/// One page, and the cursor of the next one. An empty page is the last, whatever its headers say: old servers announce a next
/// page for ever.
pub fn read<T: Owned>(
    client: &Client<'_>,
    target: Target,
    cursor: Option<&str>,
) -> Result<(Vec<T>, Option<String>), Error> {
    let target = match cursor {
        None => target,
        Some(cursor) => resume(target, cursor)?,
    };
    let request = client.get(target);
    let reply = client.send(&request)?;
    let items: Vec<T> = json(&request, &reply)?;
    let next = if items.is_empty() { None } else { next(&reply) };
    Ok((items, next))
}

/// `name=value` of the parameter that moves on, decoded; None: this was the last page.
pub fn next(reply: &Reply) -> Option<String> {
    let links = reply.headers.iter().filter(|(name, _)| name == "link").flat_map(|(_, value)| value.split(','));
    let next = links.filter(|link| link.contains("rel=\"next\"") || link.contains("rel=next")).find_map(cursor_of);
    let page = || reply.header("x-next-page").filter(|page| !page.is_empty()).map(|page| format!("page={page}"));
    next.or_else(page)
}

fn cursor_of(link: &str) -> Option<String> {
    let url = link.split('<').nth(1)?.split('>').next()?;
    let query = url.split_once('?')?.1;
    let value_of = |wanted: &&str| {
        let pair = query.split('&').find_map(|pair| pair.split_once('=').filter(|(name, _)| name == wanted))?;
        Some(format!("{wanted}={}", decode(pair.1)?))
    };
    CURSORS.iter().find_map(value_of)
}

/// The target, moved on to the cursor that was given out.
pub fn resume(target: Target, cursor: &str) -> Result<Target, Error> {
    let known = cursor.split_once('=').filter(|(name, _)| CURSORS.contains(name));
    let Some((name, value)) = known else {
        return Err(Error::because(Code::InvalidSettings, "the cursor is not one that was given out"));
    };
    Ok(target.query(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(headers: &[(&str, &str)]) -> Reply {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Reply { status: 200, headers, body: Vec::new() }
    }

    #[test]
    fn a_next_link_gives_only_its_cursor_whatever_host_it_names() {
        for (link, cursor) in [
            (
                r#"<https://evil.example/api/v4/projects?id_before=42&private_token=x>; rel="next""#,
                Some("id_before=42"),
            ),
            (r#"<http://h/x?page=1>; rel="first", <http://h/x?page=3&per_page=20>; rel="next""#, Some("page=3")),
            (r#"<http://h/x?page_token=a%2Fb%3D&page=2>; rel="next""#, Some("page_token=a/b=")),
            (r#"<http://h/x?page=1>; rel="first""#, None),
            (r#"<http://h/x?unknown=1>; rel="next""#, None),
            ("garbage", None),
        ] {
            assert_eq!(next(&reply(&[("link", link)])).as_deref(), cursor, "{link}");
        }
    }

    #[test]
    fn an_empty_next_page_header_is_the_end() {
        assert_eq!(next(&reply(&[("x-next-page", "")])), None);
        assert_eq!(next(&reply(&[("x-next-page", "2")])).as_deref(), Some("page=2"));
    }

    #[test]
    fn a_cursor_of_another_kind_is_refused() {
        assert!(resume(Target::api("projects"), "private_token=x").is_err());
        assert!(resume(Target::api("projects"), "").is_err());
    }
}
