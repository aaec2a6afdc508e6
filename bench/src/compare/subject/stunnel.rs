//! stunnel: a thread for each session.

use std::path::Path;

use super::{Scenario, Setup};
use crate::lab::{PROXY, SINK};
use crate::transport::tls::NAME;

/// Its configuration.
pub(super) fn config(setup: &Setup<'_>, folder: &Path) -> String {
    let credentials = setup.credentials;
    let tls = if setup.scenario.begins_tls() {
        format!(
            "client = yes
verifyChain = yes
checkHost = {NAME}
sni = {NAME}
CAfile = {}
sessionResume = no",
            credentials.ca().display()
        )
    } else {
        format!(
            "cert = {}
key = {}
sessionResume = {}",
            credentials.certificate().display(),
            credentials.key().display(),
            if setup.resume { "yes" } else { "no" }
        )
    };
    let protocol = if setup.scenario == Scenario::StartTls {
        "protocol = smtp"
    } else {
        ""
    };
    format!(
        "foreground = yes
pid = {}/pid
debug = emerg
syslog = no
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1

[it]
accept = {PROXY}
connect = {SINK}
sslVersion = TLSv1.3
ciphersuites = TLS_AES_128_GCM_SHA256
curves = X25519
TIMEOUTidle = 600
{tls}
{protocol}
",
        folder.display()
    )
}
