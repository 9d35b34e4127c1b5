//! `GET /v1/metrics` and its stream.

use super::{Control, Refusal};
use axum::Json;
use axum::extract::{Query, State};
use axum::response::Sse;
use axum::response::sse::Event;
use futures::{Stream, StreamExt as _};
use greenroom_model::control::Problem;
use greenroom_model::metrics::{AdmissionMetrics, FlashMetrics, Metrics, ServerMetrics};
use greenroom_store::Durability;
use http::StatusCode;
use serde::Deserialize;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tokio_stream::wrappers::IntervalStream;

const HZ_DEFAULT: f64 = 25.0;
/// More than a screen shows tells nobody more.
const HZ_MAX: f64 = 50.0;
const HZ_MIN: f64 = 0.1;

/// All figures now
#[utoipa::path(get, path = "/v1/metrics", security(("token" = [])), responses((status = 200, body = Metrics), (status = 401, body = Problem)))]
pub async fn snapshot(State(state): State<Control>) -> Json<Metrics> {
    Json(measure(&state))
}

#[derive(Debug, Deserialize)]
pub struct StreamQuery {
    hz: Option<f64>,
}

/// All figures, again and again: server-sent events, one `Metrics` each
#[utoipa::path(
    get, path = "/v1/metrics/stream", security(("token" = [])),
    params(("hz" = Option<f64>, Query, description = "Events a second, 0.1 to 50; 25 where absent")),
    responses(
        (status = 200, body = Metrics, content_type = "text/event-stream"),
        (status = 400, body = Problem), (status = 401, body = Problem)
    )
)]
pub async fn stream(
    State(state): State<Control>,
    query: Result<Query<StreamQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Event, axum::Error>>>, Refusal> {
    let hz = query.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "Bad query", error))?.hz.unwrap_or(HZ_DEFAULT);
    if !(HZ_MIN..=HZ_MAX).contains(&hz) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "Bad query", format!("hz must be {HZ_MIN} to {HZ_MAX}")));
    }
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / hz));
    // A reader that falls behind gets fewer events, not a burst of old ones.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let ended = state.stop.clone().cancelled_owned();
    let events = IntervalStream::new(ticks).map(move |_| Event::default().json_data(measure(&state)));
    Ok(Sse::new(events.take_until(ended)))
}

/// Everything at one moment.
pub fn measure(state: &Control) -> Metrics {
    let usage = state.store.usage();
    let (tenants, jain) = state.figures.tenants(&state.store, &state.mirrors, &usage);
    Metrics {
        at_us: u64::try_from(state.figures.uptime().as_micros()).unwrap_or(u64::MAX),
        tenants,
        flash: FlashMetrics {
            used_bytes: usage.flash_used_bytes,
            live_bytes: usage.flash_live_bytes,
            promised_bytes: usage.flash_promised_bytes,
            capacity_bytes: usage.flash_capacity_bytes,
            read_faults: usage.read_faults,
            durable: state.durability == Durability::Disk,
        },
        offload: state.offload.as_ref().map(|service| service.metrics()),
        admission: AdmissionMetrics { on: state.tenancy.admission().is_on(), jain },
        server: ServerMetrics {
            connections: state.gateway.connections() as u64,
            connections_max: state.gateway.connections_max() as u64,
            audit_entries: state.audit.head().seq,
        },
    }
}
