//! Where and how the filter is attached.

use std::fs;

use smtp_lb::firewall::InForce;
use smtp_lb_tests::daemon::Daemon;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::Message;

use crate::host::{Files, Host, arrived, knock, session, sinks, with};
use crate::over_both;

/// Number of the XDP program on an interface, and how it is attached.
fn attached(site: &Site, interface: &str) -> (u64, String) {
    let link = site
        .host
        .run("ip", &["-j", "-d", "link", "show", interface])
        .unwrap();
    let link: serde_json::Value = serde_json::from_str(&link).unwrap();
    let xdp = &link[0]["xdp"];
    let mode = match xdp["mode"].as_u64() {
        Some(1) => "native",
        Some(2) => "generic",
        _ => "none",
    };
    (
        xdp["prog"]["id"].as_u64().unwrap_or_default(),
        mode.to_owned(),
    )
}

#[test]
fn native_where_the_driver_can() {
    let site = Site::new().unwrap();
    let files = Files::new();
    let text = with(&files.text(Family::V4), "xdp-native", "auto");
    let host = Host::start_with(&site, files, &text);
    assert_eq!(attached(&site, "ext0").1, "native");
    let firewall = host.status().firewall;
    assert_eq!(firewall.interfaces[0].mode, InForce::XdpNative);
    assert_eq!(firewall.warnings, [""; 0]);
}

#[test]
fn generic_where_it_cannot_with_a_warning() {
    let site = Site::new().unwrap();
    // A bridge has no XDP of its own.
    site.host.ip("link add br9 type bridge").unwrap();
    site.host.ip("link set br9 up").unwrap();
    let files = Files::new();
    let text = with(&files.text(Family::V4), "xdp-native", "auto");
    let text = with(&text, "[\"ext0\"]", "[\"ext0\", \"br9\"]");
    let mut host = Host::start_with(&site, files, &text);
    assert_eq!(attached(&site, "ext0").1, "native");
    assert_eq!(attached(&site, "br9").1, "generic");
    let firewall = host.status().firewall;
    let modes: Vec<_> = firewall
        .interfaces
        .iter()
        .map(|interface| (interface.name.as_str(), interface.mode))
        .collect();
    assert_eq!(
        modes,
        [("ext0", InForce::XdpNative), ("br9", InForce::XdpGeneric)]
    );
    assert!(
        firewall
            .warnings
            .iter()
            .any(|warning| warning.contains("br9")),
        "{:?}",
        firewall.warnings
    );
    assert!(host.daemon.process().log().contains("br9"), "and loudly");
}

#[test]
fn native_asked_for_and_not_to_be_had_is_an_error() {
    let site = Site::new().unwrap();
    site.host.ip("link add br9 type bridge").unwrap();
    site.host.ip("link set br9 up").unwrap();
    let files = Files::new();
    let text = with(&files.text(Family::V4), "[\"ext0\"]", "[\"br9\"]");
    fs::write(files.config(), text).unwrap();
    let error = Daemon::start(&site.host, &files.config(), &files.socket(), &files.log())
        .map(drop)
        .unwrap_err();
    assert!(format!("{error:#}").contains("br9"), "{error:#}");
    assert_eq!(attached(&site, "br9").1, "none");
}

#[test]
fn another_program_is_named_and_left_alone() {
    let family = Family::V4;
    let site = Site::new().unwrap();
    // Another instance, with pins elsewhere, is another program as good as any.
    let mut first = Host::start(&site, family);
    first.daemon.process().kill().unwrap();
    let (id, _) = attached(&site, "ext0");
    assert_ne!(id, 0);

    for enforcement in ["xdp-native", "auto", "xdp-generic"] {
        let files = Files::new();
        let text = with(&files.text(family), "xdp-native", enforcement);
        fs::write(files.config(), text).unwrap();
        let mut command = site.host.command(smtp_lb_tests::daemon::binary().unwrap());
        let output = command
            .args(["run", "--config"])
            .arg(files.config())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{enforcement}: {said}");
        assert!(said.contains("ext0"), "{said}");
        assert!(
            said.contains(&id.to_string()),
            "the program is named: {said}"
        );
        assert_eq!(attached(&site, "ext0").0, id, "nothing replaced");
    }
}

over_both! {
    fn frames_larger_than_a_page(family: Family) {
        let site = Site::new().unwrap();
        site.host.ip("link set ext0 mtu 9000").unwrap();
        site.outside.ip("link set eth0 mtu 9000").unwrap();
        let sinks = sinks(&site, family);
        let host = Host::start(&site, family);
        host.await_member("mx1", "up");
        host.await_member("mx2", "up");
        assert_eq!(attached(&site, "ext0").1, "native");
        let mut client = session(&site, family);
        let message = Message::new("large", 5_000_000);
        client.send(&message).unwrap();
        client.quit().unwrap();
        assert_eq!(arrived(&sinks), [message.digest()]);
        knock(&site, family);
        host.counters();
    }
}
