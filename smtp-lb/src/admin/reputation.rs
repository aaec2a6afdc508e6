//! Endpoints of reputation.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::routing::{get, post};
use axum::{Json, Router};
use ipnet::IpNet;

use super::api::{
    AddRequest, AddedList, AddressQuestion, AddressStatus, RefreshRequest, Refreshed,
    RemoveRequest, ReputationStatus,
};
use super::object::Object;
use super::routes::blocking;
use super::{Control, Part, Refusal};
use crate::reputation::{AddError, Service};

/// Less than the control socket waits for an answer.
const PATIENCE: Duration = Duration::from_secs(25);

type Asked<T> = Result<Json<T>, JsonRejection>;

pub(super) fn router<C: Control>() -> Router<Arc<C>> {
    Router::new()
        .route("/v1/reputation", get(status::<C>))
        .route("/v1/reputation/show", post(show::<C>))
        .route("/v1/reputation/refresh", post(refresh::<C>))
        .route("/v1/reputation/added", get(added::<C>))
        .route("/v1/reputation/add", post(add::<C>))
        .route("/v1/reputation/remove", post(remove::<C>))
}

fn service<C: Control>(control: &Arc<C>) -> Result<Service, Refusal> {
    control.reputation().ok_or(Refusal::Unavailable {
        part: Part::Reputation,
        cause: "it is not there".to_owned(),
    })
}

fn asked<T>(request: Asked<T>) -> Result<T, Refusal> {
    match request {
        Ok(Json(request)) => Ok(request),
        Err(error) => Err(Refusal::BadRequest(error.body_text())),
    }
}

fn unavailable(error: &dyn std::error::Error) -> Refusal {
    Refusal::Unavailable {
        part: Part::Reputation,
        cause: error.to_string(),
    }
}

fn network(text: &str) -> Result<IpNet, Refusal> {
    let address = text.parse::<std::net::IpAddr>().map(IpNet::from);
    let network = text.parse().map(|network: IpNet| network.trunc());
    address.ok().or(network.ok()).ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        Refusal::BadRequest(format!("{shown:?} is no address or network"))
    })
}

async fn status<C: Control>(
    State(control): State<Arc<C>>,
) -> Result<Json<ReputationStatus>, Refusal> {
    let service = service(&control)?;
    blocking(move || Ok(service.status())).await
}

async fn show<C: Control>(
    State(control): State<Arc<C>>,
    request: Asked<AddressQuestion>,
) -> Result<Json<AddressStatus>, Refusal> {
    let (service, request) = (service(&control)?, asked(request)?);
    blocking(move || Ok(service.show(request.address))).await
}

async fn refresh<C: Control>(
    State(control): State<Arc<C>>,
    object: Object,
    request: Asked<RefreshRequest>,
) -> Result<Json<Refreshed>, Refusal> {
    let (service, request) = (service(&control)?, asked(request)?);
    object.is(request.feed.as_deref().unwrap_or("all feeds"));
    let feeds = service
        .refresh(request.feed.as_deref(), request.force, PATIENCE)
        .await;
    match feeds {
        Some(feeds) => Ok(Json(Refreshed { feeds })),
        None => Err(Refusal::BadRequest(format!(
            "there is no feed {:?}; `smtp-lb reputation status` lists them",
            request.feed.unwrap_or_default()
        ))),
    }
}

async fn added<C: Control>(State(control): State<Arc<C>>) -> Result<Json<AddedList>, Refusal> {
    let service = service(&control)?;
    blocking(move || {
        let entries = service.added();
        Ok(AddedList { entries })
    })
    .await
}

async fn add<C: Control>(
    State(control): State<Arc<C>>,
    object: Object,
    request: Asked<AddRequest>,
) -> Result<Json<AddedList>, Refusal> {
    let (service, request) = (service(&control)?, asked(request)?);
    object.is(format_args!("{}: {}", request.network, request.category));
    blocking(move || {
        let network = network(&request.network)?;
        let ttl = Duration::from_secs(request.ttl_seconds);
        service
            .add(network, &request.category, ttl, &request.reason)
            .map_err(|error| match error {
                AddError::Firewall(error) => unavailable(&error),
                error => Refusal::BadRequest(error.to_string()),
            })?;
        let mut entries = service.added();
        entries.retain(|entry| entry.network == network.to_string());
        Ok(AddedList { entries })
    })
    .await
}

async fn remove<C: Control>(
    State(control): State<Arc<C>>,
    object: Object,
    request: Asked<RemoveRequest>,
) -> Result<Json<AddedList>, Refusal> {
    let (service, request) = (service(&control)?, asked(request)?);
    object.is(&request.network);
    blocking(move || {
        let network = network(&request.network)?;
        let mut entries = service.added();
        entries.retain(|entry| entry.network == network.to_string());
        if service.remove(network).map_err(|e| unavailable(&e))? {
            return Ok(AddedList { entries });
        }
        Err(Refusal::BadRequest(format!(
            "no entry is {network}; `smtp-lb reputation added` lists them"
        )))
    })
    .await
}
