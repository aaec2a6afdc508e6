//! The checks of an SMTP security profile, by name.

mod finding;

pub mod client_dns;
pub mod dnsbl;
pub mod domain;
pub mod greylist;
pub mod harvest;
pub mod rates;
pub mod sender_domain;
pub mod spf;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use finding::{Fault, Finding};

/// A check. In the order in which they are cheap.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Connections at once, and new ones in a while, of one client.
    ClientRate,
    /// The client is listed, by its address or by the domain of its name.
    DisallowedClient,
    /// It talks before it is greeted.
    Pregreet,
    /// RFC 5321, and the discipline of lines.
    ProtocolCompliance,
    /// Octets that a server could take for the end of a message, or of a command.
    Smuggling,
    /// VRFY, EXPN, ETRN and the like.
    Methods,
    /// Too many recipients, or too large a message.
    Size,
    /// The reverse-path is listed.
    DisallowedSender,
    /// The forward-path is of no domain that mail is received for.
    RecipientDomain,
    /// Too many recipients that there are not.
    Harvest,
    /// Messages from a domain.
    SenderRate,
    /// Messages to a domain.
    RecipientRate,
    /// The client has no name in DNS, or none that leads back to it.
    ClientDns,
    /// The client is in lists of DNS.
    Dnsbl,
    /// The reverse-path's domain cannot receive mail.
    SenderDomain,
    /// The client may not send for the reverse-path's domain (RFC 7208).
    Spf,
    /// The first message of a sender to a recipient.
    Greylist,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::ClientRate,
        Self::DisallowedClient,
        Self::Pregreet,
        Self::ProtocolCompliance,
        Self::Smuggling,
        Self::Methods,
        Self::Size,
        Self::DisallowedSender,
        Self::RecipientDomain,
        Self::Harvest,
        Self::SenderRate,
        Self::RecipientRate,
        Self::ClientDns,
        Self::Dnsbl,
        Self::SenderDomain,
        Self::Spf,
        Self::Greylist,
    ];

    /// As the configuration, events and the command line call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientRate => "client-rate",
            Self::DisallowedClient => "disallowed-client",
            Self::Pregreet => "pregreet",
            Self::ProtocolCompliance => "protocol-compliance",
            Self::Smuggling => "smuggling",
            Self::Methods => "methods",
            Self::Size => "size",
            Self::DisallowedSender => "disallowed-sender",
            Self::RecipientDomain => "recipient-domain",
            Self::Harvest => "harvest",
            Self::SenderRate => "sender-rate",
            Self::RecipientRate => "recipient-rate",
            Self::ClientDns => "client-dns",
            Self::Dnsbl => "dnsbl",
            Self::SenderDomain => "sender-domain",
            Self::Spf => "spf",
            Self::Greylist => "greylist",
        }
    }

    /// Whether it asks DNS.
    #[must_use]
    pub const fn asks_dns(self) -> bool {
        matches!(
            self,
            Self::ClientDns | Self::Dnsbl | Self::SenderDomain | Self::Spf
        )
    }

    /// Whether it remembers anything in the store.
    #[must_use]
    pub const fn remembers(self) -> bool {
        matches!(
            self,
            Self::Harvest | Self::SenderRate | Self::RecipientRate | Self::Greylist
        )
    }

    /// Whether it is about who sends, and known at MAIL.
    #[must_use]
    pub const fn is_of_sender(self) -> bool {
        matches!(
            self,
            Self::DisallowedClient
                | Self::DisallowedSender
                | Self::SenderRate
                | Self::ClientDns
                | Self::Dnsbl
                | Self::SenderDomain
                | Self::Spf
        )
    }

    /// Whether it is about the recipient rather than the sender.
    #[must_use]
    pub const fn is_of_recipient(self) -> bool {
        matches!(
            self,
            Self::RecipientDomain | Self::Harvest | Self::RecipientRate
        )
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no such check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no check is called `{0}`")]
pub struct NoSuchCheck(String);

impl FromStr for Check {
    type Err = NoSuchCheck;

    fn from_str(text: &str) -> Result<Self, NoSuchCheck> {
        let found = Self::ALL.into_iter().find(|check| check.name() == text);
        found.ok_or_else(|| NoSuchCheck(text.to_owned()))
    }
}

#[cfg(test)]
mod names {
    use super::*;

    #[test]
    fn names_are_those_of_serde_and_lead_back() {
        for check in Check::ALL {
            let json = serde_json::to_string(&check).unwrap();
            assert_eq!(json, format!("\"{check}\""));
            assert_eq!(check.name().parse(), Ok(check));
        }
        assert!("nothing".parse::<Check>().is_err());
        let mut all = Check::ALL.to_vec();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all, Check::ALL);
    }
}
