//! `GET /health`.

use super::Control;
use axum::Json;
use axum::extract::State;
use greenroom_model::control::{Health, HealthStatus, WayBack};

/// Whether the server serves
#[utoipa::path(get, path = "/health", responses((status = 200, body = Health)))]
pub async fn health(State(state): State<Control>) -> Json<Health> {
    let status = if state.drain.is_cancelled() { HealthStatus::Draining } else { HealthStatus::Serving };
    let uptime_ms = u64::try_from(state.figures.uptime().as_millis()).unwrap_or(u64::MAX);
    let way_back = state.store.way_back().map(|held| WayBack { to_format: held.to, bytes: held.bytes });
    let (version, format) = (env!("CARGO_PKG_VERSION").to_owned(), state.store.format());
    Json(Health { version, status, uptime_ms, format, way_back })
}
