//! What takes a value, and how the plain types do.

use std::borrow::Cow;

use super::fields::Names;

/// What takes a value as it comes. What it does not say to take is of the wrong type.
pub trait Take<'a> {
    /// A value that is neither an object nor a list.
    fn scalar(&mut self, _value: Scalar<'_, 'a>) -> Fit {
        Err(Unfit)
    }

    /// An object or a list begins.
    fn opens(&mut self, kind: Kind) -> Fit {
        if kind == Kind::Object && !self.names().is_empty() { Ok(()) } else { Err(Unfit) }
    }

    /// The fields that an object has.
    fn names(&self) -> &'static Names {
        Names::NONE
    }

    /// What takes the field of this name, which stands there among the names. None: it is passed over.
    fn field(&mut self, _name: &str, _at: Option<usize>) -> Option<&mut dyn Take<'a>> {
        None
    }

    /// What takes a list's next entry. None: it is passed over.
    fn entry(&mut self) -> Option<&mut dyn Take<'a>> {
        None
    }

    /// An object or a list has ended.
    fn closes(&mut self, _kind: Kind) -> Fit {
        Ok(())
    }
}

/// What can be read out of JSON that does not last.
pub trait Owned: Default + for<'a> Take<'a> {}

impl<T: Default + for<'a> Take<'a>> Owned for T {}

/// Whether a value is of the wanted type.
pub type Fit = Result<(), Unfit>;

/// It is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

/// What holds other values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Values under names.
    Object,
    /// Values one after the other.
    List,
}

/// What holds no other values.
#[derive(Clone, Copy, Debug)]
pub enum Scalar<'t, 'a> {
    /// A text.
    Text(Text<'t, 'a>),
    /// A whole number, not below zero.
    Number(u64),
    /// Any other number.
    Broken(f64),
    /// `true` or `false`.
    Flag(bool),
    /// `null`.
    Null,
}

impl<'t, 'a: 't> Scalar<'t, 'a> {
    /// The letters of a text.
    pub fn text(self) -> Result<&'t str, Unfit> {
        match self {
            Self::Text(text) => Ok(text.get()),
            _ => Err(Unfit),
        }
    }
}

/// A text, which does not last where it had to be unescaped.
#[derive(Clone, Copy, Debug)]
pub enum Text<'t, 'a> {
    /// As it stands in the JSON.
    Lasting(&'a str),
    /// For now.
    Passing(&'t str),
}

impl<'t, 'a: 't> Text<'t, 'a> {
    /// Its letters.
    pub fn get(self) -> &'t str {
        match self {
            Self::Lasting(text) => text,
            Self::Passing(text) => text,
        }
    }

    /// Copied only if it does not last.
    pub fn keep(self) -> Cow<'a, str> {
        match self {
            Self::Lasting(text) => Cow::Borrowed(text),
            Self::Passing(text) => Cow::Owned(text.to_owned()),
        }
    }
}

/// What is there, whatever it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anything;

impl Take<'_> for Anything {
    fn scalar(&mut self, _: Scalar<'_, '_>) -> Fit {
        Ok(())
    }

    fn opens(&mut self, _: Kind) -> Fit {
        Ok(())
    }
}

impl Take<'_> for String {
    fn scalar(&mut self, value: Scalar<'_, '_>) -> Fit {
        *self = value.text()?.to_owned();
        Ok(())
    }
}

impl<'a> Take<'a> for Cow<'a, str> {
    fn scalar(&mut self, value: Scalar<'_, 'a>) -> Fit {
        let Scalar::Text(text) = value else { return Err(Unfit) };
        *self = text.keep();
        Ok(())
    }
}

impl Take<'_> for bool {
    fn scalar(&mut self, value: Scalar<'_, '_>) -> Fit {
        let Scalar::Flag(flag) = value else { return Err(Unfit) };
        *self = flag;
        Ok(())
    }
}

impl Take<'_> for u64 {
    fn scalar(&mut self, value: Scalar<'_, '_>) -> Fit {
        let Scalar::Number(number) = value else { return Err(Unfit) };
        *self = number;
        Ok(())
    }
}

impl Take<'_> for usize {
    fn scalar(&mut self, value: Scalar<'_, '_>) -> Fit {
        let mut number = 0_u64;
        number.scalar(value)?;
        *self = Self::try_from(number).map_err(|_| Unfit)?;
        Ok(())
    }
}

/// `null` is None.
impl<'a, T: Take<'a> + Default> Take<'a> for Option<T> {
    fn scalar(&mut self, value: Scalar<'_, 'a>) -> Fit {
        *self = None;
        match value {
            Scalar::Null => Ok(()),
            value => self.insert(T::default()).scalar(value),
        }
    }

    fn opens(&mut self, kind: Kind) -> Fit {
        self.insert(T::default()).opens(kind)
    }

    fn names(&self) -> &'static Names {
        self.as_ref().map_or(Names::NONE, T::names)
    }

    fn field(&mut self, name: &str, at: Option<usize>) -> Option<&mut dyn Take<'a>> {
        self.as_mut()?.field(name, at)
    }

    fn entry(&mut self) -> Option<&mut dyn Take<'a>> {
        self.as_mut()?.entry()
    }

    fn closes(&mut self, kind: Kind) -> Fit {
        self.as_mut().map_or(Ok(()), |value| value.closes(kind))
    }
}

impl<'a, T: Take<'a> + Default> Take<'a> for Vec<T> {
    fn opens(&mut self, kind: Kind) -> Fit {
        self.clear();
        if kind == Kind::List { Ok(()) } else { Err(Unfit) }
    }

    fn entry(&mut self) -> Option<&mut dyn Take<'a>> {
        self.push(T::default());
        self.last_mut().map(|entry| entry as &mut dyn Take<'a>)
    }
}
