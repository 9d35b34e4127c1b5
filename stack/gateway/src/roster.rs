//! Who has a place: a bounded number of connections. When somebody new is at the door and none is free, strangers leave, who have shown no good
//! credential yet, those that came first; where there are few of them, the connection that is idle longest does; else a stranger all the same; else,
//! of the tenant that has most, and more than its part, the one whose request has been under way for longest.

use crate::pace::Turn;
use greenroom_model::TenantName;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a connection that was dismissed may take to leave, or all of them to have one that is idle, until another is looked for.
const DISMISSAL: Duration = Duration::from_millis(50);
/// Strangers are few while they have less than this part of the places: who has just come is one, and is not sent away at once.
const FEW: usize = 16;
/// The part of the places that strangers free at a time, where they are many: to find them takes a look at everybody.
const AT_A_TIME: usize = 32;

#[derive(Debug)]
pub struct Roster {
    places: Arc<Semaphore>,
    present: Arc<Mutex<Present>>,
}

#[derive(Debug, Default)]
struct Present {
    last: u64,
    turns: HashMap<u64, Arc<Turn>>,
    /// Those that were told to leave and have not yet.
    leaving: usize,
}

/// A connection's place, until dropped.
#[derive(Debug)]
pub struct Place {
    number: u64,
    turn: Arc<Turn>,
    present: Arc<Mutex<Present>>,
    _permit: OwnedSemaphorePermit,
}

impl Roster {
    pub fn new(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), present: Arc::default() }
    }

    /// A place, once there is one.
    pub async fn admit(&self) -> Place {
        let permit = loop {
            if let Ok(permit) = self.places.clone().try_acquire_owned() {
                break permit;
            }
            self.make_room();
            if let Ok(permit) = timeout(DISMISSAL, self.places.clone().acquire_owned()).await {
                break permit.expect("the semaphore is never closed");
            }
            self.all().leaving = 0;
        };
        let turn = Arc::new(Turn::default());
        let mut present = self.all();
        present.last += 1;
        let number = present.last;
        present.turns.insert(number, turn.clone());
        Place { number, turn, present: self.present.clone(), _permit: permit }
    }

    /// How many have a place.
    pub fn present(&self) -> usize {
        self.all().turns.len()
    }

    fn all(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make_room(&self) {
        let mut present = self.all();
        if present.leaving > 0 {
            return;
        }
        let shown = present.turns.iter().map(|(number, turn)| Shown {
            number: *number,
            idle_since: turn.idle_since(),
            under_way_since: turn.under_way_since(),
            tenant: turn.tenant(),
        });
        let victims = victims(&shown.collect::<Vec<_>>());
        present.leaving = victims.len();
        for victim in victims {
            match victim {
                Victim::Idle(number) => present.turns[&number].dismiss(),
                Victim::Busy(number) => {
                    tracing::debug!("all places are taken: a connection is cut for another");
                    present.turns[&number].expel();
                }
            }
        }
    }
}

/// What is known of a connection.
#[derive(Debug, Clone)]
struct Shown {
    /// Who came later has a higher one.
    number: u64,
    idle_since: Option<Instant>,
    under_way_since: Option<Instant>,
    tenant: Option<TenantName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    /// Leaves if no request comes first: nothing of any is lost.
    Idle(u64),
    /// Is cut off.
    Busy(u64),
}

/// Who is to leave for somebody of whom nothing is known yet.
fn victims(present: &[Shown]) -> Vec<Victim> {
    let mut strangers: Vec<_> = present.iter().filter(|shown| shown.tenant.is_none()).map(Shown::leaves).collect();
    strangers.sort_unstable_by_key(|(number, _)| *number);
    let strangers = strangers.into_iter().map(|(_, victim)| victim);
    let many = strangers.len().saturating_sub(present.len() / FEW);
    if many > 0 {
        return strangers.take(many.min(present.len().div_ceil(AT_A_TIME))).collect();
    }
    let tenants = || present.iter().filter(|shown| shown.tenant.is_some());
    let idle = tenants().filter_map(|shown| Some((shown.idle_since?, shown.number))).min();
    let idle = idle.map(|(_, number)| Victim::Idle(number));
    idle.or_else(|| strangers.clone().next()).or_else(|| of_who_has_most(present)).into_iter().collect()
}

fn of_who_has_most(present: &[Shown]) -> Option<Victim> {
    let mut counts = BTreeMap::new();
    present.iter().filter_map(|shown| shown.tenant.as_ref()).for_each(|tenant| *counts.entry(tenant).or_insert(0) += 1);
    let part = present.len() / (counts.len() + 1);
    let (most, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    if count <= part {
        return None;
    }
    let theirs = present.iter().filter(|shown| shown.tenant.as_ref() == Some(most));
    theirs.min_by_key(|shown| shown.under_way_since).map(|shown| Victim::Busy(shown.number))
}

impl Shown {
    fn leaves(&self) -> (u64, Victim) {
        let victim = if self.idle_since.is_some() { Victim::Idle } else { Victim::Busy };
        (self.number, victim(self.number))
    }
}

impl Place {
    pub fn turn(&self) -> Arc<Turn> {
        self.turn.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.turns.remove(&self.number);
        present.leaving = present.leaving.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_is_a_stranger_or_idle_or_has_more_than_its_part() {
        let began = Instant::now();
        let at = |seconds: u64| Some(began + Duration::from_secs(seconds));
        let of = |name: &str| Some(TenantName::new(name).expect("a good name"));
        let shown =
            |number, idle, under_way, tenant| Shown { number, idle_since: idle, under_way_since: under_way, tenant };
        let gold = |number: u64, since| shown(number, None, at(since), of("gold"));
        let nobody = |number: u64| shown(number, None, at(0), None);
        let silent = |number: u64| shown(number, at(0), at(0), None);
        let house = |strangers: std::ops::Range<u64>| {
            let idle = shown(1, at(5), None, of("tin"));
            [idle].into_iter().chain((2..65).map(|number| gold(number, 1))).chain(strangers.map(nobody)).collect()
        };
        let (idle, busy) = (Victim::Idle, Victim::Busy);
        for (what, present, expected) in [
            ("nobody is there", vec![], vec![]),
            (
                "the longest idle",
                vec![shown(1, at(5), None, of("gold")), shown(2, at(4), None, of("tin")), gold(3, 1)],
                vec![idle(2)],
            ),
            ("strangers before tenants", vec![shown(1, at(1), None, of("gold")), nobody(2), nobody(3)], vec![busy(2)]),
            ("the first to come, silent or not", vec![nobody(7), silent(6), silent(8)], vec![idle(6)]),
            ("a few who have just come stay", house(70..74), vec![idle(1)]),
            ("many leave, several at a time", house(70..90), vec![busy(70), busy(71), busy(72)]),
            (
                "of whoever has most",
                vec![gold(1, 5), gold(2, 4), gold(3, 6), shown(4, None, at(1), of("tin"))],
                vec![busy(2)],
            ),
            ("one alone makes room for others", vec![gold(1, 5), gold(2, 4)], vec![busy(2)]),
        ] {
            assert_eq!(victims(&present), expected, "{what}");
        }
    }
}
