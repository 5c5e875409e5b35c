//! Every bad thing the guest can do, by name.
//!
//! The list is a macro, so that the tests take it over whole: a mode added here without a verdict in `tests/suite` does not compile.
//!
//! A call is `sync.projects(instance, search, cursor)`: `search` names the mode, `cursor` is its parameter, one value a line. What
//! came of it is the page: one observation in the `path` of each project. Where a parameter is the last part of `/hostile/..`, it
//! can also be a whole path.

/// Gives the whole list of modes, with the name of the test of each, to another macro.
#[macro_export]
macro_rules! for_each_mode {
    ($use:ident) => {
        $use! {
            // ---- Computing and trapping ----
            /// Loops for ever without calling anything.
            EndlessLoop endless_loop,
            /// Loops over memory fills of many megabytes, which cost little fuel and much time.
            BulkLoop bulk_loop,
            /// Calls itself until the stack is used up.
            DeepRecursion deep_recursion,
            /// Traps.
            Trap trap,
            /// Panics with the parameter as the message.
            Panic panic,
            /// Panics with a message of as many bytes as the parameter says.
            PanicLong panic_long,
            /// Counts calls in a static: a fresh instance always says 1.
            RememberBetweenCalls remember_between_calls,

            // ---- Waiting ----
            /// Waits for a reply to `/hostile/{parameter}`.
            WaitForReply wait_for_reply,
            /// Waits for the body of a reply to `/hostile/{parameter}`.
            WaitForBody wait_for_body,
            /// Writes to `/hostile/{parameter}`, which never reads.
            WaitForRoom wait_for_room,
            /// Waits for the reply to a request whose body it never finishes.
            WaitOnUnsent wait_on_unsent,
            /// Polls an empty list.
            WaitForNothing wait_for_nothing,
            /// Exchanges a secret with `/secret/{parameter}`, which never answers.
            WaitOnExchange wait_on_exchange,
            /// Asks over and over whether a reply to `/hostile/{parameter}` is there.
            BusyWait busy_wait,

            // ---- Memory ----
            /// Takes a megabyte after the other.
            MemoryBomb memory_bomb,
            /// Asks for all 4 GiB at once.
            MemoryAtOnce memory_at_once,
            /// Fills as many MiB as the first line says with the text of the second, and ends.
            FillMemory fill_memory,
            /// As `FillMemory`, and traps.
            FillMemoryAndTrap fill_memory_and_trap,
            /// Grows to as many MiB as the first line says and counts the needles of the other lines in all of its memory.
            SearchMemory search_memory,

            // ---- Handles ----
            /// Holds as many headers as the parameter says.
            HandleBomb handle_bomb,
            /// Holds as many pollables of one reply as the parameter says.
            PollableBomb pollable_bomb,
            /// Polls a list that names one pollable as often as the parameter says.
            PollOneOften poll_one_often,
            /// Drops a body while its stream is alive.
            DropParentFirst drop_parent_first,
            /// Uses a handle number that it was never given: the parameter's.
            ForgedHandle forged_handle,
            /// Takes everything twice that may be taken once, and reports what it got.
            SecondHelping second_helping,

            /// Calls a host function with pointers, lengths, texts or numbers that are none: the parameter is one of `ABI_ABUSES`.
            AbiAbuse abi_abuse,
            /// Lets the host write what it returns to where no memory is free: the parameter is one of `ALLOCATIONS`.
            HostileAllocator hostile_allocator,
            /// Writes more than it asked for, and reads as much as a number can say.
            StreamMisuse stream_misuse,

            // ---- Floods ----
            /// Writes as many log lines as the parameter says.
            LogFlood log_flood,
            /// Writes each line of the parameter as message, field name, field value and unit. `\n` stands for a line break,
            /// `\e` for escape.
            LogForge log_forge,
            /// Writes one log line of as many bytes as the parameter says.
            LogLong log_long,
            /// Writes one log line with as many fields as the parameter says.
            LogManyFields log_many_fields,
            /// Reports as much progress as the parameter says.
            ProgressFlood progress_flood,
            /// Asks for the time without end.
            ClockFlood clock_flood,
            /// Reads its state without end.
            StateFlood state_flood,
            /// Lists the files without end.
            ListFlood list_flood,
            /// Asks for the status of a secret without end.
            StatusFlood status_flood,

            // ---- Sizes ----
            /// Gives back one text of as many bytes as the parameter says.
            OversizedResult oversized_result,
            /// Gives back as many empty projects as the parameter says.
            ManyItems many_items,
            /// Fails with a message of as many bytes as the parameter says.
            OversizedError oversized_error,
            /// Passes as many bytes as the second line says to the host function of the first line: one of `OVERSIZED`.
            OversizedArgument oversized_argument,

            /// Fails with a code of as many bytes as the parameter says.
            LongErrorCode long_error_code,

            // ---- Requests and replies ----
            /// Sends a body of as many bytes as the parameter says.
            HugeRequestBody huge_request_body,
            /// Reads `/hostile/{parameter}` for as long as it lasts.
            EndlessReply endless_reply,
            /// Reads `/hostile/{parameter}`, a small reply that unpacks to a large one.
            GzipBomb gzip_bomb,
            /// Reads `/hostile/{parameter}`, which gives a byte now and then.
            DrippingReply dripping_reply,
            /// Reads each of the parameter's lines, `/hostile/{line}`: replies that break the rules of HTTP.
            OddReplies odd_replies,
            /// Reads `/hostile/{second line}` as often as the first line says, each to its end.
            ManyReplies many_replies,
            /// Sends as many requests as the parameter says, one after the other.
            TooManyRequests too_many_requests,
            /// Has as many requests under way at once as the first line says, to `/hostile/{second line}`.
            TooManyInFlight too_many_in_flight,
            /// Starts a request to `/hostile/{parameter}` and ends without waiting for it.
            LeaveRequestBehind leave_request_behind,
            /// Reports the headers of the reply to `/hostile/{parameter}` and how often the needles of the other lines are in
            /// headers and body.
            SearchReply search_reply,

            // ---- Headers ----
            /// Sets each of `FORBIDDEN_HEADERS`, in several spellings, and reports which were taken and what the request came to.
            AuthHeaders auth_headers,
            /// Sends each of `FORBIDDEN_HEADERS` as a trailer.
            AuthTrailers auth_trailers,
            /// Sends each of `FORBIDDEN_PARAMETERS` in the query, in several spellings.
            AuthQuery auth_query,
            /// Sends headers that make a server do something else than method, path and token say.
            OverrideHeaders override_headers,
            /// Puts line breaks and other control characters into names and values of headers.
            HeaderInjection header_injection,
            /// Sets as many headers as the parameter says.
            HeaderFlood header_flood,
            /// Sets one header of as many bytes as the parameter says.
            HugeHeader huge_header,
            /// Lies about the length of a body.
            LengthTricks length_tricks,

            // ---- Targets ----
            /// Sends to other hosts: names around the granted one, and the lines of the parameter.
            OtherHost other_host,
            /// Sends to the ports in the parameter's lines of the granted host.
            OtherPort other_port,
            /// Sends over other schemes.
            OtherScheme other_scheme,
            /// Sends with user-info in the authority. The first line is another authority.
            UserInfo user_info,
            /// Sends to the granted host, and to the one of the first line, with dots after them.
            TrailingDot trailing_dot,
            /// Sends to 127.0.0.1, in numbers of all spellings, at the port of the first line.
            NumericHost numeric_host,
            /// Sends to 127.0.0.1, wrapped into IPv6 in all ways, at the port of the first line.
            MappedHost mapped_host,
            /// Sends to the metadata services of clouds.
            MetadataHost metadata_host,
            /// Sends to an address of each private and special range.
            PrivateHost private_host,
            /// Sends to names that become another name or an address when they are normalised, at the port of the first line.
            UnicodeHost unicode_host,
            /// Sends with each other method, CONNECT and TRACE among them.
            OtherMethods other_methods,
            /// Sends to the granted host as often as the first line says, while its name changes the address.
            ChangingDns changing_dns,
            /// Asks for `/hostile/{parameter}` and follows the redirect that comes back by itself.
            FollowRedirect follow_redirect,
            /// Puts another authority into the path: the first line's.
            AbsolutePath absolute_path,
            /// Puts line breaks, spaces and control characters into method, authority and path.
            TargetInjection target_injection,

            // ---- Paths and bodies ----
            /// Asks for paths that a server may read as another one than the permission does.
            PathEscapes path_escapes,
            /// Sends queries that a server may read as other parameters than the permission does.
            QueryTricks query_tricks,
            /// Sends JSON bodies that a server may read otherwise than the permission does, to `/json/1`.
            JsonTricks json_tricks,
            /// Sends what should be JSON under other content types.
            ContentTypes content_types,

            // ---- Files ----
            /// Writes, reads, lists and deletes each of `EVIL_PATHS` and of the parameter's lines.
            FileEscapes file_escapes,
            /// Writes, reads and deletes the parameter's lines, which lead through links.
            FileLinks file_links,
            /// Writes good files and one evil path in one batch.
            HalfBatch half_batch,
            /// Writes as many files in one batch as the parameter says.
            FileFlood file_flood,
            /// Writes names that are one name on another platform.
            FileCollisions file_collisions,
            /// Reads and writes a workspace that it was not lent.
            FilesWithoutPermission files_without_permission,

            // ---- State ----
            /// Reads and writes under the keys of `EVIL_KEYS` and of the parameter's lines.
            OtherStateKeys other_state_keys,
            /// Commits with versions that do not fit, twice the same key, and nothing at all.
            StateVersions state_versions,
            /// Keeps as many values as the first line says, of as many bytes as the second line says.
            StateHoard state_hoard,

            // ---- Secrets ----
            /// Guesses the secret of the first line's slot with as many candidates as the second line says.
            MatchesGuessing matches_guessing,
            /// Compares the candidates of the other lines with the slot of the first line, as often as the cap allows, and
            /// reports what it could tell about them apart from the answers.
            MatchesTiming matches_timing,
            /// Guesses a signature by its first bytes.
            TagGuessing tag_guessing,
            /// Uses slots of names that lead elsewhere.
            SlotNames slot_names,
            /// Uses the credential's own slot, the first line, in each way that a slot can be used.
            CredentialAsSlot credential_as_slot,
            /// Moves the credential of the first line's slot into a slot whose secret may be sent, and a captured secret over it.
            RenameCredential rename_credential,
            /// Exchanges with paths that no rule names.
            ExchangePaths exchange_paths,
            /// Fills slots into requests whose rule does not name them. The first line is the credential's slot.
            ExchangeSlots exchange_slots,
            /// Fills a secret into path and query.
            ExchangeInPath exchange_in_path,
            /// Fills a secret into headers, and sets the headers that belong to the host.
            ExchangeHeaders exchange_headers,
            /// Writes placeholders in odd ways.
            ExchangePlaceholders exchange_placeholders,
            /// Puts line breaks and another request into all parts of an exchange.
            ExchangeInjection exchange_injection,
            /// Asks `/secret/{first line}` in many ways for the secret that its rule captures, then sends that one to `/filled/3`,
            /// which says it back; counts the needles of the other lines in what it sees.
            ExchangeCaptures exchange_captures,
            /// Sends a secret to `/filled/{first line}`, which says it back in many forms; counts the needles of the other lines.
            ExchangeEcho exchange_echo,
            /// Sends a secret to `/secret/3`, and then asks each path of the first line's words what it remembers; counts the
            /// needles of the other lines.
            ParkedSecret parked_secret,
        }
    };
}

macro_rules! define {
    ($($(#[$doc:meta])* $mode:ident $name:ident,)*) => {
        /// One bad thing to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mode {
            $($(#[$doc])* $mode,)*
        }

        impl Mode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$mode),*];

            /// As `search` has it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$mode => stringify!($name),)*
                }
            }
        }
    };
}

for_each_mode!(define);

impl Mode {
    /// The mode of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mode| mode.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_of_one_mode() {
        for mode in Mode::ALL {
            assert_eq!(Mode::parse(mode.name()), Some(*mode));
        }
        assert_eq!(Mode::parse("kind"), None);
    }
}
