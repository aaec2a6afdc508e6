//! Each mode with each client, and the corpus through each: delivered as it was sent.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use smtp_lb_tests::certs::Leaf;
use smtp_lb_tests::clients::{Program, Target, Tls};
use smtp_lb_tests::corpus;
use smtp_lb_tests::exim::Exim;
use smtp_lb_tests::mailbox::{self, Delivered};
use smtp_lb_tests::netns::Netns;
use smtp_lb_tests::postfix::{Postfix, Setup};
use smtp_lb_tests::site::{Family, Site};
use smtp_lb_tests::smtp_client::Message;
use smtp_lb_tests::wait::LONG;

use super::stage::{self, INSIDE, Trust, members, target, virtual_server};
use crate::over_both;

/// A way from client to member.
struct Way {
    mode: &'static str,
    /// How clients begin TLS.
    client: Tls,
    /// How TLS begins towards the member, if smtp-lb begins it.
    server: Option<&'static str>,
    /// Port of the member.
    port: u16,
    /// Further keys of the virtual server.
    keys: &'static str,
    /// The second member is Exim.
    exim: bool,
}

const WAY: Way = Way {
    mode: "plain",
    client: Tls::None,
    server: None,
    port: 25,
    keys: "",
    exim: false,
};

over_both! {
    fn plain(family: Family) {
        deliver(family, &WAY);
    }

    /// STARTTLS is between client and member, and smtp-lb does not see it.
    fn plain_with_start_tls_through_it(family: Family) {
        deliver(family, &Way { client: Tls::StartTls, ..WAY });
    }

    fn plain_with_gateway(family: Family) {
        deliver(family, &Way { keys: "[virtual_server.gateway]", ..WAY });
    }

    fn offload(family: Family) {
        deliver(family, &Way { mode: "offload", client: Tls::Implicit, exim: true, ..WAY });
    }

    fn offload_with_gateway(family: Family) {
        let keys = "[virtual_server.gateway]";
        deliver(family, &Way { mode: "offload", client: Tls::Implicit, keys, ..WAY });
    }

    fn bridge(family: Family) {
        let server = Some("implicit");
        deliver(family, &Way { mode: "bridge", client: Tls::Implicit, server, port: 465, ..WAY });
    }

    fn bridge_with_start_tls_to_the_member(family: Family) {
        let server = Some("starttls");
        deliver(family, &Way { mode: "bridge", client: Tls::Implicit, server, ..WAY });
    }

    fn passthrough(family: Family) {
        deliver(family, &Way { mode: "passthrough", client: Tls::Implicit, port: 465, ..WAY });
    }

    fn encrypt_server_side(family: Family) {
        let server = Some("implicit");
        deliver(family, &Way { mode: "encrypt-server-side", server, port: 465, ..WAY });
    }

    fn encrypt_server_side_with_start_tls_to_the_member(family: Family) {
        let server = Some("starttls");
        deliver(family, &Way { mode: "encrypt-server-side", server, exim: true, ..WAY });
    }

    fn start_tls(family: Family) {
        deliver(family, &Way { mode: "starttls", client: Tls::StartTls, exim: true, ..WAY });
    }

    fn start_tls_on_both_legs(family: Family) {
        let server = Some("starttls");
        deliver(family, &Way { mode: "starttls", client: Tls::StartTls, server, ..WAY });
    }

    fn start_tls_and_implicit_tls_to_the_member(family: Family) {
        let server = Some("implicit");
        deliver(family, &Way { mode: "starttls", client: Tls::StartTls, server, port: 465, ..WAY });
    }
}

/// Either of the servers.
enum Server {
    Postfix(Postfix),
    Exim(Exim),
}

impl Server {
    fn start(netns: &Arc<Netns>, leaf: &Leaf, exim: bool) -> Self {
        if exim {
            Self::Exim(Exim::start(netns, INSIDE, leaf).unwrap())
        } else {
            Self::Postfix(Setup::new(INSIDE).tls(leaf).start(netns).unwrap())
        }
    }

    fn maildir(&self) -> PathBuf {
        match self {
            Self::Postfix(postfix) => postfix.maildir(),
            Self::Exim(exim) => exim.maildir(),
        }
    }

    fn delivered(&self) -> Vec<Delivered> {
        match self {
            Self::Postfix(postfix) => postfix.delivered().unwrap(),
            Self::Exim(exim) => exim.delivered().unwrap(),
        }
    }
}

/// Sends a message with each client that can do it, and the corpus with one of them.
fn deliver(family: Family, way: &Way) {
    let site = Site::new().unwrap();
    let trust = Trust::new();
    let servers = thread::scope(|scope| {
        let first = scope.spawn(|| Server::start(&site.mx1, &trust.member, false));
        let second = scope.spawn(|| Server::start(&site.mx2, &trust.member, way.exim));
        [first, second].map(|server| server.join().unwrap())
    });
    let mut keys = format!("mode = \"{}\"\n", way.mode);
    let mut profiles = String::new();
    if matches!(way.mode, "offload" | "bridge" | "starttls") {
        keys += "client_tls = \"public\"\n";
        profiles += &trust.client_tls("");
    }
    if let Some(start) = way.server {
        keys += "server_tls = \"inside\"\n";
        profiles += &trust.server_tls(start);
    }
    keys += way.keys;
    let server = virtual_server("mail", family.service(), &keys, &members(family, way.port));
    let host = stage::start(&site, &[&server, &profiles]);

    // Where smtp-lb has no certificate, the client sees the member's.
    let target = if way.client == Tls::None || profiles.contains("client_tls") {
        target(&trust, family, way.client)
    } else {
        Target::new(family.service(), way.client, INSIDE, &trust.inside.ca())
    };
    let mut sent = Vec::new();
    for program in Program::ALL {
        for number in 0..2 {
            let name = format!("{program:?}-{number}").to_lowercase();
            let message = Message {
                to: vec![format!("{name}@inside.example")],
                ..Message::new(&name, 20_000)
            };
            if target.suits(program) {
                target.send(&site.outside, program, &message).unwrap();
                sent.push(message);
            }
        }
    }
    let corpus = match family {
        Family::V4 => corpus::messages(),
        Family::V6 => corpus::small(),
    };
    target
        .smtplib(&site.outside, &corpus.iter().collect::<Vec<_>>())
        .unwrap();
    sent.extend(corpus);

    let sent: Vec<&Message> = sent.iter().collect();
    let maildirs = servers.each_ref().map(Server::maildir);
    mailbox::await_all(&sent, &maildirs.each_ref().map(PathBuf::as_path), LONG).unwrap();
    // What the member saw of TLS is what the mode promises.
    let inside =
        way.server.is_some() || !profiles.contains("client_tls") && way.client != Tls::None;
    for server in &servers {
        let delivered = server.delivered();
        assert!(!delivered.is_empty(), "one member got nothing");
        for mail in delivered {
            let received = mail.header("Received").unwrap();
            let tls = received.contains("TLS1.") || received.contains("TLSv1.");
            assert_eq!(tls, inside, "{received}");
        }
    }
    let status = &host.status().virtual_servers[0];
    assert_eq!(status.panics, 0);
    assert_eq!(status.active, 0);
}
