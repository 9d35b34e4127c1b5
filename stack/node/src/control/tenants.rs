//! `/v1/tenants`.

use super::{Control, Refusal, json};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use greenroom_model::TenantName;
use greenroom_model::control::{NewTenant, Problem, Tenant};
use greenroom_store::Store;

/// Every tenant
#[utoipa::path(get, path = "/v1/tenants", security(("token" = [])), responses((status = 200, body = Vec<Tenant>), (status = 401, body = Problem)))]
pub async fn list(State(state): State<Control>) -> Json<Vec<Tenant>> {
    Json(state.store.tenants().into_iter().map(|name| tenant(&state.store, name)).collect())
}

/// Make a tenant; one that is there stays as it is
#[utoipa::path(
    put, path = "/v1/tenants/{tenant}", security(("token" = [])), request_body = NewTenant,
    params(("tenant" = TenantName, Path)),
    responses((status = 200, body = Tenant), (status = 400, body = Problem), (status = 401, body = Problem))
)]
pub async fn put(State(state): State<Control>, Path(name): Path<String>, body: Bytes) -> Result<Json<Tenant>, Refusal> {
    let name = TenantName::new(name)?;
    let NewTenant {} = json(&body)?;
    state.store.put_tenant(name.clone()).await?;
    Ok(Json(tenant(&state.store, name)))
}

fn tenant(store: &Store, name: TenantName) -> Tenant {
    let accounts = store.accounts().into_iter().filter(|account| account.tenant == name);
    Tenant { accounts: accounts.map(|account| account.name.clone()).collect(), name }
}
