//! Offload as the control API tells it and takes it: where blobs go, which ones, how it stands, and what is made to fail for a show.

use crate::TenantName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Moves that a plan names; it counts them all.
pub const PLANNED_MOVES_MAX: usize = 1_000;

/// How offload stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OffloadStatus {
    pub state: OffloadState,
    /// Why it is not ready. Never a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// UTC, such as `2026-11-22T19:25:00Z`: when this state began.
    pub since: String,
    /// As the operator gave it, without what authorises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The folder of the target that holds this stack's blobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
    pub flash: FlashLevel,
    /// What is to leave flash and has not yet.
    pub pending: Amount,
    /// What is in the cloud, by the blobs' own lengths; some of it may be on flash too.
    pub offloaded: Amount,
    /// That it takes there: segments, dead space included.
    pub stored_bytes: u64,
    /// `offloaded.bytes` by `stored_bytes`; absent while nothing is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduction: Option<f64>,
    /// Objects in the target.
    pub objects: u64,
    /// Since the server started.
    pub requests: CloudRequests,
    pub recall: RecallFigures,
    /// When flash will be full if nothing leaves it, by the last minutes' growth; absent where it does not grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_to_full: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// What `PUT /v1/offload/fault` has set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<CloudFault>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OffloadState {
    /// The server runs without a target.
    Off,
    Ready,
    /// The target cannot be reached: hot blobs go on, cold ones answer 503, the backlog waits.
    Away,
    /// Another data folder has written to the volume: hot and cold blobs go on, nothing leaves flash. `POST /v1/offload/take-over` ends it.
    ReadOnly,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlashLevel {
    /// Of the data folder, dead space included: what the capacity bounds.
    pub used_bytes: u64,
    /// Of these, what blobs and the catalog need: what high and low water are measured by.
    pub live_bytes: u64,
    pub capacity_bytes: u64,
    pub high_bytes: u64,
    pub low_bytes: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Amount {
    pub blobs: u64,
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CloudRequests {
    pub puts: u64,
    pub gets: u64,
    pub lists: u64,
    pub deletes: u64,
    pub retries: u64,
    pub bytes_out: u64,
    pub bytes_in: u64,
}

/// From a cold read's begin to its first byte, of the last minute's reads; 0 where there were none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecallFigures {
    /// Since the server started.
    pub reads: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// What an operator says about whose blobs leave when, and how fast. What is left out is as by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    pub water: Water,
    /// The first one whose scope holds a blob decides; without any, `otherwise`.
    pub rules: Vec<Rule>,
    pub otherwise: Treatment,
    /// Between this stack and the target, each way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth_bytes_per_s: Option<u64>,
    /// When blobs may leave that need not; what leaves because flash is above high water leaves at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
}

/// In percent of capacity. Above high, what was used longest ago leaves until low is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Water {
    pub high_percent: u64,
    pub low_percent: u64,
}

impl Default for Water {
    fn default() -> Self {
        Self { high_percent: 80, low_percent: 70 }
    }
}

/// Of the day, in UTC: from the beginning of one hour to the beginning of the other, which may lie before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    pub from: u8,
    pub to: u8,
}

impl Hours {
    pub fn hold(&self, hour: u8) -> bool {
        match self.from <= self.to {
            true => (self.from..self.to).contains(&hour),
            false => hour >= self.from || hour < self.to,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    #[serde(flatten)]
    pub scope: Scope,
    pub treat: Treatment,
}

/// What is not given holds everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Scope {
    pub tenant: Option<String>,
    pub container: Option<String>,
    pub prefix: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// Leaves when room is needed.
    #[default]
    WhenFull,
    /// Leaves when it has not been used for so long, or when room is needed.
    Idle { days: u32 },
    /// Leaves as soon as it is noticed.
    AtOnce,
    /// Goes to the cloud as soon as it is noticed, and stays on flash too; flash is freed when room is needed.
    Copy,
    /// Never leaves, however full flash gets, and whatever tier a client sets.
    Pin,
}

/// What would be done now, and why.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OffloadPlan {
    /// In order, the first `PLANNED_MOVES_MAX`.
    pub moves: Vec<PlannedMove>,
    /// All of them.
    pub total: Amount,
    pub bytes_freed: u64,
    pub bytes_promoted: u64,
    pub used_before: u64,
    pub used_after: u64,
    /// Above low water although all that may leave does.
    pub bytes_short: u64,
    pub pinned_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedMove {
    pub tenant: TenantName,
    /// `account/container/name`.
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    pub bytes: u64,
    pub action: MoveAction,
    /// In words.
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MoveAction {
    /// Into the cloud; flash is freed.
    Offload,
    /// Into the cloud; flash keeps it.
    Copy,
    /// It is in the cloud already: flash is freed.
    Free,
    /// Back to flash.
    Promote,
    /// The cloud learns what is said of it now; its content stays where it is.
    Describe,
}

/// Asks for a pass now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunRequest {
    /// How long the answer may take; 60 where absent. A pass that takes longer goes on, and is answered by 202.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_s: Option<u64>,
    /// Makes room in the cloud as well, with this grace period instead of the usual one of a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collect_grace_s: Option<u64>,
}

/// What a pass has done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PassReport {
    pub offloaded: Amount,
    pub promoted: Amount,
    pub freed_bytes: u64,
    /// Written to the cloud: of content that it did not have.
    pub stored_bytes: u64,
    pub segments: u64,
    /// Blobs that changed meanwhile, or could not be read.
    pub skipped: u64,
    /// Segments that were removed from the cloud.
    pub removed: u64,
    /// Why none were, although it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected_not: Option<String>,
    pub seconds: f64,
}

/// What became of this folder's blobs as it took over a volume that another one has written to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakeOver {
    /// Came in.
    pub added: u64,
    /// Clients of the other folder have overwritten them.
    pub replaced: u64,
    /// Were written here and never offloaded, and have been written there too: what is here is a snapshot of what is there.
    pub kept_as_snapshots: u64,
    /// Clients of the other folder have deleted them.
    pub dropped: u64,
    /// Snapshots whose blob was on the other folder's flash only. The volume keeps them; this folder does not show them.
    pub left: u64,
}

/// Between the stack and its target, for a show or a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloudFault {
    pub kind: CloudFaultKind,
    /// Of requests; 100 where absent for `offline` and `slow`, and 30 for the others, which 100 would make a target that is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Of `slow`: 500 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CloudFaultKind {
    /// The cable is out: nothing is sent, everything fails at once.
    Offline,
    /// Answers come late.
    Slow,
    /// Refused as busy, nothing done.
    Throttling,
    /// Refused by an internal error, nothing done.
    Errors,
    /// Done, and the answer lost.
    LostResponse,
    /// Bodies that end too early.
    Truncating,
}

impl CloudFaultKind {
    pub const ALL: [CloudFaultKind; 6] = [
        CloudFaultKind::Offline,
        CloudFaultKind::Slow,
        CloudFaultKind::Throttling,
        CloudFaultKind::Errors,
        CloudFaultKind::LostResponse,
        CloudFaultKind::Truncating,
    ];

    /// As in JSON.
    pub fn name(self) -> &'static str {
        match self {
            CloudFaultKind::Offline => "offline",
            CloudFaultKind::Slow => "slow",
            CloudFaultKind::Throttling => "throttling",
            CloudFaultKind::Errors => "errors",
            CloudFaultKind::LostResponse => "lost-response",
            CloudFaultKind::Truncating => "truncating",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_may_go_past_midnight() {
        let day = Hours { from: 8, to: 18 };
        let night = Hours { from: 22, to: 6 };
        assert_eq!([7, 8, 17, 18].map(|hour| day.hold(hour)), [false, true, true, false]);
        assert_eq!([5, 6, 21, 22, 23, 0].map(|hour| night.hold(hour)), [true, false, false, true, true, true]);
    }

    #[test]
    fn rules_are_written_as_people_write_them() {
        let text = r#"{"water": {"high_percent": 60, "low_percent": 40}, "otherwise": "copy",
            "rules": [{"tenant": "gold", "treat": "pin"}, {"container": "logs", "prefix": "2025/", "treat": {"idle": {"days": 7}}}]}"#;
        let rules: Rules = serde_json::from_str(text).expect("good rules");
        assert_eq!(rules.rules[1].treat, Treatment::Idle { days: 7 });
        assert_eq!(rules.rules[0].scope, Scope { tenant: Some("gold".into()), ..Scope::default() });
        assert_eq!(serde_json::from_str::<Rules>(&serde_json::to_string(&rules).expect("text")).expect("rules"), rules);
        assert!(serde_json::from_str::<Rules>(r#"{"watter": {}}"#).is_err());
    }

    #[test]
    fn faults_are_named_as_in_json() {
        for kind in CloudFaultKind::ALL {
            assert_eq!(serde_json::to_value(kind).expect("text"), kind.name());
        }
    }
}
