//! `/v1/accounts/ACCOUNT/change-feed` and its sinks.

use super::caller::Caller;
use super::{Control, Refusal, json};
use crate::deliver::Standing;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use greenroom_model::control::Problem;
use greenroom_model::feed::{ChangeFeed, EVENTS_A_PAGE_MAX, EventPage, FeedStatus, SINKS_MAX, Sink, SinkStatus};
use greenroom_model::{AccountName, TenantName};
use greenroom_store::{Delivered, StoreError, Subscribed};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

/// How an account's changes are told
#[utoipa::path(
    get, path = "/v1/accounts/{account}/change-feed", security(("token" = [])), params(("account" = AccountName, Path)),
    responses((status = 200, body = FeedStatus), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn status(
    State(state): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<FeedStatus>, Refusal> {
    let account = caller.account(&state, AccountName::new(name)?)?;
    Ok(Json(told(&state, &account.name)?))
}

/// Switch an account's change feed on, or change how it is written
#[utoipa::path(
    put, path = "/v1/accounts/{account}/change-feed", security(("token" = [])), request_body = ChangeFeed,
    params(("account" = AccountName, Path)),
    responses(
        (status = 200, body = FeedStatus), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem)
    )
)]
pub async fn put(
    State(state): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<FeedStatus>, Refusal> {
    let account = caller.account(&state, AccountName::new(name)?)?;
    let settings: ChangeFeed = json(&body)?;
    settings.check().map_err(|wrong| Refusal::new(StatusCode::BAD_REQUEST, "Bad change feed", wrong))?;
    state.store.set_feed(&account.name, Some(settings)).await?;
    let said = format!("segments of {} s, {} shards", settings.segment_seconds, settings.shards);
    state.done(&caller.to_string(), "feed.set", account.name.as_str(), &said).await?;
    Ok(Json(told(&state, &account.name)?))
}

/// End an account's change feed; what was published stays
#[utoipa::path(
    delete, path = "/v1/accounts/{account}/change-feed", security(("token" = [])), params(("account" = AccountName, Path)),
    responses((status = 200, body = FeedStatus), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn end(
    State(state): State<Control>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<FeedStatus>, Refusal> {
    let account = caller.account(&state, AccountName::new(name)?)?;
    state.store.set_feed(&account.name, None).await?;
    state.done(&caller.to_string(), "feed.end", account.name.as_str(), "").await?;
    Ok(Json(told(&state, &account.name)?))
}

/// Deliver an account's events to somebody, from now on
#[utoipa::path(
    put, path = "/v1/accounts/{account}/sinks/{sink}", security(("token" = [])), request_body = Sink,
    params(("account" = AccountName, Path), ("sink" = TenantName, Path, description = "As a tenant's name")),
    responses(
        (status = 200, body = FeedStatus), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, body = Problem)
    )
)]
pub async fn put_sink(
    State(state): State<Control>,
    caller: Caller,
    Path((name, sink)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<FeedStatus>, Refusal> {
    let account = caller.account(&state, AccountName::new(name)?)?;
    let name = TenantName::new(sink)?;
    let sink: Sink = json(&body)?;
    state.deliveries.check(&sink).map_err(|wrong| Refusal::new(StatusCode::BAD_REQUEST, "Bad sink", wrong))?;
    let _one_at_a_time = state.accounts.lock().await;
    let known = told(&state, &account.name)?.sinks;
    if known.len() >= SINKS_MAX && !known.contains_key(name.as_str()) {
        let why = format!("an account has {SINKS_MAX} sinks at most: remove one first");
        return Err(Refusal::new(StatusCode::CONFLICT, "Too many sinks", why));
    }
    state.store.set_sink(&account.name, name.to_string(), Some(sink)).await?;
    state.deliveries.try_now(&account.name, name.as_str());
    state.done(&caller.to_string(), "sink.set", account.name.as_str(), name.as_str()).await?;
    Ok(Json(told(&state, &account.name)?))
}

/// Deliver no more to a sink
#[utoipa::path(
    delete, path = "/v1/accounts/{account}/sinks/{sink}", security(("token" = [])),
    params(("account" = AccountName, Path), ("sink" = TenantName, Path)),
    responses((status = 200, body = FeedStatus), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn end_sink(
    State(state): State<Control>,
    caller: Caller,
    Path((name, sink)): Path<(String, String)>,
) -> Result<Json<FeedStatus>, Refusal> {
    let account = caller.account(&state, AccountName::new(name)?)?;
    let name = TenantName::new(sink)?;
    state.store.set_sink(&account.name, name.to_string(), None).await?;
    state.done(&caller.to_string(), "sink.end", account.name.as_str(), name.as_str()).await?;
    Ok(Json(told(&state, &account.name)?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct From {
    /// The last event that the consumer has: it and those before it are not asked for again, by anybody of this name.
    after: Option<u64>,
    /// 1 to 500.
    max: Option<usize>,
}

/// The events that a sink does not have yet, the oldest first
#[utoipa::path(
    get, path = "/v1/accounts/{account}/sinks/{sink}/events", security(("token" = [])),
    params(("account" = AccountName, Path), ("sink" = TenantName, Path), From),
    responses((status = 200, body = EventPage), (status = 401, body = Problem), (status = 404, body = Problem))
)]
pub async fn events(
    State(state): State<Control>,
    caller: Caller,
    Path((name, sink)): Path<(String, String)>,
    Query(from): Query<From>,
) -> Result<Json<EventPage>, Refusal> {
    let account = caller.account(&state, AccountName::new(name)?)?;
    if let Some(after) = from.after {
        state.store.delivered(&account.name, &sink, after).await?;
    }
    let found = told(&state, &account.name)?.sinks.remove(&sink);
    let found = found.ok_or_else(|| {
        let why = format!("PUT /v1/accounts/{}/sinks/{sink} makes it", account.name);
        Refusal::new(StatusCode::NOT_FOUND, "No such sink", why)
    })?;
    let max = from.max.unwrap_or(EVENTS_A_PAGE_MAX).clamp(1, EVENTS_A_PAGE_MAX);
    let events = state.store.events(&account.name, found.delivered, max).await?;
    Ok(Json(EventPage { events: events.iter().map(|event| (**event).clone()).collect(), dropped: found.dropped }))
}

fn told(state: &Control, account: &AccountName) -> Result<FeedStatus, StoreError> {
    let found = state.store.told()?.into_iter().find(|told| told.account == *account);
    let (feed, sinks) = found.map(|Subscribed { feed, sinks, .. }| (feed, sinks)).unwrap_or_default();
    let sink = |(name, Delivered { sink, last, dropped }): (String, Delivered)| {
        let Standing { failures, last_error } = state.deliveries.standing(account, &name);
        (name, SinkStatus { sink, delivered: last, dropped, failures, last_error })
    };
    Ok(FeedStatus {
        feed: feed.map(|feed| feed.settings),
        since_us: feed.map_or(0, |feed| feed.since.0),
        complete_until_us: feed.map_or(0, |feed| feed.until.0),
        waiting: state.store.waiting(account),
        sinks: sinks.into_iter().map(sink).collect(),
    })
}
