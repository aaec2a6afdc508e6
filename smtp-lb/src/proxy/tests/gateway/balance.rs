//! Each message goes to a member of its own choice.

use super::member::Manner;
use super::*;

#[test]
fn messages_of_one_connection_are_spread() {
    let members = [Manner::of("a").start(), Manner::of("b").start()];
    let fixture = start(&gateway_plan(Mode::Plain, &[&members[0], &members[1]]));
    let mut client = Client::connect(&fixture);
    client.ehlo();
    for number in 0..40 {
        assert_eq!(&client.send(&format!("message {number}\r\n"))[..3], "250");
    }
    client.quit();
    drop(client);
    for member in &members {
        member.until(|memory| memory.quits == 1);
        let memory = member.memory();
        assert_eq!((memory.messages.len(), memory.sessions), (20, 1));
    }
    ended_well(&fixture);
    assert_eq!(counts(&fixture).messages_accepted, 40);
    let status = &fixture.pools.status()[0].members;
    assert!(
        status
            .iter()
            .all(|member| member.active == 0 && member.sessions == 1)
    );
    assert!(
        status
            .iter()
            .all(|member| member.bytes_in > 0 && member.bytes_out > 0)
    );
}

#[test]
fn a_session_may_be_kept_together() {
    let members = [Manner::of("a").start(), Manner::of("b").start()];
    let mut plan = gateway_plan(Mode::Plain, &[&members[0], &members[1]]);
    let gateway = plan.virtual_servers[0].gateway.as_mut().expect("gateway");
    gateway.balance_unit = BalanceUnit::Session;
    let fixture = start(&plan);
    let mut client = Client::connect(&fixture);
    client.ehlo();
    for _ in 0..10 {
        client.send("text\r\n");
    }
    client.quit();
    let mut messages = members
        .each_ref()
        .map(|member| member.memory().messages.len());
    messages.sort_unstable();
    assert_eq!(messages, [0, 10]);
}

/// Between messages a session claims no member, and holds at most eight legs.
#[test]
fn parked_legs_are_bounded_and_claim_nothing() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let members = names.map(|name| Manner::of(name).start());
    let fixture = start(&gateway_plan(Mode::Plain, &members.each_ref()));
    let mut client = Client::connect(&fixture);
    client.ehlo();
    for _ in 0..30 {
        client.send("text\r\n");
    }
    // The reply comes before the leg is parked.
    until(&fixture, |_| {
        let members = &fixture.pools.status()[0].members;
        members.iter().all(|member| member.active == 0)
    });
    client.quit();
    for member in &members {
        member.until(|memory| memory.quits == memory.sessions);
        assert_eq!(member.memory().messages.len(), 3);
    }
}

/// A thousand messages over one connection, pipelined as far as RFC 2920 lets one.
#[test]
fn a_thousand_messages_over_one_connection() {
    let members = [Manner::of("a").start(), Manner::of("b").start()];
    let fixture = start(&gateway_plan(Mode::Plain, &[&members[0], &members[1]]));
    let mut client = Client::connect(&fixture);
    client.ehlo();
    for number in 0..1000 {
        let envelope = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n";
        client.0.send(envelope).expect("send");
        for code in ["250", "250", "354"] {
            assert_eq!(&client.hear()[..3], code, "{number}");
        }
        assert_eq!(&client.text("text\r\n")[..3], "250", "{number}");
    }
    client.quit();
    let messages = members
        .each_ref()
        .map(|member| member.memory().messages.len());
    assert_eq!(messages, [500, 500]);
}
