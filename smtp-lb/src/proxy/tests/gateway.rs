//! The gateway over sockets, between clients and members that do as told.

mod administration;
mod balance;
mod end;
mod faults;
mod member;
mod told;
mod transport;

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::super::*;
use super::fixture::{Fixture, LONG, V4, plan_for};
use super::tls::peer::Peer;
use super::tls::{Material, until};
use crate::config::plan::{
    Activation, Balance, BalanceUnit, ClientTlsId, GatewayPlan, LineEndings, Mode, QueuePlan,
    ServerTlsId, ServerTlsPlan, Start, TlsVersion, Verify,
};
use member::Member;

fn gateway_plan(mode: Mode, members: &[&Member]) -> Plan {
    let addresses: Vec<SocketAddr> = members.iter().map(|member| member.address).collect();
    let mut plan = plan_for(&[V4], &addresses);
    let server = &mut plan.virtual_servers[0];
    server.mode = mode;
    server.gateway = Some(GatewayPlan {
        hostname: "mx.example.org".to_owned(),
        banner: "{hostname} ESMTP".to_owned(),
        starttls: Activation::Require,
        balance_unit: BalanceUnit::Message,
        line_endings: LineEndings::Reject,
        clear_auth: false,
        xclient: true,
        bad_commands: 20,
        junk_commands: 100,
        recipients: 1000,
        command_timeout: LONG,
        data_timeout: LONG,
        min_rate: 0,
        reply_timeout: LONG,
        data_reply_timeout: LONG,
    });
    if matches!(mode, Mode::Offload | Mode::Bridge | Mode::StartTls) {
        server.client_tls = Some(ClientTlsId(0));
    }
    plan
}

/// TLS towards members, too.
fn with_server_tls(mut plan: Plan, start: Start) -> Plan {
    plan.virtual_servers[0].server_tls = Some(ServerTlsId(0));
    plan.server_tls = vec![ServerTlsPlan {
        name: "inside".to_owned(),
        start,
        verify: Verify::Full,
        ca: None,
        server_name: None,
        certificate: None,
        min_version: TlsVersion::V1_2,
        cipher_suites: Vec::new(),
        groups: Vec::new(),
        resumption: true,
    }];
    plan
}

fn start(plan: &Plan) -> Fixture {
    Fixture::with(plan, &Profiles::default(), AllowAll)
}

fn counts(fixture: &Fixture) -> GatewayStatus {
    fixture.status().gateway.expect("a gateway")
}

/// A client that waits for each reply.
struct Client(Peer);

impl Client {
    /// Connects and hears the banner.
    fn connect(fixture: &Fixture) -> Self {
        let mut client = Self::silent(fixture);
        assert_eq!(client.hear(), "220 mx.example.org ESMTP");
        client
    }

    fn silent(fixture: &Fixture) -> Self {
        let socket = TcpStream::connect(fixture.address()).expect("connect");
        Self(Peer::new(socket, None))
    }

    /// The last line of a reply; empty at the end of the session.
    fn hear(&mut self) -> String {
        self.try_hear().expect("a reply")
    }

    fn try_hear(&mut self) -> io::Result<String> {
        self.lines()
            .map(|mut lines| lines.pop().unwrap_or_default())
    }

    fn lines(&mut self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        while let Some(line) = self.0.line()? {
            let more = line.as_bytes().get(3) == Some(&b'-');
            lines.push(line);
            if !more {
                break;
            }
        }
        Ok(lines)
    }

    fn say(&mut self, line: &str) -> String {
        self.0.send(line.as_bytes()).expect("send");
        self.0.send(b"\r\n").expect("send");
        self.hear()
    }

    fn ehlo(&mut self) -> Vec<String> {
        self.0.send(b"EHLO client.example\r\n").expect("send");
        self.lines().expect("a reply")
    }

    /// Takes up TLS; whoever it is that has spoken so far.
    fn secure(&mut self, material: &Material) {
        let name = ServerName::try_from("localhost").expect("name");
        let tls = ClientConnection::new(Arc::clone(&material.client), name).expect("client");
        self.0.tls = Some(tls.into());
        self.0.handshake().expect("handshake");
    }

    fn starttls(&mut self, material: &Material) {
        assert_eq!(&self.say("STARTTLS")[..3], "220");
        self.secure(material);
    }

    /// One message; the reply to it.
    fn send(&mut self, text: &str) -> String {
        self.envelope();
        assert_eq!(&self.say("DATA")[..3], "354");
        self.text(text)
    }

    fn envelope(&mut self) {
        assert_eq!(&self.say("MAIL FROM:<a@example.org>")[..3], "250");
        assert_eq!(&self.say("RCPT TO:<b@example.com>")[..3], "250");
    }

    fn text(&mut self, text: &str) -> String {
        self.0.send(text.as_bytes()).expect("send");
        self.0.send(b".\r\n").expect("send");
        self.hear()
    }

    fn quit(&mut self) {
        assert_eq!(&self.say("QUIT")[..3], "221");
        assert_eq!(self.0.rest().expect("orderly end"), b"");
    }
}

/// Waits until all is over, and nobody was reset.
fn ended_well(fixture: &Fixture) {
    until(fixture, |vs| vs.active == 0);
    assert_eq!((fixture.status().resets, fixture.status().panics), (0, 0));
}
