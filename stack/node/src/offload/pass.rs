//! One pass: find what is to move, move it, and tell the cloud what is needed no more.

use super::facts::Found;
use super::{Failed, Opened, Room, SETTLE_EVERY, Service};
use greenroom_model::offload::PassReport;
use greenroom_offload::Error;
use greenroom_offload::format::footer::{Key, Place};
use greenroom_offload::gc::{self, Costs, Grace, Limits};
use greenroom_offload::offload::Then;
use greenroom_offload::pack::Leaving;
use greenroom_offload::policy::{Action, Move, Plan};
use greenroom_store::{Described, ETag, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Of one batch, which is one commit: its blobs bound the transaction that hears of it, and its bytes how soon flash is freed.
const BATCH_BLOBS_MAX: usize = 4_096;
const BATCH_BYTES_MAX: u64 = 256 << 20;
const BATCH_BYTES_MIN: u64 = 8 << 20;
/// Rounds of compaction after a batch: each one moves a bounded amount.
const COMPACTIONS_MAX: usize = 8;
/// Flash is compacted at once above this use of it.
const COMPACT_ABOVE_PERCENT: u64 = 75;
/// Where the store compacts in any case, the dead space is not worth it.
const COMPACT_DEAD_PERCENT: u64 = 5;

impl Service {
    /// Err: nothing is lost, and what was done stands.
    pub(super) async fn pass(&self, collect_grace: Option<Duration>) -> Result<PassReport, Failed> {
        let _one_at_a_time = self.turn.lock().await;
        let began = Instant::now();
        let mut report = PassReport::default();
        self.cloud_keys.ask_again().await;
        let found = self.find().await?;
        self.note_pending(&found.plan);
        if let Some(away) = self.away() {
            return Err(away);
        }
        let opened = self.open().await?;
        self.cloud_keys.keep(&self.cloud).await?;
        let usage = self.store.usage();
        // Room comes from what leaves, or from compaction where nothing needs to; else nobody should wait for it.
        let is_low = usage.flash_live_bytes <= self.high_bytes(usage.flash_capacity_bytes);
        self.background.set_urgent(!is_low);
        self.note_room(if found.plan.bytes_freed > 0 || is_low { Room::Comes } else { Room::Stuck });
        let done = self.carry_out(&opened, found, &mut report).await;
        opened.flash.forget();
        done?;
        if !self.store.releases(1).await?.is_empty() {
            opened.offload.release(self.clock.now().0).await?;
        }
        match (collect_grace, self.store.way_back()) {
            (None, _) => {}
            (Some(grace), None) => report.removed = self.collect(&opened, grace).await?,
            (Some(_), Some(held)) => {
                tracing::info!(format = held.to, "the cloud is not collected while there is a way back");
                report.collected_not = Some(format!(
                    "the way back to format {} may need what would be removed; `greenroom-stack migrate --confirm` ends it",
                    held.to
                ));
            }
        }
        self.settle().await?;
        self.compact().await?;
        self.notes().last_error = None;
        report.seconds = began.elapsed().as_secs_f64();
        Ok(report)
    }

    async fn carry_out(&self, opened: &Opened, found: Found, report: &mut PassReport) -> Result<(), Failed> {
        let Found { plan, describe, mut containers, .. } = found;
        let mut steps = Steps::of(plan.moves);
        for batch in steps.free.chunks(BATCH_BLOBS_MAX) {
            self.free(opened, batch, report).await?;
        }
        let batch_bytes = (self.store.usage().flash_capacity_bytes / 8).clamp(BATCH_BYTES_MIN, BATCH_BYTES_MAX);
        for (moves, then) in [(steps.offload, Then::Free), (steps.copy, Then::Keep)] {
            for batch in batches(moves, batch_bytes) {
                // Containers travel with the first blobs, so that they are rebuilt with what is said of them.
                let others = std::mem::take(&mut containers);
                self.move_batch(opened, batch, others, then, report).await?;
            }
        }
        for batch in batches(describe, batch_bytes) {
            let leaving = batch.into_iter().map(|(leaving, _)| leaving).collect();
            opened.offload.offload(leaving, Then::Keep, self.clock.now().0).await?;
        }
        if !containers.is_empty() && self.store.usage().placed_blobs > 0 {
            opened.offload.offload(containers, Then::Keep, self.clock.now().0).await?;
        }
        for step in std::mem::take(&mut steps.promote) {
            self.promote(&step, report).await?;
        }
        Ok(())
    }

    async fn free(&self, opened: &Opened, batch: &[Move], report: &mut PassReport) -> Result<(), Failed> {
        let places: Vec<(Key, Place)> = batch
            .iter()
            .filter_map(|step| match step.action {
                Action::Free(place) => Some((step.key.clone(), place)),
                Action::Offload | Action::Copy | Action::Promote(_) => None,
            })
            .collect();
        let freed = opened.offload.free(&places).await?;
        report.freed_bytes += freed;
        self.note_done(batch.len() as u64, batch.iter().map(|step| step.bytes).sum(), freed);
        self.compact().await
    }

    async fn move_batch(
        &self,
        opened: &Opened,
        batch: Vec<(Leaving, u64)>,
        others: Vec<Leaving>,
        then: Then,
        report: &mut PassReport,
    ) -> Result<(), Failed> {
        let (blobs, bytes) = (batch.len() as u64, batch.iter().map(|(_, bytes)| bytes).sum());
        let leaving = batch.into_iter().map(|(leaving, _)| leaving).chain(others).collect();
        let outcome = opened.offload.offload(leaving, then, self.clock.now().0).await?;
        for (key, reason) in &outcome.skipped {
            tracing::debug!(blob = %key, reason, "it stays for now");
        }
        report.offloaded.blobs += blobs - (outcome.skipped.len() as u64).min(blobs);
        report.offloaded.bytes += outcome.figures.bytes;
        report.freed_bytes += outcome.bytes_freed;
        report.stored_bytes += outcome.figures.bytes_stored;
        report.segments += outcome.figures.segments;
        report.skipped += outcome.skipped.len() as u64;
        self.note_done(blobs, bytes, outcome.bytes_freed);
        self.compact().await
    }

    async fn promote(&self, step: &Move, report: &mut PassReport) -> Result<(), Failed> {
        let etag = ETag::parse(&step.etag);
        if let (Some(Described::Blob(path, at)), Some(etag)) = (super::record::described(&step.key), etag) {
            self.background.turn(step.bytes).await;
            match self.store.bring_back(&path, at, etag).await {
                Ok(0) => {}
                Ok(bytes) => {
                    report.promoted.blobs += 1;
                    report.promoted.bytes += bytes;
                }
                // It changed, or flash has filled up meanwhile: the next plan knows.
                Err(StoreError::SourceChanged | StoreError::BlobMissing | StoreError::ContainerMissing) => {}
                Err(StoreError::Full { .. }) => {}
                // Its tenant's key is not to be had: that is between the two of them.
                Err(StoreError::KeyDenied(_) | StoreError::KeyAway(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Gives back what is dead on flash, while there is little room: the store would get to it in its own time.
    async fn compact(&self) -> Result<(), Failed> {
        for _ in 0..COMPACTIONS_MAX {
            let usage = self.store.usage();
            let dead = usage.flash_used_bytes - usage.flash_live_bytes.min(usage.flash_used_bytes);
            let capacity = usage.flash_capacity_bytes;
            let is_roomy = usage.flash_used_bytes <= super::percent(capacity, COMPACT_ABOVE_PERCENT);
            if is_roomy || dead <= super::percent(capacity, COMPACT_DEAD_PERCENT) {
                break;
            }
            let done = self.store.compact().await?;
            if done.extents == 0 && done.closed == 0 {
                break;
            }
        }
        Ok(())
    }

    async fn collect(&self, opened: &Opened, grace: Duration) -> Result<u64, Failed> {
        let now = self.clock.now().0;
        let leavers = self.look_for_leavers(opened).await?;
        let go = leavers.values().flatten().copied().collect();
        let volume = opened.offload.volume();
        let usage = gc::mark(volume.cloud(), &volume.state()).await?;
        let victims = gc::victims(&usage, &go, &Costs::default(), &Limits::default());
        if !victims.is_empty() {
            match opened.offload.compact(&victims, now).await {
                // Something moved died meanwhile: the next run finds fewer.
                Ok(_) | Err(Error::Stale(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let collected = opened.offload.collect(Grace(grace), now).await?;
        self.note_leavers(opened, leavers).await?;
        tracing::info!(
            condemned = collected.condemned.len(),
            removed = collected.removed.len(),
            "made room in the cloud"
        );
        Ok(collected.removed.len() as u64)
    }

    async fn settle(&self) -> Result<(), Failed> {
        let due = {
            let mut notes = self.notes();
            let due = notes.settled.is_none_or(|at| at.elapsed() >= SETTLE_EVERY);
            if due {
                notes.settled = Some(Instant::now());
            }
            due
        };
        if due {
            self.store.settle_heat().await?;
        }
        Ok(())
    }

    fn note_pending(&self, plan: &Plan) {
        let leaving = plan.moves.iter().filter(|step| !matches!(step.action, Action::Promote(_)));
        let (blobs, bytes) = leaving.fold((0, 0), |(blobs, bytes), step| (blobs + 1, bytes + step.bytes));
        let mut notes = self.notes();
        (notes.pending_blobs, notes.pending_bytes) = (blobs, bytes);
    }

    fn note_done(&self, blobs: u64, bytes: u64, freed: u64) {
        let mut notes = self.notes();
        notes.pending_blobs = notes.pending_blobs.saturating_sub(blobs);
        notes.pending_bytes = notes.pending_bytes.saturating_sub(bytes);
        notes.freed_bytes += freed;
    }
}

/// Moves by what they do.
#[derive(Default)]
struct Steps {
    free: Vec<Move>,
    offload: Vec<(Leaving, u64)>,
    copy: Vec<(Leaving, u64)>,
    promote: Vec<Move>,
}

impl Steps {
    fn of(moves: Vec<Move>) -> Self {
        let mut steps = Steps::default();
        for step in moves {
            match step.action {
                Action::Free(_) => steps.free.push(step),
                Action::Promote(_) => steps.promote.push(step),
                Action::Offload => steps.offload.push((Leaving { key: step.key, etag: step.etag }, step.bytes)),
                Action::Copy => steps.copy.push((Leaving { key: step.key, etag: step.etag }, step.bytes)),
            }
        }
        steps
    }
}

/// Cuts what leaves into commits, in its order.
fn batches(moves: Vec<(Leaving, u64)>, bytes_max: u64) -> Vec<Vec<(Leaving, u64)>> {
    let mut batches: Vec<Vec<(Leaving, u64)>> = Vec::new();
    let mut bytes = 0;
    for step in moves {
        match batches.last_mut().filter(|batch| batch.len() < BATCH_BLOBS_MAX && bytes + step.1 <= bytes_max) {
            Some(batch) => {
                bytes += step.1;
                batch.push(step);
            }
            None => {
                bytes = step.1;
                batches.push(vec![step]);
            }
        }
    }
    batches
}

/// A pass that goes on whoever waits for it.
pub async fn run(service: Arc<Service>, wait: Duration, grace: Option<Duration>) -> Option<Result<PassReport, Failed>> {
    let pass = tokio::spawn(async move { service.run_now(grace).await });
    match tokio::time::timeout(wait, pass).await {
        Ok(Ok(done)) => Some(done),
        // Lost with the runtime, or to a panic that has been reported.
        Ok(Err(_)) => Some(Err(Failed::Ended("the pass was lost".to_owned()))),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_bounded_and_a_large_blob_is_one_of_its_own() {
        let step = |number: usize, bytes: u64| {
            (Leaving { key: Key { name: format!("{number}"), ..Key::default() }, etag: String::new() }, bytes)
        };
        let sizes = |moves: Vec<(Leaving, u64)>| batches(moves, 100).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![step(0, 60), step(1, 40), step(2, 1), step(3, 500), step(4, 1)]), [2, 1, 1, 1]);
        let many = (0..BATCH_BLOBS_MAX + 1).map(|number| step(number, 0)).collect();
        assert_eq!(sizes(many), [BATCH_BLOBS_MAX, 1]);
        assert!(sizes(Vec::new()).is_empty());
    }
}
