//! The tenants of the running stack, for the presenter's page about them.

use super::Stage;
use super::operator::{Pasted, time_of_day};
use crate::clock::wall_unix_ms;
use crate::rates::Values;
use crate::stack::{Client, StackError};
use futures::{StreamExt, stream};
use greenroom_model::TenantName;
use greenroom_model::keys::{EncryptionStatus, KeyState as StackKeyState};
use greenroom_model::tenancy::{
    AdmissionRequest, AdmissionStatus, AdmissionSwitch, ByteCount, HandOver, HandOverRequest, Quota, QuotaChange,
    Share, TenantState as State, TenantStatus,
};
use greenroom_show::call::{ActOnTenant, CallError};
use greenroom_show::tenants::{Act, Admission, KeyState, Switch, TenantKey, TenantLine, TenantState, Tenants};
use std::sync::Arc;

/// More rows than anybody watches; the first ones by name.
const TENANTS_MAX: usize = 100;
/// The stack tells of keys a tenant at a time.
const ASKED_AT_ONCE: usize = 4;

pub async fn read(stage: &Stage) -> Result<Tenants, CallError> {
    let client = stage.client().map_err(|detail| CallError::Failed { detail })?;
    let (admission, tenants) =
        tokio::try_join!(client.admission(), client.tenants()).map_err(|error| failed(&error))?;
    let values = stage.backstage.values.borrow().clone();
    let turns = stage.turns().known(wall_unix_ms());
    let known = |name: &TenantName| turns.get(name.as_str()).map(|for_ms| (name.clone(), *for_ms));
    let told: Vec<_> =
        tenants.iter().take(TENANTS_MAX).map(|tenant| (line(tenant, &values), known(&tenant.name))).collect();
    let asked = told.into_iter().map(|(line, asked)| with_key(&client, line, asked));
    let lines = stream::iter(asked).buffered(ASKED_AT_ONCE).collect().await;
    Ok(Tenants { admission: said(&admission), tenants: lines })
}

/// Of a tenant that has or had a key, and for how long it is as it is, what that is.
async fn with_key(client: &Client, line: TenantLine, asked: Option<(TenantName, u64)>) -> TenantLine {
    let Some((name, for_ms)) = asked else { return line };
    let status = client.encryption(&name).await.ok();
    TenantLine { key: status.and_then(|status| key(status, for_ms)), ..line }
}

/// What a tenant's content is encrypted by; nothing where nothing of it ever was.
fn key(status: EncryptionStatus, for_ms: u64) -> Option<TenantKey> {
    let EncryptionStatus { state, why: _, wrapped_by, data_keys, scopes: _, before: _ } = status;
    let state = match state {
        StackKeyState::Off => return None,
        StackKeyState::On => KeyState::Usable,
        StackKeyState::Stopped => KeyState::Stopped,
        StackKeyState::Denied => KeyState::Refused,
        StackKeyState::Away => KeyState::Away,
        StackKeyState::Erased => KeyState::Erased,
    };
    let wrapped_by = wrapped_by.or_else(|| data_keys.last().map(|key| key.wrapped_by.clone()));
    Some(TenantKey { state, wrapped_by, for_ms: Some(for_ms) })
}

pub async fn set_admission(stage: &Stage, switch: Switch) -> Result<(), CallError> {
    let client = stage.client().map_err(|detail| CallError::Failed { detail })?;
    let state = match switch {
        Switch::On => AdmissionSwitch::On,
        Switch::Off => AdmissionSwitch::Off,
    };
    let set = client.set_admission(&AdmissionRequest { state, capacity: None }).await;
    set.map(|_| ()).map_err(|error| failed(&error))
}

pub async fn act(stage: &Arc<Stage>, call: &ActOnTenant) -> Result<(), CallError> {
    let client = stage.client().map_err(|detail| CallError::Failed { detail })?;
    let name = TenantName::new(call.tenant.as_str()).map_err(|error| CallError::NotFound {
        kind: "tenant".into(),
        name: error.to_string(),
        nearest: None,
    })?;
    let done = match call.act {
        Act::Suspend => client.tenant_act(&name, "suspend").await,
        Act::Resume => client.tenant_act(&name, "resume").await,
        Act::Quota { bytes } => {
            let quota = Quota { bytes: Some(ByteCount(bytes)), blobs: None };
            client.set_quota(&name, &QuotaChange { quota, project: None, container: None }).await
        }
        Act::Weight { weight } => {
            let now = client.tenant(&name).await.map_err(|error| failed(&error))?;
            client.set_share(&name, &Share { weight, ..now.share }).await
        }
        Act::HandOver => return hand_over(stage, &name).await,
    };
    done.map(|_| ()).map_err(|error| failed(&error))
}

async fn hand_over(stage: &Arc<Stage>, name: &TenantName) -> Result<(), CallError> {
    let made = stage.hand_over(name, &HandOverRequest::default()).await;
    let (made, pasted) = made.map_err(|detail| CallError::Failed { detail })?;
    let HandOver { account, container, expires_at, .. } = &made;
    let why = match pasted {
        Pasted::OnClipboard => {
            let until = time_of_day(expires_at);
            stage.notice(format!("{name}'s AzCopy line is on the clipboard: {account}/{container}, until {until} UTC"));
            return Ok(());
        }
        Pasted::NoDesktop => "there is no desktop here".into(),
        Pasted::Refused(why) => why,
    };
    let detail = format!("nothing is on the clipboard: {why}; 'greenroom-stack hand-over' prints the line");
    Err(CallError::Failed { detail })
}

fn failed(error: &StackError) -> CallError {
    CallError::Failed { detail: error.to_string() }
}

fn said(status: &AdmissionStatus) -> Admission {
    Admission {
        switch: match status.state {
            AdmissionSwitch::On => Switch::On,
            AdmissionSwitch::Off => Switch::Off,
        },
        fairness: status.jain,
        in_flight: status.in_flight,
        queued: status.queued,
    }
}

fn line(tenant: &TenantStatus, values: &Values) -> TenantLine {
    let name = tenant.name.to_string();
    let value = |measure: &str| values.get(&format!("{name}.{measure}")).copied().unwrap_or(0.0);
    let answered = tenant.served.p99_ms > 0.0;
    TenantLine {
        state: match tenant.state {
            State::Active => TenantState::Active,
            State::Suspended => TenantState::Suspended,
            State::OffBoarded => TenantState::OffBoarded,
        },
        bytes: tenant.stored.bytes,
        bytes_max: tenant.quota.bytes.map(|bytes| bytes.0),
        blobs: tenant.stored.blobs,
        blobs_max: tenant.quota.blobs,
        weight: tenant.share.weight,
        bytes_per_s: value("bytes_in_per_s") + value("bytes_out_per_s"),
        ops_per_s: value("ops_per_s"),
        share: tenant.served.share,
        queue_ms: tenant.served.queue_ms,
        p50_ms: answered.then_some(tenant.served.p50_ms),
        p99_ms: answered.then_some(tenant.served.p99_ms),
        queued: tenant.served.queued,
        throttled: tenant.served.throttled,
        key: None,
        name,
    }
}
