//! Cold content for the store: what offload's recall reads, in the store's words, and how long its readers waited.

use super::link::Shape;
use super::record;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use greenroom_model::TenantName;
use greenroom_model::offload::RecallFigures;
use greenroom_offload::Error;
use greenroom_offload::recall::Recall;
use greenroom_store::{CloudPlace, Cold, Result, StoreError};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Latencies that are kept for the percentiles.
const WAITS_MAX: usize = 1_024;
const WAITS_FOR: Duration = Duration::from_secs(60);
/// How long a read waits for the volume to be opened.
const OPEN_MAX: Duration = Duration::from_secs(3);
const OPEN_LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the volume is read by, if it is open.
pub type Slot = Arc<RwLock<Option<Reader>>>;

#[derive(Debug, Clone)]
pub struct Reader {
    pub recall: Recall,
    pub writer: Writer,
}

/// Who moves what lies in the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    Us,
    Another,
}

#[derive(Debug)]
pub struct Recaller {
    slot: Slot,
    shape: Arc<Shape>,
    waits: Arc<Mutex<Waits>>,
    /// Something was not where it was to be.
    missed: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
pub struct Waits {
    reads: u64,
    recent: VecDeque<(Instant, Duration)>,
}

impl Recaller {
    pub fn new(slot: Slot, shape: Arc<Shape>) -> Self {
        Self { slot, shape, waits: Arc::default(), missed: Arc::default() }
    }

    /// Whether a read has missed something since this was asked last.
    pub fn takes_missed(&self) -> bool {
        self.missed.swap(false, Relaxed)
    }

    pub fn figures(&self) -> RecallFigures {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = waits.recent.iter().filter(|(at, _)| at.elapsed() < WAITS_FOR);
        let mut fresh: Vec<Duration> = fresh.map(|(_, wait)| *wait).collect();
        fresh.sort_unstable();
        let ms = |percent: usize| match fresh.len() {
            0 => 0.0,
            count => fresh[(count * percent / 100).min(count - 1)].as_secs_f64() * 1e3,
        };
        RecallFigures { reads: waits.reads, p50_ms: ms(50), p99_ms: ms(99) }
    }
}

impl Waits {
    fn note(&mut self, wait: Duration) {
        self.reads += 1;
        if self.recent.len() == WAITS_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((Instant::now(), wait));
    }
}

impl Cold for Recaller {
    fn read(
        &self,
        reader: &TenantName,
        place: CloudPlace,
        range: Range<u64>,
    ) -> BoxFuture<'static, Result<BoxStream<'static, Result<Bytes>>>> {
        let (slot, reader) = (self.slot.clone(), reader.clone());
        let away = self.shape.is_away().then(|| self.shape.why().unwrap_or_else(|| "it does not answer".to_owned()));
        let (waits, missed) = (self.waits.clone(), self.missed.clone());
        Box::pin(async move {
            // Whoever waits in vain waits again: that the target is back is found out elsewhere.
            if let Some(why) = away {
                return Err(StoreError::Away(why.into()));
            }
            let began = Instant::now();
            let Reader { recall, writer } =
                open(&slot).await.ok_or_else(|| StoreError::Away("the volume is not open yet".into()))?;
            let told = move |error: Error| match (writer, &error) {
                (Writer::Another, Error::Missing(_) | Error::Stale(_)) => {
                    missed.store(true, Relaxed);
                    StoreError::Away("another folder writes the volume, and has moved it: it is being looked up".into())
                }
                (Writer::Us | Writer::Another, _) => told(error),
            };
            let content = recall.read(reader.as_str(), record::place(place), range).await.map_err(told.clone())?;
            let mut content = Box::pin(content.map_err(told));
            // What fails at once is answered as an error, and not by a body that breaks off.
            let first = content.next().await.transpose()?;
            waits.lock().unwrap_or_else(PoisonError::into_inner).note(began.elapsed());
            Ok(stream::iter(first.map(Ok)).chain(content).boxed())
        })
    }
}

/// What is open; a server that has only just started opens it any moment.
async fn open(slot: &Slot) -> Option<Reader> {
    let look = async {
        loop {
            let reader = slot.read().unwrap_or_else(PoisonError::into_inner).clone();
            match reader {
                Some(reader) => return reader,
                None => tokio::time::sleep(OPEN_LOOK_EVERY).await,
            }
        }
    };
    tokio::time::timeout(OPEN_MAX, look).await.ok()
}

/// In the store's words.
fn told(error: Error) -> StoreError {
    match error {
        Error::Away(_)
        | Error::Refused(_)
        | Error::InDoubt
        | Error::Fenced { .. }
        | Error::Behind { .. }
        | Error::Short { .. }
        | Error::Flash(_) => StoreError::Away(error.to_string().into()),
        Error::KeyDenied(why) => StoreError::KeyDenied(why.as_ref().into()),
        Error::KeyAway(why) => StoreError::KeyAway(why.as_ref().into()),
        Error::KeyGone(_) => StoreError::KeyDenied(error.to_string().into()),
        Error::Stale(_) => StoreError::Moved,
        Error::Missing(_) | Error::Damaged { .. } | Error::Unsupported { .. } | Error::Log(_) | Error::TooLarge(_) => {
            StoreError::CloudDamaged(error.to_string().into())
        }
    }
}
