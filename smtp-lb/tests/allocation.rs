//! From the ring's record to a destination nothing is allocated for an event: what is allocated at all is for
//! batches of some hundred. All allocations of the process are counted, so there is one test in this program.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::alloc::System;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use smtp_lb::config::{Resolve, parse};
use smtp_lb::event::ring::{Intake, SlotName};
use smtp_lb::event::{Bus, Pipeline, Routes};
use smtp_lb_common::event::RawEvent;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use zerocopy::FromBytes as _;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Events of a burst: less than any queue holds, so that none is lost.
const BURST: u64 = 8192;
/// Bursts before and while allocations are counted.
const WARM: u64 = 10;
const COUNTED: u64 = 20;
/// Events to one allocation, at least. Batches are of 256 to 512, and have a handful each: a task for the
/// write to a file.
const EVENTS: u64 = 25;

struct Nobody;

impl Resolve for Nobody {
    fn resolve(&self, _: &str, _: u16) -> std::io::Result<Vec<SocketAddr>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

fn configuration(destination: &str, format: &str) -> String {
    format!(
        "[log]\nsystem_profile = \"p\"\n\
         [[log.destination]]\nname = \"d\"\nqueue = 20000\nformat = \"{format}\"\n{destination}\n\
         [[log.publisher]]\nname = \"all\"\ndestinations = [\"d\"]\n\
         [[log.profile]]\nname = \"p\"\npublisher = \"all\"\naccept = true\n\
         [firewall]\nlog_profile = \"p\"\n\
         [[virtual_server]]\nname = \"mx\"\nlisten = [\"127.0.0.1:2525\"]\npool = \"mail\"\n\
         [[pool]]\nname = \"mail\"\nmembers = [\"127.0.0.1:2526\"]\n"
    )
}

/// Records of a few rules, addresses of both families, all times and ports.
fn record(number: u64) -> RawEvent {
    let mut raw = RawEvent::read_from_bytes(&[0; 72]).unwrap();
    raw.time = number * 1_000_003;
    raw.slot = 128 + u32::try_from(number % 7).unwrap();
    raw.interface = 1 + u32::try_from(number % 2).unwrap();
    if number.is_multiple_of(3) {
        raw.src = (0x2001_0db8_u128 << 96 | u128::from(number)).to_be_bytes();
        raw.dst = (0x2001_0db8_u128 << 96 | 0x19).to_be_bytes();
    } else {
        raw.src = (0xffff_c000_0000 | u128::from(number % 65_536)).to_be_bytes();
        raw.dst = (0xffff_c633_6419_u128).to_be_bytes();
    }
    (raw.protocol, raw.tcp_flags, raw.verdict, raw.reason) = (6, 2, 1, 17);
    raw.src_port = u16::try_from(number % 60_000).unwrap();
    (raw.dst_port, raw.length, raw.vlan) = (25, 74, u16::MAX);
    raw
}

fn intake(bus: &Bus) -> Intake {
    let slot = |slot| {
        Some(SlotName {
            virtual_server: "mx".into(),
            policy: "edge".into(),
            rule: format!("rule-{slot}").into(),
        })
    };
    Intake::new(Box::new(slot), Box::new(|_| None), bus.clone()).unwrap()
}

/// Allocations for the counted events.
async fn allocations(text: &str) -> u64 {
    let plan = parse("test", text, &Nobody)
        .map_err(|e| e.to_string())
        .unwrap()
        .plan;
    let (pipeline, bus) =
        Pipeline::start(&plan.log, Routes::from_plan(&plan), &Arc::default()).unwrap();
    let mut intake = intake(&bus);
    let sent = || pipeline.status().destinations[0].sent;
    // One that is told first makes the destination connect.
    let mut number = 0;
    let mut counted = None;
    let mut polls = 0;
    for burst in 0..WARM + COUNTED {
        if burst == WARM {
            polls = 0;
            counted = Some(Region::new(ALLOCATOR));
        }
        for _ in 0..BURST {
            intake.put(record(number), 1_772_368_496_000_000_000);
            number += 1;
        }
        intake.flush();
        let mut waited = 0;
        while sent() < number {
            assert!(waited < 20_000, "{text}: {:?}", pipeline.status());
            waited += 1;
            polls += 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        polls += 1;
    }
    let all = counted.unwrap().change().allocations as u64;
    let asking = Region::new(ALLOCATOR);
    sent();
    let asking = asking.change().allocations as u64;
    let status = pipeline.shutdown(Duration::from_secs(5)).await;
    assert_eq!(status.bus.lost + status.destinations[0].lost.total(), 0);
    all.saturating_sub(asking * polls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_allocated_for_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = collector.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut waste = vec![0; 1 << 20];
        for stream in collector.incoming() {
            let mut stream = stream.unwrap();
            while stream.read(&mut waste).unwrap_or(0) > 0 {}
        }
    });
    // What nobody reads the kernel drops.
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp = nobody.local_addr().unwrap();
    for format in ["rfc5424", "json", "bigip"] {
        let path = folder.path().join(format);
        for destination in [
            file(&path),
            format!("type = \"syslog\"\naddress = \"{udp}\"\ntransport = \"udp\""),
            format!("type = \"syslog\"\naddress = \"{tcp}\"\ntransport = \"tcp\""),
        ] {
            let number = allocations(&configuration(&destination, format)).await;
            let events = COUNTED * BURST;
            println!("{format}, {destination:?}: {number} allocations for {events} events");
            assert!(
                number * EVENTS < events,
                "{format}, {destination}: {number} allocations for {events} events"
            );
        }
    }
}

fn file(path: &Path) -> String {
    format!("type = \"file\"\npath = \"{}\"", path.display())
}
