//! The client of the control socket.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::api::{
    AddRequest, AddedList, AddressQuestion, AddressStatus, CaptureRequest, Counters,
    ExplainRequest, Explanation, FirewallApplied, FirewallApply, FirewallCompared, FirewallFile,
    FirewallList, FirewallSettled, MemberOrder, MemberSet, MonitorResume, MonitorResumed,
    MonitorTest, MonitorTested, PoolEvents, PoolEventsRequest, PoolList, Problem, Promote,
    Promotion, RefreshRequest, Refreshed, Reloaded, RemoveRequest, ReputationStatus, StagedList,
    Status,
};
use super::api::{EventQuery, LogReport, LogTest, TestReport};
use super::api::{
    GreylistAllow, GreylistEntries, GreylistQuery, GreylistRemove, GreylistRemoved, ViolationList,
    ViolationQuery, ViolationStats,
};

/// Bound on connecting.
const CONNECT: Duration = Duration::from_secs(5);
/// Bound on an answer; above the daemon's own, whose word is better than ours.
const ANSWER: Duration = Duration::from_secs(40);
/// Bound on an answer's size.
const BODY: usize = 64 * 1024 * 1024;
/// Bound on one line of a stream.
const LINE: usize = 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no socket.
    #[error("smtp-lb is not running: there is no control socket {}", .0.display())]
    NotRunning(PathBuf),
    /// There is one, and nobody behind it.
    #[error("smtp-lb is not running: nobody answers on {}", .0.display())]
    Stale(PathBuf),
    /// The socket's mode keeps us out.
    #[error("no permission to use the control socket {}", .0.display())]
    Permission(PathBuf),
    /// Connecting failed otherwise.
    #[error("cannot connect to {}: {source}", .path.display())]
    Connect {
        /// Socket.
        path: PathBuf,
        /// How it failed.
        source: io::Error,
    },
    /// No answer within the bound.
    #[error("the daemon does not answer")]
    Timeout,
    /// The connection broke.
    #[error("the connection to the daemon broke: {0}")]
    Broken(#[from] hyper::Error),
    /// What came is not what the API promises.
    #[error("the daemon's answer makes no sense: {0}")]
    Nonsense(#[from] serde_json::Error),
    /// More came than the bound.
    #[error("the daemon's answer is larger than the bound")]
    TooLarge,
    /// The daemon said no.
    #[error("{}", .0.message)]
    Refused(Problem),
}

/// A way to the daemon.
#[derive(Debug, Clone)]
pub struct Client {
    path: PathBuf,
}

impl Client {
    /// For the socket at `path`; nothing is connected yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.into() }
    }

    /// `GET /v1/status`.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.ask(Method::GET, "/v1/status", Bytes::new()).await
    }

    /// `POST /v1/reload`.
    pub async fn reload(&self) -> Result<Reloaded, ClientError> {
        self.ask(Method::POST, "/v1/reload", Bytes::new()).await
    }

    /// `GET /v1/firewall`.
    pub async fn firewall(&self) -> Result<FirewallList, ClientError> {
        self.ask(Method::GET, "/v1/firewall", Bytes::new()).await
    }

    /// `GET /v1/firewall/counters`.
    pub async fn counters(&self) -> Result<Counters, ClientError> {
        self.ask(Method::GET, "/v1/firewall/counters", Bytes::new())
            .await
    }

    /// `GET /v1/firewall/staged`.
    pub async fn staged(&self) -> Result<StagedList, ClientError> {
        self.ask(Method::GET, "/v1/firewall/staged", Bytes::new())
            .await
    }

    /// `POST /v1/firewall/promotion/diff`.
    pub async fn promotion(&self, request: &Promotion) -> Result<FirewallCompared, ClientError> {
        self.ask(Method::POST, "/v1/firewall/promotion/diff", json(request)?)
            .await
    }

    /// `POST /v1/firewall/promotion`.
    pub async fn promote(&self, request: &Promote) -> Result<FirewallApplied, ClientError> {
        self.ask(Method::POST, "/v1/firewall/promotion", json(request)?)
            .await
    }

    /// `POST /v1/firewall/explain`.
    pub async fn explain(&self, request: &ExplainRequest) -> Result<Explanation, ClientError> {
        self.ask(Method::POST, "/v1/firewall/explain", json(request)?)
            .await
    }

    /// `POST /v1/firewall/diff`.
    pub async fn compare(&self, file: &FirewallFile) -> Result<FirewallCompared, ClientError> {
        self.ask(Method::POST, "/v1/firewall/diff", json(file)?)
            .await
    }

    /// `POST /v1/firewall/apply`.
    pub async fn apply(&self, request: &FirewallApply) -> Result<FirewallApplied, ClientError> {
        self.ask(Method::POST, "/v1/firewall/apply", json(request)?)
            .await
    }

    /// `POST /v1/firewall/confirm`.
    pub async fn confirm(&self) -> Result<FirewallSettled, ClientError> {
        self.ask(Method::POST, "/v1/firewall/confirm", Bytes::new())
            .await
    }

    /// `POST /v1/firewall/rollback`.
    pub async fn roll_back(&self) -> Result<FirewallSettled, ClientError> {
        self.ask(Method::POST, "/v1/firewall/rollback", Bytes::new())
            .await
    }

    /// `POST /v1/monitor/test`.
    pub async fn test_monitor(&self, request: &MonitorTest) -> Result<MonitorTested, ClientError> {
        self.ask(Method::POST, "/v1/monitor/test", json(request)?)
            .await
    }

    /// `POST /v1/monitor/resume`.
    pub async fn resume_monitor(
        &self,
        request: &MonitorResume,
    ) -> Result<MonitorResumed, ClientError> {
        self.ask(Method::POST, "/v1/monitor/resume", json(request)?)
            .await
    }

    /// `GET /v1/pools`.
    pub async fn pools(&self) -> Result<PoolList, ClientError> {
        self.ask(Method::GET, "/v1/pools", Bytes::new()).await
    }

    /// `POST /v1/pools/events`.
    pub async fn pool_events(
        &self,
        request: &PoolEventsRequest,
    ) -> Result<PoolEvents, ClientError> {
        self.ask(Method::POST, "/v1/pools/events", json(request)?)
            .await
    }

    /// `POST /v1/members`.
    pub async fn set_member(&self, request: &MemberOrder) -> Result<MemberSet, ClientError> {
        self.ask(Method::POST, "/v1/members", json(request)?).await
    }

    /// `GET /v1/reputation`.
    pub async fn reputation(&self) -> Result<ReputationStatus, ClientError> {
        self.ask(Method::GET, "/v1/reputation", Bytes::new()).await
    }

    /// `POST /v1/reputation/show`.
    pub async fn reputation_show(
        &self,
        question: &AddressQuestion,
    ) -> Result<AddressStatus, ClientError> {
        self.ask(Method::POST, "/v1/reputation/show", json(question)?)
            .await
    }

    /// `POST /v1/reputation/refresh`.
    pub async fn reputation_refresh(
        &self,
        request: &RefreshRequest,
    ) -> Result<Refreshed, ClientError> {
        self.ask(Method::POST, "/v1/reputation/refresh", json(request)?)
            .await
    }

    /// `POST /v1/violations`.
    pub async fn violations(&self, query: &ViolationQuery) -> Result<ViolationList, ClientError> {
        self.ask(Method::POST, "/v1/violations", json(query)?).await
    }

    /// `GET /v1/violations/stats`.
    pub async fn violation_stats(&self) -> Result<ViolationStats, ClientError> {
        self.ask(Method::GET, "/v1/violations/stats", Bytes::new())
            .await
    }

    /// `POST /v1/greylist`.
    pub async fn greylist(&self, query: &GreylistQuery) -> Result<GreylistEntries, ClientError> {
        self.ask(Method::POST, "/v1/greylist", json(query)?).await
    }

    /// `POST /v1/greylist/allow`.
    pub async fn greylist_allow(
        &self,
        request: &GreylistAllow,
    ) -> Result<GreylistEntries, ClientError> {
        self.ask(Method::POST, "/v1/greylist/allow", json(request)?)
            .await
    }

    /// `POST /v1/greylist/remove`.
    pub async fn greylist_remove(
        &self,
        request: &GreylistRemove,
    ) -> Result<GreylistRemoved, ClientError> {
        self.ask(Method::POST, "/v1/greylist/remove", json(request)?)
            .await
    }

    /// `GET /v1/reputation/added`.
    pub async fn reputation_added(&self) -> Result<AddedList, ClientError> {
        self.ask(Method::GET, "/v1/reputation/added", Bytes::new())
            .await
    }

    /// `POST /v1/reputation/add`.
    pub async fn reputation_add(&self, request: &AddRequest) -> Result<AddedList, ClientError> {
        self.ask(Method::POST, "/v1/reputation/add", json(request)?)
            .await
    }

    /// `POST /v1/reputation/remove`.
    pub async fn reputation_remove(
        &self,
        request: &RemoveRequest,
    ) -> Result<AddedList, ClientError> {
        self.ask(Method::POST, "/v1/reputation/remove", json(request)?)
            .await
    }

    /// `GET /v1/events`.
    pub async fn events(&self) -> Result<Stream, ClientError> {
        self.stream(Method::GET, "/v1/events", Bytes::new()).await
    }

    /// `POST /v1/events`.
    pub async fn query_events(&self, query: &EventQuery) -> Result<Stream, ClientError> {
        self.stream(Method::POST, "/v1/events", json(query)?).await
    }

    /// `GET /v1/log`.
    pub async fn log(&self) -> Result<LogReport, ClientError> {
        self.ask(Method::GET, "/v1/log", Bytes::new()).await
    }

    /// `POST /v1/log/test`.
    pub async fn test_log(&self, request: &LogTest) -> Result<TestReport, ClientError> {
        self.ask(Method::POST, "/v1/log/test", json(request)?).await
    }

    /// `POST /v1/firewall/capture`.
    pub async fn capture(&self, request: &CaptureRequest) -> Result<Stream, ClientError> {
        self.stream(Method::POST, "/v1/firewall/capture", json(request)?)
            .await
    }

    async fn stream(
        &self,
        method: Method,
        uri: &'static str,
        body: Bytes,
    ) -> Result<Stream, ClientError> {
        let answer = timeout(ANSWER, self.send(method, uri, body));
        let (sender, answer) = answer.await.map_err(|_| ClientError::Timeout)??;
        if !answer.status().is_success() {
            return Err(refused(&collect(answer).await?));
        }
        Ok(Stream {
            _sender: sender,
            body: answer.into_body(),
            rest: Vec::new(),
        })
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        uri: &'static str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let exchange = async {
            let (_sender, answer) = self.send(method, uri, body).await?;
            let good = answer.status().is_success();
            let body = collect(answer).await?;
            if good {
                Ok(serde_json::from_slice(&body)?)
            } else {
                Err(refused(&body))
            }
        };
        timeout(ANSWER, exchange)
            .await
            .map_err(|_| ClientError::Timeout)?
    }

    async fn send(
        &self,
        method: Method,
        uri: &'static str,
        body: Bytes,
    ) -> Result<(SendRequest<Full<Bytes>>, Response<Incoming>), ClientError> {
        let stream = self.connect().await?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends by itself when the sender and the body are dropped.
        tokio::spawn(connection);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = hyper::Uri::from_static(uri);
        let headers = request.headers_mut();
        headers.insert(HOST, hyper::header::HeaderValue::from_static("smtp-lb"));
        headers.insert(
            CONTENT_TYPE,
            hyper::header::HeaderValue::from_static("application/json"),
        );
        let answer = sender.send_request(request).await?;
        Ok((sender, answer))
    }

    async fn connect(&self) -> Result<UnixStream, ClientError> {
        let path = || self.path.clone();
        match timeout(CONNECT, UnixStream::connect(&self.path)).await {
            Err(_) => Err(ClientError::Timeout),
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(source)) => Err(match source.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => ClientError::NotRunning(path()),
                ErrorKind::ConnectionRefused => ClientError::Stale(path()),
                ErrorKind::PermissionDenied => ClientError::Permission(path()),
                // The listen queue is full: somebody is there, and does not keep up.
                ErrorKind::WouldBlock => ClientError::Timeout,
                _ => ClientError::Connect {
                    path: path(),
                    source,
                },
            }),
        }
    }
}

/// Lines that come until one side leaves.
#[derive(Debug)]
pub struct Stream {
    _sender: SendRequest<Full<Bytes>>,
    body: Incoming,
    rest: Vec<u8>,
}

impl Stream {
    /// The next line without its end; `None` when the daemon has ended the stream.
    /// Not safe to cancel and call again.
    pub async fn line(&mut self) -> Result<Option<String>, ClientError> {
        loop {
            if let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
                let line = self.rest.drain(..=end).take(end).collect::<Vec<_>>();
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if self.rest.len() > LINE {
                return Err(ClientError::TooLarge);
            }
            match self.body.frame().await.transpose()? {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame.into_data() {
                        self.rest.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

fn json<T: Serialize>(value: &T) -> Result<Bytes, ClientError> {
    Ok(serde_json::to_vec(value)?.into())
}

fn refused(body: &[u8]) -> ClientError {
    serde_json::from_slice(body).map_or_else(ClientError::Nonsense, ClientError::Refused)
}

async fn collect(answer: Response<Incoming>) -> Result<Bytes, ClientError> {
    match Limited::new(answer.into_body(), BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ClientError::TooLarge),
        Err(error) => Err(match error.downcast::<hyper::Error>() {
            Ok(error) => ClientError::Broken(*error),
            Err(_) => ClientError::TooLarge,
        }),
    }
}
