//! Start, reload, drain.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use super::super::*;
use super::fixture::*;

#[tokio::test]
async fn a_port_in_use_is_named_and_nothing_starts() {
    let (_held, taken) = listener(V4).await;
    let member = nobody().await;
    let free = nobody().await;
    let plan = plan_for(&[&free.to_string(), &taken.to_string()], &[member]);
    let pools = Pools::from_plan(&plan, None);
    let error = Proxy::start(
        &plan,
        &pools,
        &Profiles::default(),
        Arc::new(AllowAll),
        Arc::new(Unheard),
        Bus::null(),
        Services::null(),
    )
    .err()
    .expect("in use");
    assert!(
        matches!(error, ProxyError::InUse { address } if address == taken),
        "{error}"
    );
    assert!(error.to_string().contains(&taken.to_string()));
    assert!(
        TcpStream::connect(free).await.is_err(),
        "no listener is left behind"
    );
}

#[tokio::test]
async fn a_second_daemon_does_not_share_the_port() {
    let member = nobody().await;
    let first = Fixture::start(&plan_for(&[V4], &[member]));
    let plan = plan_for(&[&first.address().to_string()], &[member]);
    let error = Proxy::start(
        &plan,
        &first.pools,
        &Profiles::default(),
        Arc::new(AllowAll),
        Arc::new(Unheard),
        Bus::null(),
        Services::null(),
    )
    .err();
    assert!(matches!(error, Some(ProxyError::InUse { .. })), "{error:?}");
}

#[tokio::test]
async fn an_address_of_another_host_is_named() {
    let plan = plan_for(&["192.0.2.1:0"], &[nobody().await]);
    let pools = Pools::from_plan(&plan, None);
    let error = Proxy::start(
        &plan,
        &pools,
        &Profiles::default(),
        Arc::new(AllowAll),
        Arc::new(Unheard),
        Bus::null(),
        Services::null(),
    )
    .err();
    assert!(
        matches!(error, Some(ProxyError::NotLocal { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_reload_moves_new_sessions_and_keeps_old_ones() {
    let (old, new) = (echo(V4, "old").await, echo(V4, "new").await);
    let fixture = Fixture::start(&plan_for(&[V4], &[old]));
    let address = fixture.address();
    let mut before = fixture.connect().await;
    expect(&mut before, "old").await;

    let mut plan = plan_for(&[V4, V6], &[new]);
    plan.general.workers = 7;
    let pools = Pools::from_plan(&plan, Some(&fixture.pools));
    let prepared = fixture
        .proxy
        .prepare(&plan, &pools, &Profiles::default())
        .expect("prepare");
    expect(&mut fixture.connect().await, "old").await;
    let warnings = fixture.proxy.commit(prepared);
    assert_eq!(
        warnings,
        [ReloadWarning::WorkersKept {
            running: 2,
            asked: 7
        }]
    );

    assert_eq!(fixture.address(), address);
    expect(&mut fixture.connect().await, "new").await;
    let added = fixture.status().listen[1];
    expect(
        &mut TcpStream::connect(added).await.expect("connect"),
        "new",
    )
    .await;
    exchange(&mut before, "still here").await;
    assert_eq!(fixture.status().total, 4, "counters go on");
}

#[tokio::test]
async fn no_connection_is_refused_while_reloading() {
    let member = echo(V4, "a").await;
    let fixture = Fixture::start(&plan_for(&[V4], &[member]));
    let address = fixture.address();
    let clients = tokio::spawn(async move {
        for _ in 0..500 {
            expect(
                &mut TcpStream::connect(address).await.expect("connect"),
                "a",
            )
            .await;
        }
    });
    let mut reloads = 0;
    while !clients.is_finished() {
        let listen: &[&str] = if reloads % 2 == 0 { &[V4, V6] } else { &[V4] };
        let plan = plan_for(listen, &[member]);
        let prepared = fixture
            .proxy
            .prepare(&plan, &fixture.pools, &Profiles::default())
            .expect("prepare");
        fixture.proxy.commit(prepared);
        reloads += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    clients.await.expect("every client was served");
    assert!(reloads > 1);
}

#[tokio::test]
async fn a_reload_that_cannot_bind_changes_nothing() {
    let member = echo(V4, "a").await;
    let fixture = Fixture::start(&plan_for(&[V4], &[member]));
    let (_held, taken) = listener(V4).await;
    let free = nobody().await;
    let plan = plan_for(&[&free.to_string(), &taken.to_string()], &[member]);
    let error = fixture
        .proxy
        .prepare(&plan, &fixture.pools, &Profiles::default())
        .err();
    assert!(matches!(error, Some(ProxyError::InUse { address }) if address == taken));
    expect(&mut fixture.connect().await, "a").await;
    assert!(TcpStream::connect(free).await.is_err());
    assert_eq!(fixture.status().listen.len(), 1);
}

#[tokio::test]
async fn an_address_taken_out_stops_listening_and_keeps_its_sessions() {
    let member = echo(V4, "a").await;
    let fixture = Fixture::start(&plan_for(&[V4, V6], &[member]));
    let gone = fixture.status().listen[1];
    let mut inside = TcpStream::connect(gone).await.expect("connect");
    expect(&mut inside, "a").await;
    let plan = plan_for(&[V4], &[member]);
    let prepared = fixture
        .proxy
        .prepare(&plan, &fixture.pools, &Profiles::default())
        .expect("prepare");
    fixture.proxy.commit(prepared);
    while TcpStream::connect(gone).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    exchange(&mut inside, "still here").await;
    expect(&mut fixture.connect().await, "a").await;
}

#[tokio::test]
async fn a_wildcard_is_narrowed_by_a_reload() {
    let member = echo(V4, "a").await;
    let fixture = Fixture::start(&plan_for(&["0.0.0.0:0"], &[member]));
    let narrow = SocketAddr::from(([127, 0, 0, 1], fixture.address().port()));
    let plan = plan_for(&[&narrow.to_string()], &[member]);
    let prepared = fixture
        .proxy
        .prepare(&plan, &fixture.pools, &Profiles::default())
        .expect("prepare");
    fixture.proxy.commit(prepared);
    assert_eq!(fixture.address(), narrow);
    expect(&mut fixture.connect().await, "a").await;
}

#[tokio::test]
async fn a_drain_lets_sessions_end() {
    let member = echo(V4, "a").await;
    let fixture = Fixture::start(&plan_for(&[V4], &[member]));
    let address = fixture.address();
    let mut client = fixture.connect().await;
    expect(&mut client, "a").await;
    let last_words = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        exchange(&mut client, "QUIT").await;
        drop(client);
    };
    let (report, ()) = tokio::join!(fixture.proxy.drain(LONG), last_words);
    assert_eq!(report.aborted, 0);
    assert!(report.ended >= 1);
    assert_eq!(fixture.proxy.status().workers, 0);
}

#[tokio::test]
async fn a_drain_resets_what_outlasts_the_grace() {
    let (listener, member) = listener(V4).await;
    let fixture = Fixture::start(&plan_for(&[V4], &[member]));
    let mut clients = Vec::new();
    for _ in 0..3 {
        let client = fixture.connect().await;
        clients.push((client, listener.accept().await.expect("accept").0));
    }
    let report = fixture.proxy.drain(Duration::from_millis(50)).await;
    assert_eq!(
        report,
        DrainReport {
            ended: 0,
            aborted: 3
        }
    );
    for (mut client, mut server) in clients {
        assert!(is_reset(&mut client).await);
        assert!(is_reset(&mut server).await);
    }
    assert_eq!(fixture.pools.status()[0].members[0].active, 0);
}
