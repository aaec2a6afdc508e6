//! STARTTLS activation, and what may be said before and after it (notes, points 3, 4, 5).

use smtp_lb_tests::clients::{Program, Tls};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::Message;

use super::stage::{self, Trust, hello, inside, members, target, virtual_server};
use crate::host::{Host, arrived, sinks};
use crate::over_both;

/// A virtual server in mode `starttls`.
fn start(site: &Site, family: Family, trust: &Trust, gateway: &str) -> Host {
    let keys = format!(
        "mode = \"starttls\"\nclient_tls = \"public\"\n[virtual_server.gateway]\n\
         hostname = \"lb.outside.example\"\n{gateway}"
    );
    let server = virtual_server("mail", family.service(), &keys, &members(family, 25));
    stage::start(site, &[&server, &trust.client_tls("")])
}

over_both! {
    fn required(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let sinks = sinks(&site, family);
        let _host = start(&site, family, &trust, "");

        let mut client = hello(&site, family);
        assert_eq!(client.greeting, "lb.outside.example");
        let offer = client.hello().unwrap();
        assert!(offer.offers("STARTTLS") && !offer.offers("AUTH"), "{offer}");
        for command in [
            "MAIL FROM:<a@outside.example>",
            "RCPT TO:<b@inside.example>",
            "DATA",
            "AUTH PLAIN AGEAYQ==",
            "VRFY b",
        ] {
            let reply = client.ask(command).unwrap();
            assert!(reply.is("530 5.7.0 "), "{command}: {reply}");
        }
        for command in ["NOOP", "RSET", "EHLO again.example", "HELO again.example"] {
            client.command(command, 250).unwrap();
        }
        let reply = client.ask("STARTTLS now").unwrap();
        assert!(reply.is("501 5.5.4 "), "{reply}");

        let mut client = client.start_tls(&trust.client()).unwrap();
        let reply = client.ask("MAIL FROM:<a@outside.example>").unwrap();
        assert!(reply.is("503 5.5.1 "), "all is forgotten: {reply}");
        let offer = client.hello().unwrap();
        assert!(!offer.offers("STARTTLS"), "{offer}");
        let reply = client.ask("STARTTLS").unwrap();
        assert!(reply.is("554 5.5.1 "), "{reply}");
        let message = Message::new("a", 3000);
        client.send(&message).unwrap();
        client.quit().unwrap();
        assert_eq!(arrived(&sinks), [message.digest()]);

        // Clients that do without are refused, those that insist get through.
        for program in Program::ALL {
            let message = Message::new(&format!("{program:?}"), 500);
            let clear = target(&trust, family, Tls::None);
            if clear.suits(program) {
                let error = clear.send(&site.outside, program, &message).unwrap_err();
                assert!(format!("{error:#}").contains("530"), "{error:#}");
            }
            let tls = target(&trust, family, Tls::StartTls);
            tls.send(&site.outside, program, &message).unwrap();
        }
        assert_eq!(arrived(&sinks).len(), 1 + Program::ALL.len());
    }

    fn allowed(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let sinks = sinks(&site, family);
        let _host = start(&site, family, &trust, "starttls = \"allow\"");

        let mut client = hello(&site, family);
        let offer = client.hello().unwrap();
        assert!(offer.offers("STARTTLS") && !offer.offers("AUTH"), "{offer}");
        let reply = client.ask("AUTH PLAIN AGEAYQ==").unwrap();
        assert!(reply.is("538 5.7.11 "), "{reply}");
        let clear = Message::new("clear", 3000);
        client.send(&clear).unwrap();
        client.command("MAIL FROM:<a@outside.example>", 250).unwrap();
        let reply = client.ask("STARTTLS").unwrap();
        assert!(reply.is("503 5.5.1 "), "within a transaction: {reply}");
        client.command("RSET", 250).unwrap();
        let mut client = client.start_tls(&trust.client()).unwrap();
        client.hello().unwrap();
        let secret = Message::new("secret", 3000);
        client.send(&secret).unwrap();
        client.quit().unwrap();

        let mut sent = [clear.digest(), secret.digest()];
        sent.sort_unstable();
        assert_eq!(arrived(&sinks), sent);
    }

    fn none(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let sinks = sinks(&site, family);
        let _host = start(&site, family, &trust, "starttls = \"none\"");

        let mut client = hello(&site, family);
        let offer = client.hello().unwrap();
        assert!(!offer.offers("STARTTLS"), "{offer}");
        let reply = client.ask("STARTTLS").unwrap();
        assert_eq!(reply.code / 100, 5, "{reply}");
        let message = Message::new("a", 3000);
        client.send(&message).unwrap();
        client.quit().unwrap();
        assert_eq!(arrived(&sinks), [message.digest()]);
    }

    /// The session goes on inside after many commands outside.
    fn start_tls_after_long_talk(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let sinks = sinks(&site, family);
        let _host = start(&site, family, &trust, "");
        let mut client = inside(&site, family, &trust.client());
        for number in 0..50 {
            client.send(&Message::new(&number.to_string(), 300)).unwrap();
        }
        client.quit().unwrap();
        assert_eq!(arrived(&sinks).len(), 50);
    }
}
