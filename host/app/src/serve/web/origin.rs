//! Whether a request that changes something comes from a page of this server.
//!
//! Decided here, by what a browser says of itself and no page can forge: `Sec-Fetch-Site` and `Origin`. A browser that says neither is
//! refused: each has sent one of them with every form since 2020. It is the first of two locks; the other is the proof in each form
//! (`session`), and the sign-in has this one alone.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use url::Url;

/// Why a form is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// Another site sent it.
    Elsewhere,
    /// It says nothing of where it comes from.
    Silent,
}

/// `public` is where the operator says that the server is reached; without it, the name the browser asked for counts.
pub(crate) fn judge(headers: &HeaderMap, public: Option<&Url>) -> Result<(), Stranger> {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let site = headers.get("sec-fetch-site").map(|value| value.to_str().unwrap_or_default());
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(Stranger::Elsewhere);
    }
    match (headers.get(ORIGIN).map(|_| text(ORIGIN).unwrap_or_default()), public) {
        (None, _) if site.is_some() => Ok(()),
        (None, _) => Err(Stranger::Silent),
        (Some(origin), Some(public)) if origin == public.origin().ascii_serialization() => Ok(()),
        (Some(origin), None) if is_of_host(origin, text(HOST)) => Ok(()),
        (Some(_), _) => Err(Stranger::Elsewhere),
    }
}

fn is_of_host(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some() && authority == host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_form_of_this_server_is_taken() {
        const HOST: &str = "127.0.0.1:8470";
        const OWN: &str = "http://127.0.0.1:8470";
        let public = Url::parse("https://sync.example.com/").unwrap();
        let table = [
            (&[("origin", OWN), ("sec-fetch-site", "same-origin")][..], None, Ok(())),
            (&[("origin", OWN)], None, Ok(())),
            (&[("sec-fetch-site", "same-origin")], None, Ok(())),
            (&[], None, Err(Stranger::Silent)),
            (&[("origin", "null")], None, Err(Stranger::Elsewhere)),
            (&[("origin", "http://127.0.0.1:8471")], None, Err(Stranger::Elsewhere)),
            (&[("origin", "http://127.0.0.1:84700")], None, Err(Stranger::Elsewhere)),
            (&[("origin", "https://evil.example")], None, Err(Stranger::Elsewhere)),
            (&[("origin", OWN), ("sec-fetch-site", "cross-site")], None, Err(Stranger::Elsewhere)),
            (&[("origin", OWN), ("sec-fetch-site", "same-site")], None, Err(Stranger::Elsewhere)),
            (&[("origin", "https://sync.example.com")], Some(&public), Ok(())),
            (&[("origin", "http://sync.example.com")], Some(&public), Err(Stranger::Elsewhere)),
            (&[("origin", OWN)], Some(&public), Err(Stranger::Elsewhere)),
        ];
        for (lines, public, expected) in table {
            let mut headers = HeaderMap::from_iter([(axum::http::header::HOST, HOST.parse().unwrap())]);
            for (name, value) in lines {
                headers.insert(*name, value.parse().unwrap());
            }
            assert_eq!(judge(&headers, public), expected, "{lines:?}");
        }
    }
}
