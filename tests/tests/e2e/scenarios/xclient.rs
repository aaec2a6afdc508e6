//! The client whom XCLIENT names, as a real Postfix logs it.

use std::net::SocketAddr;

use smtp_lb_tests::postfix::Setup;
use smtp_lb_tests::site::{Family, Site};

use super::snat::seen;
use super::stage::{self, Trust, virtual_server};
use crate::over_both;

over_both! {
    fn members_that_offer_xclient_see_the_client(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let authorized = match family {
            Family::V4 => family.inner().to_string(),
            Family::V6 => format!("[{}]", family.inner()),
        };
        let postfix = Setup::new("mx1.inside.example")
            .tls(&trust.member)
            .set("smtpd_authorized_xclient_hosts", &authorized)
            .start(&site.mx1)
            .unwrap();
        let tls = "mode = \"encrypt-server-side\"\nserver_tls = \"inside\"\n";
        let member = [SocketAddr::new(family.mx1(), 25)];
        let mut listen = SocketAddr::new(family.outer(), 2500);
        let mut text = trust.server_tls("starttls");
        let mut listeners = Vec::new();
        for (name, keys, seen_is_client) in [
            ("clear", "[virtual_server.gateway]\n".to_owned(), true),
            ("starttls", tls.to_owned(), true),
            ("off", "[virtual_server.gateway]\nxclient = \"off\"\n".to_owned(), false),
        ] {
            listen.set_port(listen.port() + 1);
            text += &virtual_server(name, listen, &keys, &member);
            listeners.push((name, listen, seen_is_client));
        }
        let host = stage::start(&site, &[&text]);
        for (name, listen, is_client) in listeners {
            for source in [family.trusted(), family.untrusted()] {
                let expected = if is_client { source } else { family.inner() };
                assert_eq!(seen(&site, &postfix, listen, source), expected, "{name}");
            }
        }
        for server in host.status().virtual_servers {
            assert_eq!(server.no_member, 0, "{}", server.name);
        }
    }
}
