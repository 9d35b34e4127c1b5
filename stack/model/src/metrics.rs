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
    /// Absent where the server has no target to offload to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offload: Option<OffloadMetrics>,
    #[serde(default)]
    pub admission: AdmissionMetrics,
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
    /// What its quota counts: committed and uncommitted bytes.
    #[serde(default)]
    pub used_bytes: u64,
    /// Absent where nothing bounds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_bytes: Option<u64>,
    /// Requests refused by `503 ServerBusy`.
    #[serde(default)]
    pub throttled: u64,
    /// What 99 of 100 requests of the last second waited for admission at most.
    #[serde(default)]
    pub queue_ms: f64,
    /// Of everybody's work in the last second: 0 to 1.
    #[serde(default)]
    pub share: f64,
    /// Latency of all its requests over the last second; 0 where nothing was answered.
    #[serde(default)]
    pub p50_ms: f64,
    #[serde(default)]
    pub p99_ms: f64,
}

impl TenantMetrics {
    /// What holds now besides the counters, by the name that follows the tenant's. `throttled` only grows:
    /// `throttled_per_s` is its difference.
    pub fn values(&self) -> Vec<(&'static str, f64)> {
        let mut values = vec![
            ("used_bytes", self.used_bytes as f64),
            ("throttled", self.throttled as f64),
            ("queue_ms", self.queue_ms),
            ("share", self.share),
        ];
        values.extend(self.quota_bytes.map(|quota| ("quota_bytes", quota as f64)));
        // No answer, no latency: a zero would read as a very fast one.
        if self.p99_ms > 0.0 {
            values.extend([("p50_ms", self.p50_ms), ("p99_ms", self.p99_ms)]);
        }
        values
    }
}

/// Whether tenants are kept apart, and how fairly they are served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdmissionMetrics {
    pub on: bool,
    /// Jain's index over the tenants at work, by weight.
    pub jain: f64,
}

impl AdmissionMetrics {
    pub fn values(&self) -> [(&'static str, f64); 2] {
        [("admission.on", f64::from(u8::from(self.on))), ("jain", self.jain)]
    }
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
    /// Of these, what is not dead: what water marks are measured by.
    #[serde(default)]
    pub live_bytes: u64,
    /// Promised to content that is on its way in.
    #[serde(default)]
    pub promised_bytes: u64,
    /// Bytes that the data folder may take, or what its file system has.
    pub capacity_bytes: u64,
    /// Reads of content that failed since the server started: damaged, or not given by the disk. The log names the blobs.
    #[serde(default)]
    pub read_faults: u64,
    /// False where the server runs with `--durability os`: its figures are not those of a durable store.
    pub durable: bool,
}

/// The figures of offload, by the names that charts and conditions know them by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OffloadMetrics {
    /// What is to leave flash and has not yet.
    pub pending: u64,
    pub pending_bytes: u64,
    /// In the cloud, by the blobs' own lengths.
    pub offloaded: u64,
    pub offloaded_bytes: u64,
    /// What that takes there.
    pub stored_bytes: u64,
    pub objects: u64,
    /// Whether the target can be reached.
    pub reachable: bool,
    /// Bodies sent to and got from the target: counters.
    pub cloud_bytes_out: u64,
    pub cloud_bytes_in: u64,
    /// Requests to the target: a counter.
    pub cloud_requests: u64,
    /// From a cold read's begin to its first byte, of the last minute's reads; 0 where there were none.
    pub recall_p50_ms: f64,
    pub recall_p99_ms: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_to_full: Option<f64>,
}

impl OffloadMetrics {
    /// What holds now, by name. What there is nothing to say of is left out. `cloud.bytes_out`, `cloud.bytes_in` and
    /// `cloud.requests` only grow: `cloud.bytes_out_per_s` and so on are their differences.
    pub fn values(&self) -> Vec<(&'static str, f64)> {
        let mut values = vec![
            ("offload.pending", self.pending as f64),
            ("offload.pending_bytes", self.pending_bytes as f64),
            ("offload.offloaded", self.offloaded as f64),
            ("offload.offloaded_bytes", self.offloaded_bytes as f64),
            ("offload.stored_bytes", self.stored_bytes as f64),
            ("offload.objects", self.objects as f64),
            ("cloud.state", f64::from(u8::from(self.reachable))),
            ("cloud.bytes_out", self.cloud_bytes_out as f64),
            ("cloud.bytes_in", self.cloud_bytes_in as f64),
            ("cloud.requests", self.cloud_requests as f64),
        ];
        if self.stored_bytes > 0 {
            values.push(("offload.reduction", self.offloaded_bytes as f64 / self.stored_bytes as f64));
        }
        // No read, no latency: a zero would read as a very fast one.
        if self.recall_p99_ms > 0.0 {
            values.extend([("recall.p50_ms", self.recall_p50_ms), ("recall.p99_ms", self.recall_p99_ms)]);
        }
        values.extend(self.days_to_full.map(|days| ("offload.days_to_full", days)));
        values
    }
}
