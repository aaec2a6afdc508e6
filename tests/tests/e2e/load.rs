//! Many at once.

use std::thread;

use rustix::process::{Resource, getrlimit, setrlimit};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::Message;
use smtp_lb_tests::smtp_server::SmtpServer;

use crate::host::{Host, arrived, session, sinks};
use crate::over_both;

const SESSIONS: usize = 1000;
const MESSAGES: usize = 10_000;
const THREADS: usize = 8;

over_both! {
    /// 1,000 sessions at once, 10,000 messages in all, sent = received.
    fn a_thousand_sessions_and_ten_thousand_messages(family: Family) {
        let site = Site::new().unwrap();
        let sinks = sinks(&site, family);
        let host = Host::start(&site, family);
        host.await_member("mx1", "up");
        host.await_member("mx2", "up");
        // After the daemon has started: its own limit is its own business.
        let mut files = getrlimit(Resource::Nofile);
        files.current = files.maximum;
        setrlimit(Resource::Nofile, files).unwrap();

        let mut clients: Vec<_> = (0..SESSIONS).map(|_| session(&site, family)).collect();
        assert_eq!(host.status().virtual_servers[0].active, SESSIONS as u64);
        for name in ["mx1", "mx2"] {
            let share = host.member(name).active;
            assert_eq!(share, SESSIONS as u64 / 2, "least connections shares evenly");
        }

        let mut sent: Vec<u64> = thread::scope(|scope| {
            let senders: Vec<_> = clients
                .chunks_mut(SESSIONS / THREADS)
                .enumerate()
                .map(|(sender, clients)| {
                    scope.spawn(move || {
                        let mut sent = Vec::new();
                        for round in 0..MESSAGES / SESSIONS {
                            for (number, client) in clients.iter_mut().enumerate() {
                                let id = format!("{sender}-{number}-{round}");
                                let message = Message::new(&id, 1500);
                                client.send(&message).unwrap();
                                sent.push(message.digest());
                            }
                        }
                        sent
                    })
                })
                .collect();
            senders
                .into_iter()
                .flat_map(|sender| sender.join().unwrap())
                .collect()
        });
        for client in clients {
            client.quit().unwrap();
        }
        sent.sort_unstable();
        sent.dedup();
        assert_eq!(sent.len(), MESSAGES, "no two alike were sent");
        assert_eq!(arrived(&sinks), sent);
        assert!(sinks.iter().map(SmtpServer::most_open).sum::<usize>() >= SESSIONS);
        let faults: Vec<String> = sinks.iter().flat_map(SmtpServer::faults).collect();
        assert_eq!(faults, [""; 0]);
        let server = &host.status().virtual_servers[0];
        assert_eq!(server.refused_by_limit + server.refused_by_filter, 0);
        assert_eq!(server.no_member + server.connect_failures, 0);
        assert_eq!(server.timeouts + server.resets + server.panics, 0);
        assert_eq!(server.total, SESSIONS as u64);
    }
}
