//! `HAProxy`.

use super::{SESSIONS, Setup};
use crate::lab::{PROXY, SINK};
use crate::transport::tls::NAME;

/// Its configuration.
pub(super) fn config(setup: &Setup<'_>) -> String {
    let (mut bind, mut server) = (String::new(), String::new());
    if setup.scenario.ends_tls() {
        let both = setup.credentials.both();
        let tickets = if setup.resume { "" } else { " no-tls-tickets" };
        bind = format!(
            " ssl crt {} ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256 curves X25519{tickets}",
            both.display()
        );
    }
    if setup.scenario.begins_tls() {
        let ca = setup.credentials.ca();
        server = format!(
            " ssl verify required ca-file {} sni str({NAME}) verifyhost {NAME} ssl-min-ver TLSv1.3 \
             ciphersuites TLS_AES_128_GCM_SHA256 no-ssl-reuse",
            ca.display()
        );
    }
    // Without a cache sessions can be taken up by ticket only.
    format!(
        "global
    nbthread 1
    maxconn {SESSIONS}
    tune.ssl.cachesize 0
defaults
    mode tcp
    timeout connect 10s
    timeout client 10m
    timeout server 10m
listen it
    bind {PROXY}{bind}
    server sink {SINK}{server}
"
    )
}
