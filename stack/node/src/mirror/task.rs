//! A mirror's task: follows, rests, and tries again.

use greenroom_mirror::{Cache, Follower, Origin, Pace, Scope, Standing, Turn, Wants};
use greenroom_model::mirror::{Mirror, MirrorState};
use greenroom_store::{Clock, MirrorRecord, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The pause after a first failure; each further one doubles it.
const AGAIN_MIN: Duration = Duration::from_millis(500);
/// An origin that is back is followed within half a minute.
const AGAIN_MAX: Duration = Duration::from_secs(30);
/// Azure keeps a feed for a day at least; with an hour for clocks that differ.
const RETENTION_US: i64 = 23 * 3_600 * 1_000_000;
const SECOND_US: i64 = 1_000_000;

#[derive(Debug)]
pub struct Task {
    pub standing: Arc<Standing>,
    pub origin: Arc<dyn Origin>,
    pub wants: Wants,
    /// Looks and lists, one at a time: nothing older is put down after something newer.
    pub turns: Arc<Mutex<()>>,
    wake: Arc<Notify>,
    relists: Arc<AtomicBool>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Task {
    pub fn start(
        store: &Store,
        clock: &Arc<dyn Clock>,
        record: &MirrorRecord,
        (mirror, scope): (Mirror, Scope),
        origin: Arc<dyn Origin>,
    ) -> Self {
        let standing = Arc::<Standing>::default();
        let (account, name) = (record.account.clone(), record.name.clone());
        let (cache, wants) = Cache::new(store.clone(), account, name, mirror.cache.0, &mirror.pinned);
        let task = Self {
            standing: standing.clone(),
            origin: origin.clone(),
            wants: wants.clone(),
            turns: Arc::default(),
            wake: Arc::default(),
            relists: Arc::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let stopped = task.stop.clone();
        task.tasks.spawn(async move { stopped.run_until_cancelled_owned(cache.keep()).await });
        if mirror.paused {
            standing.known().state = MirrorState::Paused;
        } else {
            let pace = Pace {
                relist_us: i64::from(mirror.relist_s) * SECOND_US,
                retention_us: RETENTION_US,
                canary_us: mirror.canary_s.map(|seconds| i64::from(seconds) * SECOND_US),
            };
            let follower = Follower::new(store, origin, clock.clone(), record, (scope, pace, wants), standing);
            let poll = Duration::from_millis(u64::from(mirror.poll_ms));
            task.tasks.spawn(follow(follower, poll, task.parts()));
        }
        task.tasks.close();
        task
    }

    fn parts(&self) -> Parts {
        Parts {
            standing: self.standing.clone(),
            turns: self.turns.clone(),
            wake: self.wake.clone(),
            relists: self.relists.clone(),
            stop: self.stop.clone(),
        }
    }

    pub fn relist(&self) {
        self.relists.store(true, Relaxed);
        self.wake.notify_one();
    }

    /// Breaks off what is under way; it is done again by the next one.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

struct Parts {
    standing: Arc<Standing>,
    turns: Arc<Mutex<()>>,
    wake: Arc<Notify>,
    relists: Arc<AtomicBool>,
    stop: CancellationToken,
}

async fn follow(mut follower: Follower, poll: Duration, parts: Parts) {
    let Parts { standing, turns, wake, relists, stop } = parts;
    let mut failures = 0;
    loop {
        if relists.swap(false, Relaxed) {
            follower.relist();
        }
        let turn = async {
            let _one_at_a_time = turns.lock().await;
            follower.turn().await
        };
        let Some(turned) = stop.run_until_cancelled(turn).await else { break };
        let pause = match turned {
            Ok(Turn::More) => {
                failures = 0;
                continue;
            }
            Ok(Turn::Rest) => {
                failures = 0;
                poll
            }
            Err(error) => {
                failures += 1;
                let mut known = standing.known();
                if known.why.as_deref() != Some(&error.to_string()) {
                    tracing::warn!(%error, ?follower, "a mirror cannot go on; it tries again");
                }
                (known.state, known.why) = (MirrorState::Away, Some(error.to_string()));
                again_after(failures)
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    follower.end().await;
}

/// Pure.
fn again_after(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    AGAIN_MIN.saturating_mul(doubled).min(AGAIN_MAX)
}
