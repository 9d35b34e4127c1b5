//! Spans of requests on their way to a collector of OpenTelemetry, and the ids by which they are one trace with those of others: a client's
//! `traceparent` is taken up, and given on to the cloud. Source: W3C, "Trace Context"; "OTLP Specification".

use crate::fault::Fault;
use async_trait::async_trait;
use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId, TraceState, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HeaderInjector, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample,
};
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;
use url::Url;

const SERVICE: &str = "greenroom-stack";
/// Spans that wait to be sent, of about half a KiB each. What comes when they are so many is dropped.
const WAITING_MAX: usize = 8_192;
/// Sent together, and at least so often.
const BATCH_MAX: usize = 512;
const BATCH_EVERY: Duration = Duration::from_secs(1);
/// A collector that does not answer in this time is away. What it was sent is dropped, as it would hold up what comes after.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// How long a server that stops waits for its last spans to be taken.
const FLUSH_MAX: Duration = Duration::from_secs(3);
/// That a collector is away is said no more often than this.
const WARN_EVERY: Duration = Duration::from_secs(60);
const TRACE_PARENT: &str = "traceparent";

/// Makes a request's span the child of the client's that its headers name. What is malformed names none.
pub fn adopt(span: &Span, headers: &HeaderMap) {
    let parent = TraceContextPropagator::new().extract(&Parent(headers));
    if parent.span().span_context().is_valid() {
        // An error means that nobody collects spans.
        let _ = span.set_parent(parent);
    }
}

/// Names the span that a request to somebody else is made within.
pub fn pass_on(headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut HeaderInjector(headers));
}

/// All that is taken of a client's word: `tracestate` would be up to it in length and content, and go on to the cloud.
struct Parent<'h>(&'h HeaderMap);

impl Extractor for Parent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut given = self.0.get_all(key).iter().filter(|_| key == TRACE_PARENT);
        // Of two nobody knows which one is meant.
        given.next().filter(|_| given.next().is_none())?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACE_PARENT]
    }
}

/// Collects spans and sends them, in a thread of its own, until `end`.
#[derive(Debug)]
pub struct Export(SdkTracerProvider);

impl Export {
    pub fn start(collector: &Url, runtime: Handle) -> Result<Self, Fault> {
        let fault = |why: String| Fault::Collector { collector: collector.origin().ascii_serialization(), why };
        let client = crate::tls::http().timeout(ANSWER_MAX).redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| fault(error.to_string()))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Sender { client, runtime, warned: Mutex::default() })
            .with_endpoint(collector.as_str())
            .with_retry_policy(RetryPolicy::default().with_max_retries(0))
            .build()
            .map_err(|error| fault(error.to_string()))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(WAITING_MAX)
            .with_max_export_batch_size(BATCH_MAX)
            .with_scheduled_delay(BATCH_EVERY);
        let resource = Resource::builder()
            .with_service_name(SERVICE)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches.build()).build())
            .with_sampler(Sampler::ParentBased(Box::new(Beginnings)))
            .with_resource(resource.build());
        Ok(Self(provider.build()))
    }

    /// Takes spans of ours, and no events: those name blobs.
    pub fn layer<S: Subscriber + for<'s> LookupSpan<'s> + Send + Sync>(&self) -> impl Layer<S> + use<S> {
        let ours = filter_fn(|about| about.is_span() && about.target().starts_with("greenroom"));
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(SERVICE))
            .with_context_activation(false)
            .with_tracked_inactivity(false)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_filter(ours.with_max_level_hint(LevelFilter::DEBUG))
    }

    /// Sends what is left, within `FLUSH_MAX`. Blocks.
    pub fn end(self) {
        // A collector that is away has been told of.
        let _ = self.0.shutdown_with_timeout(FLUSH_MAX);
    }
}

/// A trace begins with a request or with a pass of offload. What the store does for itself is of no trace.
#[derive(Debug, Clone)]
struct Beginnings;

impl ShouldSample for Beginnings {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: TraceId,
        name: &str,
        kind: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let begins = *kind == SpanKind::Server || name == "offload";
        let decision = if begins { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop };
        SamplingResult { decision, attributes: Vec::new(), trace_state: TraceState::default() }
    }
}

/// Sends with the client that all else here uses, on the runtime that it needs; says so where the collector takes nothing.
#[derive(Debug)]
struct Sender {
    client: reqwest::Client,
    runtime: Handle,
    warned: Mutex<Option<Instant>>,
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, request) = (self.client.clone(), request.try_into()?);
        // Nothing of it may be begun in the thread that asks, which has no runtime.
        let answer = self.runtime.spawn(async move { client.execute(request).await }).await?;
        match &answer {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self.warn(answer.status().as_str()),
            Err(error) => self.warn(&innermost(error).to_string()),
        }
        // What the collector says beyond that is of no use here, and of any length.
        Ok(Response::builder().status(answer?.status()).body(Bytes::new())?)
    }
}

impl Sender {
    fn warn(&self, why: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            *warned = Some(Instant::now());
            tracing::warn!(why, "the collector takes no spans: they are dropped");
        }
    }
}

fn innermost<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    error.source().map_or(error, innermost)
}
