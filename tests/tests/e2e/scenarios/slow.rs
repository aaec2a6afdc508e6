//! Clients that are slow on purpose (notes, points 13, 14).

use std::fs;
use std::io::{ErrorKind, Read};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{self, Client, Message};
use smtp_lb_tests::tls_client::TlsClient;
use smtp_lb_tests::wait::LONG;

use super::stage::{self, Trust, greeted, hello, inside, members, virtual_server};
use crate::host::{Host, arrived, sinks};
use crate::over_both;

const SESSIONS: usize = 500;

/// Octets that each sends, one a second.
const OCTETS: usize = 12;

/// Most that one of them may hold, in KiB.
const EACH: u64 = 64;

fn start(site: &Site, family: Family, trust: &Trust, gateway: &str) -> Host {
    let keys = format!(
        "mode = \"starttls\"\nclient_tls = \"public\"\n\
         [virtual_server.limits]\nhandshake_timeout = \"1s\"\n\
         [virtual_server.gateway]\nstarttls = \"allow\"\n{gateway}\n"
    );
    let server = virtual_server("mail", family.service(), &keys, &members(family, 25));
    stage::start(site, &[&server, &trust.client_tls("")])
}

/// Memory of the daemon, in KiB.
fn resident(host: &mut Host) -> u64 {
    let path = format!("/proc/{}/status", host.daemon.process().id());
    let status = fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

/// One octet of what a slow session says: a command in the clear, a command inside TLS, the text
/// of a message.
fn octet(number: usize, at: usize) -> u8 {
    let line: &[u8] = if number % 4 == 3 {
        b"slow slow slow slow slow"
    } else {
        b"NOOP slow slow slow slow"
    };
    line[at]
}

over_both! {
    fn five_hundred_hold_little_and_hinder_nobody(family: Family) {
        let mut files = getrlimit(Resource::Nofile);
        files.current = files.maximum;
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let sinks = sinks(&site, family);
        let mut host = start(&site, family, &trust, "");
        setrlimit(Resource::Nofile, files).unwrap();
        let tls = trust.client();
        let fast = |id: String| {
            let mut client = inside(&site, family, &tls);
            let message = Message::new(&id, 100_000);
            client.send(&message).unwrap();
            client.quit().unwrap();
            message.digest()
        };
        // What serving anybody takes, once.
        let mut sent: Vec<u64> = (0..10).map(|number| fast(format!("warm-{number}"))).collect();
        let before = resident(&mut host);
        let session = |number: usize| -> Client {
            match number % 4 {
                0 => greeted(&site, family),
                1 => hello(&site, family),
                2 => inside(&site, family, &tls),
                _ => {
                    let mut client = inside(&site, family, &tls);
                    client.envelope(&Message::new("slow", 0)).unwrap();
                    client.command("DATA", 354).unwrap();
                    client
                }
            }
        };
        let mut slow: Vec<Client> = (0..SESSIONS).map(session).collect();
        for at in 0..OCTETS {
            let begin = Instant::now();
            for (number, client) in slow.iter_mut().enumerate() {
                client.write(&[octet(number, at)]).unwrap();
            }
            sent.push(fast(format!("fast-{at}")));
            thread::sleep(Duration::from_secs(1).saturating_sub(begin.elapsed()));
        }
        let grown = resident(&mut host).saturating_sub(before);
        assert!(
            grown <= EACH * SESSIONS as u64,
            "{grown} KiB more for {SESSIONS} sessions"
        );
        assert_eq!(host.status().virtual_servers[0].active, SESSIONS as u64);
        // They are sessions still.
        for (number, client) in slow.iter_mut().enumerate().filter(|(number, _)| number % 4 != 3) {
            client.write(b"\r\n").unwrap();
            client.expect(250).unwrap_or_else(|error| panic!("{number}: {error:#}"));
        }
        drop(slow);
        sent.sort_unstable();
        assert_eq!(arrived(&sinks), sent);
    }

    /// Point 13: a command, a text and a handshake each have an end.
    fn point_13_deadlines(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let _sinks = sinks(&site, family);
        let gateway = "command_timeout = \"2s\"\ndata_timeout = \"2s\"";
        let _host = start(&site, family, &trust, gateway);
        let tls = trust.client();

        // An octet now and then does not help: the deadline is the command's.
        let mut client = hello(&site, family);
        for octet in b"NOOP " {
            let _ = client.write(&[*octet]);
            thread::sleep(Duration::from_millis(700));
        }
        let reply = client.reply().unwrap();
        assert!(reply.is("421 4.4.2 "), "{reply}");
        client.closed().unwrap();

        for mut client in [greeted(&site, family), hello(&site, family), inside(&site, family, &tls)] {
            let reply = client.reply().unwrap();
            assert!(reply.is("421 4.4.2 "), "{reply}");
            client.closed().unwrap();
        }
        let mut client = inside(&site, family, &tls);
        client.envelope(&Message::new("a", 0)).unwrap();
        client.command("DATA", 354).unwrap();
        client.write(b"Subject: a\r\n").unwrap();
        let reply = client.reply().unwrap();
        assert!(reply.is("421 4.4.2 "), "{reply}");
        client.closed().unwrap();

        let mut client = hello(&site, family);
        client.command("STARTTLS", 220).unwrap();
        // A handshake that never begins: an alert, a FIN or a reset, but an end.
        let mut socket = client.socket().unwrap();
        let ended = socket.read_to_end(&mut Vec::new());
        let is_reset = |error: &std::io::Error| error.kind() == ErrorKind::ConnectionReset;
        assert!(ended.as_ref().map_or_else(is_reset, |_| true), "{ended:?}");
    }

    /// Point 14: after 20 bad commands it is enough.
    fn point_14_bad_commands(family: Family) {
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let _sinks = sinks(&site, family);
        let _host = start(&site, family, &trust, "bad_commands = 6\njunk_commands = 10");
        let mut client = hello(&site, family);
        let mut replies = Vec::new();
        while replies.last() != Some(&421) {
            replies.push(client.ask("WHAT").unwrap().code);
        }
        client.closed().unwrap();
        assert!(replies.len() == 6 || replies.len() == 7, "{replies:?}");

        let mut client = hello(&site, family);
        let mut replies = Vec::new();
        while replies.last() != Some(&421) {
            replies.push(client.ask("NOOP").unwrap().code);
        }
        client.closed().unwrap();
        assert!((16..=18).contains(&replies.len()), "{replies:?}");
    }
}

/// Old and new versions of TLS sit as quietly.
#[test]
fn idle_sessions_of_tls_1_2_hold_little() {
    let family = Family::V4;
    let site = Site::new().unwrap();
    let trust = Trust::new();
    let _sinks = sinks(&site, family);
    let keys = "mode = \"offload\"\nclient_tls = \"public\"\n";
    let server = virtual_server("mail", family.service(), keys, &members(family, 25));
    let mut host = stage::start(&site, &[&server, &trust.client_tls("")]);
    let tls = TlsClient::tls12(&trust.outside.ca(), stage::PUBLIC).unwrap();
    let session = || {
        let netns = Some(&*site.outside);
        let socket = smtp_client::connect(netns, None, family.service(), LONG).unwrap();
        let mut client = Client::over_tls(socket, &tls).unwrap();
        client.greeted().unwrap();
        client.hello().unwrap();
        client
    };
    let warm: Vec<Client> = (0..10).map(|_| session()).collect();
    let before = resident(&mut host);
    let idle: Vec<Client> = (0..200).map(|_| session()).collect();
    let grown = resident(&mut host).saturating_sub(before);
    assert!(grown <= EACH * 200, "{grown} KiB more for 200 sessions");
    for client in warm.into_iter().chain(idle) {
        client.quit().unwrap();
    }
}
