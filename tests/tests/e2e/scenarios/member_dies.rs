//! A member that dies or talks nonsense, state by state (notes, points 12, 19, 20, 21).

use std::net::{Shutdown, SocketAddr};
use std::thread;
use std::time::Duration;

use smtp_lb_tests::faulty_member::{Conduct, Cut, DEATHS, Death, FaultyMember, Step};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::Message;
use smtp_lb_tests::wait::{LONG, until};

use super::stage::{self, Trust, hello, members, virtual_server};
use crate::host::Host;
use crate::over_both;

struct Stage {
    site: Site,
    /// One that is told to die, and one that is well.
    faulty: FaultyMember,
    well: FaultyMember,
    _host: Host,
}

impl Stage {
    fn new(family: Family) -> Self {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let [first, second] = members(family, 25);
        let faulty = FaultyMember::start(&site.mx1, &[first]).unwrap();
        let well = FaultyMember::start(&site.mx2, &[second]).unwrap();
        let keys = "mode = \"starttls\"\nclient_tls = \"public\"\n\
                    [virtual_server.gateway]\nstarttls = \"allow\"\n";
        let server = virtual_server("mail", family.service(), keys, &[first, second]);
        let host = stage::start(&site, &[&server, &trust.client_tls("")]);
        let stage = Self {
            site,
            faulty,
            well,
            _host: host,
        };
        // What members offer is known before they go wrong.
        stage.message(family, "before-1").unwrap();
        stage.message(family, "before-2").unwrap();
        stage
    }

    /// A session with one message: the reply to its end, if it is not the one of success.
    fn message(&self, family: Family, id: &str) -> Result<(), String> {
        self.message_with_pause(family, id, Duration::ZERO)
    }

    /// The same, with a pause in the middle of the text.
    fn message_with_pause(&self, family: Family, id: &str, pause: Duration) -> Result<(), String> {
        let mut client = hello(&self.site, family);
        let message = Message::new(id, 3000);
        client
            .envelope(&message)
            .map_err(|error| format!("{error:#}"))?;
        client
            .command("DATA", 354)
            .map_err(|error| format!("{error:#}"))?;
        let wire = message.stuffed();
        let (first, second) = wire.split_at(2000);
        client.write(first).unwrap();
        thread::sleep(pause);
        client.write(second).unwrap();
        let reply = client.reply().unwrap();
        if reply.code != 250 {
            // The session itself goes on.
            client.command("NOOP", 250).unwrap();
            client.quit().unwrap();
            return Err(reply.to_string());
        }
        client.quit().unwrap();
        Ok(())
    }

    fn copies(&self, id: &str) -> usize {
        let taken = [self.faulty.taken(), self.well.taken()].concat();
        taken.iter().filter(|taken| taken.id == id).count()
    }
}

over_both! {
    /// Point 20: before 354 nobody notices; in the text and after it, 451 and nothing twice.
    fn point_20_at_each_state(family: Family) {
        let stage = Stage::new(family);
        for (at, replied) in DEATHS {
            for cut in [Cut::Fin, Cut::Rst] {
                let place = format!("{at:?}-{replied}-{cut:?}");
                stage.faulty.conduct(Conduct::Die(Death { at, replied, cut }));
                let mut refused = 0;
                for number in 0..6 {
                    let id = format!("{place}-{number}");
                    match stage.message(family, &id) {
                        Ok(()) => assert_eq!(stage.copies(&id), 1, "{id}"),
                        Err(reply) => {
                            refused += 1;
                            assert!(reply.starts_with("451 4.4.2 "), "{id}: {reply}");
                            assert!(stage.copies(&id) <= 1, "{id}");
                        }
                    }
                }
                let died = stage.faulty.deaths().get(&(at, replied)).copied().unwrap_or(0);
                assert!(died > 0, "none died at {place}");
                let seen = matches!((at, replied), (Step::Data, true) | (Step::Text | Step::End, _));
                assert_eq!(refused > 0, seen, "{refused} refused at {place}");
            }
        }
        assert_eq!(stage.faulty.faults(), [""; 0]);
        assert_eq!(stage.well.faults(), [""; 0]);
    }

    /// Points 12 and 19: what cannot be a reply, or is none that helps, is not relayed, and
    /// another member serves.
    fn point_19_strange_replies_before_the_text(family: Family) {
        let stage = Stage::new(family);
        let endless = b"250-a\r\n".repeat(20_000);
        let long = [b"250 ".to_vec(), b"x".repeat(100_000), b"\r\n".to_vec()].concat();
        for at in [Step::Greeting, Step::Hello, Step::Mail, Step::Rcpt] {
            for reply in [
                &b"421 4.3.2 closing\r\n"[..],
                b"250-a\r\n550 b\r\n",
                b"250a\r\n",
                b"25\r\n",
                b"abc def\r\n",
                b"\r\n",
                b"250 a\n",
                b"250 a\rb\r\n",
                b"250 \0\r\n",
                b"99",
                &endless,
                &long,
            ] {
                let shown = reply[..reply.len().min(30)].escape_ascii().to_string();
                stage.faulty.conduct(Conduct::Say {
                    at,
                    reply: reply.to_vec(),
                    close: true,
                });
                for number in 0..2 {
                    let id = format!("{at:?}-{number}");
                    stage
                        .message(family, &id)
                        .unwrap_or_else(|error| panic!("{shown} at {at:?}: {error}"));
                }
            }
        }
        let faults = stage.well.faults();
        assert_eq!(faults, [""; 0]);
    }

    /// Point 19: a member that greets with 421 or 554 is passed over.
    fn point_19_unfriendly_greeting(family: Family) {
        let stage = Stage::new(family);
        for (number, greeting) in ["421 4.3.2 busy\r\n", "554 5.3.2 no\r\n"].iter().enumerate() {
            stage.faulty.conduct(Conduct::Say {
                at: Step::Greeting,
                reply: greeting.as_bytes().to_vec(),
                close: false,
            });
            for message in 0..4 {
                let id = format!("greeting-{number}-{message}");
                stage.message(family, &id).unwrap();
                assert_eq!(stage.copies(&id), 1);
            }
        }
    }

    /// A reply in the middle of the text: a refusal counts at the true end, an acceptance never.
    fn early_replies(family: Family) {
        let stage = Stage::new(family);
        for (number, (early, wanted)) in [
            (&b"452 4.3.1 full\r\n"[..], "452 4.3.1 full"),
            (b"552 5.3.4 too much\r\n", "552 5.3.4 too much"),
            (b"250 2.0.0 kept\r\n", "451 4."),
            (b"junk\r\n", "451 4."),
        ]
        .into_iter()
        .enumerate()
        {
            stage.faulty.conduct(Conduct::Say {
                at: Step::Text,
                reply: early.to_vec(),
                close: true,
            });
            let mut refused = 0;
            for message in 0..4 {
                let id = format!("early-{number}-{message}");
                // Long enough for the reply to come before the end has gone out.
                let pause = Duration::from_millis(100);
                match stage.message_with_pause(family, &id, pause) {
                    Ok(()) => assert_eq!(stage.copies(&id), 1, "{id}"),
                    Err(reply) => {
                        refused += 1;
                        assert!(reply.starts_with(wanted), "{id}: {reply}");
                        assert_eq!(stage.copies(&id), 0, "{id}");
                    }
                }
            }
            assert!(refused > 0, "{wanted}");
        }
    }

    /// Point 21: a client that closes within the text has sent nothing; one that ends only its own
    /// side after the dot gets its reply.
    fn point_21_client_goes(family: Family) {
        let stage = Stage::new(family);
        let before = stage.faulty.taken().len() + stage.well.taken().len();
        for end in [&b""[..], b"\r\n", b"\r\n."] {
            let mut client = hello(&stage.site, family);
            client.envelope(&Message::new("gone", 0)).unwrap();
            client.command("DATA", 354).unwrap();
            client.write(&[b"Subject: gone\r\n\r\nhalf", end].concat()).unwrap();
            client.socket().unwrap().shutdown(Shutdown::Both).unwrap();
        }
        until("broken off at the members too", LONG, || {
            let broken_off = stage.faulty.broken_off() + stage.well.broken_off();
            Ok((broken_off >= 3).then_some(()))
        })
        .unwrap();
        let taken = stage.faulty.taken().len() + stage.well.taken().len();
        assert_eq!(taken, before, "a dot that nobody sent");

        let message = Message::new("half-closed", 3000);
        let mut client = hello(&stage.site, family);
        client.envelope(&message).unwrap();
        client.command("DATA", 354).unwrap();
        client.write(&message.stuffed()).unwrap();
        client.half_close().unwrap();
        client.expect(250).unwrap();
        client.closed().unwrap();
        assert_eq!(stage.copies("half-closed"), 1);
        let mut client = hello(&stage.site, family);
        client.write(b"QUIT\r\n").unwrap();
        client.half_close().unwrap();
        client.expect(221).unwrap();
        client.closed().unwrap();
    }
}

/// Where smtp-lb does not read SMTP, a member that dies takes the session with it, and what was
/// cut does not look whole.
#[test]
fn a_relay_cuts_the_line() {
    let family = Family::V4;
    let site = Site::new().unwrap();
    let trust = Trust::new();
    let listen = [SocketAddr::new(family.mx1(), 25)];
    let member = FaultyMember::start(&site.mx1, &listen).unwrap();
    let keys = "mode = \"offload\"\nclient_tls = \"public\"\n";
    let server = virtual_server("mail", family.service(), keys, &listen);
    let _host = stage::start(&site, &[&server, &trust.client_tls("")]);
    let tls = trust.client();
    for (number, (at, cut)) in [
        (Step::Mail, Cut::Fin),
        (Step::Mail, Cut::Rst),
        (Step::Text, Cut::Fin),
        (Step::Text, Cut::Rst),
        (Step::End, Cut::Fin),
        (Step::End, Cut::Rst),
    ]
    .into_iter()
    .enumerate()
    {
        member.conduct(Conduct::Good);
        let mut client = stage::implicit(&site, family, &tls);
        let good = Message::new(&format!("good-{number}"), 3000);
        client.send(&good).unwrap();
        member.conduct(Conduct::Die(Death {
            at,
            replied: false,
            cut,
        }));
        client
            .send(&Message::new(&format!("cut-{number}"), 3000))
            .unwrap_err();
        let taken = member.taken();
        let copies = |id: &str| taken.iter().filter(|taken| taken.id == id).count();
        assert_eq!(copies(&format!("good-{number}")), 1);
        assert!(copies(&format!("cut-{number}")) <= 1);
    }
}
