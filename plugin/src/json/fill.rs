//! The one reader.

use std::fmt;

use serde::de::{
    Deserialize as _, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Error;

use super::fields::{Names, Seen};
use super::take::{Fit, Kind, Scalar, Take, Text};

/// Reads all of `bytes` into a new value.
pub fn read<'a, T: Take<'a> + Default>(bytes: &'a [u8]) -> Result<T, Error> {
    let mut value = T::default();
    fill(&mut value, bytes)?;
    Ok(value)
}

/// Reads all of `bytes` into a value.
pub fn fill<'a>(value: &mut dyn Take<'a>, bytes: &'a [u8]) -> Result<(), Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Fill(value).deserialize(&mut reader)?;
    reader.end()
}

/// Whether `bytes` are JSON at all.
pub fn is_json(bytes: &[u8]) -> bool {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    IgnoredAny::deserialize(&mut reader).and_then(|_| reader.end()).is_ok()
}

struct Fill<'t, 'a>(&'t mut dyn Take<'a>);

/// The reader puts the place behind it.
fn fit<E: serde::de::Error>(fit: Fit) -> Result<(), E> {
    fit.map_err(|_| E::custom("a value of another type is expected"))
}

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

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        fit(self.0.scalar(Scalar::Null))
    }

    fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<(), E> {
        fit(self.0.scalar(Scalar::Flag(flag)))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        fit(self.0.scalar(Scalar::Number(number)))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        fit(self.0.scalar(Scalar::Broken(number as f64)))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        fit(self.0.scalar(Scalar::Broken(number)))
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'a str) -> Result<(), E> {
        fit(self.0.scalar(Scalar::Text(Text::Lasting(text))))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        fit(self.0.scalar(Scalar::Text(Text::Passing(text))))
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        fit(self.0.opens(Kind::List))?;
        while list.next_element_seed(EntryOf(&mut *self.0))?.is_some() {}
        fit(self.0.closes(Kind::List))
    }

    fn visit_map<A: MapAccess<'a>>(self, mut object: A) -> Result<(), A::Error> {
        fit(self.0.opens(Kind::Object))?;
        let (names, mut seen) = (self.0.names(), Seen::default());
        while let Some(place) = object.next_key_seed(FieldOf { value: &mut *self.0, names, seen: &mut seen })? {
            match place {
                Some(place) => object.next_value_seed(Fill(place))?,
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        if let Some(name) = seen.missing(names) {
            return Err(A::Error::missing_field(name));
        }
        fit(self.0.closes(Kind::Object))
    }
}

/// Fills what takes the next entry of a list, once there is one.
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

/// What takes the value of a key.
struct FieldOf<'t, 's, 'a> {
    value: &'t mut dyn Take<'a>,
    names: &'static Names,
    seen: &'s mut Seen,
}

impl<'t, 'a> DeserializeSeed<'a> for FieldOf<'t, '_, 'a> {
    type Value = Option<&'t mut dyn Take<'a>>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'t, 'a> Visitor<'a> for FieldOf<'t, '_, 'a> {
    type Value = Option<&'t mut dyn Take<'a>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        let at = self.seen.find(self.names, name).map_err(E::duplicate_field)?;
        Ok(self.value.field(name, at))
    }
}
