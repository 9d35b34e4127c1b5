//! `/v1/usage`.

use super::caller::Caller;
use super::{Control, Refusal};
use crate::tenancy::focus;
use crate::tenancy::ledger::Reading;
use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use greenroom_model::TenantName;
use greenroom_model::control::Problem;
use greenroom_model::tenancy::UsageRow;
use greenroom_store::{Store, TenantUsage};
use http::{StatusCode, header};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
pub struct Asked {
    tenant: Option<TenantName>,
    #[serde(default)]
    since: String,
}

/// What was used, by hour, tenant and account; the hour under way included
#[utoipa::path(
    get, path = "/v1/usage", security(("token" = [])),
    params(("tenant" = Option<TenantName>, Query), ("since" = Option<String>, Query, description = "Hours from this one on, such as 2026-11-23T07")),
    responses((status = 200, body = Vec<UsageRow>), (status = 401, body = Problem))
)]
pub async fn usage(
    State(state): State<Control>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Vec<UsageRow>>, Refusal> {
    Ok(Json(rows(&state, &caller, &asked)?))
}

/// The same, as FOCUS 1.2
#[utoipa::path(
    get, path = "/v1/usage.csv", security(("token" = [])),
    params(("tenant" = Option<TenantName>, Query), ("since" = Option<String>, Query)),
    responses((status = 200, body = String, content_type = "text/csv"), (status = 401, body = Problem))
)]
pub async fn csv(
    State(state): State<Control>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let csv = focus::csv(&rows(&state, &caller, &asked)?);
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], csv).into_response())
}

/// The same, as a Parquet file
#[utoipa::path(
    get, path = "/v1/usage.parquet", security(("token" = [])),
    params(("tenant" = Option<TenantName>, Query), ("since" = Option<String>, Query)),
    responses((status = 200, content_type = "application/vnd.apache.parquet"), (status = 401, body = Problem))
)]
pub async fn parquet(
    State(state): State<Control>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let file = focus::parquet(&rows(&state, &caller, &asked)?);
    let file =
        file.map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "The file cannot be made", error))?;
    Ok(([(header::CONTENT_TYPE, "application/vnd.apache.parquet")], file).into_response())
}

fn rows(state: &Control, caller: &Caller, asked: &Asked) -> Result<Vec<UsageRow>, Refusal> {
    let failed = |error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "The ledger failed", error);
    state.ledger.count(&reading(state), state.clock.now()).map_err(failed)?;
    let mut rows = state.ledger.rows(&asked.since).map_err(failed)?;
    rows.retain(|row| caller.sees(&row.tenant) && asked.tenant.as_ref().is_none_or(|tenant| *tenant == row.tenant));
    Ok(rows)
}

pub fn reading(state: &Control) -> Reading {
    let reduction = state.offload.as_ref().map_or(1.0, |offload| offload.reduction());
    Reading { counters: state.figures.accounts(), stored: stored(&state.store), reduction }
}

/// What every account has stored; also one that has nothing.
fn stored(store: &Store) -> BTreeMap<greenroom_model::AccountName, (TenantName, TenantUsage)> {
    let accounts = store.accounts().into_iter();
    let mut stored: BTreeMap<_, _> =
        accounts.map(|account| (account.name.clone(), (account.tenant.clone(), TenantUsage::default()))).collect();
    for (owner, used) in store.held() {
        let nothing = (owner.tenant.clone(), TenantUsage::default());
        let (_, sum) = stored.entry(owner.account).or_insert(nothing);
        *sum = sum.plus(used);
    }
    stored
}
