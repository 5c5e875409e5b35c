//! Values of a delivery's JSON, of whatever type they turn out to be.
//!
//! Decided here: that a value of another type than expected is as good as a missing one. GitLab has changed types between versions, and an
//! operator's template may change any; one odd field must not hide the others. Nothing is kept of what is not asked for, and no text
//! that is longer than anything GitLab has a name for.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The longest text that is kept. GitLab's names and paths have at most 255 letters, a reference of git 1,024 bytes.
const LONGEST: usize = 1_024;
/// As many entries of a list are kept.
const MOST: usize = 100;

/// A text, if it is one and not empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Text<'a>(Option<Cow<'a, str>>);

/// A whole number, also one that is written as a text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Number(Option<u64>);

/// Whether it is `true`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flag(bool);

/// An object, if it is one.
#[derive(Clone, Debug)]
pub(super) struct Object<T>(Option<T>);

/// The first entries of a list.
#[derive(Clone, Debug)]
pub(super) struct Few<T> {
    entries: Vec<T>,
    is_cut: bool,
}

impl Text<'_> {
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    pub(super) fn owned(&self) -> Option<String> {
        self.get().map(str::to_owned)
    }
}

impl Number {
    pub(super) fn get(self) -> Option<u64> {
        self.0
    }
}

impl Flag {
    pub(super) fn is_set(self) -> bool {
        self.0
    }
}

impl<T> Object<T> {
    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }

    pub(super) fn into_inner(self) -> Option<T> {
        self.0
    }
}

impl<T> Few<T> {
    pub(super) fn entries(&self) -> &[T] {
        &self.entries
    }

    /// Whether there are more.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), is_cut: false }
    }
}

/// The visits that lead to nothing.
macro_rules! pass_over {
    ($nothing:expr; $($visit:ident($type:ty)),+) => {
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a value")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok($nothing)
        }

        $(fn $visit<E: Error>(self, _: $type) -> Result<Self::Value, E> {
            Ok($nothing)
        })+
    };
}

/// To the end of a list that nobody wants.
fn skip_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// To the end of an object that nobody wants.
fn skip_object<'de, A: MapAccess<'de>>(mut object: A) -> Result<(), A::Error> {
    while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// What is neither a list nor an object, as far as anybody here wants it.
enum Scalar<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    True,
    Other,
}

struct OnlyScalar;

impl<'de> Visitor<'de> for OnlyScalar {
    type Value = Scalar<'de>;

    pass_over!(Scalar::Other; visit_i64(i64), visit_f64(f64));

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(if value { Scalar::True } else { Scalar::Other })
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(value))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(if text.len() > LONGEST { Scalar::Other } else { Scalar::Text(Cow::Owned(text.to_owned())) })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        skip_list(list).map(|()| Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        skip_object(object).map(|()| Scalar::Other)
    }
}

struct OnlyObject<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyObject<T> {
    type Value = Object<T>;

    pass_over!(Object(None); visit_bool(bool), visit_u64(u64), visit_i64(i64), visit_f64(f64), visit_str(&str));

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        skip_list(list).map(|()| Object(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(|value| Object(Some(value)))
    }
}

struct OnlyList<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyList<T> {
    type Value = Few<T>;

    pass_over!(Few::default(); visit_bool(bool), visit_u64(u64), visit_i64(i64), visit_f64(f64), visit_str(&str));

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while entries.len() < MOST {
            let Some(entry) = list.next_element()? else { return Ok(Few { entries, is_cut: false }) };
            entries.push(entry);
        }
        let is_cut = list.next_element::<IgnoredAny>()?.is_some();
        skip_list(list)?;
        Ok(Few { entries, is_cut })
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        skip_object(object).map(|()| Few::default())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match deserializer.deserialize_any(OnlyScalar)? {
            Scalar::Text(text) => Self(Some(text).filter(|text| !text.is_empty() && text.len() <= LONGEST)),
            _ => Self(None),
        })
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match deserializer.deserialize_any(OnlyScalar)? {
            Scalar::Number(number) => Some(number),
            Scalar::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(matches!(deserializer.deserialize_any(OnlyScalar)?, Scalar::True)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnlyObject(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnlyList(PhantomData))
    }
}
