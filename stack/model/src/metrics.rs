//! What a stack measures of itself. Counters only grow while it runs; whoever draws a rate takes the difference.

use crate::TenantName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Metrics {
    /// Monotonic, since the server started.
    pub at_us: u64,
    pub tenants: BTreeMap<TenantName, TenantMetrics>,
    pub flash: FlashMetrics,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantMetrics {
    /// Bytes of the bodies taken in, counted as they arrive.
    pub bytes_in: u64,
    /// Bytes of the bodies sent, counted as they leave.
    pub bytes_out: u64,
    pub in_flight: u64,
    pub ops: BTreeMap<OpClass, OpMetrics>,
    /// Committed blobs, and the bytes of their content.
    pub blobs: u64,
    pub blob_bytes: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpMetrics {
    /// Answered, errors included.
    pub count: u64,
    /// Answered with 4xx or 5xx.
    pub errors: u64,
    /// Latency over the last second, from the first byte of the request to the last of the reply; 0 where nothing was answered.
    pub p50_ms: f64,
    pub p99_ms: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OpClass {
    /// Put Blob, Put Block, Put Block List, copies.
    Put,
    /// Get Blob.
    Get,
    /// List Blobs, List Containers, Get Block List.
    List,
    Delete,
    /// Properties, metadata, tags, leases, and all else.
    Other,
}

impl OpClass {
    pub const ALL: [OpClass; 5] = [OpClass::Put, OpClass::Get, OpClass::List, OpClass::Delete, OpClass::Other];

    pub fn as_str(self) -> &'static str {
        match self {
            OpClass::Put => "put",
            OpClass::Get => "get",
            OpClass::List => "list",
            OpClass::Delete => "delete",
            OpClass::Other => "other",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlashMetrics {
    pub used_bytes: u64,
    /// Bytes that the data folder may take, or what its file system has.
    pub capacity_bytes: u64,
    /// Reads of content that failed since the server started: damaged, or not given by the disk. The log names the blobs.
    #[serde(default)]
    pub read_faults: u64,
    /// False where the server runs with `--durability os`: its figures are not those of a durable store.
    pub durable: bool,
}
