//! What waits for the writer, in two lines: what takes a moment, and what may take long, of which each transaction does a little, so that nobody
//! who wants little waits for all of it.

use super::txn::Txn;
use crate::error::{Result, StoreError};
use futures::executor::block_on;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Weak;
use std::task::Poll;
use tokio::sync::mpsc;

/// Operations of one transaction, and of each line while it runs: more would make the first wait for the last without a gain.
pub const BATCH_MAX: usize = 1_000;

/// Does the operation, or a part of it, and says how to answer once the transaction has ended.
pub type Job = Box<dyn FnOnce(Result<&mut Txn<'_>>) -> Done + Send>;
/// Leaves what is still to be done, if anything.
pub type Answer = Box<dyn FnOnce(Result<()>) -> Option<Rest>>;

pub struct Done {
    /// The operation had begun to write when it failed: its half must not be kept.
    pub spoiled: Option<StoreError>,
    pub answer: Answer,
}

/// What is left of an operation that has begun, for another transaction.
pub struct Rest {
    pub job: Job,
    /// Gone once the caller has gone.
    pub caller: Weak<()>,
}

/// Where an operation waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    Short,
    /// It goes through lists that a client decides the length of.
    Long,
}

#[derive(Debug, Clone)]
pub struct Senders {
    short: mpsc::Sender<Job>,
    long: mpsc::Sender<Job>,
}

pub struct Jobs {
    short: mpsc::Receiver<Job>,
    long: mpsc::Receiver<Job>,
    /// The first of its line, once somebody has looked for it.
    next_long: Option<Job>,
    /// Of operations that have begun: they take turns with the long line.
    rests: VecDeque<Rest>,
    is_turn_of_rests: bool,
}

/// What to do where nobody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    Wait,
    GoOn,
}

pub fn lines() -> (Senders, Jobs) {
    let ((short, shorts), (long, longs)) = (mpsc::channel(BATCH_MAX), mpsc::channel(BATCH_MAX));
    let rests = VecDeque::new();
    (Senders { short, long }, Jobs { short: shorts, long: longs, next_long: None, rests, is_turn_of_rests: false })
}

impl Senders {
    pub async fn send(&self, line: Line, job: Job) -> Result<()> {
        let sender = match line {
            Line::Short => &self.short,
            Line::Long => &self.long,
        };
        sender.send(job).await.map_err(|_| StoreError::Closed)
    }
}

impl Jobs {
    /// All that wait in the short line, which may be none where somebody else waits. `None` once both lines have ended, and nothing is left.
    pub fn short(&mut self, otherwise: Otherwise) -> Option<Vec<Job>> {
        let mut batch = Vec::new();
        let more = block_on(poll_fn(|cx| {
            let mut ended = self.short.poll_recv_many(cx, &mut batch, BATCH_MAX) == Poll::Ready(0);
            if self.next_long.is_none() {
                match self.long.poll_recv(cx) {
                    Poll::Ready(job) => self.next_long = job,
                    Poll::Pending => ended = false,
                }
            }
            let some = !batch.is_empty() || self.next_long.is_some() || !self.rests.is_empty();
            let ready = some || ended || otherwise == Otherwise::GoOn;
            if ready { Poll::Ready(some || !ended) } else { Poll::Pending }
        }));
        more.then_some(batch)
    }

    pub fn long(&mut self) -> Option<Job> {
        self.rests.retain(|rest| rest.caller.strong_count() > 0);
        self.is_turn_of_rests = !self.is_turn_of_rests;
        let rest = if self.is_turn_of_rests { self.rests.pop_front() } else { None };
        let job = rest.map(|rest| rest.job).or_else(|| self.next_long.take()).or_else(|| self.long.try_recv().ok());
        job.or_else(|| self.rests.pop_front().map(|rest| rest.job))
    }

    pub fn go_on(&mut self, rests: impl IntoIterator<Item = Rest>) {
        self.rests.extend(rests);
    }
}
