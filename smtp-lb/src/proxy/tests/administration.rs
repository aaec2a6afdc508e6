//! Members that an operator takes out of service, under sessions.

use std::time::SystemTime;

use tokio::io::AsyncReadExt;

use super::fixture::*;
use crate::config::plan::PoolId;
use crate::pool::{Administration, Order};

fn says(fixture: &Fixture, member: usize, state: Administration) {
    let pool = fixture.pools.get(PoolId(0));
    pool.members()[member].set_administration(Order {
        state,
        since: SystemTime::now(),
        until: None,
    });
}

#[tokio::test]
async fn a_disabled_member_keeps_its_sessions_and_gets_no_others() {
    let (a, b) = (echo(V4, "a").await, echo(V6, "b").await);
    let fixture = Fixture::start(&plan_for(&[V4], &[a, b]));
    let mut running = fixture.connect().await;
    expect(&mut running, "a").await;
    for state in [Administration::Disabled, Administration::Draining] {
        says(&fixture, 0, state);
        for _ in 0..3 {
            expect(&mut fixture.connect().await, "b").await;
        }
        exchange(&mut running, "still here").await;
    }
    says(&fixture, 0, Administration::Enabled);
    drop(running);
    fixture.until(|status| status.active == 0).await;
    expect(&mut fixture.connect().await, "a").await;
    assert_eq!(fixture.status().cut, 0);
}

#[tokio::test]
async fn sessions_of_a_member_that_is_offline_or_was_to_be_drained_are_cut_however_idle() {
    let (a, b) = (echo(V4, "a").await, echo(V4, "b").await);
    let fixture = Fixture::start(&plan_for(&[V4], &[a, b]));
    for (round, state) in (1..).zip([Administration::Offline, Administration::Drained]) {
        says(&fixture, 1, Administration::Disabled);
        let mut idle = Vec::new();
        for _ in 0..20 {
            let mut client = fixture.connect().await;
            expect(&mut client, "a").await;
            idle.push(client);
        }
        says(&fixture, 1, Administration::Enabled);
        let mut other = fixture.connect().await;
        expect(&mut other, "b").await;
        says(&fixture, 0, state);
        for client in &mut idle {
            assert!(is_reset(client).await);
        }
        exchange(&mut other, "untouched").await;
        drop(other);
        fixture.until(|status| status.active == 0).await;
        let status = fixture.status();
        assert_eq!(
            (status.cut, status.resets, status.timeouts),
            (round * 20, 0, 0)
        );
        says(&fixture, 0, Administration::Enabled);
    }
    // A session that has ended is not called any more.
    let mut client = fixture.connect().await;
    let mut first = [0];
    client.read_exact(&mut first).await.expect("greeting");
}
