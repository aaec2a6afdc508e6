//! What members must prove, and what becomes of sessions where they cannot.

use std::fmt::Write;
use std::net::SocketAddr;
use std::thread;

use smtp_lb_tests::certs::{Certs, Key, Usage, Valid};
use smtp_lb_tests::postfix::Setup;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{self, Client, Message};
use smtp_lb_tests::wait::{LONG, until};

use super::stage::{self, INSIDE, Trust, quoted, virtual_server};
use crate::over_both;

/// A profile and the member it meets.
struct Case {
    name: &'static str,
    /// Keys of the profile.
    keys: String,
    /// The second member, whose certificate has expired.
    expired: bool,
    good: bool,
}

over_both! {
    /// In a relay the session ends before any octet; where SMTP is read, the client is told 451.
    /// Either way the log says where and why.
    fn verified_or_refused(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let strangers = Certs::new().unwrap();
        let (name, past) = (&[INSIDE], Valid::Past);
        let expired = trust.inside.issue("old", name, Key::Rsa, past, Usage::Server).unwrap();
        let _members = thread::scope(|scope| {
            let first = scope.spawn(|| Setup::new("fresh").tls(&trust.member).start(&site.mx1));
            let second = scope.spawn(|| Setup::new("old").tls(&expired).start(&site.mx2));
            [first, second].map(|server| server.join().unwrap().unwrap())
        });
        let (ca, pin) = (quoted(&trust.inside.ca()), &trust.member.pin);
        let case = |name, good, keys: String| Case { name, keys, expired: false, good };
        let cases = [
            case("full", true, format!("ca = {ca}\nserver_name = \"{INSIDE}\"")),
            case("full-other-name", false, format!("ca = {ca}\nserver_name = \"mx.example\"")),
            case("full-other-ca", false, format!("ca = {}\nserver_name = \"{INSIDE}\"", quoted(&strangers.ca()))),
            case("full-address", false, format!("ca = {ca}")),
            // The system's authorities, which are ours here.
            case("full-system", true, format!("server_name = \"{INSIDE}\"")),
            case("full-system-other-name", false, "server_name = \"mx.example\"".to_owned()),
            case("ca", true, format!("verify = \"ca\"\nca = {ca}")),
            case("ca-other-ca", false, format!("verify = \"ca\"\nca = {}", quoted(&strangers.ca()))),
            case("pinned", true, format!("verify = \"pinned\"\npins = [\"sha256:{pin}\"]")),
            case("pinned-other", false, format!("verify = \"pinned\"\npins = [\"sha256:{}\"]", expired.pin)),
            case("none", true, "verify = \"none\"".into()),
            Case {
                expired: true,
                ..case("full-expired", false, format!("ca = {ca}\nserver_name = \"{INSIDE}\""))
            },
            Case { expired: true, ..case("none-expired", true, "verify = \"none\"".into()) },
        ];
        // Each case as a relay, and as a gateway with either way to begin.
        let ways = [("relay", "implicit", 465, ""), ("gateway", "implicit", 465, "[virtual_server.gateway]\n"), ("starttls", "starttls", 25, "")];
        let mut text = String::new();
        let mut port = 2500;
        let mut tried = Vec::new();
        for case in &cases {
            for (way, start, member_port, gateway) in ways {
                port += 1;
                let name = format!("{way}-{}", case.name);
                let address = if case.expired { family.mx2() } else { family.mx1() };
                let keys = format!("mode = \"encrypt-server-side\"\nserver_tls = \"{name}\"\n{gateway}");
                let listen = SocketAddr::new(family.outer(), port);
                text += &virtual_server(&name, listen, &keys, &[SocketAddr::new(address, member_port)]);
                writeln!(text, "[[server_tls]]\nname = \"{name}\"\nstart = \"{start}\"\n{}\n", case.keys).unwrap();
                tried.push((name, listen, way == "relay", case.good));
            }
        }
        let system = trust.inside.ca();
        let mut host = stage::start_in(&site, &[&text], &[("SSL_CERT_FILE", &system)]);

        for (name, listen, relay, good) in tried {
            let socket = smtp_client::connect(Some(&site.outside), None, listen, LONG).unwrap();
            let mut client = Client::over(socket).unwrap();
            if good {
                client.greeted().unwrap();
                client.hello().unwrap();
                client.send(&Message::new(&name, 300)).unwrap_or_else(|error| panic!("{name}: {error:#}"));
                client.quit().unwrap();
                continue;
            }
            if relay {
                // What a relay says to clients that no member takes (`when_down`).
                let reply = client.expect(421).unwrap();
                assert!(reply.is("421 4.3.2"), "{name}: {reply}");
                client.closed().unwrap();
            } else {
                client.greeted().unwrap();
                client.hello().unwrap();
                let reply = client.ask("MAIL FROM:<a@outside.example>").unwrap();
                assert_eq!(reply.code, 451, "{name}: {reply}");
                client.quit().unwrap();
            }
            until(format!("a line in the log about {name}"), LONG, || {
                let log = host.daemon.process().log();
                let said = log.lines().any(|line| {
                    line.contains(&name) && line.to_lowercase().contains("certificate")
                });
                Ok(said.then_some(()))
            })
            .unwrap();
        }
    }
}
