//! The way of a request: parse, route, authenticate, run, answer. Every reply gets its common headers here.

use crate::asks;
use crate::auth::issuer::AUDIENCE;
use crate::body::{BodyIn, Start};
use crate::call::Call;
use crate::checks::Checks;
use crate::content::{BodyOut, Content};
use crate::cors::{self, Crossing};
use crate::error::{Code, Error};
use crate::gate::Pass;
use crate::gateway::Gateway;
use crate::head::{Head, Transport};
use crate::headers::VERSION;
use crate::meter::Measured;
use crate::pace::Turn;
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::route::{self, Action, FromUrl, Row};
use crate::{mirrored, part, spelling, time, trace};
use bytes::Bytes;
use greenroom_store::{Blob, BlobProps, Encryption, ShownIn};
use http::{HeaderValue, Method, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tracing::{Instrument as _, Span, debug_span};

/// What is away longer than that may be away for long; what is away shorter should not keep anybody.
const CLOUD_RETRY_AFTER_S: &str = "2";
/// Azure's limit on `x-ms-client-request-id`.
pub const CLIENT_REQUEST_ID_BYTES_MAX: usize = 1024;

impl Gateway {
    /// Answers one request; whatever is wrong with it, the answer is one that Azure's clients understand.
    pub(crate) async fn answer(
        &self,
        request: http::Request<Incoming>,
        peer: IpAddr,
        transport: Transport,
        turn: &Turn,
    ) -> Response<BodyOut> {
        let id = self.next_request_id();
        let span = trace::request(&id, request.headers(), self.adopt);
        let mut response = self.reply(request, id, (peer, transport, turn), &span).instrument(span.clone()).await;
        span.record("status", response.status().as_u16());
        if response.status().is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
        response.body_mut().seen_by(span);
        response
    }

    async fn reply(
        &self,
        request: http::Request<Incoming>,
        id: String,
        (peer, transport, turn): (IpAddr, Transport, &Turn),
        span: &Span,
    ) -> Response<BodyOut> {
        let began = Instant::now();
        let (parts, incoming) = request.into_parts();
        let echo = Echo::of(&parts, id);
        let start = if parts.headers.contains_key(header::EXPECT) { Start::WhenAsked } else { Start::AtOnce };
        let mut body = BodyIn::new(incoming, start, &self.limits);
        let spelt = spelling::names(&parts.headers, &parts.extensions).await;
        let (outcome, measured, crossing) = match Head::parse(parts, peer, transport, &echo.request_id) {
            Ok(head) if head.method == Method::OPTIONS => (self.preflight(&head).await, None, None),
            Ok(head) => {
                let head = Head { spelt, ..head };
                span.record("account", head.target.account.as_str());
                let crossing = self.crossing(&head).await;
                let (outcome, measured) = self.run(Request { head, body }, began, turn, span).await;
                (outcome, measured, crossing)
            }
            Err(error) => {
                body.discard_a_strangers().await;
                (Err(error), None, None)
            }
        };
        let reply = outcome.unwrap_or_else(|error| self.refusal(&error, &echo));
        let spelling = spelling::extension(&reply.spelt).await;
        let mut response = echo.respond(reply, measured);
        if let Some(spelling) = spelling {
            response.extensions_mut().extend(spelling);
        }
        if let Some(crossing) = crossing {
            crossing.mark(response.headers_mut());
        }
        response
    }

    /// Whether a page of another origin may send a request: asked by the browser itself, which has no credential to show.
    async fn preflight(&self, head: &Head) -> Result<Reply, Error> {
        let settings = self.authority.store.service_settings(&head.target.account).await?;
        cors::preflight(&cors::rules(&settings)?, &head.headers)
    }

    /// What an answer to a page of another origin is marked with. The answer stands without that too: a store that cannot be read now
    /// will have failed the request itself.
    async fn crossing(&self, head: &Head) -> Option<Crossing> {
        let origin = head.headers.get(header::ORIGIN)?.clone();
        let settings = self.authority.store.service_settings(&head.target.account).await.ok()?;
        Some(Crossing { origin, method: head.method.clone(), rules: cors::rules(&settings).ok()? })
    }

    async fn run(
        &self,
        mut request: Request,
        began: Instant,
        turn: &Turn,
        span: &Span,
    ) -> (Result<Reply, Error>, Option<Measured>) {
        let from_url = FromUrl::of(&request.head.headers);
        let found = route::find(&request.head.method, request.head.target.scope(), &request.head.query, from_url);
        let row = match found {
            Ok(row) => row,
            Err(error) => {
                request.body.discard_a_strangers().await;
                return (Err(error), None);
            }
        };
        span.record("otel.name", row.operation).record("operation", row.operation);
        let now = self.clock.now();
        let mut request = match self.authority.admit(request, &row.permit, now).await {
            Ok(request) => request,
            Err(mut turned_away) => {
                turned_away.request.body.discard_a_strangers().await;
                return (Err(turned_away.error), None);
            }
        };
        turn.belongs_to(&request.identity().account.tenant);
        span.record("tenant", request.identity().account.tenant.as_str());
        let served = self.meter.account(&request.identity().account);
        request.body_mut().metered(served.meter.clone());
        let measured = Measured::begin(served.clone(), row.class, began);
        let asked = Instant::now();
        match Pass::enter(served.gate).instrument(debug_span!("admission")).await {
            Ok(pass) => request.body_mut().admitted(pass),
            Err(busy) => {
                served.meter.throttled();
                request.body_mut().discard().await;
                return (Err(Code::from((busy, row.class)).into()), Some(measured));
            }
        }
        served.meter.waited(asked.elapsed());
        let mut call =
            Call::new(request, self.authority.clone(), self.sources.clone(), now, (row.operation, part::RUN));
        let outcome = match row.action {
            Action::Refuse(code) => Err(Error::new(code, format!("({})", row.operation))),
            Action::Run(run) => match prepare(row, &mut call).await {
                Ok(shown) => {
                    let mut outcome = run(&mut call).await;
                    if mirrored::has_changed(row, &outcome) {
                        outcome = run(&mut call).await;
                    }
                    outcome.map(|reply| shown.iter().fold(reply, mirrored::mark))
                }
                Err(error) => Err(error),
            },
        };
        if let Err(error) = &outcome {
            tracing::debug!(operation = row.operation, path = call.head.target.raw_path, %error, "refused");
            call.body.discard().await;
        }
        span.record("bytes_in", call.body.taken());
        (outcome, Some(measured))
    }

    fn refusal(&self, error: &Error, echo: &Echo) -> Reply {
        let row = error.code.row();
        let reply = Reply { reason: Some(row.message), ..Reply::new(row.status) };
        let reply = reply.header("x-ms-error-code", row.code);
        let reply = match error.code {
            Code::CloudAway | Code::KeyAway | Code::OriginChanged => {
                reply.header(header::RETRY_AFTER.as_str(), CLOUD_RETRY_AFTER_S)
            }
            _ => reply,
        };
        let reply = reply.header_if(header::CONTENT_RANGE.as_str(), error.content_range().as_deref());
        let reply = match row.status {
            StatusCode::UNAUTHORIZED => reply.header(header::WWW_AUTHENTICATE.as_str(), &self.challenge()),
            _ => reply,
        };
        if row.status == StatusCode::NOT_MODIFIED || echo.method == Method::HEAD {
            return reply;
        }
        let document = reply::document(error, &echo.request_id, &time::iso(self.clock.now()));
        let content = Content::Whole(Bytes::from(document));
        Reply { content, ..reply.header("content-type", "application/xml") }
    }

    /// Where a token would come from. Clients read a directory's id out of it.
    fn challenge(&self) -> String {
        let tenant_id = self.authority.issuer.tenant_id();
        let uri = format!("urn:greenroom/{tenant_id}/oauth2/authorize");
        format!("Bearer authorization_uri={uri} resource_id={AUDIENCE}")
    }

    /// Unique within this run of the server, and by its random half between runs.
    fn next_request_id(&self) -> String {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        let seed = self.request_seed;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            seed >> 32,
            (seed >> 16) & 0xffff,
            seed & 0xffff,
            count >> 48,
            count & 0xffff_ffff_ffff
        )
    }
}

/// Whether the operation does all that the request asks for, and can be begun.
async fn prepare(row: &Row, call: &mut Call) -> Result<Option<ShownIn>, Error> {
    asks::fit(row, &call.head)?;
    let sends = call.head.method == Method::PUT || call.head.method == Method::POST;
    if sends && !call.head.headers.contains_key(header::CONTENT_LENGTH) {
        return Err(Code::MissingContentLengthHeader.into());
    }
    call.body.expect(Checks::of_body(&call.head)?)?;
    call.read_seal()?;
    if row.needs_key(&call.head.query) {
        call.store.sealing_key(&call.head.target.account).await?;
        scope_is_there(row, call).await?;
    }
    let shown = mirrored::prepare(row, call).await?;
    disk_first(row, &mut call.body).await?;
    Ok(shown)
}

/// What is encrypted in a scope is refused while the scope's key is, whatever is asked of it; what takes its place is not.
async fn scope_is_there(row: &Row, call: &Call) -> Result<(), Error> {
    if row.makes_blob() || !call.store.has_scopes(&call.head.target.account) {
        return Ok(());
    }
    let Some(path) = call.head.target.blob() else { return Ok(()) };
    // What is missing is for the operation to say.
    if let Ok(Blob { props: BlobProps { encryption: Some(Encryption::Scope(name)), .. }, .. }) =
        call.store.blob_at(path, call.snapshot()?).await
    {
        call.store.scope_key(&path.container.account, &name).await?;
    }
    Ok(())
}

/// A change without content is the disk's work alone. One with content waits for the disk once that has come.
async fn disk_first(row: &Row, body: &mut BodyIn) -> Result<(), Error> {
    if row.fetches() {
        body.give_way();
    } else if !row.reads() && body.length().is_ok_and(|bytes| bytes == 0) {
        body.write().await?;
    }
    Ok(())
}

/// What of a request its reply repeats.
struct Echo {
    method: Method,
    request_id: String,
    version: HeaderValue,
    client_request_id: Option<HeaderValue>,
}

impl Echo {
    fn of(parts: &http::request::Parts, request_id: String) -> Self {
        let version = parts.headers.get("x-ms-version").cloned();
        let client_request_id = parts.headers.get("x-ms-client-request-id").cloned();
        Self {
            method: parts.method.clone(),
            request_id,
            version: version.unwrap_or_else(|| HeaderValue::from_static(VERSION)),
            client_request_id: client_request_id.filter(|id| id.len() <= CLIENT_REQUEST_ID_BYTES_MAX),
        }
    }

    fn respond(self, reply: Reply, measured: Option<Measured>) -> Response<BodyOut> {
        let mut response = Response::new(BodyOut::new(reply.content, reply.status, measured));
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers;
        if let Some(reason) = reply.reason.and_then(|reason| ReasonPhrase::try_from(reason.as_bytes()).ok()) {
            response.extensions_mut().insert(reason);
        }
        let headers = response.headers_mut();
        headers.insert(header::SERVER, HeaderValue::from_static(concat!("Greenroom/", env!("CARGO_PKG_VERSION"))));
        headers.insert("x-ms-version", self.version);
        if let Ok(id) = HeaderValue::try_from(self.request_id) {
            headers.insert("x-ms-request-id", id);
        }
        if let Some(id) = self.client_request_id {
            headers.insert("x-ms-client-request-id", id);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Busy, Gate};
    use crate::query::Query;
    use crate::target::Scope;
    use futures::FutureExt as _;
    use futures::future::BoxFuture;
    use std::sync::Arc;
    use std::sync::atomic::AtomicI64;
    use std::sync::atomic::Ordering::Relaxed;

    /// Counts the places that are taken.
    #[derive(Default)]
    struct Places {
        cores: AtomicI64,
        disk: AtomicI64,
    }

    impl Gate for Places {
        fn enter(&self) -> BoxFuture<'_, Result<(), Busy>> {
            self.cores.fetch_add(1, Relaxed);
            async { Ok(()) }.boxed()
        }

        fn is_shared(&self) -> bool {
            true
        }

        fn try_more(&self, _: u64) -> bool {
            self.cores.fetch_add(1, Relaxed);
            true
        }

        fn more(self: Arc<Self>, _: u64) -> BoxFuture<'static, ()> {
            async {}.boxed()
        }

        fn leave(&self) {
            self.cores.fetch_sub(1, Relaxed);
        }

        fn charge(&self, _: u64) {}

        fn write(&self) -> BoxFuture<'_, Result<(), Busy>> {
            self.disk.fetch_add(1, Relaxed);
            async { Ok(()) }.boxed()
        }

        fn written(&self) {
            self.disk.fetch_sub(1, Relaxed);
        }
    }

    #[test]
    fn what_has_no_content_runs_at_the_core_at_the_disk_or_at_neither() {
        let (get, head, put, delete) = (Method::GET, Method::HEAD, Method::PUT, Method::DELETE);
        for (method, query, from_url, cores, disk) in [
            (&get, "", FromUrl::No, 1, 0),
            (&head, "", FromUrl::No, 1, 0),
            (&delete, "", FromUrl::No, 0, 1),
            (&put, "comp=lease", FromUrl::No, 0, 1),
            (&put, "comp=metadata", FromUrl::No, 0, 1),
            (&put, "comp=snapshot", FromUrl::No, 0, 1),
            (&put, "", FromUrl::No, 0, 1),
            (&put, "", FromUrl::Yes, 0, 0),
            (&put, "", FromUrl::Typed, 0, 0),
            (&put, "comp=block", FromUrl::Yes, 0, 0),
        ] {
            let query = Query::parse(query).expect("a good query");
            let row = route::find(method, Scope::Blob, &query, from_url).expect("a row");
            let places = Arc::new(Places::default());
            let mut body = BodyIn::empty();
            let pass = Pass::enter(places.clone()).now_or_never().expect("no wait").expect("a place");
            body.admitted(pass);
            disk_first(row, &mut body).now_or_never().expect("no wait").expect("a turn");
            let taken = || (places.cores.load(Relaxed), places.disk.load(Relaxed));
            assert_eq!(taken(), (cores, disk), "{}", row.operation);
            drop(body);
            assert_eq!(taken(), (0, 0), "{}", row.operation);
        }
    }
}
