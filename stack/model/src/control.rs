//! The control API: what the director, the command line and an operator's portal say to a running stack.
//! Every call but `GET /health` and `GET /openapi.json` carries `Authorization: Bearer <token of DIR/control.token>`.
//!
//! | call | body | reply |
//! | --- | --- | --- |
//! | `GET /health` | | `Health` |
//! | `GET /openapi.json` | | OpenAPI 3.1 |
//! | `GET /v1/metrics` | | `metrics::Metrics` |
//! | `GET /v1/metrics/stream?hz=25` | | SSE, one `metrics::Metrics` an event |
//! | `GET /v1/tenants` | | `Vec<Tenant>` |
//! | `PUT /v1/tenants/{tenant}` | `NewTenant` | `Tenant`; creating what is there already changes nothing |
//! | `GET /v1/accounts` | | `Vec<Account>` |
//! | `PUT /v1/accounts/{account}` | `NewAccount` | `AccountKeys`; an existing account of the same tenant answers its keys |
//! | `POST /v1/sas` | `SasRequest` | `Sas` |
//! | `POST /v1/shutdown` | | `202` |
//!
//! An error answers a problem document: `Problem`.

use crate::{AccountName, ContainerName, TenantName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// File in the data folder that holds the bearer token.
pub const TOKEN_FILE: &str = "control.token";

/// The one line that a server prints on stdout once both its endpoints answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ready {
    pub ready: bool,
    /// Base URL of the Blob endpoint, without a trailing slash.
    pub blob: String,
    /// Base URL of the control API, without a trailing slash.
    pub control: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    pub version: String,
    pub status: HealthStatus,
    pub uptime_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HealthStatus {
    Serving,
    /// Finishing the requests in flight; new ones are refused.
    Draining,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tenant {
    pub name: TenantName,
    pub accounts: Vec<AccountName>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    pub name: AccountName,
    pub tenant: TenantName,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    pub tenant: TenantName,
    /// Containers to create with it, so that a tenant can start at once.
    #[serde(default)]
    pub containers: Vec<ContainerName>,
}

/// An account with its secrets: said once, to the operator.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountKeys {
    pub name: AccountName,
    pub tenant: TenantName,
    /// Base64, 64 bytes.
    pub key: String,
}

impl std::fmt::Debug for AccountKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountKeys").field("name", &self.name).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// Asks for a SAS token: of one container, or of the whole account where `container` is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SasRequest {
    pub account: AccountName,
    #[serde(default)]
    pub container: Option<ContainerName>,
    /// Azure's permission letters, such as `racwdl`; put into Azure's order by the server.
    pub permissions: String,
    /// Seconds from now until it expires.
    pub expires_in_s: u64,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sas {
    /// The query string, without a leading question mark.
    pub token: String,
}

impl std::fmt::Debug for Sas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sas(redacted)")
    }
}

/// RFC 9457 problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, ToSchema)]
#[error("{title}: {detail}")]
pub struct Problem {
    pub title: String,
    pub status: u16,
    pub detail: String,
}
