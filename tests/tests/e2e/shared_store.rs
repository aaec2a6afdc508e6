//! Two hosts with one store: what the one has heard the other knows, and a store that is away loses no mail.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde_json::Value;
use smtp_lb_tests::daemon::Daemon;
use smtp_lb_tests::folder::temporary;
use smtp_lb_tests::netns::Netns;
use smtp_lb_tests::redis::Redis;
use smtp_lb_tests::smtp_client::{Client, Message, Reply, connect};
use smtp_lb_tests::smtp_server::SmtpServer;
use smtp_lb_tests::wait::{LONG, until};
use tempfile::TempDir;

/// Of each host, in a network of its own.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 2525);
const MEMBER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 2526);

struct Host {
    daemon: Daemon,
    member: SmtpServer,
    netns: Arc<Netns>,
    _folder: TempDir,
}

impl Host {
    fn start(name: &str, store: &str) -> Self {
        let netns = Arc::new(Netns::new(name).unwrap());
        let member = SmtpServer::start(Some(&netns), "member.test", &[MEMBER]).unwrap();
        let folder = temporary("shared").unwrap();
        let path = folder.path();
        let at = path.display();
        let config = format!(
            r#"
            [general]
            workers = 1
            state_path = "{at}/state"
            [admin]
            socket = "{at}/admin.sock"
            [firewall]
            enforcement = "userspace"
            pin_path = "{at}/pins"
            {store}
            [[virtual_server]]
            name = "mx"
            listen = ["{LISTEN}"]
            pool = "mail"
            smtp_profile = "inbound"
            accept_proxy = {{ from = ["127.0.0.0/8"] }}
            [[pool]]
            name = "mail"
            members = ["{MEMBER}"]
            [[smtp_profile]]
            name = "inbound"
            [smtp_profile.greylist]
            alarm = true
            block = true
            delay = "1h"
            [smtp_profile.sender_rate]
            alarm = true
            block = true
            messages = 3
            window = "1h"
            "#
        );
        let file = path.join("smtp-lb.toml");
        fs::write(&file, config).unwrap();
        let (socket, log) = (path.join("admin.sock"), path.join("output"));
        let daemon = Daemon::start_as(&netns, &file, &socket, &log, name).unwrap();
        Self {
            daemon,
            member,
            netns,
            _folder: folder,
        }
    }

    /// After EHLO, as a client of that address.
    fn client(&self, address: &str) -> Client {
        let stream = connect(Some(&self.netns), None, LISTEN, LONG).unwrap();
        let mut client = Client::over(stream).unwrap();
        let header = format!("PROXY TCP4 {address} 203.0.113.25 4711 25\r\n");
        client.write(header.as_bytes()).unwrap();
        client.greeted().unwrap();
        client.hello().unwrap();
        client
    }

    fn mail(&self, sender: &str) -> (Client, Reply) {
        let mut client = self.client("192.0.2.7");
        let reply = client.ask(&format!("MAIL FROM:<{sender}>")).unwrap();
        (client, reply)
    }

    /// The reply to a recipient.
    fn rcpt(&self, sender: &str, recipient: &str) -> Reply {
        let (mut client, reply) = self.mail(sender);
        assert_eq!(reply.code, 250, "{reply}");
        client.ask(&format!("RCPT TO:<{recipient}>")).unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        self.daemon.cli().json(args).unwrap()
    }
}

fn two(redis: &Redis, when_away: &str) -> [Host; 2] {
    let store = format!(
        "[store]\ntype = \"valkey\"\nwhen_away = \"{when_away}\"\n[store.valkey]\naddress = \"{}\"\n",
        redis.socket().display()
    );
    ["mx-a", "mx-b"].map(|name| Host::start(name, &store))
}

#[test]
fn what_one_host_has_heard_the_other_knows() {
    let redis = Redis::start().unwrap();
    let [a, b] = two(&redis, "pass");
    // Greylisting: the entry of the one is the other's, and so is an operator's word on it.
    let (sender, joe) = ("a@one.test", "joe@good.test");
    assert!(a.rcpt(sender, joe).is("450 4.7.1 "));
    let listed = b.json(&["greylist", "list", "joe@"]);
    let entry = &listed["entries"][0];
    assert_eq!(
        (&entry["client"], &entry["state"]),
        (&"192.0.2.0/24".into(), &"waits".into())
    );
    assert!(b.rcpt(sender, joe).is("450 4.7.1 "));
    a.json(&["greylist", "allow", "192.0.2.7"]);
    let reply = b.rcpt(sender, joe);
    assert!(reply.is("250 "), "{reply}");
    let mut message = Message::new("shared", 1000);
    message.from = "a@three.test".into();
    b.client("192.0.2.7").send(&message).unwrap();
    assert_eq!((a.member.messages(), b.member.messages()), (0, 1));

    // Rates: both hosts count as one.
    for (host, reply) in [
        (&a, "250 "),
        (&b, "250 "),
        (&a, "250 "),
        (&b, "450 4.7.1 "),
        (&a, "450 4.7.1 "),
    ] {
        let (_client, said) = host.mail("a@two.test");
        assert!(said.is(reply), "{said}");
    }

    // Violations: each host lists all.
    for host in [&a, &b] {
        until("violations of both", LONG, || {
            let list = host.json(&["violations", "list"]);
            let mut found: Vec<_> = list["violations"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| [&it["host"], &it["check"], &it["sender"]].map(|it| it.as_str().unwrap()))
                .collect();
            found.sort_unstable();
            let all = [
                ["mx-a", "greylist", "a@one.test"],
                ["mx-a", "sender-rate", "a@two.test"],
                ["mx-b", "greylist", "a@one.test"],
                ["mx-b", "sender-rate", "a@two.test"],
            ];
            Ok((found == all).then_some(()))
        })
        .unwrap();
    }
}

#[test]
fn without_their_store_hosts_pass_or_defer_and_find_it_again() {
    for (when_away, said) in [("pass", "250 "), ("450", "450 4.3.0 ")] {
        let mut redis = Redis::start().unwrap();
        let hosts = two(&redis, when_away);
        for host in &hosts {
            let reply = host.rcpt("a@one.test", "joe@good.test");
            assert!(reply.is("450 4.7.1 "), "{reply}");
        }
        redis.stop().unwrap();
        for (host, domain) in hosts.iter().zip(["three", "four"]) {
            let (mut client, mail) = host.mail(&format!("a@{domain}.test"));
            assert!(mail.is(said), "{when_away}: {mail}");
            if mail.code == 250 {
                let rcpt = client.ask("RCPT TO:<joe@good.test>").unwrap();
                assert!(rcpt.is(said), "{when_away}: {rcpt}");
            }
        }
        redis.again().unwrap();
        for (host, domain) in hosts.iter().zip(["five", "six"]) {
            // It knows nothing any more, and what it is told it keeps again.
            until("the store", LONG, || {
                let mut client = host.client("192.0.2.7");
                let mail = client.ask(&format!("MAIL FROM:<a@{domain}.test>"))?;
                let rcpt = client.ask("RCPT TO:<joe@good.test>")?;
                Ok((mail.code == 250 && rcpt.is("450 4.7.1 ")).then_some(()))
            })
            .unwrap();
            let listed = host.json(&["greylist", "list", "joe@"]);
            assert!(!listed["entries"].as_array().unwrap().is_empty());
        }
    }
}
