//! AUTH through smtp-lb to the real server, and certificates of clients.

use std::io::{Read, Write};

use smtp_lb_tests::certs::Certs;
use smtp_lb_tests::clients::{Program, Target, Tls, base64, plain};
use smtp_lb_tests::mailbox;
use smtp_lb_tests::postfix::Setup;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{self, Message};
use smtp_lb_tests::tls_client::TlsClient;
use smtp_lb_tests::wait::LONG;

use super::stage::{self, INSIDE, PUBLIC, Trust, inside, members, quoted, target, virtual_server};
use crate::host::{arrived, sinks};
use crate::over_both;

const USER: &str = "user@inside.example";
const PASSWORD: &str = "geheim";

fn message(name: &str) -> Message {
    Message {
        to: vec![format!("{name}@inside.example")],
        ..Message::new(name, 2000)
    }
}

over_both! {
    /// The server takes mail from nobody else, and says who it was.
    fn login_through_start_tls(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let setup = Setup::new(INSIDE)
            .user("user", PASSWORD)
            .set("smtpd_client_restrictions", "permit_sasl_authenticated, reject");
        let postfix = setup.start(&site.mx1).unwrap();
        let keys = "mode = \"starttls\"\nclient_tls = \"public\"\n";
        let server = virtual_server("mail", family.service(), keys, &members(family, 25)[..1]);
        let _host = stage::start(&site, &[&server, &trust.client_tls("")]);

        let mut target = target(&trust, family, Tls::StartTls);
        let refused = message("refused");
        target.send(&site.outside, Program::Smtplib, &refused).unwrap_err();
        target.login = Some((USER.into(), "wrong".into()));
        target.send(&site.outside, Program::Smtplib, &refused).unwrap_err();
        target.login = Some((USER.into(), PASSWORD.into()));
        let mut sent = Vec::new();
        for program in Program::ALL {
            let message = message(&format!("{program:?}").to_lowercase());
            target.send(&site.outside, program, &message).unwrap();
            sent.push(message);
        }

        // The dialogue of LOGIN, a refusal, a cancel, and a second attempt in the same session.
        let mut client = inside(&site, family, &trust.client());
        let offer = client.hello().unwrap();
        assert!(offer.offers("AUTH"), "{offer}");
        client.command(&format!("AUTH PLAIN {}", plain(USER, "wrong")), 535).unwrap();
        client.command("AUTH LOGIN", 334).unwrap();
        client.command("*", 501).unwrap();
        client.command("AUTH LOGIN", 334).unwrap();
        client.command(&base64(USER.as_bytes()), 334).unwrap();
        client.command(&base64(PASSWORD.as_bytes()), 235).unwrap();
        for name in ["login-1", "login-2"] {
            let message = message(name);
            client.send(&message).unwrap();
            sent.push(message);
        }
        client.quit().unwrap();

        let sent: Vec<&Message> = sent.iter().collect();
        mailbox::await_all(&sent, &[&postfix.maildir()], LONG).unwrap();
        for mail in postfix.delivered().unwrap() {
            let received = mail.header("Received").unwrap();
            assert!(received.contains(&format!("Authenticated sender: {USER}")), "{received}");
        }
    }

    /// Who has logged in is bound to the server: it takes the message, and the session ends.
    fn a_drain_ends_a_session_that_has_logged_in_after_its_message(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let setup = Setup::new(INSIDE)
            .user("user", PASSWORD)
            .set("smtpd_client_restrictions", "permit_sasl_authenticated, reject");
        let postfix = setup.start(&site.mx1).unwrap();
        let keys = "mode = \"starttls\"\nclient_tls = \"public\"\n";
        let server = virtual_server("mail", family.service(), keys, &members(family, 25)[..1]);
        let host = stage::start(&site, &[&server, &trust.client_tls("")]);
        let mut client = inside(&site, family, &trust.client());
        client.hello().unwrap();
        client.command(&format!("AUTH PLAIN {}", plain(USER, PASSWORD)), 235).unwrap();
        let last = message("last");
        client.envelope(&last).unwrap();
        client.command("DATA", 354).unwrap();
        host.cli().text(&["member", "drain", "mail-1", "--within", "1h"]).unwrap();
        client.write(&last.stuffed()).unwrap();
        client.expect(250).unwrap();
        let farewell = client.expect(421).unwrap();
        assert!(farewell.is("421 4.3.2"), "{farewell}");
        client.closed().unwrap();
        mailbox::await_all(&[&last], &[&postfix.maildir()], LONG).unwrap();
        // Nobody is left to take another one.
        let status = host.status();
        assert_eq!(status.pools[0].members[0].active, 0);
        assert_eq!(status.virtual_servers[0].cut, 0);
    }

    /// A client without a good certificate gets no session.
    fn client_certificates(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let people = Certs::new().unwrap();
        let strangers = Certs::new().unwrap();
        let good = people.client("good", &["good.example"]).unwrap();
        let revoked = people.client("revoked", &["revoked.example"]).unwrap();
        let strange = strangers.client("strange", &["good.example"]).unwrap();
        let list = people.revoke("list", &[&revoked]).unwrap();
        let sinks = sinks(&site, family);
        let profile = trust.client_tls(&format!(
            "client_certificate = \"required\"\nclient_ca = {}\nclient_crl = [{}]\n",
            quoted(&people.ca()),
            quoted(&list)
        ));
        let keys = "mode = \"offload\"\nclient_tls = \"public\"\n";
        let server = virtual_server("mail", family.service(), keys, &members(family, 25));
        let host = stage::start(&site, &[&server, &profile]);

        let target = target(&trust, family, Tls::Implicit);
        for program in Program::ALL {
            for bad in [None, Some(&revoked), Some(&strange)] {
                let target = Target { certificate: bad.cloned(), ..target.clone() };
                target.send(&site.outside, program, &message("refused")).unwrap_err();
            }
            let target = Target { certificate: Some(good.clone()), ..target.clone() };
            target.send(&site.outside, program, &message("taken")).unwrap();
        }
        assert_eq!(arrived(&sinks).len(), Program::ALL.len());

        // In TLS 1.3 the refusal comes after the client's handshake, as an alert.
        let ca = trust.outside.ca();
        for tls in [
            TlsClient::new(&ca, PUBLIC).unwrap(),
            TlsClient::with_certificate(&ca, PUBLIC, &revoked).unwrap(),
        ] {
            let netns = Some(&*site.outside);
            let socket = smtp_client::connect(netns, None, family.service(), LONG).unwrap();
            let mut stream = tls.handshake(socket).unwrap();
            let _ = stream.write_all(b"EHLO a\r\n");
            let error = stream.read(&mut [0; 100]).unwrap_err();
            assert!(error.to_string().contains("ertificate"), "{error}");
        }
        assert_eq!(host.status().virtual_servers[0].panics, 0);
    }

    /// smtp-lb shows a certificate to servers that ask for one.
    fn own_certificate_to_the_member(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let own = trust.inside.client("own", &["lb.inside.example"]).unwrap();
        let setup = Setup::new(INSIDE).tls(&trust.member).client_ca(&trust.inside.ca());
        let postfix = setup.start(&site.mx1).unwrap();
        for (start, port) in [("implicit", 465), ("starttls", 25)] {
            let profile = format!(
                "{}certificate = {}\nkey = \"file:{}\"\n",
                trust.server_tls(start),
                quoted(&own.chain),
                own.key.display()
            );
            let keys = "mode = \"bridge\"\nclient_tls = \"public\"\nserver_tls = \"inside\"\n";
            let mx = &members(family, port)[..1];
            let server = virtual_server("mail", family.service(), keys, mx);
            let _host = stage::start(&site, &[&server, &trust.client_tls(""), &profile]);
            let target = target(&trust, family, Tls::Implicit);
            target.send(&site.outside, Program::Curl, &message(start)).unwrap();
        }
        let sent = [message("implicit"), message("starttls")];
        mailbox::await_all(&[&sent[0], &sent[1]], &[&postfix.maildir()], LONG).unwrap();
    }
}
