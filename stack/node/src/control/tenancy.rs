//! What is declared of all tenants: `/v1/tenants` as a whole, `/v1/drift`, `/v1/admission`.

use super::{Control, Refusal};
use crate::tenancy::apply::{self, Applied};
use crate::tenancy::plan::{self, There};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use greenroom_model::control::Problem;
use greenroom_model::tenancy::{
    AdmissionRequest, AdmissionStatus, Calibrated, Change, FieldFault, FieldProblem, TenantsFile, TenantsPlan,
};
use greenroom_store::StoreError;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

/// What applying a file would change; nothing is
#[utoipa::path(
    post, path = "/v1/tenants/plan", security(("token" = [])), request_body = TenantsFile,
    responses(
        (status = 200, body = TenantsPlan), (status = 400, body = FieldProblem), (status = 401, body = Problem),
        (status = 422, body = FieldProblem)
    )
)]
pub async fn plan(State(state): State<Control>, body: Bytes) -> Result<Json<TenantsPlan>, Refusal> {
    let file = good(&state, &body).await?;
    let there = apply::there(&state.store, &state.mirrors, &file).await?;
    let changes = plan::changes(&state.tenancy.file(), &file, &there);
    Ok(Json(TenantsPlan { etag: state.tenancy.etag(), changes }))
}

/// Apply a file: what it names and is not there is made, what it says otherwise is changed, nothing is removed
#[utoipa::path(
    put, path = "/v1/tenants", security(("token" = [])), request_body = TenantsFile,
    params(("If-Match" = Option<String>, Header, description = "The ETag of the file that the plan was made for")),
    responses(
        (status = 200, body = TenantsPlan), (status = 400, body = FieldProblem), (status = 401, body = Problem),
        (status = 412, body = Problem, description = "Another file was applied meanwhile"), (status = 422, body = FieldProblem)
    )
)]
pub async fn apply(State(state): State<Control>, headers: HeaderMap, body: Bytes) -> Result<Response, Refusal> {
    let etag = headers.get(header::IF_MATCH).and_then(|etag| etag.to_str().ok()).filter(|etag| *etag != "*");
    let _one_at_a_time = state.accounts.lock().await;
    let file = good(&state, &body).await?;
    match apply::apply(&state.store, (&state.mirrors, &state.keys), &state.tenancy, file, etag).await? {
        Applied::Done(plan) => {
            let etag = plan.etag.clone();
            if !plan.changes.is_empty() {
                let said = format!("{} changes, now {etag}", plan.changes.len());
                state.done("operator", "tenants.apply", "", &said).await?;
            }
            Ok(([(header::ETAG, etag)], Json(plan)).into_response())
        }
        Applied::InPart(faults) => {
            let said = format!("{} keys or mirrors are not as declared, now {}", faults.len(), state.tenancy.etag());
            state.done("operator", "tenants.apply", "", &said).await?;
            Err(Refusal::fields("The file was applied, but for these", faults))
        }
        Applied::Stale => {
            let detail = format!("the file that holds now is {}", state.tenancy.etag());
            Err(Refusal::new(StatusCode::PRECONDITION_FAILED, "Another file was applied meanwhile", detail))
        }
    }
}

/// The file that was applied last
#[utoipa::path(get, path = "/v1/tenants/file", security(("token" = [])), responses((status = 200, body = TenantsFile), (status = 401, body = Problem)))]
pub async fn file(State(state): State<Control>) -> Response {
    let file = state.tenancy.file();
    ([(header::ETAG, state.tenancy.etag())], Json((*file).clone())).into_response()
}

/// What is there and differs from what was declared
#[utoipa::path(get, path = "/v1/drift", security(("token" = [])), responses((status = 200, body = Vec<Change>), (status = 401, body = Problem)))]
pub async fn drift(State(state): State<Control>) -> Result<Json<Vec<Change>>, Refusal> {
    let file = state.tenancy.file();
    let there: There = apply::there(&state.store, &state.mirrors, &file).await?;
    let mut changes = plan::drift(&file, &there);
    changes.extend(apply::changed_containers(&state.store, &file).await?);
    Ok(Json(changes))
}

/// Whether tenants are kept apart, and what of
#[utoipa::path(get, path = "/v1/admission", security(("token" = [])), responses((status = 200, body = AdmissionStatus), (status = 401, body = Problem)))]
pub async fn admission(State(state): State<Control>) -> Json<AdmissionStatus> {
    let (_, jain) = state.figures.tenants(&state.store, &state.mirrors, &state.store.usage());
    Json(state.tenancy.admission_status(jain))
}

/// Switch admission on or off, at once, and say what the machine can do
#[utoipa::path(
    put, path = "/v1/admission", security(("token" = [])), request_body = AdmissionRequest,
    responses((status = 200, body = AdmissionStatus), (status = 400, body = FieldProblem), (status = 401, body = Problem))
)]
pub async fn set_admission(state: State<Control>, body: Bytes) -> Result<Json<AdmissionStatus>, Refusal> {
    let AdmissionRequest { state: switch, capacity } = parse(&body)?;
    if let Some(capacity) = capacity {
        state.tenancy.set_capacity(capacity, Calibrated::ByOperator);
    }
    state.tenancy.switch(switch);
    state.done("operator", "admission", "", &format!("{switch:?}")).await?;
    Ok(admission(state).await)
}

/// Reads YAML, of which JSON is a part, and names the field that does not fit.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let bad = |path: String, message: String| {
        let fault = FieldFault { path, message };
        Refusal { status: StatusCode::BAD_REQUEST, ..Refusal::fields("Bad document", vec![fault]) }
    };
    let text = std::str::from_utf8(body).map_err(|error| bad(String::new(), error.to_string()))?;
    let value: serde_json::Value =
        serde_saphyr::from_str(text).map_err(|error| bad(String::new(), error.to_string()))?;
    serde_path_to_error::deserialize(value).map_err(|error| bad(error.path().to_string(), error.inner().to_string()))
}

/// A file without faults, which the machine can keep.
async fn good(state: &Control, body: &[u8]) -> Result<TenantsFile, Refusal> {
    let file: TenantsFile = parse(body)?;
    let faults = faults(state, &file).await?;
    if faults.is_empty() { Ok(file) } else { Err(Refusal::fields("The file cannot be applied", faults)) }
}

pub async fn faults(state: &Control, file: &TenantsFile) -> Result<Vec<FieldFault>, StoreError> {
    let mut faults = file.faults();
    let there = apply::there(&state.store, &state.mirrors, file).await?;
    faults.extend(plan::taken(file, &there));
    faults.extend(plan::crowded(file, &there));
    faults.extend(plan::oversold(file, &state.tenancy.capacity().0));
    faults.extend(apply::policy_faults(file));
    Ok(faults)
}
