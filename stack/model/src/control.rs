//! The control API: what the director, the command line and an operator's portal say to a running stack.
//! Every call but `GET /health` and `GET /openapi.json` carries `Authorization: Bearer <token of DIR/control.token>`.
//!
//! | call | body | reply |
//! | --- | --- | --- |
//! | `GET /health` | | `Health` |
//! | `GET /openapi.json` | | OpenAPI 3.1 |
//! | `GET /v1/metrics` | | `metrics::Metrics` |
//! | `GET /v1/metrics/stream?hz=25` | | SSE, one `metrics::Metrics` an event |
//! | `GET /metrics` | | the same as OpenMetrics text, for Prometheus; to a tenant's own token, its own |
//! | `GET /v1/tenants` | | `Vec<tenancy::TenantStatus>`, a superset of `Tenant` |
//! | `PUT /v1/tenants/{tenant}` | `NewTenant` | `Tenant`; creating what is there already changes nothing |
//! | `GET /v1/accounts` | | `Vec<Account>` |
//! | `POST /v1/tenants/plan` | `tenancy::TenantsFile`, YAML or JSON | `tenancy::TenantsPlan`: what `PUT` would do; nothing is |
//! | `PUT /v1/tenants` | the same, `If-Match` | `tenancy::TenantsPlan` with `ETag`: what was done; again, and nothing is |
//! | `GET /v1/tenants/{tenant}` | | `tenancy::TenantStatus` |
//! | `GET /v1/tenants/file` | | `tenancy::TenantsFile` with `ETag`: what was applied last |
//! | `GET /v1/drift` | | `Vec<tenancy::Change>`: what is there and differs from the file |
//! | `POST /v1/tenants/{tenant}/suspend`, `resume` | | `tenancy::TenantStatus` |
//! | `POST /v1/tenants/{tenant}/off-board` | | `tenancy::Receipt`: its data is removed, its ledger and the audit log stay |
//! | `GET /v1/tenants/{tenant}/receipt` | | `tenancy::Receipt` of its off-boarding, as it stands: complete once the cloud has let go |
//! | `POST /v1/tenants/{tenant}/token` | | `tenancy::TenantToken`; the one made before is refused from now on |
//! | `PUT /v1/tenants/{tenant}/quota` | `tenancy::QuotaChange` | `tenancy::TenantStatus` |
//! | `PUT /v1/tenants/{tenant}/share` | `tenancy::Share` | `tenancy::TenantStatus` |
//! | `POST /v1/tenants/{tenant}/hand-over` | `tenancy::HandOverRequest` | `tenancy::HandOver`: a line to paste, good for a while |
//! | `GET /v1/accounts/{account}/keys` | | `tenancy::KeyPair` |
//! | `POST /v1/accounts/{account}/keys/{1 or 2}/rotate` | | `tenancy::KeyPair`; the old one is refused from now on, and what was derived |
//! | `GET`, `PUT`, `DELETE /v1/accounts/{account}/change-feed` | `feed::ChangeFeed` | `feed::FeedStatus`: how the account's changes are told |
//! | `PUT`, `DELETE /v1/accounts/{account}/sinks/{sink}` | `feed::Sink` | `feed::FeedStatus`: who else is told of them |
//! | `GET /v1/accounts/{account}/sinks/{sink}/events?after=&max=` | | `feed::EventPage`: what the sink does not have; `after` says what has come |
//! | `GET /v1/accounts/{account}/mirrors`, `…/mirrors/{mirror}` | | `mirror::MirrorStatus`, of all by name, or of one: what is shown of what lies elsewhere |
//! | `PUT /v1/accounts/{account}/mirrors/{mirror}` | `mirror::Attach` | `mirror::MirrorStatus`; a secret that is left out is kept, and none is told again |
//! | `DELETE /v1/accounts/{account}/mirrors/{mirror}?what=remove` or `leave` | | those that stay, by name; its containers go, or stay |
//! | `POST /v1/accounts/{account}/mirrors/{mirror}/pause`, `resume`, `relist` | | `mirror::MirrorStatus` |
//! | `POST /v1/accounts/{account}/revoke` | | `tenancy::Revoked`: what was derived for the account is refused from now on |
//! | `POST /v1/tenants/{tenant}/revoke` | | `Vec<tenancy::Revoked>`: for all its accounts, and its token |
//! | `GET`, `PUT /v1/admission` | `tenancy::AdmissionRequest` | `tenancy::AdmissionStatus` |
//! | `GET /v1/usage`, `/v1/usage.csv`, `/v1/usage.parquet` | `?tenant=&since=` | `Vec<tenancy::UsageRow>`; FOCUS 1.2 as CSV and Parquet |
//! | `GET /v1/audit` | `?after=SEQ` | `Vec<tenancy::AuditEntry>`, at most 1,000 |
//! | `GET /v1/audit/verify` | | `tenancy::AuditVerdict` |
//! | `PUT /v1/accounts/{account}` | `NewAccount` | `AccountKeys`; an existing account of the same tenant answers its keys |
//! | `POST /v1/sas` | `SasRequest` | `Sas` |
//! | `POST /v1/identities` | `IdentityRequest` | `Identity`: an endpoint that gives tools bearer tokens |
//! | `GET`, `POST /identity/{secret}/token` | | `IdentityToken`; needs no token, the secret is its credential |
//! | `GET /v1/refusals` | | `Vec<RefusedRequest>`, the newest first |
//! | `GET /v1/offload` | | `offload::OffloadStatus` |
//! | `GET /v1/offload/plan` | | `offload::OffloadPlan`: what would be done now; nothing is |
//! | `GET /v1/offload/policy` | | `offload::Rules` |
//! | `PUT /v1/offload/policy` | `offload::Rules` | the same; kept over restarts |
//! | `POST /v1/offload/run` | `offload::RunRequest`, or nothing | `offload::PassReport`, or `202` where it takes longer |
//! | `POST /v1/offload/take-over` | | `offload::TakeOver`: what another folder wrote to the volume was adopted, and the volume is this one's |
//! | `PUT /v1/offload/fault` | `offload::CloudFault` | `204`: what happens between the stack and its target from now on |
//! | `DELETE /v1/offload/fault` | | `204` |
//! | `POST /v1/shutdown` | | `202` |
//!
//! A tenant's own token is good for `GET /metrics`, `GET /v1/tenants`, `/v1/tenants/{tenant}`, `/v1/accounts`, `/v1/usage` in all its forms, for the keys
//! of its accounts and their rotation, for how their changes are told and the events of their sinks, for how their mirrors stand, for
//! `revoke`, for its own hand-over, and for `POST /v1/sas`. What is another's is to it as if it were not there; other calls answer `403`.
//!
//! What is derived for an account, of its generation and the server's secret: identities, bearer tokens, user-delegation keys, and the SAS
//! of `POST /v1/sas` and of hand-overs. Off-boarding ends it too, and `rotate` and `revoke` alone leave what is signed with a key that stays.
//!
//! Where the server has no target, `GET /v1/offload` answers the state `off`, and the other calls of offload `409`.
//! An error answers a problem document: `Problem`; where fields are wrong, `tenancy::FieldProblem` names each.

use crate::{AccountName, BlobName, ContainerName, TenantName};
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
    /// Of the data folder.
    pub format: u32,
    /// The way back to an older format, until `greenroom-stack migrate --confirm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way_back: Option<WayBack>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WayBack {
    pub to_format: u32,
    /// On flash, that nothing else needs.
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HealthStatus {
    Serving,
    /// Finishing the requests in flight; new ones are refused.
    Draining,
    /// The catalog takes no change: its disk fails, or does not answer. What is there may still be read.
    Stalled,
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
    /// Whether its containers may be public. Where absent, a new account forbids it and an old one stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_containers: Option<PublicContainersRule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PublicContainersRule {
    Forbidden,
    Allowed,
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

/// Asks for a SAS token: of one blob, of one container, or of the whole account where `container` is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SasRequest {
    pub account: AccountName,
    #[serde(default)]
    pub container: Option<ContainerName>,
    /// Needs `container`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<BlobName>,
    /// Azure's permission letters, such as `racwdl`; put into Azure's order by the server. Empty where a policy gives them.
    pub permissions: String,
    /// Seconds from now until it expires; 0 where a policy says when.
    pub expires_in_s: u64,
    /// A stored access policy of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Only from this IPv4 address, or `low-high`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<SasProtocol>,
}

impl SasRequest {
    /// For the whole account, good for http too; set the fields that make it less.
    pub fn new(account: AccountName, permissions: impl Into<String>, expires_in_s: u64) -> Self {
        let (permissions, container, blob) = (permissions.into(), None, None);
        Self { account, container, blob, permissions, expires_in_s, policy: None, ip: None, protocol: None }
    }
}

/// Where absent, a SAS is good for http too: the endpoint is on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SasProtocol {
    Https,
    HttpsAndHttp,
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

/// What a principal of the local issuer may do with its account; Azure's "Storage Blob Data" roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Reader,
    Contributor,
    Owner,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Reader, Role::Contributor, Role::Owner];

    pub fn name(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Contributor => "contributor",
            Role::Owner => "owner",
        }
    }

    /// The permission letters that the role stands for.
    /// Source: "Assign an Azure role for access to blob data": a contributor may neither read tags nor set access control.
    pub fn letters(self) -> &'static str {
        match self {
            Role::Reader => "rl",
            Role::Contributor => "racwdlme",
            Role::Owner => "racwdxyltfmeopi",
        }
    }
}

/// Asks for an identity that a tool can log in with, as a machine's managed identity on Azure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityRequest {
    pub account: AccountName,
    pub role: Role,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// For `IDENTITY_ENDPOINT` or `MSI_ENDPOINT`. Whoever knows it can act in the role: it is a secret.
    pub endpoint: String,
    /// For `IDENTITY_HEADER`, which some clients want set.
    pub header: String,
    pub tenant_id: String,
    pub object_id: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("object_id", &self.object_id).finish_non_exhaustive()
    }
}

/// As Azure's identity endpoints answer. Times are Unix seconds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityToken {
    pub access_token: String,
    pub token_type: String,
    pub resource: String,
    pub expires_in: u64,
    pub expires_on: i64,
    pub not_before: i64,
    pub client_id: String,
}

impl std::fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdentityToken(redacted)")
    }
}

/// A request that the Blob endpoint turned away. The caller got status and code; the rest is for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedRequest {
    /// UTC, such as `2026-11-22T19:25:00Z`.
    pub at: String,
    /// The caller's `x-ms-request-id`.
    pub request_id: String,
    pub account: AccountName,
    pub method: String,
    /// As sent, without its query.
    pub path: String,
    pub peer: String,
    pub status: u16,
    pub code: String,
    pub why: String,
    /// The part of the string to sign that the client signed differently, where one part explains it; else the key is wrong,
    /// or several parts are.
    pub differs: Option<String>,
    /// What the server signed, part by part, without secrets; empty where the signature was not the matter.
    pub signed: Vec<SignedPart>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedPart {
    pub name: String,
    pub value: String,
}

/// RFC 9457 problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, ToSchema)]
#[error("{title}: {detail}")]
pub struct Problem {
    pub title: String,
    pub status: u16,
    pub detail: String,
}
