//! The scheduler at work: one short lock, never held while anybody waits, and a channel for each who does.

use super::pace::Pace;
use super::scheduler::{Kind, Limits, Next, Over, Piece, Scheduler, TenantId, Terms, Ticket, Verdict};
use greenroom_model::tenancy::Share;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};

/// Requests of one tenant that may wait. A client has a few hundred connections at most; who has more is told to slow down.
const QUEUE_MAX: usize = 2_048;
/// A request that waited this long is told to come again: clients give up on their own somewhat later.
const WAIT_MAX: Duration = Duration::from_secs(25);

/// A request that may not even wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    #[error("operations per second are over the limit")]
    Operations,
    #[error("bytes per second are over the limit")]
    Bytes,
}

/// Admission of all tenants. Clones are one.
#[derive(Debug, Clone)]
pub struct Admission {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    began: Instant,
    on: AtomicBool,
    tickets: AtomicU64,
    queue: Mutex<Queue>,
    /// Something waits for a time to come.
    timed: Notify,
}

#[derive(Debug)]
struct Queue {
    scheduler: Scheduler,
    waiting: HashMap<Ticket, oneshot::Sender<()>>,
    /// When the timer is due, if it is set.
    due: Option<u64>,
}

/// A tenant's way in.
#[derive(Debug, Clone)]
pub struct Gate {
    admission: Admission,
    tenant: TenantId,
}

/// Takes a ticket out of the queue again unless it was used.
struct Waiting<'g> {
    gate: &'g Gate,
    ticket: Ticket,
    used: bool,
}

impl Admission {
    pub fn new(slots: u32) -> Self {
        let limits = Limits { slots: slots.max(2), queue_max: QUEUE_MAX };
        let queue = Queue { scheduler: Scheduler::new(limits), waiting: HashMap::new(), due: None };
        Self {
            parts: Arc::new(Parts {
                began: Instant::now(),
                on: AtomicBool::new(true),
                tickets: AtomicU64::new(0),
                queue: Mutex::new(queue),
                timed: Notify::new(),
            }),
        }
    }

    /// Wakes those whose time has come, until dropped or aborted. One such task is enough for all tenants.
    pub async fn keep_time(self) {
        loop {
            let due = self.queue().due;
            match due {
                None => self.parts.timed.notified().await,
                Some(due) => {
                    let left = Duration::from_nanos(due.saturating_sub(self.now()));
                    tokio::select! {
                        () = tokio::time::sleep(left) => self.pump(&mut self.queue()),
                        () = self.parts.timed.notified() => {}
                    }
                }
            }
        }
    }

    pub fn add(&self, share: &Share) -> Gate {
        let tenant = self.queue().scheduler.add(terms(share));
        Gate { admission: self.clone(), tenant }
    }

    /// Other shares from now on.
    pub fn change(&self, gate: &Gate, share: &Share) {
        let now = self.now();
        let mut queue = self.queue();
        queue.scheduler.change(gate.tenant, terms(share), now);
        self.pump(&mut queue);
    }

    pub fn is_on(&self) -> bool {
        self.parts.on.load(Relaxed)
    }

    /// Off, nobody waits: who does is let by at once.
    pub fn switch_on(&self) {
        self.parts.on.store(true, Relaxed);
    }

    pub fn switch_off(&self) {
        self.parts.on.store(false, Relaxed);
        let now = self.now();
        let mut queue = self.queue();
        for (_, ticket) in queue.scheduler.let_all_by(now) {
            queue.waiting.remove(&ticket).map(|waiting| waiting.send(()));
        }
        queue.due = None;
    }

    pub fn in_flight(&self) -> (u64, u64) {
        let queue = self.queue();
        (u64::from(queue.scheduler.all_in_use()), queue.scheduler.all_queued() as u64)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.parts.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.parts.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts all that may start.
    fn pump(&self, queue: &mut Queue) {
        loop {
            match queue.scheduler.next(self.now()) {
                Next::Grant(tenant, ticket) => {
                    let sent = queue.waiting.remove(&ticket).is_some_and(|waiting| waiting.send(()).is_ok());
                    if !sent {
                        queue.scheduler.release(tenant);
                    }
                }
                Next::At(due) => {
                    if queue.due != Some(due) {
                        queue.due = Some(due);
                        self.parts.timed.notify_one();
                    }
                    return;
                }
                Next::Nobody => {
                    queue.due = None;
                    return;
                }
            }
        }
    }
}

impl Gate {
    /// Whether a request may begin: now, or after a wait, whose length it says. `leave` gives the place back.
    pub async fn enter(&self) -> Result<Duration, Busy> {
        self.pass(Kind::Operation, 0).await
    }

    /// Whether so many bytes more of a request that has begun may be worked on. It waits as long as it takes: what is half done is
    /// better finished.
    pub async fn more(&self, bytes: u64) -> Duration {
        self.pass(Kind::More, bytes).await.unwrap_or_default()
    }

    /// As `more`, in the order in which it is asked for, and for nothing but a place.
    pub async fn next(&self) {
        // Only what begins is ever refused.
        let _ = self.pass(Kind::InOrder, 0).await;
    }

    /// Whether others want something too, and are to be seen soon.
    pub fn is_shared(&self) -> bool {
        self.admission.is_on() && self.admission.queue().scheduler.is_shared()
    }

    /// A place at once, if there is one.
    pub fn try_more(&self, bytes: u64) -> bool {
        let piece = Piece { ticket: self.ticket(), bytes, kind: Kind::More };
        let mut queue = self.admission.queue();
        if !self.admission.is_on() {
            queue.scheduler.force(self.tenant, piece, self.admission.now());
            return true;
        }
        match queue.scheduler.ask(self.tenant, piece, self.admission.now()) {
            Verdict::Granted => true,
            Verdict::Queued | Verdict::Refused(_) => {
                queue.scheduler.cancel(self.tenant, piece.ticket);
                false
            }
        }
    }

    pub fn leave(&self) {
        let mut queue = self.admission.queue();
        queue.scheduler.release(self.tenant);
        if !queue.waiting.is_empty() {
            self.admission.pump(&mut queue);
        }
    }

    /// Bytes that were worked on without being asked for.
    pub fn charge(&self, bytes: u64) {
        let now = self.admission.now();
        self.admission.queue().scheduler.charge(self.tenant, bytes, now);
    }

    /// At work, and waiting.
    pub fn in_flight(&self) -> (u64, u64) {
        let queue = self.admission.queue();
        (u64::from(queue.scheduler.in_use(self.tenant)), queue.scheduler.queued(self.tenant) as u64)
    }

    fn ticket(&self) -> Ticket {
        self.admission.parts.tickets.fetch_add(1, Relaxed)
    }

    async fn pass(&self, kind: Kind, bytes: u64) -> Result<Duration, Busy> {
        let piece = Piece { ticket: self.ticket(), bytes, kind };
        let granted = {
            let mut queue = self.admission.queue();
            let now = self.admission.now();
            if !self.admission.is_on() {
                queue.scheduler.force(self.tenant, piece, now);
                return Ok(Duration::ZERO);
            }
            match queue.scheduler.ask(self.tenant, piece, now) {
                Verdict::Granted => return Ok(Duration::ZERO),
                Verdict::Refused(Over::Operations) => return Err(Busy::Operations),
                Verdict::Refused(Over::Bytes) => return Err(Busy::Bytes),
                Verdict::Queued => {
                    let (grant, granted) = oneshot::channel();
                    queue.waiting.insert(piece.ticket, grant);
                    self.admission.pump(&mut queue);
                    granted
                }
            }
        };
        let began = Instant::now();
        let mut waiting = Waiting { gate: self, ticket: piece.ticket, used: false };
        let mut granted = granted;
        match kind {
            Kind::More | Kind::InOrder => drop((&mut granted).await),
            Kind::Operation => {
                if tokio::time::timeout(WAIT_MAX, &mut granted).await.is_err() {
                    return Err(Busy::Operations);
                }
            }
        }
        waiting.used = true;
        Ok(began.elapsed())
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.used {
            return;
        }
        let mut queue = self.gate.admission.queue();
        match queue.waiting.remove(&self.ticket) {
            Some(_) => queue.scheduler.cancel(self.gate.tenant, self.ticket),
            // It was granted at the very moment in which its request went away.
            None => queue.scheduler.release(self.gate.tenant),
        }
        self.gate.admission.pump(&mut queue);
    }
}

fn terms(share: &Share) -> Terms {
    // What is reserved is owed within a short time, not saved up.
    const RESERVE_BURST_S: f64 = 0.1;
    let burst_s = share.burst_s;
    Terms {
        weight: share.weight.max(1),
        reserve_ops: share.reserve.ops_per_s.map(|rate| Pace::new(rate, RESERVE_BURST_S)),
        reserve_bytes: share.reserve.bytes_per_s.map(|rate| Pace::new(rate.0, RESERVE_BURST_S)),
        ceiling_ops: share.ceiling.ops_per_s.map(|rate| Pace::new(rate, burst_s)),
        ceiling_bytes: share.ceiling.bytes_per_s.map(|rate| Pace::new(rate.0, burst_s)),
        in_flight_max: share.in_flight.unwrap_or(u32::MAX),
    }
}
