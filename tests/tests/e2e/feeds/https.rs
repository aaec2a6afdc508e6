//! Feeds that a local server gives by HTTPS.

use std::net::SocketAddr;

use smtp_lb::admin::api::FeedState;
use smtp_lb_tests::certs::Certs;
use smtp_lb_tests::connect_proxy::ConnectProxy;
use smtp_lb_tests::https_server::{HttpsServer, Page};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::wait::LONG;

use super::{await_feed, feed, filler, gets_in, text};
use crate::host::{Files, Host, sinks};

/// A feed of the client's both addresses, and what the real minisign made of it.
const SIGNED: &str = "# a signed feed\n10.77.0.10\nfd77::10\n192.0.2.0/24\n";
const KEY: &str = "RWTSfCOw5oCEKZYAx3k6VeMHI6Ic67LxSpM9BJxwXJj3gC2odJWBhBxd";
const SIGNATURE: &str = "untrusted comment: signature from minisign secret key\n\
    RUTSfCOw5oCEKai1R2z3gliJOr0qDn4pfZOjLqdiUufUGm3dVDTADvwP50bUzTjBhPkqPcyDMpflVFda51TnXRYNfZ6Us+p76QA=\n\
    trusted comment: timestamp:1 file:signed.txt\n\
    eNlE0l6a3Nvg+pmssvAhrv7RQ2kaWnu/PAf2W61f7Iul3UtbrdxQmzL6Yf6CjgGbv1pNmq0ynWLVpiPM6Lj8Bw==\n";

const FAMILY: Family = Family::V4;

struct Setting {
    site: Site,
    certs: Certs,
    address: SocketAddr,
    server: Option<HttpsServer>,
}

impl Setting {
    fn new() -> Self {
        let site = Site::new().unwrap();
        let address = SocketAddr::new(FAMILY.syslog(), 443);
        let mut setting = Self {
            site,
            certs: Certs::new().unwrap(),
            address,
            server: None,
        };
        setting.server = Some(setting.serve());
        setting
    }

    fn serve(&self) -> HttpsServer {
        let name = self.address.ip().to_string();
        let leaf = self.certs.server("feeds", &[&name]).unwrap();
        HttpsServer::start(Some(&self.site.syslog), self.address, &leaf).unwrap()
    }

    fn server(&self) -> &HttpsServer {
        self.server.as_ref().unwrap()
    }

    fn feed(&self, name: &str, more: &str) -> String {
        format!(
            "[[reputation.feed]]\nname = \"{name}\"\nsource = \"https://{}/{name}.txt?key=hidden\"\n\
             category = \"spam\"\ninterval = \"1s\"\ntimeout = \"2s\"\nca = \"{}\"\n{more}\n",
            self.address.ip(),
            self.certs.ca().display()
        )
    }
}

/// The path that a feed is asked by.
fn path(name: &str) -> String {
    format!("/{name}.txt?key=hidden")
}

#[test]
fn a_feed_is_fetched_once_and_refused_when_it_is_not_itself() {
    let mut setting = Setting::new();
    let _sinks = sinks(&setting.site, FAMILY);
    let listed = format!("{}{}\n", filler(9), FAMILY.trusted());
    setting.server().put_file(&path("plain"), listed.clone());
    let files = Files::new();
    let config = text(
        &files,
        FAMILY,
        &setting.feed("plain", "max_size = \"1KiB\""),
    );
    let mut host = Host::start_with(&setting.site, files, &config);
    let good = await_feed(&host, "plain", "good", |it| it.state == FeedState::Good);
    // Addresses that touch are one range.
    assert_eq!((good.v4, good.lines, good.failures), (2, 10, 0), "{good:?}");
    assert!(
        !good.source.contains("hidden"),
        "keys of subscribers are not shown: {good:?}"
    );
    assert!(!gets_in(&setting.site, FAMILY));

    // Not changed: the server says so, and nothing is read again.
    await_feed(&host, "plain", "looked at again", |it| it.unchanged > 0);
    let requests = setting.server().requests();
    assert_eq!(requests[0].status, 200);
    assert_eq!(requests[0].if_none_match, None);
    assert_eq!(requests[1].status, 304, "{requests:?}");
    assert!(requests[1].if_modified_since.is_some(), "{requests:?}");

    // Whatever goes wrong with it, the last good one stays.
    for (page, why) in [
        (Page::File(b"198.51.100.77\n".to_vec()), "max_change"),
        (Page::File(b"<html>\nsorry\n".to_vec()), "not understood"),
        (Page::File(filler(99).into_bytes()), "max_size"),
        (Page::Cut(listed.clone().into_bytes()), ""),
        (Page::Moved("http://192.0.2.1/".to_owned()), "https"),
        (Page::Silent, "longer"),
    ] {
        if matches!(page, Page::Cut(_)) {
            // By another tag, else it is what is in force.
            let other = format!("# new\n{listed}");
            setting
                .server()
                .put(&path("plain"), Page::Cut(other.into_bytes()));
        } else {
            setting.server().put(&path("plain"), page);
        }
        let before = feed(&host, "plain");
        let failed = await_feed(&host, "plain", why, |it| {
            let error = it.last_error.as_deref().unwrap_or_default();
            it.failures > before.failures
                && error.contains(why)
                && Some(error) != before.last_error.as_deref()
        });
        assert_eq!(
            (failed.state, failed.lines),
            (FeedState::Failed, 10),
            "{failed:?}"
        );
        assert!(!gets_in(&setting.site, FAMILY), "{failed:?}");
    }

    // Away at a start.
    setting.server = None;
    host.daemon.stop(LONG).unwrap();
    host.restart(&setting.site);
    assert!(!gets_in(&setting.site, FAMILY));
    let away = await_feed(&host, "plain", "away", |it| it.state == FeedState::Failed);
    assert_eq!(away.lines, 10, "{away:?}");
    let error = away.last_error.unwrap();
    assert!(error.contains("cannot connect"), "{error}");

    // And back, behind a redirection, without the client.
    let server = setting.serve();
    server.put(&path("plain"), Page::Moved("/moved".to_owned()));
    server.put_file("/moved", filler(8));
    await_feed(&host, "plain", "back", |it| it.lines == 8);
    assert!(gets_in(&setting.site, FAMILY));
}

#[test]
fn a_feed_with_a_key_is_only_taken_with_its_signature() {
    let setting = Setting::new();
    let _sinks = sinks(&setting.site, FAMILY);
    setting.server().put_file(&path("signed"), SIGNED);
    let files = Files::new();
    let config = text(
        &files,
        FAMILY,
        &setting.feed("signed", &format!("public_key = \"{KEY}\"")),
    );
    let host = Host::start_with(&setting.site, files, &config);
    let beside = path("signed").replace(".txt", ".txt.minisig");
    let refused = await_feed(&host, "signed", "refused", |it| {
        it.state == FeedState::Failed
    });
    assert!(refused.last_error.unwrap().contains("404"));
    setting.server().put_file(&beside, SIGNATURE);
    await_feed(&host, "signed", "good", |it| it.state == FeedState::Good);
    assert!(!gets_in(&setting.site, FAMILY));
    // Somebody else's change is not taken.
    let forged = SIGNED.replace("10.77.0.10", "198.51.100.1");
    setting.server().put_file(&path("signed"), forged);
    let refused = await_feed(&host, "signed", "refused", |it| {
        it.last_error
            .as_ref()
            .is_some_and(|it| it.contains("signature is not good"))
    });
    assert_eq!(refused.state, FeedState::Failed);
    assert!(!gets_in(&setting.site, FAMILY));
}

#[test]
fn a_feed_is_fetched_by_a_proxy() {
    let setting = Setting::new();
    let listen = SocketAddr::new(FAMILY.mx1(), 3128);
    let proxy = ConnectProxy::start(&setting.site.mx1, listen).unwrap();
    setting.server().put_file(&path("far"), filler(9));
    let files = Files::new();
    let more = format!("proxy = \"{listen}\"");
    let config = text(&files, FAMILY, &setting.feed("far", &more));
    let host = Host::start_with(&setting.site, files, &config);
    await_feed(&host, "far", "good", |it| it.state == FeedState::Good);
    assert_eq!(proxy.asked()[0], format!("{}:443", FAMILY.syslog()));
    proxy.refuse();
    let failed = await_feed(&host, "far", "failed", |it| it.state == FeedState::Failed);
    let error = failed.last_error.unwrap();
    assert!(error.contains("HTTP/1.1 403 Forbidden"), "{error}");
    assert_eq!(failed.lines, 9);
}
