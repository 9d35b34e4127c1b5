//! `/v1/audit`.

use super::{Control, Refusal};
use axum::Json;
use axum::extract::{Query, State};
use greenroom_model::control::Problem;
use greenroom_model::tenancy::{AuditEntry, AuditVerdict};
use serde::Deserialize;

const ENTRIES_MAX: usize = 1_000;

#[derive(Debug, Deserialize)]
pub struct After {
    #[serde(default)]
    after: u64,
}

/// Who did what, oldest first, at most 1,000 entries after a number
#[utoipa::path(
    get, path = "/v1/audit", security(("token" = [])),
    params(("after" = Option<u64>, Query, description = "The number of the last entry that is known")),
    responses((status = 200, body = Vec<AuditEntry>), (status = 401, body = Problem))
)]
pub async fn list(
    State(state): State<Control>,
    Query(After { after }): Query<After>,
) -> Result<Json<Vec<AuditEntry>>, Refusal> {
    Ok(Json(state.audit.entries(after, ENTRIES_MAX)?))
}

/// Whether each entry follows from the one before it, and the log goes as far as the catalog has noted
#[utoipa::path(get, path = "/v1/audit/verify", security(("token" = [])), responses((status = 200, body = AuditVerdict), (status = 401, body = Problem)))]
pub async fn verify(State(state): State<Control>) -> Result<Json<AuditVerdict>, Refusal> {
    Ok(Json(state.audit.verify(state.store.noted_audit()?.as_ref())?))
}
