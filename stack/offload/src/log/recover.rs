//! Puts a state together across gaps in the log: from the manifests that are left, and from what segments say of themselves. Pure.

use super::manifest::Manifest;
use super::ranges::Ranges;
use super::state::{Condemned, Segment, State};
use crate::error::Result;
use crate::format::footer::Place;
use crate::format::segment::{Origin, SegmentInfo};
use crate::hash::Hash;
use std::collections::{BTreeMap, BTreeSet};

/// A segment that no manifest adds, by its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlisted {
    pub info: SegmentInfo,
    pub origin: Origin,
    /// Which of its recipes say that they took the place of another one, and of which.
    pub was: Vec<(u32, Place)>,
}

/// The log as far as it has been read.
#[derive(Debug, Default)]
pub struct Recovery {
    pub state: State,
    /// The last number of each gap.
    pub gaps: Vec<u64>,
    /// Dead recipes of segments that are not known yet: a gap added them.
    dead: BTreeMap<Hash, Ranges>,
    /// Segments that can never be added again.
    ended: BTreeSet<Hash>,
}

impl Recovery {
    pub fn new(state: State) -> Self {
        let ended = state.condemned.keys().copied().collect();
        Self { state, ended, ..Self::default() }
    }

    /// Nobody can say what the manifests up to this one said.
    pub fn gap(&mut self, last: u64) {
        self.gaps.push(last);
        (self.state.number, self.state.last) = (last, None);
    }

    /// The next manifest. Err: it does not continue what is known, which is as it was.
    pub fn manifest(&mut self, manifest: &Manifest, hash: Hash) -> Result<()> {
        if self.gaps.is_empty() {
            self.state.apply(manifest, hash)?;
        } else {
            self.state.continues(manifest, self.state.last.or(manifest.previous))?;
            self.change(manifest);
            let State { number, epoch, last, .. } = &mut self.state;
            (*number, *epoch, *last) = (manifest.number, manifest.epoch, Some(hash));
        }
        self.ended.extend(manifest.change.condemn.iter().chain(&manifest.change.gone));
        Ok(())
    }

    /// Its writer knew the whole log: what seems to break a rule here follows from what a gap said.
    fn change(&mut self, manifest: &Manifest) {
        let change = &manifest.change;
        for (place, info) in (0..).zip(&change.add) {
            let dead = self.dead.remove(&info.hash).unwrap_or_default();
            let segment = Segment { info: info.clone(), added: (manifest.number, place), dead };
            self.state.segments.insert(info.hash, segment);
        }
        for dead in &change.dead {
            match self.state.segments.get_mut(&dead.segment) {
                Some(segment) => segment.kill(&dead.recipes),
                None => self.dead.entry(dead.segment).or_default().union(&dead.recipes),
            }
        }
        for edge in &change.unborrow {
            if let Some(borrower) = self.state.segments.get_mut(&edge.borrower) {
                borrower.info.borrows.remove(&edge.lender);
            }
        }
        for hash in &change.condemn {
            self.state.segments.remove(hash);
            self.state.condemned.insert(*hash, Condemned { number: manifest.number, at: manifest.at });
        }
        for hash in &change.gone {
            self.state.condemned.remove(hash);
        }
    }

    /// Whether the log says of this segment what it is, so that it need not say so itself.
    pub fn knows(&self, hash: &Hash) -> bool {
        self.state.segments.contains_key(hash) || self.ended.contains(hash)
    }

    /// Takes segments for what gaps added, in the order in which they were begun. `known` has the origins of segments that manifests add.
    pub fn adopt(&mut self, mut unlisted: Vec<Unlisted>, known: &BTreeMap<Hash, Origin>) {
        unlisted.retain(|segment| !self.knows(&segment.info.hash));
        unlisted.sort_by_key(|segment| order(&segment.origin));
        let added = |(hash, segment): (&Hash, &Segment)| Some((order(known.get(hash)?), segment.added.0));
        let listed: Vec<_> = self.state.segments.iter().filter_map(added).collect();
        let mut places: BTreeMap<u64, u32> = BTreeMap::new();
        let mut replaced = Vec::new();
        for Unlisted { info, origin, was } in unlisted {
            // A gap before the manifest that added what was begun after it.
            let later = listed.iter().filter(|(begun, _)| *begun > order(&origin)).map(|(_, number)| *number).min();
            let fits = self.gaps.iter().rev().find(|gap| later.is_none_or(|later| **gap < later));
            let Some(gap) = fits.or(self.gaps.first()).copied() else { return };
            let place = places.entry(gap).or_default();
            let dead = self.dead.remove(&info.hash).unwrap_or_default();
            replaced.extend(was.into_iter().map(|(recipe, was)| (Place { segment: info.hash, recipe }, was)));
            let mut segment = Segment { info, added: (gap, *place), dead: Ranges::default() };
            segment.kill(&dead);
            *place += 1;
            self.state.epoch = self.state.epoch.max(origin.epoch);
            self.state.segments.insert(segment.info.hash, segment);
        }
        self.undo(&replaced);
    }

    /// What took the place of a recipe that a manifest calls dead was never committed: its commit would have been the one to say so.
    fn undo(&mut self, replaced: &[(Place, Place)]) {
        let is_dead = |place: &Place| {
            self.state.segments.get(&place.segment).is_some_and(|segment| segment.dead.contains(place.recipe))
        };
        let undone: Vec<Place> = replaced.iter().filter(|(_, was)| is_dead(was)).map(|(place, _)| *place).collect();
        for place in undone {
            if let Some(segment) = self.state.segments.get_mut(&place.segment) {
                segment.kill(&Ranges::from_iter([place.recipe]));
            }
        }
    }
}

/// One writer packs, uploads and commits its segments in this order.
fn order(origin: &Origin) -> (u64, u64) {
    (origin.epoch, origin.sequence)
}
