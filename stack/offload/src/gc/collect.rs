//! Finds what nothing needs, condemns it in the log, and removes what has been condemned long enough.

use super::mark::mark;
use crate::error::{Error, Result};
use crate::flash::Flash;
use crate::hash::Hash;
use crate::layout;
use crate::log::Change;
use crate::offload::Offload;
use std::time::Duration;

/// Taken in one commit: bounds the manifest.
const CONDEMN_MAX: usize = 4_096;

/// Between condemning and removing. Longer than any reader works from a state that it has loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace(pub Duration);

impl Default for Grace {
    fn default() -> Self {
        Grace(Duration::from_secs(24 * 3600))
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    pub condemned: Vec<Hash>,
    /// Of those, what no commit had ever added.
    pub orphans: usize,
    pub removed: Vec<Hash>,
}

impl<F: Flash> Offload<F> {
    /// One run. Err: it has stopped there; what it did so far stands, and is safe.
    pub async fn collect(&self, grace: Grace, now: i64) -> Result<Collected> {
        self.release(now).await?;
        let mut collected = Collected { removed: self.remove_condemned(grace, now).await?, ..Collected::default() };
        self.end_loans(now).await?;
        // Before the turn: what is listed now and neither in the log nor on its way then will never be.
        let listed = self.volume.cloud().list(layout::SEGMENTS).await?;
        let mut turn = self.turn().await?;
        let state = self.volume.state();
        let orphan = |hash: &Hash| {
            !state.segments.contains_key(hash) && !state.condemned.contains_key(hash) && !self.volume.is_in_flight(hash)
        };
        let orphans: Vec<Hash> =
            listed.iter().filter_map(|(name, _)| layout::segment_hash(name)).filter(orphan).collect();
        collected.orphans = orphans.len();
        collected.condemned = state.needless().into_iter().chain(orphans).take(CONDEMN_MAX).collect();
        if !collected.condemned.is_empty() {
            let change = Change { condemn: collected.condemned.clone(), ..Change::default() };
            self.commit(&mut turn, change, Vec::new(), now, |_| Ok(())).await?;
        }
        Ok(collected)
    }

    /// Removes what was condemned before the grace period began, if the catalog has heard of it.
    async fn remove_condemned(&self, grace: Grace, now: i64) -> Result<Vec<Hash>> {
        let mut turn = self.turn().await?;
        let known = self.flash.known().await?;
        let grace_us = i64::try_from(grace.0.as_micros()).unwrap_or(i64::MAX);
        let state = self.volume.state();
        let due = state.condemned.iter().filter(|(_, condemned)| {
            let since = known.since(condemned.number, condemned.at);
            condemned.number <= known.number && now.saturating_sub(since) >= grace_us
        });
        let due: Vec<Hash> = due.map(|(hash, _)| *hash).take(CONDEMN_MAX).collect();
        for hash in &due {
            // The log cannot say so: it refuses such manifests. Once more, since this is where data is lost.
            if state.segments.contains_key(hash) || self.volume.is_in_flight(hash) {
                return Err(Error::log(format!("segment {hash} is both condemned and in use")));
            }
            self.volume.cloud().delete(&layout::segment(hash)).await?;
        }
        if !due.is_empty() {
            let change = Change { gone: due.clone(), ..Change::default() };
            self.commit(&mut turn, change, Vec::new(), now, |_| Ok(())).await?;
        }
        Ok(due)
    }

    async fn end_loans(&self, now: i64) -> Result<()> {
        let usage = mark(self.volume.cloud(), &self.volume.state()).await?;
        if usage.ended.is_empty() {
            return Ok(());
        }
        let mut turn = self.turn().await?;
        let state = self.volume.state();
        let known = |edge: &crate::log::Unborrow| {
            state.segments.get(&edge.borrower).is_some_and(|segment| segment.info.borrows.contains(&edge.lender))
        };
        let unborrow = usage.ended.into_iter().filter(known).collect();
        self.commit(&mut turn, Change { unborrow, ..Change::default() }, Vec::new(), now, |_| Ok(())).await
    }
}
