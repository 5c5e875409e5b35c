//! How the guest describes itself. `about` takes no argument, so the mode stands in the component's data: a test writes another one
//! over it, and the digest changes with it as that of any other component.

/// Gives the list of ways to describe oneself to another macro, with the name of each test.
#[macro_export]
macro_rules! for_each_about_mode {
    ($use:ident) => {
        $use! {
            /// As a connector should: the profiles `hostile-open`, `hostile-narrow` and `hostile-none`.
            Honest honest,

            // ---- While it is asked ----
            /// Never answers.
            Loop never_answers,
            /// Traps.
            Trap traps,
            /// Calls every import, and says in the summary which ones answered.
            CallHost calls_host,
            /// Wants more when the clock says a later day.
            ShiftingProfile shifting_profile,

            // ---- Texts and sizes ----
            /// Texts with line breaks, escape sequences and marks that turn the direction of writing.
            ForgedTexts forged_texts,
            /// Texts of a megabyte each.
            LongTexts long_texts,
            /// No text at all.
            EmptyTexts empty_texts,
            /// A hundred thousand rules.
            ManyRules many_rules,
            /// A hundred thousand profiles.
            ManyProfiles many_profiles,
            /// A contract of the future.
            OtherContract other_contract,
            /// Two profiles of one name.
            TwinProfiles twin_profiles,

            // ---- One broken rule in the profile `hostile-open` ----
            /// Method TRACE.
            TraceMethod trace_method,
            /// Method CONNECT.
            ConnectMethod connect_method,
            /// Method with a line break.
            ForgedMethod forged_method,
            /// A path with `..`.
            DotPath dot_path,
            /// A path that does not start with a slash.
            RelativePath relative_path,
            /// A path that is another server's address.
            AbsolutePath absolute_path,
            /// A path with a brace that never closes.
            OpenBrace open_brace,
            /// A path whose placeholder is only a piece of a part.
            BraceInPart brace_in_part,
            /// A path with a query.
            QueryInPath query_in_path,
            /// A path with a line break.
            ForgedPath forged_path,
            /// A query parameter that carries a credential.
            CredentialParameter credential_parameter,
            /// Pins for a key that is not among the keys.
            LoosePin loose_pin,
            /// A pin without values.
            EmptyPin empty_pin,
            /// A shape for the JSON of a request without body.
            ShapeWithoutBody shape_without_body,

            // ---- A broken credential or slot in the profile `hostile-open` ----
            /// The credential in the header `host`.
            CredentialAsHost credential_as_host,
            /// The credential in a header that frames the message.
            CredentialAsFraming credential_as_framing,
            /// A credential header with a line break.
            ForgedCredentialHeader forged_credential_header,
            /// A credential prefix with a line break.
            ForgedCredentialPrefix forged_credential_prefix,
            /// A credential from a slot that is not listed.
            UnlistedCredential unlisted_credential,
            /// A rule that fills a slot that is not listed.
            UnlistedFill unlisted_fill,
            /// A rule that fills the credential into a body.
            CredentialFill credential_fill,
            /// The credential's slot with all uses.
            CredentialUses credential_uses,
            /// Two slots of one name, with different uses.
            TwinSlots twin_slots,
            /// A second rule for the requests that bring a secret, without keeping it.
            UnclearCapture unclear_capture,
            /// A slot whose name leads elsewhere.
            EvilSlotName evil_slot_name,
        }
    };
}

macro_rules! define {
    ($($(#[$doc:meta])* $mode:ident $name:ident,)*) => {
        /// One way to describe oneself.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum AboutMode {
            $($(#[$doc])* $mode,)*
        }

        impl AboutMode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$mode),*];

            /// As the component's data has it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$mode => stringify!($name),)*
                }
            }
        }
    };
}

for_each_about_mode!(define);

/// The room for a name behind the mark.
#[cfg(not(target_family = "wasm"))]
const ROOM: usize = 32;

#[cfg(not(target_family = "wasm"))]
const MARK: &[u8] = b"about-mode=";

#[cfg(not(target_family = "wasm"))]
impl AboutMode {
    /// The guest's component with this mode in its data. None if it is not the guest's.
    pub fn written_into(self, component: &[u8]) -> Option<Vec<u8>> {
        let at = component.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
        let mut component = component.to_vec();
        component.get_mut(at..at + ROOM)?.copy_from_slice(format!("{:ROOM$}", self.name()).as_bytes());
        Some(component)
    }
}

#[cfg(target_family = "wasm")]
impl AboutMode {
    /// What the component's data says.
    pub(crate) fn current() -> Self {
        static ABOUT: [u8; 43] = *b"about-mode=honest                          ";
        // The optimiser must not know what stands there.
        let text = String::from_utf8_lossy(std::hint::black_box(&ABOUT)).into_owned();
        let name = text.split('=').nth(1).unwrap_or_default().trim();
        Self::ALL.iter().copied().find(|mode| mode.name() == name).unwrap_or(Self::Honest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_fits_into_the_room() {
        for mode in AboutMode::ALL {
            let component = [b"..".as_slice(), MARK, &[b' '; ROOM], b".."].concat();
            let written = mode.written_into(&component).unwrap();
            assert_eq!(written.len(), component.len());
            assert_eq!(&written[13..13 + mode.name().len()], mode.name().as_bytes());
        }
    }

    #[test]
    fn a_component_without_the_mark_is_left_alone() {
        assert_eq!(AboutMode::Loop.written_into(b"\0asm"), None);
    }
}
