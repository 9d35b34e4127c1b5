//! The generic cell rate algorithm: one number says when the next cell conforms. Pure; nanoseconds since any one moment.
//! Source: ITU-T I.371, the virtual scheduling form.

const NANOS: u128 = 1_000_000_000;

/// A rate with a burst. What was charged beyond the burst is a debt, which time pays off: content is charged as it streams, when
/// nobody can tell any more that it should not have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    per_s: u64,
    burst_ns: u64,
    /// When all that was charged is paid off.
    paid_at: u64,
}

impl Pace {
    /// `per_s` units a second, of which `burst_s` seconds' worth may come at once, though never less than one unit's.
    pub fn new(per_s: u64, burst_s: f64) -> Self {
        let per_s = per_s.max(1);
        let one = NANOS.div_ceil(u128::from(per_s)) as u64;
        Self { per_s, burst_ns: ((burst_s.max(0.0) * NANOS as f64) as u64).max(one), paid_at: 0 }
    }

    /// Another rate from now on; what is owed stays owed in units.
    pub fn change(&mut self, to: Pace, now: u64) {
        let owed = u128::from(self.paid_at.saturating_sub(now)) * u128::from(self.per_s) / NANOS;
        *self = Pace { paid_at: now, ..to };
        self.charge(u64::try_from(owed).unwrap_or(u64::MAX), now);
    }

    /// When one more unit conforms; not after `now` means that it does.
    pub fn ready_at(&self, now: u64) -> u64 {
        let one = NANOS.div_ceil(u128::from(self.per_s)) as u64;
        (self.paid_at.max(now) + one).saturating_sub(self.burst_ns)
    }

    pub fn is_ready(&self, now: u64) -> bool {
        self.ready_at(now) <= now
    }

    pub fn charge(&mut self, units: u64, now: u64) {
        let took = u128::from(units) * NANOS / u128::from(self.per_s);
        self.paid_at = self.paid_at.max(now).saturating_add(u64::try_from(took).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: u64 = NANOS as u64;

    #[test]
    fn a_burst_comes_at_once_and_the_rest_at_the_rate() {
        let mut pace = Pace::new(10, 1.0);
        for cell in 0..10 {
            assert!(pace.is_ready(5 * S), "{cell}");
            pace.charge(1, 5 * S);
        }
        assert!(!pace.is_ready(5 * S));
        assert_eq!(pace.ready_at(5 * S), 5 * S + S / 10);
        pace.charge(20, 5 * S);
        assert_eq!(pace.ready_at(5 * S), 7 * S + S / 10, "a debt is paid off in time");
    }

    #[test]
    fn a_rate_below_one_burst_still_lets_one_by() {
        let mut pace = Pace::new(1, 0.001);
        assert!(pace.is_ready(0));
        pace.charge(1, 0);
        assert_eq!(pace.ready_at(0), S);
    }

    #[test]
    fn a_change_keeps_the_debt() {
        let mut pace = Pace::new(10, 1.0);
        pace.charge(30, 0);
        pace.change(Pace::new(100, 1.0), 0);
        assert_eq!(pace.paid_at, 3 * S / 10);
    }

    proptest! {
        /// Whatever the pattern, no window holds more than its rate and one burst.
        #[test]
        fn no_window_holds_more_than_rate_and_burst(
            per_s in 1_u64..10_000,
            burst_ms in 1_u64..3_000,
            gaps in proptest::collection::vec(0_u64..200_000_000, 1..300),
        ) {
            let mut pace = Pace::new(per_s, burst_ms as f64 / 1e3);
            let (mut now, mut let_by) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                if pace.is_ready(now) {
                    pace.charge(1, now);
                    let_by.push(now);
                }
            }
            for (first, from) in let_by.iter().enumerate() {
                for (last, to) in let_by.iter().enumerate().skip(first) {
                    let most = (to - from) as f64 / 1e9 * per_s as f64 + (burst_ms as f64 / 1e3 * per_s as f64).max(1.0) + 1.0;
                    prop_assert!((last - first + 1) as f64 <= most + 1e-6);
                }
            }
        }

        /// Somebody who comes whenever it is ready gets the whole rate.
        #[test]
        fn the_whole_rate_is_given(per_s in 1_u64..100_000) {
            let (mut pace, mut now) = (Pace::new(per_s, 0.01), 0);
            for _ in 0..1_000 {
                now = pace.ready_at(now).max(now);
                pace.charge(1, now);
            }
            let fair = 1_000.0 / per_s as f64;
            prop_assert!(now as f64 / 1e9 <= fair + 0.001, "{} for {fair}", now as f64 / 1e9);
        }
    }
}
