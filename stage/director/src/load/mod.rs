//! Open-loop load on one container of a Blob endpoint: requests begin when the schedule says, whether or not earlier ones were
//! answered, and each latency counts from then. A server that stalls cannot make the generator wait and look well (coordinated omission).

mod meter;
mod schedule;
mod shape;
mod target;

pub use meter::{Meter, OpReport, Report};
pub use schedule::Op;
pub use shape::{Arrivals, Mix, Rate, Shape};
pub use target::{Target, TargetError};

use crate::clock::{Stopwatch, pause};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use greenroom_show::Micros;
use schedule::{Arrival, Schedule, times};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use target::Answer;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What is still under way when the time is over may take so long to be answered; then it counts as unanswered.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// And so long where the load is stopped before: who stops it waits for its end.
const STOPPED_DRAIN_MAX: Duration = Duration::from_secs(1);
/// The pacer looks this often whether it is to stop.
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// Blobs that are written at once before reads may begin.
const PREPARED_AT_ONCE: usize = 16;
/// Random bytes beyond the longest body: each body is a slice that begins elsewhere.
const CONTENT_SPARE_BYTES: usize = 1 << 16;

/// Writes what will be read, and says how many blobs that were. Not part of the measurement.
pub async fn prepare(shape: &Shape, target: &Target, cancel: &CancellationToken) -> Result<u32, TargetError> {
    if shape.mix().get == 0 {
        return Ok(0);
    }
    let content = content(shape);
    let write = stream::iter(0..shape.keys)
        .map(|key| {
            let body = body(&content, shape, u64::from(key));
            async move { target.put(key, body).await }
        })
        .buffer_unordered(PREPARED_AT_ONCE)
        .try_fold((), |(), _| async { Ok(()) });
    tokio::select! {
        written = write => written.map(|()| shape.keys),
        () = cancel.cancelled() => Err(TargetError::Cancelled),
    }
}

/// Runs the schedule to its end, or until it is cancelled; either way what was measured is in the meter.
pub async fn run(shape: &Shape, target: &Arc<Target>, meter: &Arc<Meter>, cancel: &CancellationToken) {
    let watch = Stopwatch::start();
    meter.begin();
    let due = Arc::new(Semaphore::new(0));
    let schedule = Arc::new(Mutex::new(Schedule::new(shape)));
    let content = content(shape);
    let mut workers = JoinSet::new();
    for _ in 0..shape.connections.get() {
        let worker = Worker {
            watch,
            shape: shape.clone(),
            content: content.clone(),
            target: target.clone(),
            meter: meter.clone(),
            due: due.clone(),
            schedule: schedule.clone(),
        };
        workers.spawn(worker.run());
    }
    let scheduled = pace(shape.clone(), watch, due.clone(), cancel.clone()).await;
    due.close();
    let patience = async {
        tokio::select! {
            () = tokio::time::sleep(DRAIN_MAX) => {}
            () = cancel.cancelled() => tokio::time::sleep(STOPPED_DRAIN_MAX).await,
        }
    };
    tokio::select! {
        () = async { while workers.join_next().await.is_some() {} } => {}
        () = patience => {}
    }
    // Whoever still waits for an answer says so as it ends.
    workers.shutdown().await;
    let ended = watch.now();
    // What was due and never begun waited at least until now: left out, the slowest would be missing.
    let schedule =
        std::mem::replace(&mut *schedule.lock().unwrap_or_else(PoisonError::into_inner), Schedule::new(shape));
    let taken = schedule.taken();
    let missed: Vec<_> =
        schedule.take(usize::try_from(scheduled.saturating_sub(taken)).unwrap_or(usize::MAX)).collect();
    meter.end(scheduled, ended, missed.into_iter().map(|arrival| (arrival.op, ended.saturating_sub(arrival.at))));
}

/// Lets a request go at each of its times; how many there were. A thread of its own, since the runtime's timers tick in milliseconds.
async fn pace(shape: Shape, watch: Stopwatch, due: Arc<Semaphore>, cancel: CancellationToken) -> u64 {
    let paced = tokio::task::spawn_blocking(move || {
        let mut count = 0;
        for at in times(&shape) {
            while let Some(left) = at.checked_sub(watch.now()).filter(|left| *left > 0) {
                if cancel.is_cancelled() {
                    return count;
                }
                pause(Duration::from_micros(left).min(PAUSE_MAX));
            }
            if cancel.is_cancelled() {
                return count;
            }
            due.add_permits(1);
            count += 1;
        }
        let end = Micros::try_from(shape.lasts.as_micros()).unwrap_or(Micros::MAX);
        while let Some(left) = end.checked_sub(watch.now()).filter(|left| *left > 0 && !cancel.is_cancelled()) {
            pause(Duration::from_micros(left).min(PAUSE_MAX));
        }
        count
    });
    paced.await.unwrap_or_default()
}

/// One connection: it takes what is due next, and sends it.
struct Worker {
    watch: Stopwatch,
    shape: Shape,
    content: Bytes,
    target: Arc<Target>,
    meter: Arc<Meter>,
    due: Arc<Semaphore>,
    schedule: Arc<Mutex<Schedule>>,
}

impl Worker {
    async fn run(self) {
        while let Ok(permit) = self.due.acquire().await {
            permit.forget();
            let next = self.schedule.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(arrival) = next else { return };
            let under_way = UnderWay { worker: &self, arrival, began: self.watch.now() };
            let answer = match arrival.op {
                Op::Put => self.target.put(arrival.key, body(&self.content, &self.shape, arrival.nonce)).await,
                Op::Get => self.target.get(arrival.key).await,
                Op::List => self.target.list().await,
                Op::Delete => self.target.delete(arrival.key).await,
            };
            under_way.answered(answer);
        }
    }
}

/// A request that was begun. Dropped before it was answered, it counts as one that never was.
struct UnderWay<'a> {
    worker: &'a Worker,
    arrival: Arrival,
    began: Micros,
}

impl UnderWay<'_> {
    fn answered(self, answer: Result<Answer, TargetError>) {
        self.worker.meter.record(self.arrival.op, self.late(), self.waited(), answer);
        // It holds nothing to let go of.
        std::mem::forget(self);
    }

    fn late(&self) -> Micros {
        self.began.saturating_sub(self.arrival.at)
    }

    fn waited(&self) -> Micros {
        self.worker.watch.now().saturating_sub(self.arrival.at)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.worker.meter.give_up(self.arrival.op, self.late(), self.waited());
    }
}

/// Bytes that no reduction shrinks, made once from the seed.
fn content(shape: &Shape) -> Bytes {
    let bytes = usize::try_from(shape.size.as_u64()).unwrap_or(usize::MAX).saturating_add(CONTENT_SPARE_BYTES);
    let mut content = vec![0; bytes];
    schedule::random(shape.seed, "content").fill(&mut content);
    content.into()
}

fn body(content: &Bytes, shape: &Shape, nonce: u64) -> Bytes {
    let length = content.len().min(usize::try_from(shape.size.as_u64()).unwrap_or(usize::MAX));
    let spare = (content.len() - length).max(1) as u64;
    let from = usize::try_from(nonce.wrapping_mul(4093) % spare).unwrap_or_default();
    content.slice(from..from + length)
}

#[cfg(test)]
mod tests;
