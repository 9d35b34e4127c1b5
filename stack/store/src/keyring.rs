//! Which data keys are unwrapped, and for how long. What is held is cleared when its time is over, whoever asks for it or does not.

use crate::clock::{Clock, Timestamp};
use crate::error::{Result, StoreError};
use crate::keys::DataKeyRecord;
use crate::seal::{DATA_KEY_BYTES, DataKey};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// Unwraps data keys: the node's own key, or a vault.
pub trait Wrapping: fmt::Debug + Send + Sync + 'static {
    fn unwrap<'w>(&'w self, key: &'w DataKeyRecord) -> BoxFuture<'w, Result<Unwrapped, KeyFault>>;
}

pub type Unwrapped = Box<Zeroizing<[u8; DATA_KEY_BYTES]>>;

/// Why a data key is not to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Whoever holds the wrapping key says no.
    #[error("{0}")]
    Denied(String),
    /// Nobody answers.
    #[error("{0}")]
    Away(String),
}

impl From<KeyFault> for StoreError {
    fn from(fault: KeyFault) -> Self {
        match fault {
            KeyFault::Denied(why) => StoreError::KeyDenied(why.into()),
            KeyFault::Away(why) => StoreError::KeyAway(why.into()),
        }
    }
}

/// How long keys are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// From the last yes of whoever wraps it: then it is cleared.
    pub most: Duration,
    /// From the last yes until it is asked for again; meanwhile it is used.
    pub fresh: Duration,
}

impl Default for Hold {
    fn default() -> Self {
        Self { most: Duration::from_secs(300), fresh: Duration::from_secs(60) }
    }
}

/// A no, or a silence, holds for so long before the next question.
const QUIET: Duration = Duration::from_secs(1);

pub struct Keyring {
    clock: Arc<dyn Clock>,
    hold: Mutex<Hold>,
    wrapping: OnceLock<Arc<dyn Wrapping>>,
    slots: Mutex<BTreeMap<u32, Arc<Slot>>>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Slot {
    standing: Mutex<Standing>,
    unwraps: AtomicU64,
    /// Whoever asks for it: one at a time.
    turn: tokio::sync::Mutex<()>,
}

/// How one key stands.
#[derive(Debug, Default)]
struct Standing {
    /// With the time of the last yes.
    held: Option<(Arc<DataKey>, Timestamp)>,
    /// With its time.
    fault: Option<(KeyFault, Timestamp)>,
}

/// What whoever needs a key does.
#[derive(Debug)]
enum Next {
    Use(Arc<DataKey>),
    /// Somebody asks anew; others use it meanwhile.
    Renew(Arc<DataKey>),
    Ask,
    Fail(KeyFault),
}

impl Standing {
    /// Pure but for clearing what is over.
    fn next(&mut self, now: Timestamp, hold: Hold) -> Next {
        self.forget(now, hold);
        let quiet = self.fault.as_ref().filter(|(_, at)| within(*at, now, QUIET));
        match (&self.held, quiet) {
            (Some((key, asked)), _) if within(*asked, now, hold.fresh) => Next::Use(key.clone()),
            (Some((key, _)), Some(_)) => Next::Use(key.clone()),
            (Some((key, _)), None) => Next::Renew(key.clone()),
            (None, Some((fault, _))) => Next::Fail(fault.clone()),
            (None, None) => Next::Ask,
        }
    }

    fn forget(&mut self, now: Timestamp, hold: Hold) {
        self.held.take_if(|(_, asked)| !within(*asked, now, hold.most));
    }

    fn learn(&mut self, number: u32, answer: Result<Unwrapped, KeyFault>, now: Timestamp) {
        match answer {
            Ok(bytes) => {
                let key = DataKey::new(number, bytes);
                *self = Self { held: Some((Arc::new(key), now)), fault: None };
            }
            Err(fault @ KeyFault::Denied(_)) => *self = Self { held: None, fault: Some((fault, now)) },
            Err(fault @ KeyFault::Away(_)) => self.fault = Some((fault, now)),
        }
    }
}

/// Whether a time is less than so long ago. A clock that was set back proves nothing: no.
fn within(at: Timestamp, now: Timestamp, span: Duration) -> bool {
    let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    (at.0..at.0.saturating_add(span)).contains(&now.0)
}

impl Keyring {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, hold: Mutex::default(), wrapping: OnceLock::new(), slots: Mutex::default() }
    }

    /// Who unwraps. Once.
    pub fn attach(&self, wrapping: Arc<dyn Wrapping>, hold: Hold) {
        *self.hold.lock().unwrap_or_else(PoisonError::into_inner) = hold;
        if self.wrapping.set(wrapping).is_err() {
            tracing::error!("who unwraps keys was said twice");
        }
    }

    fn hold(&self) -> Hold {
        *self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key, where it is held. Does not wait.
    pub fn held(&self, number: u32) -> Option<Arc<DataKey>> {
        let slot = self.slots().get(&number)?.clone();
        match slot.standing().next(self.clock.now(), self.hold()) {
            Next::Use(key) | Next::Renew(key) => Some(key),
            Next::Ask | Next::Fail(_) => None,
        }
    }

    /// The key, unwrapped where it must be; of many who ask at once one asks the vault. `find` says how it is wrapped.
    pub async fn unlock(&self, number: u32, find: impl Fn() -> Result<DataKeyRecord>) -> Result<Arc<DataKey>> {
        let slot = self.slots().entry(number).or_default().clone();
        let next = slot.standing().next(self.clock.now(), self.hold());
        let _turn = match next {
            Next::Use(key) => return Ok(key),
            Next::Fail(fault) => return Err(fault.into()),
            Next::Renew(key) => match slot.turn.try_lock() {
                Ok(turn) => turn,
                Err(_) => return Ok(key),
            },
            Next::Ask => slot.turn.lock().await,
        };
        // Whoever had the turn before may have asked.
        match slot.standing().next(self.clock.now(), self.hold()) {
            Next::Use(key) => return Ok(key),
            Next::Fail(fault) => return Err(fault.into()),
            Next::Renew(_) | Next::Ask => {}
        }
        let key = find()?;
        // From before the question: what was revoked while it was answered is not held for longer than was said.
        let asked = self.clock.now();
        let answer = match self.wrapping.get() {
            Some(wrapping) => wrapping.unwrap(&key).await,
            None => Err(KeyFault::Away("nobody unwraps keys here".to_owned())),
        };
        slot.unwraps.fetch_add(u64::from(answer.is_ok()), Relaxed);
        let mut standing = slot.standing();
        standing.learn(number, answer, asked);
        match standing.next(asked, self.hold()) {
            Next::Use(key) | Next::Renew(key) => Ok(key),
            Next::Fail(fault) => Err(fault.into()),
            Next::Ask => Err(StoreError::KeyAway("the key's time was over at once".into())),
        }
    }

    /// Whether a key can be used as far as is known, without asking; and how often it was unwrapped.
    pub fn known(&self, number: u32) -> (bool, u64) {
        let Some(slot) = self.slots().get(&number).cloned() else { return (true, 0) };
        let mut standing = slot.standing();
        standing.forget(self.clock.now(), self.hold());
        (standing.held.is_some() || standing.fault.is_none(), slot.unwraps.load(Relaxed))
    }

    /// Clears what has been held for long enough. To be called now and then.
    pub fn forget(&self) {
        let (now, hold) = (self.clock.now(), self.hold());
        self.slots().values().for_each(|slot| slot.standing().forget(now, hold));
    }

    /// Clears a key at once, and what is known of it.
    pub fn clear(&self, number: u32) {
        self.slots().remove(&number);
    }
}

impl Slot {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        // It is whole after every statement.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{DataKeyId, DataKeyState, KeyPurpose, Wrapped};
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst};

    #[derive(Debug, Default)]
    struct Time(AtomicI64);

    impl Clock for Time {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(SeqCst))
        }
    }

    /// A vault that says what it is told to.
    #[derive(Debug)]
    struct Vault {
        says: Mutex<Option<KeyFault>>,
        asked: AtomicUsize,
    }

    impl Wrapping for Vault {
        fn unwrap<'w>(&'w self, _: &'w DataKeyRecord) -> BoxFuture<'w, Result<Unwrapped, KeyFault>> {
            Box::pin(async {
                self.asked.fetch_add(1, SeqCst);
                tokio::task::yield_now().await;
                match self.says.lock().expect("no panic").clone() {
                    None => Ok(Box::new(Zeroizing::new([3; DATA_KEY_BYTES]))),
                    Some(fault) => Err(fault),
                }
            })
        }
    }

    struct Bed {
        time: Arc<Time>,
        vault: Arc<Vault>,
        ring: Keyring,
    }

    impl Bed {
        fn new() -> Bed {
            let time = Arc::<Time>::default();
            let vault = Arc::new(Vault { says: Mutex::default(), asked: AtomicUsize::new(0) });
            let ring = Keyring::new(time.clone());
            ring.attach(vault.clone(), Hold { most: Duration::from_secs(300), fresh: Duration::from_secs(60) });
            Bed { time, vault, ring }
        }

        fn pass(&self, seconds: i64) {
            self.time.0.fetch_add(seconds * 1_000_000, SeqCst);
        }

        fn says(&self, fault: Option<KeyFault>) {
            *self.vault.says.lock().expect("no panic") = fault;
        }

        async fn unlock(&self) -> Result<Arc<DataKey>> {
            self.ring.unlock(1, || Ok(key())).await
        }

        fn asked(&self) -> usize {
            self.vault.asked.load(SeqCst)
        }
    }

    fn key() -> DataKeyRecord {
        DataKeyRecord {
            number: 1,
            tenant: greenroom_model::TenantName::new("gold").expect("a good name"),
            generation: 1,
            state: DataKeyState::Active,
            wrapped: Wrapped { by: "node".into(), algorithm: "x".into(), bytes: vec![1] },
            created: Timestamp(0),
            id: DataKeyId([1; 16]),
            purpose: KeyPurpose::Tenant,
        }
    }

    fn denied() -> Option<KeyFault> {
        Some(KeyFault::Denied("disabled".into()))
    }

    fn away() -> Option<KeyFault> {
        Some(KeyFault::Away("no route".into()))
    }

    #[tokio::test]
    async fn many_who_ask_at_once_ask_once_and_then_nobody_for_a_while() {
        let bed = Bed::new();
        let all = futures::future::join_all((0..100).map(|_| bed.unlock())).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(bed.asked(), 1);
        bed.pass(59);
        assert!(bed.unlock().await.is_ok() && bed.ring.held(1).is_some());
        assert_eq!(bed.asked(), 1);
        bed.pass(2);
        let all = futures::future::join_all((0..100).map(|_| bed.unlock())).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(bed.asked(), 2);
    }

    #[tokio::test]
    async fn a_no_is_a_no_as_soon_as_it_is_heard() {
        let bed = Bed::new();
        bed.unlock().await.expect("a key");
        bed.says(denied());
        bed.pass(61);
        assert!(matches!(bed.unlock().await, Err(StoreError::KeyDenied(_))));
        assert!(bed.ring.held(1).is_none());
        for _ in 0..10 {
            assert!(matches!(bed.unlock().await, Err(StoreError::KeyDenied(_))));
        }
        assert_eq!(bed.asked(), 2, "a no holds for a moment");
        assert_eq!(bed.ring.known(1), (false, 1));
        bed.says(None);
        bed.pass(1);
        assert!(bed.unlock().await.is_ok(), "the key is back");
        assert_eq!((bed.ring.known(1), bed.ring.known(2)), ((true, 2), (true, 0)));
    }

    #[tokio::test]
    async fn silence_is_bridged_until_the_time_of_the_key_is_over() {
        let bed = Bed::new();
        bed.unlock().await.expect("a key");
        bed.says(away());
        for _ in 0..4 {
            bed.pass(60);
            assert!(bed.unlock().await.is_ok());
        }
        bed.pass(59);
        assert!(bed.unlock().await.is_ok());
        bed.pass(1);
        assert!(bed.ring.held(1).is_none());
        assert!(matches!(bed.unlock().await, Err(StoreError::KeyAway(_))));
        bed.says(None);
        bed.pass(1);
        assert!(bed.unlock().await.is_ok(), "it recovers");
    }

    #[tokio::test]
    async fn what_nobody_asks_for_is_cleared_and_a_clock_set_back_proves_nothing() {
        let bed = Bed::new();
        bed.pass(1_000);
        let weak = Arc::downgrade(&bed.unlock().await.expect("a key"));
        bed.pass(299);
        bed.ring.forget();
        assert!(weak.upgrade().is_some());
        bed.pass(1);
        bed.ring.forget();
        assert!(weak.upgrade().is_none(), "it is in memory still");
        let weak = Arc::downgrade(&bed.unlock().await.expect("a key"));
        bed.pass(-500);
        assert!(bed.ring.held(1).is_none() && weak.upgrade().is_none());
    }

    #[tokio::test]
    async fn whoever_asks_while_nobody_unwraps_is_told_so() {
        let ring = Keyring::new(Arc::<Time>::default());
        let asked = ring.unlock(1, || Ok(key())).await;
        assert!(matches!(asked, Err(StoreError::KeyAway(_))));
    }
}
