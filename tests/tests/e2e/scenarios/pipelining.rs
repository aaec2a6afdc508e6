//! What may be sent before a reply, and what not (notes, point 10), before a real Postfix.

use std::fmt::Write;
use std::thread;
use std::time::Duration;

use smtp_lb_tests::mailbox;
use smtp_lb_tests::postfix::{Postfix, Setup};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{Client, Message};
use smtp_lb_tests::wait::LONG;

use super::stage::{self, INSIDE, Trust, greeted, hello, members, virtual_server};
use crate::host::Host;
use crate::over_both;

const APART: Duration = Duration::from_millis(3);

fn start(family: Family) -> (Site, Postfix, Host) {
    let site = Site::new().unwrap();
    let trust = Trust::new();
    let postfix = Setup::new(INSIDE).start(&site.mx1).unwrap();
    let keys = "mode = \"starttls\"\nclient_tls = \"public\"\n\
                [virtual_server.gateway]\nstarttls = \"allow\"\n";
    let server = virtual_server("mail", family.service(), keys, &members(family, 25)[..1]);
    let host = stage::start(&site, &[&server, &trust.client_tls("")]);
    (site, postfix, host)
}

fn write_split(client: &mut Client, wire: &[u8], at: usize) {
    let (first, second) = wire.split_at(at);
    client.write(first).unwrap();
    thread::sleep(APART);
    // It may be refused and gone by now.
    let _ = client.write(second);
}

over_both! {
    fn point_10_after_ehlo(family: Family) {
        let (site, _postfix, _host) = start(family);
        let ehlo = b"EHLO a.example\r\n";
        let wire = [&ehlo[..], b"MAIL FROM:<a@outside.example>\r\n"].concat();
        for at in (0..wire.len()).filter(|at| *at != ehlo.len()) {
            let mut client = greeted(&site, family);
            write_split(&mut client, &wire, at);
            let mut reply = client.reply().unwrap();
            if reply.code == 250 {
                reply = client.reply().unwrap();
            }
            assert!(reply.is("554 5.5.0 "), "at {at}: {reply}");
            client.closed().unwrap();
        }
    }

    /// The text of a message before 354.
    fn point_10_before_354(family: Family) {
        let (site, postfix, _host) = start(family);
        let wire = b"DATA\r\nSubject: early\r\n\r\nbody\r\n.\r\n";
        for at in (0..wire.len()).filter(|at| *at != 6) {
            let mut client = hello(&site, family);
            client.envelope(&Message::new("a", 0)).unwrap();
            write_split(&mut client, wire, at);
            let reply = client.reply().unwrap();
            assert!(reply.is("554 5.5.0 "), "at {at}: {reply}");
            client.closed().unwrap();
        }
        assert_eq!(mailbox::count(&postfix.maildir()), 0);
    }

    /// The next transaction behind the true end is legal, and waits for the reply.
    fn point_10_after_the_end(family: Family) {
        let (site, postfix, _host) = start(family);
        let wire = b"Subject: a\r\n\r\nbody\r\n.\r\nMAIL FROM:<b@outside.example>\r\n\
            RCPT TO:<second@inside.example>\r\nDATA\r\n";
        for at in 0..wire.len() {
            let mut client = hello(&site, family);
            client.command("MAIL FROM:<a@outside.example>", 250).unwrap();
            client.command("RCPT TO:<first@inside.example>", 250).unwrap();
            client.command("DATA", 354).unwrap();
            write_split(&mut client, wire, at);
            for code in [250, 250, 250, 354] {
                client.expect(code).unwrap();
            }
            client.write(b"Subject: b\r\n\r\nbody\r\n.\r\n").unwrap();
            client.expect(250).unwrap();
            client.quit().unwrap();
        }
        let count = || mailbox::count(&postfix.maildir());
        smtp_lb_tests::wait::until("delivery", LONG, || {
            Ok((count() >= 2 * wire.len()).then_some(()))
        })
        .unwrap();
        for mail in postfix.delivered().unwrap() {
            let subject = if mail.recipient() == Some("first@inside.example") { "a" } else { "b" };
            let expected = format!("Subject: {subject}\r\n\r\nbody\r\n");
            assert_eq!(mail.content.escape_ascii().to_string(), expected.escape_default().to_string());
        }
        assert_eq!(count(), 2 * wire.len());
    }

    /// A whole session in one write, as far as that is legal.
    fn all_that_is_legal_at_once(family: Family) {
        let (site, postfix, _host) = start(family);
        let mut client = hello(&site, family);
        let mut sent = Vec::new();
        for number in 0..20 {
            let message = Message {
                to: (0..5).map(|to| format!("m{number}-{to}@inside.example")).collect(),
                ..Message::new(&number.to_string(), 5000)
            };
            let mut wire = format!("RSET\r\nMAIL FROM:<{}>\r\n", message.from);
            for to in &message.to {
                write!(wire, "RCPT TO:<{to}>\r\n").unwrap();
            }
            client.write(format!("{wire}DATA\r\n").as_bytes()).unwrap();
            for _ in 0..7 {
                client.expect(250).unwrap();
            }
            client.expect(354).unwrap();
            client.write(&message.stuffed()).unwrap();
            client.expect(250).unwrap();
            sent.push(message);
        }
        client.quit().unwrap();
        let sent: Vec<&Message> = sent.iter().collect();
        mailbox::await_all(&sent, &[&postfix.maildir()], LONG).unwrap();
    }
}
