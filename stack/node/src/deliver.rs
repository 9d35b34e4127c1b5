//! The courier: brings what waits in the outbox to the sinks that do not come for it, each at its own pace. What a sink has is written down after its
//! answer, so an event comes at least once. See `docs/design/every-change-is-told.md`.

mod batch;
mod destination;
mod endpoint;
mod failure;
mod kafka;
mod written;

use crate::again;
use destination::Destination;
use failure::Failure;
use greenroom_gateway::source::Sources;
use greenroom_model::AccountName;
use greenroom_model::feed::{EVENTS_A_PAGE_MAX, Sink};
use greenroom_store::{Clock, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

/// Between looks for sinks, and for events of one that has all.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The pause after a sink's first failure; each further one doubles it.
const AGAIN_MIN: Duration = Duration::from_secs(1);
/// A sink that is back gets its events within a minute.
const AGAIN_MAX: Duration = Duration::from_secs(60);

/// Stopping it breaks off the deliveries under way; what no answer has come for is brought again by the next run.
#[derive(Debug)]
pub struct Courier {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Courier {
    /// Must be called within a runtime.
    pub fn start(deliveries: Arc<Deliveries>, store: Store, clock: Arc<dyn Clock>) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { stop, task: tokio::spawn(run(deliveries, store, clock, stopped)) }
    }

    pub async fn stop(self) {
        drop(self.stop);
        if self.task.await.is_err() {
            tracing::error!("the courier of events has panicked");
        }
    }
}

/// A sink, by account and name.
type Address = (AccountName, String);

/// Where sinks may be, and how it goes with each.
#[derive(Debug)]
pub struct Deliveries {
    sources: Sources,
    /// Where blobs are: a URL without a slash at its end.
    blobs: String,
    /// Of those that something is wrong with.
    failing: Mutex<BTreeMap<Address, Failing>>,
}

#[derive(Debug, Default)]
struct Failing {
    standing: Standing,
    /// Whoever tells it cuts the pause short.
    again: Arc<Notify>,
}

/// How it goes with a sink, since this process began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Since something went through.
    pub failures: u32,
    /// Why the last one was; `None` where there was none.
    pub last_error: Option<String>,
}

impl Deliveries {
    pub fn new(sources: Sources, blobs: String) -> Self {
        Self { sources, blobs, failing: Mutex::default() }
    }

    /// What is wrong with a sink, as a sentence, as far as it can be said without asking anybody.
    pub fn check(&self, sink: &Sink) -> Result<(), String> {
        destination::check(sink, &self.sources)
    }

    pub fn standing(&self, account: &AccountName, sink: &str) -> Standing {
        let failing = self.failing();
        failing.get(&(account.clone(), sink.to_owned())).map(|failing| failing.standing.clone()).unwrap_or_default()
    }

    /// Somebody thinks that a sink is well again: it is tried now, not at the end of its pause.
    pub fn try_now(&self, account: &AccountName, sink: &str) {
        if let Some(failing) = self.failing().get(&(account.clone(), sink.to_owned())) {
            failing.again.notify_one();
        }
    }

    /// Returns how long to wait before it is tried again, and who may cut that short.
    fn failed(&self, address: &Address, failure: &Failure) -> (Duration, Arc<Notify>) {
        let why = failure.to_string();
        let mut failing = self.failing();
        let Failing { standing, again } = failing.entry(address.clone()).or_default();
        standing.failures = standing.failures.saturating_add(1);
        if standing.last_error.as_ref() != Some(&why) {
            tracing::warn!(account = %address.0, sink = address.1, why, "a sink does not get its events; they wait");
            standing.last_error = Some(why);
        }
        (again::after(standing.failures, AGAIN_MIN, AGAIN_MAX), again.clone())
    }

    fn went_through(&self, address: &Address) {
        if let Some(Failing { standing, .. }) = self.failing().remove(address) {
            tracing::info!(account = %address.0, sink = address.1, standing.failures, "a sink gets its events again");
        }
    }

    fn failing(&self) -> MutexGuard<'_, BTreeMap<Address, Failing>> {
        // It is whole after every statement.
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(deliveries: Arc<Deliveries>, store: Store, clock: Arc<dyn Clock>, mut stopped: oneshot::Receiver<()>) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut rounds, mut under_way) = (JoinSet::new(), BTreeMap::<Address, (Sink, AbortHandle)>::new());
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            _ = every.tick() => {}
        }
        let wanted = match destinations(&store) {
            Ok(wanted) => wanted,
            Err(error) => {
                tracing::warn!(%error, "sinks cannot be looked for; their events wait");
                every.reset_after(AGAIN_MIN);
                continue;
            }
        };
        under_way.retain(|address, (sink, round)| {
            let stays = wanted.get(address) == Some(sink) && !round.is_finished();
            if !stays {
                round.abort();
                deliveries.failing().remove(address);
            }
            stays
        });
        for (address, sink) in wanted {
            if !under_way.contains_key(&address) {
                let round = Round { deliveries: deliveries.clone(), store: store.clone(), address, sink };
                let (address, sink) = (round.address.clone(), round.sink.clone());
                under_way.insert(address, (sink, rounds.spawn(round.go(clock.clone()))));
            }
        }
        while let Some(ended) = rounds.try_join_next() {
            if ended.is_err_and(|error| error.is_panic()) {
                tracing::error!("the delivery to a sink has panicked; it begins anew");
            }
        }
    }
    rounds.shutdown().await;
}

fn destinations(store: &Store) -> Result<BTreeMap<Address, Sink>, StoreError> {
    let told = store.told()?.into_iter().flat_map(|told| {
        let account = told.account;
        told.sinks.into_iter().map(move |(name, sink)| ((account.clone(), name), sink.sink))
    });
    Ok(told.filter(|(_, sink)| destination::is_one(sink)).collect())
}

/// The way to one sink, again and again.
struct Round {
    deliveries: Arc<Deliveries>,
    store: Store,
    address: Address,
    sink: Sink,
}

/// What came of going there.
enum Came {
    Delivered,
    NothingToDeliver,
    /// The sink is gone, or another one.
    Gone,
}

impl Round {
    async fn go(self, clock: Arc<dyn Clock>) {
        let mut open = None;
        loop {
            match self.once(&mut open, clock.as_ref()).await {
                Ok(Came::Gone) => return,
                Ok(Came::Delivered) => self.deliveries.went_through(&self.address),
                Ok(Came::NothingToDeliver) => {
                    self.deliveries.went_through(&self.address);
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(failure) => {
                    let (pause, cut_short) = self.deliveries.failed(&self.address, &failure);
                    // An error says that the pause was not cut short.
                    let _ = tokio::time::timeout(pause, cut_short.notified()).await;
                }
            }
        }
    }

    /// Delivers a batch. What is there is asked for its consent once, however often it fails later.
    async fn once(&self, open: &mut Option<Destination>, clock: &dyn Clock) -> Result<Came, Failure> {
        let (account, name) = &self.address;
        let Some(last) = self.last()? else { return Ok(Came::Gone) };
        let destination = match open {
            Some(destination) => destination,
            None => match Destination::open(&self.sink, account, &self.deliveries.sources, clock).await? {
                Some(destination) => open.insert(destination),
                None => return Ok(Came::Gone),
            },
        };
        let events = self.store.events(account, last, EVENTS_A_PAGE_MAX).await?;
        let Some(last) = destination.bring(&events, &self.deliveries.blobs, clock).await? else {
            return Ok(Came::NothingToDeliver);
        };
        self.store.delivered(account, name, last).await?;
        Ok(Came::Delivered)
    }

    /// The last event that the sink has, as the store knows it: a sink may have been removed and made again meanwhile, or have lost events.
    fn last(&self) -> Result<Option<u64>, StoreError> {
        let (account, name) = &self.address;
        let told = self.store.told()?.into_iter().find(|told| told.account == *account);
        let sink = told.and_then(|mut told| told.sinks.remove(name));
        Ok(sink.filter(|sink| sink.sink == self.sink).map(|sink| sink.last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_a_minute() {
        for (failures, seconds) in [
            (0, 1),
            (1, 1),
            (2, 2),
            (3, 4),
            (4, 8),
            (5, 16),
            (6, 32),
            (7, 60),
            (8, 60),
            (32, 60),
            (33, 60),
            (u32::MAX, 60),
        ] {
            assert_eq!(again::after(failures, AGAIN_MIN, AGAIN_MAX), Duration::from_secs(seconds), "after {failures}");
        }
    }
}
