//! TCP and ICMP.

use super::*;
use crate::config::plan::ProxyVersion;
use std::net::IpAddr;

fn tcp(source: Option<&str>) -> MonitorPlan {
    let source = source.map(|source| source.parse().unwrap());
    monitor(MonitorKind::Tcp { source })
}

#[tokio::test]
async fn tcp_is_a_connection_from_where_it_is_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let good = probe(&subject(address), &tcp(Some("127.1.2.3")), LIMIT).await;
    assert_eq!(good.unwrap(), Transcript::default());
    let (mut stream, client) = listener.accept().await.unwrap();
    assert_eq!(client.ip(), IpAddr::from([127, 1, 2, 3]));
    assert_eq!(
        stream.read(&mut [0; 10]).await.unwrap(),
        0,
        "closed in order"
    );
    // Of the other family: as if there was none.
    let good = probe(&subject(address), &tcp(Some("2001:db8::1")), LIMIT).await;
    assert!(good.is_ok());
    let error = probe(&subject(address), &tcp(Some("192.0.2.77")), LIMIT).await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("connect: address not available"),
        "{error}"
    );
    drop(listener);
    let error = probe(&subject(address), &tcp(None), LIMIT)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "connect: refused");
}

/// Where the system lets the test ping at all.
#[tokio::test]
async fn icmp_of_both_families() {
    for address in ["127.0.0.1:25", "[::1]:25"] {
        let plan = monitor(MonitorKind::Icmp { source: None });
        match probe(&subject(address.parse().unwrap()), &plan, LIMIT).await {
            Ok(_) => {}
            Err(error) if matches!(error.cause, Cause::Permission) => {
                eprintln!("not allowed to ping: {error}");
            }
            Err(error) if address.starts_with('[') => {
                // A host without IPv6.
                assert!(matches!(error.cause, Cause::Io(_)), "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn inband_has_no_probe() {
    let plan = monitor(MonitorKind::Inband(
        crate::config::plan::InbandMonitorPlan {
            failures: 1,
            failure_interval: LIMIT,
            retry: LIMIT,
            retry_max: LIMIT,
        },
    ));
    let address = "127.0.0.1:1".parse().unwrap();
    let error = probe(&subject(address), &plan, LIMIT).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Passive), "{error}");
}

#[tokio::test]
async fn a_header_says_that_there_is_no_client() {
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00";
    for (version, begins) in [
        (ProxyVersion::V1, &b"PROXY UNKNOWN\r\n"[..]),
        (ProxyVersion::V2, &local[..]),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let subject = subject(address);
        let plan = MonitorPlan {
            send_proxy: Some(version),
            ..tcp(None)
        };
        let (outcome, accepted) = tokio::join!(probe(&subject, &plan, LIMIT), listener.accept());
        outcome.unwrap();
        let mut said = Vec::new();
        accepted.unwrap().0.read_to_end(&mut said).await.unwrap();
        assert!(said.starts_with(begins), "{said:?}");
    }
}
