//! Tenants that have left, until the cloud has let go of what was theirs. Pure; kept with what is declared.

use greenroom_model::tenancy::Receipt;
use greenroom_offload::Hash;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What was removed of a tenant, and what is still to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    pub receipt: Receipt,
    /// Segments of the volume in which there was anything of it, and that are not removed yet. Absent until they were looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<BTreeSet<Hash>>,
}

impl Left {
    pub fn is_gone(&self) -> bool {
        self.receipt.gone_at.is_some()
    }

    /// Takes in which segments are left of those that held something.
    pub fn hold(&mut self, left: BTreeSet<Hash>) {
        self.receipt.segments_left_in_cloud = Some(left.len() as u64);
        self.segments = Some(left);
    }

    /// Nothing is left, as an entry of the audit log says.
    pub fn gone(&mut self, at: String, seq: u64) {
        self.segments = None;
        self.receipt = Receipt {
            bytes_left_in_cloud: 0,
            segments_left_in_cloud: Some(0),
            gone_at: Some(at),
            gone_audit_seq: Some(seq),
            ..self.receipt.clone()
        };
    }
}
