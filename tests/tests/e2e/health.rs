//! Members that go and come back.

use smtp_lb_tests::postfix::Postfix;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::Message;
use smtp_lb_tests::smtp_server::Behaviour;
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Files, Host, session, sinks, with};
use crate::over_both;

over_both! {
    fn a_killed_member_is_marked_down_and_its_traffic_moves(family: Family) {
        let site = Site::new().unwrap();
        let mut mx1 = Postfix::start(&site.mx1, "mx1.inside.example").unwrap();
        let mx2 = Postfix::start(&site.mx2, "mx2.inside.example").unwrap();
        let host = Host::start(&site, family);
        host.await_member("mx1", "up");
        host.await_member("mx2", "up");

        mx1.kill().unwrap();
        // From now on, before any monitor has noticed, too: a connect that fails is tried
        // elsewhere.
        for number in 0..10 {
            let mut client = session(&site, family);
            assert_eq!(client.greeting, "mx2.inside.example");
            client.send(&Message::new(&format!("moved-{number}"), 500)).unwrap();
            client.quit().unwrap();
        }
        let down = host.await_member("mx1", "down");
        assert!(!down.reason.is_empty(), "it is said why");
        assert!(down.since > 0, "and since when");
        assert_eq!(host.member("mx2").state, "up");
        until("10 messages", LONG, || {
            Ok((mx2.subjects()?.len() == 10).then_some(()))
        })
        .unwrap();

        let mx1 = Postfix::start(&site.mx1, "mx1.inside.example").unwrap();
        host.await_member("mx1", "up");
        let clients = [session(&site, family), session(&site, family)];
        assert_ne!(clients[0].greeting, clients[1].greeting, "both serve again");
        drop(mx1);
    }

    fn a_server_that_answers_wrongly_is_down(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let host = Host::start(&site, family);
        host.await_member("mx1", "up");
        host.await_member("mx2", "up");
        for behaviour in [
            Behaviour::RefuseSession,
            Behaviour::Babble,
            Behaviour::Silent,
            Behaviour::CloseAfterGreeting,
        ] {
            sinks[0].behave(behaviour);
            let down = host.await_member("mx1", "down");
            assert!(!down.reason.is_empty(), "{behaviour:?}");
            assert_eq!(session(&site, family).greeting, "mx2.inside.example");
            sinks[0].behave(Behaviour::OnlyHelo);
            // HELO is tried where EHLO is refused.
            host.await_member("mx1", "up");
        }
    }
}

/// A monitor that has not yet failed for its time-out leaves the member up.
#[test]
fn one_failed_probe_is_not_down() {
    let family = Family::V4;
    let site = Site::new().unwrap();
    let sinks = sinks(&site, family);
    let files = Files::new();
    let text = with(&files.text(family), "timeout = \"1s\"", "timeout = \"1h\"");
    let host = Host::start_with(&site, files, &text);
    host.await_member("mx1", "up");
    let probes = sinks[0].sessions();
    sinks[0].behave(Behaviour::RefuseSession);
    until("some failed probes", LONG, || {
        Ok((sinks[0].sessions() > probes + 3).then_some(()))
    })
    .unwrap();
    assert_eq!(host.member("mx1").state, "up");
}
