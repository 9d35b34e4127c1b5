//! The span of a request, for whoever follows it through the server and beyond. While nobody listens it costs next to nothing: all spans are
//! made at the level `debug`. They hold no name of a blob and no query, which are the tenant's.

use http::HeaderMap;
use tracing::Span;
use tracing::field::Empty;

/// Makes a span the child of what a request's headers name.
pub type Adopt = fn(&Span, &HeaderMap);

/// From a request's first byte until the last of its reply. What is not known yet is recorded later.
pub fn request(id: &str, headers: &HeaderMap, adopt: Adopt) -> Span {
    let span = tracing::debug_span!(
        "request",
        otel.kind = "server",
        otel.name = Empty,
        otel.status_code = Empty,
        request_id = id,
        operation = Empty,
        account = Empty,
        tenant = Empty,
        status = Empty,
        bytes_in = Empty,
        bytes_out = Empty,
    );
    if !span.is_disabled() {
        adopt(&span, headers);
    }
    span
}
