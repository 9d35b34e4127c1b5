//! Reads all of a log and all that testifies to it, for whoever has nothing else left: what is missing or damaged is named, with what makes
//! up for it.

use super::load::{Format, Witnesses, newest_checkpoint, read_format, read_one};
use super::manifest::Manifest;
use super::recover::{Recovery, Unlisted};
use super::state::State;
use crate::cloud::Cloud;
use crate::error::{Error, Result};
use crate::format::segment::{self, Origin, SegmentInfo, TRAILER_BYTES};
use crate::hash::Hash;
use crate::layout;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Manifests that are on their way at a time: each is small, and there may be many.
const READS_MAX: usize = 16;

/// An object that is missing, or not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub object: String,
    pub what: String,
    pub instead: Instead,
}

/// What says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Instead {
    Copy,
    Original,
    /// A later state, with all that led to it.
    Checkpoint(u64),
    Log,
    Nothing,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' {}: ", self.object, self.what)?;
        match self.instead {
            Instead::Copy => f.write_str("its copy says the same"),
            Instead::Original => f.write_str("it is a copy, and the original is whole"),
            Instead::Checkpoint(number) => write!(f, "checkpoint {number} says all that it said"),
            Instead::Log => f.write_str("the log says the same"),
            Instead::Nothing => f.write_str("nothing makes up for it"),
        }
    }
}

/// What there is of a volume.
#[derive(Debug, Default)]
pub struct Survey {
    pub state: State,
    pub faults: Vec<Fault>,
    /// Where the log has gaps that no checkpoint covers, the last manifest that is lost: what it or one before it added may be out of date.
    pub gap: Option<u64>,
    /// Every segment that lies there, and its length.
    pub listed: BTreeMap<Hash, u64>,
    /// Segments that no manifest adds, although the log has no gap.
    pub unlisted: Vec<Unlisted>,
    /// Segments that a gap may have added and that cannot say what they hold.
    pub silent: Vec<(Hash, Error)>,
}

/// Err: `Missing`, `Damaged` where the copy is not whole either.
pub async fn survey_format(cloud: &Cloud, faults: &mut Vec<Fault>) -> Result<Format> {
    let original = read_format(cloud, layout::FORMAT).await;
    let copy = read_format(cloud, layout::FORMAT_COPY).await;
    match (original, copy) {
        (Err(error @ (Error::Missing(_) | Error::Damaged { .. })), Ok(format)) => {
            faults.push(fault(layout::FORMAT, &error, Instead::Copy));
            Ok(format)
        }
        (Ok(format), Err(error @ Error::Damaged { .. })) => {
            faults.push(fault(layout::FORMAT_COPY, &error, Instead::Original));
            Ok(format)
        }
        (Ok(format), Ok(copy)) if format != copy => Err(Error::log("FORMAT and its copy differ")),
        (original, _) => original,
    }
}

/// Err: the target is away, or its objects are of a later version. What is missing or damaged is in the survey.
pub async fn survey(cloud: &Cloud, volume: [u8; 16]) -> Result<Survey> {
    // Before the log: what is committed meanwhile is in it, and no segment is missed.
    let segments = cloud.list(layout::SEGMENTS).await?;
    let listed = segments.iter().filter_map(|(name, length)| Some((layout::segment_hash(name)?, *length))).collect();
    let witnesses = Witnesses::call(cloud).await?;
    let mut survey = Survey { listed, ..Survey::default() };
    let mut recovery = read_log(cloud, &witnesses, &mut survey).await?;
    let unlisted = read_unlisted(cloud, volume, &recovery, &mut survey).await?;
    let epochs = unlisted.iter().map(|segment| segment.origin.epoch);
    if recovery.gaps.is_empty() && epochs.max() > Some(recovery.state.epoch) {
        survey.lose_end(&mut recovery, "is missing: a segment is of a later epoch than the log");
    }
    survey.gap = recovery.gaps.last().copied();
    match survey.gap {
        Some(_) => {
            let known = match recovery.gaps.len() {
                1 => BTreeMap::new(),
                _ => read_origins(cloud, &recovery.state, &survey.listed).await?,
            };
            recovery.adopt(unlisted, &known);
        }
        None => survey.unlisted = unlisted,
    }
    survey.state = recovery.state;
    Ok(survey)
}

async fn read_log(cloud: &Cloud, witnesses: &Witnesses, survey: &mut Survey) -> Result<Recovery> {
    let faults = &mut survey.faults;
    faults.extend(witnesses.head_damaged.iter().map(|error| fault(layout::HEAD, error, Instead::Log)));
    let passed_over = |error: Error| match &error {
        Error::Missing(object) | Error::Damaged { object, .. } => faults.push(fault(object, &error, Instead::Log)),
        _ => {}
    };
    let checkpoint = newest_checkpoint(cloud, &witnesses.checkpoints, passed_over).await?;
    // It is written before the hint that names it.
    if let Some(head) = witnesses.head.filter(|head| !witnesses.checkpoints.contains(head)) {
        let object = layout::checkpoint(head);
        faults.push(fault(&object, &Error::Missing(object.as_str().into()), Instead::Log));
    }
    let covered = checkpoint.number;
    let mut recovery = Recovery::new(checkpoint);
    let numbers: Vec<u64> = witnesses.manifests.union(&witnesses.copies).copied().collect();
    let mut found = stream::iter(numbers).map(|number| examine(cloud, number, witnesses)).buffered(READS_MAX);
    let (mut next, mut last_is_whole) = (1, false);
    while let Some(Examined { number, manifest, faults }) = found.try_next().await? {
        if number > next {
            survey.lose(&mut recovery, covered, (next, number - 1), "is missing with its copy");
        }
        next = number + 1;
        last_is_whole = manifest.is_some();
        for fault in faults {
            match fault.instead {
                Instead::Nothing => survey.lose(&mut recovery, covered, (number, number), &fault.what),
                _ => survey.faults.push(fault),
            }
        }
        if let Some((manifest, hash)) = manifest.filter(|_| number > covered)
            && let Err(error) = recovery.manifest(&manifest, hash)
        {
            survey.lose(&mut recovery, covered, (number, number), &format!("is of no use ({error})"));
        }
    }
    let top = witnesses.top();
    if top >= next {
        survey.lose(&mut recovery, covered, (next, top), "is missing with its copy");
    }
    let has_lost_its_end = top > 0 && (top >= next || !last_is_whole) && recovery.gaps.is_empty();
    if has_lost_its_end || (top == 0 && !survey.listed.is_empty()) {
        survey.lose_end(&mut recovery, "may be missing: the log has lost its end");
    }
    Ok(recovery)
}

impl Survey {
    /// These manifests cannot be had.
    fn lose(&mut self, recovery: &mut Recovery, covered: u64, (from, to): (u64, u64), what: &str) {
        let what = match to - from {
            0 => what.to_owned(),
            more => format!("{what}, as are {more} after it"),
        };
        let instead = if to <= covered { Instead::Checkpoint(covered) } else { Instead::Nothing };
        self.faults.push(Fault { object: layout::manifest(from), what, instead });
        if to > covered {
            recovery.gap(to);
        }
    }

    fn lose_end(&mut self, recovery: &mut Recovery, what: &str) {
        let number = recovery.state.number + 1;
        self.lose(recovery, 0, (number, number), what);
    }
}

/// A number of the log.
struct Examined {
    number: u64,
    manifest: Option<(Manifest, Hash)>,
    /// `Instead::Nothing` where there is no manifest.
    faults: Vec<Fault>,
}

async fn examine(cloud: &Cloud, number: u64, witnesses: &Witnesses) -> Result<Examined> {
    let (original_name, copy_name) = (layout::manifest(number), layout::manifest_copy(number));
    let original = read_listed(cloud, number, &original_name, witnesses.manifests.contains(&number)).await?;
    let copy = read_listed(cloud, number, &copy_name, witnesses.copies.contains(&number)).await?;
    let mut faults = Vec::new();
    let manifest = match (original, copy) {
        (Ok(manifest), copy) => {
            match copy {
                Ok((_, hash)) if hash != manifest.1 => {
                    let error = Error::damaged(&copy_name, "it is not what it is a copy of");
                    faults.push(fault(&copy_name, &error, Instead::Original));
                }
                Err(error @ Error::Damaged { .. }) => faults.push(fault(&copy_name, &error, Instead::Original)),
                // Written after the commit, and only if all goes well.
                Ok(_) | Err(_) => {}
            }
            Some(manifest)
        }
        (Err(error), Ok(copy)) => {
            faults.push(fault(&original_name, &error, Instead::Copy));
            Some(copy)
        }
        (Err(error), Err(copy)) => {
            let copy = match copy {
                Error::Missing(_) => "missing",
                _ => "damaged",
            };
            let Fault { object, what, .. } = fault(&original_name, &error, Instead::Nothing);
            faults.push(Fault { object, what: format!("{what}, and its copy is {copy}"), instead: Instead::Nothing });
            None
        }
    };
    Ok(Examined { number, manifest, faults })
}

/// Ok(Err): it is `Missing` or `Damaged`.
async fn read_listed(cloud: &Cloud, number: u64, name: &str, is_listed: bool) -> Result<Result<(Manifest, Hash)>> {
    if !is_listed {
        return Ok(Err(Error::Missing(name.into())));
    }
    match read_one(cloud, number, name).await {
        read @ (Ok(_) | Err(Error::Missing(_) | Error::Damaged { .. })) => Ok(read),
        Err(error) => Err(error),
    }
}

/// Segments of which the log says nothing.
async fn read_unlisted(
    cloud: &Cloud,
    volume: [u8; 16],
    recovery: &Recovery,
    survey: &mut Survey,
) -> Result<Vec<Unlisted>> {
    let hashes: Vec<Hash> = survey.listed.keys().filter(|hash| !recovery.knows(hash)).copied().collect();
    let mut unlisted = Vec::new();
    for hash in hashes {
        match describe(cloud, hash, volume).await {
            Ok(segment) => unlisted.push(segment),
            // It has been removed meanwhile.
            Err(Error::Missing(_)) => {}
            Err(error @ Error::Damaged { .. }) if recovery.gaps.is_empty() => {
                survey.faults.push(fault(&layout::segment(&hash), &error, Instead::Log));
            }
            Err(error @ Error::Damaged { .. }) => survey.silent.push((hash, error)),
            Err(error) => return Err(error),
        }
    }
    Ok(unlisted)
}

/// What a segment says of itself. No manifest vouches for it: all of it is read, and must be what its name says.
async fn describe(cloud: &Cloud, hash: Hash, volume: [u8; 16]) -> Result<Unlisted> {
    let name = layout::segment(&hash);
    let read = async || {
        let bytes = cloud.get(&name).await?;
        match Hash::of(&bytes) == hash {
            true => Ok(bytes),
            false => Err(Error::damaged(&name, "its bytes are not those of its name")),
        }
    };
    let bytes = match read().await {
        // Once more: the bytes may have been damaged on their way.
        Err(Error::Damaged { .. }) => read().await?,
        read => read?,
    };
    describe_whole(&bytes, hash, volume, &name)
}

fn describe_whole(bytes: &Bytes, hash: Hash, volume: [u8; 16], name: &str) -> Result<Unlisted> {
    let origin = segment::header(bytes, name)?;
    if origin.volume != volume {
        return Err(Error::damaged(name, "it is of another volume"));
    }
    let tail = bytes.len().checked_sub(TRAILER_BYTES).ok_or(Error::damaged(name, "it is cut short"))?;
    let range = segment::trailer(&bytes[tail..], bytes.len() as u64, name)?;
    let document = &bytes[range.start as usize..range.end as usize];
    let footer = segment::footer(document, range.start, name)?;
    let info = SegmentInfo {
        hash,
        bytes: bytes.len() as u64,
        footer_offset: range.start,
        footer_bytes: range.end - range.start,
        footer_hash: Some(Hash::of(document)),
        recipes: footer.recipes.len() as u32,
        raw_bytes: footer.chunks.iter().map(|entry| u64::from(entry.raw)).sum(),
        borrows: footer.borrowed.iter().map(|borrowed| borrowed.segment).collect(),
    };
    let was = (0..).zip(&footer.recipes).filter_map(|(number, recipe)| Some((number, recipe.was?)));
    Ok(Unlisted { info, origin, was: was.collect() })
}

/// Of the segments that the log knows; one that does not say is left out.
async fn read_origins(cloud: &Cloud, state: &State, listed: &BTreeMap<Hash, u64>) -> Result<BTreeMap<Hash, Origin>> {
    let there: Vec<Hash> = state.segments.keys().filter(|hash| listed.contains_key(hash)).copied().collect();
    let read = async |hash: Hash| {
        let name = layout::segment(&hash);
        let whole = listed.get(&hash).is_some_and(|length| *length >= segment::HEADER_BYTES as u64);
        let header = match whole {
            true => cloud.get_range(&name, 0..segment::HEADER_BYTES as u64).await,
            false => return Ok(None),
        };
        match header.and_then(|header| segment::header(&header, &name)) {
            Ok(origin) => Ok(Some((hash, origin))),
            Err(Error::Missing(_) | Error::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    };
    let origins: Vec<_> = stream::iter(there).map(read).buffered(READS_MAX).try_collect().await?;
    Ok(origins.into_iter().flatten().collect())
}

fn fault(object: &str, error: &Error, instead: Instead) -> Fault {
    let what = match error {
        Error::Damaged { what, .. } => format!("is damaged ({what})"),
        Error::Missing(_) => "is missing".to_owned(),
        other => other.to_string(),
    };
    Fault { object: object.to_owned(), what, instead }
}
