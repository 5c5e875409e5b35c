//! A value whose shape is not known beforehand, such as what GitLab says when it refuses.

use super::take::{Fit, Kind, Scalar, Take};

/// As far as anybody wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Any {
    /// A text.
    Text(String),
    /// A whole number, not below zero.
    Number(u64),
    /// `true` or `false`.
    Flag(bool),
    /// Values one after the other.
    List(Vec<Self>),
    /// Values under names, in the order of the names.
    Object(Vec<(String, Self)>),
    /// Nothing, or another number.
    #[default]
    Other,
}

impl Any {
    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.fields().iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The first of several.
    pub fn first(&self) -> Option<&Self> {
        match self {
            Self::List(entries) => entries.first(),
            _ => None,
        }
    }

    /// The values under names, if it holds such.
    pub fn fields(&self) -> &[(String, Self)] {
        match self {
            Self::Object(fields) => fields,
            _ => &[],
        }
    }

    /// If it is one.
    pub fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// If it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'a> Take<'a> for Any {
    fn scalar(&mut self, value: Scalar<'_, 'a>) -> Fit {
        *self = match value {
            Scalar::Text(text) => Self::Text(text.get().to_owned()),
            Scalar::Number(number) => Self::Number(number),
            Scalar::Flag(flag) => Self::Flag(flag),
            Scalar::Broken(_) | Scalar::Null => Self::Other,
        };
        Ok(())
    }

    fn opens(&mut self, kind: Kind) -> Fit {
        *self = match kind {
            Kind::Object => Self::Object(Vec::new()),
            Kind::List => Self::List(Vec::new()),
        };
        Ok(())
    }

    /// Of two of one name, the later one stays.
    fn field(&mut self, name: &str, _: Option<usize>) -> Option<&mut dyn Take<'a>> {
        let Self::Object(fields) = self else { return None };
        let at = fields.binary_search_by(|(known, _)| known.as_str().cmp(name)).unwrap_or_else(|at| {
            fields.insert(at, (name.to_owned(), Self::Other));
            at
        });
        Some(&mut fields[at].1)
    }

    fn entry(&mut self) -> Option<&mut dyn Take<'a>> {
        let Self::List(entries) = self else { return None };
        entries.push(Self::Other);
        entries.last_mut().map(|entry| entry as &mut dyn Take<'a>)
    }
}
