//! Leases: a hold on a blob or a container that keeps others from changing it. What becomes of a lease is one pure function.
//! Source: Microsoft, "Lease Blob" and "Lease Container", their tables of outcomes.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Bounds of a lease that ends, and the longest period of a break. Source: Microsoft, "Lease Blob".
pub const LEASE_SECONDS: std::ops::RangeInclusive<u8> = 15..=60;
pub const BREAK_SECONDS_MAX: u8 = 60;

/// A GUID that the holder names with each write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseId(pub u128);

impl LeaseId {
    /// Reads a GUID with or without hyphens and braces, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
        let digits: String = inner.chars().filter(|c| *c != '-').collect();
        let good = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        good.then(|| u128::from_str_radix(&digits, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", self.0);
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        f.write_str(&parts.join("-"))
    }
}

/// A lease as it was last changed; what it is by now is `state`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lease {
    #[default]
    Free,
    Held {
        id: LeaseId,
        term: LeaseTerm,
        since: Timestamp,
    },
    Breaking {
        id: LeaseId,
        until: Timestamp,
    },
    Broken {
        id: LeaseId,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeaseTerm {
    Infinite,
    Seconds(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseState {
    Available,
    Leased(LeaseTerm),
    Expired,
    Breaking,
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseAction {
    Acquire { proposed: LeaseId, term: LeaseTerm },
    Renew(LeaseId),
    Change { id: LeaseId, proposed: LeaseId },
    Release(LeaseId),
    Break { period_s: Option<u8> },
}

/// Why a lease operation is refused: 409.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseRefusal {
    AlreadyPresent,
    BreakingNotAcquired,
    BreakingNotChanged,
    BrokenNotRenewed,
    IdMismatch,
    NotPresent,
}

/// Why an operation on what is leased, or is said to be, is refused: 412.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseUnmet {
    IdMissing,
    IdMismatch,
    NotPresent,
    Lost,
}

/// What can be leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leasable {
    Blob,
    Container,
}

/// Whether an operation needs the lease, where there is one, or only has to name the right one if it names any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseNeed {
    Holder,
    IfGiven,
}

impl Lease {
    pub fn state(&self, now: Timestamp) -> LeaseState {
        match *self {
            Lease::Free => LeaseState::Available,
            Lease::Held { term: LeaseTerm::Seconds(seconds), since, .. } if now >= after(since, seconds) => {
                LeaseState::Expired
            }
            Lease::Held { term, .. } => LeaseState::Leased(term),
            Lease::Breaking { until, .. } if now < until => LeaseState::Breaking,
            Lease::Breaking { .. } | Lease::Broken { .. } => LeaseState::Broken,
        }
    }

    /// What an action makes of the lease, or why not.
    pub fn transition(&self, action: LeaseAction, now: Timestamp) -> Result<Lease, LeaseRefusal> {
        use LeaseState::{Available, Breaking, Broken, Expired, Leased};
        let (state, mine) = (self.state(now), |id| self.id() == Some(id));
        match action {
            LeaseAction::Acquire { proposed, term } => match state {
                Leased(_) | Breaking if !mine(proposed) => Err(LeaseRefusal::AlreadyPresent),
                Breaking => Err(LeaseRefusal::BreakingNotAcquired),
                Available | Leased(_) | Expired | Broken => Ok(Lease::Held { id: proposed, term, since: now }),
            },
            LeaseAction::Renew(id) if !mine(id) => Err(LeaseRefusal::IdMismatch),
            LeaseAction::Renew(_) => match (state, *self) {
                (Leased(_) | Expired, Lease::Held { id, term, .. }) => Ok(Lease::Held { id, term, since: now }),
                _ => Err(LeaseRefusal::BrokenNotRenewed),
            },
            LeaseAction::Change { id, proposed } => match (state, *self) {
                (Leased(_), Lease::Held { term, since, .. }) if mine(id) || mine(proposed) => {
                    Ok(Lease::Held { id: proposed, term, since })
                }
                (Leased(_), _) => Err(LeaseRefusal::IdMismatch),
                (Breaking, _) if !mine(id) => Err(LeaseRefusal::IdMismatch),
                (Breaking, _) => Err(LeaseRefusal::BreakingNotChanged),
                (Available | Expired | Broken, _) => Err(LeaseRefusal::NotPresent),
            },
            LeaseAction::Release(id) if mine(id) => Ok(Lease::Free),
            LeaseAction::Release(_) => Err(LeaseRefusal::IdMismatch),
            LeaseAction::Break { period_s } => self.broken(period_s, now).ok_or(LeaseRefusal::NotPresent),
        }
    }

    /// `None` where there is nothing to break. A break takes the shorter of the period and what is left of the lease.
    fn broken(&self, period_s: Option<u8>, now: Timestamp) -> Option<Lease> {
        let id = self.id()?;
        let asked = period_s.map(|seconds| after(now, seconds));
        let left = match *self {
            Lease::Free | Lease::Broken { .. } => None,
            Lease::Held { term: LeaseTerm::Seconds(seconds), since, .. } => Some(after(since, seconds)),
            Lease::Held { term: LeaseTerm::Infinite, .. } => asked,
            Lease::Breaking { until, .. } => Some(until),
        };
        let until = left.map(|left| asked.map_or(left, |asked| asked.min(left))).filter(|until| *until > now);
        Some(until.map_or(Lease::Broken { id }, |until| Lease::Breaking { id, until }))
    }

    /// Seconds until the lease can be acquired anew, rounded up: what a break answers.
    pub fn breaks_in_s(&self, now: Timestamp) -> u64 {
        match self {
            Lease::Breaking { until, .. } => until.0.saturating_sub(now.0).max(0).unsigned_abs().div_ceil(1_000_000),
            Lease::Free | Lease::Held { .. } | Lease::Broken { .. } => 0,
        }
    }

    /// Whether an operation that names this lease, or none, may go on.
    pub fn admit(&self, given: Option<LeaseId>, need: LeaseNeed, now: Timestamp) -> Result<(), LeaseUnmet> {
        let active = match self.state(now) {
            LeaseState::Leased(_) | LeaseState::Breaking => true,
            LeaseState::Available | LeaseState::Expired | LeaseState::Broken => false,
        };
        match given {
            None if active && need == LeaseNeed::Holder => Err(LeaseUnmet::IdMissing),
            None => Ok(()),
            given if active && given == self.id() => Ok(()),
            Some(_) if active => Err(LeaseUnmet::IdMismatch),
            given if given == self.id() => Err(LeaseUnmet::Lost),
            Some(_) => Err(LeaseUnmet::NotPresent),
        }
    }

    /// The lease after a write: one that has ended is forgotten, so that it cannot be renewed over what others wrote since.
    pub fn after_write(self, now: Timestamp) -> Lease {
        match self.state(now) {
            LeaseState::Leased(_) | LeaseState::Breaking => self,
            LeaseState::Available | LeaseState::Expired | LeaseState::Broken => Lease::Free,
        }
    }

    pub fn id(&self) -> Option<LeaseId> {
        match *self {
            Lease::Free => None,
            Lease::Held { id, .. } | Lease::Breaking { id, .. } | Lease::Broken { id } => Some(id),
        }
    }
}

fn after(at: Timestamp, seconds: u8) -> Timestamp {
    Timestamp(at.0 + i64::from(seconds) * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: LeaseId = LeaseId(0xA);
    const B: LeaseId = LeaseId(0xB);
    const C: LeaseId = LeaseId(0xC);
    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn ago(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_000 - seconds)
    }

    const fn held(term: LeaseTerm, since: Timestamp) -> Lease {
        Lease::Held { id: A, term, since }
    }

    /// Free, held by A for good, held by A for 30 s of which 20 are left, expired, breaking for 10 s more, broken.
    fn states() -> [Lease; 6] {
        [
            Lease::Free,
            held(LeaseTerm::Infinite, ago(99)),
            held(LeaseTerm::Seconds(30), ago(10)),
            held(LeaseTerm::Seconds(30), ago(30)),
            Lease::Breaking { id: A, until: ago(-10) },
            Lease::Breaking { id: A, until: NOW },
        ]
    }

    #[test]
    fn outcomes_are_those_of_azures_table() {
        use LeaseRefusal::*;
        let term = LeaseTerm::Seconds(15);
        let acquire = |proposed| LeaseAction::Acquire { proposed, term };
        let change = |id, proposed| LeaseAction::Change { id, proposed };
        let new = |id| Ok(Lease::Held { id, term, since: NOW });
        let (gone, none) = (Ok(Lease::Broken { id: A }), Err(NotPresent));
        let breaking = |seconds: i64| Ok(Lease::Breaking { id: A, until: ago(-seconds) });
        let renewed = |term| Ok(held(term, NOW));
        let (ever, some) = (LeaseTerm::Infinite, LeaseTerm::Seconds(30));
        let other = |term, since| Ok(Lease::Held { id: B, term, since });
        let (taken, wrong) = (Err(AlreadyPresent), Err(IdMismatch));
        let stop = |period_s| LeaseAction::Break { period_s };
        let table = [
            (acquire(A), [new(A), new(A), new(A), new(A), Err(BreakingNotAcquired), new(A)]),
            (acquire(B), [new(B), taken, taken, new(B), taken, new(B)]),
            (
                LeaseAction::Renew(A),
                [wrong, renewed(ever), renewed(some), renewed(some), Err(BrokenNotRenewed), Err(BrokenNotRenewed)],
            ),
            (LeaseAction::Renew(B), [wrong; 6]),
            (change(A, B), [none, other(ever, ago(99)), other(some, ago(10)), none, Err(BreakingNotChanged), none]),
            (change(B, A), [none, Ok(states()[1]), Ok(states()[2]), none, wrong, none]),
            (change(B, C), [none, wrong, wrong, none, wrong, none]),
            (
                LeaseAction::Release(A),
                [wrong, Ok(Lease::Free), Ok(Lease::Free), Ok(Lease::Free), Ok(Lease::Free), Ok(Lease::Free)],
            ),
            (LeaseAction::Release(B), [wrong; 6]),
            (stop(None), [none, gone, breaking(20), gone, breaking(10), gone]),
            (stop(Some(0)), [none, gone, gone, gone, gone, gone]),
            (stop(Some(5)), [none, breaking(5), breaking(5), gone, breaking(5), gone]),
            (stop(Some(60)), [none, breaking(60), breaking(20), gone, breaking(10), gone]),
        ];
        for (action, outcomes) in table {
            for (lease, outcome) in states().into_iter().zip(outcomes) {
                assert_eq!(lease.transition(action, NOW), outcome, "{action:?} on {lease:?}");
            }
        }
    }

    #[test]
    fn what_is_leased_is_changed_by_its_holder_only() {
        use LeaseUnmet::*;
        let ok = Ok(());
        let table = [
            (None, LeaseNeed::Holder, [ok, Err(IdMissing), Err(IdMissing), ok, Err(IdMissing), ok]),
            (None, LeaseNeed::IfGiven, [ok; 6]),
            (Some(A), LeaseNeed::Holder, [Err(NotPresent), ok, ok, Err(Lost), ok, Err(Lost)]),
            (
                Some(B),
                LeaseNeed::IfGiven,
                [Err(NotPresent), Err(IdMismatch), Err(IdMismatch), Err(NotPresent), Err(IdMismatch), Err(NotPresent)],
            ),
        ];
        for (given, need, outcomes) in table {
            for (lease, outcome) in states().into_iter().zip(outcomes) {
                assert_eq!(lease.admit(given, need, NOW), outcome, "{given:?} {need:?} on {lease:?}");
            }
        }
    }

    #[test]
    fn a_write_ends_what_has_expired() {
        let after: Vec<_> = states().into_iter().map(|lease| lease.after_write(NOW)).collect();
        let [_, ever, some, _, breaking, _] = states();
        assert_eq!(after, [Lease::Free, ever, some, Lease::Free, breaking, Lease::Free]);
        assert_eq!(breaking.breaks_in_s(NOW), 10);
        assert_eq!(Lease::Breaking { id: A, until: Timestamp(NOW.0 + 1) }.breaks_in_s(NOW), 1);
    }

    #[test]
    fn an_id_is_a_guid_in_any_dress() {
        let id = LeaseId::parse("{1F812371-a41d-49E6-b123-f4b542e851c5}").expect("a GUID");
        assert_eq!(id.to_string(), "1f812371-a41d-49e6-b123-f4b542e851c5");
        assert_eq!(LeaseId::parse("1f812371a41d49e6b123f4b542e851c5"), Some(id));
        for bad in ["", "1", "{1f812371-a41d-49e6-b123-f4b542e851c5", "1f812371-a41d-49e6-b123-f4b542e851cg"] {
            assert_eq!(LeaseId::parse(bad), None, "{bad}");
        }
    }
}
