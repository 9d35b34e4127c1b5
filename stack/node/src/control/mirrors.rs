//! `/v1/accounts/ACCOUNT/mirrors`.

use super::caller::Caller;
use super::{Control, Refusal, json};
use crate::mirror::AttachFault;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use greenroom_model::control::Problem;
use greenroom_model::mirror::{Attach, Detach, MIRRORS_MAX, MirrorStatus};
use greenroom_model::{AccountName, TenantName};
use http::StatusCode;
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::IntoParams;

type Statuses = BTreeMap<TenantName, MirrorStatus>;

/// What an account shows of what lies elsewhere, by name
#[utoipa::path(
    get, path = "/v1/accounts/{account}/mirrors", security(("token" = [])), params(("account" = AccountName, Path)),
    responses(
        (status = 200, body = BTreeMap<TenantName, MirrorStatus>), (status = 401, body = Problem), (status = 404, body = Problem)
    )
)]
pub async fn list(
    State(state): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Statuses>, Refusal> {
    let account = caller.account(&state, AccountName::new(name)?)?;
    Ok(Json(state.mirrors.statuses(&account.name)?))
}

/// How a mirror stands
#[utoipa::path(
    get, path = "/v1/accounts/{account}/mirrors/{mirror}", security(("token" = [])),
    params(("account" = AccountName, Path), ("mirror" = TenantName, Path)),
    responses((status = 200, body = MirrorStatus), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn status(
    State(state): State<Control>,
    caller: Caller,
    Path(names): Path<(String, String)>,
) -> Result<Json<MirrorStatus>, Refusal> {
    let (account, mirror) = named(&state, &caller, names)?;
    Ok(Json(told(&state, &account, &mirror)?))
}

/// Show in an account what lies elsewhere, or change how closely it is followed; a secret that is left out is kept, and none is told again
#[utoipa::path(
    put, path = "/v1/accounts/{account}/mirrors/{mirror}", security(("token" = [])), request_body = Attach,
    params(("account" = AccountName, Path), ("mirror" = TenantName, Path, description = "As a tenant's name")),
    responses(
        (status = 200, body = MirrorStatus), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "Its containers would be in the place of others, or there are too many mirrors")
    )
)]
pub async fn put(
    State(state): State<Control>,
    caller: Caller,
    Path(names): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<MirrorStatus>, Refusal> {
    let (account, mirror) = named(&state, &caller, names)?;
    let attach: Attach = json(&body)?;
    attach.mirror.check().map_err(AttachFault::Bad)?;
    let _one_at_a_time = state.accounts.lock().await;
    let known = state.mirrors.statuses(&account)?;
    if known.len() >= MIRRORS_MAX && !known.contains_key(&mirror) {
        let why = format!("an account has {MIRRORS_MAX} mirrors at most: detach one first");
        return Err(Refusal::new(StatusCode::CONFLICT, "Too many mirrors", why));
    }
    let with = if attach.secret.is_some() { ", with a secret" } else { "" };
    let said = format!("{mirror} of {}{with}", attach.mirror.origin);
    state.mirrors.attach(&account, &mirror, attach).await?;
    state.done(&caller.to_string(), "mirror.set", account.as_str(), &said).await?;
    Ok(Json(told(&state, &account, &mirror)?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct What {
    /// What becomes of what it showed; `remove` where absent.
    #[serde(default)]
    what: Detach,
}

/// Show no more what lies elsewhere; answers the mirrors that stay
#[utoipa::path(
    delete, path = "/v1/accounts/{account}/mirrors/{mirror}", security(("token" = [])),
    params(("account" = AccountName, Path), ("mirror" = TenantName, Path), What),
    responses(
        (status = 200, body = BTreeMap<TenantName, MirrorStatus>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem)
    )
)]
pub async fn end(
    State(state): State<Control>,
    caller: Caller,
    Path(names): Path<(String, String)>,
    what: Result<Query<What>, QueryRejection>,
) -> Result<Json<Statuses>, Refusal> {
    let (account, mirror) = named(&state, &caller, names)?;
    let Query(What { what }) = what.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "Bad query", error))?;
    let _one_at_a_time = state.accounts.lock().await;
    if !state.mirrors.detach(&account, &mirror, what).await? {
        return Err(missing(&account, &mirror));
    }
    let said = match what {
        Detach::Remove => format!("{mirror}, and its containers"),
        Detach::Leave => format!("{mirror}; its containers stay"),
    };
    state.done(&caller.to_string(), "mirror.end", account.as_str(), &said).await?;
    Ok(Json(state.mirrors.statuses(&account)?))
}

/// Follow an origin no more for now; what was shown is shown
#[utoipa::path(
    post, path = "/v1/accounts/{account}/mirrors/{mirror}/pause", security(("token" = [])),
    params(("account" = AccountName, Path), ("mirror" = TenantName, Path)),
    responses((status = 200, body = MirrorStatus), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn pause(
    State(state): State<Control>,
    caller: Caller,
    Path(names): Path<(String, String)>,
) -> Result<Json<MirrorStatus>, Refusal> {
    let (account, mirror) = named(&state, &caller, names)?;
    let was_there = state.mirrors.pause(&account, &mirror, true).await?;
    acted(&state, &caller, was_there, "mirror.pause", account, mirror).await
}

/// Follow an origin again
#[utoipa::path(
    post, path = "/v1/accounts/{account}/mirrors/{mirror}/resume", security(("token" = [])),
    params(("account" = AccountName, Path), ("mirror" = TenantName, Path)),
    responses((status = 200, body = MirrorStatus), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn resume(
    State(state): State<Control>,
    caller: Caller,
    Path(names): Path<(String, String)>,
) -> Result<Json<MirrorStatus>, Refusal> {
    let (account, mirror) = named(&state, &caller, names)?;
    let was_there = state.mirrors.pause(&account, &mirror, false).await?;
    acted(&state, &caller, was_there, "mirror.resume", account, mirror).await
}

/// List an origin again now, in place of when it is due
#[utoipa::path(
    post, path = "/v1/accounts/{account}/mirrors/{mirror}/relist", security(("token" = [])),
    params(("account" = AccountName, Path), ("mirror" = TenantName, Path)),
    responses((status = 200, body = MirrorStatus), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn relist(
    State(state): State<Control>,
    caller: Caller,
    Path(names): Path<(String, String)>,
) -> Result<Json<MirrorStatus>, Refusal> {
    let (account, mirror) = named(&state, &caller, names)?;
    let was_there = state.mirrors.relist(&account, &mirror).await?;
    acted(&state, &caller, was_there, "mirror.relist", account, mirror).await
}

impl From<AttachFault> for Refusal {
    fn from(fault: AttachFault) -> Self {
        match fault {
            AttachFault::Bad(why) => Refusal::new(StatusCode::BAD_REQUEST, "Bad mirror", why),
            AttachFault::Conflict(why) => Refusal::new(StatusCode::CONFLICT, "Cannot be mirrored", why),
            AttachFault::Store(error) => error.into(),
        }
    }
}

fn named(
    state: &Control,
    caller: &Caller,
    (account, mirror): (String, String),
) -> Result<(AccountName, TenantName), Refusal> {
    let account = caller.account(state, AccountName::new(account)?)?;
    Ok((account.name.clone(), TenantName::new(mirror)?))
}

fn told(state: &Control, account: &AccountName, mirror: &TenantName) -> Result<MirrorStatus, Refusal> {
    state.mirrors.statuses(account)?.remove(mirror).ok_or_else(|| missing(account, mirror))
}

async fn acted(
    state: &Control,
    caller: &Caller,
    was_there: bool,
    action: &str,
    account: AccountName,
    mirror: TenantName,
) -> Result<Json<MirrorStatus>, Refusal> {
    if !was_there {
        return Err(missing(&account, &mirror));
    }
    state.done(&caller.to_string(), action, account.as_str(), mirror.as_str()).await?;
    Ok(Json(told(state, &account, &mirror)?))
}

fn missing(account: &AccountName, mirror: &TenantName) -> Refusal {
    let why = format!("PUT /v1/accounts/{account}/mirrors/{mirror} makes it");
    Refusal::new(StatusCode::NOT_FOUND, "No such mirror", why)
}
