//! Clients that no member takes, and clients that wait for one.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::fixture::*;
use crate::config::plan::{Mode, QueuePlan, WhenDown};

async fn all(stream: &mut tokio::net::TcpStream) -> std::io::Result<String> {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn each_word_does_as_it_says() {
    let said = "421 4.3.2 No mail server can be had, closing\r\n";
    for (mode, when_down, wanted) in [
        (Mode::Plain, WhenDown::Reply, Some(said)),
        (Mode::Plain, WhenDown::Close, Some("")),
        (Mode::Plain, WhenDown::Reset, None),
        (Mode::Passthrough, WhenDown::Reply, None),
        (Mode::Passthrough, WhenDown::Close, Some("")),
    ] {
        let mut plan = plan_for(&[V4], &[nobody().await]);
        plan.virtual_servers[0].mode = mode;
        plan.pools[0].when_down = when_down;
        let fixture = Fixture::start(&plan);
        if wanted.is_none() {
            assert!(fixture.resets().await, "{mode:?}, {when_down:?}");
        } else {
            let mut client = fixture.connect().await;
            // What the client said meanwhile does not reset it.
            client
                .write_all(b"EHLO early.example\r\n")
                .await
                .expect("write");
            let got = all(&mut client).await.ok();
            assert_eq!(got.as_deref(), wanted, "{mode:?}, {when_down:?}");
        }
        fixture
            .until(|vs| vs.active == 0 && vs.no_member == 1)
            .await;
    }
}

#[tokio::test]
async fn a_session_waits_for_room() {
    let member = echo(V4, "a").await;
    let mut plan = plan_for(&[V4], &[member]);
    plan.pools[0].limits.connections = Some(1);
    plan.pools[0].when_down = WhenDown::Reply;
    plan.pools[0].queue = Some(QueuePlan {
        length: 1,
        wait: LONG,
    });
    let fixture = Fixture::start(&plan);
    let mut first = fixture.connect().await;
    expect(&mut first, "a").await;
    let mut second = fixture.connect().await;
    while fixture.pools.status()[0].waiting == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let refused = all(&mut fixture.connect().await).await.expect("an end");
    assert!(refused.starts_with("421 "), "{refused}");
    drop(first);
    expect(&mut second, "a").await;
    let pool = &fixture.pools.status()[0];
    assert_eq!((pool.waiting, pool.queued, pool.refused), (0, 1, 1));
    assert!(pool.members[0].greeting_micros.is_some());
}
