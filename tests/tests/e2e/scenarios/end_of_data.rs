//! What ends a message and what does not (notes, points 8 and 11), before a real Postfix.

use std::thread;
use std::time::Duration;

use smtp_lb_tests::mailbox;
use smtp_lb_tests::postfix::{Postfix, Setup};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{Client, Message};
use smtp_lb_tests::wait::LONG;

use super::stage::{self, INSIDE, Trust, hello, members, virtual_server};
use crate::host::Host;
use crate::over_both;

/// What some servers take for the end of a message.
const LIKE_ENDS: [&[u8]; 12] = [
    b"\n.\n",
    b"\n.\r",
    b"\r.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
];

/// What would be commands if it were the end, and the true end.
const SMUGGLED: &[u8] = b"MAIL FROM:<evil@outside.example>\r\nRCPT TO:<evil@inside.example>\r\n\
    DATA\r\nSubject: smuggled\r\n\r\nevil\r\n.\r\n";

/// Time for one write to be read before the next one comes.
const APART: Duration = Duration::from_millis(3);

struct Stage {
    site: Site,
    postfix: Postfix,
    _host: Host,
}

impl Stage {
    /// One Postfix, which takes anything for an end that any server ever did.
    fn new(family: Family, gateway: &str) -> Self {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let postfix = Setup::new(INSIDE)
            .set("smtpd_forbid_bare_newline", "no")
            .set("smtpd_discard_ehlo_keywords", "")
            .start(&site.mx1)
            .unwrap();
        let keys = format!(
            "mode = \"starttls\"\nclient_tls = \"public\"\n\
             [virtual_server.gateway]\nstarttls = \"allow\"\n{gateway}\n"
        );
        let server = virtual_server("mail", family.service(), &keys, &members(family, 25)[..1]);
        let host = stage::start(&site, &[&server, &trust.client_tls("")]);
        Self {
            site,
            postfix,
            _host: host,
        }
    }

    /// In the middle of a transaction, 354 said.
    fn in_data(&self, family: Family, to: &str) -> Client {
        let mut client = hello(&self.site, family);
        client
            .command("MAIL FROM:<sender@outside.example>", 250)
            .unwrap();
        client
            .command(&format!("RCPT TO:<{to}@inside.example>"), 250)
            .unwrap();
        client.command("DATA", 354).unwrap();
        client
    }

    /// Sends a last good message, and awaits that this is all there is.
    fn only(&self, family: Family, before: &[Message]) {
        let last = Message {
            to: vec!["last@inside.example".into()],
            ..Message::new("last", 100)
        };
        let mut client = hello(&self.site, family);
        client.send(&last).unwrap();
        client.quit().unwrap();
        let sent: Vec<&Message> = before.iter().chain([&last]).collect();
        mailbox::await_all(&sent, &[&self.postfix.maildir()], LONG).unwrap();
    }
}

/// Writes in two parts.
fn write_split(client: &mut Client, octets: &[u8], at: usize) {
    let (first, second) = octets.split_at(at);
    client.write(first).unwrap();
    thread::sleep(APART);
    // It may be refused and gone by now.
    let _ = client.write(second);
}

over_both! {
    /// Point 8, `reject`: refused at the true end, closed, and nothing delivered.
    fn point_08_rejected(family: Family) {
        let stage = Stage::new(family, "");
        for end in LIKE_ENDS {
            let wire = [b"Subject: a\r\n\r\nbody", end, SMUGGLED].concat();
            // From before the sequence to after it.
            for at in 18..=18 + end.len() + 1 {
                let mut client = stage.in_data(family, "refused");
                write_split(&mut client, &wire, at);
                let reply = client.reply().unwrap();
                assert!(reply.is("550 "), "{} at {at}: {reply}", end.escape_ascii());
                client.closed().unwrap();
            }
        }
        stage.only(family, &[]);
    }

    /// Point 8, `normalize`: one message, whose lines end as they should.
    fn point_08_normalized(family: Family) {
        let stage = Stage::new(family, "line_endings = \"normalize\"");
        let mut count = 0;
        for end in LIKE_ENDS {
            let wire = [b"Subject: a\r\n\r\nbody", end, SMUGGLED].concat();
            for at in [18, 18 + 1, 18 + 2, 18 + end.len()] {
                let mut client = stage.in_data(family, "one");
                write_split(&mut client, &wire, at);
                client.expect(250).unwrap();
                count += 1;
                // What was inside of it is no command: the next reply is to the next one.
                client.command("NOOP", 250).unwrap();
                client.quit().unwrap();
            }
        }
        let wait = || Ok((mailbox::count(&stage.postfix.maildir()) >= count).then_some(()));
        smtp_lb_tests::wait::until("delivery", LONG, wait).unwrap();
        let delivered = stage.postfix.delivered().unwrap();
        assert_eq!(delivered.len(), count);
        for mail in delivered {
            assert_eq!(mail.recipient(), Some("one@inside.example"));
            let text = String::from_utf8(mail.content).unwrap();
            assert!(text.contains("RCPT TO:<evil@inside.example>"), "{text:?}");
            let bare = text.replace("\r\n", "");
            assert!(!bare.contains(['\r', '\n', '\0']), "{text:?}");
        }
    }

    /// Point 11: an end inside a chunk is data.
    fn point_11_chunks(family: Family) {
        let stage = Stage::new(family, "");
        let mut sent = Vec::new();
        let data = b"Subject: a\r\n\r\nbody\r\n.\r\nMAIL FROM:<evil@outside.example>\r\n.\r\n".to_vec();
        let message = |number: usize| Message {
            to: vec![format!("chunk-{number}@inside.example")],
            data: data.clone(),
            ..Message::new("a", 0)
        };
        for chunk in [1, 2, 3, 7, 18, 19, 20, 21, 22, 23, 100] {
            let mut client = hello(&stage.site, family);
            let message = message(chunk);
            client.send_chunked(&message, chunk).unwrap();
            client.quit().unwrap();
            sent.push(message);
        }
        // Chunk and command in one write, cut anywhere.
        let header = format!("BDAT {} LAST\r\n", data.len());
        let wire = [header.as_bytes(), &data, b"NOOP\r\n"].concat();
        for at in 1..wire.len() {
            let mut client = hello(&stage.site, family);
            let message = message(1000 + at);
            client.envelope(&message).unwrap();
            write_split(&mut client, &wire, at);
            client.expect(250).unwrap();
            client.expect(250).unwrap();
            client.quit().unwrap();
            sent.push(message);
        }
        stage.only(family, &sent);
    }

    /// Point 11: what is refused is swallowed, and no part of it is a command.
    fn point_11_refused(family: Family) {
        let stage = Stage::new(family, "");
        let payload = b"MAIL FROM:<evil@outside.example>\r\n";
        let wire = [format!("BDAT {} LAST\r\n", payload.len()).as_bytes(), payload].concat();
        for at in 1..wire.len() {
            let mut client = hello(&stage.site, family);
            write_split(&mut client, &wire, at);
            let reply = client.reply().unwrap();
            assert_eq!(reply.code, 503, "{reply}");
            client.command("NOOP", 250).unwrap();
            client.quit().unwrap();
        }
        for size in ["-1", "99999999999999999999", "1x", ""] {
            let mut client = hello(&stage.site, family);
            client.envelope(&Message::new("a", 0)).unwrap();
            let reply = client.ask(&format!("BDAT {size} LAST")).unwrap();
            assert!(reply.is("501 5.5.4 ") || reply.is("552 "), "{size}: {reply}");
            // How many octets would follow is unknown, so nothing that follows is read.
            client.closed().unwrap();
        }
        let mut client = hello(&stage.site, family);
        client.envelope(&Message::new("a", 0)).unwrap();
        client.write(b"BDAT 3\r\na\r\n").unwrap();
        client.expect(250).unwrap();
        let reply = client.ask("DATA").unwrap();
        assert!(reply.is("503 5.5.1 "), "{reply}");
        client.command("RSET", 250).unwrap();
        client.quit().unwrap();
        stage.only(family, &[]);
    }
}
