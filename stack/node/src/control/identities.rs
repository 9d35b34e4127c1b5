//! `POST /v1/identities`, and the endpoint that it names: where a tool gets a bearer token, as from a managed identity on Azure.
//! Sources: "How to use managed identities for App Service" (`IDENTITY_ENDPOINT`), Cloud Shell's `MSI_ENDPOINT`.

use super::{Control, Refusal, json};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use greenroom_gateway::auth::issuer::{AUDIENCE, Principal};
use greenroom_model::control::{Identity, IdentityRequest, IdentityToken, Problem};
use greenroom_store::AccountState;
use http::StatusCode;
use std::sync::Arc;

/// As long as a token lives on Azure, more or less.
const LIFE_S: u64 = 3600;

/// Make an identity with a role on an account; the same one for the same request
#[utoipa::path(
    post, path = "/v1/identities", security(("token" = [])), request_body = IdentityRequest,
    responses(
        (status = 200, body = Identity), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem, description = "No such account")
    )
)]
pub async fn make(State(state): State<Control>, body: Bytes) -> Result<Json<Identity>, Refusal> {
    let IdentityRequest { account, role } = json(&body)?;
    let Some(record) = state.store.account(&account) else {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "No such account", &account));
    };
    let said = format!("{}, generation {}", role.name(), record.generation);
    state.done("operator", "identity.make", account.as_str(), &said).await?;
    let principal = Principal { account, generation: record.generation, role };
    let secret = state.issuer.identity_secret(&principal);
    Ok(Json(Identity {
        endpoint: format!("http://{}/identity/{secret}/token", state.address),
        header: secret,
        tenant_id: state.issuer.tenant_id(),
        object_id: state.issuer.object_id(&principal),
    }))
}

/// A bearer token for the identity that the secret belongs to
#[utoipa::path(
    get, path = "/identity/{secret}/token", params(("secret" = String, Path)),
    responses((status = 200, body = IdentityToken), (status = 401, body = Problem))
)]
pub async fn token(state: State<Control>, secret: Path<String>) -> Result<Json<IdentityToken>, Refusal> {
    issue(&state, &secret).await
}

/// As by GET, for clients that send a form
#[utoipa::path(
    post, path = "/identity/{secret}/token", params(("secret" = String, Path)),
    responses((status = 200, body = IdentityToken), (status = 401, body = Problem))
)]
pub async fn token_by_post(state: State<Control>, secret: Path<String>) -> Result<Json<IdentityToken>, Refusal> {
    issue(&state, &secret).await
}

/// Whatever resource is asked for, the token is for this stack's storage.
async fn issue(state: &Control, secret: &str) -> Result<Json<IdentityToken>, Refusal> {
    let accounts = state.store.accounts();
    let enabled = accounts.iter().map(Arc::as_ref).filter(|account| account.state == AccountState::Enabled);
    let principal = state.issuer.by_identity_secret(enabled, secret);
    let principal = principal.ok_or_else(|| {
        Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized", "POST /v1/identities makes an identity and its endpoint")
    })?;
    let said = format!("{} for {LIFE_S} s", principal.role.name());
    state.done("identity", "token.issue", principal.account.as_str(), &said).await?;
    let now = state.clock.now();
    let now_s = now.0.div_euclid(1_000_000);
    Ok(Json(IdentityToken {
        access_token: state.issuer.token(&principal, now, LIFE_S),
        token_type: "Bearer".to_owned(),
        resource: AUDIENCE.to_owned(),
        expires_in: LIFE_S,
        expires_on: now_s.saturating_add_unsigned(LIFE_S),
        not_before: now_s,
        client_id: state.issuer.object_id(&principal),
    }))
}
