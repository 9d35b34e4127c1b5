//! Who calls: the operator, or a tenant, who sees and does only what is its own.

use super::{Control, Refusal, problem};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use greenroom_model::{AccountName, TenantName};
use greenroom_store::{AccountRecord, StoreError};
use http::request::Parts;
use http::{StatusCode, header};
use std::fmt;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    Operator,
    Tenant(TenantName),
}

impl Caller {
    /// Whether it may see what is this tenant's.
    pub fn sees(&self, tenant: &TenantName) -> bool {
        match self {
            Caller::Operator => true,
            Caller::Tenant(own) => own == tenant,
        }
    }

    /// An account that it may see. Err: `AccountMissing`, also where it is another's.
    pub fn account(&self, state: &Control, name: AccountName) -> Result<Arc<AccountRecord>, StoreError> {
        let account = state.store.account(&name).filter(|account| self.sees(&account.tenant));
        account.ok_or(StoreError::AccountMissing(name))
    }

    fn of(state: &Control, request: &Request) -> Option<Caller> {
        let claimed = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
        let claimed = claimed.strip_prefix("Bearer ")?.trim();
        if state.token.is(claimed) {
            return Some(Caller::Operator);
        }
        let tenant = TenantName::new(claimed.split_once('.')?.0).ok()?;
        let number = state.tenancy.token_number(&tenant)?;
        state.token.is_of_tenant(claimed, &tenant, number).then_some(Caller::Tenant(tenant))
    }
}

/// As the audit log names it.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caller::Operator => f.write_str("operator"),
            Caller::Tenant(tenant) => write!(f, "tenant {tenant}"),
        }
    }
}

/// What a call is made with, once it was let through.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts
            .extensions
            .get::<Caller>()
            .cloned()
            .ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized", "nobody has asked who calls"))
    }
}

/// Lets the operator through.
pub async fn operator(State(state): State<Control>, mut request: Request, next: Next) -> Response {
    match Caller::of(&state, &request) {
        Some(Caller::Operator) => {
            request.extensions_mut().insert(Caller::Operator);
            state.audited(&Caller::Operator, request, next).await
        }
        Some(Caller::Tenant(_)) => problem(StatusCode::FORBIDDEN, "Forbidden", "this call is the operator's"),
        None => unknown(),
    }
}

/// Lets the operator and tenants through; the calls behind it ask which.
pub async fn anybody(State(state): State<Control>, mut request: Request, next: Next) -> Response {
    match Caller::of(&state, &request) {
        Some(caller) => {
            request.extensions_mut().insert(caller.clone());
            state.audited(&caller, request, next).await
        }
        None => unknown(),
    }
}

fn unknown() -> Response {
    problem(StatusCode::UNAUTHORIZED, "Unauthorized", "send Authorization: Bearer <text of DIR/control.token>")
}
