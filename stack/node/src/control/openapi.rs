//! `GET /openapi.json`.

use super::Control;
use axum::Json;
use axum::extract::State;
use utoipa::openapi::OpenApi;

/// This description
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, description = "OpenAPI 3.1")))]
pub async fn openapi(State(state): State<Control>) -> Json<Option<OpenApi>> {
    Json(state.description.get().cloned())
}
