//! Who asks about whom.

use std::net::{IpAddr, Ipv4Addr};

/// The arguments of `check_host()` (section 4.1), and what macros may show besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The client; IPv4 if it came as an IPv4-mapped address (section 5).
    pub(super) ip: IpAddr,
    pub(super) local: String,
    /// Domain of the sender. Empty: it has none.
    pub(super) domain: String,
    pub(super) helo: String,
    pub(super) receiver: String,
    pub(super) now: u64,
    pub(super) identity: Identity,
}

/// Of whom the domain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    MailFrom,
    Helo,
}

impl Query {
    /// About the reverse-path, without its brackets. The null one is asked about as
    /// `postmaster@HELO` (section 2.4); so is the local part that lacks (section 4.3).
    #[must_use]
    pub fn mail_from(client: IpAddr, helo: &str, sender: &str) -> Self {
        if sender.is_empty() {
            return Self::new(client, helo, ("", helo), Identity::MailFrom);
        }
        let sender = sender.rsplit_once('@').unwrap_or((sender, ""));
        Self::new(client, helo, sender, Identity::MailFrom)
    }

    /// About the name of EHLO or HELO (section 2.3).
    #[must_use]
    pub fn helo(client: IpAddr, helo: &str) -> Self {
        Self::new(client, helo, ("", helo), Identity::Helo)
    }

    fn new(client: IpAddr, helo: &str, sender: (&str, &str), identity: Identity) -> Self {
        let (local, domain) = sender;
        let local = if local.is_empty() {
            "postmaster"
        } else {
            local
        };
        Self {
            ip: client.to_canonical(),
            local: local.to_owned(),
            domain: domain.to_owned(),
            helo: helo.to_owned(),
            receiver: "unknown".to_owned(),
            now: 0,
            identity,
        }
    }

    /// The host that asks, for `%{r}` in explanations. Default: `unknown` (section 7.2).
    #[must_use]
    pub fn receiver(mut self, name: &str) -> Self {
        name.clone_into(&mut self.receiver);
        self
    }

    /// Seconds since the Unix epoch, for `%{t}` in explanations.
    #[must_use]
    pub fn at(mut self, now: u64) -> Self {
        self.now = now;
        self
    }

    /// The domain whose record is looked for first.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The client's address.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        self.ip
    }

    /// `<sender>`, an address with both its parts.
    pub(super) fn sender(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }
}

impl Default for Query {
    fn default() -> Self {
        Self::helo(Ipv4Addr::UNSPECIFIED.into(), "")
    }
}
