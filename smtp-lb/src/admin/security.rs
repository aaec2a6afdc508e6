//! Endpoints of violations and greylisting.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::routing::{get, post};
use axum::{Json, Router};

use super::api::{
    GreylistAllow, GreylistEntries, GreylistQuery, GreylistRemove, GreylistRemoved, ViolationList,
    ViolationQuery, ViolationStats,
};
use super::object::Object;
use super::{Control, Part, Refusal};
use crate::security::Services;
use crate::security::greylist::{self, book};
use crate::store::StoreError;

/// Entries of one answer.
const MOST: usize = 10_000;

type Asked<T> = Result<Json<T>, JsonRejection>;

pub(super) fn router<C: Control>() -> Router<Arc<C>> {
    Router::new()
        .route("/v1/violations", post(violations::<C>))
        .route("/v1/violations/stats", get(stats::<C>))
        .route("/v1/greylist", post(list::<C>))
        .route("/v1/greylist/allow", post(allow::<C>))
        .route("/v1/greylist/remove", post(remove::<C>))
}

fn services<C: Control>(control: &Arc<C>) -> Result<Services, Refusal> {
    control.security().ok_or(Refusal::Unavailable {
        part: Part::Security,
        cause: "it is not there".to_owned(),
    })
}

fn asked<T>(request: Asked<T>) -> Result<T, Refusal> {
    match request {
        Ok(Json(request)) => Ok(request),
        Err(error) => Err(Refusal::BadRequest(error.body_text())),
    }
}

fn unavailable(error: StoreError) -> Refusal {
    Refusal::Unavailable {
        part: Part::Security,
        cause: error.to_string(),
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

async fn violations<C: Control>(
    State(control): State<Arc<C>>,
    request: Asked<ViolationQuery>,
) -> Result<Json<ViolationList>, Refusal> {
    let (services, query) = (services(&control)?, asked(request)?);
    let most = query.most.min(MOST);
    let own = || services.recorder.own(&query.filter, most);
    let list = if services.store.is_shared() {
        let all = services
            .recorder
            .of_all(&*services.store, &query.filter, most);
        match all.await {
            Ok(violations) => ViolationList {
                violations,
                shared: true,
                problem: None,
            },
            Err(error) => ViolationList {
                violations: own(),
                shared: false,
                problem: Some(error.to_string()),
            },
        }
    } else {
        ViolationList {
            violations: own(),
            shared: false,
            problem: None,
        }
    };
    Ok(Json(list))
}

async fn stats<C: Control>(State(control): State<Arc<C>>) -> Result<Json<ViolationStats>, Refusal> {
    Ok(Json(services(&control)?.recorder.stats()))
}

async fn list<C: Control>(
    State(control): State<Arc<C>>,
    request: Asked<GreylistQuery>,
) -> Result<Json<GreylistEntries>, Refusal> {
    let (services, query) = (services(&control)?, asked(request)?);
    let trust_after = greylist::Policy::default().trust_after;
    let most = query.most.min(MOST);
    let entries = book::list(&*services.store, &query.part, trust_after, most, now());
    let entries = entries.await.map_err(unavailable)?;
    Ok(Json(GreylistEntries { entries }))
}

async fn allow<C: Control>(
    State(control): State<Arc<C>>,
    object: Object,
    request: Asked<GreylistAllow>,
) -> Result<Json<GreylistEntries>, Refusal> {
    let (services, request) = (services(&control)?, asked(request)?);
    object.is(&request.client);
    let client = client(&request.client)?;
    let now = now();
    let until = request.ttl_seconds.map(|ttl| now.saturating_add(ttl));
    let entry = book::allow(&*services.store, &client, until, now).await;
    let entries = entry.map_err(unavailable)?.into_iter().collect();
    Ok(Json(GreylistEntries { entries }))
}

async fn remove<C: Control>(
    State(control): State<Arc<C>>,
    object: Object,
    request: Asked<GreylistRemove>,
) -> Result<Json<GreylistRemoved>, Refusal> {
    let (services, request) = (services(&control)?, asked(request)?);
    let what = &request.what;
    object.is(what);
    if !what.starts_with("t:") && !what.starts_with("c:") {
        client(what)?;
    }
    let removed = book::remove(&*services.store, what, now()).await;
    match removed.map_err(unavailable)? {
        0 => Err(Refusal::BadRequest(format!(
            "nothing is known of {:?}; `smtp-lb greylist list` lists what is",
            shown(what)
        ))),
        removed => Ok(Json(GreylistRemoved { removed })),
    }
}

fn client(text: &str) -> Result<String, Refusal> {
    book::client(text).map_err(|error| Refusal::BadRequest(format!("{:?} is {error}", shown(text))))
}

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}
