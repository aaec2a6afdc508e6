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

/// Where the pool takes one connection, no session keeps it from the others between its messages.
#[test]
fn sessions_take_turns_at_a_scarce_member() {
    let member = Manner::of("a").start();
    let mut plan = gateway_plan(Mode::Plain, &[&member]);
    plan.pools[0].limits.connections = Some(1);
    plan.pools[0].queue = Some(QueuePlan {
        length: 10,
        wait: LONG,
    });
    let fixture = start(&plan);
    let mut clients: Vec<_> = (0..4).map(|_| Client::connect(&fixture)).collect();
    for client in &mut clients {
        client.ehlo();
    }
    for round in 0..5 {
        for client in &mut clients {
            assert_eq!(&client.send(&format!("round {round}\r\n"))[..3], "250");
        }
    }
    // And all at once.
    let senders: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            std::thread::spawn(move || {
                for _ in 0..5 {
                    assert_eq!(&client.send("text\r\n")[..3], "250");
                }
                client.quit();
            })
        })
        .collect();
    for sender in senders {
        sender.join().expect("sent");
    }
    assert_eq!(member.memory().messages.len(), 40);
    let pool = &fixture.pools.status()[0];
    assert_eq!((pool.waiting, pool.refused), (0, 0));
    assert!(pool.queued > 0);
    ended_well(&fixture);
}

/// Legs that are kept are connections: within a limit, half of it is left to others.
#[test]
fn parked_legs_leave_half_of_the_limit() {
    let member = Manner::of("a").start();
    let mut plan = gateway_plan(Mode::Plain, &[&member]);
    plan.pools[0].members[0].limits.connections = Some(4);
    let fixture = start(&plan);
    let mut clients: Vec<_> = (0..6).map(|_| Client::connect(&fixture)).collect();
    for client in &mut clients {
        client.ehlo();
        client.send("text\r\n");
    }
    let status = || fixture.pools.status()[0].members[0].clone();
    // Fewer where a leg was parked while the next session had begun.
    until(&fixture, |_| {
        status().connections <= 2 && status().active == 0
    });
    for client in &mut clients {
        client.send("text\r\n");
        client.quit();
    }
    until(&fixture, |_| status().connections == 0);
}

/// The time to greet is taken from sessions.
#[test]
fn greetings_are_measured() {
    let member = Manner::of("a").start();
    let mut plan = gateway_plan(Mode::Plain, &[&member]);
    plan.pools[0].balance = Balance::Fastest;
    let fixture = start(&plan);
    let greeting = || fixture.pools.status()[0].members[0].greeting_micros;
    assert_eq!(greeting(), None);
    let mut client = Client::connect(&fixture);
    client.ehlo();
    client.send("text\r\n");
    assert!(greeting().is_some());
    client.quit();
}
