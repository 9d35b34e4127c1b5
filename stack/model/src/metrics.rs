//! What a stack measures of itself, and the only place where a metric is declared: whoever adds one writes its line here, and the compiler
//! names the place that has to fill it in.

mod described;

pub use described::{Figure, Kind, Metric, Sample, Unit};

use crate::TenantName;
use Kind::{Counter, Gauge, Quantile};
use described::{metrics, told};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

metrics! {
    /// Everything at one moment.
    pub struct Metrics {
        /// Monotonic, since the server started.
        at_us: u64 => Gauge, Microseconds, "uptime", "uptime_us";
        beside {
            tenants: BTreeMap<TenantName, TenantMetrics>,
            flash: FlashMetrics,
            /// Absent where the server has no target to offload to.
            #[serde(skip_serializing_if = "Option::is_none")]
            offload: Option<OffloadMetrics>,
            admission: AdmissionMetrics,
            server: ServerMetrics,
        }
    }
}

metrics! {
    pub struct TenantMetrics {
        /// Bytes of the bodies taken in, counted as they arrive.
        bytes_in: u64 => Counter, Bytes, "tenant_received", "bytes_in";
        /// Bytes of the bodies sent, counted as they leave.
        bytes_out: u64 => Counter, Bytes, "tenant_sent", "bytes_out";
        /// Requests under way.
        in_flight: u64 => Gauge, Count, "tenant_requests_in_flight", "in_flight";
        /// Committed blobs.
        blobs: u64 => Gauge, Count, "tenant_blobs", "blobs";
        /// Bytes of the content of committed blobs.
        blob_bytes: u64 => Gauge, Bytes, "tenant_blob", "blob_bytes";
        /// What its quota counts: committed and uncommitted bytes, names and metadata.
        used_bytes: u64 => Gauge, Bytes, "tenant_used", "used_bytes";
        /// What its quota allows; absent where nothing bounds them.
        quota_bytes: Option<u64> => Gauge, Bytes, "tenant_quota", "quota_bytes";
        /// Changes of its blobs put into outboxes, for a change feed or a sink.
        events: u64 => Counter, Count, "tenant_events", "events";
        /// Of these, what somebody does not have yet.
        events_waiting: u64 => Gauge, Count, "tenant_events_waiting", "events_waiting";
        /// How far its mirrors are behind their origins, the worst of them; absent where it has none.
        mirror_behind_s: Option<f64> => Gauge, Seconds, "tenant_mirror_behind", "mirror_behind_s";
        /// From a change at an origin to its row here, in the worst of its mirrors; absent where it has none.
        mirror_lag_p50_ms: Option<f64> => Quantile(0.5), Milliseconds, "tenant_mirror_lag", "mirror_lag_p50_ms";
        /// From a change at an origin to its row here, in the worst of its mirrors; absent where it has none.
        mirror_lag_p99_ms: Option<f64> => Quantile(0.99), Milliseconds, "tenant_mirror_lag", "mirror_lag_p99_ms";
        /// Events of origins that are known and not looked at yet; absent where it has no mirror.
        mirror_events_behind: Option<u64> => Gauge, Count, "tenant_mirror_events_behind", "mirror_events_behind";
        /// Rows that its mirrors have written and removed; absent where it has none.
        mirror_changes: Option<u64> => Counter, Count, "tenant_mirror_changes", "mirror_changes";
        /// Blobs that its mirrors show; absent where it has none.
        mirror_blobs: Option<u64> => Gauge, Count, "tenant_mirror_blobs", "mirror_blobs";
        /// The lag that the last canary has measured, in the worst of its mirrors; absent where none of them has one.
        mirror_canary_lag_ms: Option<f64> => Gauge, Milliseconds, "tenant_mirror_canary_lag", "mirror_canary_lag_ms";
        /// Whether the key that its content is encrypted by can be used, as far as is known: 1 or 0; absent where nothing is encrypted.
        key_usable: Option<u64> => Gauge, Count, "tenant_key_usable", "key_usable";
        /// How often that key was unwrapped, by a vault or by the server's own; absent where nothing is encrypted.
        key_unwraps: Option<u64> => Counter, Count, "tenant_key_unwraps", "key_unwraps";
        /// Requests refused by 503 ServerBusy.
        throttled: u64 => Counter, Count, "tenant_throttled_requests", "throttled";
        /// What 99 of 100 requests of the last second waited for admission at most.
        queue_ms: f64 => Gauge, Milliseconds, "tenant_admission_wait", "queue_ms";
        /// Of everybody's work in the last second: 0 to 1.
        share: f64 => Gauge, Ratio, "tenant_share", "share";
        /// Latency of all its requests over the last second; 0 where nothing was answered.
        p50_ms: f64 => Quantile(0.5), Milliseconds, "tenant_latency", "p50_ms";
        /// Latency of all its requests over the last second; 0 where nothing was answered.
        p99_ms: f64 => Quantile(0.99), Milliseconds, "tenant_latency", "p99_ms";
        beside {
            ops: BTreeMap<OpClass, OpMetrics>,
        }
    }
}

metrics! {
    /// Of one tenant's requests of one kind.
    #[derive(Copy)]
    pub struct OpMetrics {
        /// Answered, errors included.
        count: u64 => Counter, Count, "requests", "ops";
        /// Answered with 4xx or 5xx.
        errors: u64 => Counter, Count, "request_errors", "errors";
        /// Latency over the last second, from the first byte of the request to the last of the reply; 0 where nothing was answered.
        p50_ms: f64 => Quantile(0.5), Milliseconds, "request_latency", "p50_ms";
        /// Latency over the last second, from the first byte of the request to the last of the reply; 0 where nothing was answered.
        p99_ms: f64 => Quantile(0.99), Milliseconds, "request_latency", "p99_ms";
    }
}

metrics! {
    #[derive(Copy)]
    pub struct FlashMetrics {
        /// Bytes of the data folder's extents and catalog, dead space included.
        used_bytes: u64 => Gauge, Bytes, "flash_used", "flash.used_bytes";
        /// Of these, what is not dead: what water marks are measured by.
        live_bytes: u64 => Gauge, Bytes, "flash_live", "flash.live_bytes";
        /// Promised to content that is on its way in.
        promised_bytes: u64 => Gauge, Bytes, "flash_promised", "flash.promised_bytes";
        /// Bytes that the data folder may take, or what its file system has.
        capacity_bytes: u64 => Gauge, Bytes, "flash_capacity", "flash.capacity_bytes";
        /// Reads of content that failed since the server started: damaged, or not given by the disk. The log names the blobs.
        read_faults: u64 => Counter, Count, "flash_read_faults", "flash.read_faults";
        /// False where the server runs with --durability os: its figures are not those of a durable store.
        durable: bool => Gauge, Count, "flash_durable", "flash.durable";
    }
}

metrics! {
    #[derive(Copy)]
    pub struct OffloadMetrics {
        /// Blobs that are to leave flash and have not yet.
        pending: u64 => Gauge, Count, "offload_pending_blobs", "offload.pending";
        /// Their bytes.
        pending_bytes: u64 => Gauge, Bytes, "offload_pending", "offload.pending_bytes";
        /// Blobs in the cloud.
        offloaded: u64 => Gauge, Count, "offload_placed_blobs", "offload.offloaded";
        /// In the cloud, by the blobs' own lengths.
        offloaded_bytes: u64 => Gauge, Bytes, "offload_placed", "offload.offloaded_bytes";
        /// What that takes there.
        stored_bytes: u64 => Gauge, Bytes, "offload_stored", "offload.stored_bytes";
        /// How many bytes one byte in the cloud holds; absent while nothing is there.
        reduction: Option<f64> => Gauge, Ratio, "offload_reduction", "offload.reduction";
        /// Objects in the target.
        objects: u64 => Gauge, Count, "offload_objects", "offload.objects";
        /// Whether the target can be reached.
        reachable: bool => Gauge, Count, "cloud_reachable", "cloud.state";
        /// Bytes of bodies sent to the target.
        cloud_bytes_out: u64 => Counter, Bytes, "cloud_sent", "cloud.bytes_out";
        /// Bytes of bodies got from the target.
        cloud_bytes_in: u64 => Counter, Bytes, "cloud_received", "cloud.bytes_in";
        /// Requests to the target.
        cloud_requests: u64 => Counter, Count, "cloud_requests", "cloud.requests";
        /// From a cold read's begin to its first byte, of the last minute's reads; 0 where there were none.
        recall_p50_ms: f64 => Quantile(0.5), Milliseconds, "recall_latency", "recall.p50_ms";
        /// From a cold read's begin to its first byte, of the last minute's reads; 0 where there were none.
        recall_p99_ms: f64 => Quantile(0.99), Milliseconds, "recall_latency", "recall.p99_ms";
        /// Until flash would be full if nothing left it; absent where that is not in sight.
        days_to_full: Option<f64> => Gauge, Days, "offload_time_to_full", "offload.days_to_full";
    }
}

metrics! {
    /// Whether tenants are kept apart, and how fairly they are served.
    #[derive(Copy)]
    pub struct AdmissionMetrics {
        /// Whether tenants are kept apart.
        on: bool => Gauge, Count, "admission_on", "admission.on";
        /// Jain's index over the tenants at work, by weight.
        jain: f64 => Gauge, Ratio, "admission_fairness", "jain";
    }
}

metrics! {
    #[derive(Copy)]
    pub struct ServerMetrics {
        /// Connections to the Blob endpoint.
        connections: u64 => Gauge, Count, "connections", "server.connections";
        /// Connections that are served at once.
        connections_max: u64 => Gauge, Count, "connections_max", "server.connections_max";
        /// Entries of the audit log, those of earlier runs included.
        audit_entries: u64 => Counter, Count, "audit_entries", "server.audit_entries";
    }
}

impl Metrics {
    /// Every metric of the snapshot, of each tenant and operation in it, with and without a value.
    pub fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        let Metrics { at_us: _, tenants, flash, offload, admission, server } = self;
        let servers = self.told().chain(flash.told()).chain(offload.iter().flat_map(OffloadMetrics::told));
        let servers = servers.chain(admission.told()).chain(server.told());
        let servers = servers.map(|(metric, value)| Sample { metric, tenant: None, op: None, value });
        servers.chain(tenants.iter().flat_map(|(name, tenant)| tenant.samples(name)))
    }

    /// Names every metric that these tenants, and the server itself, may ever have.
    pub fn of_tenants(tenants: impl IntoIterator<Item = TenantName>) -> Self {
        let tenant =
            TenantMetrics { ops: OpClass::ALL.map(|op| (op, OpMetrics::default())).into(), ..Default::default() };
        let tenants = tenants.into_iter().map(|name| (name, tenant.clone())).collect();
        Self { tenants, offload: Some(OffloadMetrics::default()), ..Self::default() }
    }
}

impl TenantMetrics {
    fn samples<'m>(&'m self, name: &'m TenantName) -> impl Iterator<Item = Sample<'m>> {
        let of = move |op, (metric, value)| Sample { metric, tenant: Some(name), op, value };
        let by_op = self.ops.iter().flat_map(move |(op, figures)| figures.told().map(move |told| of(Some(*op), told)));
        self.told().map(move |told| of(None, told)).chain(by_op)
    }

    /// What only grows of each kind of requests, for all of them together.
    pub fn over_ops<'m>(&'m self, name: &'m TenantName) -> impl Iterator<Item = Sample<'m>> {
        let counters = OpMetrics::METRICS.iter().enumerate().filter(|(_, metric)| metric.kind == Counter);
        counters.map(move |(at, metric)| {
            let values = self.ops.values().filter_map(|op| op.told().nth(at)?.1);
            Sample { metric, tenant: Some(name), op: None, value: Some(values.sum()) }
        })
    }
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

#[cfg(test)]
mod tests;
