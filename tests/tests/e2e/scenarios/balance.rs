//! Messages of one session are spread, or stay together if the operator says so.

use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::Message;
use smtp_lb_tests::smtp_server::SmtpServer;
use smtp_lb_tests::wait::{LONG, until};

use super::stage::{self, Trust, inside, members, virtual_server};
use crate::host::{arrived, sinks};
use crate::over_both;

const MESSAGES: usize = 1000;

/// Sends so many messages over one connection; how many each member got, and how many sessions
/// members had for it.
fn send(family: Family, unit: &str) -> ([usize; 2], u64) {
    let site = Site::new().unwrap();
    let trust = Trust::new();
    let sinks = sinks(&site, family);
    let keys = format!(
        "mode = \"starttls\"\nclient_tls = \"public\"\n\
         [virtual_server.gateway]\nbalance_unit = \"{unit}\"\n"
    );
    let server = virtual_server("mail", family.service(), &keys, &members(family, 25));
    let host = stage::start(&site, &[&server, &trust.client_tls("")]);
    // What smtp-lb asks members of itself, it asks first.
    inside(&site, family, &trust.client()).quit().unwrap();
    let before: u64 = sinks.iter().map(SmtpServer::sessions).sum();

    let mut client = inside(&site, family, &trust.client());
    let mut sent = Vec::new();
    for number in 0..MESSAGES {
        let message = Message::new(&number.to_string(), 300);
        client.send(&message).unwrap();
        sent.push(message.digest());
    }
    client.quit().unwrap();
    sent.sort_unstable();
    assert_eq!(arrived(&sinks), sent);
    until("end of the session", LONG, || {
        Ok((host.status().virtual_servers[0].active == 0).then_some(()))
    })
    .unwrap();
    let faults: Vec<String> = sinks.iter().flat_map(SmtpServer::faults).collect();
    assert_eq!(faults, [""; 0], "sessions with members end in order");
    let after: u64 = sinks.iter().map(SmtpServer::sessions).sum();
    (sinks.each_ref().map(SmtpServer::messages), after - before)
}

over_both! {
    fn by_message(family: Family) {
        let (shares, sessions) = send(family, "message");
        for share in shares {
            assert!(share >= MESSAGES / 3, "{shares:?}");
        }
        assert!(sessions <= 4, "connections are used again: {sessions}");
    }

    fn by_session(family: Family) {
        let (shares, sessions) = send(family, "session");
        assert!(shares.contains(&MESSAGES), "{shares:?}");
        assert!(sessions <= 2, "{sessions}");
    }
}
