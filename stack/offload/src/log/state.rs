//! What the log adds up to. Every rule that keeps data from being lost is checked here, before a manifest is written and when it is read.

use super::manifest::{AuditHead, Change, Manifest};
use super::ranges::Ranges;
use crate::error::{Error, Result};
use crate::format::footer::Place;
use crate::format::segment::SegmentInfo;
use crate::hash::Hash;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// As of manifest `number`. A checkpoint is this, written down.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// 0 before the first manifest.
    pub number: u64,
    pub epoch: u64,
    /// Hash of the last manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Hash>,
    pub segments: BTreeMap<Hash, Segment>,
    /// Waiting to be removed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub condemned: BTreeMap<Hash, Condemned>,
    /// What the last manifest says of the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditHead>,
    /// The manifest with which the log was last mended: what does not count since then may have been lost, and deleted by nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// `info.borrows` shrinks as borrowed chunks fall out of use.
    pub info: SegmentInfo,
    /// The manifest that added it, and its place therein: where two recipes of one blob count, the later one does.
    pub added: (u64, u32),
    #[serde(default, skip_serializing_if = "Ranges::is_empty")]
    pub dead: Ranges,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condemned {
    /// The manifest that condemned it, and its clock.
    pub number: u64,
    pub at: i64,
}

impl Segment {
    /// Numbers of the recipes that count.
    pub fn live(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.info.recipes).filter(|recipe| !self.dead.contains(*recipe))
    }

    pub fn live_recipes(&self) -> u32 {
        self.info.recipes - self.dead.count()
    }

    /// As far as it has such recipes.
    pub(crate) fn kill(&mut self, recipes: &Ranges) {
        self.dead.union(&recipes.below(self.info.recipes));
    }
}

impl State {
    /// Applies the next manifest, whose bytes have the hash given. Err: nothing was changed.
    pub fn apply(&mut self, manifest: &Manifest, hash: Hash) -> Result<()> {
        self.continues(manifest, self.last)?;
        let mut next = self.clone();
        next.change(&manifest.change, manifest)?;
        let Manifest { number, epoch, audit, .. } = manifest;
        *self = State { number: *number, epoch: *epoch, last: Some(hash), audit: audit.clone(), ..next };
        Ok(())
    }

    /// Whether it is the next manifest.
    pub(super) fn continues(&self, manifest: &Manifest, last: Option<Hash>) -> Result<()> {
        if manifest.number != self.number + 1 {
            return Err(Error::log(format!("manifest {} follows {}", manifest.number, self.number)));
        }
        if manifest.previous != last {
            return Err(Error::log(format!("manifest {} does not continue the one before", manifest.number)));
        }
        if manifest.epoch < self.epoch {
            return Err(Error::log(format!("manifest {} is of an epoch that has ended", manifest.number)));
        }
        Ok(())
    }

    fn change(&mut self, change: &Change, manifest: &Manifest) -> Result<()> {
        for (place, info) in change.add.iter().enumerate() {
            self.add(info, (manifest.number, place as u32))?;
        }
        for dead in &change.dead {
            let segment = self.segments.get_mut(&dead.segment);
            let segment = segment.ok_or_else(|| refused("marks recipes of", &dead.segment, "which is not there"))?;
            if dead.recipes.end() > segment.info.recipes {
                return Err(refused("marks recipes of", &dead.segment, "which has fewer"));
            }
            segment.dead.union(&dead.recipes);
        }
        for edge in &change.unborrow {
            let borrower = self.segments.get_mut(&edge.borrower);
            borrower
                .filter(|segment| segment.info.borrows.contains(&edge.lender))
                .map(|segment| segment.info.borrows.remove(&edge.lender))
                .ok_or_else(|| refused("ends a loan to", &edge.borrower, "which has none"))?;
        }
        self.condemn(&change.condemn, Condemned { number: manifest.number, at: manifest.at })?;
        for hash in &change.gone {
            self.condemned.remove(hash).ok_or_else(|| refused("removes", hash, "which is not condemned"))?;
        }
        Ok(())
    }

    fn add(&mut self, info: &SegmentInfo, added: (u64, u32)) -> Result<()> {
        if self.condemned.contains_key(&info.hash) {
            return Err(refused("adds", &info.hash, "which is condemned"));
        }
        if let Some(lender) = info.borrows.iter().find(|lender| !self.segments.contains_key(lender)) {
            return Err(refused("borrows from", lender, "which is not there"));
        }
        let segment = Segment { info: info.clone(), added, dead: Ranges::default() };
        match self.segments.insert(info.hash, segment) {
            None => Ok(()),
            Some(_) => Err(refused("adds", &info.hash, "which is there")),
        }
    }

    fn condemn(&mut self, hashes: &[Hash], condemned: Condemned) -> Result<()> {
        if hashes.is_empty() {
            return Ok(());
        }
        let lenders = self.lenders();
        for hash in hashes {
            if self.segments.get(hash).is_some_and(|segment| segment.live_recipes() > 0) {
                return Err(refused("condemns", hash, "which has recipes that count"));
            }
            if lenders.contains(hash) {
                return Err(refused("condemns", hash, "which others borrow from"));
            }
            self.segments.remove(hash);
            if self.condemned.insert(*hash, condemned).is_some() {
                return Err(refused("condemns", hash, "which is condemned"));
            }
        }
        Ok(())
    }

    pub fn counts(&self, place: &Place) -> bool {
        let segment = self.segments.get(&place.segment);
        segment.is_some_and(|segment| place.recipe < segment.info.recipes && !segment.dead.contains(place.recipe))
    }

    /// Segments whose chunks may be used by recipes of others.
    pub fn lenders(&self) -> BTreeSet<Hash> {
        let borrowers = self.segments.values().filter(|segment| segment.live_recipes() > 0);
        borrowers.flat_map(|segment| segment.info.borrows.iter().copied()).collect()
    }

    /// Segments that no recipe which counts needs.
    pub fn needless(&self) -> Vec<Hash> {
        let lenders = self.lenders();
        let needless = |(hash, segment): &(&Hash, &Segment)| segment.live_recipes() == 0 && !lenders.contains(*hash);
        self.segments.iter().filter(needless).map(|(hash, _)| *hash).collect()
    }
}

fn refused(does: &str, hash: &Hash, but: &str) -> Error {
    Error::log(format!("a manifest {does} segment {hash}, {but}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Dead, Unborrow};

    const A: Hash = Hash([1; 32]);
    const B: Hash = Hash([2; 32]);
    const ORPHAN: Hash = Hash([9; 32]);

    fn info(hash: Hash, recipes: u32, borrows: &[Hash]) -> SegmentInfo {
        let borrows = borrows.iter().copied().collect();
        let (footer_offset, footer_bytes, footer_hash) = (64, 100, None);
        SegmentInfo { hash, bytes: 500, footer_offset, footer_bytes, footer_hash, recipes, raw_bytes: 300, borrows }
    }

    fn commit(state: &mut State, change: Change) -> Result<()> {
        let (number, previous) = (state.number + 1, state.last);
        let at = number as i64;
        let manifest = Manifest { number, epoch: 1, writer: "w".into(), previous, at, audit: None, change };
        state.apply(&manifest, Hash([number as u8; 32]))
    }

    fn add(infos: &[SegmentInfo]) -> Change {
        Change { add: infos.to_vec(), ..Change::default() }
    }

    fn dead(segment: Hash, recipes: &[u32]) -> Change {
        Change { dead: vec![Dead { segment, recipes: recipes.iter().copied().collect() }], ..Change::default() }
    }

    fn condemn(hash: Hash) -> Change {
        Change { condemn: vec![hash], ..Change::default() }
    }

    fn gone(hash: Hash) -> Change {
        Change { gone: vec![hash], ..Change::default() }
    }

    #[test]
    fn a_segment_goes_only_when_no_recipe_needs_it() {
        let mut state = State::default();
        commit(&mut state, add(&[info(A, 2, &[]), info(B, 2, &[A])])).expect("adds");
        assert!(commit(&mut state, condemn(A)).is_err(), "it has live recipes");
        commit(&mut state, dead(A, &[0, 1])).expect("dies");
        assert!(commit(&mut state, condemn(A)).is_err(), "B borrows from it");
        assert_eq!(state.needless(), []);
        let mut other = state.clone();
        commit(&mut state, Change { unborrow: vec![Unborrow { borrower: B, lender: A }], ..Change::default() })
            .expect("ends");
        assert_eq!(state.needless(), [A]);
        commit(&mut state, condemn(A)).expect("condemned");
        assert_eq!(state.condemned[&A], Condemned { number: 4, at: 4 });
        commit(&mut state, gone(A)).expect("gone");
        // A borrower without recipes that count needs nothing either.
        commit(&mut other, dead(B, &[0, 1])).expect("dies");
        assert_eq!(other.needless(), [A, B]);
    }

    #[test]
    fn what_would_lose_data_is_refused_and_changes_nothing() {
        let mut state = State::default();
        commit(&mut state, add(&[info(A, 2, &[])])).expect("adds");
        commit(&mut state, condemn(ORPHAN)).expect("condemns what was never added");
        let cases = [
            ("a condemned segment returns", add(&[info(ORPHAN, 1, &[])])),
            ("a segment twice", add(&[info(A, 1, &[])])),
            ("a loan from a condemned one", add(&[info(B, 1, &[ORPHAN])])),
            ("a loan from nowhere", add(&[info(B, 1, &[Hash([7; 32])])])),
            ("gone without being condemned", gone(A)),
            ("condemned twice", condemn(ORPHAN)),
            ("recipes of no segment", dead(B, &[0])),
            ("recipes that are not there", dead(A, &[2])),
            ("no such loan", Change { unborrow: vec![Unborrow { borrower: A, lender: B }], ..Change::default() }),
        ];
        for (name, change) in cases {
            let before = state.clone();
            assert!(commit(&mut state, change).is_err(), "{name}");
            assert_eq!(state, before, "{name}");
        }
    }

    #[test]
    fn a_manifest_must_continue_the_log() {
        let mut state = State::default();
        commit(&mut state, add(&[info(A, 1, &[])])).expect("adds");
        let good = Manifest {
            number: 2,
            epoch: 1,
            writer: "w".into(),
            previous: state.last,
            at: 0,
            audit: None,
            change: Change::default(),
        };
        let cases = [
            Manifest { number: 3, ..good.clone() },
            Manifest { number: 1, ..good.clone() },
            Manifest { epoch: 0, ..good.clone() },
            Manifest { previous: None, ..good.clone() },
        ];
        for manifest in cases {
            assert!(state.clone().apply(&manifest, ORPHAN).is_err(), "{manifest:?}");
        }
        state.apply(&good, ORPHAN).expect("continues");
    }
}
