//! `POST /v1/sas`.

use super::caller::Caller;
use super::{Control, Refusal, json};
use crate::sas;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use greenroom_model::control::{Problem, Sas, SasRequest};
use http::StatusCode;

/// Sign a SAS of a blob, of a container, or of a whole account
#[utoipa::path(
    post, path = "/v1/sas", security(("token" = [])), request_body = SasRequest,
    responses(
        (status = 200, body = Sas), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem, description = "No such account")
    )
)]
pub async fn mint(State(state): State<Control>, caller: Caller, body: Bytes) -> Result<Json<Sas>, Refusal> {
    let request: SasRequest = json(&body)?;
    let record = caller.account(&state, request.account.clone());
    let record = record.map_err(|_| Refusal::new(StatusCode::NOT_FOUND, "No such account", &request.account))?;
    let token = sas::mint(&state.issuer, &record, &request, state.clock.now());
    let token = token.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "Cannot sign this", error))?;
    let SasRequest { account, container, permissions, expires_in_s, policy, .. } = &request;
    let place = container.as_ref().map(|container| format!("/{container}")).unwrap_or_default();
    let policy = policy.as_ref().map(|policy| format!(", policy {policy}")).unwrap_or_default();
    let said = format!("{permissions} for {expires_in_s} s{policy}");
    state.done(&caller.to_string(), "sas.mint", &format!("{account}{place}"), &said).await?;
    Ok(Json(Sas { token }))
}
