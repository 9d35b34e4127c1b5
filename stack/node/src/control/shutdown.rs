//! `POST /v1/shutdown`.

use super::Control;
use axum::extract::State;
use greenroom_model::control::Problem;
use http::StatusCode;

/// Finish what is in flight, then end
#[utoipa::path(post, path = "/v1/shutdown", security(("token" = [])), responses((status = 202), (status = 401, body = Problem)))]
pub async fn shutdown(State(state): State<Control>) -> StatusCode {
    state.drain.cancel();
    StatusCode::ACCEPTED
}
