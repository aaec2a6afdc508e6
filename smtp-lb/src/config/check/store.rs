//! `[store]`.

use std::time::Duration;

use super::{Check, Checked};
use crate::config::diagnostic::quote;
use crate::config::plan::{
    EmbeddedStorePlan, StoreKind, StorePlan, ValkeyAddress, ValkeyPlan, ValkeyTls, WhenAway,
};
use crate::config::raw::{self, At};
use crate::config::value::endpoint::{self, Host};
use crate::config::value::{self, Fault};

const PORT: u16 = 6379;
const PREFIX: &str = "smtp-lb";
const TIMEOUT: Duration = Duration::from_secs(1);
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(10);
const PASSWORD: &str = "/etc/smtp-lb/valkey.password";

pub(super) fn compile(check: &mut Check<'_>, raw: &raw::Store) -> Checked<StorePlan> {
    // What is written of the other type is read all the same: it must be sound when it is switched.
    let embedded = embedded(&raw.embedded);
    let server = raw.valkey.as_ref();
    let server = server.map(|raw| valkey(check, raw)).transpose();
    let kind = match (raw.kind.as_ref(), server) {
        (Some(kind), server) if **kind == raw::StoreKind::Valkey => match server? {
            Some(server) => StoreKind::Valkey(server),
            None => {
                return Err(check.error(
                    kind,
                    "the type `valkey` needs `[store.valkey]`",
                    "add `[store.valkey]` with `address = \"192.0.2.10:6379\"`, or the path of the \
                     server's Unix socket",
                ));
            }
        },
        (_, server) => {
            server?;
            StoreKind::Embedded(embedded)
        }
    };
    Ok(StorePlan {
        kind,
        when_away: when_away(raw.when_away),
    })
}

fn when_away(raw: Option<raw::WhenAway>) -> WhenAway {
    match raw {
        Some(raw::WhenAway::Refuse) => WhenAway::Refuse,
        Some(raw::WhenAway::Pass) | None => WhenAway::Pass,
    }
}

fn embedded(raw: &raw::EmbeddedStore) -> EmbeddedStorePlan {
    let default = EmbeddedStorePlan::default();
    let or = |value: Option<&At<usize>>, default| value.map_or(default, |value| **value);
    EmbeddedStorePlan {
        entries: or(raw.entries.as_ref(), default.entries),
        counts: or(raw.counts.as_ref(), default.counts),
    }
}

fn valkey(check: &mut Check<'_>, raw: &raw::ValkeyStore) -> Checked<ValkeyPlan> {
    let server = check.must(raw.address.as_ref());
    let server = server.and_then(|text| check.value(text, address));
    let tls = valkey_tls(check, raw);
    let password = raw
        .password
        .as_ref()
        .map(|text| check.value(text, |text| value::secret::parse(text, PASSWORD)))
        .transpose();
    let prefix = check.value_or(raw.prefix.as_ref(), PREFIX.to_owned(), prefix);
    let timeout = check.duration_or(raw.timeout.as_ref(), TIMEOUT, SHORTEST..=LONGEST);
    if let (Some(user), None) = (&raw.username, &raw.password) {
        check.warning(
            user,
            "a user without a password",
            format!("add `password = \"file:{PASSWORD}\"`, or leave `username` out"),
        );
    }
    Ok(ValkeyPlan {
        address: server?,
        tls: tls?,
        username: raw.username.as_deref().cloned(),
        password: password?,
        database: raw.database.as_deref().copied().unwrap_or(0),
        prefix: prefix?,
        timeout: timeout?,
    })
}

fn valkey_tls(check: &mut Check<'_>, raw: &raw::ValkeyStore) -> Checked<Option<ValkeyTls>> {
    let ca = raw.ca.as_ref();
    let path = ca.map(|ca| check.value(ca, value::text::path)).transpose();
    let Some(tls) = raw.tls.as_ref().filter(|tls| ***tls) else {
        if let Some(ca) = ca {
            return Err(check.error(
                ca,
                "`ca` is of no use without TLS",
                "add `tls = true`, or leave `ca` out",
            ));
        }
        return Ok(None);
    };
    if raw.address.as_ref().is_some_and(|it| it.starts_with('/')) {
        return Err(check.error(
            tls,
            "there is no TLS over a Unix socket",
            "write host and port as `address`, or leave `tls` out",
        ));
    }
    Ok(Some(ValkeyTls { ca: path? }))
}

fn address(text: &str) -> Result<ValkeyAddress, Fault> {
    if text.starts_with('/') {
        return value::text::path(text).map(ValkeyAddress::Unix);
    }
    let endpoint = endpoint::parse(text, PORT)?;
    let port = endpoint.port;
    Ok(ValkeyAddress::Tcp(match endpoint.host {
        Host::Address(ip) => std::net::SocketAddr::new(ip, port).to_string(),
        Host::Name(name) => format!("{name}:{port}"),
    }))
}

fn prefix(text: &str) -> Result<String, Fault> {
    if text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    {
        return Ok(text.to_owned());
    }
    Err(Fault::new(
        format!("{} is no prefix of keys", quote(text)),
        "write letters, digits, `-`, `_` and `.`",
    ))
}
