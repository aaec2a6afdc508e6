//! nginx, with its stream and its mail module.

use std::path::Path;

use super::{SESSIONS, Scenario, Setup};
use crate::lab::{AUTH, PROXY, SINK};
use crate::transport::tls::NAME;

/// The modules.
pub(super) const STREAM: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";
pub(super) const MAIL: &str = "/usr/lib/nginx/modules/ngx_mail_module.so";

/// The configuration of a relay; `buffer` sets its buffer.
pub(super) fn stream(setup: &Setup<'_>, folder: &Path, buffer: &str) -> String {
    let (listen, client) = client(setup);
    let sink = if setup.scenario.begins_tls() {
        format!(
            "proxy_ssl on;
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate {};
        proxy_ssl_name {NAME};
        proxy_ssl_server_name on;
        proxy_ssl_protocols TLSv1.3;
        proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
        proxy_ssl_session_reuse off;",
            setup.credentials.ca().display()
        )
    } else {
        String::new()
    };
    let server = format!(
        "proxy_pass {SINK};
        proxy_timeout 10m;
        {buffer}
        {client}
        {sink}"
    );
    config(folder, STREAM, "stream {", listen, &server)
}

/// The configuration of a mail proxy; `buffer` sets its buffer.
pub(super) fn mail(setup: &Setup<'_>, folder: &Path, buffer: &str) -> String {
    let (listen, client) = client(setup);
    let starttls = match setup.scenario {
        Scenario::StartTls => "starttls only;",
        _ => "",
    };
    let mail = format!(
        "mail {{
    auth_http http://{AUTH}/;
    server_name proxy.example;"
    );
    let server = format!(
        "protocol smtp;
        smtp_auth none;
        smtp_capabilities \"SIZE 33554432\" 8BITMIME;
        proxy on;
        proxy_smtp_auth off;
        xclient off;
        timeout 10m;
        proxy_timeout 10m;
        {buffer}
        {client}
        {starttls}"
    );
    config(folder, MAIL, &mail, listen, &server)
}

/// What `listen` says further, and the settings of the client's TLS.
fn client(setup: &Setup<'_>) -> (&'static str, String) {
    if !setup.scenario.ends_tls() {
        return ("", String::new());
    }
    let tls = format!(
        "ssl_certificate {};
        ssl_certificate_key {};
        ssl_protocols TLSv1.3;
        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
        ssl_ecdh_curve X25519;
        ssl_session_cache off;
        ssl_session_tickets {};",
        setup.credentials.certificate().display(),
        setup.credentials.key().display(),
        if setup.resume { "on" } else { "off" }
    );
    let implicit = setup.scenario != Scenario::StartTls;
    (if implicit { " ssl" } else { "" }, tls)
}

fn config(folder: &Path, module: &str, block: &str, listen: &str, server: &str) -> String {
    let (folder, connections) = (folder.display(), 2 * SESSIONS + 500);
    format!(
        "load_module {module};
daemon off;
pid {folder}/pid;
error_log /dev/null emerg;
worker_processes 1;
events {{
    worker_connections {connections};
}}
{block}
    server {{
        listen {PROXY}{listen} backlog=8192;
        {server}
    }}
}}
"
    )
}
