//! Files that change while they are in force.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{KeyPair, date_time_ymd};

use super::super::profile::News;
use super::super::watch::Watch;
use super::super::{Notice, Warning};
use super::fixture::*;
use crate::config::plan::{Secret, Verify};
use crate::event::Bus;

const DAY: Duration = Duration::from_hours(24);

#[test]
fn a_new_certificate_reaches_the_next_handshake_and_no_session() {
    let site = Site::new();
    let first = site.certificate("mx", &["mx.example.org"]);
    let shown = leaf(&first);
    let (profiles, _) = load(&[client_tls(vec![first])], &[]).unwrap();
    let client = connecting(site.server_tls(Verify::Full));
    let handshake = || shaken(&client, &profiles.clients[0].config(), "mx.example.org").shown();
    assert_eq!(handshake(), shown);
    assert!(profiles.look(now()).is_empty(), "nothing has changed");

    let mut session = shaken(&client, &profiles.clients[0].config(), "mx.example.org");
    let second = site.certificate("mx", &["mx.example.org"]);
    let news = profiles.look(now());
    assert!(matches!(news[..], [News::Replaced { .. }]), "{news:?}");
    assert_eq!(handshake(), leaf(&second));
    assert_ne!(handshake(), shown);
    assert!(profiles.look(now()).is_empty());

    // The session that began before goes on.
    std::io::Write::write_all(&mut session.client.writer(), b"NOOP\r\n").unwrap();
    let mut wire = Vec::new();
    session.client.write_tls(&mut wire).unwrap();
    session.server.read_tls(&mut wire.as_slice()).unwrap();
    assert_eq!(
        session
            .server
            .process_new_packets()
            .unwrap()
            .plaintext_bytes_to_read(),
        6
    );
}

#[test]
fn a_bad_file_keeps_what_is_in_force_and_is_counted_once() {
    let site = Site::new();
    let first = site.certificate("mx", &["mx.example.org"]);
    let (shown, key) = (leaf(&first), site.path("mx.key"));
    let sound = std::fs::read(&key).unwrap();
    let (profiles, _) = load(&[client_tls(vec![first])], &[]).unwrap();
    let client = connecting(site.server_tls(Verify::Full));
    let handshake = || shaken(&client, &profiles.clients[0].config(), "mx.example.org").shown();
    let status = || profiles.status(now()).remove(0);

    site.write("mx.key", "nonsense");
    let news = profiles.look(now());
    assert!(matches!(news[..], [News::Refused { .. }]), "{news:?}");
    assert_eq!(handshake(), shown);
    assert_eq!(status().reload_failures, 1);
    assert!(status().failure.unwrap().ends_with("mx.key is not PEM"));
    assert!(profiles.look(now()).is_empty(), "told once");
    assert_eq!(status().reload_failures, 1);

    std::fs::remove_file(&key).unwrap();
    assert!(matches!(profiles.look(now())[..], [News::Refused { .. }]));
    assert_eq!((handshake(), status().reload_failures), (shown.clone(), 2));

    site.write("mx.key", sound);
    assert!(matches!(profiles.look(now())[..], [News::Replaced { .. }]));
    assert_eq!((handshake(), status().failure), (shown, None));
    assert_eq!(status().reload_failures, 2);

    // What was counted survives a reload of the configuration.
    let plan = client_tls(vec![site.certificate("mx", &["mx.example.org"])]);
    let (after, _) = load(&[plan], &[]).unwrap();
    after.inherit(&profiles);
    assert_eq!(after.status(now())[0].reload_failures, 2);
}

#[test]
fn what_time_brings_is_taken_up() {
    let site = Site::new();
    let first = site.certificate("mx", &["mx.example.org"]);
    let (profiles, _) = load(&[client_tls(vec![first])], &[]).unwrap();
    let key = KeyPair::generate().unwrap();
    site.certificate_with("mx", &["mx.example.org"], &key, |params| {
        params.not_before = date_time_ymd(2026, 11, 25);
    });
    assert!(matches!(profiles.look(now())[..], [News::Refused { .. }]));
    assert!(profiles.look(now() + DAY).is_empty());
    assert!(matches!(
        profiles.look(now() + 2 * DAY)[..],
        [News::Replaced { .. }]
    ));
    assert!(profiles.look(now() + 3 * DAY).is_empty());
}

#[test]
fn a_staple_is_dropped_when_it_ends() {
    let site = Site::new();
    let mut certificate = site.certificate("mx", &["mx.example.org"]);
    certificate.chain = data("certificate.pem");
    certificate.key = Secret::File(data("pkcs8.pem"));
    certificate.ocsp = Some(data("ocsp.der"));
    let (profiles, _) = load(&[client_tls(vec![certificate])], &[]).unwrap();
    assert!(profiles.look(now() + 5 * DAY).is_empty());
    let news = profiles.look(now() + 8 * DAY);
    let expired = |warning: &Warning| matches!(warning.notice, Notice::OcspExpired(..));
    assert!(
        matches!(&news[..], [News::Replaced { warnings, .. }] if warnings.iter().any(expired)),
        "{news:?}"
    );
    assert!(profiles.look(now() + 9 * DAY).is_empty());
}

#[test]
fn the_end_is_told_once_at_each_stage() {
    let site = Site::new();
    let key = KeyPair::generate().unwrap();
    let certificate = site.certificate_with("mx", &["mx.example.org"], &key, |params| {
        params.not_after = date_time_ymd(2027, 1, 1);
    });
    let plan = client_tls(vec![certificate]);
    let (mut profiles, _) = load(std::slice::from_ref(&plan), &[]).unwrap();
    // Days from 2026-11-23, whether it is told then, days left.
    let table = [
        (0, false, 39),
        (8, false, 31),
        (9, true, 30),
        (10, false, 29),
        (32, true, 7),
        (33, false, 6),
        (38, true, 1),
        (39, true, 0),
        (40, false, -2),
    ];
    for (day, is_told, left) in table {
        let news = profiles.look(now() + day * DAY);
        assert_eq!(
            matches!(news[..], [News::Expires(_)]),
            is_told,
            "{day} {news:?}"
        );
        assert_eq!(
            profiles.status(now() + day * DAY)[0].certificates[0].days_left,
            left
        );
        if day == 32 {
            let (after, _) = load(std::slice::from_ref(&plan), &[]).unwrap();
            after.inherit(&profiles);
            profiles = after;
        }
    }
    let fresh = site.certificate("mx", &["mx.example.org"]);
    assert!(fresh.chain.exists());
    assert!(matches!(
        profiles.look(now() + 41 * DAY)[..],
        [News::Replaced { .. }]
    ));
    assert!(profiles.expiring(now()).is_empty());
}

#[tokio::test]
async fn the_watch_sees_files_replaced_and_links_turned() {
    let site = Site::new();
    let first = site.certificate("one", &["mx.example.org"]);
    let second = site.certificate("two", &["mx.example.org"]);
    // As certbot keeps them: what is configured are links.
    let turn = |to: &str| {
        for end in ["key", "pem"] {
            let link = site.path("link");
            std::os::unix::fs::symlink(site.path(&format!("{to}.{end}")), &link).unwrap();
            std::fs::rename(link, site.path(&format!("live.{end}"))).unwrap();
        }
    };
    turn("one");
    let mut live = first.clone();
    live.chain = site.path("live.pem");
    live.key = Secret::File(site.path("live.key"));
    let (profiles, _) = load(&[client_tls(vec![live])], &[]).unwrap();
    let profiles = Arc::new(profiles);
    let _watch = Watch::start(Arc::clone(&profiles), Bus::null());
    let client = connecting(site.server_tls(Verify::Full));
    let until = async |expected: Vec<u8>| {
        let begun = Instant::now();
        loop {
            let config = profiles.clients[0].config();
            if shaken(&client, &config, "mx.example.org").shown() == expected {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "not taken up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    until(leaf(&first)).await;
    // The watch is there before its first look has ended.
    tokio::time::sleep(Duration::from_millis(100)).await;
    turn("two");
    until(leaf(&second)).await;
    let third = site.certificate("two", &["mx.example.org"]);
    until(leaf(&third)).await;
}
