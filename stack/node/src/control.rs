//! The control API: routes and their description from one list. Its types are `greenroom_model::control`.

mod accounts;
mod audit;
mod caller;
mod feed;
mod hand_over;
mod health;
mod identities;
mod keys;
mod metrics;
mod mirrors;
mod offload;
mod openapi;
mod prometheus;
mod refusals;
mod sas;
mod shutdown;
mod tenancy;
mod tenants;
pub mod usage;

use crate::deliver::Deliveries;
use crate::fault::Fault;
use crate::figures::Figures;
use crate::keys::Keys;
use crate::mirror::Mirrors;
use crate::notary::Notary;
use crate::offload::Service;
use crate::tenancy::Tenancy;
use crate::tenancy::ledger::Ledger;
use crate::token::Token;
use axum::Json;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use caller::Caller;
use greenroom_gateway::Gateway;
use greenroom_gateway::auth::issuer::Issuer;
use greenroom_gateway::auth::refusals::Refusals;
use greenroom_model::NameError;
use greenroom_model::tenancy::{FieldFault, FieldProblem};
use greenroom_store::{Clock, Durability, Store, StoreError};
use greenroom_tenancy::audit::{Audit, AuditError, Head};
use http::{HeaderValue, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the handlers share.
#[derive(Clone)]
pub struct Control {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub figures: Arc<Figures>,
    pub gateway: Arc<Gateway>,
    /// Where the server has a target.
    pub offload: Option<Arc<Service>>,
    pub tenancy: Arc<Tenancy>,
    pub audit: Arc<Audit>,
    pub notary: Arc<Notary>,
    pub ledger: Arc<Ledger>,
    pub deliveries: Arc<Deliveries>,
    pub mirrors: Arc<Mirrors>,
    pub keys: Arc<Keys>,
    pub durability: Durability,
    pub token: Token,
    /// Where this API is reached.
    pub address: SocketAddr,
    /// Where blobs are: a URL without a slash at its end.
    pub blob: String,
    pub issuer: Arc<Issuer>,
    pub refusals: Arc<Refusals>,
    /// What `GET /openapi.json` answers; complete once every route is known.
    pub description: Arc<OnceLock<OpenApi>>,
    /// Held while an account is made: two calls at once must not make two keys for one name.
    pub accounts: Arc<Mutex<()>>,
    /// Cancelled: finish what is in flight.
    pub drain: CancellationToken,
    /// Cancelled: the control API itself ends.
    pub stop: CancellationToken,
}

tokio::task_local! {
    /// Whether the call under way has an entry in the audit log.
    static HAS_ENTRY: Cell<bool>;
}

impl Control {
    /// Writes down what was done, durably.
    pub async fn done(&self, actor: &str, action: &str, subject: &str, detail: &str) -> Result<Head, Refusal> {
        // Calls outside of the guarded ones have nobody to tell.
        let _ = HAS_ENTRY.try_with(|has| has.set(true));
        let [actor, action, subject, detail] = [actor, action, subject, detail].map(str::to_owned);
        let audit = self.audit.clone();
        let written = tokio::task::spawn_blocking(move || audit.done(&actor, &action, &subject, &detail));
        Ok(written.await.map_err(|_| AuditError::Closed)??)
    }

    /// Runs a call, and sees to it that one which may have changed something is in the audit log: by what it says of itself, or else by name.
    async fn audited(&self, caller: &Caller, request: Request, next: Next) -> Response {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let run = async {
            let response = next.run(request).await;
            (response, HAS_ENTRY.with(Cell::get))
        };
        let (response, has_entry) = HAS_ENTRY.scope(Cell::new(false), run).await;
        let changes = method != Method::GET && !DRY.contains(&path.as_str());
        if has_entry || !changes || !response.status().is_success() {
            return response;
        }
        match self.done(&caller.to_string(), "call", &format!("{method} {path}"), "").await {
            Ok(_) => response,
            Err(refusal) => refusal.into_response(),
        }
    }
}

/// Calls that change nothing, whatever their method.
const DRY: [&str; 1] = ["/v1/tenants/plan"];

/// Serves until `state.stop`.
pub async fn serve(listener: TcpListener, state: Control) {
    let stop = state.stop.clone();
    let serving = axum::serve(listener, router(state)).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::error!(%error, "the control API ended");
    }
}

fn router(state: Control) -> axum::Router {
    let open = OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(openapi::openapi))
        .routes(routes!(identities::token, identities::token_by_post));
    let guarded = OpenApiRouter::new()
        .routes(routes!(metrics::snapshot))
        .routes(routes!(metrics::stream))
        .routes(routes!(tenants::put))
        .routes(routes!(tenants::suspend))
        .routes(routes!(tenants::resume))
        .routes(routes!(tenants::off_board))
        .routes(routes!(tenants::receipt))
        .routes(routes!(tenants::quota))
        .routes(routes!(tenants::share))
        .routes(routes!(tenants::token))
        .routes(routes!(tenancy::plan))
        .routes(routes!(tenancy::apply))
        .routes(routes!(tenancy::file))
        .routes(routes!(tenancy::drift))
        .routes(routes!(tenancy::admission, tenancy::set_admission))
        .routes(routes!(audit::list))
        .routes(routes!(audit::verify))
        .routes(routes!(accounts::put))
        .routes(routes!(feed::put, feed::end))
        .routes(routes!(feed::put_sink, feed::end_sink))
        .routes(routes!(mirrors::put, mirrors::end))
        .routes(routes!(keys::put))
        .routes(routes!(keys::rotate))
        .routes(routes!(keys::erase))
        .routes(routes!(mirrors::pause))
        .routes(routes!(mirrors::resume))
        .routes(routes!(mirrors::relist))
        .routes(routes!(identities::make))
        .routes(routes!(refusals::list))
        .routes(routes!(offload::status))
        .routes(routes!(offload::plan))
        .routes(routes!(offload::policy, offload::set_policy))
        .routes(routes!(offload::run))
        .routes(routes!(offload::take_over))
        .routes(routes!(offload::set_fault, offload::clear_fault))
        .routes(routes!(shutdown::shutdown))
        .route_layer(middleware::from_fn_with_state(state.clone(), caller::operator));
    let scoped = OpenApiRouter::new()
        .routes(routes!(tenants::list))
        .routes(routes!(tenants::status))
        .routes(routes!(tenants::revoke))
        .routes(routes!(hand_over::hand_over))
        .routes(routes!(accounts::list))
        .routes(routes!(accounts::keys))
        .routes(routes!(accounts::rotate))
        .routes(routes!(accounts::revoke))
        .routes(routes!(feed::status))
        .routes(routes!(feed::events))
        .routes(routes!(keys::status))
        .routes(routes!(mirrors::list))
        .routes(routes!(mirrors::status))
        .routes(routes!(prometheus::scrape))
        .routes(routes!(usage::usage))
        .routes(routes!(usage::csv))
        .routes(routes!(usage::parquet))
        .routes(routes!(sas::mint))
        .route_layer(middleware::from_fn_with_state(state.clone(), caller::anybody));
    let all = OpenApiRouter::with_openapi(about()).merge(open).merge(guarded).merge(scoped);
    let (router, description) = all.split_for_parts();
    state.description.get_or_init(|| description);
    let router = router
        .fallback(async || {
            problem(StatusCode::NOT_FOUND, "No such call", "GET /openapi.json describes the calls there are")
        })
        .method_not_allowed_fallback(async || {
            problem(StatusCode::METHOD_NOT_ALLOWED, "No such method", "see GET /openapi.json")
        });
    router.with_state(state)
}

fn about() -> OpenApi {
    let info = InfoBuilder::new().title("Greenroom stack control API").version(env!("CARGO_PKG_VERSION"));
    let mut about = OpenApiBuilder::new().info(info.build()).build();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The text of DIR/control.token"));
    about.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(bearer.build()));
    about
}

fn problem(status: StatusCode, title: &str, detail: &str) -> Response {
    Refusal::new(status, title, detail).into_response()
}

/// A call that failed, on its way to a `Problem` document.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    title: String,
    detail: String,
    errors: Vec<FieldFault>,
}

impl Refusal {
    fn new(status: StatusCode, title: &str, detail: impl ToString) -> Self {
        Self { status, title: title.to_owned(), detail: detail.to_string(), errors: Vec::new() }
    }

    /// Names the fields that are wrong.
    fn fields(title: &str, errors: Vec<FieldFault>) -> Self {
        let said: Vec<String> = errors.iter().map(|fault| format!("{}: {}", fault.path, fault.message)).collect();
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, title, said.join("; ")) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal { status, title, detail, errors } = self;
        let document = FieldProblem { title, status: status.as_u16(), detail, errors };
        let mut response = (status, Json(document)).into_response();
        let media_type = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        response
    }
}

impl From<NameError> for Refusal {
    fn from(error: NameError) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, "Bad name", error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let (status, title) = match &error {
            StoreError::TenantMissing(_) | StoreError::AccountMissing(_) => (StatusCode::NOT_FOUND, "Not found"),
            StoreError::AccountTaken { .. } => (StatusCode::CONFLICT, "Taken"),
            StoreError::Full { .. } => (StatusCode::INSUFFICIENT_STORAGE, "Flash is full"),
            _ => {
                tracing::error!(%error, "the store failed a control call");
                (StatusCode::INTERNAL_SERVER_ERROR, "The store failed")
            }
        };
        Refusal::new(status, title, error)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        tracing::error!(%fault, "a control call failed");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", fault)
    }
}

impl From<AuditError> for Refusal {
    fn from(error: AuditError) -> Self {
        Fault::from(error).into()
    }
}

/// Reads a JSON body whatever its Content-Type claims, so that `curl -d` works; unknown keys are refused by the types.
fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "Bad JSON", error))
}
