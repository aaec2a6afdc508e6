//! Lines, limits, identity and extensions (notes, points 9, 12, 15 to 18).

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use smtp_lb_tests::faulty_member::FaultyMember;
use smtp_lb_tests::postfix::Setup;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::Message;

use super::stage::{self, INSIDE, Trust, greeted, hello, inside, members, virtual_server};
use crate::host::Host;
use crate::over_both;

const APART: Duration = Duration::from_millis(3);

fn start(site: &Site, family: Family, trust: &Trust) -> Host {
    let keys = "mode = \"starttls\"\nclient_tls = \"public\"\n\
                [virtual_server.gateway]\nstarttls = \"allow\"\n";
    let server = virtual_server("mail", family.service(), keys, &members(family, 25)[..1]);
    stage::start(site, &[&server, &trust.client_tls("")])
}

fn member(site: &Site, family: Family) -> FaultyMember {
    FaultyMember::start(&site.mx1, &[SocketAddr::new(family.mx1(), 25)]).unwrap()
}

over_both! {
    fn point_09_line_ends_and_nul_in_commands(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let member = member(&site, family);
        let _host = start(&site, family, &trust);
        for wire in [
            &b"EHLO a\n\r\n"[..],
            b"NOOP\nNOOP\r\n",
            b"MAIL FROM:<a@outside.example>\rRCPT TO:<b@inside.example>\r\n",
            b"NO\0OP\r\n",
        ] {
            for at in 0..wire.len() {
                let mut client = hello(&site, family);
                client.write(&wire[..at]).unwrap();
                thread::sleep(APART);
                client.write(&wire[at..]).unwrap();
                let reply = client.reply().unwrap();
                assert!(reply.is("500 5.5.2 "), "{} at {at}: {reply}", wire.escape_ascii());
            }
        }
        let seen = member.commands();
        assert!(!seen.iter().any(|line| line.starts_with("RCPT")), "{seen:?}");
    }

    fn point_12_long_lines(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let member = member(&site, family);
        let _host = start(&site, family, &trust);
        let mut client = inside(&site, family, &trust.client());
        client.command(&format!("NOOP {}", "x".repeat(512 - 7)), 250).unwrap();
        for length in [513, 600, 5000, 100_000] {
            let reply = client.ask(&format!("NOOP {}", "x".repeat(length - 7))).unwrap();
            assert!(reply.is("500 5.5.2 "), "{length}: {reply}");
            client.command("NOOP", 250).unwrap();
        }
        client.quit().unwrap();

        // A line of text is whole at the member, or nowhere.
        for length in [1000, 1001, 1500, 3000] {
            let mut message = Message::new(&length.to_string(), 300);
            message.data.extend(std::iter::repeat_n(b'x', length - 2));
            message.data.extend_from_slice(b"\r\n");
            let mut client = hello(&site, family);
            client.envelope(&message).unwrap();
            client.command("DATA", 354).unwrap();
            client.write(&message.stuffed()).unwrap();
            let reply = client.reply().unwrap();
            let taken = member.taken();
            let kept = taken.iter().find(|taken| taken.id == length.to_string());
            if reply.code == 250 {
                assert_eq!(kept.unwrap().digest, message.digest(), "{length}");
            } else {
                assert!(length > 1000 && reply.code / 100 == 5, "{length}: {reply}");
                assert_eq!(kept, None, "{length}");
            }
        }
    }

    fn point_15_claims_of_identity(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let member = member(&site, family);
        let _host = start(&site, family, &trust);
        let mut client = hello(&site, family);
        for claim in [
            "XCLIENT ADDR=127.0.0.1",
            "xclient NAME=localhost",
            "XFORWARD ADDR=127.0.0.1",
        ] {
            let reply = client.ask(claim).unwrap();
            assert!(reply.is("550 5.7.0 "), "{claim}: {reply}");
        }
        client.send(&Message::new("a", 300)).unwrap();
        client.quit().unwrap();
        let seen = member.commands();
        assert!(seen.iter().all(|line| !line.to_uppercase().starts_with('X')), "{seen:?}");
    }

    fn point_16_proxy_where_none_is_expected(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let _member = member(&site, family);
        let _host = start(&site, family, &trust);
        let mut client = greeted(&site, family);
        let reply = client.ask("PROXY TCP4 127.0.0.1 127.0.0.1 1000 25").unwrap();
        assert_eq!(reply.code, 500, "{reply}");
    }

    /// What Postfix offers and smtp-lb does not carry is not offered.
    fn point_17_extensions(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let _postfix = Setup::new(INSIDE)
            .tls(&trust.member)
            .user("user", "geheim")
            .set("smtpd_authorized_xclient_hosts", "0.0.0.0/0, [::]/0")
            .set("smtpd_authorized_xforward_hosts", "0.0.0.0/0, [::]/0")
            .start(&site.mx1)
            .unwrap();
        let _host = start(&site, family, &trust);
        let tls = trust.client();
        // The second time, it is known.
        for _ in 0..2 {
            let mut client = hello(&site, family);
            let clear = client.hello().unwrap();
            let mut client = client.start_tls(&tls).unwrap();
            let secret = client.hello().unwrap();
            for carried in ["PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING", "ENHANCEDSTATUSCODES"] {
                assert!(clear.offers(carried) && secret.offers(carried), "{carried}: {secret}");
            }
            for not in ["XCLIENT", "XFORWARD", "ETRN", "VRFY", "BINARYMIME", "REQUIRETLS"] {
                assert!(!clear.offers(not) && !secret.offers(not), "{not}: {secret}");
            }
            assert!(secret.lines.contains(&"SIZE 52428800".to_owned()), "{secret}");
            assert!(clear.offers("STARTTLS") && !secret.offers("STARTTLS"));
            assert!(!clear.offers("AUTH") && secret.offers("AUTH"));
            client.quit().unwrap();
        }
    }

    fn point_18_parameters(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let member = member(&site, family);
        let _host = start(&site, family, &trust);
        let mut client = hello(&site, family);
        client.hello().unwrap();
        for (line, start) in [
            ("MAIL FROM:<ü@outside.example>", "553 5.6.7 "),
            ("MAIL FROM:<a@outside.example> FANCY=1", "555 5.5.4 "),
            ("MAIL FROM:<a@outside.example> SMTPUTF8", "555 5.5.4 "),
            ("MAIL FROM:<a@outside.example> BODY=BINARYMIME", "555 5.5.4 "),
        ] {
            let reply = client.ask(line).unwrap();
            assert!(reply.is(start), "{line}: {reply}");
        }
        let mail = "MAIL FROM:<a@outside.example> RET=HDRS ENVID=QQ+2B314159";
        let rcpt = "RCPT TO:<b@inside.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bc@inside.example";
        client.command(mail, 250).unwrap();
        client.command(rcpt, 250).unwrap();
        client.command("RSET", 250).unwrap();
        client.quit().unwrap();
        let seen = member.commands();
        for line in [mail, rcpt] {
            assert!(seen.iter().any(|seen| seen == line), "{line}: {seen:?}");
        }
    }
}
