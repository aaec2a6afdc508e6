//! What is told of sessions of the gateway.

use super::member::Manner;
use super::*;
use crate::config::plan::Sessions;
use crate::proxy::tests::sessions::{next, telling_with};

#[test]
fn the_member_of_the_last_message_and_the_clients_tls() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("runtime");
    let material = Material::new();
    for (mode, version) in [(Mode::Plain, ""), (Mode::StartTls, "TLSv1_3")] {
        let member = Manner::of("a").start();
        let plan = gateway_plan(mode, &[&member]);
        let profiles = material.profiles(Start::Implicit);
        let (fixture, mut events) = telling_with(plan, &profiles, Sessions::All);
        let mut client = Client::connect(&fixture);
        client.ehlo();
        if mode == Mode::StartTls {
            client.starttls(&material);
            client.ehlo();
        }
        assert_eq!(client.send("text\r\n"), "250 2.0.0 a has it");
        client.quit();
        drop(client);
        let (open, close) =
            runtime.block_on(async { (next(&mut events).await, next(&mut events).await) });
        assert_eq!((open.change, &open.session), ("open", &close.session));
        assert_eq!((&*close.pool, close.change), ("p", "close"));
        let end = close.end.expect("an end");
        assert_eq!((end.tls, end.result), (version, "closed"));
        assert_eq!(&*end.member, member.address.to_string());
        assert!(end.bytes_in > 50 && end.bytes_out > 50, "{end:?}");
    }
}
