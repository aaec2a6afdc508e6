//! SPF: may this client send mail of this domain? (RFC 7208)
//!
//! A module that stands alone: it knows no runtime, no clock, no resolver and nothing else of this
//! crate. Whoever can answer five kinds of DNS question ([`Dns`]) can use it:
//!
//! ```ignore
//! let query = Query::mail_from(client, "mx.example.org", "strong-bad@example.com")
//!     .receiver("mx.example.net")
//!     .at(now);
//! let outcome = check_host(&dns, &query, &Limits::default()).await;
//! match outcome.verdict {
//!     Verdict::Fail => refuse(outcome.explanation),
//!     Verdict::TempError => try_again_later(outcome.problem),
//!     _ => accept(),
//! }
//! ```
//!
//! - `query.rs`: who asks about whom. The null reverse-path is asked about as `postmaster@HELO`
//!   (section 2.4).
//! - `record.rs`: the text of a record → directives and modifiers (sections 4.5, 4.6, 5, 6). All of
//!   a record is parsed before any of it is evaluated, so that a syntax error anywhere is a
//!   permerror.
//! - `macros.rs`: macro-strings, parsed and expanded (section 7).
//! - `evaluate.rs`: `check_host()` (sections 4 to 6) with its limits (section 4.6.4).
//! - `header.rs`: the `Received-SPF` field (section 9.1).
//!
//! **Bounds.** No record and no answer makes an evaluation ask more than [`MAX_QUESTIONS`] questions,
//! recurse deeper than its 10 terms, or keep more than the answer at hand. Time is the caller's: give
//! the whole of it at least 20 seconds, and take it for [`Verdict::TempError`] when they are over
//! (section 4.6.4).
//!
//! **What tests show it.** Each sentence of the RFC with MUST or MUST NOT, and the test that is named
//! after its section (`spf/tests/`, unless another file is named). Those for publishers alone (sections 3.5, 14) have none.
//!
//! | section | what must be | test |
//! |---|---|---|
//! | 2.2 | evaluated with the arguments of 4.1 | `section_2_2_the_client_the_domain_and_the_sender_are_what_is_evaluated` |
//! | 2.4 | MAIL FROM is checked, the null one as postmaster | `section_2_4_the_mail_from_identity_does_not_depend_on_helo`, `section_2_4_a_null_reverse_path_is_postmaster_at_the_helo_name` |
//! | 3.1 | TXT records only | `section_3_1_records_are_txt_records_and_others_are_none_of_our_business` |
//! | 3.2 | one record | `section_3_2_and_4_5_several_records_are_a_permerror` |
//! | 3.3 | strings are concatenated | `section_3_3_strings_of_a_record_are_put_together_without_spaces` (`security/session/remote/tests.rs`) |
//! | 4 | results equivalent to the description | `all_cases_of_openspf_come_out_as_they_must` |
//! | 4.1 | one limit for all evaluations | `section_4_6_4_terms_of_included_records_count_too` |
//! | 4.3 | names are A-labels | `section_4_3_internationalized_names_are_asked_for_as_a_labels` (`security/session/remote/tests.rs`), `section_4_3_what_is_no_domain_of_several_labels_is_none_without_a_question` |
//! | 4.6.4 | 10 terms, then permerror | `section_4_6_4_ten_terms_may_ask_and_an_eleventh_is_a_permerror` |
//! | 4.6.4, 5.4 | 10 exchanges, then permerror | `section_4_6_4_more_than_ten_exchanges_are_a_permerror` |
//! | 4.6.4, 5.5 | 10 names of the client, the rest is ignored | `section_4_6_4_of_more_than_ten_names_of_the_client_the_rest_is_ignored` |
//! | 5.1 | mechanisms after `all` are ignored | `section_5_1_what_stands_after_all_is_ignored` |
//! | 5.1, 6.1 | `redirect` is ignored where there is `all` | `section_5_1_redirect_is_ignored_where_there_is_all_even_after_it` |
//! | 5.4 | no implicit MX | `section_5_4_a_domain_without_mx_is_not_its_own_exchange` |
//! | 5.5 | `ptr` is supported | `section_5_5_a_name_counts_only_if_it_leads_back` |
//! | 6 | `redirect` and `exp` once | `section_6_redirect_and_exp_stand_in_a_record_once_at_most` |
//! | 6 | unknown modifiers are ignored | `section_6_unknown_modifiers_are_ignored_wherever_and_however_often_they_stand` |
//! | 6.2 | without `exp` none, or a default one | `section_6_2_without_the_modifier_there_is_no_explanation` |
//! | 6.2 | an explanation is ASCII | `section_6_2_and_11_3_a_strangers_words_are_one_line_of_printable_ascii_and_not_long` |
//! | 6.2 | not that of an `include` | `section_6_2_an_included_explanation_is_not_used` |
//! | 6.2 | not that before a `redirect` | `section_6_2_after_a_redirect_the_other_domain_explains` |
//! | 7.3 | a dot at the end is accepted | `section_7_3_names_with_a_dot_at_their_end_are_accepted` |
//! | 7.3 | digits: not 0, 127 at least | `section_7_3_digits_are_not_zero_and_may_be_large` |
//! | 7.3 | what is not unreserved is escaped | `section_7_3_upper_case_letters_escape_all_but_the_unreserved` |
//! | 8.2 | neutral is treated as none | `section_8_2_neutral_is_treated_as_none` (`security/check/spf/tests.rs`) |
//! | 9.1 | above all others of its name | `section_9_1_the_field_stands_above_all_others` (`proxy/gateway/machine/tests/ask.rs`) |
//! | 9.1 | no invalid characters, no malice, not long | `section_9_1_nothing_that_a_client_says_ends_a_line_or_a_value` |
//!
//! **Where RFC 7208 leaves a choice**: a void look-up is counted once for a term, as the text has it;
//! an answer with more than 10 MX names is a permerror whichever of them would match; a target that
//! is no domain name once its macros are expanded never matches (section 4.8 leaves it undefined); names
//! are ASCII, internationalised ones are to be given as A-labels (section 4.3), and a local part that is
//! not ASCII matches no term that uses it (RFC 8616, section 4).

mod dns;
mod evaluate;
mod header;
mod macros;
mod name;
mod outcome;
mod query;
mod record;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod table;
#[cfg(test)]
mod tests;

pub use dns::{Answer, Dns, DnsFailure};
pub use evaluate::{Limits, MAX_QUESTIONS, check_host};
pub use header::received_spf;
pub use outcome::{Outcome, Problem, Verdict};
pub use query::Query;
pub use record::{Record, SyntaxError};
