//! The courier: posts what waits in the outbox to the sinks that are webhooks, each at its own pace. What a sink has is written down after its
//! answer, so an event comes at least once. See `docs/design/every-change-is-told.md`.

mod batch;
mod endpoint;

use endpoint::{Endpoint, Failure};
use greenroom_gateway::source::Sources;
use greenroom_model::AccountName;
use greenroom_model::feed::{EVENTS_A_PAGE_MAX, Shape, Sink};
use greenroom_store::{Clock, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

/// Between looks for sinks, and for events of one that has all.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The pause after a sink's first failure; each further one doubles it.
const AGAIN_MIN: Duration = Duration::from_secs(1);
/// An endpoint that is back gets its events within a minute.
const AGAIN_MAX: Duration = Duration::from_secs(60);

/// Stopping it breaks off the posts under way; what no answer has come for is posted again by the next run.
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

/// Where webhooks may be, and how it goes with each.
#[derive(Debug)]
pub struct Deliveries {
    sources: Sources,
    /// Where blobs are: a URL without a slash at its end.
    blobs: String,
    standings: Mutex<BTreeMap<Address, Standing>>,
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
        Self { sources, blobs, standings: Mutex::default() }
    }

    /// What is wrong with a sink, as a sentence, as far as it can be said without asking anybody.
    pub fn check(&self, sink: &Sink) -> Result<(), String> {
        match sink {
            Sink::Pull => Ok(()),
            Sink::Webhook { url, .. } => {
                endpoint::check(url, &self.sources).map(drop).map_err(|wrong| format!("url cannot be used: {wrong}"))
            }
        }
    }

    pub fn standing(&self, account: &AccountName, sink: &str) -> Standing {
        self.standings().get(&(account.clone(), sink.to_owned())).cloned().unwrap_or_default()
    }

    /// Returns how many failures there were in a row with this one.
    fn failed(&self, address: &Address, failure: &Failure) -> u32 {
        let why = failure.to_string();
        let mut standings = self.standings();
        let standing = standings.entry(address.clone()).or_default();
        standing.failures = standing.failures.saturating_add(1);
        if standing.last_error.as_ref() != Some(&why) {
            tracing::warn!(account = %address.0, sink = address.1, why, "a sink does not get its events; they wait");
            standing.last_error = Some(why);
        }
        standing.failures
    }

    fn went_through(&self, address: &Address) {
        if let Some(standing) = self.standings().remove(address) {
            tracing::info!(account = %address.0, sink = address.1, standing.failures, "a sink gets its events again");
        }
    }

    fn standings(&self) -> MutexGuard<'_, BTreeMap<Address, Standing>> {
        // It is whole after every statement.
        self.standings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait after so many failures in a row. Pure.
fn again_after(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    AGAIN_MIN.saturating_mul(doubled).min(AGAIN_MAX)
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
        let wanted = match webhooks(&store) {
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
                deliveries.standings().remove(address);
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

fn webhooks(store: &Store) -> Result<BTreeMap<Address, Sink>, StoreError> {
    let told = store.told()?.into_iter().flat_map(|told| {
        let account = told.account;
        told.sinks.into_iter().map(move |(name, sink)| ((account.clone(), name), sink.sink))
    });
    Ok(told.filter(|(_, sink)| matches!(sink, Sink::Webhook { .. })).collect())
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
        let Sink::Webhook { url, shape } = &self.sink else { return };
        let mut agreed = None;
        loop {
            let pause = match self.once((url, *shape), &mut agreed, clock.as_ref()).await {
                Ok(Came::Gone) => return,
                Ok(Came::Delivered) => {
                    self.deliveries.went_through(&self.address);
                    continue;
                }
                Ok(Came::NothingToDeliver) => {
                    self.deliveries.went_through(&self.address);
                    LOOK_EVERY
                }
                Err(failure) => again_after(self.deliveries.failed(&self.address, &failure)),
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Delivers a batch. The endpoint is asked for its consent once, however often it fails later.
    async fn once(
        &self,
        (url, shape): (&str, Shape),
        agreed: &mut Option<Endpoint>,
        clock: &dyn Clock,
    ) -> Result<Came, Failure> {
        let (account, name) = &self.address;
        let Some(last) = self.last()? else { return Ok(Came::Gone) };
        let endpoint = match agreed {
            Some(endpoint) => endpoint,
            None => {
                let endpoint = Endpoint::new(url, shape, &self.deliveries.sources)?;
                endpoint.greet(account.as_str(), &code()?, clock.now()).await?;
                agreed.insert(endpoint)
            }
        };
        let events = self.store.events(account, last, EVENTS_A_PAGE_MAX).await?;
        let Some(batch) = batch::batch(&events, shape, &self.deliveries.blobs) else {
            return Ok(Came::NothingToDeliver);
        };
        if let Some(body) = batch.body {
            endpoint.post(body).await?;
        }
        self.store.delivered(account, name, batch.last).await?;
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

/// In the form of a UUID, as Azure's are.
fn code() -> Result<String, Failure> {
    let random = || getrandom::u64().map_err(|error| Failure::Random(error.to_string()));
    let digits = format!("{:016x}{:016x}", random()?, random()?);
    Ok(format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]))
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
            assert_eq!(again_after(failures), Duration::from_secs(seconds), "after {failures}");
        }
    }

    #[test]
    fn a_code_is_another_each_time() {
        let (one, other) = (code().expect("randomness"), code().expect("randomness"));
        assert_eq!(one.len(), 36);
        assert_ne!(one, other);
    }
}
