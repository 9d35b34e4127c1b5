//! How it stands, for the control API and the figures.

use super::facts::words;
use super::{Failed, Service, percent};
use greenroom_gateway::time;
use greenroom_model::TenantName;
use greenroom_model::metrics::OffloadMetrics;
use greenroom_model::offload::{
    Amount, CloudRequests, FlashLevel, MoveAction, OffloadPlan, OffloadState, OffloadStatus, PLANNED_MOVES_MAX,
    PlannedMove,
};
use greenroom_offload::log::CHECKPOINT_EVERY;
use greenroom_offload::policy::{Action, Forecast, Move, forecast};
use greenroom_store::{Store, Timestamp, Usage};
use std::sync::atomic::Ordering::Relaxed;

impl Service {
    pub fn status(&self) -> OffloadStatus {
        let usage = self.store.usage();
        let (rules, fault) = (self.rules(), self.shape.fault());
        let (stored_bytes, objects) = self.stored();
        let notes = self.notes();
        let open = self.opened().is_some();
        let state = match &notes.ended {
            _ if self.is_away() => OffloadState::Away,
            Some(_) => OffloadState::ReadOnly,
            None if open => OffloadState::Ready,
            None => OffloadState::Away,
        };
        let reason = match (&notes.ended, self.shape.is_away()) {
            (Some(ended), _) => Some(ended.clone()),
            (None, true) => self.shape.why(),
            (None, false) if !open => notes.last_error.clone().or(Some("the volume is not open yet".to_owned())),
            (None, false) => None,
        };
        OffloadStatus {
            state,
            reason,
            since: time::iso_seconds(Timestamp(notes.since_us)),
            target: Some(self.shown.clone()),
            volume: Some(self.volume.clone()),
            flash: level(&usage, rules.water.high_percent, rules.water.low_percent),
            pending: Amount { blobs: notes.pending_blobs, bytes: notes.pending_bytes },
            offloaded: Amount { blobs: usage.placed_blobs, bytes: usage.placed_bytes },
            stored_bytes,
            reduction: reduction(stored_bytes, usage.placed_bytes),
            objects,
            requests: self.requests(),
            recall: self.recaller.figures(),
            days_to_full: self.days_to_full(&notes, usage.flash_capacity_bytes),
            last_error: notes.last_error.clone(),
            fault,
        }
    }

    pub fn metrics(&self) -> OffloadMetrics {
        let usage = self.store.usage();
        let (stored_bytes, objects) = self.stored();
        let (requests, recall) = (self.requests(), self.recaller.figures());
        let reachable = !self.is_away();
        let notes = self.notes();
        OffloadMetrics {
            pending: notes.pending_blobs,
            pending_bytes: notes.pending_bytes,
            offloaded: usage.placed_blobs,
            offloaded_bytes: usage.placed_bytes,
            stored_bytes,
            reduction: reduction(stored_bytes, usage.placed_bytes),
            objects,
            reachable,
            cloud_bytes_out: requests.bytes_out,
            cloud_bytes_in: requests.bytes_in,
            cloud_requests: requests.puts + requests.gets + requests.lists + requests.deletes,
            recall_p50_ms: recall.p50_ms,
            recall_p99_ms: recall.p99_ms,
            days_to_full: self.days_to_full(&notes, usage.flash_capacity_bytes),
        }
    }

    /// What would be done now.
    pub async fn dry_run(&self) -> Result<OffloadPlan, Failed> {
        let found = self.find().await?;
        let (plan, rules) = (found.plan, self.rules());
        let leaving = plan.moves.iter().filter(|step| !matches!(step.action, Action::Promote(_)));
        let total = leaving
            .fold(Amount::default(), |total, step| Amount { blobs: total.blobs + 1, bytes: total.bytes + step.bytes });
        let told = |step: &Move| {
            Some(PlannedMove {
                tenant: TenantName::new(step.key.tenant.as_str()).ok()?,
                path: format!("{}/{}/{}", step.key.account, step.key.container, step.key.name),
                snapshot: step.key.snapshot.clone(),
                bytes: step.bytes,
                action: match step.action {
                    Action::Offload => MoveAction::Offload,
                    Action::Copy => MoveAction::Copy,
                    Action::Free(_) => MoveAction::Free,
                    Action::Promote(_) => MoveAction::Promote,
                },
                why: words(step.why, &rules),
            })
        };
        Ok(OffloadPlan {
            moves: plan.moves.iter().take(PLANNED_MOVES_MAX).filter_map(told).collect(),
            total,
            bytes_freed: plan.bytes_freed,
            bytes_promoted: plan.bytes_promoted,
            used_before: found.live_bytes,
            used_after: plan.used_after,
            bytes_short: plan.bytes_short,
            pinned_bytes: plan.held.pinned,
        })
    }

    /// How many bytes one byte in the cloud holds; 1 while nothing is there.
    pub fn reduction(&self) -> f64 {
        let held = self.store.usage().placed_bytes;
        reduction(self.stored().0, held).filter(|_| held > 0).unwrap_or(1.0)
    }

    /// Bytes of segments in the target, and objects there. Added up once for each commit.
    fn stored(&self) -> (u64, u64) {
        let opened = self.opened();
        let mut notes = self.notes();
        if let Some(opened) = opened {
            let state = opened.offload.volume().state();
            if state.number != notes.stored.0 {
                let segments = state.segments.len() + state.condemned.len();
                let bytes = state.segments.values().map(|segment| segment.info.bytes).sum();
                let others = state.number + state.number / CHECKPOINT_EVERY + 1;
                notes.stored = (state.number, bytes, segments as u64 + others);
            }
        }
        (notes.stored.1, notes.stored.2)
    }

    fn requests(&self) -> CloudRequests {
        let traffic = self.cloud.traffic();
        CloudRequests {
            puts: traffic.puts.load(Relaxed),
            gets: traffic.gets.load(Relaxed),
            lists: traffic.lists.load(Relaxed),
            deletes: traffic.deletes.load(Relaxed),
            retries: traffic.retries.load(Relaxed),
            bytes_out: traffic.bytes_out.load(Relaxed),
            bytes_in: traffic.bytes_in.load(Relaxed),
        }
    }

    fn days_to_full(&self, notes: &super::Notes, capacity: u64) -> Option<f64> {
        let samples: Vec<_> = notes.samples.iter().copied().collect();
        // What has left would still be here: the samples hold it, and so must the room that they are measured by.
        match forecast(&samples, capacity + notes.freed_bytes) {
            Forecast::Full { days, .. } => Some(days),
            Forecast::Unknown | Forecast::Never { .. } => None,
        }
    }
}

/// `None` while nothing is there.
fn reduction(stored_bytes: u64, held_bytes: u64) -> Option<f64> {
    (stored_bytes > 0).then(|| held_bytes as f64 / stored_bytes as f64)
}

fn level(usage: &Usage, high: u64, low: u64) -> FlashLevel {
    FlashLevel {
        used_bytes: usage.flash_used_bytes,
        live_bytes: usage.flash_live_bytes,
        capacity_bytes: usage.flash_capacity_bytes,
        high_bytes: percent(usage.flash_capacity_bytes, high),
        low_bytes: percent(usage.flash_capacity_bytes, low),
    }
}

/// Of a server without a target.
pub fn off(store: &Store, now: Timestamp) -> OffloadStatus {
    OffloadStatus {
        state: OffloadState::Off,
        reason: Some("the server runs without --offload-to".to_owned()),
        since: time::iso_seconds(now),
        target: None,
        volume: None,
        flash: level(&store.usage(), 100, 100),
        pending: Amount::default(),
        offloaded: Amount::default(),
        stored_bytes: 0,
        reduction: None,
        objects: 0,
        requests: CloudRequests::default(),
        recall: greenroom_model::offload::RecallFigures::default(),
        days_to_full: None,
        last_error: None,
        fault: None,
    }
}
