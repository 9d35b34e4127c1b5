//! `GET /metrics`: what `GET /v1/metrics` tells, in the words of OpenMetrics, which Prometheus scrapes.

use super::caller::Caller;
use super::metrics::measure;
use super::{Control, Refusal};
use crate::figures::durations::Histogram;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use greenroom_model::TenantName;
use greenroom_model::control::Problem;
use greenroom_model::metrics::{Kind, Metrics, OpClass, Sample};
use http::{StatusCode, header};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::fmt;

const PREFIX: &str = "greenroom";
const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All figures now, for Prometheus; to a tenant, its own
#[utoipa::path(
    get, path = "/metrics", security(("token" = [])),
    responses((status = 200, body = String, content_type = "application/openmetrics-text"), (status = 401, body = Problem))
)]
pub async fn scrape(State(state): State<Control>, caller: Caller) -> Result<Response, Refusal> {
    // With a thousand tenants it is megabytes of text: the threads that answer have better to do.
    let text = tokio::task::spawn_blocking(move || {
        text(Seen { metrics: measure(&state), durations: state.figures.durations(), by: caller })
    });
    let failed =
        |error: &dyn fmt::Display| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "The figures cannot be told", error);
    let text = text.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
}

fn text(seen: Seen) -> Result<String, fmt::Error> {
    let (mut registry, mut text) = (Registry::with_prefix(PREFIX), String::new());
    registry.register_collector(Box::new(seen));
    text::encode(&mut text, &registry)?;
    Ok(text)
}

/// Figures of one moment, and who sees them.
#[derive(Debug)]
struct Seen {
    metrics: Metrics,
    durations: Vec<(TenantName, OpClass, Histogram)>,
    by: Caller,
}

impl Seen {
    fn sees(&self, tenant: Option<&TenantName>) -> bool {
        tenant.map_or(self.by == Caller::Operator, |tenant| self.by.sees(tenant))
    }
}

impl Collector for Seen {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "The server and its version.";
        let mut build = encoder.encode_descriptor("build", help, None, MetricType::Info)?;
        build.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        // Samples of one name stand together, whoever they are of.
        let mut families: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for sample in self.metrics.samples().filter(|sample| self.sees(sample.tenant)) {
            let Some(value) = sample.value else { continue };
            let (unit, amount) = sample.metric.unit.base();
            families.entry((sample.metric.name, unit)).or_default().push((sample, value * amount));
        }
        for ((_, unit), samples) in families {
            let unit = unit.map(|unit| Unit::Other(unit.to_owned()));
            family(&mut encoder, unit, &samples)?;
        }
        self.histograms(&mut encoder)
    }
}

impl Seen {
    /// What only whoever scrapes has a use for.
    fn histograms(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Time from the first byte of a request to the last of its reply, since the server started.";
        let mut family =
            encoder.encode_descriptor("request_duration", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        let there = |tenant: &TenantName| self.metrics.tenants.contains_key(tenant) && self.sees(Some(tenant));
        for (tenant, op, Histogram { buckets, count, sum }) in
            self.durations.iter().filter(|(tenant, ..)| there(tenant))
        {
            let labels = labels(Some(tenant), Some(*op), None);
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)?;
        }
        Ok(())
    }
}

fn family(encoder: &mut DescriptorEncoder<'_>, unit: Option<Unit>, samples: &[(Sample<'_>, f64)]) -> fmt::Result {
    let Some((Sample { metric, .. }, _)) = samples.first() else { return Ok(()) };
    let kind = match metric.kind {
        Kind::Counter => MetricType::Counter,
        // Of the last second or minute only: no summary, which is of all time.
        Kind::Gauge | Kind::Quantile(_) => MetricType::Gauge,
    };
    let mut family = encoder.encode_descriptor(metric.name, metric.help, unit.as_ref(), kind)?;
    for (Sample { metric, tenant, op, .. }, value) in samples {
        let quantile = match metric.kind {
            Kind::Quantile(part) => Some(part),
            Kind::Counter | Kind::Gauge => None,
        };
        let labels = labels(*tenant, *op, quantile);
        let mut sample = family.encode_family(&labels)?;
        match metric.kind {
            Kind::Counter => sample.encode_counter::<NoLabelSet, _, f64>(value, None)?,
            Kind::Gauge | Kind::Quantile(_) => sample.encode_gauge(value)?,
        }
    }
    Ok(())
}

fn labels(tenant: Option<&TenantName>, op: Option<OpClass>, quantile: Option<f64>) -> Vec<(&'static str, String)> {
    let tenant = tenant.map(|tenant| ("tenant", tenant.to_string()));
    let op = op.map(|op| ("op", op.as_str().to_owned()));
    let quantile = quantile.map(|part| ("quantile", part.to_string()));
    tenant.into_iter().chain(op).chain(quantile).collect()
}
