//! `GET /v1/refusals`.

use super::Control;
use axum::Json;
use axum::extract::State;
use greenroom_model::control::{Problem, RefusedRequest};

/// The latest requests that the Blob endpoint turned away, and why; the newest first, at most 200
#[utoipa::path(get, path = "/v1/refusals", security(("token" = [])), responses((status = 200, body = Vec<RefusedRequest>), (status = 401, body = Problem)))]
pub async fn list(State(state): State<Control>) -> Json<Vec<RefusedRequest>> {
    Json(state.refusals.latest())
}
