//! Members that die, and clients that go.

use super::member::Manner;
use super::*;
use crate::config::plan::Offence;
use crate::proxy::tests::tls::peer;

const LINE: &[u8] = b"the quick brown fox jumps over the lazy dog, again and again\r\n";

fn one_dies_at(when: &'static str) -> (Member, Member, Fixture) {
    let mut manner = Manner::of("dying");
    manner.dies_at = when;
    let (dying, good) = (manner.start(), Manner::of("good").start());
    let fixture = start(&gateway_plan(Mode::Plain, &[&dying, &good]));
    (dying, good, fixture)
}

#[test]
fn a_member_that_dies_before_354_is_replaced_unseen() {
    for when in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"] {
        let (dying, good, fixture) = one_dies_at(when);
        let mut client = Client::connect(&fixture);
        client.ehlo();
        for _ in 0..6 {
            assert_eq!(client.send("text\r\n"), "250 2.0.0 good has it", "{when}");
        }
        client.quit();
        drop(client);
        assert_eq!(good.memory().messages.len(), 6);
        assert_eq!(dying.memory().messages.len(), 0);
        assert_eq!(counts(&fixture).messages_lost, 0, "{when}");
        ended_well(&fixture);
    }
}

/// Point 12 of the notes: a reply past its cap costs the member the envelope, and is held against
/// it.
#[test]
fn a_member_whose_reply_has_no_end_is_replaced_and_marked() {
    for when in ["EHLO", "MAIL", "RCPT", "DATA"] {
        let mut manner = Manner::of("babbling");
        manner.babbles_at = when;
        let (babbling, good) = (manner.start(), Manner::of("good").start());
        let fixture = start(&gateway_plan(Mode::Plain, &[&babbling, &good]));
        let mut client = Client::connect(&fixture);
        client.ehlo();
        for _ in 0..4 {
            assert_eq!(client.send("text\r\n"), "250 2.0.0 good has it", "{when}");
        }
        client.quit();
        drop(client);
        assert_eq!(good.memory().messages.len(), 4);
        assert!(counts(&fixture).member_faults > 0, "{when}");
        let pool = fixture.pools.iter().next().expect("a pool");
        let faults: Vec<_> = pool
            .members()
            .iter()
            .map(|member| member.faults())
            .collect();
        assert!(faults[0] > 0 && faults[1] == 0, "{when}: {faults:?}");
        ended_well(&fixture);
    }
}

/// After 354 nothing is said again to another member, and the session goes on.
#[test]
fn a_member_that_dies_later_costs_its_message() {
    for when in ["354", "."] {
        let (dying, good, fixture) = one_dies_at(when);
        let mut client = Client::connect(&fixture);
        client.ehlo();
        let mut replies = Vec::new();
        for _ in 0..6 {
            replies.push(client.send("text\r\n")[..3].to_owned());
        }
        client.quit();
        drop(client);
        let lost = replies.iter().filter(|reply| *reply == "451").count();
        let taken = replies.iter().filter(|reply| *reply == "250").count();
        assert!(lost > 0 && lost + taken == 6, "{when}: {replies:?}");
        assert_eq!(good.memory().messages.len(), taken);
        assert_eq!(dying.memory().messages.len(), 0);
        assert_eq!(counts(&fixture).messages_lost, lost as u64);
        ended_well(&fixture);
    }
}

/// A leg that its member closed while it was parked costs nothing, even if there is no other
/// member.
#[test]
fn a_parked_leg_that_died_is_replaced() {
    let mut manner = Manner::of("a");
    manner.messages = 1;
    let member = manner.start();
    let fixture = start(&gateway_plan(Mode::Plain, &[&member]));
    let mut client = Client::connect(&fixture);
    client.ehlo();
    for _ in 0..10 {
        assert_eq!(client.send("text\r\n"), "250 2.0.0 a has it");
    }
    client.quit();
    drop(client);
    assert_eq!(member.memory().sessions, 10);
    ended_well(&fixture);
}

#[test]
fn without_a_member_the_client_hears_451() {
    let mut manner = Manner::of("a");
    manner.dies_at = "CONNECT";
    let member = manner.start();
    let fixture = start(&gateway_plan(Mode::Plain, &[&member]));
    let mut client = Client::connect(&fixture);
    assert_eq!(client.ehlo(), ["250 mx.example.org"]);
    assert_eq!(&client.say("MAIL FROM:<a@example.org>")[..3], "451");
    client.quit();
    drop(client);
    assert!(fixture.status().no_member > 0);
}

#[test]
fn a_client_that_goes_in_the_middle_of_a_message_takes_it_along() {
    let member = Manner::of("a").start();
    let fixture = start(&gateway_plan(Mode::Plain, &[&member]));
    let mut client = Client::connect(&fixture);
    client.ehlo();
    client.envelope();
    assert_eq!(&client.say("DATA")[..3], "354");
    client.0.send(b"half of it\r\n").expect("send");
    drop(client);
    until(&fixture, |vs| vs.active == 0);
    assert_eq!(counts(&fixture).clients_gone, 1);
    assert_eq!(member.memory().messages.len(), 0);
    let active = fixture.pools.status()[0].members[0].active;
    assert_eq!(active, 0);
}

#[test]
fn a_client_that_ends_after_the_dot_hears_the_reply() {
    let member = Manner::of("a").start();
    let fixture = start(&gateway_plan(Mode::Plain, &[&member]));
    let mut client = Client::connect(&fixture);
    client.ehlo();
    client.envelope();
    assert_eq!(&client.say("DATA")[..3], "354");
    client.0.send(b"text\r\n.\r\n").expect("send");
    client.0.finish().expect("half-close");
    assert_eq!(client.hear(), "250 2.0.0 a has it");
    assert_eq!(client.0.rest().expect("orderly end"), b"");
    drop(client);
    ended_well(&fixture);
}

#[test]
fn a_silent_client_is_told_and_closed() {
    let member = Manner::of("a").start();
    let mut plan = gateway_plan(Mode::Plain, &[&member]);
    let gateway = plan.virtual_servers[0].gateway.as_mut().expect("gateway");
    gateway.command_timeout = Duration::from_millis(200);
    let fixture = start(&plan);
    let mut client = Client::connect(&fixture);
    assert_eq!(&client.hear()[..3], "421");
    assert_eq!(client.0.rest().expect("orderly end"), b"");
    until(&fixture, |vs| vs.active == 0);
    assert_eq!(counts(&fixture).client_timeouts, 1);
}

/// A client in the middle of a message, and the member's side of it, which reads no more.
fn stalled(plan: impl FnOnce(&mut GatewayPlan)) -> (Client, Peer, Fixture) {
    let (address, peers) = peer::member(None);
    let mut whole = gateway_plan(Mode::Plain, &[]);
    whole.pools[0].members = plan_for(&[V4], &[address]).pools.swap_remove(0).members;
    plan(whole.virtual_servers[0].gateway.as_mut().expect("gateway"));
    let fixture = start(&whole);
    let serving = std::thread::spawn(move || {
        for mut peer in peers {
            let mut lines = peer.send(b"220 slow ESMTP\r\n").map(|()| 0).expect("send");
            while let Ok(Some(line)) = peer.line() {
                lines += 1;
                if line == "DATA" {
                    peer.send(b"354 go ahead\r\n").expect("send");
                    return peer;
                }
                if line == "QUIT" {
                    break;
                }
                peer.send(b"250 ok\r\n").expect("send");
            }
            assert!(lines > 0);
        }
        unreachable!("no DATA");
    });
    let mut client = Client::connect(&fixture);
    client.ehlo();
    client.envelope();
    assert_eq!(&client.say("DATA")[..3], "354");
    (client, serving.join().expect("asked for DATA"), fixture)
}

#[test]
fn a_member_that_does_not_read_holds_back_its_client() {
    const MOST: usize = 256 * 1024 * 1024;
    let (mut client, mut server, fixture) = stalled(|_| {});
    let sent = client.0.flood_with(LINE, MOST).expect("no fault");
    assert!(sent < MOST, "{MOST} went into a member that does not read");
    let reading = std::thread::spawn(move || {
        let text = server.take_until(b"\r\n.\r\n").expect("whole");
        server.send(b"250 has it\r\n").expect("send");
        let _ = server.rest();
        text.len()
    });
    let rest = std::str::from_utf8(&LINE[sent % LINE.len()..]).expect("ASCII");
    assert_eq!(&client.text(rest)[..3], "250");
    client.quit();
    drop(client);
    assert_eq!(reading.join().expect("read"), sent + rest.len() + 3);
    until(&fixture, |vs| vs.active == 0);
}

#[test]
fn a_member_that_takes_nothing_is_the_one_who_is_late() {
    let (mut client, server, fixture) =
        stalled(|gateway| gateway.data_timeout = Duration::from_millis(500));
    let sent = client.0.flood_with(LINE, 64 * 1024 * 1024);
    let sent = sent.expect("swallowed");
    let rest = std::str::from_utf8(&LINE[sent % LINE.len()..]).expect("ASCII");
    assert_eq!(&client.text(rest)[..3], "451");
    drop(server);
    client.quit();
    let counted = counts(&fixture);
    assert_eq!((counted.member_timeouts, counted.client_timeouts), (1, 0));
}

#[test]
fn who_is_closed_for_too_many_bad_commands_is_told_of() {
    let good = Manner::of("good").start();
    let plan = gateway_plan(Mode::Plain, &[&good]);
    let most = plan.virtual_servers[0]
        .gateway
        .as_ref()
        .expect("a gateway")
        .bad_commands;
    let fixture = start(&plan);
    let mut client = Client::connect(&fixture);
    client.ehlo();
    for _ in 1..most {
        assert_eq!(&client.say("NONSENSE")[..1], "5");
    }
    assert_eq!(fixture.heard.all(), []);
    assert_eq!(&client.say("NONSENSE")[..3], "421");
    drop(client);
    ended_well(&fixture);
    let offences: Vec<Offence> = fixture.heard.all().iter().map(|it| it.1).collect();
    assert_eq!(offences, [Offence::CommandFlood]);
    assert_eq!(counts(&fixture).too_many_bad, 1);
}
