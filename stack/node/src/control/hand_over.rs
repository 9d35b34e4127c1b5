//! `POST /v1/tenants/{tenant}/hand-over`: what a new user is sent, a line to paste that works for a while.

use super::caller::Caller;
use super::tenancy::parse;
use super::tenants::{accounts, seen};
use super::{Control, Refusal};
use crate::sas;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use greenroom_model::control::{Problem, SasRequest};
use greenroom_model::tenancy::{FieldProblem, HandOver, HandOverRequest, TenantState};
use greenroom_model::{AccountName, ContainerPath, TenantName};
use greenroom_store::{ListQuery, ListSystem, StoreError};
use http::StatusCode;

const LIFE_S: u64 = 3_600;
/// All that moving data in and out takes; who has the line deletes nothing.
const PERMISSIONS: &str = "racwl";

/// Make a line that a user of the tenant pastes into a terminal: AzCopy, the container's address, and a short-lived signature
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/hand-over", security(("token" = [])), request_body = HandOverRequest,
    params(("tenant" = TenantName, Path)),
    responses(
        (status = 200, body = HandOver), (status = 400, body = FieldProblem), (status = 401, body = Problem),
        (status = 404, body = Problem, description = "No such tenant, or it has no such container"),
        (status = 409, body = Problem, description = "It is suspended, or off-boarded")
    )
)]
pub async fn hand_over(
    State(state): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<HandOver>, Refusal> {
    let tenant = seen(&state, &caller, name)?;
    let asked: HandOverRequest = if body.is_empty() { HandOverRequest::default() } else { parse(&body)? };
    if state.tenancy.state(&tenant) != TenantState::Active {
        return Err(Refusal::new(StatusCode::CONFLICT, "Not active", "nothing that is signed for it would be let in"));
    }
    let ContainerPath { account, container } = place(&state, &tenant, &asked).await?;
    let life_s = asked.expires_in_s.unwrap_or(LIFE_S);
    let request =
        SasRequest { container: Some(container.clone()), ..SasRequest::new(account.clone(), PERMISSIONS, life_s) };
    let now = state.clock.now();
    let signing = |error| Refusal::new(StatusCode::BAD_REQUEST, "Cannot sign this", error);
    let expires_at = sas::expiry(&request, now).map_err(signing)?;
    let token = sas::mint(&state.issuer, &*caller.account(&state, account.clone())?, &request, now).map_err(signing)?;
    let url = format!("{}/{account}/{container}", state.blob);
    let command = format!("azcopy copy './*' '{url}?{token}' --recursive --from-to LocalBlob");
    let said = format!("{account}/{container}, {PERMISSIONS} until {expires_at}");
    state.done(&caller.to_string(), "tenant.hand-over", tenant.as_str(), &said).await?;
    let permissions = PERMISSIONS.to_owned();
    Ok(Json(HandOver { tenant, account, container, url, permissions, expires_at, token, command }))
}

/// The first container that fits: such as are declared come first, in the file's order.
async fn place(state: &Control, tenant: &TenantName, asked: &HandOverRequest) -> Result<ContainerPath, Refusal> {
    let file = state.tenancy.file();
    let fits = |account: &AccountName| asked.account.as_ref().is_none_or(|wanted| wanted == account);
    let mut places = Vec::new();
    for (_, _, account) in file.accounts().filter(|(of, _, account)| of.name == *tenant && fits(&account.name)) {
        let containers = account.containers.iter().map(|container| container.name.clone());
        places.extend(containers.map(|container| ContainerPath { account: account.name.clone(), container }));
    }
    for account in accounts(&state.store, tenant).into_iter().filter(fits) {
        let container = match &asked.container {
            Some(container) => Some(container.clone()),
            None => {
                let first = ListQuery { max: 1, system: ListSystem::Leave, ..ListQuery::default() };
                let page = state.store.list_containers(&account, &first).await?;
                page.entries.into_iter().next().map(|(container, _)| container)
            }
        };
        places.extend(container.map(|container| ContainerPath { account, container }));
    }
    places.retain(|place| asked.container.as_ref().is_none_or(|wanted| *wanted == place.container));
    for place in places {
        match state.store.container(&place).await {
            Ok(_) => return Ok(place),
            Err(StoreError::ContainerMissing) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Refusal::new(
        StatusCode::NOT_FOUND,
        "No container to hand over",
        format!("{tenant} has none of that name: apply a file that declares one"),
    ))
}
