//! What the control API asks of the event pipeline.

use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::mpsc;

use super::Running;
use crate::admin::Refusal;
use crate::admin::api::{EventQuery, LogTest, TestReport};
use crate::config::plan::{FieldList, Format};
use crate::event::Filter;
use crate::event::format::encoder::Encoder;
use crate::event::format::json;

/// Lines that wait for a follower's connection; what is behind them waits in the pipeline.
const FOLLOW_QUEUE: usize = 256;
/// Octets that hold most records.
const LINE: usize = 512;
/// Conditions of one follower.
const FILTERS: usize = 32;
/// Records of one test, and the longest wait for them: less than the control socket's own.
const TEST_RECORDS: usize = 1_000_000;
const TEST_WAIT: Duration = Duration::from_secs(25);
/// `local0`.
const FACILITY: u8 = 16;

/// Follows events that meet all conditions, as records of the format.
pub(super) fn follow(
    running: &Running,
    query: &EventQuery,
) -> Result<mpsc::Receiver<Bytes>, Refusal> {
    if query.filters.len() > FILTERS {
        return Err(Refusal::BadRequest(format!("more than {FILTERS} filters")));
    }
    let filters = query.filters.iter().map(|text| text.parse::<Filter>());
    let filters: Vec<_> = filters
        .collect::<Result<_, _>>()
        .map_err(|error| Refusal::BadRequest(error.to_string()))?;
    let mut encoder = match &query.format {
        None => None,
        Some(name) => Some(Encoder::of_this_host(format(name)?, FACILITY)),
    };
    let mut follower = running.events.follow();
    let (sender, receiver) = mpsc::channel(FOLLOW_QUEUE);
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                event = follower.next() => event,
                // The client has left; without this it would be noticed at the next event only.
                () = sender.closed() => None,
            };
            let Some(event) = event else { return };
            if !filters.iter().all(|filter| filter.admits(&event)) {
                continue;
            }
            let mut line = Vec::with_capacity(LINE);
            match &mut encoder {
                Some(encoder) => encoder.encode(&event, &mut line),
                None => json::encode(&event, &mut line),
            }
            line.push(b'\n');
            if sender.send(line.into()).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

fn format(name: &str) -> Result<Format, Refusal> {
    Ok(match name {
        "json" => Format::Json,
        "rfc5424" => Format::Rfc5424,
        "rfc3164" => Format::Rfc3164,
        "cef" => Format::Cef,
        "splunk" => Format::Splunk,
        "bigip" => Format::BigIp(FieldList::default()),
        _ => {
            let text = format!(
                "there is no format {name:?}: json, rfc5424, rfc3164, cef, splunk or bigip"
            );
            return Err(Refusal::BadRequest(text));
        }
    })
}

/// Sends test records to a destination.
pub(super) async fn test(running: &Running, request: &LogTest) -> Result<TestReport, Refusal> {
    if !(1..=TEST_RECORDS).contains(&request.count) {
        let text = format!("count is 1 to {TEST_RECORDS}");
        return Err(Refusal::BadRequest(text));
    }
    let within = Duration::from_millis(request.within_ms).min(TEST_WAIT);
    let tested = running
        .events
        .test(&request.destination, request.count, within);
    tested.await.ok_or_else(|| {
        let name = &request.destination;
        Refusal::BadRequest(format!(
            "there is no log destination {name:?}; `smtp-lb log status` lists them"
        ))
    })
}
