//! Which segments are worth rewriting. Pure.

use super::mark::{SegmentUse, Usage};
use crate::hash::Hash;
use std::collections::BTreeSet;

const GB: f64 = 1e9;

/// What the target charges, in any currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    pub stored_per_gb_month: f64,
    pub egress_per_gb: f64,
    pub put: f64,
    pub get: f64,
}

impl Default for Costs {
    /// An example, of the order of a hot tier within its region.
    fn default() -> Self {
        Self { stored_per_gb_month: 0.018, egress_per_gb: 0.0, put: 5e-6, get: 4e-7 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// What is saved must come back within this time.
    pub months: f64,
    /// Above this live share a segment stays, whatever is saved: the same bytes would be moved over and over.
    pub live_percent_max: u64,
    /// Moved in one run.
    pub bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { months: 3.0, live_percent_max: 60, bytes_max: 1 << 30 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Victim {
    pub segment: Hash,
    pub bytes: u64,
    pub live_bytes: u64,
    /// Within `Limits::months`, above what moving costs; without end for what has to go.
    pub saving: f64,
}

/// What has to go first, whatever it costs, and then the most rewarding. A segment without any use is no victim: it goes as it is.
pub fn victims(usage: &Usage, go: &BTreeSet<Hash>, costs: &Costs, limits: &Limits) -> Vec<Victim> {
    let mut victims: Vec<Victim> = usage
        .segments
        .iter()
        .filter(|(_, used)| used.live_bytes > 0 || used.live_recipes > 0)
        .filter(|(segment, used)| go.contains(segment) || used.live_bytes * 100 <= used.bytes * limits.live_percent_max)
        .map(|(segment, used)| Victim {
            segment: *segment,
            bytes: used.bytes,
            live_bytes: used.live_bytes,
            saving: if go.contains(segment) { f64::INFINITY } else { saving(used, costs, limits) },
        })
        .filter(|victim| victim.saving > 0.0)
        .collect();
    victims.sort_by(|a, b| b.saving.total_cmp(&a.saving).then(a.segment.cmp(&b.segment)));
    let mut moved = 0;
    victims.retain(|victim| {
        let fits = moved + victim.live_bytes <= limits.bytes_max;
        moved += if fits { victim.live_bytes } else { 0 };
        fits
    });
    victims
}

fn saving(used: &SegmentUse, costs: &Costs, limits: &Limits) -> f64 {
    let dead = (used.bytes - used.live_bytes.min(used.bytes)) as f64;
    let live = used.live_bytes as f64;
    let share = live / crate::format::segment::TARGET_BYTES as f64;
    // A footer and a few chunks to read; its share of the segment that is written.
    let moving = live / GB * costs.egress_per_gb + 4.0 * costs.get + share * costs.put;
    dead / GB * costs.stored_per_gb_month * limits.months - moving
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn chosen(uses: &[(u64, u64)], go: &[u8], costs: &Costs, limits: &Limits) -> Vec<u8> {
        let segments = uses.iter().enumerate().map(|(n, (bytes, live_bytes))| {
            (Hash([n as u8; 32]), SegmentUse { bytes: bytes * MIB, live_bytes: live_bytes * MIB, live_recipes: 0 })
        });
        let usage = Usage { segments: segments.collect(), ended: Vec::new() };
        let go = go.iter().map(|n| Hash([*n; 32])).collect();
        victims(&usage, &go, costs, limits).iter().map(|victim| victim.segment.0[0]).collect()
    }

    #[test]
    fn what_saves_most_is_moved_first_and_what_does_not_pay_stays() {
        let (costs, limits) = (Costs::default(), Limits::default());
        let dear = Costs { egress_per_gb: 0.09, ..costs };
        let uses = [(64, 64), (64, 40), (64, 30), (64, 5), (64, 0)];
        let cases = [
            ("by saving", costs, limits, vec![3, 2]),
            ("where reading costs, only what is nearly empty", dear, limits, vec![3]),
            ("a longer view", dear, Limits { months: 36.0, ..limits }, vec![3, 2]),
            ("little at a time", costs, Limits { bytes_max: 10 * MIB, ..limits }, vec![3]),
            ("a lower bar", costs, Limits { live_percent_max: 65, ..limits }, vec![3, 2, 1]),
        ];
        for (name, costs, limits, expected) in cases {
            assert_eq!(chosen(&uses, &[], &costs, &limits), expected, "{name}");
        }
        assert_eq!(
            chosen(&uses, &[0, 4], &costs, &limits),
            [0, 3, 2],
            "what has to go, where anything of it is in use"
        );
        let little = Limits { bytes_max: 70 * MIB, ..limits };
        assert_eq!(chosen(&uses, &[0, 1], &costs, &little), [0, 3], "and no more at a time than else");
    }
}
