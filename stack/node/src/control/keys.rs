//! `/v1/tenants/TENANT/encryption`.

use super::caller::Caller;
use super::tenants::{known, seen};
use super::{Control, Refusal, json};
use crate::keys::KeysFault;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use greenroom_gateway::time;
use greenroom_model::TenantName;
use greenroom_model::control::Problem;
use greenroom_model::keys::{Encryption, EncryptionStatus, Erased, Rotate};
use greenroom_store::{KeyFault, StoreError};
use http::StatusCode;
use serde::Deserialize;
use std::time::Duration;
use utoipa::IntoParams;

/// What the cloud may take to remove wrapped keys while somebody waits for it.
const ERASE_MAX: Duration = Duration::from_secs(20);

/// How a tenant's content is encrypted, and whether it can be read now
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/encryption", security(("token" = [])), params(("tenant" = TenantName, Path)),
    responses((status = 200, body = EncryptionStatus), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn status(
    State(state): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<EncryptionStatus>, Refusal> {
    let tenant = seen(&state, &caller, name)?;
    Ok(Json(state.keys.status(&tenant).await?))
}

/// Encrypt what a tenant writes from now on, or change what wraps its data keys; with `none`, encrypt nothing more
#[utoipa::path(
    put, path = "/v1/tenants/{tenant}/encryption", security(("token" = [])), request_body = Encryption,
    params(("tenant" = TenantName, Path)),
    responses(
        (status = 200, body = EncryptionStatus), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem, description = "Whoever holds the wrapping key refuses it"), (status = 404, body = Problem),
        (status = 503, body = Problem, description = "The vault cannot be reached")
    )
)]
pub async fn put(
    State(state): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<EncryptionStatus>, Refusal> {
    let tenant = known(&state, name)?;
    let asked: Encryption = json(&body)?;
    let by = asked.wrapping().map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, "Bad wrapping key", why))?;
    match by {
        Some(by) => state.keys.set(&tenant, &by).await?,
        None => state.keys.stop(&tenant).await?,
    }
    state.done(&caller.to_string(), "encryption.set", tenant.as_str(), &asked.key).await?;
    Ok(Json(state.keys.status(&tenant).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct What {
    /// What is made new; `wrapping-key` where absent.
    #[serde(default)]
    what: Rotate,
}

/// Wrap a tenant's data keys by the newest version of the key that wraps them, or make a new data key. No content is written
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/encryption/rotate", security(("token" = [])), params(("tenant" = TenantName, Path), What),
    responses(
        (status = 200, body = EncryptionStatus), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem, description = "Nothing is encrypted"),
        (status = 503, body = Problem)
    )
)]
pub async fn rotate(
    State(state): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    what: Result<Query<What>, QueryRejection>,
) -> Result<Json<EncryptionStatus>, Refusal> {
    let tenant = known(&state, name)?;
    let Query(What { what }) = what.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "Bad query", error))?;
    state.keys.rotate(&tenant, what).await?;
    let said = match what {
        Rotate::WrappingKey => "the data keys are wrapped anew",
        Rotate::DataKey => "a new data key",
    };
    state.done(&caller.to_string(), "encryption.rotate", tenant.as_str(), said).await?;
    Ok(Json(state.keys.status(&tenant).await?))
}

/// Erase a tenant's data keys: what they encrypted can never be read again, wherever copies of it lie. There is no way back
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/encryption/erase", security(("token" = [])), params(("tenant" = TenantName, Path)),
    responses((status = 200, body = Erased), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn erase(
    State(state): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Erased>, Refusal> {
    let tenant = known(&state, name)?;
    let data_keys = state.keys.erase(&tenant).await?;
    let left_in_cloud = erase_in_cloud(&state).await?;
    let numbers = data_keys.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let left =
        left_in_cloud.as_ref().map_or_else(String::new, |why| format!("; the cloud still holds them wrapped: {why}"));
    let said = format!("data keys {numbers}{left}");
    let head = state.done(&caller.to_string(), "encryption.erase", tenant.as_str(), &said).await?;
    let at = time::iso_seconds(state.clock.now());
    Ok(Json(Erased { tenant, at, data_keys, left_in_cloud, audit_seq: head.seq, audit_hash: head.hash }))
}

/// Why wrapped keys that were erased here are left in the cloud; `None` where there are none.
pub async fn erase_in_cloud(state: &Control) -> Result<Option<String>, StoreError> {
    if state.store.cloud_volume()?.is_none() {
        return Ok(None);
    }
    let Some(offload) = &state.offload else {
        return Ok(Some("the server runs without it: start it with --offload-to URL, and erase again".to_owned()));
    };
    let asked = tokio::time::timeout(ERASE_MAX, offload.erase_keys()).await;
    Ok(match asked {
        Ok(erased) => erased.err().map(|error| error.to_string()),
        Err(_) => Some(format!("it does not answer within {} s", ERASE_MAX.as_secs())),
    })
}

impl From<KeysFault> for Refusal {
    fn from(fault: KeysFault) -> Self {
        match fault {
            KeysFault::Wrapping(KeyFault::Denied(why)) => {
                Refusal::new(StatusCode::FORBIDDEN, "The key is refused", why)
            }
            KeysFault::Wrapping(KeyFault::Away(why)) => {
                Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "The vault cannot be used", why)
            }
            KeysFault::Nothing(why) => Refusal::new(StatusCode::CONFLICT, "Nothing is encrypted", why),
            KeysFault::Store(error) => error.into(),
            KeysFault::Other(fault) => fault.into(),
        }
    }
}
