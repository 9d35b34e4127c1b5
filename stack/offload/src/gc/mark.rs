//! How much of each segment is still needed. Reads the footer of every segment that has recipes which count, one after the other.

use crate::cloud::Cloud;
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::log::{State, Unborrow};
use crate::offload::read_footer;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    pub segments: BTreeMap<Hash, SegmentUse>,
    /// Loans that the log still knows, and that no recipe which counts needs any more. That is so for good: recipes only die.
    pub ended: Vec<Unborrow>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SegmentUse {
    pub bytes: u64,
    /// Of its chunks, as stored, by the share of their content that recipes use.
    pub live_bytes: u64,
    /// Its own recipes that count.
    pub live_recipes: u32,
}

/// Err: any footer that cannot be read. A segment that seems unused because a list was short must not be taken for garbage.
pub async fn mark(cloud: &Cloud, state: &State) -> Result<Usage> {
    let whole = |(hash, segment): (&Hash, &crate::log::Segment)| {
        (*hash, SegmentUse { bytes: segment.info.bytes, live_bytes: 0, live_recipes: segment.live_recipes() })
    };
    let mut usage = Usage { segments: state.segments.iter().map(whole).collect(), ended: Vec::new() };
    // Content used of each chunk: an entry for each chunk in use, 1 MiB of content or so apiece.
    let mut used: BTreeMap<(Hash, u32), u32> = BTreeMap::new();
    for (hash, segment) in state.segments.iter().filter(|(_, segment)| segment.live_recipes() > 0) {
        let footer = read_footer(cloud, &segment.info).await?;
        let mut lenders = BTreeSet::new();
        for recipe in segment.live() {
            let recipe = footer.recipes.get(recipe as usize).ok_or(Error::damaged("footer", "it lacks a recipe"))?;
            for part in &recipe.parts {
                let (lender, number, entry) =
                    footer.chunk(part).ok_or(Error::damaged("footer", "a recipe names a chunk that is not there"))?;
                lenders.extend(lender);
                let home = lender.unwrap_or(*hash);
                let before = used.entry((home, number)).or_default();
                let after = before.saturating_add(part.length).min(entry.raw);
                let home = usage.segments.get_mut(&home);
                let home =
                    home.ok_or_else(|| Error::log(format!("{hash} borrows from a segment that is not there")))?;
                home.live_bytes += entry.framed() * u64::from(after - *before) / u64::from(entry.raw.max(1));
                *before = after;
            }
        }
        let ended = segment.info.borrows.difference(&lenders);
        usage.ended.extend(ended.map(|lender| Unborrow { borrower: *hash, lender: *lender }));
    }
    Ok(usage)
}
