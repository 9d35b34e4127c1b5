//! Who has a place: a bounded number of connections, of which the longest idle one leaves when somebody new is at the door.

use crate::pace::Turn;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
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
            self.dismiss_idlest();
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

    fn dismiss_idlest(&self) {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = present.turns.values().filter_map(|turn| Some((turn.idle_since()?, turn)));
        if let Some((_, turn)) = idle.min_by_key(|(since, _)| *since) {
            turn.dismiss();
        }
    }
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
