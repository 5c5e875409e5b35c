//! The names of an object's fields, and which of them have come.

/// The names of the fields that are read of an object.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// At most 64. Those that have to be there come first.
    pub all: &'static [&'static str],
    /// How many of them have to be there.
    pub needed: usize,
    /// Whether none may stand there twice.
    pub once: bool,
}

impl Names {
    /// Of what is no object.
    pub const NONE: Self = Self { all: &[], needed: 0, once: false };

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.all.is_empty()
    }
}

/// Which fields of an object have come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    fields: u64,
    next: usize,
}

impl Seen {
    /// Where a name stands among the names. Objects of one kind mostly have their fields in one order, so the search goes on where the
    /// last name was found. Fails with a name that may not come again.
    pub(super) fn find(&mut self, names: Names, name: &str) -> Result<Option<usize>, &'static str> {
        let (before, after) = names.all.split_at(self.next);
        let is_it = |known: &&str| *known == name;
        let found = after.iter().position(is_it).map(|at| at + self.next);
        let Some(at) = found.or_else(|| before.iter().position(is_it)) else { return Ok(None) };
        if names.once && self.fields & 1 << at != 0 {
            return Err(names.all[at]);
        }
        self.fields |= 1 << at;
        self.next = at + 1;
        Ok(Some(at))
    }

    /// The first of the names that have to come and have not.
    pub(super) fn missing(self, names: Names) -> Option<&'static str> {
        (0..names.needed).find(|at| self.fields & 1 << at == 0).map(|at| names.all[at])
    }
}

/// Makes a struct one that is read from an object. What stands before the semicolon has to be there; each field has the name that the
/// JSON has for it, unless another stands behind `as`.
macro_rules! object {
    ($type:ty { $($fields:tt)* }) => {
        impl<'a> $crate::json::Take<'a> for $type {
            $crate::json::fields!(true; $($fields)*);
        }
    };
}

/// The fields, within an implementation of `Take<'a>`.
macro_rules! fields {
    ($once:literal; $($must:ident $(as $must_name:literal)?),*; $($may:ident $(as $may_name:literal)?),* $(,)?) => {
        fn names(&self) -> $crate::json::Names {
            const ALL: &[&str] = &[
                $($crate::json::fields!(@ $must $($must_name)?),)*
                $($crate::json::fields!(@ $may $($may_name)?),)*
            ];
            const { assert!(ALL.len() <= u64::BITS as usize) };
            const NEEDED: &[&str] = &[$(stringify!($must)),*];
            $crate::json::Names { all: ALL, needed: NEEDED.len(), once: $once }
        }

        fn field(&mut self, _: &str, at: Option<usize>) -> Option<&mut dyn $crate::json::Take<'a>> {
            #[expect(non_camel_case_types, reason = "they are called as the fields are")]
            enum Place { $($must,)* $($may,)* }
            match at? {
                $(at if at == Place::$must as usize => Some(&mut self.$must),)*
                $(at if at == Place::$may as usize => Some(&mut self.$may),)*
                _ => None,
            }
        }
    };
    (@ $field:ident) => { stringify!($field) };
    (@ $field:ident $name:literal) => { $name };
}

pub(crate) use {fields, object};
