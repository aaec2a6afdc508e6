//! What is told of sessions.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::fixture::*;
use crate::config::plan::{LogProfilePlan, Plan, ProfileId, PublisherId, Sessions};
use crate::event::model::{Kind, SessionEvent};
use crate::event::{Bus, Receiver};
use crate::proxy::AllowAll;
use crate::tls::Profiles;

fn telling(plan: Plan, sessions: Sessions) -> (Fixture, Receiver) {
    telling_with(plan, &Profiles::default(), sessions)
}

/// A proxy whose log profile asks for sessions, and what it tells.
pub(super) fn telling_with(
    mut plan: Plan,
    profiles: &Profiles,
    sessions: Sessions,
) -> (Fixture, Receiver) {
    plan.log.profiles = vec![LogProfilePlan {
        sessions,
        ..LogProfilePlan::of("p", PublisherId(0))
    }];
    plan.virtual_servers[0].log_profile = Some(ProfileId(0));
    let (bus, receiver) = Bus::channel(100);
    let fixture = Fixture::telling(&plan, profiles, AllowAll, bus);
    (fixture, receiver)
}

pub(super) async fn next(events: &mut Receiver) -> SessionEvent {
    loop {
        let event = tokio::time::timeout(Duration::from_secs(20), events.recv()).await;
        if let Kind::Session(session) = event.expect("in time").expect("a bus").kind {
            return session;
        }
    }
}

#[tokio::test]
async fn beginnings_and_ends_with_what_moved_and_where() {
    let member = echo(V4, "greeting").await;
    let (fixture, mut events) = telling(plan_for(&[V4], &[member]), Sessions::All);
    let mut client = fixture.connect().await;
    let address = client.local_addr().expect("bound");
    expect(&mut client, "greeting").await;
    client.write_all(b"1234").await.expect("write");
    expect(&mut client, "1234").await;
    let open = next(&mut events).await;
    assert_eq!(
        (open.change, &*open.virtual_server, &open.end),
        ("open", "vs", &None)
    );
    assert_eq!((open.src_ip, open.src_port), (address.ip(), address.port()));
    assert_eq!(open.dest_port, fixture.address().port());
    assert_eq!(&*open.pool, "p");
    drop(client);
    let close = next(&mut events).await;
    assert_eq!((close.change, &close.session), ("close", &open.session));
    assert_eq!(&*close.pool, "p");
    let end = close.end.expect("an end");
    assert_eq!((end.bytes_in, end.bytes_out), (4, 12));
    assert_eq!(&*end.member, member.to_string());
    assert_eq!((end.result, end.tls), ("closed", ""));
}

#[tokio::test]
async fn how_it_ended_is_told_and_beginnings_only_where_asked_for() {
    let away = nobody().await;
    let (fixture, mut events) = telling(plan_for(&[V4], &[away]), Sessions::Close);
    fixture.knock().await;
    let close = next(&mut events).await;
    let end = close.end.expect("an end");
    assert_eq!(
        (close.change, end.result, &*end.member),
        ("close", "no_member", "")
    );

    let (listener, member) = listener(V4).await;
    let mut plan = plan_for(&[V4], &[member]);
    plan.virtual_servers[0].limits.idle_timeout = Duration::from_millis(100);
    let (fixture, mut events) = telling(plan, Sessions::Close);
    let _client = fixture.connect().await;
    let _server = listener.accept().await.expect("accept");
    assert_eq!(
        next(&mut events).await.end.expect("an end").result,
        "timeout"
    );
}

#[tokio::test]
async fn nothing_is_told_where_nobody_asks() {
    let member = echo(V4, "a").await;
    let (fixture, events) = telling(plan_for(&[V4], &[member]), Sessions::None);
    let mut client = fixture.connect().await;
    expect(&mut client, "a").await;
    drop(client);
    fixture.until(|vs| vs.active == 0).await;
    assert!(events.try_recv().is_none());
}
