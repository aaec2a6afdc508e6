//! What a check says.

use std::fmt::Display;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Nothing.
    Pass,
    /// What it looks for.
    Fail(Fault),
    /// There is no saying: something that it needs did not answer. Never a reason to refuse mail for
    /// good.
    Unknown(Fault),
}

/// What is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Reply code and enhanced status code (RFC 3463, RFC 7372).
    pub codes: &'static str,
    /// Text of the reply, if the profile has none of its own; `{client}`, `{sender}` and `{reason}`
    /// stand for what they are called.
    pub text: &'static str,
    /// What is wrong. Parts of it may be a stranger's word.
    pub reason: String,
    /// The session ends with it.
    pub close: bool,
}

impl Finding {
    pub(super) fn fail(codes: &'static str, text: &'static str, reason: impl Into<String>) -> Self {
        Self::Fail(Fault {
            codes,
            text,
            reason: reason.into(),
            close: false,
        })
    }

    /// Codes of a temporary refusal.
    pub(super) fn unknown(codes: &'static str, text: &'static str, reason: &dyn Display) -> Self {
        debug_assert!(codes.starts_with('4'), "mail is not lost to a failure");
        Self::Unknown(Fault {
            codes,
            text,
            reason: reason.to_string(),
            close: false,
        })
    }

    /// DNS did not answer.
    pub(super) fn no_dns(reason: &dyn Display) -> Self {
        Self::unknown(
            "450 4.4.3",
            "DNS does not answer, please come again",
            reason,
        )
    }

    /// The store did not answer.
    pub(super) fn no_store(reason: &dyn Display) -> Self {
        Self::unknown("450 4.3.0", "Temporary failure, please come again", reason)
    }
}
