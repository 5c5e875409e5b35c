//! GitLab's own scalars.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use jiff::Timestamp;

/// A whole number that JavaScript cannot hold: a JSON string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BigInt(pub(crate) u64);

#[Scalar(name = "BigInt")]
impl ScalarType for BigInt {
    fn parse(value: Value) -> InputValueResult<Self> {
        let text = match &value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(InputValueError::expected_type(value)),
        };
        Ok(Self(text.parse()?))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A time: `2026-02-13T09:10:10Z`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time(pub(crate) Timestamp);

#[Scalar(name = "Time")]
impl ScalarType for Time {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
        let time = text.parse::<Timestamp>().ok().or_else(|| day().map(|day| day.timestamp()));
        time.map(Self).ok_or_else(|| InputValueError::custom(format!("`{text}` is not a time")))
    }

    fn to_value(&self) -> Value {
        Value::String(crate::clock::iso_seconds(self.0))
    }
}

/// `gid://gitlab/User/1`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UserId(pub(crate) u64);

#[Scalar(name = "UserID")]
impl ScalarType for UserId {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let number = text.strip_prefix("gid://gitlab/User/").and_then(|number| number.parse().ok());
        number.map(Self).ok_or_else(|| InputValueError::custom(format!("`{text}` is not the id of a user")))
    }

    fn to_value(&self) -> Value {
        Value::String(format!("gid://gitlab/User/{}", self.0))
    }
}

/// `gid://gitlab/Project/1`.
pub(crate) fn gid(kind: &str, id: impl std::fmt::Display) -> async_graphql::ID {
    format!("gid://gitlab/{kind}/{id}").into()
}
