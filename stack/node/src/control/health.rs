//! `GET /health`.

use super::Control;
use axum::Json;
use axum::extract::State;
use greenroom_model::control::{Health, HealthStatus, WayBack};
use http::StatusCode;
use std::time::Duration;

/// Until the catalog's writer has to answer: it is asked for nothing, behind whoever came first.
const PULSE_MAX: Duration = Duration::from_secs(5);

/// Whether the server serves
#[utoipa::path(
    get, path = "/health",
    responses((status = 200, body = Health), (status = 503, body = Health, description = "Nothing can be written"))
)]
pub async fn health(State(state): State<Control>) -> (StatusCode, Json<Health>) {
    let beats = matches!(tokio::time::timeout(PULSE_MAX, state.store.pulse()).await, Ok(Ok(())));
    let (code, status) = match (state.drain.is_cancelled(), beats) {
        (true, _) => (StatusCode::OK, HealthStatus::Draining),
        (false, true) => (StatusCode::OK, HealthStatus::Serving),
        (false, false) => (StatusCode::SERVICE_UNAVAILABLE, HealthStatus::Stalled),
    };
    let uptime_ms = u64::try_from(state.figures.uptime().as_millis()).unwrap_or(u64::MAX);
    let way_back = state.store.way_back().map(|held| WayBack { to_format: held.to, bytes: held.bytes });
    let (version, format) = (env!("CARGO_PKG_VERSION").to_owned(), state.store.format());
    (code, Json(Health { version, status, uptime_ms, format, way_back }))
}
