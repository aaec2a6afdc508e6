use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::config::plan::{
    DestinationId, DestinationKind, DestinationPlan, Format, Framing, LogProfilePlan, Overflow,
    PublisherId, PublisherPlan, Transport,
};
use crate::event::destination::tests::{QUICK, lonely_address, syslog, until};
use crate::event::format::samples;
use crate::event::status::{DestinationState, DestinationStatus};

fn file(name: &str, folder: &Path) -> DestinationPlan {
    DestinationPlan {
        name: name.to_owned(),
        kind: DestinationKind::File {
            path: folder.join(name),
            rotate: None,
        },
        format: Format::Json,
        queue: 100_000,
        overflow: Overflow::Newest,
        disk: None,
    }
}

/// One profile, of all packets, for one publisher of all destinations.
fn log(destinations: Vec<DestinationPlan>) -> LogPlan {
    let ids = (0..destinations.len()).map(DestinationId).collect();
    LogPlan {
        destinations,
        publishers: vec![PublisherPlan {
            name: "all".to_owned(),
            destinations: ids,
        }],
        profiles: vec![LogProfilePlan::of("all", PublisherId(0))],
        system_profile: None,
        bus_capacity: 100_000,
    }
}

fn all() -> Routes {
    Routes::of(&[], Some(0), Some(0))
}

fn start(log: &LogPlan, routes: Routes) -> (Pipeline, Bus) {
    Pipeline::start_timed(log, routes, &Arc::default(), QUICK).unwrap()
}

fn emit(bus: &Bus, number: usize) {
    bus.emit_batch((0..number).map(|_| samples::packet("drop", "mx")));
}

fn lines(path: PathBuf) -> usize {
    std::fs::read_to_string(path).unwrap().lines().count()
}

fn find<'a>(status: &'a LogStatus, name: &str) -> &'a DestinationStatus {
    let mut destinations = status.destinations.iter();
    destinations
        .find(|destination| destination.name == name)
        .unwrap()
}

/// The sums that must hold when nothing moves.
fn check(status: &LogStatus, emitted: u64) {
    assert_eq!(status.bus.accepted + status.bus.lost, emitted);
    let publisher = status.publisher;
    let taken =
        publisher.published + publisher.filtered + publisher.suppressed + publisher.unrouted;
    assert_eq!(status.bus.accepted, taken + status.bus.queued as u64);
    for destination in &status.destinations {
        let accounted = destination.sent + destination.lost.total() + destination.queued;
        assert_eq!(destination.offered, accounted, "{destination:?}");
    }
}

/// Stops it, which must not use up its time, since all can be sent.
async fn stop(pipeline: &Pipeline) -> LogStatus {
    let patience = Duration::from_secs(20);
    let stopped = pipeline.shutdown(10 * patience);
    tokio::time::timeout(patience, stopped).await.unwrap()
}

#[tokio::test]
async fn what_is_emitted_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = log(vec![file("a", folder.path()), file("b", folder.path())]);
    log.profiles[0].accept = false;
    log.bus_capacity = 300;
    let routes = Routes::of(&[("mx", 0)], None, Some(0));
    let (pipeline, bus) = start(&log, routes);
    let mut emitted = 0;
    for round in 0..200 {
        emit(&bus, 60);
        bus.emit(samples::packet("accept", "mx"));
        bus.emit(samples::packet("drop", ""));
        bus.emit(samples::health(false, "x"));
        emitted += 63;
        if round % 7 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let status = stop(&pipeline).await;
    check(&status, emitted);
    assert_eq!(status.bus.queued, 0);
    for name in ["a", "b"] {
        let destination = find(&status, name);
        assert_eq!(destination.offered, status.publisher.published);
        assert_eq!(destination.sent, destination.offered);
        assert_eq!(lines(folder.path().join(name)) as u64, destination.sent);
    }
    assert!(status.bus.lost > 0, "the bus was to overflow");
    assert!(status.publisher.filtered > 0 && status.publisher.unrouted > 0);

    bus.emit(samples::health(true, "late"));
    let after = pipeline.status();
    assert_eq!(
        after.bus.lost,
        status.bus.lost + 1,
        "after the stop all is lost"
    );
}

#[tokio::test]
async fn a_stalled_collector_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let address = lonely_address();
    // It listens and never reads.
    let _listener = std::net::TcpListener::bind(address).unwrap();
    let away = lonely_address();
    let mut stalled = syslog(address, Transport::Tcp(Framing::OctetCounting), 100);
    stalled.name = "stalled".to_owned();
    let mut dead = syslog(away, Transport::Tcp(Framing::OctetCounting), 100);
    dead.name = "dead".to_owned();
    let (pipeline, bus) = start(&log(vec![stalled, dead, file("a", folder.path())]), all());
    emit(&bus, 50_000);
    let status = until("the file has all", || {
        let status = pipeline.status();
        (find(&status, "a").sent == 50_000).then_some(status)
    })
    .await;
    check(&status, 50_000);
    assert_eq!(find(&status, "dead").sent, 0);
    assert!(find(&status, "dead").lost.overflow >= 49_900);
    assert!(find(&status, "stalled").lost.overflow > 0);
    let status = pipeline.shutdown(Duration::from_millis(200)).await;
    check(&status, 50_000);
    for destination in &status.destinations {
        assert_eq!(destination.queued, 0);
        assert_eq!(destination.state, DestinationState::Stopped);
    }
    assert_eq!(find(&status, "dead").lost.shutdown, 100);
}

#[tokio::test]
async fn a_reload_keeps_what_stays_and_ends_what_goes() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, c) = (
        file("a", folder.path()),
        file("b", folder.path()),
        file("c", folder.path()),
    );
    let (pipeline, bus) = start(&log(vec![a.clone(), b]), all());
    emit(&bus, 100);
    let at = |number: u64| {
        let published = pipeline.status().publisher.published;
        (published == number).then_some(())
    };
    until("100 are published", || at(100)).await;
    let prepared = pipeline
        .prepare(&log(vec![c.clone(), a.clone()]), all(), &Arc::default())
        .unwrap();
    emit(&bus, 10);
    until("a prepared change changes nothing", || at(110)).await;
    assert_eq!(find(&pipeline.status(), "b").offered, 110);
    pipeline.commit(prepared);
    emit(&bus, 1000);
    until("all are published", || at(1110)).await;
    until("b has sent what it held and ended", || {
        (lines(folder.path().join("b")) == 110).then_some(())
    })
    .await;
    let status = stop(&pipeline).await;
    check(&status, 1110);
    let names: Vec<_> = status
        .destinations
        .iter()
        .map(|d| d.name.as_str())
        .collect();
    assert_eq!(names, ["c", "a"]);
    assert_eq!(find(&status, "a").sent, 1110, "its counters went on");
    assert_eq!(find(&status, "c").sent, 1000);
    assert_eq!(lines(folder.path().join("b")), 110);
}

#[tokio::test]
async fn a_reload_that_fails_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let a = file("a", folder.path());
    let (pipeline, bus) = start(&log(vec![a.clone()]), all());
    let bad = file("x", &folder.path().join("missing"));
    pipeline
        .prepare(&log(vec![bad, a]), Routes::default(), &Arc::default())
        .unwrap_err();
    emit(&bus, 10);
    let status = stop(&pipeline).await;
    assert_eq!(find(&status, "a").sent, 10);
}

#[tokio::test]
async fn a_kept_collector_keeps_its_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let plan = log(vec![syslog(
        address,
        Transport::Tcp(Framing::OctetCounting),
        100,
    )]);
    let (pipeline, bus) = start(&plan, all());
    for _ in 0..5 {
        let prepared = pipeline.prepare(&plan, all(), &Arc::default()).unwrap();
        pipeline.commit(prepared);
        emit(&bus, 1);
        tokio::task::yield_now().await;
    }
    let status = stop(&pipeline).await;
    assert_eq!(
        (status.destinations[0].sent, status.destinations[0].failures),
        (5, 0)
    );
    listener.set_nonblocking(true).unwrap();
    listener.accept().unwrap();
    listener.accept().unwrap_err();
}

#[tokio::test]
async fn followers_see_all_and_the_slow_count_what_they_missed() {
    let mut nobody = log(Vec::new());
    nobody.profiles.clear();
    let (pipeline, bus) = start(&nobody, Routes::default());
    let mut quick = pipeline.follow();
    let mut slow = pipeline.follow();
    assert_eq!(pipeline.status().followers.count, 2);
    for round in 0..30 {
        for number in 0..100 {
            bus.emit(samples::system(
                "started",
                &(round * 100 + number).to_string(),
            ));
        }
        for number in 0..100 {
            let event = quick.next().await.unwrap();
            let expected = samples::system("started", &(round * 100 + number).to_string());
            assert_eq!(*event, expected);
        }
    }
    stop(&pipeline).await;
    assert!(quick.next().await.is_none());
    assert_eq!(quick.lost(), 0);
    let mut seen = 0;
    while slow.next().await.is_some() {
        seen += 1;
    }
    assert_eq!((seen, slow.lost()), (BEHIND as u64, 3000 - BEHIND as u64));
    assert_eq!(pipeline.status().followers.lost, slow.lost());
    assert!(
        pipeline.follow().next().await.is_none(),
        "closed after the stop"
    );
}

/// What a rate holds back is counted, and told to those who would have had it.
#[tokio::test]
async fn what_a_rate_holds_back_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = log(vec![file("a", folder.path())]);
    log.profiles[0].rate = Some(10);
    let (pipeline, bus) = start(&log, all());
    emit(&bus, 1000);
    let status = stop(&pipeline).await;
    check(&status, 1000);
    let told = status.publisher;
    assert!(told.published >= 10 && told.published < 500, "{told:?}");
    assert_eq!(told.published + told.suppressed, 1000);
    let text = std::fs::read_to_string(folder.path().join("a")).unwrap();
    assert_eq!(text.lines().count() as u64, told.published + 1);
    let last = text.lines().last().unwrap();
    let left_out = format!("log profile all: {} events left out", told.suppressed);
    assert!(
        last.contains("\"suppressed\"") && last.contains(&left_out),
        "{last}"
    );
}

/// As a format destination on BIG-IP: by the way of another one, in a format of its own, with numbers and a
/// queue of its own.
#[tokio::test]
async fn a_forward_goes_by_the_way_of_another_in_its_own_format() {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let text = format!(
        r#"
        [firewall]
        log_profile = "all"
        [[log.destination]]
        name = "way"
        type = "syslog"
        address = "{}"
        facility = "local3"
        [[log.destination]]
        name = "arcsight"
        type = "forward"
        forward_to = "way"
        format = "cef"
        [[log.publisher]]
        name = "all"
        destinations = ["arcsight"]
        [[log.profile]]
        name = "all"
        publisher = "all"
        "#,
        socket.local_addr().unwrap()
    );
    let plan = crate::config::parse("forward", &text, &crate::config::SystemResolver)
        .unwrap_or_else(|faults| panic!("{faults}"))
        .plan;
    let (pipeline, bus) = start(&plan.log, Routes::from_plan(&plan));
    emit(&bus, 2);
    for number in 1..=2 {
        let mut datagram = [0; 2000];
        let length = socket.recv(&mut datagram).await.unwrap();
        let record = std::str::from_utf8(&datagram[..length]).unwrap();
        // local3, warning.
        assert!(
            record.starts_with("<156>") && record.contains(" CEF:0|smtp-lb|"),
            "{record}"
        );
        assert!(
            record.contains(&format!(" externalId={number} ")),
            "{record}"
        );
    }
    let status = stop(&pipeline).await;
    let of = |name| (find(&status, name).offered, find(&status, name).sent);
    assert_eq!((of("way"), of("arcsight")), ((0, 0), (2, 2)));
}
