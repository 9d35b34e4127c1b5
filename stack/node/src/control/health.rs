//! `GET /health`.

use super::Control;
use axum::Json;
use axum::extract::State;
use greenroom_model::control::{Health, HealthStatus};

/// Whether the server serves
#[utoipa::path(get, path = "/health", responses((status = 200, body = Health)))]
pub async fn health(State(state): State<Control>) -> Json<Health> {
    let status = if state.drain.is_cancelled() { HealthStatus::Draining } else { HealthStatus::Serving };
    let uptime_ms = u64::try_from(state.figures.uptime().as_millis()).unwrap_or(u64::MAX);
    Json(Health { version: env!("CARGO_PKG_VERSION").to_owned(), status, uptime_ms })
}
