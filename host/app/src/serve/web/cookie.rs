//! The session's cookie: what is set, and what of it is believed when it comes back.

use super::session::SessionKey;
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

/// How the server is reached, which decides what a browser is told about the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// The cookie never crosses a network in the clear, and only this host sets it (`__Host-`).
    Https,
    /// On this machine, for a trial.
    Plain,
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Self::Https => "__Host-gitlab-sync",
            Self::Plain => "gitlab-sync",
        }
    }

    /// Without an age: the browser forgets it when it closes, and the server before that.
    pub(crate) fn set(self, key: &SessionKey) -> HeaderValue {
        self.value(key.expose(), "")
    }

    pub(crate) fn clear(self) -> HeaderValue {
        self.value("", "; Max-Age=0")
    }

    fn value(self, value: &str, age: &str) -> HeaderValue {
        let secure = match self {
            Self::Https => "; Secure",
            Self::Plain => "",
        };
        let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}", self.name());
        HeaderValue::try_from(text).expect("digits and letters of this program")
    }

    /// Of several cookies of this name none is believed: somebody else has set one.
    pub(crate) fn read(self, headers: &HeaderMap) -> Option<SessionKey> {
        let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut own = pairs.filter(|(name, _)| *name == self.name()).map(|(_, value)| value);
        match (own.next(), own.next()) {
            (Some(value), None) => SessionKey::parse(value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_for_this_host_alone_and_out_of_reach_for_scripts() {
        let key = SessionKey::generate().unwrap();
        let https = Transport::Https.set(&key);
        let expected = format!("__Host-gitlab-sync={}; Path=/; HttpOnly; SameSite=Lax; Secure", key.expose());
        assert_eq!(https.to_str().unwrap(), expected);
        assert!(!Transport::Plain.set(&key).to_str().unwrap().contains("Secure"));
        assert!(Transport::Https.clear().to_str().unwrap().ends_with("; Max-Age=0"));
    }

    #[test]
    fn a_cookie_is_believed_only_if_it_is_the_only_one_and_whole() {
        let key = SessionKey::generate().unwrap();
        let value = key.expose();
        let table = [
            (vec![format!("gitlab-sync={value}")], true),
            (vec![format!("theme=dark; gitlab-sync={value}; a=b")], true),
            (vec!["a=b".into(), format!("gitlab-sync={value}")], true),
            (vec![format!("gitlab-sync={value}; gitlab-sync={value}")], false),
            (vec![format!("gitlab-sync={value}"), format!("gitlab-sync={value}")], false),
            (vec![format!("__Host-gitlab-sync={value}")], false),
            (vec![format!("gitlab-sync={}", &value[1..])], false),
            (vec!["gitlab-sync=".into()], false),
            (vec![], false),
        ];
        for (lines, believed) in table {
            let mut headers = HeaderMap::new();
            for line in &lines {
                headers.append(COOKIE, line.parse().unwrap());
            }
            assert_eq!(Transport::Plain.read(&headers).is_some(), believed, "{lines:?}");
        }
    }
}
