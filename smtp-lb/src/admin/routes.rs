//! Endpoints: each takes a request to [`Control`] and back.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Extension, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::Method;
use hyper::body::{Bytes, Frame};
use tokio::sync::mpsc;

use super::api::{
    CaptureRequest, Counters, EventQuery, ExplainRequest, Explanation, FirewallApplied,
    FirewallApply, FirewallCompared, FirewallFile, FirewallList, FirewallSettled, LogReport,
    LogTest, MemberOrder, MemberSet, MonitorResume, MonitorResumed, MonitorTest, MonitorTested,
    Peer, PoolEvents, PoolEventsRequest, PoolList, Promote, Promotion, Reloaded, StagedList,
    Status, TestReport,
};
use super::object::{self, Object};
use super::{Control, Refusal, reputation, security};
use crate::config::MAX_FILE;

/// The API over `control`.
pub(super) fn router<C: Control>(control: Arc<C>, body_limit: usize, timeout: Duration) -> Router {
    Router::new()
        .route("/v1/status", get(status::<C>))
        .route("/v1/reload", post(reload::<C>))
        .route("/v1/firewall", get(firewall::<C>))
        .route("/v1/firewall/counters", get(counters::<C>))
        .route("/v1/firewall/staged", get(staged::<C>))
        .route("/v1/firewall/promotion/diff", post(promotion::<C>))
        .route("/v1/firewall/promotion", post(promote::<C>))
        .route("/v1/firewall/explain", post(explain::<C>))
        .route("/v1/firewall/diff", post(compare::<C>).layer(file_limit()))
        .route("/v1/firewall/apply", post(apply::<C>).layer(file_limit()))
        .route("/v1/firewall/confirm", post(confirm::<C>))
        .route("/v1/firewall/rollback", post(roll_back::<C>))
        .route("/v1/firewall/capture", post(capture::<C>))
        .route("/v1/monitor/test", post(test_monitor::<C>))
        .route("/v1/monitor/resume", post(resume_monitor::<C>))
        .route("/v1/pools", get(pools::<C>))
        .route("/v1/pools/events", post(pool_events::<C>))
        .route("/v1/members", post(set_member::<C>))
        .route("/v1/events", get(events::<C>).post(query_events::<C>))
        .route("/v1/log", get(log::<C>))
        .route("/v1/log/test", post(test_log::<C>))
        .merge(reputation::router::<C>())
        .merge(security::router::<C>())
        .fallback(async || Refusal::NotFound)
        .method_not_allowed_fallback(async || Refusal::NotFound)
        .layer(DefaultBodyLimit::max(body_limit))
        .layer(from_fn_with_state(Arc::clone(&control), record::<C>))
        .layer(from_fn(move |request, next| {
            bounded(timeout, request, next)
        }))
        .with_state(control)
}

/// Bound of requests that carry a configuration file: JSON writes an octet with two at most.
fn file_limit() -> DefaultBodyLimit {
    DefaultBodyLimit::max(usize::try_from(2 * MAX_FILE).unwrap_or(usize::MAX))
}

/// Tells of what changes the daemon, and who did it.
async fn record<C: Control>(
    State(control): State<Arc<C>>,
    mut request: Request,
    next: Next,
) -> Response {
    let operation = operation(request.method(), request.uri().path());
    let peer = request.extensions().get::<Peer>().copied();
    let object = Object::default();
    request.extensions_mut().insert(object.clone());
    let answer = next.run(request).await;
    if let Some(operation) = operation {
        let done = answer.status().is_success();
        control.administered(peer.unwrap_or_default(), operation, object.said(), done);
    }
    answer
}

/// What a request is called, if it changes anything.
fn operation(method: &Method, path: &str) -> Option<&'static str> {
    let operation = match path {
        "/v1/reload" => "reload",
        "/v1/firewall/apply" => "firewall apply",
        "/v1/firewall/promotion" => "firewall promote",
        "/v1/firewall/confirm" => "firewall confirm",
        "/v1/firewall/rollback" => "firewall rollback",
        "/v1/firewall/capture" => "firewall capture",
        "/v1/monitor/resume" => "monitor resume",
        "/v1/members" => "member set",
        "/v1/reputation/refresh" => "reputation refresh",
        "/v1/reputation/add" => "reputation add",
        "/v1/reputation/remove" => "reputation remove",
        "/v1/greylist/allow" => "greylist allow",
        "/v1/greylist/remove" => "greylist remove",
        "/v1/log/test" => "log test",
        _ => return None,
    };
    (*method == Method::POST).then_some(operation)
}

/// Bounds the time until the head of the answer; a body that streams may go on.
async fn bounded(timeout: Duration, request: Request, next: Next) -> Response {
    tokio::time::timeout(timeout, next.run(request))
        .await
        .unwrap_or_else(|_| Refusal::Timeout.into_response())
}

async fn status<C: Control>(State(control): State<Arc<C>>) -> Result<Json<Status>, Refusal> {
    blocking(move || Ok(control.status())).await
}

async fn reload<C: Control>(State(control): State<Arc<C>>) -> Result<Json<Reloaded>, Refusal> {
    alone(async move { control.reload().await }).await
}

/// In a task of its own: a client that leaves must not stop a change half-way.
async fn alone<T: Send + 'static>(
    change: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<Json<T>, Refusal> {
    let done = tokio::spawn(change).await;
    done.unwrap_or_else(|e| Err(Refusal::Task(e.to_string())))
        .map(Json)
}

async fn firewall<C: Control>(
    State(control): State<Arc<C>>,
) -> Result<Json<FirewallList>, Refusal> {
    blocking(move || control.firewall()).await
}

async fn staged<C: Control>(State(control): State<Arc<C>>) -> Result<Json<StagedList>, Refusal> {
    blocking(move || control.staged()).await
}

async fn promotion<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<Promotion>, JsonRejection>,
) -> Result<Json<FirewallCompared>, Refusal> {
    let Json(request) = request.map_err(|e| Refusal::BadRequest(e.body_text()))?;
    control.promotion(request).await.map(Json)
}

async fn promote<C: Control>(
    State(control): State<Arc<C>>,
    object: Object,
    request: Result<Json<Promote>, JsonRejection>,
) -> Result<Json<FirewallApplied>, Refusal> {
    let Json(request) = request.map_err(|e| Refusal::BadRequest(e.body_text()))?;
    let context = request.context.clone();
    let promoted = alone(async move { control.promote(request).await }).await;
    let done = promoted.as_ref().ok().map(|Json(done)| done);
    object.is(object::applied(&context, done));
    promoted
}

async fn counters<C: Control>(State(control): State<Arc<C>>) -> Result<Json<Counters>, Refusal> {
    blocking(move || control.counters()).await
}

async fn explain<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<ExplainRequest>, JsonRejection>,
) -> Result<Json<Explanation>, Refusal> {
    let Json(request) = request.map_err(|e| Refusal::BadRequest(e.body_text()))?;
    if request.src.is_ipv4() != request.dst.is_ipv4() {
        return Err(Refusal::BadRequest(
            "src and dst are of different families".into(),
        ));
    }
    blocking(move || control.explain(&request)).await
}

async fn compare<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<FirewallFile>, JsonRejection>,
) -> Result<Json<FirewallCompared>, Refusal> {
    let Json(file) = request.map_err(|e| Refusal::BadRequest(e.body_text()))?;
    control.compare(file).await.map(Json)
}

async fn apply<C: Control>(
    State(control): State<Arc<C>>,
    object: Object,
    request: Result<Json<FirewallApply>, JsonRejection>,
) -> Result<Json<FirewallApplied>, Refusal> {
    let Json(request) = request.map_err(|e| Refusal::BadRequest(e.body_text()))?;
    let file = request.file.name.clone();
    let applied = alone(async move { control.apply(request).await }).await;
    let done = applied.as_ref().ok().map(|Json(done)| done);
    object.is(object::applied(&file, done));
    applied
}

async fn confirm<C: Control>(
    State(control): State<Arc<C>>,
    object: Object,
) -> Result<Json<FirewallSettled>, Refusal> {
    let settled = alone(async move { control.confirm().await }).await;
    if let Ok(Json(settled)) = &settled {
        object.is(&settled.file);
    }
    settled
}

async fn roll_back<C: Control>(
    State(control): State<Arc<C>>,
    object: Object,
) -> Result<Json<FirewallSettled>, Refusal> {
    let settled = alone(async move { control.roll_back().await }).await;
    if let Ok(Json(settled)) = &settled {
        object.is(&settled.file);
    }
    settled
}

async fn capture<C: Control>(
    State(control): State<Arc<C>>,
    object: Object,
    request: Result<Json<CaptureRequest>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(request) = request.map_err(|e| Refusal::BadRequest(e.body_text()))?;
    object.is(object::captured(&request));
    let done = tokio::task::spawn_blocking(move || control.capture(&request)).await;
    let lines = Lines(done.unwrap_or_else(|e| Err(Refusal::Task(e.to_string())))?);
    Ok(([(CONTENT_TYPE, "application/jsonl")], Body::new(lines)).into_response())
}

async fn test_monitor<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<MonitorTest>, JsonRejection>,
) -> Result<Json<MonitorTested>, Refusal> {
    let Json(request) = request.map_err(|e| Refusal::BadRequest(e.body_text()))?;
    control.test_monitor(&request).await.map(Json)
}

async fn resume_monitor<C: Control>(
    State(control): State<Arc<C>>,
    object: Object,
    request: Result<Json<MonitorResume>, JsonRejection>,
) -> Result<Json<MonitorResumed>, Refusal> {
    let Json(request) = request.map_err(|e| Refusal::BadRequest(e.body_text()))?;
    object.is(&request.member);
    blocking(move || control.resume_monitor(&request)).await
}

async fn pools<C: Control>(State(control): State<Arc<C>>) -> Result<Json<PoolList>, Refusal> {
    blocking(move || Ok(control.pools())).await
}

async fn pool_events<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<PoolEventsRequest>, JsonRejection>,
) -> Result<Json<PoolEvents>, Refusal> {
    let Json(request) = request.map_err(|e| Refusal::BadRequest(e.body_text()))?;
    blocking(move || control.pool_events(&request)).await
}

async fn set_member<C: Control>(
    State(control): State<Arc<C>>,
    peer: Option<Extension<Peer>>,
    object: Object,
    request: Result<Json<MemberOrder>, JsonRejection>,
) -> Result<Json<MemberSet>, Refusal> {
    let Json(request) = request.map_err(|e| Refusal::BadRequest(e.body_text()))?;
    object.is(format_args!("{}: {}", request.member, request.state));
    let peer = peer.map(|Extension(peer)| peer).unwrap_or_default();
    blocking(move || control.set_member(&request, peer)).await
}

async fn events<C: Control>(State(control): State<Arc<C>>) -> Result<Response, Refusal> {
    let lines = Lines(control.follow(&EventQuery::default())?);
    Ok(([(CONTENT_TYPE, "application/jsonl")], Body::new(lines)).into_response())
}

async fn query_events<C: Control>(
    State(control): State<Arc<C>>,
    request: Result<Json<EventQuery>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Json(query) = request.map_err(|e| Refusal::BadRequest(e.body_text()))?;
    let lines = Lines(control.follow(&query)?);
    Ok(([(CONTENT_TYPE, "text/plain")], Body::new(lines)).into_response())
}

async fn log<C: Control>(State(control): State<Arc<C>>) -> Result<Json<LogReport>, Refusal> {
    blocking(move || Ok(control.log())).await
}

async fn test_log<C: Control>(
    State(control): State<Arc<C>>,
    object: Object,
    request: Result<Json<LogTest>, JsonRejection>,
) -> Result<Json<TestReport>, Refusal> {
    let Json(request) = request.map_err(|e| Refusal::BadRequest(e.body_text()))?;
    object.is(&request.destination);
    control.test_log(&request).await.map(Json)
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<Json<T>, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(Refusal::Task(e.to_string())))
        .map(Json)
}

/// A body that is whatever comes out of a channel.
struct Lines(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0
            .poll_recv(cx)
            .map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}
