use super::*;
use crate::config::{SystemResolver, parse};

const NOW: Moment = Moment {
    ticks: 5_000_000_000,
    date: 1_000_000,
};

fn after(seconds: u64) -> Moment {
    Moment {
        ticks: NOW.ticks + seconds * 1_000_000_000,
        date: NOW.date + seconds,
    }
}

fn filter() -> Firewall {
    let text = "[firewall]\nenforcement = \"userspace\"\n[[virtual_server]]\nname = \"mx\"\n\
        listen = [\"127.0.0.1:25\"]\npool = \"p\"\n[[pool]]\nname = \"p\"\n\
        members = [\"127.0.0.1:26\"]\n";
    let plan = parse("test", text, &SystemResolver).expect("sound").plan;
    Firewall::start(&plan).expect("a filter in userspace")
}

fn new(network: &str, seconds: u64) -> New<'static> {
    New {
        network: network.parse().expect("a network"),
        category: 0,
        ttl: Duration::from_secs(seconds),
        origin: Origin::Operator,
        reason: "why",
    }
}

fn categories() -> Vec<String> {
    vec!["bots".to_owned()]
}

fn trusted(network: &str) -> Ranges {
    let network: IpNet = network.parse().expect("a network");
    let mut ranges = Ranges::default();
    ranges.add(network.network(), network.broadcast());
    ranges
}

fn networks(added: &Added, now: Moment) -> Vec<String> {
    let all = added.list(&categories(), now, |_| true);
    all.into_iter().map(|(_, entry)| entry.network).collect()
}

#[test]
fn few_lengths_at_once_and_those_that_ended_make_room() {
    let (firewall, added) = (filter(), Added::default());
    let add = |network, seconds, now| added.add(&firewall, &[], &new(network, seconds), now);
    for network in ["10.0.0.0/8", "10.0.0.0/16", "10.0.0.1/32", "10.0.0.2/32"] {
        add(network, 100, NOW).expect("room");
    }
    add("10.0.0.0/24", 10, NOW).expect("room");
    assert_eq!(added.book().lengths(), 0x0911_1921);
    add("2001:db8::/64", 10, NOW).expect("a family of its own");
    let refused = add("10.0.0.0/9", 100, NOW);
    assert!(matches!(refused, Err(AddError::Lengths)), "{refused:?}");
    add("10.0.0.0/9", 100, after(11)).expect("the /24 has ended");
    assert_eq!(added.book().lengths(), 0x090a_1121);
    for network in ["10.0.0.1/32", "10.0.0.2/32"] {
        let network = network.parse().expect("a network");
        assert!(added.remove(&firewall, network).expect("removed"));
        assert!(!added.remove(&firewall, network).expect("gone"));
    }
    assert_eq!(added.book().lengths() & 0xff, 0x11, "the longest first");
}

#[test]
fn no_entry_holds_a_trusted_source_or_a_whole_country() {
    let (firewall, added) = (filter(), Added::default());
    let (own, feed) = (trusted("192.0.2.0/28"), trusted("2001:db8::7/128"));
    let add = |network, seconds| added.add(&firewall, &[&own, &feed], &new(network, seconds), NOW);
    for network in [
        "192.0.2.3/32",
        "192.0.0.0/16",
        "2001:db8::/64",
        "127.0.0.1/32",
        "224.0.0.1/32",
    ] {
        let refused = add(network, 60);
        assert!(matches!(refused, Err(AddError::Trusted(_))), "{refused:?}");
    }
    assert!(matches!(add("10.0.0.0/7", 60), Err(AddError::Wide(_))));
    assert!(matches!(add("2001::/18", 60), Err(AddError::Wide(_))));
    assert!(matches!(add("10.0.0.1/32", 0), Err(AddError::Ttl)));
    assert!(matches!(
        add("10.0.0.1/32", 400 * 86_400),
        Err(AddError::Ttl)
    ));
    add("192.0.2.16/32", 60).expect("beside");
    assert_eq!(added.status(NOW).refused, 9);
    added
        .sweep(&firewall, &trusted("192.0.2.16/28"), NOW)
        .expect("swept");
    assert!(networks(&added, NOW).is_empty(), "trusted since");
    assert!(firewall.added().expect("read").is_empty());
}

#[test]
fn they_are_kept_over_a_restart_until_they_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (firewall, added) = (filter(), Added::default());
    for (network, seconds) in [
        ("10.0.0.1/32", 10),
        ("10.0.0.2/32", 100),
        ("2001:db8::/64", 100),
    ] {
        added
            .add(&firewall, &[], &new(network, seconds), NOW)
            .expect("room");
    }
    added.save(folder.path(), &categories(), NOW);
    // Another category has its number by now, another boot its clock.
    let names = ["spam", "bots"].map(str::to_owned);
    let now = Moment {
        ticks: 7,
        date: NOW.date + 50,
    };
    let (firewall, next) = (filter(), Added::default());
    next.begin(
        &firewall,
        Some(folder.path()),
        &names,
        &Ranges::default(),
        now,
    )
    .expect("begun");
    let all = next.list(&names, now, |_| true);
    let left: Vec<(&str, u64, &str)> = all
        .iter()
        .map(|(_, it)| (it.network.as_str(), it.left, it.category.as_str()))
        .collect();
    assert_eq!(
        left,
        [("10.0.0.2/32", 50, "bots"), ("2001:db8::/64", 50, "bots")]
    );
    assert_eq!(firewall.added().expect("read").len(), 2);
    // What another run did in the filter alone is not lost.
    let third = Added::default();
    third
        .begin(&firewall, None, &names, &trusted("10.0.0.2/32"), now)
        .expect("begun");
    assert_eq!(networks(&third, now), ["2001:db8::/64"]);
}

#[test]
fn reasons_are_cut_at_a_character() {
    let reason = "ü".repeat(60);
    let new = New {
        reason: &reason,
        origin: Origin::Proxy,
        ..new("10.0.0.1/32", 60)
    };
    let shown = shown(new.network, &entry(&new, NOW), NOW, &[]);
    assert_eq!(shown.reason, "ü".repeat(REASON / 2));
    assert_eq!(shown.origin, Origin::Proxy);
}
