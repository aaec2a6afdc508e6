//! A thousand members killed: nothing that was acknowledged is lost or there twice.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use smtp_lb_tests::faulty_member::{Conduct, DEATHS, FaultyMember};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{Client, Message};
use smtp_lb_tests::wait::LONG;

use super::stage::{self, Trust, virtual_server};
use crate::over_both;

const KILLS: u64 = 1000;
const CLIENTS: usize = 6;

/// Long enough for a slow machine; it ends with the last kill.
const BOUND: Duration = Duration::from_secs(90);

/// What became of a message, as its client knows it.
pub(super) enum Fate {
    Acknowledged,
    /// Refused for now, by this reply.
    Refused(String),
}

/// Sends a message command by command, up to the first reply that is not the one of success.
pub(super) fn attempt(client: &mut Client, message: &Message) -> Result<Fate> {
    let to = &message.to[0];
    for (line, code) in [
        (format!("MAIL FROM:<{}>", message.from), 250),
        (format!("RCPT TO:<{to}>"), 250),
        ("DATA".to_owned(), 354),
    ] {
        let reply = client.ask(&line)?;
        if reply.code != code {
            return Ok(Fate::Refused(format!("{line}: {reply}")));
        }
    }
    client.write(&message.stuffed())?;
    let reply = client.reply()?;
    Ok(match reply.code {
        250 => Fate::Acknowledged,
        _ => Fate::Refused(format!("end: {reply}")),
    })
}

/// What clients know of their messages, against what members keep.
fn nothing_lost_or_doubled(fates: &HashMap<String, Fate>, members: &[FaultyMember]) {
    let mut kept: HashMap<String, usize> = HashMap::new();
    for taken in members.iter().flat_map(FaultyMember::taken) {
        let id = taken.id.clone();
        assert_eq!(
            taken.digest,
            Message::new(&id, 3000).digest(),
            "{id} is not whole"
        );
        *kept.entry(id).or_default() += 1;
    }
    let mut acknowledged = 0;
    for (id, fate) in fates {
        let copies = kept.get(id).copied().unwrap_or(0);
        match fate {
            Fate::Acknowledged => {
                acknowledged += 1;
                assert_eq!(copies, 1, "{id} was acknowledged");
            }
            Fate::Refused(why) => {
                assert!(
                    copies <= 1,
                    "{id} was refused ({why}), and sent {copies} times"
                );
                assert!(
                    why.contains(": 451 4.") || why.contains(": 421 4."),
                    "{id}: {why}"
                );
            }
        }
    }
    assert!(
        acknowledged > 100,
        "{acknowledged} of {} acknowledged",
        fates.len()
    );
    assert!(
        kept.keys().all(|id| fates.contains_key(id)),
        "somebody else's mail"
    );
    let faults: Vec<String> = members.iter().flat_map(FaultyMember::faults).collect();
    assert_eq!(faults, [""; 0]);
}

over_both! {
    fn a_thousand_lose_and_double_nothing(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let mut members = Vec::new();
        let mut addresses = Vec::new();
        for (netns, address) in [(&site.mx1, family.mx1()), (&site.mx2, family.mx2())] {
            for port in [25, 26] {
                let listen = SocketAddr::new(address, port);
                members.push(FaultyMember::start(netns, &[listen]).unwrap());
                addresses.push(listen);
            }
        }
        let keys = "mode = \"starttls\"\nclient_tls = \"public\"\n\
                    [virtual_server.gateway]\nstarttls = \"allow\"\n";
        let server = virtual_server("mail", family.service(), keys, &addresses);
        let host = stage::start(&site, &[&server, &trust.client_tls("")]);
        // Numbers that have no divisor in common with each other or with the steps of a session:
        // every place comes up.
        for (member, every) in members.iter().zip([7, 11, 13, 17]) {
            member.conduct(Conduct::DieEvery(every));
        }

        let kills = || -> u64 {
            members.iter().flat_map(|member| member.deaths().into_values()).sum()
        };
        let begin = Instant::now();
        let fates: Mutex<HashMap<String, Fate>> = Mutex::default();
        thread::scope(|scope| {
            for number in 0..CLIENTS {
                let (site, trust, fates, kills) = (&site, &trust, &fates, &kills);
                scope.spawn(move || {
                    let tls = trust.client();
                    let mut count = 0;
                    while kills() < KILLS && begin.elapsed() < BOUND {
                        // Each attempt is a message of its own: what a client sends again after
                        // a refusal may well be there twice.
                        let mut client = if number % 2 == 0 {
                            stage::hello(site, family)
                        } else {
                            stage::inside(site, family, &tls)
                        };
                        for _ in 0..5 {
                            count += 1;
                            let id = format!("m-{number}-{count}");
                            let message = Message::new(&id, 3000);
                            let fate = attempt(&mut client, &message)
                                .unwrap_or_else(|error| panic!("{id}: not a reply: {error:#}"));
                            let closed = matches!(&fate, Fate::Refused(why) if why.contains(": 421 "));
                            fates.lock().unwrap().insert(id, fate);
                            if closed {
                                break;
                            }
                            // What is left of a transaction after a refusal.
                            client.command("RSET", 250).unwrap();
                        }
                        client.quit().unwrap();
                    }
                });
            }
        });
        let fates = fates.into_inner().unwrap();
        let killed = kills();
        assert!(killed >= KILLS, "{killed} kills of {KILLS} within {BOUND:?}");
        for place in DEATHS {
            let here: u64 = members
                .iter()
                .map(|member| member.deaths().get(&place).copied().unwrap_or(0))
                .sum();
            assert!(here > 5, "{here} died at {place:?}");
        }

        nothing_lost_or_doubled(&fates, &members);

        // And when they have come to rest, all is well.
        for member in &members {
            member.conduct(Conduct::Good);
        }
        let mut client = stage::inside(&site, family, &trust.client());
        for number in 0..20 {
            client.send(&Message::new(&format!("rest-{number}"), 300)).unwrap();
        }
        client.quit().unwrap();
        let status = &host.status().virtual_servers[0];
        assert_eq!(status.panics, 0);
        smtp_lb_tests::wait::until("end of all sessions", LONG, || {
            Ok((host.status().virtual_servers[0].active == 0).then_some(()))
        })
        .unwrap();
    }
}
