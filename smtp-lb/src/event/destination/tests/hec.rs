use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::*;
use crate::config::plan::{DiskPlan, Secret};

/// Splunk, as far as it concerns us.
#[derive(Default)]
struct Splunk {
    /// What is indexed: sequence number and text.
    indexed: Mutex<BTreeMap<u64, String>>,
    /// Taken and not yet indexed, by request.
    taken: Mutex<BTreeMap<u64, Vec<Value>>>,
    requests: AtomicU64,
    /// Forgets what it took, as a crash would.
    forgets: AtomicBool,
    busy: AtomicBool,
}

async fn event(
    State(splunk): State<Arc<Splunk>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, Json<Value>) {
    if headers["authorization"] != "Splunk s3cret" {
        return (
            StatusCode::FORBIDDEN,
            Json(json!({"text": "Invalid token", "code": 4})),
        );
    }
    assert_eq!(headers["x-splunk-request-channel"].len(), 36);
    if splunk.busy.load(Ordering::Relaxed) {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"text": "Server is busy", "code": 9})),
        );
    }
    let events = body.lines().map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["source"], "smtp-lb");
        assert!(
            (event["time"].as_f64().unwrap() - 1_772_368_496.0).abs() < 1.0,
            "{event}"
        );
        event["event"].clone()
    });
    let events: Vec<_> = events.collect();
    let number = splunk.requests.fetch_add(1, Ordering::Relaxed);
    if !splunk.forgets.load(Ordering::Relaxed) {
        splunk.taken.lock().unwrap().insert(number, events);
    }
    (
        StatusCode::OK,
        Json(json!({"text": "Success", "code": 0, "ackId": number})),
    )
}

async fn ack(State(splunk): State<Arc<Splunk>>, Json(asked): Json<Value>) -> Json<Value> {
    let mut answers = serde_json::Map::new();
    for number in asked["acks"].as_array().unwrap() {
        let number = number.as_u64().unwrap();
        let taken = splunk.taken.lock().unwrap().remove(&number);
        answers.insert(number.to_string(), taken.is_some().into());
        let mut indexed = splunk.indexed.lock().unwrap();
        for event in taken.into_iter().flatten() {
            let sequence = event["sequence_id"].as_u64().unwrap();
            indexed.insert(sequence, event["detail"].as_str().unwrap().to_owned());
        }
    }
    Json(json!({ "acks": answers }))
}

/// Serves until the task is aborted.
fn serve(address: SocketAddr, splunk: &Arc<Splunk>) -> JoinHandle<()> {
    let app = Router::new()
        .route("/services/collector/event", post(event))
        .route("/services/collector/ack", post(ack))
        .with_state(Arc::clone(splunk));
    let listener = super::collector::listen(address);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() })
}

fn plan(address: SocketAddr, folder: &Path, disk: bool) -> DestinationPlan {
    let token = folder.join("token");
    std::fs::write(&token, "s3cret\n").unwrap();
    DestinationPlan {
        kind: DestinationKind::Hec {
            collectors: CollectorsPlan::one(address, None),
            tls: None,
            token: Secret::File(token),
            acknowledge: true,
        },
        format: Format::Json,
        disk: disk.then(|| DiskPlan {
            folder: folder.join("queue"),
            size: 16 << 20,
            age: None,
            confirm: Some(Duration::from_millis(50)),
        }),
        ..syslog(address, Transport::Udp, 10_000)
    }
}

fn expect(splunk: &Splunk, count: u64) {
    let indexed = splunk.indexed.lock().unwrap();
    let expected: BTreeMap<_, _> = (1..=count).map(|n| (n, (n - 1).to_string())).collect();
    assert_eq!(*indexed, expected);
}

#[tokio::test]
async fn in_memory_what_was_taken_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let address = lonely_address();
    let splunk = Arc::<Splunk>::default();
    let server = serve(address, &splunk);
    let destination = start(&plan(address, folder.path(), false));
    offer(&destination, 0..500);
    until_sent(&destination, 500).await;
    let taken: usize = splunk.taken.lock().unwrap().values().map(Vec::len).sum();
    assert_eq!(taken, 500);
    assert_eq!(finish(&destination).await.failures, 0);
    server.abort();
}

/// What was taken and lost before it was indexed is sent again: at least once.
#[tokio::test]
async fn on_disk_only_what_is_indexed_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let address = lonely_address();
    let splunk = Arc::<Splunk>::default();
    splunk.forgets.store(true, Ordering::Relaxed);
    let server = serve(address, &splunk);
    let destination = start(&plan(address, folder.path(), true));
    offer(&destination, 0..500);
    until("it is asked for what it forgot", || {
        (splunk.requests.load(Ordering::Relaxed) > 0).then_some(())
    })
    .await;
    assert_eq!(destination.status().sent, 0);
    // It restarts, and is busy for a while.
    server.abort();
    let _ = server.await;
    splunk.forgets.store(false, Ordering::Relaxed);
    splunk.busy.store(true, Ordering::Relaxed);
    let server = serve(address, &splunk);
    until("it was too busy", || {
        let error = destination.status().last_error;
        error
            .is_some_and(|error| error.contains("503"))
            .then_some(())
    })
    .await;
    splunk.busy.store(false, Ordering::Relaxed);
    until_sent(&destination, 500).await;
    expect(&splunk, 500);
    offer(&destination, 500..700);
    until_sent(&destination, 700).await;
    expect(&splunk, 700);
    assert_eq!(destination.status().lost.total(), 0);
    destination
        .finish(Instant::now() + Duration::from_secs(10))
        .await;
    server.abort();
}

/// A wrong token is told, without the token.
#[tokio::test]
async fn a_wrong_token_is_told_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let address = lonely_address();
    let splunk = Arc::<Splunk>::default();
    let server = serve(address, &splunk);
    let plan = plan(address, folder.path(), true);
    std::fs::write(folder.path().join("token"), "wr0ng").unwrap();
    let destination = start(&plan);
    offer(&destination, 0..5);
    let error = until("it is refused", || destination.status().last_error).await;
    assert!(error.contains("403") && !error.contains("wr0ng"), "{error}");
    std::fs::write(folder.path().join("token"), "s3cret").unwrap();
    until_sent(&destination, 5).await;
    destination
        .finish(Instant::now() + Duration::from_secs(10))
        .await;
    server.abort();
}
