//! What members are told of clients.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::fixture::*;
use crate::config::plan::ProxyVersion;
use crate::proxy_protocol::{Decoder, Header};

/// The header that a member gets, octet by octet so that what comes after it stays.
async fn header(member: &mut tokio::net::TcpStream) -> Header {
    let mut decoder = Decoder::default();
    loop {
        let octet = member.read_u8().await.expect("read");
        if let (_, Some(header)) = decoder.read(&[octet]).expect("a header") {
            return header;
        }
    }
}

#[tokio::test]
async fn a_header_comes_first_and_names_both_ends() {
    for front in [V4, V6] {
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            let (members, member) = listener(V4).await;
            let mut plan = plan_for(&[front], &[member]);
            plan.virtual_servers[0].send_proxy = Some(version);
            let fixture = Fixture::start(&plan);
            let mut client = fixture.connect().await;
            client.write_all(b"EHLO me\r\n").await.expect("write");
            let (mut member, _) = members.accept().await.expect("accept");
            let header = header(&mut member).await;
            let addresses = header.addresses.expect("addresses");
            assert_eq!(addresses.source, client.local_addr().expect("bound"));
            assert_eq!(addresses.destination, fixture.address());
            let has_id = version == ProxyVersion::V2;
            assert_eq!(header.unique_id.is_some_and(|id| id.len() == 32), has_id);
            assert_eq!(header.tls, None);
            expect(&mut member, "EHLO me\r\n").await;
        }
    }
}
