//! Values of a delivery's JSON, of whatever type they turn out to be.
//!
//! Decided here: that a value of another type than expected is as good as a missing one. GitLab has changed types between versions, and an
//! operator's template may change any; one odd field must not hide the others. Nothing is kept of what is not asked for, no text
//! that is longer than anything GitLab has a name for, and of a list only the beginning.

use std::borrow::Cow;

use crate::json::{Fit, Kind, Scalar, Take};

/// The longest text that is kept. GitLab's names and paths have at most 255 letters, a reference of git 1,024 bytes.
const LONGEST: usize = 1_024;
/// As many entries of a list are kept.
const MOST: usize = 100;

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
    fn scalar(&mut self, value: Scalar<'_, 'a>) -> Fit {
        self.0 = match value {
            Scalar::Text(text) if !text.get().is_empty() && text.get().len() <= LONGEST => Some(text.keep()),
            _ => None,
        };
        Ok(())
    }

    fn opens(&mut self, _: Kind) -> Fit {
        Ok(())
    }
}

impl<'a> Take<'a> for Number {
    fn scalar(&mut self, value: Scalar<'_, 'a>) -> Fit {
        self.0 = match value {
            Scalar::Number(number) => Some(number),
            Scalar::Broken(number) => whole(number),
            Scalar::Text(text) if text.get().bytes().all(|byte| byte.is_ascii_digit()) => text.get().parse().ok(),
            _ => None,
        };
        Ok(())
    }

    fn opens(&mut self, _: Kind) -> Fit {
        Ok(())
    }
}

/// Who has only one kind of number writes `7.0`. From 2^53 on such numbers are not exact.
fn whole(number: f64) -> Option<u64> {
    let is_whole = number.fract() == 0.0 && (1.0..=9_007_199_254_740_991.0).contains(&number);
    is_whole.then_some(number as u64)
}

impl<'a> Take<'a> for Flag {
    fn scalar(&mut self, value: Scalar<'_, 'a>) -> Fit {
        self.0 = matches!(value, Scalar::Flag(true));
        Ok(())
    }

    fn opens(&mut self, _: Kind) -> Fit {
        Ok(())
    }
}

impl<'a, T: Take<'a> + Default> Take<'a> for Few<T> {
    fn scalar(&mut self, _: Scalar<'_, 'a>) -> Fit {
        Ok(())
    }

    fn opens(&mut self, _: Kind) -> Fit {
        Ok(())
    }

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

        impl<'a> $crate::json::Take<'a> for $type<'a> {
            fn scalar(&mut self, _: $crate::json::Scalar<'_, 'a>) -> $crate::json::Fit {
                Ok(())
            }

            fn opens(&mut self, _: $crate::json::Kind) -> $crate::json::Fit {
                Ok(())
            }

            $crate::json::fields!(false; ; $($field $(as $name)?),+);
        }
    };
}
pub(super) use places;
