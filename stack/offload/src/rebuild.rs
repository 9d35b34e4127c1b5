//! The namespace from the cloud alone: every blob whose recipe counts, with all that was known of it, and its bytes.

use crate::cloud::Cloud;
use crate::error::{Error, FlashError, Result};
use crate::flash::Place;
use crate::format::footer::{Key, Recipe};
use crate::hash::Hash;
use crate::log::{self, State};
use crate::offload::read_footer;
use crate::recall::{Recall, Settings, View};
use crate::volume::lock;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Where the blobs go.
pub trait Restore: Send {
    /// `content` is as long as the recipe says, or ends with an error: then nothing of the blob may be kept. Who only wants the
    /// namespace leaves it alone, and keeps the place.
    fn restore(
        &mut self,
        recipe: Recipe,
        place: Place,
        content: BoxStream<'static, Result<Bytes>>,
    ) -> impl Future<Output = Result<(), FlashError>> + Send;
}

#[derive(Debug, Default)]
pub struct Report {
    /// The manifest as of which it was, and its hash: for `Flash::known`.
    pub number: u64,
    pub last: Option<Hash>,
    pub objects: u64,
    /// Of content that the blobs have.
    pub bytes: u64,
    pub elapsed: Duration,
    pub losses: Vec<Loss>,
}

/// What is not in the cloud as it should be.
#[derive(Debug, Clone)]
pub enum Loss {
    Blob {
        key: Key,
        place: Place,
        error: Error,
    },
    /// Its footer cannot be read: that many blobs are lost, nobody knows which.
    Segment {
        segment: Hash,
        recipes: u32,
        error: Error,
    },
}

/// Err: the target is away, the log is damaged, or `into` failed. What is damaged otherwise is counted as lost, and the rest comes back.
pub async fn rebuild(cloud: &Cloud, settings: Settings, into: &mut impl Restore) -> Result<Report> {
    let began = tokio::time::Instant::now();
    let format = log::load_format(cloud).await?;
    let state = Arc::new(log::load(cloud).await?);
    let recall = Recall::new(cloud.clone(), format, View::Loaded(state.clone()), settings);
    let mut report = Report { number: state.number, last: state.last, ..Report::default() };
    // Sixteen bytes a name: where two recipes of one blob count, the newer one is met first.
    let mut seen = HashSet::new();
    for (hash, segment) in newest_first(&state) {
        if segment.live_recipes() == 0 {
            continue;
        }
        let footer = match read_footer(cloud, &segment.info).await {
            Ok(footer) => footer,
            Err(error) => {
                report.losses.push(Loss::Segment {
                    segment: hash,
                    recipes: segment.live_recipes(),
                    error: lost(error)?,
                });
                continue;
            }
        };
        let live: Vec<u32> = segment.live().collect();
        for number in live.into_iter().rev() {
            let place = Place { segment: hash, recipe: number };
            let Some(recipe) = footer.recipes.get(number as usize).cloned() else {
                return Err(Error::damaged("footer", "it has fewer recipes than the log says"));
            };
            if !seen.insert(name_hash(&recipe.key)?) {
                continue;
            }
            restore(&recall, recipe, place, into, &mut report).await?;
        }
    }
    report.elapsed = began.elapsed();
    Ok(report)
}

async fn restore(
    recall: &Recall,
    recipe: Recipe,
    place: Place,
    into: &mut impl Restore,
    report: &mut Report,
) -> Result<()> {
    let (key, length) = (recipe.key.clone(), recipe.about.length);
    let failed = Arc::new(Mutex::new(None));
    let noted = failed.clone();
    let content = recall.read(place, 0..length).await?.inspect(move |part| {
        if let Err(error) = part {
            *lock(&noted) = Some(error.clone());
        }
    });
    let outcome = into.restore(recipe, place, content.boxed()).await;
    let failure = lock(&failed).take();
    match (failure, outcome) {
        (Some(error), _) => report.losses.push(Loss::Blob { key, place, error: lost(error)? }),
        (None, Err(error)) => return Err(error.into()),
        (None, Ok(())) => {
            report.objects += 1;
            report.bytes += length;
        }
    }
    Ok(())
}

pub(crate) fn name_hash(key: &Key) -> Result<[u8; 16]> {
    let name = serde_json::to_vec(key).map_err(|_| Error::TooLarge("a name that JSON cannot hold"))?;
    Ok(Hash::of(&name).half())
}

/// The error, if it means that data is lost; it goes on to the caller if it only means that now is not the time.
fn lost(error: Error) -> Result<Error> {
    match error {
        Error::Missing(_) | Error::Damaged { .. } | Error::Unsupported { .. } => Ok(error),
        other => Err(other),
    }
}

pub(crate) fn newest_first(state: &State) -> Vec<(Hash, &log::Segment)> {
    let mut segments: Vec<_> = state.segments.iter().map(|(hash, segment)| (*hash, segment)).collect();
    segments.sort_by_key(|(_, segment)| std::cmp::Reverse(segment.added));
    segments
}
