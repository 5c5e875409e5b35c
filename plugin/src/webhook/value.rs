//! Values of a delivery's JSON, of whatever type they turn out to be.
//!
//! Decided here: that a value of another type than expected is as good as a missing one. GitLab has changed types between versions, and an
//! operator's template may change any; one odd field must not hide the others. Nothing is kept of what is not asked for, no text
//! that is longer than anything GitLab has a name for, and of a list only the beginning.
//!
//! A place says through [`Take`] what it wants, and one reader fills them all. Derived readers, one for each type, took 26 kB of the component
//! where this takes 5.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize as _, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The longest text that is kept. GitLab's names and paths have at most 255 letters, a reference of git 1,024 bytes.
const LONGEST: usize = 1_024;
/// As many entries of a list are kept.
const MOST: usize = 100;

/// A place that takes a value as it comes.
pub(super) trait Take<'a> {
    /// A value that is neither an object nor a list.
    fn scalar(&mut self, _: Scalar<'a>) {}

    /// The place of an object's field. None: it is passed over.
    fn field(&mut self, _name: &str) -> Option<&mut dyn Take<'a>> {
        None
    }

    /// The place of a list's next entry. None: it is passed over.
    fn entry(&mut self) -> Option<&mut dyn Take<'a>> {
        None
    }
}

/// What is neither a list nor an object, as far as anybody here wants it.
pub(super) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    True,
    Other,
}

/// A text, if it is one and not empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Text<'a>(Option<Cow<'a, str>>);

/// A whole number, also one that is written as a text or as `7.0`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Number(Option<u64>);

/// Whether it is `true`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flag(bool);

/// The first entries of a list.
#[derive(Clone, Debug, Default)]
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

impl<T> Few<T> {
    pub(super) fn entries(&self) -> &[T] {
        &self.entries
    }

    /// Whether there are more.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl<'a> Take<'a> for Text<'a> {
    fn scalar(&mut self, value: Scalar<'a>) {
        self.0 = match value {
            Scalar::Text(text) if !text.is_empty() && text.len() <= LONGEST => Some(text),
            _ => None,
        };
    }
}

impl<'a> Take<'a> for Number {
    fn scalar(&mut self, value: Scalar<'a>) {
        self.0 = match value {
            Scalar::Number(number) => Some(number),
            Scalar::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        };
    }
}

impl<'a> Take<'a> for Flag {
    fn scalar(&mut self, value: Scalar<'a>) {
        self.0 = matches!(value, Scalar::True);
    }
}

impl<'a, T: Take<'a> + Default> Take<'a> for Few<T> {
    fn entry(&mut self) -> Option<&mut dyn Take<'a>> {
        if self.entries.len() == MOST {
            self.is_cut = true;
            return None;
        }
        self.entries.push(T::default());
        self.entries.last_mut().map(|entry| entry as &mut dyn Take<'a>)
    }
}

/// A struct whose fields are places, each of the name that the JSON has for it unless another stands behind `as`.
macro_rules! places {
    ($(#[$about:meta])* $type:ident { $($(#[$what:meta])* $field:ident $(as $name:literal)?: $kind:ty,)+ }) => {
        $(#[$about])*
        #[derive(Default)]
        pub(super) struct $type<'a> { $($(#[$what])* pub(super) $field: $kind,)+ }

        impl<'a> Take<'a> for $type<'a> {
            fn field(&mut self, name: &str) -> Option<&mut dyn Take<'a>> {
                $(if name == places!(@ $field $($name)?) { return Some(&mut self.$field); })+
                None
            }
        }
    };
    (@ $field:ident) => { stringify!($field) };
    (@ $field:ident $name:literal) => { $name };
}
pub(super) use places;

/// Fills a place from JSON.
pub(super) struct Fill<'t, 'a>(pub(super) &'t mut dyn Take<'a>);

impl<'a> DeserializeSeed<'a> for Fill<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Fill<'_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.scalar(Scalar::Other);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0.scalar(if value { Scalar::True } else { Scalar::Other });
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.0.scalar(Scalar::Number(value));
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.visit_unit()
    }

    /// Who has only one kind of number writes `7.0`. From 2^53 on such numbers are not exact.
    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        if value.fract() != 0.0 || !(1.0..=9_007_199_254_740_991.0).contains(&value) {
            return self.visit_unit();
        }
        self.visit_u64(value as u64)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'a str) -> Result<(), E> {
        self.0.scalar(Scalar::Text(Cow::Borrowed(text)));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.scalar(if text.len() > LONGEST { Scalar::Other } else { Scalar::Text(Cow::Owned(text.to_owned())) });
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(EntryOf(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut object: A) -> Result<(), A::Error> {
        while let Some(place) = object.next_key_seed(FieldOf(&mut *self.0))? {
            match place {
                Some(place) => object.next_value_seed(Fill(place))?,
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Fills the next place of a list, once there is an entry for it.
struct EntryOf<'t, 'a>(&'t mut dyn Take<'a>);

impl<'a> DeserializeSeed<'a> for EntryOf<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0.entry() {
            Some(place) => Fill(place).deserialize(deserializer),
            None => IgnoredAny::deserialize(deserializer).map(drop),
        }
    }
}

/// The place that belongs to a key.
struct FieldOf<'t, 'a>(&'t mut dyn Take<'a>);

impl<'t, 'a> DeserializeSeed<'a> for FieldOf<'t, 'a> {
    type Value = Option<&'t mut dyn Take<'a>>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'t, 'a> Visitor<'a> for FieldOf<'t, 'a> {
    type Value = Option<&'t mut dyn Take<'a>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.field(name))
    }
}
