//! The address that members see, as a real Postfix logs it.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;

use smtp_lb_tests::netns::Netns;
use smtp_lb_tests::postfix::{Postfix, Setup};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{Client, Message};
use smtp_lb_tests::wait::{LONG, until};

use super::stage::{self, virtual_server};
use crate::host::with;
use crate::over_both;

/// The addresses of the SNAT pool.
fn pool(family: Family) -> [IpAddr; 2] {
    let ends = match family {
        Family::V4 => ["10.78.0.5", "10.78.0.6"],
        Family::V6 => ["fd78::5", "fd78::6"],
    };
    ends.map(|address| address.parse().unwrap())
}

/// The member answers its clients by way of the host.
fn route_back(site: &Site, family: Family) {
    let (flag, network) = match family {
        Family::V4 => ("-4", "10.77.0.0/24"),
        Family::V6 => ("-6", "fd77::/64"),
    };
    let gateway = family.inner();
    site.mx1
        .ip(&format!("{flag} route add {network} via {gateway}"))
        .unwrap();
    for address in pool(family) {
        let bits = if address.is_ipv4() { 24 } else { 64 };
        // Deprecated, so that the kernel does not choose it by itself, as of IPv6 it would.
        let add = format!("address add {address}/{bits} dev int0 preferred_lft 0");
        site.host.ip(&add).unwrap();
    }
}

/// Relay and gateway, each with this `snat`, on ports of their own.
fn configuration(family: Family) -> (String, Vec<(&'static str, SocketAddr)>) {
    let member = [SocketAddr::new(family.mx1(), 25)];
    let addresses = pool(family).map(|address| format!("\"{address}\""));
    let mut text = format!(
        "[[snat_pool]]\nname = \"out\"\naddresses = [{}]\n\n",
        addresses.join(", ")
    );
    let mut listeners = Vec::new();
    let mut port = 2500;
    for snat in ["none", "automap", "out"] {
        for (way, gateway) in [("relay", ""), ("gateway", "[virtual_server.gateway]\n")] {
            port += 1;
            let listen = SocketAddr::new(family.outer(), port);
            let keys = format!("snat = \"{snat}\"\n{gateway}");
            text += &virtual_server(&format!("{way}-{snat}"), listen, &keys, &member);
            listeners.push((snat, listen));
        }
    }
    (text, listeners)
}

/// Sends mail and gives the address that Postfix says it came from.
pub(super) fn seen(site: &Site, postfix: &Postfix, listen: SocketAddr, source: IpAddr) -> IpAddr {
    let before = postfix.log().len();
    let mut client = Client::connect(Some(&site.outside), Some(source), listen, LONG).unwrap();
    client.hello().unwrap();
    client.send(&Message::new("seen", 300)).unwrap();
    client.quit().unwrap();
    until("a delivery in the log", LONG, || {
        let log = postfix.log();
        let new = log.get(before..).unwrap_or_default();
        // `<id>: client=unknown[ADDRESS]`, which only what brings a message has.
        let address = new
            .split_once(": client=")
            .and_then(|(_, rest)| rest.split_once('['))
            .and_then(|(_, rest)| rest.split_once(']'));
        Ok(address.map(|(address, _)| address.parse().unwrap()))
    })
    .unwrap()
}

fn rules(host: &Netns) -> String {
    let mut all = String::new();
    for family in ["-4", "-6"] {
        all += &host
            .ip(&format!("{family} rule show priority 7825"))
            .unwrap();
        all += &host
            .ip(&format!("{family} route show table all type local dev lo"))
            .unwrap();
    }
    all.lines()
        .filter(|line| line.contains("7825"))
        .collect::<Vec<_>>()
        .join("\n")
}

over_both! {
    fn members_see_the_client_the_host_or_the_pool(family: Family) {
        let site = Site::new().unwrap();
        route_back(&site, family);
        let postfix = Setup::new("mx1.inside.example").start(&site.mx1).unwrap();
        let (text, listeners) = configuration(family);
        let host = stage::start(&site, &[&text]);
        let mut of_pool = Vec::new();
        for (snat, listen) in &listeners {
            for source in [family.trusted(), family.untrusted()] {
                let address = seen(&site, &postfix, *listen, source);
                match *snat {
                    "none" => assert_eq!(address, source, "{listen}"),
                    "automap" => assert_eq!(address, family.inner(), "{listen}"),
                    _ => of_pool.push(address),
                }
            }
        }
        of_pool.sort_unstable();
        of_pool.dedup();
        assert_eq!(of_pool, pool(family), "addresses take turns");
        for server in host.status().virtual_servers {
            assert_eq!((server.no_member, server.snat_exhausted), (0, 0), "{}", server.name);
            let used: u64 = server.snat_ports.iter().map(|ports| ports.used).sum();
            // Connections of the gateway end in tasks of their own.
            assert!(used <= 2, "{server:?}");
        }
    }

    fn routing_comes_and_goes_with_the_daemon(family: Family) {
        let site = Site::new().unwrap();
        route_back(&site, family);
        let postfix = Setup::new("mx1.inside.example").start(&site.mx1).unwrap();
        let (text, listeners) = configuration(family);
        assert_eq!(rules(&site.host), "");
        let mut host = stage::start(&site, &[&text]);
        let set_up = rules(&site.host);
        assert_eq!(set_up.lines().count(), 2, "a rule and a route: {set_up}");

        // Killed, it leaves them; another one takes them over, and they are not there twice.
        host.daemon.process().kill().unwrap();
        assert_eq!(rules(&site.host), set_up);
        host.restart(&site);
        assert_eq!(rules(&site.host), set_up);
        let (_, listen) = listeners[0];
        assert_eq!(seen(&site, &postfix, listen, family.trusted()), family.trusted());

        // A reload without takes them away, one with it brings them back.
        let config = fs::read_to_string(host.files.config()).unwrap();
        fs::write(host.files.config(), config.replace("snat = \"none\"", "snat = \"automap\"")).unwrap();
        host.daemon.cli().text(&["reload"]).unwrap();
        assert_eq!(rules(&site.host), "");
        assert_eq!(seen(&site, &postfix, listen, family.trusted()), family.inner());
        fs::write(host.files.config(), &config).unwrap();
        host.daemon.cli().text(&["reload"]).unwrap();
        assert_eq!(rules(&site.host), set_up);
        assert_eq!(seen(&site, &postfix, listen, family.trusted()), family.trusted());

        host.daemon.stop(LONG).unwrap();
        assert_eq!(rules(&site.host), "");
    }

    fn routing_that_is_printed_works(family: Family) {
        let site = Site::new().unwrap();
        route_back(&site, family);
        let postfix = Setup::new("mx1.inside.example").start(&site.mx1).unwrap();
        let (text, listeners) = configuration(family);
        let mut host = stage::start(&site, &[&text]);
        host.daemon.stop(LONG).unwrap();
        let manual = "[general]\nrouting = \"manual\"\n";
        let text = fs::read_to_string(host.files.config()).unwrap();
        fs::write(host.files.config(), with(&text, "[general]\n", manual)).unwrap();
        host.restart(&site);
        assert_eq!(rules(&site.host), "", "it is the operator's");
        let config = host.files.config();
        let config = config.to_str().unwrap();
        let run = |arguments: &[&str]| {
            let commands = host.daemon.cli().text(arguments).unwrap();
            let mut shell: Command = site.host.command("sh");
            assert!(shell.args(["-ec", &commands]).status().unwrap().success(), "{commands}");
        };
        run(&["routing", "--config", config]);
        assert_eq!(rules(&site.host).lines().count(), 2);
        let (_, listen) = listeners[0];
        assert_eq!(seen(&site, &postfix, listen, family.trusted()), family.trusted());
        run(&["routing", "--down", "--config", config]);
        assert_eq!(rules(&site.host), "");
        host.daemon.stop(LONG).unwrap();
    }
}
