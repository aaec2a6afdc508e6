//! smtp-lb itself.

use std::path::Path;

use super::{SESSIONS, Scenario, Setup};
use crate::lab::{PROXY, SINK};
use crate::transport::tls::NAME;

/// Its configuration.
pub(super) fn config(setup: &Setup<'_>, folder: &Path) -> String {
    let mode = match setup.scenario {
        Scenario::Plain | Scenario::Gateway => "plain",
        Scenario::Offload => "offload",
        Scenario::Passthrough => "passthrough",
        Scenario::Bridge => "bridge",
        Scenario::EncryptServerSide => "encrypt-server-side",
        Scenario::StartTls => "starttls",
    };
    let mut server = String::new();
    let (mut client_profile, mut server_profile) = (String::new(), String::new());
    if setup.scenario.ends_tls() {
        server += "client_tls = \"client\"\n";
        client_profile = client_tls(setup);
    }
    if setup.scenario.begins_tls() {
        server += "server_tls = \"sink\"\n";
        server_profile = server_tls(setup);
    }
    if matches!(setup.scenario, Scenario::StartTls | Scenario::Gateway) {
        server += "\n[virtual_server.gateway]\nhostname = \"proxy.example\"\n";
    }
    format!(
        r#"[general]
workers = 1
state_path = "{folder}/state"

[admin]
socket = "{folder}/admin.sock"

[[virtual_server]]
name = "it"
listen = ["{PROXY}"]
mode = "{mode}"
pool = "sink"
{server}
[virtual_server.limits]
connections = {SESSIONS}
{client_profile}{server_profile}
[[pool]]
name = "sink"
members = ["{SINK}"]
monitors = []
"#,
        folder = folder.display()
    )
}

fn client_tls(setup: &Setup<'_>) -> String {
    format!(
        r#"
[[client_tls]]
name = "client"
certificate = "{}"
key = "file:{}"
resumption = "{}"
{PROFILE}"#,
        setup.credentials.certificate().display(),
        setup.credentials.key().display(),
        if setup.resume { "12h" } else { "off" },
    )
}

fn server_tls(setup: &Setup<'_>) -> String {
    format!(
        r#"
[[server_tls]]
name = "sink"
ca = "{}"
server_name = "{NAME}"
resumption = false
{PROFILE}"#,
        setup.credentials.ca().display(),
    )
}

/// What the peers are told as well.
const PROFILE: &str = r#"min_version = "1.3"
cipher_suites = ["TLS_AES_128_GCM_SHA256"]
groups = ["X25519"]
"#;
