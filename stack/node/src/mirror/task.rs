//! A mirror's task: follows, rests, and tries again.

use crate::again;
use futures::FutureExt as _;
use greenroom_mirror::{Cache, Follower, Origin, Pace, Scope, Standing, Turn, Wants};
use greenroom_model::mirror::{Mirror, MirrorState};
use greenroom_store::{Clock, MirrorRecord, Store};
use std::sync::Arc;
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
    pub turns: Mutex<()>,
    /// Everything is to be listed again.
    relists: Notify,
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
    ) -> Arc<Self> {
        let standing = Arc::<Standing>::default();
        let (account, name) = (record.account.clone(), record.name.clone());
        let (cache, wants) = Cache::new(store.clone(), account, name, mirror.cache.0, &mirror.pinned);
        let task = Arc::new(Self {
            standing: standing.clone(),
            origin: origin.clone(),
            wants: wants.clone(),
            turns: Mutex::default(),
            relists: Notify::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
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
            task.tasks.spawn(follow(task.clone(), follower, poll));
        }
        task.tasks.close();
        task
    }

    pub fn relist(&self) {
        self.relists.notify_one();
    }

    /// Breaks off what is under way; it is done again by the next one.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

async fn follow(task: Arc<Task>, mut follower: Follower, poll: Duration) {
    let mut failures = 0;
    loop {
        if task.relists.notified().now_or_never().is_some() {
            follower.relist();
        }
        let turn = async {
            let _one_at_a_time = task.turns.lock().await;
            follower.turn().await
        };
        let Some(turned) = task.stop.run_until_cancelled(turn).await else { break };
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
                let mut known = task.standing.known();
                if known.why.as_deref() != Some(&error.to_string()) {
                    tracing::warn!(%error, ?follower, "a mirror cannot go on; it tries again");
                }
                (known.state, known.why) = (MirrorState::Away, Some(error.to_string()));
                again::after(failures, AGAIN_MIN, AGAIN_MAX)
            }
        };
        tokio::select! {
            () = task.stop.cancelled() => break,
            () = task.relists.notified() => follower.relist(),
            () = tokio::time::sleep(pause) => {}
        }
    }
    follower.end().await;
}
