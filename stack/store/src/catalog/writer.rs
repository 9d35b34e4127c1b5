//! The one writer: a thread that puts all that has queued up into one transaction, so that all who wait share its syncs.

use super::books::Books;
use super::file::Catalog;
use super::jobs::{self, Answer, Done, Job, Jobs, Line, Otherwise, Rest, Senders};
use super::txn::Txn;
use crate::behind;
use crate::clock::Clock;
use crate::error::{Result, StoreError};
use crate::extent::{Extents, Freed};
use crate::rows::FILE;
use crate::usage::{Held, Owner, TenantUsage};
use greenroom_model::TenantName;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tracing::Span;

/// What a transaction takes from the long line: one, and more until so much time has gone.
const LONG_MAX: Duration = Duration::from_millis(4);

#[derive(Debug)]
pub struct Writer {
    jobs: Mutex<Option<Senders>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    shown: Arc<Mutex<Held>>,
    figures: Arc<Mutex<Figures>>,
    /// The file is to be shrunk between two transactions.
    shrink: Arc<AtomicBool>,
}

/// What the counters say as a whole.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    pub live_bytes: u64,
    /// Of everybody.
    pub stored: TenantUsage,
    pub changes: u64,
    /// Of page lists, that one transaction has touched.
    pub rows_max: usize,
}

impl Figures {
    fn take(&mut self, books: &Books) {
        self.live_bytes = books.live_bytes();
        self.stored = books.all;
    }
}

impl Writer {
    pub fn start(catalog: Catalog, mut books: Books, extents: Arc<Extents>, clock: Arc<dyn Clock>) -> Result<Self> {
        let (senders, jobs) = jobs::lines();
        let mut held = Held::default();
        books.show(&mut held);
        let shown = Arc::new(Mutex::new(held));
        let figures = Arc::new(Mutex::new(Figures::default()));
        figures.lock().unwrap_or_else(PoisonError::into_inner).take(&books);
        let (told, trust, sweep) = ((shown.clone(), figures.clone()), Trust::Sure, Sweep::On);
        let shrink = Arc::new(AtomicBool::new(false));
        let (shown_there, figures_there, shrink_there) = (told.0, told.1, shrink.clone());
        let worker = Worker {
            catalog,
            books,
            trust,
            extents,
            clock,
            shown: shown_there,
            figures: figures_there,
            sweep,
            shrink: shrink_there,
            went_long: false,
        };
        let thread = behind::thread("catalog".to_owned(), move || worker.run(jobs));
        let thread = thread.map_err(|error| StoreError::io("start a thread for", Path::new(FILE), error))?;
        Ok(Self { jobs: Mutex::new(Some(senders)), thread: Mutex::new(Some(thread)), shown, figures, shrink })
    }

    /// Runs an operation in the next transaction, and answers when that is durable. An operation looks first and writes then: where it
    /// fails before it has written anything, only it fails. Once queued it is carried out, even if the caller stops waiting.
    pub async fn run<T: Send + 'static>(
        &self,
        line: Line,
        operation: impl FnOnce(&mut Txn<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let span = tracing::debug_span!("commit");
        let within = span.clone();
        let job: Job = Box::new(move |txn| {
            let _within = within.entered();
            let (result, spoiled) = attempt(txn, operation);
            let answer = move |committed: Result<()>| {
                // A caller that has gone away no longer listens.
                drop(reply.send(committed.and(result)));
                None
            };
            Done { spoiled, answer: Box::new(answer) }
        });
        self.queue(line, job, answer).await
    }

    /// Runs an operation in one transaction after the other until it comes to something: as `run`, but that it ends once the caller stops
    /// waiting. After the first time it waits in the long line.
    pub async fn run_in_parts<T: Send + 'static>(
        &self,
        line: Line,
        operation: impl FnMut(&mut Txn<'_>) -> Result<Option<T>> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let span = tracing::debug_span!("commit");
        let waiting = Arc::new(());
        let all = part(operation, reply, Arc::downgrade(&waiting), span.clone());
        self.queue(line, all.job, answer).await
    }

    async fn queue<T>(&self, line: Line, job: Job, answer: oneshot::Receiver<Result<T>>) -> Result<T> {
        let senders = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        senders.ok_or(StoreError::Closed)?.send(line, job).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Has the file shrunk after the next transaction.
    pub fn shrink_next(&self) {
        self.shrink.store(true, Relaxed);
    }

    pub fn tenants(&self) -> BTreeMap<TenantName, TenantUsage> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).tenants.clone()
    }

    pub fn containers(&self) -> Vec<(Owner, TenantUsage)> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).containers.values().cloned().collect()
    }

    pub fn with_held<T>(&self, look: impl FnOnce(&Held) -> T) -> T {
        look(&self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn figures(&self) -> Figures {
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out what is queued and joins the thread.
    pub fn close(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
            && thread.join().is_err()
        {
            tracing::error!("the catalog's writer has panicked");
        }
    }
}

/// Runs an operation as one of many in a transaction. Beside the result is its error, if it had begun to write when it failed.
fn attempt<T>(
    txn: Result<&mut Txn<'_>>,
    operation: impl FnOnce(&mut Txn<'_>) -> Result<T>,
) -> (Result<T>, Option<StoreError>) {
    let mut spoiled = None;
    let result = txn.and_then(|txn| {
        // Others of this transaction may have written before.
        let dirty = std::mem::replace(&mut txn.dirty, false);
        let result = operation(txn);
        spoiled = result.as_ref().err().filter(|_| txn.dirty).cloned();
        txn.dirty |= dirty;
        result
    });
    (result, spoiled)
}

fn part<T: Send + 'static>(
    mut operation: impl FnMut(&mut Txn<'_>) -> Result<Option<T>> + Send + 'static,
    reply: oneshot::Sender<Result<T>>,
    caller: Weak<()>,
    span: Span,
) -> Rest {
    let waiting = caller.clone();
    let job: Job = Box::new(move |txn| {
        let (result, spoiled) = span.in_scope(|| attempt(txn, &mut operation));
        let answer = move |committed: Result<()>| match committed.and(result).transpose() {
            None => Some(part(operation, reply, waiting, span)),
            Some(done) => {
                drop(reply.send(done));
                None
            }
        };
        Done { spoiled, answer: Box::new(answer) }
    });
    Rest { job, caller }
}

struct Worker {
    catalog: Catalog,
    books: Books,
    trust: Trust,
    extents: Arc<Extents>,
    clock: Arc<dyn Clock>,
    shown: Arc<Mutex<Held>>,
    figures: Arc<Mutex<Figures>>,
    sweep: Sweep,
    shrink: Arc<AtomicBool>,
    /// The last transaction had a long operation: short ones that came meanwhile go without another one, once.
    went_long: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Changed {
    /// So many rows of page lists, and others.
    Yes {
        rows: usize,
    },
    No,
}

/// Whether the counters are those of the catalog.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    Sure,
    /// They have run ahead of it, and could not be read back yet: nothing is written until they are.
    InDoubt,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sweep {
    On,
    /// Until somebody's transaction succeeds: a disk that fails is not asked again and again.
    Waits,
    /// It came upon what it cannot read, which must not stop all else. The next start tries again.
    Off,
}

impl Worker {
    fn run(mut self, mut jobs: Jobs) {
        // While there is something to sweep nobody needs to ask for a transaction.
        while let Some(batch) = jobs.short(if self.is_sweeping() { Otherwise::GoOn } else { Otherwise::Wait }) {
            // A panic is somebody's mistake, and costs those who are in this transaction; all others go on.
            if catch_unwind(AssertUnwindSafe(|| self.carry_out(batch, &mut jobs))).is_err() {
                tracing::error!("an operation has panicked: its transaction did not take place, or is read back");
                self.trust = Trust::InDoubt;
            }
        }
    }

    fn is_sweeping(&self) -> bool {
        self.books.garbage && self.sweep == Sweep::On
    }

    fn carry_out(&mut self, batch: Vec<Job>, jobs: &mut Jobs) {
        let mut answers = Vec::with_capacity(batch.len());
        let committed = self.transact(batch, jobs, &mut answers);
        match &committed {
            Ok(changed) => {
                self.resume_sweep();
                self.publish(*changed);
            }
            Err(error) => {
                tracing::error!(%error, operations = answers.len(), "a transaction has failed");
                if self.sweep == Sweep::On {
                    self.sweep = Sweep::Waits;
                }
                self.trust = Trust::InDoubt;
                if let Err(error) = self.settle() {
                    tracing::error!(%error, "cannot read the catalog");
                }
            }
        }
        if self.shrink.swap(false, Relaxed)
            && let Err(error) = self.catalog.shrink()
        {
            tracing::warn!(%error, "the catalog's file could not be shrunk");
        }
        let committed = committed.map(drop);
        jobs.go_on(answers.into_iter().filter_map(|answer| answer(committed.clone())));
        self.books.garbage |= self.books.drafts.forget_dropped();
    }

    fn transact(&mut self, batch: Vec<Job>, jobs: &mut Jobs, answers: &mut Vec<Answer>) -> Result<Changed> {
        let sweeping = self.is_sweeping();
        let write = self.settle().and_then(|()| self.catalog.begin_write());
        let txn = write.as_ref().map_err(Clone::clone);
        let mut txn = match txn.and_then(|write| Txn::begin(write, &mut self.books, self.clock.now())) {
            Ok(txn) => txn,
            Err(error) => {
                let batch = batch.into_iter().chain(jobs.long());
                answers.extend(batch.map(|job| job(Err(error.clone())).answer));
                return Err(error);
            }
        };
        let mut spoiled = None;
        let mut run = |txn: &mut Txn<'_>, job: Job| {
            let done = job(Ok(txn));
            answers.push(done.answer);
            spoiled = spoiled.take().or(done.spoiled);
        };
        let goes_long = batch.is_empty() || !std::mem::take(&mut self.went_long);
        batch.into_iter().for_each(|job| run(&mut txn, job));
        let began = Instant::now();
        txn.make_room();
        while goes_long && let Some(job) = jobs.long() {
            run(&mut txn, job);
            self.went_long = true;
            if began.elapsed() >= LONG_MAX {
                break;
            }
        }
        if let Some(error) = spoiled {
            return Err(error);
        }
        txn.cause = None;
        if sweeping && let Err(error) = txn.sweep() {
            if matches!(error, StoreError::Corrupt { .. }) {
                self.sweep = Sweep::Off;
            }
            return Err(error);
        }
        let (dirty, rows) = (txn.dirty, txn.rows);
        drop(txn);
        if dirty {
            let write = write?;
            self.books.write(&write)?;
            write.commit()?;
        }
        Ok(if dirty { Changed::Yes { rows } } else { Changed::No })
    }

    fn resume_sweep(&mut self) {
        if self.sweep == Sweep::Waits {
            self.sweep = Sweep::On;
        }
    }

    /// Lets others see what the transaction has changed.
    fn publish(&mut self, changed: Changed) {
        if let Changed::Yes { rows } = changed {
            let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
            figures.take(&self.books);
            figures.changes += 1;
            figures.rows_max = figures.rows_max.max(rows);
        }
        self.books.show(&mut self.shown.lock().unwrap_or_else(PoisonError::into_inner));
        let freed = std::mem::replace(&mut self.books.freed, Freed::Nothing);
        let reaped = self.extents.reap(&self.books.extents, freed);
        self.books.forget(&reaped);
    }

    /// Reads the counters back, if a transaction has failed since they were last right. Whether it took place after all is for the
    /// catalog to say: its callers were told of a failure, which rules neither out.
    fn settle(&mut self) -> Result<()> {
        if self.trust == Trust::InDoubt {
            let quotas = self.books.quotas.clone();
            self.books = self.catalog.snapshot()?.books()?;
            self.books.quotas = quotas;
            self.trust = Trust::Sure;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::LONG_MAX;
    use crate::{Config, Result, Store, StoreError, SystemClock};
    use futures::future::join_all;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::sync::{Arc, mpsc};
    use std::time::Instant;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_panic_costs_its_transaction_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path(), Config::default(), Arc::new(SystemClock)).await.expect("it opens");
        let name = |name: &str| greenroom_model::TenantName::new(name).expect("a good name");
        store.put_tenant(name("before")).await.expect("written");
        for _ in 0..3 {
            let spoilt: Result<()> = store
                .write(|txn| {
                    txn.next_id();
                    panic!("a mistake")
                })
                .await;
            assert!(matches!(spoilt, Err(StoreError::Closed)), "{spoilt:?}");
            store.put_tenant(name("after")).await.expect("the next one is written");
        }
        store.pulse().await.expect("it beats");
        store.close().await.expect("it closes");
        assert!(matches!(store.pulse().await, Err(StoreError::Closed)));
        drop(store);
        let store = Store::open(dir.path(), Config::default(), Arc::new(SystemClock)).await.expect("it opens");
        assert_eq!(store.tenants(), [name("after"), name("before")]);
    }

    #[tokio::test]
    async fn what_takes_a_moment_does_not_wait_for_all_that_takes_long() {
        const LONG: usize = 20;
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path(), Config::default(), Arc::new(SystemClock)).await.expect("it opens");
        let (done, (open, gate)) = (Arc::new(AtomicUsize::new(0)), mpsc::channel());
        let (begun, first) = oneshot::channel();
        let mut waits = Some((begun, gate));
        let long = (0..LONG).map(|_| {
            let (done, waits) = (done.clone(), waits.take());
            store.write_long(move |txn| {
                // The first one waits until all the others are there.
                waits.map(|(begun, gate)| (begun.send(()), gate.recv()));
                let began = Instant::now();
                while began.elapsed() < LONG_MAX {}
                txn.next_id();
                Ok(done.fetch_add(1, Relaxed))
            })
        });
        let counted = done.clone();
        let short = async {
            first.await.expect("it is under way");
            let before = store.write(move |txn| {
                txn.next_id();
                Ok(counted.load(Relaxed))
            });
            tokio::join!(before, async { open.send(()).expect("somebody waits") }).0
        };
        let (long, before) = tokio::join!(join_all(long), short);
        assert!(long.into_iter().all(|done| done.is_ok()));
        assert_eq!(before.expect("written"), 1, "the one that was under way");
        assert_eq!(done.load(Relaxed), LONG);
    }
}
