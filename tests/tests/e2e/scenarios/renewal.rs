//! A certificate that is renewed while sessions run.

use std::fs;

use rustix::process::{Resource, getrlimit, setrlimit};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::{self, Client, Message};
use smtp_lb_tests::tls_client::{TlsClient, shown};
use smtp_lb_tests::wait::{LONG, until};

use super::stage::{self, PUBLIC, Trust, members, virtual_server};
use crate::host::{arrived, sinks};
use crate::over_both;

const SESSIONS: usize = 500;

over_both! {
    /// None of 500 sessions breaks, new ones see the new certificate; a file that is no
    /// certificate changes nothing, and is complained of.
    fn with_500_sessions(family: Family) {
        let mut files = getrlimit(Resource::Nofile);
        files.current = files.maximum;
        let site = Site::new().unwrap();
        let trust = Trust::new();
        let sinks = sinks(&site, family);
        let offload = "mode = \"offload\"\nclient_tls = \"public\"\n";
        let start_tls = "mode = \"starttls\"\nclient_tls = \"public\"\n";
        let listen = [family.service(), std::net::SocketAddr::new(family.outer(), 587)];
        let [first, second] = [("offload", offload), ("starttls", start_tls)];
        let mx = members(family, 25);
        let text = [
            virtual_server(first.0, listen[0], first.1, &mx),
            virtual_server(second.0, listen[1], second.1, &mx),
            trust.client_tls(""),
        ]
        .concat();
        let mut host = stage::start(&site, &[&text]);
        // After the daemon has started: its own limit is its own business.
        setrlimit(Resource::Nofile, files).unwrap();

        let tls = trust.client();
        let connect = |number: usize| smtp_client::connect(Some(&site.outside), None, listen[number % 2], LONG).unwrap();
        let session = |number: usize| -> Client {
            let mut client = if number.is_multiple_of(2) {
                let mut client = Client::over_tls(connect(number), &tls).unwrap();
                client.greeted().unwrap();
                client
            } else {
                let mut client = Client::over(connect(number)).unwrap();
                client.greeted().unwrap();
                client.hello().unwrap();
                client.start_tls(&tls).unwrap()
            };
            client.hello().unwrap();
            client
        };
        // A fresh client each time: one that resumes shows what it knew.
        let sees = || -> Vec<u8> {
            let tls = TlsClient::new(&trust.outside.ca(), PUBLIC).unwrap();
            shown(&tls.handshake(connect(0)).unwrap()).unwrap()
        };
        let mut sessions: Vec<Client> = (0..SESSIONS).map(session).collect();
        assert_eq!(sees(), trust.public.der);

        let renewed = trust.outside.server("public", &[PUBLIC]).unwrap();
        assert_ne!(renewed.der, trust.public.der);
        until("the new certificate", LONG, || Ok((sees() == renewed.der).then_some(()))).unwrap();
        let mut sent = Vec::new();
        for (number, client) in sessions.iter_mut().enumerate() {
            client.command("NOOP", 250).unwrap();
            if number % 10 < 2 {
                let message = Message::new(&number.to_string(), 3000);
                client.send(&message).unwrap();
                sent.push(message.digest());
            }
        }

        // Neither rubbish nor a key that belongs to another certificate.
        let other = trust.outside.server("other", &[PUBLIC]).unwrap();
        let good = fs::read(&renewed.chain).unwrap();
        for bad in [b"rubbish\n".to_vec(), fs::read(&other.chain).unwrap()] {
            let before = host.daemon.process().log().len();
            fs::write(&renewed.chain, bad).unwrap();
            until("a complaint in the log", LONG, || {
                let log = host.daemon.process().log();
                let new = log.get(before..).unwrap_or_default();
                Ok(new.lines().any(|line| line.contains("public")).then_some(()))
            })
            .unwrap();
            assert_eq!(sees(), renewed.der, "the old one goes on");
            fs::write(&renewed.chain, &good).unwrap();
        }
        for client in sessions {
            client.quit().unwrap();
        }
        sent.sort_unstable();
        assert_eq!(arrived(&sinks), sent);
        for server in host.status().virtual_servers {
            assert_eq!(server.panics, 0);
        }
    }
}
