//! `/v1/accounts`.

use super::caller::Caller;
use super::{Control, Refusal, json};
use crate::dev_account::new_key;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use greenroom_model::control::{Account, AccountKeys, NewAccount, Problem, PublicContainersRule};
use greenroom_model::tenancy::{KeyPair, Revoked};
use greenroom_model::{AccountName, ContainerPath};
use greenroom_store::{AccountRecord, Metadata, PublicContainers, StoreError};
use http::StatusCode;

/// Every account
#[utoipa::path(get, path = "/v1/accounts", security(("token" = [])), responses((status = 200, body = Vec<Account>), (status = 401, body = Problem)))]
pub async fn list(State(state): State<Control>, caller: Caller) -> Json<Vec<Account>> {
    let accounts = state.store.accounts().into_iter().filter(|account| caller.sees(&account.tenant));
    Json(accounts.map(|account| Account { name: account.name.clone(), tenant: account.tenant.clone() }).collect())
}

/// Make an account with a key of its own; one that is there, of the same tenant, answers its key
#[utoipa::path(
    put, path = "/v1/accounts/{account}", security(("token" = [])), request_body = NewAccount,
    params(("account" = AccountName, Path)),
    responses(
        (status = 200, body = AccountKeys), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem, description = "No such tenant"),
        (status = 409, body = Problem, description = "The account belongs to another tenant")
    )
)]
pub async fn put(
    State(state): State<Control>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<AccountKeys>, Refusal> {
    let name = AccountName::new(name)?;
    let NewAccount { tenant, containers, public_containers } = json(&body)?;
    let rule = public_containers.map(|rule| match rule {
        PublicContainersRule::Allowed => PublicContainers::Allowed,
        PublicContainersRule::Forbidden => PublicContainers::Forbidden,
    });
    let _one_at_a_time = state.accounts.lock().await;
    if !state.store.tenants().contains(&tenant) {
        let detail = format!("there is no tenant {tenant}: PUT /v1/tenants/{tenant} makes it");
        return Err(Refusal::new(StatusCode::NOT_FOUND, "No such tenant", detail));
    }
    let key = match state.store.account(&name) {
        Some(account) if account.tenant == tenant => {
            let public_containers = rule.unwrap_or(account.public_containers);
            state.store.put_account(AccountRecord { public_containers, ..(*account).clone() }).await?;
            account.key.clone()
        }
        Some(_) => return Err(StoreError::AccountTaken { account: name }.into()),
        None => {
            let key = new_key()?;
            let public_containers = rule.unwrap_or_default();
            let said = (name.clone(), tenant.clone());
            let (name, tenant) = said.clone();
            let second_key = Some(new_key()?);
            let record =
                AccountRecord { second_key, public_containers, ..AccountRecord::new(name, tenant, key.clone()) };
            state.store.put_account(record).await?;
            state.done("operator", "account.make", said.0.as_str(), &format!("of tenant {}", said.1)).await?;
            key
        }
    };
    for container in containers {
        let path = ContainerPath { account: name.clone(), container };
        match state.store.create_container(&path, Metadata::new()).await {
            Ok(_) | Err(StoreError::ContainerExists) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Json(AccountKeys { name, tenant, key: BASE64_STANDARD.encode(key.as_bytes()) }))
}

/// Both keys of an account
#[utoipa::path(
    get, path = "/v1/accounts/{account}/keys", security(("token" = [])), params(("account" = AccountName, Path)),
    responses((status = 200, body = KeyPair), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn keys(
    State(state): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<KeyPair>, Refusal> {
    let account = caller.account(&state, AccountName::new(name)?)?;
    Ok(Json(pair(&account)))
}

/// Make one of an account's keys anew; the other stays good. The old one is refused from now on, and so is all that was derived for the
/// account: identities, bearer tokens, user-delegation keys, and the SAS that this server has signed
#[utoipa::path(
    post, path = "/v1/accounts/{account}/keys/{number}/rotate", security(("token" = [])),
    params(("account" = AccountName, Path), ("number" = u8, Path, description = "1 or 2")),
    responses(
        (status = 200, body = KeyPair), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem)
    )
)]
pub async fn rotate(
    State(state): State<Control>,
    caller: Caller,
    Path((name, number)): Path<(String, u8)>,
) -> Result<Json<KeyPair>, Refusal> {
    let name = AccountName::new(name)?;
    let _one_at_a_time = state.accounts.lock().await;
    let account = caller.account(&state, name.clone())?;
    let key = new_key()?;
    let next = account.next_generation();
    let record = match number {
        1 => AccountRecord { key, ..next },
        2 => AccountRecord { second_key: Some(key), ..next },
        _ => return Err(Refusal::new(StatusCode::BAD_REQUEST, "No such key", "an account has the keys 1 and 2")),
    };
    state.store.put_account(record.clone()).await?;
    state.done(&caller.to_string(), "keys.rotate", name.as_str(), &format!("key {number}")).await?;
    Ok(Json(pair(&record)))
}

/// Refuse, from now on, all that was derived for the account: identities, bearer tokens, user-delegation keys, and the SAS that this server
/// has signed. Its keys, and the SAS that are signed with them, stay good
#[utoipa::path(
    post, path = "/v1/accounts/{account}/revoke", security(("token" = [])), params(("account" = AccountName, Path)),
    responses((status = 200, body = Revoked), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn revoke(
    State(state): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Revoked>, Refusal> {
    let name = AccountName::new(name)?;
    let _one_at_a_time = state.accounts.lock().await;
    let record = caller.account(&state, name.clone())?.next_generation();
    let generation = record.generation;
    state.store.put_account(record).await?;
    state.done(&caller.to_string(), "account.revoke", name.as_str(), &format!("generation {generation}")).await?;
    Ok(Json(Revoked { account: name, generation }))
}

fn pair(account: &AccountRecord) -> KeyPair {
    let text = |key: &greenroom_store::AccountKey| BASE64_STANDARD.encode(key.as_bytes());
    let (key1, key2) = (text(&account.key), account.second_key.as_ref().map(text));
    KeyPair { account: account.name.clone(), tenant: account.tenant.clone(), key1, key2 }
}
