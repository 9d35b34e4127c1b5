//! What a store does for itself while it serves: it removes what nothing refers to, discards blocks that nobody ever committed, and
//! compacts. Start-up deletes nothing; whatever it finds to be dead is looked into here first.

use crate::catalog::tables::{Bytes, STAGINGS};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::rows::{StagingRow, decode};
use crate::store::Store;
use redb::ReadableTable;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// Blocks that are staged and left alone for so long are garbage. Source: Microsoft, "Put Block".
const STAGED_SECONDS_MAX: i64 = 7 * 24 * 3_600;
/// Stagings that one transaction discards.
const STAGINGS_A_TRANSACTION: usize = 500;
/// Between looks for dead space: soon enough for whoever waits for room, rare enough to cost nothing.
const ROUND_EVERY: Duration = Duration::from_secs(10);
/// Rounds between two times that reads are written down: what is not, a crash forgets.
const ROUNDS_A_MINUTE: u64 = 6;
/// Rounds between looks for stale blocks, which are days old anyway.
const ROUNDS_AN_HOUR: u64 = 360;

/// The background work of a store. Stopping it waits for the round under way.
#[derive(Debug)]
pub struct Upkeep {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Upkeep {
    /// Must be called within a runtime.
    pub fn start(store: Store) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { stop, task: tokio::spawn(run(store, stopped)) }
    }

    pub async fn stop(self) {
        drop(self.stop);
        if self.task.await.is_err() {
            tracing::error!("the upkeep of the store has panicked");
        }
    }
}

async fn run(store: Store, mut stopped: oneshot::Receiver<()>) {
    let mut every = tokio::time::interval(ROUND_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0_u64.. {
        tokio::select! {
            _ = &mut stopped => return,
            _ = every.tick() => {}
        }
        let done = async {
            store.bury().await?;
            if round % ROUNDS_AN_HOUR == 0 {
                store.discard_stale_blocks().await?;
            }
            if store.heat().is_watched() && round % ROUNDS_A_MINUTE == 0 {
                store.settle_heat().await?;
            }
            store.shrink_catalog().await?;
            store.compact().await
        };
        match done.await {
            Ok(done) if done.extents > 0 => {
                tracing::info!(extents = done.extents, moved_bytes = done.moved_bytes, "compacted");
            }
            Ok(_) => {}
            // Nothing was deleted; the next round looks anew.
            Err(error) => tracing::warn!(%error, "the store's upkeep has failed"),
        }
    }
}

impl Store {
    /// Removes the extents that were found dead at the start, once no row of the catalog refers to them. Returns how many.
    pub async fn bury(&self) -> Result<usize> {
        let suspects = self.extents().suspects();
        if suspects.is_empty() {
            return Ok(0);
        }
        let all = suspects.clone();
        let referred = self.read_many(move |snapshot| {
            let mut referred = BTreeSet::new();
            snapshot.holders(|_, pieces| {
                // A row that cannot be read may refer to any of them.
                referred.extend(pieces?.iter().map(|piece| piece.extent).filter(|id| all.contains(id)));
                Ok(())
            })?;
            Ok(referred)
        });
        let referred = referred.await?;
        for id in &suspects {
            match referred.contains(id) {
                true => {
                    tracing::error!(
                        extent = id,
                        "an extent counts as dead, but content in it is referred to: it stays"
                    );
                    self.extents().give_up(*id);
                }
                false => self.extents().condemn(*id),
            }
        }
        // The next transaction's end removes them.
        self.write(|_| Ok(())).await?;
        Ok(suspects.len() - referred.len())
    }

    /// Discards what was staged for blobs and left alone for seven days. Returns how many blobs that were.
    pub async fn discard_stale_blocks(&self) -> Result<usize> {
        let mut discarded = 0;
        loop {
            let now = self.write(|txn| Ok(txn.now)).await?;
            let before = Timestamp(now.0 - STAGED_SECONDS_MAX * 1_000_000);
            let stale = self.read_many(move |snapshot| {
                let table = snapshot.txn.open_table(STAGINGS)?;
                stale(&table, before)
            });
            let stale = stale.await?;
            let count = stale.len();
            self.write(move |txn| {
                for key in &stale {
                    // Somebody may have staged another block meanwhile.
                    if let Some(staging) = txn.staging(key)?.filter(|staging| staging.touched < before) {
                        txn.discard_staging(&staging.tenant, key)?;
                    }
                }
                Ok(())
            })
            .await?;
            discarded += count;
            if count < STAGINGS_A_TRANSACTION {
                return Ok(discarded);
            }
        }
    }
}

fn stale(table: &impl ReadableTable<Bytes, Bytes>, before: Timestamp) -> Result<Vec<Vec<u8>>> {
    let mut stale = Vec::new();
    for item in table.iter()? {
        let (key, row) = item?;
        if decode::<StagingRow>(row.value())?.touched < before {
            stale.push(key.value().to_vec());
            if stale.len() == STAGINGS_A_TRANSACTION {
                break;
            }
        }
    }
    Ok(stale)
}
