//! `/v1/audit`.

use super::{Control, Refusal};
use axum::Json;
use axum::extract::{Query, State};
use greenroom_model::control::Problem;
use greenroom_model::tenancy::{AuditEntry, AuditVerdict};
use greenroom_tenancy::audit::AuditError;
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
    let entries = tokio::task::spawn_blocking(move || state.audit.entries(after, ENTRIES_MAX)).await;
    Ok(Json(entries.map_err(|_| AuditError::Closed)??))
}

/// Whether each entry follows from the one before it, and the log goes as far as the catalog and the volume say
#[utoipa::path(get, path = "/v1/audit/verify", security(("token" = [])), responses((status = 200, body = AuditVerdict), (status = 401, body = Problem)))]
pub async fn verify(State(state): State<Control>) -> Result<Json<AuditVerdict>, Refusal> {
    let verdict = tokio::task::spawn_blocking(move || state.notary.verdict()).await;
    Ok(Json(verdict.map_err(|_| AuditError::Closed)??))
}
