//! One inbox a window: what its page asks is done in the order in which it was asked. Knows no call.

use futures::future::BoxFuture;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tauri::async_runtime;
use tokio::{sync::mpsc, time::timeout};

/// Calls that wait. A hand asks some hundred times a second, and the director answers most within a millisecond.
const WAITING_MAX: usize = 1024;
/// A call that takes longer goes on beside those that follow: the key that stops a step does not wait for a reset to end.
const ALONE_MAX: Duration = Duration::from_millis(200);
/// A call that was made later may come first, but not much: what has not come by then, or is not among this many, is lost.
const MISSING_MAX: Duration = Duration::from_secs(1);
const EARLY_MAX: usize = 64;

/// The inboxes of all windows, by label.
#[derive(Debug, Default)]
pub struct Inboxes(Mutex<BTreeMap<String, mpsc::Sender<Job>>>);

/// One call, and its turn among those of its page. Whoever counts none is served as they come.
pub struct Job {
    pub turn: Option<u64>,
    pub work: BoxFuture<'static, ()>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("turn", &self.turn).finish_non_exhaustive()
    }
}

impl Inboxes {
    /// Takes a job, or gives it back where too many wait.
    pub fn put(&self, label: &str, job: Job) -> Result<(), Job> {
        let mut inboxes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let inbox = inboxes.entry(label.to_string()).or_insert_with(|| {
            let (inbox, waiting) = mpsc::channel(WAITING_MAX);
            async_runtime::spawn(work(waiting));
            inbox
        });
        inbox.try_send(job).map_err(mpsc::error::TrySendError::into_inner)
    }

    /// A page counts its turns from its beginning. What an earlier one has asked is still done.
    pub fn renew(&self, label: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(label);
    }
}

/// Does what comes, one after the other, until nobody can send any more.
async fn work(mut waiting: mpsc::Receiver<Job>) {
    let mut line = Line::<Job>::default();
    loop {
        while let Some(job) = line.next() {
            // A task of its own, so that it goes on where this one does not wait for its end.
            let _ = timeout(ALONE_MAX, tokio::spawn(job.work)).await;
        }
        let came = match line.is_empty() {
            true => Ok(waiting.recv().await),
            false => timeout(MISSING_MAX, waiting.recv()).await,
        };
        match came {
            Ok(Some(job)) => line.join(job.turn, job),
            Ok(None) if line.is_empty() => return,
            Ok(None) | Err(_) => line.skip(),
        }
    }
}

/// Jobs in their order, and those that have come before theirs.
#[derive(Debug)]
struct Line<T> {
    /// The turn that comes next.
    next: u64,
    due: Option<T>,
    early: BTreeMap<u64, T>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { next: 0, due: None, early: BTreeMap::new() }
    }
}

impl<T> Line<T> {
    /// Called once `next` has nothing more.
    fn join(&mut self, turn: Option<u64>, job: T) {
        match turn.filter(|turn| *turn >= self.next) {
            Some(turn) => {
                self.early.insert(turn, job);
                if self.early.len() > EARLY_MAX {
                    self.skip();
                }
            }
            None => self.due = Some(job),
        }
    }

    fn next(&mut self) -> Option<T> {
        if let Some(job) = self.due.take() {
            return Some(job);
        }
        let job = self.early.remove(&self.next)?;
        self.next += 1;
        Some(job)
    }

    /// Goes on without those that are missing.
    fn skip(&mut self) {
        self.next = self.early.keys().next().copied().unwrap_or(self.next);
    }

    fn is_empty(&self) -> bool {
        self.early.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::time::sleep;

    /// Names in the order in which their jobs ended.
    type Done = Arc<Mutex<Vec<&'static str>>>;

    fn job(done: &Done, turn: Option<u64>, name: &'static str, takes: Duration) -> Job {
        let done = done.clone();
        let work = async move {
            sleep(takes).await;
            done.lock().expect("no job panics").push(name);
        };
        Job { turn, work: Box::pin(work) }
    }

    async fn all(jobs: Vec<Job>) {
        let (inbox, waiting) = mpsc::channel(WAITING_MAX);
        for job in jobs {
            inbox.send(job).await.expect("it fits");
        }
        drop(inbox);
        work(waiting).await;
        // What goes on beside.
        sleep(Duration::from_secs(60)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn calls_end_in_the_order_in_which_the_page_has_made_them() {
        let (done, soon) = (Done::default(), Duration::from_millis(1));
        let jobs = vec![
            job(&done, Some(0), "down", Duration::from_millis(50)),
            job(&done, Some(2), "none", soon),
            job(&done, Some(1), "along", Duration::from_millis(20)),
            job(&done, None, "uncounted", soon),
            job(&done, Some(3), "next", soon),
        ];
        all(jobs).await;
        assert_eq!(*done.lock().expect("no job panics"), ["down", "along", "none", "uncounted", "next"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_call_goes_on_beside_those_that_follow() {
        let (done, soon) = (Done::default(), Duration::from_millis(1));
        let jobs = vec![job(&done, Some(0), "reset", Duration::from_secs(9)), job(&done, Some(1), "stop", soon)];
        all(jobs).await;
        assert_eq!(*done.lock().expect("no job panics"), ["stop", "reset"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_comes_holds_the_others_up_for_a_moment_only() {
        let (done, soon) = (Done::default(), Duration::from_millis(1));
        let late = job(&done, Some(0), "late", soon);
        let jobs = vec![job(&done, Some(2), "third", soon), job(&done, Some(1), "second", soon)];
        let (inbox, waiting) = mpsc::channel(WAITING_MAX);
        let worker = tokio::spawn(work(waiting));
        for job in jobs {
            inbox.send(job).await.expect("it fits");
        }
        sleep(2 * MISSING_MAX).await;
        assert_eq!(*done.lock().expect("no job panics"), ["second", "third"]);
        // It is done all the same where it comes after all.
        inbox.send(late).await.expect("it fits");
        drop(inbox);
        worker.await.expect("no job panics");
        assert_eq!(*done.lock().expect("no job panics"), ["second", "third", "late"]);
    }

    #[test]
    fn few_calls_wait_for_one_that_is_missing() {
        let mut line = Line::default();
        for turn in 1..=EARLY_MAX as u64 {
            line.join(Some(turn), turn);
            assert_eq!(line.next(), None);
        }
        line.join(Some(EARLY_MAX as u64 + 1), EARLY_MAX as u64 + 1);
        let due: Vec<_> = std::iter::from_fn(|| line.next()).collect();
        assert_eq!(due, (1..=EARLY_MAX as u64 + 1).collect::<Vec<_>>());
    }
}
