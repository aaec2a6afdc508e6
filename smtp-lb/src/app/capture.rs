//! A capture for a client of the control socket: read until it ends, or the client leaves.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::mpsc::{self, Sender};

use super::Running;
use super::control::unavailable;
use crate::admin::Refusal;
use crate::admin::api::{CaptureEnd, CaptureRecord, CaptureRequest};
use crate::firewall::Capture;

/// Lines that wait for the client; what is behind them waits in the ring, and is counted as lost
/// when that is full.
const QUEUE: usize = 256;
/// Frames taken from the ring at once.
const BATCH: usize = 256;
/// Time between two looks at a ring that was empty.
const POLL: Duration = Duration::from_millis(10);

/// Begins a capture. Must be called within the runtime.
pub(super) fn capture(
    running: &Arc<Running>,
    request: &CaptureRequest,
) -> Result<mpsc::Receiver<Bytes>, Refusal> {
    let mut capture = running
        .firewall
        .capture(request)
        .map_err(|e| unavailable(&e))?;
    running.tell("capture_begun", request.rule.clone().unwrap_or_default());
    let (sender, receiver) = mpsc::channel(QUEUE);
    let running = Arc::clone(running);
    let most = request.packets;
    tokio::task::spawn_blocking(move || {
        let given = give(&running, &mut capture, &sender);
        if let Some(given) = given {
            let why = if running.is_stopping() {
                "stop"
            } else if given == most {
                "count"
            } else {
                "time"
            };
            let end = CaptureEnd {
                why: why.into(),
                lost: capture.lost(),
            };
            send(&sender, &CaptureRecord::End(end));
        }
        drop(capture);
        running.tell("capture_ended", String::new());
    });
    Ok(receiver)
}

/// Gives frames until the end: how many; `None` if the client has left.
fn give(running: &Running, capture: &mut Capture, sender: &Sender<Bytes>) -> Option<u64> {
    send(sender, &CaptureRecord::Begun).then_some(())?;
    let mut given = 0;
    let mut packets = Vec::new();
    loop {
        let more = capture.read(BATCH, &mut packets);
        let quiet = packets.is_empty();
        for packet in packets.drain(..) {
            send(sender, &CaptureRecord::Packet(packet)).then_some(())?;
            given += 1;
        }
        if !more || running.is_stopping() {
            return Some(given);
        }
        if quiet {
            if sender.is_closed() {
                return None;
            }
            std::thread::sleep(POLL);
        }
    }
}

/// False: the client has left.
fn send(sender: &Sender<Bytes>, record: &CaptureRecord) -> bool {
    let Ok(mut line) = serde_json::to_vec(record) else {
        return false;
    };
    line.push(b'\n');
    sender.blocking_send(line.into()).is_ok()
}
