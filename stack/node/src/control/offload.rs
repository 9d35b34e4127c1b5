//! `/v1/offload`.

use super::{Control, Refusal, json};
use crate::offload::{Failed, Service, off, run_for};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use greenroom_model::control::Problem;
use greenroom_model::offload::{CloudFault, OffloadPlan, OffloadStatus, PassReport, Rules, RunRequest, TakeOver};
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

const RUN_WAIT_S: u64 = 60;

/// How offload stands
#[utoipa::path(get, path = "/v1/offload", security(("token" = [])), responses((status = 200, body = OffloadStatus), (status = 401, body = Problem)))]
pub async fn status(State(state): State<Control>) -> Json<OffloadStatus> {
    Json(match &state.offload {
        Some(service) => service.status(),
        None => off(&state.store, state.clock.now()),
    })
}

/// What would be moved now, and why; nothing is
#[utoipa::path(
    get, path = "/v1/offload/plan", security(("token" = [])),
    responses((status = 200, body = OffloadPlan), (status = 401, body = Problem), (status = 409, body = Problem, description = "No target"))
)]
pub async fn plan(State(state): State<Control>) -> Result<Json<OffloadPlan>, Refusal> {
    Ok(Json(service(&state)?.dry_run().await?))
}

/// The policy
#[utoipa::path(
    get, path = "/v1/offload/policy", security(("token" = [])),
    responses((status = 200, body = Rules), (status = 401, body = Problem), (status = 409, body = Problem, description = "No target"))
)]
pub async fn policy(State(state): State<Control>) -> Result<Json<Rules>, Refusal> {
    Ok(Json(service(&state)?.rules()))
}

/// Another policy, from now on and over restarts; what is left out is as by default
#[utoipa::path(
    put, path = "/v1/offload/policy", security(("token" = [])), request_body = Rules,
    responses(
        (status = 200, body = Rules), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 409, body = Problem, description = "No target")
    )
)]
pub async fn set_policy(State(state): State<Control>, body: Bytes) -> Result<Json<Rules>, Refusal> {
    let (service, rules) = (service(&state)?, json::<Rules>(&body)?);
    let bad = |why| Refusal::new(StatusCode::BAD_REQUEST, "Bad policy", why);
    service.set_rules(rules.clone()).map_err(bad)?;
    Ok(Json(rules))
}

/// Work now; the answer comes when the pass is done, or 202 where that takes longer than asked for
#[utoipa::path(
    post, path = "/v1/offload/run", security(("token" = [])), request_body = Option<RunRequest>,
    responses(
        (status = 200, body = PassReport), (status = 202, description = "It goes on"), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 409, body = Problem, description = "No target"),
        (status = 503, body = Problem, description = "The target is away, or the pass failed")
    )
)]
pub async fn run(State(state): State<Control>, body: Bytes) -> Result<Response, Refusal> {
    let service = service(&state)?.clone();
    let request = if body.is_empty() { RunRequest::default() } else { json::<RunRequest>(&body)? };
    let wait = Duration::from_secs(request.wait_s.unwrap_or(RUN_WAIT_S));
    let grace = request.collect_grace_s.map(Duration::from_secs);
    match run_for(service, wait, grace).await {
        Some(done) => Ok(Json(done?).into_response()),
        None => Ok(StatusCode::ACCEPTED.into_response()),
    }
}

/// This data folder goes on with its volume although another one has written to it: what that wrote is adopted first
#[utoipa::path(
    post, path = "/v1/offload/take-over", security(("token" = [])),
    responses(
        (status = 200, body = TakeOver), (status = 401, body = Problem), (status = 409, body = Problem, description = "No target"),
        (status = 503, body = Problem, description = "The target is away, or what it holds is damaged; nothing is lost")
    )
)]
pub async fn take_over(State(state): State<Control>) -> Result<Json<TakeOver>, Refusal> {
    Ok(Json(service(&state)?.take_over().await?))
}

/// What happens between the stack and its target, from now on
#[utoipa::path(
    put, path = "/v1/offload/fault", security(("token" = [])), request_body = CloudFault,
    responses(
        (status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 409, body = Problem, description = "No target")
    )
)]
pub async fn set_fault(State(state): State<Control>, body: Bytes) -> Result<StatusCode, Refusal> {
    let (service, fault) = (service(&state)?, json::<CloudFault>(&body)?);
    service.set_fault(Some(fault)).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Nothing more is made to fail
#[utoipa::path(
    delete, path = "/v1/offload/fault", security(("token" = [])),
    responses((status = 204), (status = 401, body = Problem), (status = 409, body = Problem, description = "No target"))
)]
pub async fn clear_fault(State(state): State<Control>) -> Result<StatusCode, Refusal> {
    service(&state)?.set_fault(None).await;
    Ok(StatusCode::NO_CONTENT)
}

fn service(state: &Control) -> Result<&Arc<Service>, Refusal> {
    let detail = "the server runs without a target: start it with --offload-to URL";
    state.offload.as_ref().ok_or_else(|| Refusal::new(StatusCode::CONFLICT, "No target", detail))
}

impl From<Failed> for Refusal {
    fn from(error: Failed) -> Self {
        match error {
            Failed::Store(error) => error.into(),
            error => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "Offload could not", error),
        }
    }
}
