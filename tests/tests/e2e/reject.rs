//! Who is rejected sees it at once: TCP by a reset, the rest by ICMP.

use std::io::{ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use aya::programs::Xdp;
use aya::programs::xdp::XdpMode;
use aya::{Ebpf, EbpfLoader};
use smtp_lb::firewall::{Counters, InForce, Word};
use smtp_lb_common::abi::PROGRAM;
use smtp_lb_tests::netns::Netns;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client;
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Files, Host, send, sinks, with};
use crate::over_both;

/// A connect without any answer would take longer than this.
const BOUND: Duration = Duration::from_secs(10);

/// Rejects others at the virtual server, and what no rule decides.
fn text(files: &Files, family: Family) -> String {
    let text = with(
        &files.text(family),
        "action = \"drop\"",
        "action = \"reject\"",
    );
    with(
        &text,
        "mode = \"firewall\"",
        "mode = \"firewall\"\ndefault = \"reject\"",
    )
}

/// A site whose client gets what its peer sends back from XDP: veth gives such frames at once only to
/// one that has an XDP program itself. Ours without an image lets all pass.
pub(crate) fn site() -> (Site, Ebpf) {
    let site = Site::new().unwrap();
    let object = smtp_lb::firewall::object().unwrap();
    let attached = site.outside.inside(|| {
        let mut ebpf = EbpfLoader::new().load(object)?;
        let program: &mut Xdp = ebpf.program_mut(PROGRAM).unwrap().try_into()?;
        program.load()?;
        program.attach("eth0", XdpMode::Driver)?;
        Ok(ebpf)
    });
    (site, attached.unwrap())
}

/// Connects and is told why not.
fn refused(netns: &Netns, from: IpAddr, to: SocketAddr) -> ErrorKind {
    let error = smtp_client::connect(Some(netns), Some(from), to, BOUND).unwrap_err();
    kind(&error)
}

fn kind(error: &anyhow::Error) -> ErrorKind {
    let io = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.unwrap_or_else(|| panic!("{error:#}")).kind()
}

/// Sends datagrams until an error comes back.
fn prohibited(netns: &Netns, from: IpAddr, to: SocketAddr) -> ErrorKind {
    let socket = netns.inside(|| Ok(UdpSocket::bind((from, 0))?)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    socket.connect(to).unwrap();
    until("an ICMP error", LONG, || {
        let sent = socket.send(b"hello");
        match sent.and_then(|_| socket.recv(&mut [0; 16])) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(None)
            }
            Err(error) => Ok(Some(error.kind())),
            Ok(_) => panic!("an answer"),
        }
    })
    .unwrap()
}

/// What Linux makes of each version's error (`icmp_err_convert`, `icmpv6_err_convert`).
const fn unreachable(family: Family) -> ErrorKind {
    match family {
        Family::V4 => ErrorKind::HostUnreachable,
        Family::V6 => ErrorKind::PermissionDenied,
    }
}

fn count(counters: &Counters, rule: &str, verdict: Word) -> u64 {
    let rows = counters.rows.iter();
    let rows = rows.filter(|row| row.label.rule == rule && row.label.verdict == verdict);
    rows.map(|row| row.count.packets).sum()
}

/// Both ways to be rejected, and what is counted and told of them.
fn rejects(site: &Site, host: &Host, family: Family) {
    for _ in 0..3 {
        let seen = refused(&site.outside, family.untrusted(), family.service());
        assert_eq!(seen, ErrorKind::ConnectionRefused);
    }
    let nowhere = SocketAddr::new(family.outer(), 5353);
    assert_eq!(
        prohibited(&site.outside, family.untrusted(), nowhere),
        unreachable(family)
    );
    let counters = host.counters();
    assert!(
        count(&counters, "others", Word::Reject) >= 3,
        "{counters:#?}"
    );
    assert!(
        count(&counters, "default", Word::Reject) >= 1,
        "{counters:#?}"
    );
    assert_eq!(
        (counters.answers.failed, counters.answers.rate_limited),
        (0, 0)
    );
    assert!(counters.rejected.packets >= 4, "{counters:#?}");
    let listed = host.cli().text(&["firewall", "list"]).unwrap();
    assert!(listed.contains("reject"), "{listed}");
    until("the events", LONG, || {
        let told = std::fs::read_to_string(host.files.events()).unwrap_or_default();
        let told = told
            .lines()
            .filter(|line| line.contains("\"action\":\"reject\""))
            .count();
        Ok((told >= 4).then_some(()))
    })
    .unwrap();
}

over_both! {
    fn at_once_and_mail_goes_on(family: Family) {
        let (site, _peer) = site();
        let sinks = sinks(&site, family);
        let files = Files::new();
        let text = text(&files, family);
        let host = Host::start_with(&site, files, &text);
        host.await_member("mx1", "up");
        rejects(&site, &host, family);
        let digest = send(&site, family, "trusted");
        assert_eq!(crate::host::arrived(&sinks), [digest]);
    }

    fn in_the_generic_hook(family: Family) {
        let (site, _peer) = site();
        let files = Files::new();
        let text = with(&text(&files, family), "xdp-native", "xdp-generic");
        let host = Host::start_with(&site, files, &text);
        assert_eq!(host.status().firewall.in_force, InForce::XdpGeneric);
        rejects(&site, &host, family);
    }

    fn at_accept(family: Family) {
        let (site, _peer) = site();
        let files = Files::new();
        let text = with(&text(&files, family), "xdp-native", "userspace");
        let host = Host::start_with(&site, files, &text);
        let status = host.cli().text(&["status"]).unwrap();
        assert!(status.contains("only connections can be rejected, by a reset"), "{status}");
        // The kernel has taken it before anybody was asked; the reset may come within the connect.
        let from = Some(family.untrusted());
        let stream = smtp_client::connect(Some(&site.outside), from, family.service(), BOUND);
        let read = stream.and_then(|mut stream| Ok(stream.read(&mut [0; 64])?));
        assert_eq!(kind(&read.unwrap_err()), ErrorKind::ConnectionReset);
        let counters = host.counters();
        assert_eq!(count(&counters, "others", Word::Reject), 1);
        assert_eq!(counters.rejected.packets, 1);
    }
}

#[test]
fn no_more_often_than_the_rate() {
    let family = Family::V4;
    let (site, _peer) = site();
    let files = Files::new();
    let text = with(&text(&files, family), "mode =", "reject_rate = 1\nmode =");
    let host = Host::start_with(&site, files, &text);
    let sent =
        smtp_lb_tests::flood::syn(&site.outside, &[family.untrusted()], family.service(), 300)
            .unwrap();
    let counters = host.counters();
    let rejected = count(&counters, "others", Word::Reject);
    assert!((1..sent / 2).contains(&rejected), "{rejected} of {sent}");
    assert!(
        counters.answers.rate_limited >= sent - rejected,
        "{counters:#?}"
    );
    assert!(
        count(&counters, "others", Word::Drop) >= sent - rejected,
        "{counters:#?}"
    );
}
