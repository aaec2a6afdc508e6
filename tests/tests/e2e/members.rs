//! Members that operators take out of service, and members whose addresses change.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use rustix::process::Signal;
use smtp_lb::admin::api::{MemberStatus, PoolEvents, PoolList};
use smtp_lb_tests::daemon::Daemon;
use smtp_lb_tests::dns_server::{DnsServer, Manner};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{Client, Message};
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Files, Host, send, session, sink, sinks};
use crate::over_both;

const LEAVES: &str = "421 4.3.2 Mail server goes out of service, closing";

/// A virtual server without a packet filter, with these keys of its own and of its pool.
fn text(files: &Files, family: Family, server: &str, pool: &str) -> String {
    let folder = files.folder.path().display();
    let pins = files.pins.path().display();
    let service = family.service();
    format!(
        "[general]\nworkers = 2\ngrace = \"5s\"\nstate_path = \"{folder}/state\"\n\n\
         [admin]\nsocket = \"{folder}/admin.sock\"\n\n[firewall]\npin_path = \"{pins}\"\n\n\
         [log]\nsystem_profile = \"all\"\n\n[[log.destination]]\nname = \"file\"\ntype = \"file\"\n\
         path = \"{folder}/events.json\"\n\n[[log.publisher]]\nname = \"file\"\n\
         destinations = [\"file\"]\n\n[[log.profile]]\nname = \"all\"\npublisher = \"file\"\n\n\
         [[virtual_server]]\nname = \"inbound\"\nlisten = [\"{service}\"]\npool = \"mx\"\n{server}\n\
         [[pool]]\nname = \"mx\"\n{pool}\n"
    )
}

fn both(family: Family) -> String {
    format!(
        "members = [{{ name = \"mx1\", address = \"{}\" }}, {{ name = \"mx2\", address = \"{}\" }}]",
        SocketAddr::new(family.mx1(), 25),
        SocketAddr::new(family.mx2(), 25)
    )
}

fn start(site: &Site, family: Family, server: &str) -> Host {
    let files = Files::new();
    let text = text(&files, family, server, &both(family));
    Host::start_with(site, files, &text)
}

/// A session on the first member, of which the second could have taken the next.
fn on_first(site: &Site, family: Family, host: &Host) -> Client {
    host.cli().text(&["member", "disable", "mx2"]).unwrap();
    let client = session(site, family);
    host.cli().text(&["member", "enable", "mx2"]).unwrap();
    client
}

over_both! {
    fn a_disabled_member_finishes_what_runs_and_others_get_what_is_new(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let host = start(&site, family, "");
        let mut running = on_first(&site, family, &host);
        host.cli().text(&["member", "disable", "mx/mx1"]).unwrap();
        for id in ["a", "b", "c"] {
            send(&site, family, id);
        }
        assert_eq!((sinks[0].messages(), sinks[1].messages()), (0, 3));
        running.send(&Message::new("still here", 1000)).unwrap();
        running.quit().unwrap();
        assert_eq!(sinks[0].messages(), 1);
        assert_eq!(host.member("mx1").administration, "disabled");
    }

    fn a_member_forced_offline_loses_its_sessions(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let host = start(&site, family, "");
        let mut running = on_first(&site, family, &host);
        host.cli().text(&["member", "offline", "mx1"]).unwrap();
        running.reply().unwrap_err();
        send(&site, family, "next");
        assert_eq!((sinks[0].messages(), sinks[1].messages()), (0, 1));
        assert_eq!(host.status().virtual_servers[0].cut, 1);
    }

    fn a_drain_lets_a_message_end_then_says_421_and_cuts_the_rest_at_its_deadline(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let host = start(&site, family, "gateway = { balance_unit = \"session\" }");
        let message = Message::new("under way", 20_000);
        let begin = |host: &Host| {
            host.cli().text(&["member", "disable", "mx2"]).unwrap();
            let mut client = session(&site, family);
            client.envelope(&message).unwrap();
            client.command("DATA", 354).unwrap();
            host.cli().text(&["member", "enable", "mx2"]).unwrap();
            client
        };
        let mut polite = begin(&host);
        let mut slow = begin(&host);
        let body = message.stuffed();
        let half = body.len() / 2;
        polite.write(&body[..half]).unwrap();
        slow.write(&body[..half]).unwrap();
        host.cli().text(&["member", "drain", "mx1", "--within", "4s"]).unwrap();

        polite.write(&body[half..]).unwrap();
        polite.expect(250).unwrap();
        assert_eq!(polite.expect(421).unwrap().to_string(), LEAVES);
        polite.closed().unwrap();
        assert_eq!(sinks[0].deliveries()[0].digest, message.digest());

        // The deadline comes within its message: the member is cut off, and the client told.
        until("the drain is over", LONG, || {
            Ok((host.member("mx1").administration == "drained").then_some(()))
        })
        .unwrap();
        slow.write(&body[half..]).unwrap();
        slow.expect(451).unwrap();
        assert_eq!(slow.expect(421).unwrap().to_string(), LEAVES);
        assert_eq!((sinks[0].messages(), sinks[1].messages()), (1, 0));
        send(&site, family, "elsewhere");
        assert_eq!(sinks[1].messages(), 1);

        let events: PoolEvents = host.cli().json(&["pool", "events", "mx"]).unwrap();
        let changes: Vec<&str> = events.events.iter().map(|it| it.change.as_str()).collect();
        assert_eq!(changes[changes.len() - 2..], ["draining", "drained"]);
    }

    fn a_relayed_session_goes_on_to_the_deadline(family: Family) {
        let site = Site::new().unwrap();
        let _sinks = sinks(&site, family);
        let host = start(&site, family, "");
        let mut running = on_first(&site, family, &host);
        host.cli().text(&["member", "drain", "mx1", "--within", "3s"]).unwrap();
        running.send(&Message::new("in time", 1000)).unwrap();
        running.reply().unwrap_err();
        assert_eq!(host.member("mx1").administration, "drained");
    }

    fn what_was_said_outlives_a_kill(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let mut host = start(&site, family, "");
        host.cli().text(&["member", "disable", "mx1"]).unwrap();
        host.cli().text(&["reload"]).unwrap();
        assert_eq!(host.member("mx1").administration, "disabled");
        host.daemon.process().signal(Signal::KILL).unwrap();
        host.daemon.process().wait(LONG).unwrap();
        host.restart(&site);
        assert_eq!(host.member("mx1").administration, "disabled");
        for id in ["a", "b"] {
            send(&site, family, id);
        }
        assert_eq!((sinks[0].messages(), sinks[1].messages()), (0, 2));
    }

    fn members_follow_the_addresses_of_their_name_and_stay_while_dns_is_away(family: Family) {
        let site = Site::new().unwrap();
        let first = sink(&site.mx1, "mx1", family.mx1());
        let second = sink(&site.mx2, "mx2", family.mx2());
        let at = |addresses: &[IpAddr]| Manner::Addresses(addresses.to_vec());
        let listen = SocketAddr::from(([127, 0, 0, 1], 53));
        let dns = DnsServer::start(&site.host, listen, at(&[family.mx1()])).unwrap();
        let files = Files::new();
        let resolv_conf = files.folder.path().join("resolv.conf");
        fs::write(&resolv_conf, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
        let pool = "members = [\"mx.inside.example:25\"]\nmonitors = [\"smtp\"]\n\n[[monitor]]\n\
                    name = \"smtp\"\ntype = \"smtp\"\ninterval = \"200ms\"\ntimeout = \"2s\"";
        let server = "gateway = { hostname = \"lb.example\" }";
        fs::write(files.config(), text(&files, family, server, pool)).unwrap();
        let run = || {
            let (config, socket, log) = (files.config(), files.socket(), files.log());
            Daemon::start_resolving(&site.host, &config, &socket, &log, &resolv_conf).unwrap()
        };
        let mut daemon = run();
        let name = |address: IpAddr| format!("mx.inside.example:25/{address}");
        let (one, other) = (name(family.mx1()), name(family.mx2()));
        let members = |daemon: &Daemon| -> Vec<MemberStatus> {
            let mut list: PoolList = daemon.cli().json(&["pool", "list"]).unwrap();
            list.pools.remove(0).members
        };
        let await_members = |daemon: &Daemon, wanted: &[&str]| {
            until(format!("members {wanted:?}, up"), LONG, || {
                let found = members(daemon);
                let same = found.iter().map(|it| it.name.as_str()).eq(wanted.iter().copied());
                Ok((same && found.iter().all(|it| it.gone || it.state == "up")).then_some(()))
            })
            .unwrap();
        };
        await_members(&daemon, &[&one]);
        let mut running = session(&site, family);
        running.send(&Message::new("one", 1000)).unwrap();
        running.envelope(&Message::new("two", 1000)).unwrap();

        // A second address: a member of its own, watched like the first, whose counters go on.
        dns.behave(at(&[family.mx1(), family.mx2()]));
        await_members(&daemon, &[&one, &other]);
        let before = members(&daemon).remove(0);
        assert_eq!(before.total, 1);

        // The first is gone: it finishes, gets nothing new, and shows until it is empty.
        dns.behave(at(&[family.mx2()]));
        await_members(&daemon, &[&other, &one]);
        assert!(members(&daemon)[1].gone);
        for id in ["a", "b", "c"] {
            send(&site, family, id);
        }
        running.command("DATA", 354).unwrap();
        running.write(&Message::new("two", 1000).stuffed()).unwrap();
        running.expect(250).unwrap();
        assert_eq!((first.messages(), second.messages()), (2, 3));
        running.quit().unwrap();
        await_members(&daemon, &[&other]);

        // That there is no such name takes nothing away; nor does a start that nobody answers.
        dns.behave(Manner::NoName);
        until("a failure is told", LONG, || {
            let events = fs::read_to_string(files.events()).unwrap();
            Ok(events.contains("resolution_failed").then_some(()))
        })
        .unwrap();
        await_members(&daemon, &[&other]);
        let shown = daemon.cli().text(&["pool", "show", "mx"]).unwrap();
        assert!(shown.contains("it has no address"), "{shown}");
        dns.behave(Manner::Silent);
        daemon.process().signal(Signal::KILL).unwrap();
        daemon.process().wait(LONG).unwrap();
        let daemon = run();
        await_members(&daemon, &[&other]);
        send(&site, family, "without DNS");
        assert_eq!(second.messages(), 4);

        // It comes back, and with it the other one.
        dns.behave(at(&[family.mx1()]));
        await_members(&daemon, &[&one]);
        let events: PoolEvents = daemon.cli().json(&["pool", "events"]).unwrap();
        let moves = events.events.iter().filter(|it| it.monitor.is_empty());
        let moves: Vec<_> = moves.map(|it| (it.change.as_str(), it.member.as_str())).collect();
        assert_eq!(moves, [("added", one.as_str()), ("removed", other.as_str())]);
    }
}
