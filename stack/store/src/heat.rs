//! When blobs were last read: remembered in memory, and written down now and then by whoever decides by it.

use crate::clock::{Clock, Timestamp};
use crate::rows::Place;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// Blobs that are remembered until they are written down. Reads of others beyond that are forgotten, and those blobs seem colder.
const PLACES_MAX: usize = 64 << 10;
/// A read so soon after the last one that was written down is not worth a write.
const WORTH_US: i64 = 60_000_000;

#[derive(Default)]
pub struct Heat {
    clock: Option<Arc<dyn Clock>>,
    /// Nobody asks where nothing ever leaves.
    watched: AtomicBool,
    reads: Mutex<HashMap<Place, Read>>,
}

#[derive(Debug, Clone, Copy)]
struct Read {
    last: Timestamp,
    settled: Timestamp,
}

impl fmt::Debug for Heat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Heat")
    }
}

impl Heat {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..Self::default() }
    }

    pub fn watch(&self) {
        self.watched.store(true, Relaxed);
    }

    pub fn is_watched(&self) -> bool {
        self.watched.load(Relaxed)
    }

    pub fn note(&self, place: &Place) {
        let Some(clock) = self.clock.as_ref().filter(|_| self.is_watched()) else { return };
        let last = clock.now();
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        match reads.get_mut(place) {
            Some(read) => read.last = last,
            None => {
                if reads.len() < PLACES_MAX {
                    reads.insert(place.clone(), Read { last, settled: Timestamp::default() });
                }
            }
        }
    }

    pub fn last(&self, place: &Place) -> Option<Timestamp> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner).get(place).map(|read| read.last)
    }

    /// Reads that are not written down yet. What was written down before and not read since is forgotten here.
    pub fn unsettled(&self) -> Vec<(Place, Timestamp)> {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.retain(|_, read| read.last > read.settled);
        let mut unsettled = Vec::new();
        for (place, read) in reads.iter_mut().filter(|(_, read)| read.last.0 - read.settled.0 >= WORTH_US) {
            read.settled = read.last;
            unsettled.push((place.clone(), read.last));
        }
        unsettled
    }
}
