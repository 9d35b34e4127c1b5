//! Mirrors as a file declares them.

use super::ByteCount;
use crate::mirror::{Mirror, cache, objective_s, poll_ms, relist_s};
use crate::{ContainerName, TenantName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is shown in an account of what lies elsewhere: a `mirror::Mirror` and its name. What authorises at the origin is not in a file: it is
/// given once over the control API (`greenroom-stack mirror attach`), and kept when the file is applied.
// Field by field, since serde flattens nothing into what refuses unknown fields; `mirror` takes it apart, so that none is forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MirrorSpec {
    /// As a tenant's name: unique within its account.
    pub name: TenantName,
    pub origin: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerName>,
    #[serde(default = "cache")]
    pub cache: ByteCount,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pinned: Vec<String>,
    #[serde(default = "relist_s")]
    pub relist_s: u32,
    #[serde(default = "poll_ms")]
    pub poll_ms: u32,
    #[serde(default = "objective_s")]
    pub objective_s: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_s: Option<u32>,
    /// Absent: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}

impl MirrorSpec {
    /// What is declared, over what is there.
    pub fn mirror(&self, there: Option<&Mirror>) -> Mirror {
        let Self { name: _, origin, container, cache, pinned, relist_s, poll_ms, objective_s, canary_s, paused } =
            self.clone();
        let paused = paused.unwrap_or_else(|| there.is_some_and(|mirror| mirror.paused));
        Mirror { origin, container, cache, pinned, relist_s, poll_ms, objective_s, canary_s, paused }
    }
}
