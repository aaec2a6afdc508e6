//! Drain, age, and what an idle session holds.

use super::member::Manner;
use super::*;

#[test]
fn a_drain_is_told_at_once_and_waits_for_messages() {
    let member = Manner::of("a").start();
    let fixture = start(&gateway_plan(Mode::Plain, &[&member]));
    let mut idle = Client::connect(&fixture);
    idle.ehlo();
    let mut busy = Client::connect(&fixture);
    busy.ehlo();
    busy.envelope();
    assert_eq!(&busy.say("DATA")[..3], "354");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("runtime");
    let begun = std::time::Instant::now();
    let report = std::thread::scope(|scope| {
        let draining = scope.spawn(|| runtime.block_on(fixture.proxy.drain(LONG)));
        assert_eq!(&idle.hear()[..9], "421 4.3.2");
        assert_eq!(idle.0.rest().expect("orderly end"), b"");
        assert_eq!(busy.text("text\r\n"), "250 2.0.0 a has it");
        assert_eq!(&busy.hear()[..9], "421 4.3.2");
        assert_eq!(busy.0.rest().expect("orderly end"), b"");
        drop((idle, busy));
        draining.join().expect("drained")
    });
    assert_eq!(report.aborted, 0);
    assert!(begun.elapsed() < LONG / 2, "nothing waits for a time-out");
    member.until(|memory| memory.quits == 1 && memory.messages.len() == 1);
}

#[test]
fn a_session_that_is_too_old_ends_between_messages() {
    let member = Manner::of("a").start();
    let mut plan = gateway_plan(Mode::Plain, &[&member]);
    plan.virtual_servers[0].limits.session_timeout = Some(Duration::from_millis(300));
    let fixture = start(&plan);
    let mut client = Client::connect(&fixture);
    client.ehlo();
    client.envelope();
    assert_eq!(&client.say("DATA")[..3], "354");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(client.text("text\r\n"), "250 2.0.0 a has it");
    assert_eq!(&client.hear()[..3], "421");
    until(&fixture, |vs| vs.active == 0 && vs.timeouts == 1);
}

/// Octets of memory of this process.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: usize = statm
        .split(' ')
        .nth(1)
        .expect("resident")
        .parse()
        .expect("pages");
    pages * 4096
}

/// After EHLO, and after a message, a session holds no buffer.
#[test]
fn an_idle_session_is_small() {
    const SESSIONS: usize = 300;
    const MOST: usize = 17 * 1024;
    let material = Material::new();
    let member = Manner::of("a").start();
    let plan = gateway_plan(Mode::StartTls, &[&member]);
    let fixture = Fixture::with(&plan, &material.profiles(Start::Implicit), AllowAll);
    let open = || {
        let mut client = Client::connect(&fixture);
        client.ehlo();
        client.starttls(&material);
        client.ehlo();
        // The client's own state is not what is measured.
        client.0.tls = None;
        client.0.socket
    };
    let warm: Vec<_> = (0..50).map(|_| open()).collect();
    let before = resident();
    let sockets: Vec<_> = (0..SESSIONS).map(|_| open()).collect();
    let each = resident().saturating_sub(before) / SESSIONS;
    println!("{each} octets each");
    assert!(each <= MOST, "{each} octets");
    drop((warm, sockets));
}
