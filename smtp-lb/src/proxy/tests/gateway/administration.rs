//! Members that an operator takes out of service, message by message.

use std::time::SystemTime;

use super::member::Manner;
use super::*;
use crate::config::plan::PoolId;
use crate::pool::{Administration, Order};

const LEAVES: &str = "421 4.3.2 Mail server goes out of service, closing";

fn says(fixture: &Fixture, state: Administration) {
    says_of(fixture, 0, state);
}

fn says_of(fixture: &Fixture, member: usize, state: Administration) {
    let pool = fixture.pools.get(PoolId(0));
    pool.members()[member].set_administration(Order {
        state,
        since: SystemTime::now(),
        until: None,
    });
}

/// Two members, of which the first gets the first message.
fn two(unit: BalanceUnit) -> ([Member; 2], Fixture) {
    let members = [Manner::of("a").start(), Manner::of("b").start()];
    let mut plan = gateway_plan(Mode::Plain, &[&members[0], &members[1]]);
    let gateway = plan.virtual_servers[0].gateway.as_mut().expect("gateway");
    gateway.balance_unit = unit;
    let fixture = start(&plan);
    (members, fixture)
}

#[test]
fn a_drain_moves_messages_on_and_ends_parked_legs() {
    let (members, fixture) = two(BalanceUnit::Message);
    let mut client = Client::connect(&fixture);
    client.ehlo();
    assert!(client.send("one\r\n").contains(" a "));
    // Its leg is parked. Without a word of the client it ends.
    says(&fixture, Administration::Draining);
    members[0].until(|memory| memory.quits == 1);
    for _ in 0..3 {
        assert!(client.send("more\r\n").contains(" b "));
    }
    says(&fixture, Administration::Enabled);
    // Mid-message it is finished where it began.
    client.envelope();
    client.say("DATA");
    says(&fixture, Administration::Draining);
    let mut to = vec![client.text("last\r\n")];
    to.push(client.send("next\r\n"));
    assert!(to[1].contains(" b "), "{to:?}");
    assert!(to[0].contains(" a "), "{to:?}");
    client.quit();
    ended_well(&fixture);
    let messages = members.each_ref().map(|it| it.memory().messages.len());
    assert_eq!(messages, [2, 4]);
}

#[test]
fn a_bound_session_finishes_its_message_and_is_told() {
    let (members, fixture) = two(BalanceUnit::Session);
    let mut client = Client::connect(&fixture);
    client.ehlo();
    client.envelope();
    client.say("DATA");
    says(&fixture, Administration::Draining);
    assert!(client.text("text\r\n").contains(" a "));
    assert_eq!(client.hear(), LEAVES);
    assert_eq!(client.0.rest().expect("orderly end"), b"");
    members[0].until(|memory| memory.quits == 1);
    ended_well(&fixture);
    // One that says nothing is told at once.
    let mut client = Client::connect(&fixture);
    client.ehlo();
    assert!(client.send("text\r\n").contains(" b "));
    says_of(&fixture, 1, Administration::Draining);
    assert_eq!(client.hear(), LEAVES);
    ended_well(&fixture);
    assert_eq!(fixture.status().cut, 0);
}

#[test]
fn a_disabled_member_keeps_a_bound_session() {
    let (members, fixture) = two(BalanceUnit::Session);
    let mut client = Client::connect(&fixture);
    client.ehlo();
    assert!(client.send("one\r\n").contains(" a "));
    says(&fixture, Administration::Disabled);
    assert!(client.send("two\r\n").contains(" a "));
    client.quit();
    let mut client = Client::connect(&fixture);
    client.ehlo();
    assert!(client.send("three\r\n").contains(" b "));
    client.quit();
    ended_well(&fixture);
    assert_eq!(members[0].memory().messages.len(), 2);
}

#[test]
fn a_member_that_is_offline_is_cut_off_and_its_message_refused() {
    let (members, fixture) = two(BalanceUnit::Message);
    let mut client = Client::connect(&fixture);
    client.ehlo();
    client.envelope();
    client.say("DATA");
    says(&fixture, Administration::Offline);
    assert_eq!(&client.text("text\r\n")[..3], "451");
    assert!(client.send("again\r\n").contains(" b "));
    client.quit();
    until(&fixture, |status| status.active == 0);
    assert_eq!(fixture.status().cut, 1);
    assert_eq!(members[0].memory().messages.len(), 0);
    // It is no fault of the member's.
    let member = &fixture.pools.status()[0].members[0];
    assert_eq!((member.faults, member.connect_failures), (0, 0));
}
