//! The plan, which is also the dry run: what moves, why, and the room that it makes.

use super::fact::{Fact, Micros, Tier, Where};
use super::rules;
use crate::format::footer::{Key, Place};
use greenroom_model::offload::{Rules, Treatment};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

const DAY_US: i64 = 86_400_000_000;
/// In one plan. What is left over is found by the next one.
pub const MOVES_MAX: usize = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Into the cloud; flash is freed.
    Offload,
    /// Into the cloud; flash keeps it.
    Copy,
    /// It is in the cloud already.
    Free(Place),
    /// Back to flash.
    Promote(Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A client has set this tier.
    Tier(Tier),
    /// By this rule, or by default.
    Rule(Option<usize>),
    Idle {
        days: u32,
        rule: Option<usize>,
    },
    /// Flash is above high water, and this was used longest ago of what was left.
    HighWater,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    pub key: Key,
    pub etag: String,
    pub action: Action,
    pub why: Why,
    pub bytes: u64,
}

/// Bytes on flash that may not leave, by what holds them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    pub pinned: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In order: what frees room at once, what is due, what was used longest ago, and last what comes back.
    pub moves: Vec<Move>,
    pub bytes_freed: u64,
    pub bytes_promoted: u64,
    pub used_after: u64,
    /// Above low water although all that may leave does. 0 where high water was not passed.
    pub bytes_short: u64,
    pub held: Held,
    /// Whether `MOVES_MAX` has cut the plan.
    pub cut: Cut,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cut {
    #[default]
    Whole,
    Cut,
}

/// Takes the facts one by one: the namespace need not fit in memory, what leaves does.
#[derive(Debug)]
pub struct Planner<'a> {
    rules: &'a Rules,
    now: Micros,
    capacity: u64,
    used: u64,
    due: Vec<Move>,
    bytes_due: u64,
    back: Vec<Move>,
    coldest: BinaryHeap<Candidate>,
    bytes_coldest: u64,
    held: Held,
    cut: Cut,
}

/// May leave under pressure. The greatest is the one to keep.
#[derive(Debug, PartialEq, Eq)]
struct Candidate {
    /// What a client has called hot leaves last, what is in the cloud already first.
    rank: u8,
    used: Micros,
    leave: Move,
}

impl<'a> Planner<'a> {
    /// `used` of `capacity` bytes of flash.
    pub fn new(rules: &'a Rules, capacity: u64, used: u64, now: Micros) -> Self {
        Self {
            rules,
            now,
            capacity,
            used,
            due: Vec::new(),
            bytes_due: 0,
            back: Vec::new(),
            coldest: BinaryHeap::new(),
            bytes_coldest: 0,
            held: Held::default(),
            cut: Cut::Whole,
        }
    }

    pub fn fact(&mut self, fact: Fact) {
        let (treatment, rule) = rules::treatment(self.rules, &fact);
        match (fact.place, treatment) {
            (Where::Cloud(place), _) => {
                let why = match (fact.tier, treatment) {
                    (Some(Tier::Hot), _) => Why::Tier(Tier::Hot),
                    (_, Treatment::Pin) => Why::Rule(rule),
                    _ => return,
                };
                if self.back.len() < MOVES_MAX {
                    self.back.push(moving(fact, Action::Promote(place), why));
                }
            }
            (_, Treatment::Pin) => self.held.pinned += fact.bytes,
            (Where::Flash | Where::Both(_), _) => match self.why_due(&fact, treatment, rule) {
                Some((why, action)) => self.due(moving(fact, action, why)),
                None => self.perhaps(fact, treatment, rule),
            },
        }
    }

    pub fn finish(mut self) -> Plan {
        let (high, low) = (self.percent(self.rules.water.high_percent), self.percent(self.rules.water.low_percent));
        let after_due = self.used.saturating_sub(self.bytes_due);
        let mut pressed = Vec::new();
        if after_due > high {
            self.trim(after_due - low.min(after_due));
            pressed = std::mem::take(&mut self.coldest).into_sorted_vec();
        }
        let bytes_freed = self.bytes_due + pressed.iter().map(|candidate| candidate.leave.bytes).sum::<u64>();
        let mut used_after = self.used.saturating_sub(bytes_freed);
        let bytes_short = if after_due > high { used_after.saturating_sub(low) } else { 0 };
        // Room first: what comes back must not be what fills flash.
        let mut bytes_promoted = 0;
        self.back.retain(|back| {
            let fits = used_after + back.bytes <= high;
            if fits {
                used_after += back.bytes;
                bytes_promoted += back.bytes;
            }
            fits
        });
        let mut moves = self.due;
        moves.sort_by_key(|due| !matches!(due.action, Action::Free(_)));
        moves.extend(pressed.into_iter().map(|candidate| candidate.leave));
        moves.append(&mut self.back);
        Plan { moves, bytes_freed, bytes_promoted, used_after, bytes_short, held: self.held, cut: self.cut }
    }

    fn why_due(&self, fact: &Fact, treatment: Treatment, rule: Option<usize>) -> Option<(Why, Action)> {
        let leave = match fact.place {
            Where::Both(place) => Action::Free(place),
            Where::Flash | Where::Cloud(_) => Action::Offload,
        };
        match (fact.tier, treatment) {
            (Some(tier @ (Tier::Cool | Tier::Cold | Tier::Archive)), _) => Some((Why::Tier(tier), leave)),
            // A client's word is above ours: hot stays until there is no room.
            (Some(Tier::Hot), Treatment::Copy) if fact.place == Where::Flash => Some((Why::Rule(rule), Action::Copy)),
            (Some(Tier::Hot), _) => None,
            (None, Treatment::AtOnce) => Some((Why::Rule(rule), leave)),
            (None, Treatment::Copy) => (fact.place == Where::Flash).then_some((Why::Rule(rule), Action::Copy)),
            (None, Treatment::Idle { days }) => {
                let idle = self.now.saturating_sub(fact.used) >= i64::from(days) * DAY_US;
                idle.then_some((Why::Idle { days, rule }, leave))
            }
            (None, Treatment::WhenFull | Treatment::Pin) => None,
        }
    }

    fn due(&mut self, due: Move) {
        if self.due.len() >= MOVES_MAX {
            self.cut = Cut::Cut;
            return;
        }
        self.bytes_due += if due.action == Action::Copy { 0 } else { due.bytes };
        self.due.push(due);
    }

    /// Keeps the coldest that suffice. What is due may make more of them needless later, never fewer.
    fn perhaps(&mut self, fact: Fact, treatment: Treatment, _rule: Option<usize>) {
        let high = self.percent(self.rules.water.high_percent);
        if self.used <= high || fact.bytes == 0 || treatment == Treatment::Pin {
            return;
        }
        let (rank, action) = match (fact.tier, fact.place) {
            (Some(Tier::Hot), Where::Both(place)) => (2, Action::Free(place)),
            (Some(Tier::Hot), _) => (3, Action::Offload),
            (_, Where::Both(place)) => (0, Action::Free(place)),
            (_, Where::Flash | Where::Cloud(_)) => (1, Action::Offload),
        };
        let used = fact.used;
        self.bytes_coldest += fact.bytes;
        self.coldest.push(Candidate { rank, used, leave: moving(fact, action, Why::HighWater) });
        self.trim(self.used - self.percent(self.rules.water.low_percent).min(self.used));
        if self.coldest.len() > MOVES_MAX
            && let Some(warmest) = self.coldest.pop()
        {
            self.bytes_coldest -= warmest.leave.bytes;
            self.cut = Cut::Cut;
        }
    }

    /// Lets go of the warmest while the others free enough.
    fn trim(&mut self, bytes_needed: u64) {
        while let Some(warmest) = self.coldest.peek()
            && self.bytes_coldest - warmest.leave.bytes >= bytes_needed
        {
            self.bytes_coldest -= warmest.leave.bytes;
            self.coldest.pop();
        }
    }

    fn percent(&self, percent: u64) -> u64 {
        (u128::from(self.capacity) * u128::from(percent) / 100) as u64
    }
}

fn moving(fact: Fact, action: Action, why: Why) -> Move {
    Move { key: fact.key, etag: fact.etag, action, why, bytes: fact.bytes }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.rank, self.used, &self.leave.key).cmp(&(other.rank, other.used, &other.leave.key))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
