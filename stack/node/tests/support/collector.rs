//! A collector of OpenTelemetry: takes spans by OTLP over HTTP, and shows them.

use axum::body::Bytes;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Collector {
    pub url: String,
    taken: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    pub async fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let taken: Arc<Mutex<Vec<Span>>> = Arc::default();
        let takes = taken.clone();
        let take = async move |headers: HeaderMap, body: Bytes| {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            let sent = ExportTraceServiceRequest::decode(body).expect("it is what the protocol says");
            let spans = sent.resource_spans.into_iter().flat_map(|of| of.scope_spans).flat_map(|of| of.spans);
            takes.lock().expect("no panic").extend(spans);
            StatusCode::OK
        };
        let router = axum::Router::new().route("/v1/traces", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Collector { url, taken }
    }

    pub fn spans(&self) -> Vec<Span> {
        self.taken.lock().expect("no panic").clone()
    }

    /// The spans of a trace, once there are so many.
    pub async fn trace(&self, id: &str, spans: usize) -> Vec<Span> {
        let of = |span: &Span| hex(&span.trace_id) == id;
        let waiting = async {
            loop {
                let trace: Vec<Span> = self.spans().into_iter().filter(of).collect();
                if trace.len() >= spans {
                    return trace;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(trace) => trace,
            Err(_) => panic!("the trace does not come: {:#?}", self.spans()),
        }
    }
}

/// The one span of that name below a parent.
pub fn below<'s>(trace: &'s [Span], parent: &str, name: &str) -> &'s Span {
    let found: Vec<_> = trace.iter().filter(|span| hex(&span.parent_span_id) == parent && span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} below {parent} in {trace:#?}");
    found[0]
}

pub fn id(span: &Span) -> String {
    hex(&span.span_id)
}

/// What a span says of itself; empty where it says nothing.
pub fn said(span: &Span, name: &str) -> String {
    let value = span.attributes.iter().find(|of| of.key == name).and_then(|of| of.value.clone()?.value);
    match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}").replace("None", ""),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
