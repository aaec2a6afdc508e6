//! Splunk's HTTP event collector: a batch of records a request, and an acknowledgement when they are
//! indexed.

use std::future::pending;
use std::io::{self, ErrorKind, Write as _};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use super::super::outgoing::Outgoing;
use super::Timing;
use super::collectors::Collectors;
use super::dial::dial;
use super::secure::Secure;
use super::worker::Sink;
use crate::chance;
use crate::config::plan::Secret;
use crate::secret;

/// Octets of a token, and of an answer.
const TOKEN: u64 = 4096;
const ANSWER: usize = 1 << 20;
/// For a request to be answered.
const REQUEST: Duration = Duration::from_secs(30);
/// For what was taken to be indexed.
const INDEXED: Duration = Duration::from_mins(2);
/// Pauses between questions for that.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// A connection to a collector, made again when it breaks.
#[derive(Debug)]
pub(super) struct Hec {
    collectors: Arc<Collectors>,
    place: usize,
    secure: Option<Secure>,
    token: Secret,
    acknowledge: bool,
    timing: Timing,
    /// Names our requests among those of others with the same token.
    channel: String,
    link: Option<Link>,
    /// Numbers of requests that are not known to be indexed.
    unacknowledged: Vec<u64>,
}

#[derive(Debug)]
struct Link {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    token: HeaderValue,
}

#[derive(Deserialize)]
struct Taken {
    #[serde(rename = "ackId")]
    number: Option<u64>,
}

#[derive(Deserialize)]
struct Acknowledged {
    acks: std::collections::HashMap<String, bool>,
}

impl Hec {
    pub(super) fn new(
        collectors: Arc<Collectors>,
        secure: Option<Secure>,
        (token, acknowledge): (Secret, bool),
        timing: Timing,
    ) -> Self {
        // As a version 4 UUID is written.
        let (a, b) = (chance::draw(), chance::draw());
        let channel = format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            a >> 16 & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        );
        Self {
            collectors,
            place: 0,
            secure,
            token,
            acknowledge,
            timing,
            channel,
            link: None,
            unacknowledged: Vec::new(),
        }
    }

    async fn connect(&mut self) -> io::Result<Link> {
        self.place = self.collectors.next(Instant::now());
        let Some(collector) = self.collectors.member(self.place) else {
            return Err(ErrorKind::NotFound.into());
        };
        let from = self.token.clone();
        let token = spawn_blocking(move || secret::password(&from, TOKEN)).await?;
        let token = token.map_err(io::Error::other)?;
        let mut token = HeaderValue::from_bytes(&[b"Splunk ", &token[..]].concat())
            .map_err(|_| io::Error::other("the token is no text of one line"))?;
        token.set_sensitive(true);
        let host = collector.host.clone().map_or_else(
            || collector.address.to_string(),
            |host| format!("{host}:{}", collector.address.port()),
        );
        let host = HeaderValue::try_from(host).map_err(io::Error::other)?;
        let stream = dial(collector.address, None, self.timing).await?;
        let sender = match &self.secure {
            None => begin(stream).await?,
            Some(secure) => {
                begin(
                    secure
                        .handshake(stream, collector, self.timing.connect)
                        .await?,
                )
                .await?
            }
        };
        Ok(Link {
            sender,
            host,
            token,
        })
    }

    /// Sends a request, and returns the answer to it if that is good.
    async fn ask(&mut self, path: &'static str, body: Bytes) -> io::Result<Bytes> {
        let link = self.link.as_mut().ok_or(ErrorKind::NotConnected)?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(HOST, link.host.clone())
            .header(AUTHORIZATION, link.token.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("X-Splunk-Request-Channel", &self.channel)
            .body(Full::new(body))
            .map_err(io::Error::other)?;
        let exchange = async {
            link.sender.ready().await.map_err(io::Error::other)?;
            let answer = link
                .sender
                .send_request(request)
                .await
                .map_err(io::Error::other)?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER).collect().await;
            Ok::<_, io::Error>((status, body.map_err(io::Error::other)?.to_bytes()))
        };
        let late = |_| io::Error::new(ErrorKind::TimedOut, "no answer in time");
        let (status, body) = timeout(REQUEST, exchange).await.map_err(late)??;
        if status == StatusCode::OK {
            return Ok(body);
        }
        let said: String = String::from_utf8_lossy(&body).chars().take(120).collect();
        Err(io::Error::other(format!(
            "the collector answers {status}: {said}"
        )))
    }

    async fn post(&mut self, body: Bytes) -> io::Result<()> {
        let answer = self.ask("/services/collector/event", body).await?;
        if !self.acknowledge {
            return Ok(());
        }
        let taken: Taken = serde_json::from_slice(&answer).map_err(io::Error::other)?;
        let number = taken.number.ok_or_else(|| {
            io::Error::other("the collector acknowledges nothing: switch that on for the token, or set `acknowledge = false`")
        })?;
        self.unacknowledged.push(number);
        Ok(())
    }

    async fn acknowledged(&mut self) -> io::Result<()> {
        let until = Instant::now() + INDEXED;
        let mut pause = PAUSES.0;
        while !self.unacknowledged.is_empty() {
            let question = serde_json::json!({ "acks": self.unacknowledged });
            let answer = self
                .ask("/services/collector/ack", question.to_string().into())
                .await?;
            let answer: Acknowledged = serde_json::from_slice(&answer).map_err(io::Error::other)?;
            let before = self.unacknowledged.len();
            self.unacknowledged
                .retain(|number| answer.acks.get(&number.to_string()) != Some(&true));
            if self.unacknowledged.is_empty() {
                break;
            }
            if Instant::now() >= until {
                return Err(io::Error::new(ErrorKind::TimedOut, "not indexed in time"));
            }
            if self.unacknowledged.len() < before {
                pause = PAUSES.0;
            }
            sleep(pause).await;
            pause = (2 * pause).min(PAUSES.1);
        }
        Ok(())
    }

    fn lost(&mut self) {
        self.link = None;
        self.unacknowledged.clear();
        self.collectors.failed(self.place, Instant::now());
    }
}

/// Begins HTTP/1.1 on a connection.
async fn begin(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> io::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    // Ends by itself when the sender is dropped.
    tokio::spawn(connection);
    Ok(sender)
}

impl Sink for Hec {
    /// `{"time":…,"source":"smtp-lb","sourcetype":"smtp-lb:json","event":…}`.
    fn frame(&mut self, time_ns: u64, out: &mut Vec<u8>, start: usize) {
        let before = out.len();
        let (seconds, micros) = (time_ns / 1_000_000_000, time_ns / 1000 % 1_000_000);
        // Writing to a Vec cannot fail.
        let _ = write!(
            out,
            "{{\"time\":{seconds}.{micros:06},\"source\":\"smtp-lb\",\"sourcetype\":\"smtp-lb:json\",\"event\":"
        );
        let head = out.len() - before;
        if let Some(record) = out.get_mut(start..) {
            record.rotate_right(head);
        }
        out.extend_from_slice(b"}\n");
    }

    async fn open(&mut self) -> io::Result<()> {
        if self
            .link
            .as_ref()
            .is_some_and(|link| link.sender.is_closed())
        {
            self.lost();
        }
        if self.link.is_none() {
            match self.connect().await {
                Ok(link) => self.link = Some(link),
                Err(error) => {
                    self.lost();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn write(&mut self, out: &mut Outgoing) -> io::Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let posted = self.post(Bytes::copy_from_slice(out.rest())).await;
        match posted {
            Ok(()) => out.advance(out.rest().len()),
            Err(error) => {
                self.lost();
                out.rewind();
                return Err(error);
            }
        }
        Ok(())
    }

    async fn broken(&mut self) -> io::Error {
        pending().await
    }

    fn must_confirm(&self) -> bool {
        self.acknowledge
    }

    async fn confirm(&mut self) -> io::Result<()> {
        let acknowledged = self.acknowledged().await;
        if acknowledged.is_err() {
            self.lost();
        }
        acknowledged
    }

    async fn close(self) {}
}
