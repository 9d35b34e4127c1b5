//! Who has a place: a bounded number of connections. When somebody new is at the door and none is free, an idle one leaves, of those
//! that have never shown a good credential first; else the one that has shown none for longest; else, of the tenant that has most, and more than its part, the one whose request
//! has been under way for longest.

use crate::pace::Turn;
use greenroom_model::TenantName;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a connection that was dismissed may take to leave, or all of them to have one that is idle, until another is looked for.
const DISMISSAL: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct Roster {
    places: Arc<Semaphore>,
    present: Arc<Mutex<Present>>,
}

#[derive(Debug, Default)]
struct Present {
    last: u64,
    turns: HashMap<u64, Arc<Turn>>,
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
        };
        let turn = Arc::new(Turn::default());
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.last += 1;
        let number = present.last;
        present.turns.insert(number, turn.clone());
        Place { number, turn, present: self.present.clone(), _permit: permit }
    }

    /// How many have a place.
    pub fn present(&self) -> usize {
        self.present.lock().unwrap_or_else(PoisonError::into_inner).turns.len()
    }

    fn make_room(&self) {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = present.turns.iter().map(|(number, turn)| Shown {
            number: *number,
            idle_since: turn.idle_since(),
            under_way_since: turn.under_way_since(),
            tenant: turn.tenant(),
        });
        match victim(&shown.collect::<Vec<_>>()) {
            Some(Victim::Idle(number)) => present.turns[&number].dismiss(),
            Some(Victim::Busy(number)) => {
                tracing::info!("all places are taken: a connection is cut for another");
                present.turns[&number].expel();
            }
            None => {}
        }
    }
}

/// What is known of a connection.
#[derive(Debug, Clone)]
struct Shown {
    number: u64,
    idle_since: Option<Instant>,
    under_way_since: Option<Instant>,
    tenant: Option<TenantName>,
}

#[derive(Debug, PartialEq, Eq)]
enum Victim {
    /// Leaves if no request comes first: nothing of any is lost.
    Idle(u64),
    /// Is cut off.
    Busy(u64),
}

/// Who is to leave for somebody of whom nothing is known yet.
fn victim(present: &[Shown]) -> Option<Victim> {
    let idle = present.iter().filter_map(|shown| Some(((shown.tenant.is_some(), shown.idle_since?), shown.number)));
    if let Some((_, number)) = idle.min() {
        return Some(Victim::Idle(number));
    }
    let longest =
        |of: &mut dyn Iterator<Item = &Shown>| of.min_by_key(|shown| shown.under_way_since).map(|shown| shown.number);
    if let Some(number) = longest(&mut present.iter().filter(|shown| shown.tenant.is_none())) {
        return Some(Victim::Busy(number));
    }
    let mut counts = BTreeMap::new();
    present.iter().filter_map(|shown| shown.tenant.as_ref()).for_each(|tenant| *counts.entry(tenant).or_insert(0) += 1);
    let part = present.len() / (counts.len() + 1);
    let (most, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    if count <= part {
        return None;
    }
    longest(&mut present.iter().filter(|shown| shown.tenant.as_ref() == Some(most))).map(Victim::Busy)
}

impl Place {
    pub fn turn(&self) -> Arc<Turn> {
        self.turn.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.present.lock().unwrap_or_else(PoisonError::into_inner).turns.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_is_idle_or_nobody_or_has_more_than_its_part() {
        let began = Instant::now();
        let at = |seconds: u64| Some(began + Duration::from_secs(seconds));
        let of = |name: &str| Some(TenantName::new(name).expect("a good name"));
        let shown =
            |number, idle, under_way, tenant| Shown { number, idle_since: idle, under_way_since: under_way, tenant };
        let gold = |number: u64, since| shown(number, None, at(since), of("gold"));
        let nobody = |number: u64, since| shown(number, None, at(since), None);
        for (what, present, expected) in [
            ("nobody is there", vec![], None),
            (
                "the longest idle",
                vec![shown(1, at(5), None, of("gold")), shown(2, at(4), None, of("tin")), nobody(3, 1)],
                Some(Victim::Idle(2)),
            ),
            (
                "a stranger who is silent",
                vec![shown(1, at(3), None, of("gold")), shown(2, at(9), None, None), nobody(3, 1)],
                Some(Victim::Idle(2)),
            ),
            ("strangers before tenants", vec![gold(1, 1), nobody(2, 9), nobody(3, 8)], Some(Victim::Busy(3))),
            (
                "of whoever has most",
                vec![gold(1, 5), gold(2, 4), gold(3, 6), shown(4, None, at(1), of("tin"))],
                Some(Victim::Busy(2)),
            ),
            ("one alone makes room for others", vec![gold(1, 5), gold(2, 4)], Some(Victim::Busy(2))),
        ] {
            assert_eq!(victim(&present), expected, "{what}");
        }
    }
}
