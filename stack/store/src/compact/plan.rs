//! Which extents are worth compacting: pure.

use crate::extent::{Facts, Phase};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be closed; what is then dead goes, what is not is compacted by a later round.
    pub close: Vec<u32>,
    /// Emptiest first.
    pub compact: Vec<u32>,
}

/// Compacting costs a write of what lives, and gains what is dead: at a half, a byte for a byte. On a full flash more is paid.
const LIVE_PERCENT_MAX: u64 = 50;
const LIVE_PERCENT_MAX_FULL: u64 = 85;
/// Full begins where less than this is free.
const FREE_PERCENT_FULL: u64 = 15;
/// An open extent is left alone while less of it is dead: each closing costs a new file.
const DEAD_BYTES_MIN_OPEN: u64 = 1 << 20;
/// Live bytes that a round moves, but for its first extent: bounds what a round holds in memory and how long it takes.
const ROUND_BYTES: u64 = 128 << 20;

/// What there is to work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    pub free_bytes: u64,
    /// What copies may take.
    pub copy_bytes: u64,
    pub capacity_bytes: u64,
    /// Where an extent is full.
    pub extent_bytes: u64,
}

pub fn plan(extents: &[Facts], Room { free_bytes, copy_bytes, capacity_bytes, extent_bytes }: Room) -> Plan {
    let dead_bytes_min_open = DEAD_BYTES_MIN_OPEN.min(extent_bytes / 4);
    let full = free_bytes.saturating_mul(100) < capacity_bytes.saturating_mul(FREE_PERCENT_FULL);
    let percent = if full { LIVE_PERCENT_MAX_FULL } else { LIVE_PERCENT_MAX };
    let mut worth: Vec<_> =
        extents.iter().filter(|extent| extent.live_bytes * 100 <= extent.file_bytes * percent).collect();
    worth.sort_by_key(|extent| (extent.live_bytes, extent.id));
    let mut plan = Plan::default();
    let mut moved = 0;
    for extent in worth {
        match extent.phase {
            Phase::Open if extent.file_bytes - extent.live_bytes >= dead_bytes_min_open => plan.close.push(extent.id),
            // What is wholly dead and closed goes without us.
            Phase::Closed if extent.live_bytes > 0 => {
                let first = plan.compact.is_empty();
                if (first || moved + extent.live_bytes <= ROUND_BYTES) && moved + extent.live_bytes <= copy_bytes {
                    moved += extent.live_bytes;
                    plan.compact.push(extent.id);
                }
            }
            Phase::Open | Phase::Closed => {}
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn room(free_bytes: u64, capacity_bytes: u64) -> Room {
        Room { free_bytes, copy_bytes: free_bytes, capacity_bytes, extent_bytes: 256 * MIB }
    }

    fn closed(id: u32, file_mib: u64, live_mib: u64) -> Facts {
        Facts { id, file_bytes: file_mib * MIB, live_bytes: live_mib * MIB, phase: Phase::Closed }
    }

    #[test]
    fn what_is_half_dead_goes_and_emptiest_first() {
        let open = |id, file, live| Facts { phase: Phase::Open, ..closed(id, file, live) };
        let extents = [
            closed(1, 100, 51),
            closed(2, 100, 50),
            closed(3, 100, 1),
            closed(4, 100, 0),
            closed(5, 1, 3),
            open(6, 100, 10),
            open(7, 100, 60),
            open(8, 1, 1),
            open(9, 2, 0),
        ];
        let plan = plan(&extents, room(900 * MIB, 1_000 * MIB));
        assert_eq!(plan, Plan { close: vec![9, 6], compact: vec![3, 2] });
    }

    #[test]
    fn a_full_flash_takes_more_but_only_what_there_is_room_for() {
        let extents = [closed(1, 100, 70), closed(2, 100, 20), closed(3, 100, 86), closed(4, 100, 30)];
        assert_eq!(plan(&extents, room(140 * MIB, 1_000 * MIB)).compact, [2, 4, 1]);
        assert_eq!(plan(&extents, room(60 * MIB, 1_000 * MIB)).compact, [2, 4]);
        assert!(plan(&extents, room(10 * MIB, 1_000 * MIB)).compact.is_empty());
    }

    #[test]
    fn a_round_is_bounded_but_never_empty() {
        let extents = [closed(1, 1_000, 400), closed(2, 1_000, 90), closed(3, 1_000, 80)];
        assert_eq!(plan(&extents, room(9_000 * MIB, 9_000 * MIB)).compact, [3]);
        assert_eq!(plan(&extents[..1], room(9_000 * MIB, 9_000 * MIB)).compact, [1]);
    }
}
