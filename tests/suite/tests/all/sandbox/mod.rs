//! The hostile guest against the host: every mode has a verdict here, or this does not compile.
//!
//! After each one the tenant has to stand (`Tenant::stands`): the next call works, nobody was reached, the secrets are where they
//! were.

/// What the guest says of itself when nothing is granted.
mod about;
/// What it computes, holds, says and passes.
mod budgets;
/// What a component does while it is made, and what it declares.
mod instances;
/// The invariants of the design, by their sentences.
mod invariants;
/// What one tenant leaves for another.
mod isolation;
/// What stays in the memory of the host.
mod memory;
/// Where its requests go, and what is in them.
mod requests;
/// Which secrets it can guess, use and send.
mod secrets;
/// What it reaches for in the workspace and in the notes.
mod storage;

use hostile_guest::Mode;

macro_rules! one_test_each {
    ($($(#[$doc:meta])* $mode:ident $test:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                judge(Mode::$mode).await;
            }
        )*
    };
}

hostile_guest::for_each_mode!(one_test_each);

async fn judge(mode: Mode) {
    match mode {
        Mode::EndlessLoop => budgets::endless_loop_ends_by_fuel().await,
        Mode::BulkLoop => budgets::bulk_loop_ends_by_time().await,
        Mode::DeepRecursion => budgets::deep_recursion_ends_by_stack().await,
        Mode::Trap => budgets::trap_has_its_name().await,
        Mode::Panic => budgets::panic_is_heard_before_the_trap().await,
        Mode::PanicLong => budgets::long_panic_is_cut().await,
        Mode::RememberBetweenCalls => budgets::nothing_is_remembered().await,
        Mode::WaitForReply => budgets::wait_ends_by_time(mode, "stall").await,
        Mode::WaitForBody => budgets::wait_ends_by_time(mode, "stall-body").await,
        Mode::WaitForRoom => budgets::wait_ends_by_time(mode, "deaf").await,
        Mode::WaitOnUnsent => budgets::wait_ends_by_time(mode, "echo").await,
        Mode::WaitForNothing => budgets::misuse_traps(mode, "", "empty poll list").await,
        Mode::WaitOnExchange => budgets::wait_ends_by_time(mode, "9").await,
        Mode::BusyWait => budgets::wait_ends_by_time(mode, "stall").await,
        Mode::MemoryBomb | Mode::MemoryAtOnce => budgets::memory_ends_by_limit(mode).await,
        Mode::FillMemory | Mode::FillMemoryAndTrap => isolation::next_tenant_finds_nothing_of(mode).await,
        Mode::SearchMemory => isolation::a_guest_finds_what_is_in_its_own_memory().await,
        Mode::HandleBomb | Mode::PollableBomb | Mode::PollOneOften => budgets::handles_end_by_limit(mode).await,
        Mode::DropParentFirst => budgets::misuse_traps(mode, "", "resource has children").await,
        Mode::ForgedHandle => budgets::forged_handles_trap().await,
        Mode::SecondHelping => budgets::nothing_is_given_twice().await,
        Mode::AbiAbuse => budgets::abi_abuse_traps().await,
        Mode::HostileAllocator => budgets::a_lying_allocator_harms_the_guest_alone().await,
        Mode::StreamMisuse => budgets::streams_give_and_take_in_pieces().await,
        Mode::LogFlood => budgets::log_flood_is_cut().await,
        Mode::LogForge => budgets::log_lines_cannot_be_forged().await,
        Mode::LogLong => budgets::long_line_is_cut().await,
        Mode::LogManyFields => budgets::many_fields_are_cut().await,
        Mode::ProgressFlood => budgets::progress_flood_is_cut().await,
        Mode::ClockFlood | Mode::StateFlood | Mode::ListFlood | Mode::StatusFlood => {
            budgets::host_calls_end_by_limit(mode).await;
        }
        Mode::OversizedResult | Mode::OversizedError => budgets::crossing_ends_by_limit(mode, "6000000").await,
        Mode::ManyItems => budgets::crossing_ends_by_limit(mode, "300000").await,
        Mode::OversizedArgument => budgets::every_large_argument_ends_by_limit().await,
        Mode::LongErrorCode => budgets::long_error_code_is_cut().await,
        Mode::HugeRequestBody => requests::huge_body_is_cut().await,
        Mode::EndlessReply => requests::endless_reply_is_cut().await,
        Mode::GzipBomb => requests::gzip_bomb_is_cut_by_decoded_size().await,
        Mode::DrippingReply => budgets::wait_ends_by_time(mode, "drip").await,
        Mode::OddReplies => requests::replies_that_break_the_rules_have_an_end().await,
        Mode::ManyReplies => requests::all_replies_together_are_bounded().await,
        Mode::TooManyRequests => requests::requests_are_counted().await,
        Mode::TooManyInFlight => requests::requests_in_flight_are_bounded().await,
        Mode::LeaveRequestBehind => requests::nothing_of_a_call_goes_on_after_it().await,
        Mode::SearchReply => requests::an_echoed_credential_is_redacted().await,
        Mode::AuthHeaders | Mode::AuthTrailers | Mode::OverrideHeaders => {
            requests::headers_of_the_host_are_its_own(mode).await;
        }
        Mode::AuthQuery => requests::credential_parameters_are_refused().await,
        Mode::HeaderInjection => requests::headers_cannot_be_injected().await,
        Mode::HeaderFlood => requests::a_hundred_thousand_headers_end_the_call().await,
        Mode::HugeHeader => requests::a_huge_header_ends_the_call().await,
        Mode::LengthTricks => requests::a_body_has_the_length_it_says().await,
        Mode::OtherHost => {
            requests::only_the_granted_server(mode, &["127.0.0.1:TRAP", "127.0.0.2:TRAP", "localhost:TRAP"], &[]).await;
        }
        Mode::OtherPort => requests::only_the_granted_server(mode, &["TRAP"], &["127.0.0.1:0PORT"]).await,
        Mode::OtherScheme => requests::only_the_granted_server(mode, &[], &["\"HTTP\""]).await,
        Mode::UserInfo => requests::only_the_granted_server(mode, &["127.0.0.1:TRAP"], &[]).await,
        Mode::TrailingDot => requests::only_the_granted_server(mode, &["127.0.0.1:TRAP"], &["127.0.0.1.:PORT"]).await,
        Mode::NumericHost | Mode::MappedHost | Mode::UnicodeHost => {
            requests::only_the_granted_server(mode, &["TRAP"], &[]).await;
        }
        Mode::MetadataHost | Mode::PrivateHost => requests::only_the_granted_server(mode, &[], &[]).await,
        Mode::OtherMethods => requests::only_the_granted_server(mode, &[], &[]).await,
        Mode::ChangingDns => requests::every_answer_of_a_changing_name_is_judged().await,
        Mode::FollowRedirect => requests::redirects_are_returned_and_not_followed().await,
        Mode::AbsolutePath => requests::only_the_granted_server(mode, &["127.0.0.1:TRAP"], &[]).await,
        Mode::TargetInjection => requests::only_the_granted_server(mode, &[], &[]).await,
        Mode::PathEscapes => requests::paths_cannot_escape_their_rule().await,
        Mode::QueryTricks => requests::queries_hold_only_listed_names().await,
        Mode::JsonTricks => requests::json_bodies_hold_only_what_the_rule_lists().await,
        Mode::ContentTypes => requests::only_json_is_json().await,
        Mode::FileEscapes => storage::no_path_leaves_the_workspace().await,
        Mode::FileLinks => storage::no_link_leaves_the_workspace().await,
        Mode::HalfBatch => storage::a_batch_is_all_or_nothing().await,
        Mode::FileFlood => storage::a_flood_of_files_stays_in_the_workspace().await,
        Mode::FileCollisions => storage::colliding_names_lose_nothing().await,
        Mode::FilesWithoutPermission => storage::a_workspace_that_was_not_lent_is_denied().await,
        Mode::OtherStateKeys => storage::no_key_leads_to_another_connection().await,
        Mode::StateVersions => storage::versions_only_count_up().await,
        Mode::StateHoard => storage::notes_have_a_limit().await,
        Mode::MatchesGuessing => secrets::guesses_are_counted().await,
        Mode::MatchesTiming => secrets::guesses_tell_nothing_but_the_answer().await,
        Mode::TagGuessing => secrets::a_piece_of_a_signature_is_none().await,
        Mode::SlotNames => secrets::only_listed_slots_exist().await,
        Mode::CredentialAsSlot => secrets::the_credential_is_no_slot_to_use().await,
        Mode::RenameCredential => secrets::the_credential_cannot_be_moved().await,
        Mode::ExchangePaths => secrets::secrets_go_only_to_their_path(mode, &["/secret/%31"]).await,
        Mode::ExchangeSlots => secrets::only_listed_slots_go_out().await,
        Mode::ExchangeInPath => secrets::secrets_go_only_to_their_path(mode, &[]).await,
        Mode::ExchangeHeaders => secrets::secrets_go_only_to_their_path(mode, &["length"]).await,
        Mode::ExchangePlaceholders => secrets::placeholders_are_filled_once_and_only_in_texts().await,
        Mode::ExchangeInjection => secrets::secrets_go_only_to_their_path(mode, &[]).await,
        Mode::ExchangeCaptures => secrets::a_captured_secret_is_never_shown().await,
        Mode::ExchangeEcho => secrets::an_echoed_secret_is_never_shown().await,
        Mode::ParkedSecret => secrets::a_secret_that_was_sent_is_not_shown_later().await,
    }
}
