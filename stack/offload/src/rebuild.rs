//! The namespace from the cloud alone: every blob whose recipe counts, with all that was known of it, and its bytes. What is missing or
//! damaged is named, whether or not something makes up for it.

use crate::cloud::Cloud;
use crate::error::{Error, FlashError, Result};
use crate::format::footer::{Footer, Key, Named, Place, Recipe};
use crate::hash::Hash;
use crate::layout;
use crate::log::{self, Fault, Instead, State, Survey, Unlisted};
use crate::offload::read_footer;
use crate::recall::{InOrder, Recall, Settings, View, plan};
use crate::seal::Keys;
use crate::volume::lock;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Requests at a time.
const FETCHES_MAX: usize = 32;

/// Uncertain blobs that are named; the others are counted.
pub const UNCERTAIN_NAMED_MAX: usize = 10_000;

/// Where the blobs go.
pub trait Restore: Send {
    /// `content` is as long as the recipe says, or ends with an error: then nothing of the blob may be kept. Who only wants the
    /// namespace leaves it alone, and keeps the place.
    fn restore(
        &mut self,
        named: Named,
        place: Place,
        content: BoxStream<'static, Result<Bytes>>,
    ) -> impl Future<Output = Result<(), FlashError>> + Send;
}

#[derive(Debug)]
pub struct Report {
    /// The manifest as of which it was, and its hash: for `Flash::known`.
    pub number: u64,
    pub last: Option<Hash>,
    pub objects: u64,
    /// Of content that the blobs have.
    pub bytes: u64,
    pub elapsed: Duration,
    pub losses: Vec<Loss>,
    /// Objects of the volume that are not as they should be.
    pub faults: Vec<Fault>,
    pub uncertain: Uncertain,
    /// What nobody could open: it is in the volume still, and comes back by `adopt` once its key does.
    pub sealed: BTreeMap<String, StillSealed>,
    /// Segments that nobody counts, and that hold what was not brought back.
    pub unfinished: Vec<Unfinished>,
    /// What must be written down before anyone writes to the volume again: the log has gaps.
    pub gap: Option<Gap>,
    /// Reads what was brought back.
    pub recall: Recall,
}

/// Of a tenant, recipes whose key could not be used.
#[derive(Debug, Clone)]
pub struct StillSealed {
    pub objects: u64,
    pub bytes: u64,
    /// Of the first: why.
    pub error: Error,
}

/// What is not in the cloud as it should be.
#[derive(Debug, Clone)]
pub enum Loss {
    Blob {
        key: Key,
        place: Place,
        error: Error,
    },
    /// Its footer cannot be read: that many blobs are lost, or back as an older record has them; nobody knows which, and how many only
    /// the log.
    Segment {
        segment: Hash,
        recipes: Option<u32>,
        error: Error,
    },
}

/// Blobs that are back, and may have been deleted since, or be older than what was acknowledged: what was said of them is lost.
#[derive(Debug, Clone, Default)]
pub struct Uncertain {
    pub objects: u64,
    /// The first of them.
    pub keys: Vec<Key>,
}

/// An upload that no commit counts: there was none, or what is lost of the log is its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished {
    pub segment: Hash,
    /// In it, and newer than what was brought back.
    pub blobs: u64,
}

/// A state that was put together across gaps.
#[derive(Debug, Clone)]
pub struct Gap {
    /// The last manifest that is lost.
    pub last: u64,
    pub(crate) state: Arc<State>,
    /// Segments that are not in the target: lost, or removed rightly by what the gap said.
    pub(crate) missing: BTreeSet<Hash>,
    /// Recipes that need one of them.
    pub(crate) needing: BTreeSet<Place>,
}

impl Report {
    /// Nothing was missing or damaged, and nothing is in doubt.
    pub fn is_clean(&self) -> bool {
        self.losses.is_empty()
            && self.faults.is_empty()
            && self.uncertain.objects == 0
            && self.sealed.is_empty()
            && self.unfinished.is_empty()
    }
}

/// Err: the target is away, its objects are of a later version, or `into` failed. What is missing or damaged is in the report, and the
/// rest comes back.
pub async fn rebuild(
    cloud: &Cloud,
    settings: Settings,
    keys: Arc<dyn Keys>,
    into: &mut impl Restore,
) -> Result<Report> {
    let began = tokio::time::Instant::now();
    let mut faults = Vec::new();
    let format = log::survey_format(cloud, &mut faults).await?;
    let Survey { state, faults: more, gap, listed, unlisted, silent } = log::survey(cloud, format.volume_id()?).await?;
    faults.extend(more);
    let state = Arc::new(state);
    let view = View::Loaded(state.clone());
    let recall = Recall::new(cloud.clone(), format, view, settings, keys.clone(), InOrder::new(FETCHES_MAX));
    let silent = silent.into_iter().map(|(segment, error)| Loss::Segment { segment, recipes: None, error });
    let report = Report {
        number: state.number,
        last: state.last,
        objects: 0,
        bytes: 0,
        elapsed: Duration::ZERO,
        losses: silent.collect(),
        faults,
        uncertain: Uncertain::default(),
        sealed: BTreeMap::new(),
        unfinished: Vec::new(),
        gap: gap.map(|last| Gap { last, state: state.clone(), missing: BTreeSet::new(), needing: BTreeSet::new() }),
        recall,
    };
    let mut walk = Walk { cloud, keys: &*keys, listed, report, seen: HashMap::new() };
    for (hash, segment) in newest_first(&state) {
        walk.segment(hash, segment, into).await?;
    }
    for segment in unlisted {
        walk.unfinished(&segment).await?;
    }
    Ok(Report { elapsed: began.elapsed(), ..walk.report })
}

struct Walk<'c> {
    cloud: &'c Cloud,
    keys: &'c dyn Keys,
    listed: BTreeMap<Hash, u64>,
    report: Report,
    /// A name and its ETag, 24 bytes: where two recipes of one blob count, the newer one is met first.
    seen: HashMap<[u8; 16], u64>,
}

impl Walk<'_> {
    async fn segment(&mut self, hash: Hash, segment: &log::Segment, into: &mut impl Restore) -> Result<()> {
        if segment.live_recipes() == 0 {
            return Ok(());
        }
        let footer = match self.footer(segment).await {
            Ok(footer) => footer,
            Err(error) => {
                let (recipes, error) = (Some(segment.live_recipes()), lost(error)?);
                if let (Some(gap), Error::Missing(_)) = (&mut self.report.gap, &error) {
                    gap.missing.insert(hash);
                }
                self.report.losses.push(Loss::Segment { segment: hash, recipes, error });
                return Ok(());
            }
        };
        if self.listed.get(&hash) != Some(&segment.info.bytes) {
            let (object, what) = (layout::segment(&hash), "is not as long as it was".to_owned());
            self.report.faults.push(Fault { object, what, instead: Instead::Log });
        }
        let is_uncertain = self.report.gap.as_ref().is_some_and(|gap| segment.added.0 <= gap.last);
        let live: Vec<u32> = segment.live().collect();
        for number in live.into_iter().rev() {
            let place = Place { segment: hash, recipe: number };
            let Some(recipe) = footer.recipes.get(number as usize).cloned() else {
                let error = Error::damaged(&layout::segment(&hash), "it has fewer recipes than the log says");
                self.report.losses.push(Loss::Segment { segment: hash, recipes: Some(1), error });
                continue;
            };
            let there = self.check_content(&footer, &recipe, place);
            if let (Some(gap), Err(Error::Missing(_))) = (&mut self.report.gap, &there) {
                gap.needing.insert(place);
            }
            let Some(named) = self.named(&footer, &recipe, hash).await? else { continue };
            let name = name_hash(&named.key)?;
            if self.seen.contains_key(&name) {
                continue;
            }
            self.seen.insert(name, age(&named));
            let key = named.key.clone();
            if let Err(error) = there {
                self.report.losses.push(Loss::Blob { key, place, error: lost(error)? });
                continue;
            }
            if self.restore(named, place, into).await? && is_uncertain {
                self.report.uncertain.objects += 1;
                if self.report.uncertain.keys.len() < UNCERTAIN_NAMED_MAX {
                    self.report.uncertain.keys.push(key);
                }
            }
        }
        Ok(())
    }

    async fn footer(&self, segment: &log::Segment) -> Result<Footer> {
        self.check_there(segment.info.hash, segment.info.footer().end)?;
        read_footer(self.cloud, &segment.info).await
    }

    /// A request for what is not there would only say that the answer is too short, as one does that was cut on its way.
    fn check_there(&self, segment: Hash, end: u64) -> Result<()> {
        let name = layout::segment(&segment);
        match self.listed.get(&segment) {
            None => Err(Error::Missing(name.into())),
            Some(length) if *length < end => Err(Error::damaged(&name, "it is cut short")),
            Some(_) => Ok(()),
        }
    }

    fn check_content(&self, footer: &Footer, recipe: &Recipe, place: Place) -> Result<()> {
        let pieces = plan::pieces(place.segment, footer, recipe, 0..recipe.label.length())?;
        pieces.iter().try_for_each(|piece| self.check_there(piece.segment, piece.entry.end()))
    }

    /// `None` where it is sealed, and its key cannot be used.
    async fn named(&mut self, footer: &Footer, recipe: &Recipe, segment: Hash) -> Result<Option<Named>> {
        match footer.named(recipe, self.keys, &layout::segment(&segment)).await {
            Ok(named) => Ok(Some(named)),
            Err(error @ (Error::KeyDenied(_) | Error::KeyAway(_) | Error::KeyGone(_))) => {
                let still = StillSealed { objects: 0, bytes: 0, error };
                let of = self.report.sealed.entry(recipe.label.tenant().to_owned()).or_insert(still);
                of.objects += 1;
                of.bytes += recipe.label.length();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether it is back.
    async fn restore(&mut self, named: Named, place: Place, into: &mut impl Restore) -> Result<bool> {
        let (key, length) = (named.key.clone(), named.about.length);
        let failed = Arc::new(Mutex::new(None));
        let noted = failed.clone();
        let content = self.report.recall.read(&named.key.tenant, place, 0..length).await?.inspect(move |part| {
            if let Err(error) = part {
                *lock(&noted) = Some(error.clone());
            }
        });
        let outcome = into.restore(named, place, content.boxed()).await;
        let failure = lock(&failed).take();
        match (failure, outcome) {
            (Some(error), _) => {
                self.report.losses.push(Loss::Blob { key, place, error: lost(error)? });
                Ok(false)
            }
            (None, Err(error)) => Err(error.into()),
            (None, Ok(())) => {
                self.report.objects += 1;
                self.report.bytes += length;
                Ok(true)
            }
        }
    }

    /// Names a segment that nobody counts, if it holds anything that is not back. What was moved within the cloud is, or is dead.
    async fn unfinished(&mut self, segment: &Unlisted) -> Result<()> {
        let footer = match read_footer(self.cloud, &segment.info).await {
            // It has been removed meanwhile.
            Err(Error::Missing(_)) => return Ok(()),
            read => read?,
        };
        let mut blobs = 0;
        for recipe in footer.recipes.iter().filter(|recipe| recipe.was.is_none()) {
            match footer.named(recipe, self.keys, &layout::segment(&segment.info.hash)).await {
                Ok(named) => {
                    let known = self.seen.get(&name_hash(&named.key)?);
                    let is_back = known.is_some_and(|known| *known >= age(&named));
                    blobs += u64::from(!named.key.name.is_empty() && !is_back);
                }
                // Nobody knows whether it is back.
                Err(Error::KeyDenied(_) | Error::KeyAway(_) | Error::KeyGone(_)) => blobs += 1,
                Err(error) => return Err(error),
            }
        }
        if blobs > 0 {
            self.report.unfinished.push(Unfinished { segment: segment.info.hash, blobs });
        }
        Ok(())
    }
}

/// Of two records of a blob the newer one has the larger ETag, where ETags are numbers, as Azure's are.
fn age(named: &Named) -> u64 {
    let digits = named.about.etag.trim_matches('"').strip_prefix("0x");
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
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
