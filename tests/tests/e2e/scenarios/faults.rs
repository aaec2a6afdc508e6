//! A profile with every check, whose DNS and store fail by chance: no mail is lost, and none refused for
//! good because of that.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use smtp_lb_tests::flaky_dns::{Chance, FlakyDns};
use smtp_lb_tests::folder::temporary;
use smtp_lb_tests::redis::Redis;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{Client, Message};
use smtp_lb_tests::smtp_server::SmtpServer;
use smtp_lb_tests::wait::LONG;

use super::stage::{self, virtual_server};
use crate::host::Host;

const MESSAGES: usize = 10_000;
const CLIENTS: usize = 8;
/// Messages of one session.
const SESSION: usize = 5;

const PROFILE: &str = r#"[[smtp_profile]]
name = "all"
[smtp_profile.client_rate]
block = true
at_once = 1000
[smtp_profile.pregreet]
block = true
delay = "100ms"
[smtp_profile.protocol_compliance]
block = true
[smtp_profile.methods]
block = true
[smtp_profile.smuggling]
block = true
[smtp_profile.size]
block = true
recipients = 100
message = "1MiB"
[smtp_profile.disallowed_client]
block = true
domains = ["bad.example"]
[smtp_profile.disallowed_sender]
block = true
domains = ["bad.example"]
[smtp_profile.recipient_domain]
block = true
domains = ["inside.example"]
[smtp_profile.harvest]
block = true
[smtp_profile.sender_rate]
block = true
messages = 1000000
[smtp_profile.recipient_rate]
block = true
messages = 1000000
[smtp_profile.client_dns]
block = true
[smtp_profile.dnsbl]
block = true
lists = [{ zone = "bl.test" }, { zone = "wl.bl.test", weight = -5 }]
when_away = "450"
[smtp_profile.sender_domain]
block = true
permanent = true
[smtp_profile.spf]
block = true
none = "refuse"
neutral = "refuse"
permerror = "refuse"
[smtp_profile.greylist]
block = true
delay = "1s"
"#;

fn store(address: &Path) -> String {
    format!(
        "[store]\ntype = \"valkey\"\nwhen_away = \"450\"\n[store.valkey]\naddress = \"{}\"\ntimeout = \"1s\"\n\n",
        address.display()
    )
}

fn dns(server: SocketAddr) -> String {
    format!("[dns]\nservers = [\"{server}\"]\ntimeout = \"400ms\"\ncache = 0\n\n")
}

/// Between the daemon and its store: cuts connections by chance. Dropped, it ends.
struct Cutter {
    path: PathBuf,
    ends: Arc<AtomicBool>,
    cuts: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Cutter {
    fn start(path: PathBuf, store: PathBuf) -> Self {
        let listener = UnixListener::bind(&path).unwrap();
        let (ends, cuts) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (over, cut) = (Arc::clone(&ends), Arc::clone(&cuts));
        let thread = thread::spawn(move || {
            let mut chance = Chance(0x0c0f_fee5);
            while let Ok((client, _)) = listener.accept() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                // So many reads of the daemon's are passed on, and then no more.
                let reads = 1 + chance.draw(400);
                let Ok(server) = UnixStream::connect(&store) else {
                    continue;
                };
                let cut = Arc::clone(&cut);
                thread::spawn(move || carry(client, server, reads, &cut));
            }
        });
        Self {
            path,
            ends,
            cuts,
            thread: Some(thread),
        }
    }
}

fn carry(mut client: UnixStream, mut server: UnixStream, reads: u64, cuts: &AtomicUsize) {
    let (Ok(mut to_client), Ok(mut from_server)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    let back = thread::spawn(move || {
        // An end, whichever: both sides are told below.
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut octets = [0; 4096];
    for _ in 0..reads {
        let Ok(length @ 1..) = client.read(&mut octets) else {
            break;
        };
        if server.write_all(&octets[..length]).is_err() {
            break;
        }
    }
    cuts.fetch_add(1, Ordering::Relaxed);
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
    let _ = back.join();
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // Wakes the thread that waits in accept.
        let _ = UnixStream::connect(&self.path);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What became of messages.
#[derive(Debug, Default)]
struct Tally {
    acknowledged: usize,
    deferred: usize,
}

/// Sends so many messages; every refusal must be one for now.
fn send(site: &Site, server: SocketAddr, count: usize) -> Tally {
    let mut tally = Tally::default();
    let mut left = count;
    while left > 0 {
        let mut client = Client::connect(Some(&site.outside), None, server, LONG).unwrap();
        client.hello().unwrap();
        for _ in 0..SESSION.min(left) {
            left -= 1;
            if one(&mut client) {
                tally.acknowledged += 1;
            } else {
                tally.deferred += 1;
            }
        }
        client.quit().unwrap();
    }
    tally
}

/// Whether it was taken.
fn one(client: &mut Client) -> bool {
    let message = Message::new("fault", 300);
    for line in [
        format!("MAIL FROM:<{}>", message.from),
        format!("RCPT TO:<{}>", message.to[0]),
    ] {
        let reply = client.ask(&line).unwrap();
        if reply.code != 250 {
            assert!(
                (400..420).contains(&reply.code) || (422..500).contains(&reply.code),
                "{line}: {reply}"
            );
            client.command("RSET", 250).unwrap();
            return false;
        }
    }
    client.command("DATA", 354).unwrap();
    client.write(&message.stuffed()).unwrap();
    client.expect(250).unwrap();
    true
}

struct Scene {
    site: Site,
    host: Host,
    dns: FlakyDns,
    sink: SmtpServer,
    cutter: Option<Cutter>,
    _redis: Redis,
    _folder: tempfile::TempDir,
}

fn scene(profile: &str, failures: u64, cuts: bool) -> Scene {
    scene_over(Some(profile), failures, cuts, true)
}

/// `shared`: over a store that hosts share; else over the embedded one, with answers kept.
fn scene_over(profile: Option<&str>, failures: u64, cuts: bool, shared: bool) -> Scene {
    let family = Family::V4;
    let site = Site::new().unwrap();
    let sink = [SocketAddr::new(family.mx1(), 25)];
    let server = SmtpServer::start(Some(&site.mx1), "mx1.inside.example", &sink).unwrap();
    let resolver = SocketAddr::new(family.inner(), 5353);
    let client = family.trusted();
    let dns_server = FlakyDns::start(&site.host, resolver, client, failures).unwrap();
    let redis = Redis::start().unwrap();
    let folder = temporary("cutter").unwrap();
    let path = folder.path().join("store");
    let cutter = cuts.then(|| Cutter::start(path.clone(), redis.socket()));
    let address = if cuts { path } else { redis.socket() };
    let keys = match profile {
        Some(_) => "smtp_profile = \"all\"\nlog_profile = \"all\"\n",
        None => "gateway = {}\nlog_profile = \"all\"\n",
    };
    let (store, dns) = if shared {
        (store(&address), dns(resolver))
    } else {
        (
            String::new(),
            format!("[dns]\nservers = [\"{resolver}\"]\n\n"),
        )
    };
    let text = [
        store,
        dns,
        virtual_server("inbound", family.service(), keys, &sink),
        profile.unwrap_or_default().to_owned(),
    ];
    let parts: Vec<&str> = text.iter().map(String::as_str).collect();
    let host = stage::start(&site, &parts);
    Scene {
        site,
        host,
        dns: dns_server,
        sink: server,
        cutter,
        _redis: redis,
        _folder: folder,
    }
}

#[test]
fn no_mail_is_lost_or_refused_for_good_while_dns_and_store_fail() {
    let scene = scene(PROFILE, 4, true);
    let service = Family::V4.service();
    let (site, scene) = (&scene.site, &scene);
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(move || send(site, service, MESSAGES / CLIENTS)))
            .collect();
        clients.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let acknowledged: usize = tallies.iter().map(|it| it.acknowledged).sum();
    let deferred: usize = tallies.iter().map(|it| it.deferred).sum();
    assert_eq!(acknowledged + deferred, MESSAGES);
    assert_eq!(scene.sink.messages(), acknowledged);
    let (answered, failed) = scene.dns.counts();
    let cuts = scene
        .cutter
        .as_ref()
        .map_or(0, |it| it.cuts.load(Ordering::Relaxed));
    println!(
        "{acknowledged} delivered, {deferred} refused for now; DNS: {answered} answered, {failed} not; \
         store: {cuts} connections cut"
    );
    // It must have been a test of both, and of mail that got through all the same.
    assert!(failed > 100 && cuts > 10, "{failed} {cuts}");
    assert!(
        acknowledged > MESSAGES / 10 && deferred > 100,
        "{tallies:?}"
    );
    assert_eq!(scene.host.status().virtual_servers[0].panics, 0);
}

/// CPU time of the daemon in seconds: user and system, in ticks of 10 ms.
fn cpu(host: &mut Host) -> f64 {
    let id = host.daemon.process().id();
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    // Behind the name, which may have spaces: the 14th and 15th field of proc(5).
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let ticks = rest.split_whitespace().skip(11).take(2);
    ticks.map(|it| it.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// Microseconds of the daemon's CPU for a message, and what became of them.
fn cost(profile: Option<&str>, messages: usize) -> f64 {
    let mut scene = scene_over(profile, 0, false, false);
    let service = Family::V4.service();
    // Caches warm, and known to the greylist.
    send(&scene.site, service, 20);
    thread::sleep(Duration::from_secs(2));
    send(&scene.site, service, 200);
    let before = cpu(&mut scene.host);
    let tally = send(&scene.site, service, messages);
    assert_eq!(tally.deferred, 0);
    (cpu(&mut scene.host) - before) * 1e6 / f64::from(u32::try_from(messages).unwrap())
}

/// What bench/security.md has.
#[test]
#[ignore = "measures; takes a quiet machine"]
fn cost_of_a_profile_with_every_check() {
    for round in 0..3 {
        let without = cost(None, 10_000);
        let with = cost(Some(PROFILE), 10_000);
        println!(
            "round {round}: {without:.0} us a message without, {with:.0} us with, {:.0} us more",
            with - without
        );
    }
}

/// Who is not asked about is not asked: no check, no question.
#[test]
fn without_alarm_and_block_nobody_is_asked_anything() {
    let off = PROFILE.replace("block = true\n", "");
    let scene = scene(&off, 0, false);
    let tally = send(&scene.site, Family::V4.service(), 20);
    assert_eq!((tally.acknowledged, tally.deferred), (20, 0));
    thread::sleep(Duration::from_millis(300));
    assert_eq!(scene.dns.counts(), (0, 0));
}
