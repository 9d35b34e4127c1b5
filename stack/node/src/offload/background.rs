//! Offload's own work, as admission sees it: one more tenant, who takes turns with those who are served, and waits for nobody once room
//! is needed. Writes that wait for room hold places: work that makes it may not queue behind them.

use greenroom_model::tenancy::Share;
use greenroom_tenancy::admission::{Admission, Gate};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Content that waited this long for its turn goes on without: a busy machine slows offload down, and does not stop it.
const TURN_MAX: Duration = Duration::from_millis(200);

#[derive(Debug, Clone)]
pub struct Background {
    gate: Gate,
    urgent: Arc<AtomicBool>,
}

impl Background {
    pub fn new(admission: &Admission) -> Self {
        Self { gate: admission.add(&Share::default()), urgent: Arc::default() }
    }

    /// Whether flash is fuller than it should be.
    pub fn set_urgent(&self, urgent: bool) {
        self.urgent.store(urgent, Relaxed);
    }

    /// Waits until it is offload's turn to work on so many bytes. Nothing is held afterwards: the cloud may take its time.
    pub async fn turn(&self, bytes: u64) {
        if self.urgent.load(Relaxed) {
            return self.gate.charge(bytes);
        }
        match tokio::time::timeout(TURN_MAX, self.gate.more(bytes)).await {
            Ok(_) => self.gate.leave(),
            Err(_) => self.gate.charge(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    const MIB: u64 = 1 << 20;

    /// Of a machine whose places a tenant has filled with requests that do not end.
    async fn full() -> Background {
        const PLACES: u32 = 2;
        let admission = Admission::new(PLACES);
        let tenant = admission.add(&Share::default());
        // Alone it may have more than there are for several.
        for _ in 0..2 * PLACES {
            tenant.enter().await.expect("a place");
        }
        Background::new(&admission)
    }

    #[tokio::test(start_paused = true)]
    async fn it_takes_turns_and_is_never_kept_for_good() {
        let background = full().await;
        let began = Instant::now();
        background.turn(MIB).await;
        background.turn(MIB).await;
        assert_eq!(began.elapsed().as_millis(), 2 * TURN_MAX.as_millis());
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_for_nobody_once_room_is_needed() {
        let background = full().await;
        background.set_urgent(true);
        let began = Instant::now();
        background.turn(MIB).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_it_asked_for_it_gives_back() {
        let admission = Admission::new(2);
        let background = Background::new(&admission);
        for _ in 0..10 {
            background.turn(MIB).await;
        }
        assert_eq!(admission.in_flight(), (0, 0));
    }
}
