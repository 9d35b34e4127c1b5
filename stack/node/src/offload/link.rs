//! The way to the target: counts whether it answers, keeps to the bandwidth, and breaks on demand, for a show or a test.

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use greenroom_model::offload::{CloudFault, CloudFaultKind};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many failures one after the other, with no success in between, mean that the target is away: one may be chance.
const FAILURES_AWAY: u64 = 3;
const DELAY_DEFAULT: Duration = Duration::from_millis(500);
/// Of requests, for faults under which some must get through.
const PERCENT_DEFAULT: u8 = 30;

/// What is known of the target, and what is done to the way there.
#[derive(Debug, Default)]
pub struct Shape {
    fault: Mutex<Option<CloudFault>>,
    /// Requests since the fault was set: which of them it hits follows from their number alone.
    requests: AtomicU64,
    failures: AtomicU64,
    why: Mutex<Option<String>>,
    answered: Mutex<Option<Instant>>,
    bytes_per_s: AtomicU64,
    /// When the line is free again.
    free_at: Mutex<Option<Instant>>,
}

impl Shape {
    pub fn fault(&self) -> Option<CloudFault> {
        lock(&self.fault).clone()
    }

    pub fn set_fault(&self, fault: Option<CloudFault>) {
        self.requests.store(0, Relaxed);
        *lock(&self.fault) = fault;
    }

    /// `None` for as fast as it goes.
    pub fn set_bandwidth(&self, bytes_per_s: Option<u64>) {
        self.bytes_per_s.store(bytes_per_s.unwrap_or(0), Relaxed);
    }

    pub fn is_away(&self) -> bool {
        self.failures.load(Relaxed) >= FAILURES_AWAY
    }

    /// What the last failure said.
    pub fn why(&self) -> Option<String> {
        lock(&self.why).clone()
    }

    /// How long ago the target last answered anything; `None` for never.
    pub fn silent_for(&self) -> Option<Duration> {
        lock(&self.answered).map(|at| at.elapsed())
    }

    /// It was looked for, and is not there.
    pub fn lost(&self, why: String) {
        self.failures.store(FAILURES_AWAY, Relaxed);
        *lock(&self.why) = Some(why);
    }

    fn note<T>(&self, outcome: &Result<T>) {
        match outcome {
            // A refusal of the request itself is an answer too.
            Ok(_)
            | Err(
                Error::NotFound { .. }
                | Error::AlreadyExists { .. }
                | Error::Precondition { .. }
                | Error::NotModified { .. },
            ) => {
                self.failures.store(0, Relaxed);
                *lock(&self.answered) = Some(Instant::now());
            }
            Err(error) => {
                self.failures.fetch_add(1, Relaxed);
                *lock(&self.why) = Some(error.to_string());
            }
        }
    }

    /// Waits until so many bytes may pass.
    async fn pace(&self, bytes: u64) {
        let rate = self.bytes_per_s.load(Relaxed);
        if rate == 0 || bytes == 0 {
            return;
        }
        let until = {
            let mut free_at = lock(&self.free_at);
            let now = Instant::now();
            let until = free_at.map_or(now, |at| at.max(now)) + Duration::from_secs_f64(bytes as f64 / rate as f64);
            *free_at = Some(until);
            until
        };
        tokio::time::sleep_until(until.into()).await;
    }

    /// The fault that hits the next request.
    fn next(&self) -> Option<CloudFault> {
        let fault = self.fault()?;
        let percent = fault.percent.unwrap_or(match fault.kind {
            CloudFaultKind::Offline | CloudFaultKind::Slow => 100,
            CloudFaultKind::Throttling
            | CloudFaultKind::Errors
            | CloudFaultKind::LostResponse
            | CloudFaultKind::Truncating => PERCENT_DEFAULT,
        });
        let (number, percent) = (self.requests.fetch_add(1, Relaxed), u64::from(percent.min(100)));
        // Evenly spread: of every hundred requests so many, and the first of them early.
        ((number + 1) * percent / 100 > number * percent / 100 || percent == 100).then_some(fault)
    }
}

/// A target, behind its way.
#[derive(Clone)]
pub struct Link {
    inner: Arc<dyn ObjectStore>,
    shape: Arc<Shape>,
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Good,
    Lost,
    Cut,
}

impl Link {
    pub fn new(inner: Arc<dyn ObjectStore>, shape: Arc<Shape>) -> Self {
        Self { inner, shape }
    }

    async fn fate(&self) -> Result<Fate> {
        let Some(fault) = self.shape.next() else { return Ok(Fate::Good) };
        match fault.kind {
            CloudFaultKind::Offline => Err(failure("the cable is out (a fault that was asked for)")),
            CloudFaultKind::Throttling => Err(failure("503 ServerBusy (a fault that was asked for)")),
            CloudFaultKind::Errors => Err(failure("500 InternalError (a fault that was asked for)")),
            CloudFaultKind::Slow => {
                let delay = fault.delay_ms.map_or(DELAY_DEFAULT, Duration::from_millis);
                tokio::time::sleep(delay).await;
                Ok(Fate::Good)
            }
            CloudFaultKind::LostResponse => Ok(Fate::Lost),
            CloudFaultKind::Truncating => Ok(Fate::Cut),
        }
    }

    /// Does it as fate has it, and notes how it went.
    async fn act<T>(&self, act: impl Future<Output = Result<T>>) -> Result<T> {
        let outcome = match self.fate().await {
            Ok(Fate::Lost) => match act.await {
                Ok(_) => Err(failure("the answer was lost (a fault that was asked for)")),
                failed => failed,
            },
            Ok(Fate::Good | Fate::Cut) => act.await,
            Err(error) => Err(error),
        };
        self.shape.note(&outcome);
        outcome
    }
}

fn failure(what: &'static str) -> Error {
    Error::Generic { store: "link", source: what.into() }
}

/// The client prints its SAS.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link")
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Link {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.shape.pace(payload.content_length() as u64).await;
        self.act(self.inner.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.act(self.inner.put_multipart_opts(path, options)).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let head = options.head;
        let fate = self.fate().await;
        let outcome = match &fate {
            Ok(Fate::Lost) => Err(failure("the answer was lost (a fault that was asked for)")),
            Ok(Fate::Good | Fate::Cut) => self.inner.get_opts(path, options).await,
            Err(_) => Err(failure("refused")),
        };
        let outcome = fate.and_then(|fate| Ok((fate, outcome?)));
        self.shape.note(&outcome);
        let (fate, mut answer) = outcome?;
        if head {
            return Ok(answer);
        }
        let length = answer.range.end - answer.range.start;
        self.shape.pace(length).await;
        if fate == Fate::Cut {
            let (range, meta, attributes) = (answer.range.clone(), answer.meta.clone(), answer.attributes.clone());
            let extensions = answer.extensions.clone();
            let mut left = length / 2;
            let cut = answer.into_stream().map_ok(move |part| {
                let kept = part.slice(..(part.len() as u64).min(left) as usize);
                left -= kept.len() as u64;
                kept
            });
            answer = GetResult { payload: GetResultPayload::Stream(cut.boxed()), range, meta, attributes, extensions };
        }
        Ok(answer)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let delete = move |path: Path| {
            let this = this.clone();
            async move {
                let one = stream::iter([Ok(path.clone())]).boxed();
                let mut deleted = this.inner.delete_stream(one);
                this.act(async { deleted.try_next().await }).await?;
                Ok(path)
            }
        };
        paths.and_then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, prefix) = (self.clone(), prefix.cloned());
        let listing = async move {
            let inner = this.inner.list(prefix.as_ref());
            // A list that breaks off is none, so it is gathered first; whoever lists here gathers it anyway.
            this.act(inner.try_collect::<Vec<_>>()).await
        };
        stream::once(listing).map_ok(|found| stream::iter(found.into_iter().map(Ok))).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.act(self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.act(self.inner.copy_opts(from, to, options)).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ObjectStoreExt as _;
    use object_store::memory::InMemory;

    fn link(kind: CloudFaultKind, percent: Option<u8>) -> (Link, Arc<Shape>) {
        let shape = Arc::new(Shape::default());
        shape.set_fault(Some(CloudFault { kind, percent, delay_ms: Some(1) }));
        (Link::new(Arc::new(InMemory::new()), shape.clone()), shape)
    }

    #[tokio::test]
    async fn a_share_of_requests_fails_and_the_rest_goes_through() {
        let (link, shape) = link(CloudFaultKind::Errors, Some(30));
        let mut failed = 0;
        for number in 0..100 {
            failed += usize::from(link.put(&Path::from(format!("{number}")), "x".into()).await.is_err());
        }
        assert_eq!(failed, 30);
        assert!(!shape.is_away());
    }

    #[tokio::test]
    async fn a_lost_answer_is_that_of_something_done() {
        let (link, shape) = link(CloudFaultKind::LostResponse, Some(100));
        let path = Path::from("a");
        assert!(link.put(&path, "x".into()).await.is_err());
        shape.set_fault(None);
        assert_eq!(link.get(&path).await.expect("it is there").bytes().await.expect("bytes"), "x");
    }

    #[tokio::test]
    async fn a_body_is_cut_and_a_cable_pulled() {
        let (link, shape) = link(CloudFaultKind::Truncating, Some(100));
        let path = Path::from("a");
        link.put(&path, "abcdef".into()).await.expect("written");
        assert_eq!(link.get(&path).await.expect("an answer").bytes().await.expect("bytes"), "abc");
        shape.set_fault(Some(CloudFault { kind: CloudFaultKind::Offline, percent: None, delay_ms: None }));
        for _ in 0..FAILURES_AWAY {
            assert!(!shape.is_away());
            assert!(link.get(&path).await.is_err());
        }
        assert!(shape.is_away());
        shape.set_fault(None);
        assert!(link.get(&path).await.is_ok() && !shape.is_away());
    }

    #[tokio::test]
    async fn bandwidth_is_kept_to_both_ways() {
        let shape = Arc::new(Shape::default());
        shape.set_bandwidth(Some(1_000_000));
        let link = Link::new(Arc::new(InMemory::new()), shape);
        let began = Instant::now();
        link.put(&Path::from("a"), vec![0; 50_000].into()).await.expect("written");
        link.get(&Path::from("a")).await.expect("an answer");
        assert!(began.elapsed() >= Duration::from_millis(100));
    }
}
