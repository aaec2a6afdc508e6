//! Stopping.

use std::time::Duration;

use rustix::process::Signal;
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{self, Message};
use smtp_lb_tests::wait::{LONG, until};

use crate::host::{Host, log_server, session, sinks};
use crate::over_both;

over_both! {
    fn sessions_in_flight_end_in_peace(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let _log = log_server(&site, family);
        let mut host = Host::start(&site, family);
        host.await_member("mx1", "up");
        host.await_member("mx2", "up");
        let mut client = session(&site, family);
        host.daemon.process().signal(Signal::TERM).unwrap();
        until("no more sessions taken", LONG, || {
            let tried = smtp_client::connect(
                Some(&site.outside),
                Some(family.trusted()),
                family.service(),
                Duration::from_secs(1),
            );
            Ok(tried.is_err().then_some(()))
        })
        .unwrap();
        client.send(&Message::new("last", 1000)).unwrap();
        client.quit().unwrap();
        let status = host.daemon.process().wait(LONG).unwrap();
        assert!(status.success(), "{status}");
        assert_eq!(sinks.iter().map(smtp_lb_tests::smtp_server::SmtpServer::messages).sum::<usize>(), 1);
    }

    fn the_grace_period_ends(family: Family) {
        let site = Site::new().unwrap();
        let _sinks = sinks(&site, family);
        let _log = log_server(&site, family);
        let mut host = Host::start(&site, family);
        host.await_member("mx1", "up");
        let mut client = session(&site, family);
        host.daemon.process().signal(Signal::TERM).unwrap();
        // The grace period is 5 s.
        let status = host.daemon.process().wait(LONG).unwrap();
        assert!(status.success(), "{status}");
        client.command("NOOP", 250).unwrap_err();
    }
}
