//! A request as it came in.

/// A request as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Names in any case.
    pub headers: Vec<(String, String)>,
    /// Byte for byte.
    pub body: Vec<u8>,
}

/// A header of which there may be one stands there several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repeated;

impl Delivery {
    /// The only value of a header, without the white space around it, which is no part of it (RFC 9110). Repeated ones could be read
    /// differently by whoever stands before us.
    pub(super) fn single(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.headers.iter().filter(|(key, _)| key.trim_ascii().eq_ignore_ascii_case(name));
        let first = values.next().map(|(_, value)| value.trim_ascii());
        if values.next().is_some() { Err(Repeated) } else { Ok(first) }
    }
}
