//! What members are told of clients' TLS.

use std::io::Read;
use std::net::TcpListener;

use rustls::version::{TLS12, TLS13};

use super::peer::Peer;
use super::*;
use crate::config::plan::ProxyVersion;
use crate::proxy_protocol::{Decoder, Header};

fn header(member: &mut impl Read) -> Header {
    let mut decoder = Decoder::default();
    loop {
        let mut octet = [0];
        member.read_exact(&mut octet).expect("read");
        if let (_, Some(header)) = decoder.read(&octet).expect("a header") {
            return header;
        }
    }
}

#[test]
fn version_suite_and_name_are_those_of_the_clients_leg() {
    for (versions, version) in [([&TLS12], "TLSv1.2"), ([&TLS13], "TLSv1.3")] {
        let material = Material::of(&versions);
        // A bridge's header comes before its TLS.
        for mode in [Mode::Offload, Mode::Bridge] {
            let members = TcpListener::bind(V4).expect("bind");
            let mut plan = tls_plan(mode, &[members.local_addr().expect("bound")]);
            plan.virtual_servers[0].send_proxy = Some(ProxyVersion::V2);
            let profiles = material.profiles(Start::Implicit);
            let fixture = Fixture::with(&plan, &profiles, AllowAll);
            // The second one resumes the first one's session where that is possible.
            for _ in 0..2 {
                let mut client = Peer::connect(fixture.address(), Some(&material.client));
                client.handshake().expect("handshake");
                let (mut member, _) = members.accept().expect("accept");
                let header = header(&mut member);
                assert_eq!(header.authority.as_deref(), Some(&b"localhost"[..]));
                let tls = header.tls.expect("TLS");
                assert_eq!((tls.client, tls.verify), (1, 1));
                assert_eq!(tls.version.as_deref(), Some(version.as_bytes()));
                let cipher = tls.cipher.expect("suite");
                assert!(cipher.starts_with(b"TLS_"), "{cipher:?}");
            }
        }
    }
}
