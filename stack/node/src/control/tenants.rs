//! `/v1/tenants/{tenant}`: how it stands, and what is done to it as a whole.

use super::caller::Caller;
use super::keys::erase_in_cloud;
use super::tenancy::{faults, parse};
use super::{Control, Refusal, json};
use crate::tenancy::apply;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use greenroom_gateway::time;
use greenroom_model::control::{NewTenant, Problem, Tenant};
use greenroom_model::metrics::TenantMetrics;
use greenroom_model::mirror::Detach;
use greenroom_model::tenancy::{
    ContainerStatus, FieldFault, FieldProblem, ProjectStatus, Quota, QuotaChange, Receipt, Revoked, Served, Share,
    Stored, TenantSpec, TenantState, TenantStatus, TenantToken, TenantsFile,
};
use greenroom_model::{AccountName, ContainerPath, TenantName};
use greenroom_store::{
    AccountRecord, LeaseState, ListQuery, Owner, Precondition, Store, StoreError, TenantUsage, Timestamp, Usage,
};
use greenroom_tenancy::audit::Head;
use http::StatusCode;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long off-boarding waits for the sweep: of very much it goes on behind it.
const SWEEP_LOOKS_MAX: u32 = 250;
const SWEEP_LOOK_EVERY: Duration = Duration::from_millis(20);

/// Every tenant
#[utoipa::path(get, path = "/v1/tenants", security(("token" = [])), responses((status = 200, body = Vec<TenantStatus>), (status = 401, body = Problem)))]
pub async fn list(State(state): State<Control>, caller: Caller) -> Json<Vec<TenantStatus>> {
    let now = Now::of(&state);
    let seen = state.store.tenants().into_iter().filter(|name| caller.sees(name));
    Json(seen.map(|name| now.status(&state, name)).collect())
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
    Ok(Json(Tenant { accounts: accounts(&state.store, &name), name }))
}

/// One tenant in full
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}", security(("token" = [])), params(("tenant" = TenantName, Path)),
    responses((status = 200, body = TenantStatus), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn status(
    State(state): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<TenantStatus>, Refusal> {
    let name = seen(&state, &caller, name)?;
    Ok(Json(Now::of(&state).status(&state, name)))
}

/// Make a token that lets a tenant call for what is its own; the one made before is refused from now on
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/token", security(("token" = [])), params(("tenant" = TenantName, Path)),
    responses((status = 200, body = TenantToken), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn token(State(state): State<Control>, Path(name): Path<String>) -> Result<Json<TenantToken>, Refusal> {
    let tenant = known(&state, name)?;
    let number = state.tenancy.next_token(&tenant)?;
    state.done("operator", "tenant.token", tenant.as_str(), &format!("number {number}")).await?;
    Ok(Json(TenantToken { token: state.token.of_tenant(&tenant, number), tenant }))
}

/// Refuse, from now on, the tenant's token and all that was derived for its accounts: identities, bearer tokens, user-delegation keys, and
/// the SAS that this server has signed. The accounts' keys, and the SAS that are signed with them, stay good
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/revoke", security(("token" = [])), params(("tenant" = TenantName, Path)),
    responses((status = 200, body = Vec<Revoked>), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn revoke(
    State(state): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Vec<Revoked>>, Refusal> {
    let tenant = seen(&state, &caller, name)?;
    let _one_at_a_time = state.accounts.lock().await;
    let accounts = state.store.accounts().into_iter().filter(|account| account.tenant == tenant);
    let next: Vec<AccountRecord> = accounts.map(|account| account.next_generation()).collect();
    let revoked = next.iter().map(|record| Revoked { account: record.name.clone(), generation: record.generation });
    let revoked: Vec<Revoked> = revoked.collect();
    state.store.put_identities(Vec::new(), next).await?;
    state.tenancy.end_token(&tenant)?;
    let said = format!("{} accounts", revoked.len());
    state.done(&caller.to_string(), "tenant.revoke", tenant.as_str(), &said).await?;
    Ok(Json(revoked))
}

/// Refuse all of a tenant's requests from now on; nothing of it is lost
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/suspend", security(("token" = [])), params(("tenant" = TenantName, Path)),
    responses((status = 200, body = TenantStatus), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn suspend(state: State<Control>, name: Path<String>) -> Result<Json<TenantStatus>, Refusal> {
    switch(state, name, TenantState::Suspended).await
}

/// Answer a suspended tenant's requests again
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/resume", security(("token" = [])), params(("tenant" = TenantName, Path)),
    responses(
        (status = 200, body = TenantStatus), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem, description = "It was off-boarded")
    )
)]
pub async fn resume(state: State<Control>, name: Path<String>) -> Result<Json<TenantStatus>, Refusal> {
    switch(state, name, TenantState::Active).await
}

/// Remove all of a tenant's data and revoke its keys; its ledger and the audit log stay. Asked for again, it gives the receipt as it stands
#[utoipa::path(
    post, path = "/v1/tenants/{tenant}/off-board", security(("token" = [])), params(("tenant" = TenantName, Path)),
    responses((status = 200, body = Receipt), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn off_board(State(state): State<Control>, Path(name): Path<String>) -> Result<Json<Receipt>, Refusal> {
    let tenant = known(&state, name)?;
    let _one_at_a_time = state.accounts.lock().await;
    let before = state.tenancy.receipt(&tenant).filter(|_| state.tenancy.state(&tenant) == TenantState::OffBoarded);
    if let Some(receipt) = before {
        return Ok(Json(receipt));
    }
    // Nobody writes any more while it is removed.
    apply::set_state(&state.store, &state.tenancy, &tenant, TenantState::OffBoarded).await?;
    let usage = state.store.usage().tenants.get(&tenant).copied().unwrap_or_default();
    let accounts = accounts(&state.store, &tenant);
    let (mut containers, mut keys_revoked, mut revoked) = (0, 0, Vec::new());
    for account in &accounts {
        for mirror in state.mirrors.statuses(account)?.into_keys() {
            state.mirrors.detach(account, &mirror, Detach::Remove).await?;
        }
        containers += remove_containers(&state.store, account, state.clock.now()).await?;
        if let Some(record) = state.store.account(account) {
            keys_revoked += record.keys().count() as u64;
            let key = crate::dev_account::new_key()?;
            revoked.push(AccountRecord { key, second_key: None, ..record.next_generation() });
        }
    }
    state.store.put_identities(Vec::new(), revoked).await?;
    // Wherever copies of it lie, nobody reads it again.
    let data_keys_erased = state.keys.erase(&tenant).await?.len() as u64;
    if data_keys_erased > 0
        && let Some(why) = erase_in_cloud(&state).await?
    {
        tracing::warn!(%tenant, why, "wrapped keys of a tenant that has left are in the cloud still: they go with the next pass");
    }
    // What was in the containers is swept a little with every transaction: whoever looks now is to see that it is gone.
    for _ in 0..SWEEP_LOOKS_MAX {
        if state.store.is_swept()? {
            break;
        }
        tokio::time::sleep(SWEEP_LOOK_EVERY).await;
    }
    state.figures.left(&tenant);
    let TenantUsage { blobs, bytes, staged_bytes, cloud_bytes, .. } = usage;
    let at = time::iso_seconds(state.clock.now());
    let removed = format!(
        "{containers} containers, {blobs} blobs, {bytes} bytes, {cloud_bytes} of them still in the cloud, {keys_revoked} keys, {data_keys_erased} data keys"
    );
    let Head { seq, hash } = state.done("operator", "tenant.off-board", tenant.as_str(), &removed).await?;
    // A folder that has never had anything to do with a cloud left nothing there.
    let gone = state.store.cloud_volume()?.is_none();
    let receipt = Receipt {
        gone_at: gone.then(|| at.clone()),
        gone_audit_seq: gone.then_some(seq),
        tenant,
        at,
        accounts,
        containers,
        blobs,
        bytes,
        uncommitted_bytes: staged_bytes,
        bytes_left_in_cloud: cloud_bytes,
        segments_left_in_cloud: gone.then_some(0),
        keys_revoked,
        data_keys_erased,
        audit_seq: seq,
        audit_hash: hash,
    };
    state.tenancy.left(receipt.clone())?;
    Ok(Json(receipt))
}

/// The receipt of a tenant's off-boarding, as it stands: complete once the cloud has let go of what it had there
#[utoipa::path(
    get, path = "/v1/tenants/{tenant}/receipt", security(("token" = [])), params(("tenant" = TenantName, Path)),
    responses(
        (status = 200, body = Receipt), (status = 401, body = Problem),
        (status = 404, body = Problem, description = "No such tenant, or it was never off-boarded")
    )
)]
pub async fn receipt(State(state): State<Control>, Path(name): Path<String>) -> Result<Json<Receipt>, Refusal> {
    let tenant = known(&state, name)?;
    let receipt = state.tenancy.receipt(&tenant);
    let never =
        || Refusal::new(StatusCode::NOT_FOUND, "Not off-boarded", "there is no receipt of a tenant that is here");
    receipt.map(Json).ok_or_else(never)
}

/// Change a quota of a tenant, of one of its projects or of a container, at once
#[utoipa::path(
    put, path = "/v1/tenants/{tenant}/quota", security(("token" = [])), request_body = QuotaChange,
    params(("tenant" = TenantName, Path)),
    responses(
        (status = 200, body = TenantStatus), (status = 400, body = FieldProblem), (status = 401, body = Problem),
        (status = 404, body = Problem, description = "No such tenant, or no file declares what is to be bounded")
    )
)]
pub async fn quota(
    State(state): State<Control>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<TenantStatus>, Refusal> {
    let tenant = known(&state, name)?;
    let change: QuotaChange = parse(&body)?;
    let _one_at_a_time = state.accounts.lock().await;
    let (mut file, at) = declared(&state, &tenant);
    let place = bounded(&mut file.tenants[at], &change);
    let place = place.ok_or_else(|| {
        Refusal::new(StatusCode::NOT_FOUND, "Not declared", "the file names no such project or container")
    })?;
    let from = std::mem::replace(place, change.quota);
    state.tenancy.amend(file.clone())?;
    state.store.set_quotas(apply::quotas(&file));
    let said = serde_json::json!({ "from": from, "change": change }).to_string();
    state.done("operator", "tenant.quota", tenant.as_str(), &said).await?;
    Ok(Json(Now::of(&state).status(&state, tenant)))
}

/// Change a tenant's share of the machine, at once
#[utoipa::path(
    put, path = "/v1/tenants/{tenant}/share", security(("token" = [])), request_body = Share,
    params(("tenant" = TenantName, Path)),
    responses(
        (status = 200, body = TenantStatus), (status = 400, body = FieldProblem), (status = 401, body = Problem),
        (status = 404, body = Problem),
        (status = 422, body = FieldProblem, description = "More would be reserved than the machine can do")
    )
)]
pub async fn share(
    State(state): State<Control>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<TenantStatus>, Refusal> {
    let tenant = known(&state, name)?;
    let to: Share = parse(&body)?;
    let _one_at_a_time = state.accounts.lock().await;
    let (mut file, at) = declared(&state, &tenant);
    let from = std::mem::replace(&mut file.tenants[at].share, to);
    let place = format!("tenants[{at}].share.");
    let own = |fault: FieldFault| FieldFault { path: fault.path.trim_start_matches(&place).to_owned(), ..fault };
    let faults: Vec<_> = faults(&state, &file).await?.into_iter().map(own).collect();
    if !faults.is_empty() {
        return Err(Refusal::fields("The share cannot be given", faults));
    }
    state.tenancy.amend(file)?;
    let said = serde_json::json!({ "from": from, "to": to }).to_string();
    state.done("operator", "tenant.share", tenant.as_str(), &said).await?;
    Ok(Json(Now::of(&state).status(&state, tenant)))
}

/// What is declared, and where in it the tenant is. Of one that was made by hand, what is said now is all that is declared.
fn declared(state: &Control, tenant: &TenantName) -> (TenantsFile, usize) {
    let mut file = (*state.tenancy.file()).clone();
    let at = file.tenants.iter().position(|spec| spec.name == *tenant).unwrap_or_else(|| {
        file.tenants.push(TenantSpec::new(tenant.clone()));
        file.tenants.len() - 1
    });
    (file, at)
}

async fn switch(state: State<Control>, name: Path<String>, to: TenantState) -> Result<Json<TenantStatus>, Refusal> {
    let tenant = known(&state, name.0)?;
    let _one_at_a_time = state.accounts.lock().await;
    if state.tenancy.state(&tenant) == TenantState::OffBoarded {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            "Off-boarded",
            "its data is removed: apply a file that names it",
        ));
    }
    apply::set_state(&state.store, &state.tenancy, &tenant, to).await?;
    let action = if to == TenantState::Active { "tenant.resume" } else { "tenant.suspend" };
    state.done("operator", action, tenant.as_str(), "").await?;
    Ok(Json(Now::of(&state).status(&state, tenant)))
}

fn bounded<'t>(tenant: &'t mut TenantSpec, change: &QuotaChange) -> Option<&'t mut Quota> {
    match (&change.project, &change.container) {
        (None, None) => Some(&mut tenant.quota),
        (Some(project), None) => {
            tenant.projects.iter_mut().find(|spec| spec.name == *project).map(|project| &mut project.quota)
        }
        (_, Some(place)) => {
            let accounts = tenant.projects.iter_mut().flat_map(|project| &mut project.accounts);
            let account = accounts.into_iter().find(|account| account.name == place.account)?;
            account.containers.iter_mut().find(|spec| spec.name == place.container).map(|spec| &mut spec.quota)
        }
    }
}

async fn remove_containers(store: &Store, account: &AccountName, now: Timestamp) -> Result<u64, StoreError> {
    let mut removed = 0;
    store.tell_nobody(account).await?;
    loop {
        let page = store.list_containers(account, &ListQuery { max: 1_000, ..ListQuery::default() }).await?;
        if page.entries.is_empty() {
            return Ok(removed);
        }
        for (container, props) in page.entries {
            let path = ContainerPath { account: account.clone(), container };
            // A lease does not keep a tenant's data from going with it.
            let lease = match props.lease.state(now) {
                LeaseState::Leased(_) | LeaseState::Breaking => props.lease.id(),
                LeaseState::Available | LeaseState::Expired | LeaseState::Broken => None,
            };
            store.delete_container(&path, &Precondition { lease, ..Precondition::default() }).await?;
            removed += 1;
        }
    }
}

/// One that the caller may see. Err: `TenantMissing`, also where it is another's.
pub fn seen(state: &Control, caller: &Caller, name: String) -> Result<TenantName, Refusal> {
    let name = known(state, name)?;
    if caller.sees(&name) { Ok(name) } else { Err(StoreError::TenantMissing(name).into()) }
}

pub fn known(state: &Control, name: String) -> Result<TenantName, Refusal> {
    let name = TenantName::new(name)?;
    match state.store.tenants().contains(&name) {
        true => Ok(name),
        false => Err(StoreError::TenantMissing(name).into()),
    }
}

pub fn accounts(store: &Store, tenant: &TenantName) -> Vec<AccountName> {
    let own = store.accounts().into_iter().filter(|account| account.tenant == *tenant);
    own.map(|account| account.name.clone()).collect()
}

/// Everything that a status is made of, taken once for all tenants.
struct Now {
    usage: Usage,
    held: Vec<(Owner, TenantUsage)>,
    metrics: BTreeMap<TenantName, TenantMetrics>,
    accounts: BTreeMap<TenantName, Vec<AccountName>>,
    file: std::sync::Arc<TenantsFile>,
}

impl Now {
    fn of(state: &Control) -> Self {
        let mut accounts: BTreeMap<TenantName, Vec<AccountName>> = BTreeMap::new();
        for account in state.store.accounts() {
            accounts.entry(account.tenant.clone()).or_default().push(account.name.clone());
        }
        let usage = state.store.usage();
        let (metrics, _) = state.figures.tenants(&state.store, &state.mirrors, &usage);
        Self { usage, held: state.store.held(), metrics, accounts, file: state.tenancy.file() }
    }

    fn status(&self, state: &Control, name: TenantName) -> TenantStatus {
        let spec = self.file.tenant(&name);
        let metrics = self.metrics.get(&name).cloned().unwrap_or_default();
        let (in_flight, queued) = state.tenancy.in_flight(&name);
        let served = Served {
            in_flight,
            queued,
            share: metrics.share,
            queue_ms: metrics.queue_ms,
            p50_ms: metrics.p50_ms,
            p99_ms: metrics.p99_ms,
            throttled: metrics.throttled,
        };
        let projects = spec.into_iter().flat_map(|spec| &spec.projects).map(|project| {
            let mut all = TenantUsage::default();
            let mut containers = Vec::new();
            for account in &project.accounts {
                for (owner, used) in self.held.iter().filter(|(owner, _)| owner.account == account.name) {
                    all = all.plus(*used);
                    let declared = account.containers.iter().find(|spec| spec.name == owner.container);
                    let quota = declared.map(|spec| spec.quota).unwrap_or_default();
                    let (account, name) = (owner.account.clone(), owner.container.clone());
                    containers.push(ContainerStatus { account, name, stored: stored(used), quota });
                }
            }
            ProjectStatus { name: project.name.clone(), stored: stored(&all), quota: project.quota, containers }
        });
        TenantStatus {
            state: state.tenancy.state(&name),
            accounts: self.accounts.get(&name).cloned().unwrap_or_default(),
            stored: self.usage.tenants.get(&name).map(stored).unwrap_or_default(),
            quota: spec.map(|spec| spec.quota).unwrap_or_default(),
            share: spec.map(|spec| spec.share).unwrap_or_default(),
            served,
            projects: projects.collect(),
            spec: spec.cloned(),
            name,
        }
    }
}

fn stored(used: &TenantUsage) -> Stored {
    let (bytes, uncommitted_bytes) = (used.counted_bytes(), used.staged_bytes);
    Stored { bytes, blobs: used.blobs, uncommitted_bytes, record_bytes: bytes - used.bytes - uncommitted_bytes }
}
