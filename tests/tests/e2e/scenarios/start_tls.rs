//! Octets around STARTTLS, from clients and from members (notes, points 1, 2, 6, 7).

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use smtp_lb_tests::faulty_member::{Conduct, FaultyMember, Step};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{self, Message};
use smtp_lb_tests::tls_client::TlsClient;
use smtp_lb_tests::wait::LONG;

use super::stage::{self, PUBLIC, Trust, hello, implicit, inside, members, virtual_server};
use crate::host::{Host, arrived, sinks};
use crate::over_both;

const APART: Duration = Duration::from_millis(3);

fn start(site: &Site, family: Family, trust: &Trust) -> Host {
    let keys = "mode = \"starttls\"\nclient_tls = \"public\"\n";
    let server = virtual_server("mail", family.service(), keys, &members(family, 25));
    stage::start(site, &[&server, &trust.client_tls("")])
}

over_both! {
    /// Point 1: whatever follows STARTTLS in the clear is never obeyed, wherever it is cut.
    fn point_01_injected_commands(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let sinks = sinks(&site, family);
        let _host = start(&site, family, &trust);
        let tls = trust.client();
        let start_tls = b"STARTTLS\r\n";
        for injected in ["EHLO injected.example\r\n", "RSET\r\n", "NOOP\r\nNOOP\r\n", "Q"] {
            let wire = [start_tls, injected.as_bytes()].concat();
            // Cut later, the rest is no SMTP: it comes after 220, in the place of a handshake.
            for at in 0..start_tls.len() {
                let mut client = hello(&site, family);
                client.write(&wire[..at]).unwrap();
                thread::sleep(APART);
                client.write(&wire[at..]).unwrap();
                let reply = client.reply().unwrap();
                if reply.code == 220 {
                    let mut client = client.handshake(&tls).unwrap();
                    // Its own reply, and none before it.
                    let reply = client.ask("VRFY").unwrap();
                    assert_ne!(reply.code, 250, "at {at}: {reply}");
                    client.hello().unwrap();
                    client.quit().unwrap();
                } else {
                    assert!(reply.is("554 5.5.0 "), "at {at}: {reply}");
                    client.closed().unwrap();
                }
            }
        }
        // The halves of a command, one on each side of the handshake, are no command.
        let mut client = hello(&site, family);
        client.write(b"STARTTLS\r\nNO").unwrap();
        let reply = client.reply().unwrap();
        if reply.code == 220 {
            let mut client = client.handshake(&tls).unwrap();
            let reply = client.ask("OP").unwrap();
            assert!(reply.is("500 5.5.2 "), "{reply}");
        } else {
            assert!(reply.is("554 5.5.0 "), "{reply}");
        }
        assert_eq!(arrived(&sinks), [0; 0]);
    }

    /// Point 1, cut after STARTTLS: what comes in place of a handshake ends the session.
    fn point_01_commands_for_a_handshake(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let _sinks = sinks(&site, family);
        let host = start(&site, family, &trust);
        for injected in ["EHLO injected.example\r\n", "NOOP\r\n", "\r\n"] {
            let mut client = hello(&site, family);
            client.command("STARTTLS", 220).unwrap();
            client.write(injected.as_bytes()).unwrap();
            let mut rest = Vec::new();
            let mut socket = client.socket().unwrap().try_clone().unwrap();
            // Closed in order or reset; an alert at most, and no word of SMTP.
            socket.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = socket.read_to_end(&mut rest);
            assert!(rest.is_empty() || rest[0] == 21, "{}", rest.escape_ascii());
        }
        let mut client = inside(&site, family, &trust.client());
        client.send(&Message::new("a", 300)).unwrap();
        client.quit().unwrap();
        assert_eq!(host.status().virtual_servers[0].panics, 0);
    }

    /// Points 1 and 2 on the member's side: never in the clear, never deceived.
    fn point_02_member_without_start_tls(family: Family) {
        let say = |reply: &[u8], close: bool| Conduct::Say {
            at: Step::StartTls,
            reply: reply.to_vec(),
            close,
        };
        for (offered, conduct) in [
            (false, Conduct::Good),
            (true, Conduct::Good),
            (true, say(b"454 4.7.0 not now\r\n", false)),
            (true, say(b"354 go on\r\n", false)),
            (true, say(b"220 2.0.0 go\r\n", true)),
            (true, say(b"", true)),
            (true, say(b"220 2.0.0 go\r\n250-injected\r\n250 AUTH PLAIN\r\n", false)),
            (true, say(b"220-2.0.0 go\r\n550 no\r\n", false)),
            (true, say(b"junk\r\n", false)),
        ] {
            let site = Site::new().unwrap();
            let trust = Trust::new();
            let listen = [SocketAddr::new(family.mx1(), 25)];
            let member = FaultyMember::start(&site.mx1, &listen).unwrap();
            if offered {
                member.offer_start_tls();
            }
            member.conduct(conduct.clone());
            let keys = "mode = \"starttls\"\nclient_tls = \"public\"\nserver_tls = \"inside\"\n";
            let server = virtual_server("mail", family.service(), keys, &listen);
            let profiles = [trust.client_tls(""), trust.server_tls("starttls")].concat();
            let _host = stage::start(&site, &[&server, &profiles]);

            let mut client = inside(&site, family, &trust.client());
            let reply = client.ask("MAIL FROM:<a@outside.example>").unwrap();
            assert_eq!(reply.code, 451, "{conduct:?}: {reply}");
            client.command("NOOP", 250).unwrap();
            client.quit().unwrap();
            let clear = member.commands();
            assert!(
                clear.iter().all(|line| !line.starts_with("MAIL") && !line.starts_with("AUTH")),
                "{conduct:?}: in the clear: {clear:?}"
            );
        }
    }

    /// Point 6: TLS 1.2 serves, what is older is refused by an alert.
    fn point_06_versions(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let sinks = sinks(&site, family);
        let keys = "mode = \"offload\"\nclient_tls = \"public\"\n";
        let server = virtual_server("mail", family.service(), keys, &members(family, 25));
        let _host = stage::start(&site, &[&server, &trust.client_tls("")]);
        let tls12 = TlsClient::tls12(&trust.outside.ca(), PUBLIC).unwrap();
        let mut client = implicit(&site, family, &tls12);
        client.send(&Message::new("a", 300)).unwrap();
        client.quit().unwrap();
        assert_eq!(arrived(&sinks).len(), 1);

        // A ClientHello of TLS 1.1, all its parts in place.
        let mut hello = vec![22, 3, 1, 0, 0, 1, 0, 0, 0, 3, 2];
        hello.extend([7; 32]);
        hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
        hello[4] = u8::try_from(hello.len() - 5).unwrap();
        hello[8] = u8::try_from(hello.len() - 9).unwrap();
        let netns = Some(&*site.outside);
        let mut socket = smtp_client::connect(netns, None, family.service(), LONG).unwrap();
        socket.write_all(&hello).unwrap();
        let mut alert = [0; 7];
        socket.read_exact(&mut alert).unwrap();
        // A fatal alert: protocol_version (RFC 8446, 6.2).
        assert_eq!((alert[0], alert[5], alert[6]), (21, 2, 70));
    }

    /// Point 7: who names protocols and not this one is refused; who names none is served.
    fn point_07_alpn(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let _sinks = sinks(&site, family);
        let keys = "mode = \"offload\"\nclient_tls = \"public\"\n";
        let server = virtual_server("mail", family.service(), keys, &members(family, 25));
        let _host = stage::start(&site, &[&server, &trust.client_tls("")]);
        let netns = Some(&*site.outside);
        let socket = || smtp_client::connect(netns, None, family.service(), LONG).unwrap();
        let tls = trust.client();
        let error = tls.clone().alpn(&["h2", "http/1.1"]).handshake(socket()).unwrap_err();
        assert!(format!("{error:#}").contains("NoApplicationProtocol"), "{error:#}");
        let named = tls.clone().alpn(&["h2", "smtp"]).handshake(socket()).unwrap();
        assert_eq!(named.conn.alpn_protocol(), Some(&b"smtp"[..]));
        tls.handshake(socket()).unwrap();
    }

    /// Point 7: a browser's request is no mail.
    fn point_07_http(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let _sinks = sinks(&site, family);
        let _host = start(&site, family, &trust);
        for line in ["GET / HTTP/1.1", "POST /mail HTTP/1.1", "Host: mail.outside.example"] {
            let mut client = hello(&site, family);
            let reply = client.ask(line).unwrap();
            assert!(reply.is("221 2.7.0 "), "{line}: {reply}");
            client.closed().unwrap();
        }
    }
}
