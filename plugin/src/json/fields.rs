//! The names of an object's fields, and which of them have come.

/// The names of the fields that are read of an object.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    all: &'static [&'static str],
    needed: usize,
    once: bool,
    /// By what is quickly told of a name, the places of those of which it is the same: most fields of a delivery are none of ours.
    alike: [u64; KINDS],
}

/// See [`kind`].
const KINDS: usize = 8;

const fn kind(name: &str) -> usize {
    match name.as_bytes() {
        [] => 0,
        [.., last] => (name.len() * 3 + *last as usize) % KINDS,
    }
}

impl Names {
    /// Of what is no object.
    pub const NONE: &Self = &Self::new(&[], 0, false);

    /// At most 64. The first `needed` have to be there; `once` says that none may be there twice.
    pub const fn new(all: &'static [&'static str], needed: usize, once: bool) -> Self {
        assert!(all.len() <= u64::BITS as usize, "there is a bit for each");
        let (mut alike, mut at) = ([0; KINDS], 0);
        while at < all.len() {
            alike[kind(all[at])] |= 1 << at;
            at += 1;
        }
        Self { all, needed, once, alike }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Which fields of an object have come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen(u64);

impl Seen {
    /// Where a name stands among the names. Fails with a name that may not come again.
    pub(super) fn find(&mut self, names: &Names, name: &str) -> Result<Option<usize>, &'static str> {
        let mut alike = names.alike[kind(name)];
        while alike != 0 {
            let at = alike.trailing_zeros() as usize;
            if names.all[at] == name {
                let is_second = self.0 & 1 << at != 0;
                self.0 |= 1 << at;
                return if names.once && is_second { Err(names.all[at]) } else { Ok(Some(at)) };
            }
            alike &= alike - 1;
        }
        Ok(None)
    }

    /// The first of the names that have to come and have not.
    pub(super) fn missing(self, names: &Names) -> Option<&'static str> {
        (0..names.needed).find(|at| self.0 & 1 << at == 0).map(|at| names.all[at])
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
        fn names(&self) -> &'static $crate::json::Names {
            const ALL: &[&str] = &[
                $($crate::json::fields!(@ $must $($must_name)?),)*
                $($crate::json::fields!(@ $may $($may_name)?),)*
            ];
            const NEEDED: &[&str] = &[$(stringify!($must)),*];
            const NAMES: &$crate::json::Names = &$crate::json::Names::new(ALL, NEEDED.len(), $once);
            NAMES
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
