//! The PROXY header that members get, as a real Postfix understands it.

use std::net::SocketAddr;

use smtp_lb_tests::postfix::{Postfix, Setup};
use smtp_lb_tests::site::{Family, Site};

use super::snat::seen;
use super::stage::{self, Trust, virtual_server};
use crate::over_both;

/// Relay, TLS relay and gateway, with each version, on ports of their own.
fn configuration(family: Family, trust: &Trust) -> (String, Vec<(String, SocketAddr)>) {
    let mut text = trust.server_tls("implicit");
    let mut listeners = Vec::new();
    let mut listen = SocketAddr::new(family.outer(), 2500);
    for version in ["v1", "v2"] {
        for (way, port, keys) in [
            ("relay", 25, ""),
            ("passthrough", 25, "mode = \"passthrough\"\n"),
            (
                "tls-relay",
                465,
                "mode = \"encrypt-server-side\"\nserver_tls = \"inside\"\n",
            ),
            ("gateway", 25, "[virtual_server.gateway]\n"),
            (
                "tls-gateway",
                465,
                "mode = \"encrypt-server-side\"\nserver_tls = \"inside\"\n[virtual_server.gateway]\n",
            ),
        ] {
            listen.set_port(listen.port() + 1);
            let name = format!("{way}-{version}");
            let keys = format!("send_proxy = \"{version}\"\n{keys}");
            let member = [SocketAddr::new(family.mx1(), port)];
            text += &virtual_server(&name, listen, &keys, &member);
            listeners.push((name, listen));
        }
    }
    (text, listeners)
}

fn postfix(site: &Site, trust: &Trust) -> Postfix {
    Setup::new("mx1.inside.example")
        .tls(&trust.member)
        .set("smtpd_upstream_proxy_protocol", "haproxy")
        .start(&site.mx1)
        .unwrap()
}

over_both! {
    fn members_see_the_client_whom_a_header_names(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let postfix = postfix(&site, &trust);
        let (text, listeners) = configuration(family, &trust);
        let host = stage::start(&site, &[&text]);
        for (name, listen) in &listeners {
            for source in [family.trusted(), family.untrusted()] {
                assert_eq!(seen(&site, &postfix, *listen, source), source, "{name}");
            }
        }
        for server in host.status().virtual_servers {
            assert_eq!((server.no_member, server.resets), (0, 0), "{}", server.name);
        }
    }
}
