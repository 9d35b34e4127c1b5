//! What a load measures: latencies by operation, bytes, errors by code, and how well it kept to its schedule.

use super::schedule::Op;
use super::target::{Answer, TIMED_OUT, TargetError};
use crate::clock::Stopwatch;
use greenroom_show::Micros;
use greenroom_show::unit::Unit;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A request that begins later than this after it was due found no connection free, or a generator too slow for its rate.
const LATE: Micros = 10_000;
/// Latencies above this count as this.
const LATENCY_MAX: Micros = 600_000_000;
/// Live figures are over the last `RECENT` slices.
const RECENT: usize = 5;

/// Shared by the connections of one load.
#[derive(Debug)]
pub struct Meter(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    watch: Stopwatch,
    /// When the recent slices began, the oldest first.
    turned: VecDeque<Micros>,
    ops: [OpMeter; 4],
    codes: BTreeMap<String, u64>,
    late: u64,
    missed: u64,
    unanswered: u64,
    scheduled: u64,
    lasted: Micros,
}

#[derive(Debug)]
struct OpMeter {
    all: Histogram<u64>,
    recent: VecDeque<Slice>,
    done: u64,
    errors: u64,
    bytes: u64,
}

#[derive(Debug, Clone)]
struct Slice {
    latencies: Histogram<u64>,
    bytes: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    pub seconds: f64,
    /// Due within the time.
    pub scheduled: u64,
    /// Answered well.
    pub done: u64,
    /// Begun more than 10 ms after they were due; their latency counts from when they were due.
    pub late: u64,
    /// Due, and never begun; they count among the latencies with the time that they had waited by the end.
    pub missed: u64,
    /// Begun, and not answered by the end, however long they were waited for; they count among the latencies with that wait.
    pub unanswered: u64,
    /// Answered well, a second, until the last answer came or was given up.
    pub ops_per_s: f64,
    pub bytes_per_s: f64,
    /// By the endpoint's error code, by status where it gave none.
    pub errors: BTreeMap<String, u64>,
    pub ops: BTreeMap<Op, OpReport>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct OpReport {
    pub done: u64,
    pub errors: u64,
    pub bytes: u64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
}

impl Default for Meter {
    fn default() -> Self {
        Self(Mutex::new(Inner {
            watch: Stopwatch::start(),
            turned: VecDeque::from([0]),
            ops: std::array::from_fn(|_| OpMeter::default()),
            codes: BTreeMap::new(),
            late: 0,
            missed: 0,
            unanswered: 0,
            scheduled: 0,
            lasted: 0,
        }))
    }
}

impl Default for Slice {
    fn default() -> Self {
        Self { latencies: histogram(), bytes: 0 }
    }
}

impl Default for OpMeter {
    fn default() -> Self {
        Self { all: histogram(), recent: VecDeque::from([Slice::default()]), done: 0, errors: 0, bytes: 0 }
    }
}

impl Report {
    /// What stands once it is over, by the names that follow the load's own.
    pub fn figures(&self) -> Vec<(String, f64, Unit)> {
        let mut figures = vec![
            ("rate".to_string(), self.ops_per_s, Unit::OpsPerSecond),
            ("bytes_per_s".into(), self.bytes_per_s, Unit::BytesPerSecond),
            ("done".into(), self.done as f64, Unit::Count),
            ("errors".into(), (self.errors.values().sum::<u64>() + self.unanswered) as f64, Unit::Count),
            ("unanswered".into(), self.unanswered as f64, Unit::Count),
            ("late".into(), self.late as f64, Unit::Count),
            ("missed".into(), self.missed as f64, Unit::Count),
        ];
        for (op, seen) in &self.ops {
            let values =
                [("p50_ms", seen.p50_ms), ("p90_ms", seen.p90_ms), ("p99_ms", seen.p99_ms), ("p999_ms", seen.p999_ms)];
            for (name, value) in values {
                figures.push((format!("{}.{name}", op.as_str()), value, Unit::Milliseconds));
            }
        }
        figures
    }
}

impl Meter {
    pub fn begin(&self) {
        *self.lock() = Meter::default().0.into_inner().unwrap_or_else(PoisonError::into_inner);
    }

    pub fn record(&self, op: Op, late: Micros, latency: Micros, answer: Result<Answer, TargetError>) {
        let mut inner = self.lock();
        inner.late += u64::from(late > LATE);
        match answer {
            Ok(answer) => inner.ops[op as usize].add(latency, answer.bytes),
            Err(error) => {
                inner.ops[op as usize].errors += 1;
                // Who waited until it was given up waited at least so long; who was refused did not wait.
                if error == TargetError::Unreachable(TIMED_OUT) {
                    inner.ops[op as usize].wait(latency);
                }
                *inner.codes.entry(error.code()).or_default() += 1;
            }
        }
    }

    /// A request that was begun, waited for, and given up.
    pub fn give_up(&self, op: Op, late: Micros, waited: Micros) {
        let mut inner = self.lock();
        inner.late += u64::from(late > LATE);
        inner.unanswered += 1;
        inner.ops[op as usize].wait(waited);
    }

    /// Closes the books: how long it went on, and what was due and never begun, with how long it had waited.
    pub fn end(&self, scheduled: u64, lasted: Micros, missed: impl Iterator<Item = (Op, Micros)>) {
        let mut inner = self.lock();
        (inner.scheduled, inner.lasted) = (scheduled, lasted);
        for (op, waited) in missed {
            inner.missed += 1;
            inner.ops[op as usize].wait(waited);
        }
    }

    pub fn report(&self) -> Report {
        let inner = self.lock();
        let seconds = inner.lasted as f64 / 1e6;
        let per_s = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let done = inner.ops.iter().map(|op| op.done).sum();
        let used = |op: &Op| {
            inner.ops[*op as usize].done + inner.ops[*op as usize].errors > 0 || !inner.ops[*op as usize].all.is_empty()
        };
        Report {
            seconds,
            scheduled: inner.scheduled,
            done,
            late: inner.late,
            missed: inner.missed,
            unanswered: inner.unanswered,
            ops_per_s: per_s(done),
            bytes_per_s: per_s(inner.ops.iter().map(|op| op.bytes).sum()),
            errors: inner.codes.clone(),
            ops: Op::ALL.into_iter().filter(used).map(|op| (op, inner.ops[op as usize].report())).collect(),
        }
    }

    /// Bytes of the bodies that were sent and received for requests that were answered well, until now.
    pub fn bytes(&self) -> u64 {
        self.lock().ops.iter().map(|op| op.bytes).sum()
    }

    /// What holds now, by the names that follow the load's own, over the last slices. It turns to a new one each time.
    pub fn live(&self) -> Vec<(String, f64)> {
        let mut inner = self.lock();
        let now = inner.watch.now();
        inner.live(now)
    }

    /// What it has counted until now, by the names that follow the load's own.
    pub fn counted(&self) -> Vec<(String, f64)> {
        self.lock().counted()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn live(&mut self, now: Micros) -> Vec<(String, f64)> {
        let mut values = vec![];
        // As much time as passed: whoever asks is late on a busy machine.
        let seconds = now.saturating_sub(self.turned.front().copied().unwrap_or_default()) as f64 / 1e6;
        let per_s = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        self.turned.push_back(now);
        if self.turned.len() > RECENT {
            self.turned.pop_front();
        }
        let (mut done, mut bytes) = (0, 0);
        for op in Op::ALL {
            let meter = &mut self.ops[op as usize];
            let mut latencies = histogram();
            for slice in &meter.recent {
                latencies.add(&slice.latencies).ok();
                bytes += slice.bytes;
            }
            done += latencies.len();
            // No answer, no latency: a zero would read as a very fast one.
            if !latencies.is_empty() {
                values.push((format!("{}.p50_ms", op.as_str()), ms(&latencies, 0.50)));
                values.push((format!("{}.p99_ms", op.as_str()), ms(&latencies, 0.99)));
            }
            meter.recent.push_back(Slice::default());
            if meter.recent.len() > RECENT {
                meter.recent.pop_front();
            }
        }
        values.push(("ops_per_s".into(), per_s(done)));
        values.push(("bytes_per_s".into(), per_s(bytes)));
        values.extend(self.counted());
        values
    }

    fn counted(&self) -> Vec<(String, f64)> {
        let (errors, done) = (self.codes.values().sum::<u64>(), self.ops.iter().map(|op| op.done).sum::<u64>());
        vec![("errors".into(), errors as f64), ("done".into(), done as f64)]
    }
}

impl OpMeter {
    fn add(&mut self, latency: Micros, bytes: u64) {
        let latency = latency.clamp(1, LATENCY_MAX);
        self.all.saturating_record(latency);
        self.done += 1;
        self.bytes += bytes;
        if let Some(slice) = self.recent.back_mut() {
            slice.latencies.saturating_record(latency);
            slice.bytes += bytes;
        }
    }

    fn wait(&mut self, waited: Micros) {
        self.all.saturating_record(waited.clamp(1, LATENCY_MAX));
    }

    fn report(&self) -> OpReport {
        OpReport {
            done: self.done,
            errors: self.errors,
            bytes: self.bytes,
            p50_ms: ms(&self.all, 0.50),
            p90_ms: ms(&self.all, 0.90),
            p99_ms: ms(&self.all, 0.99),
            p999_ms: ms(&self.all, 0.999),
            max_ms: self.all.max() as f64 / 1e3,
        }
    }
}

fn ms(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1e3
}

/// Within a hundredth of the value.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX, 2).expect("bounds that the library takes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_figures_are_over_the_time_that_passed() {
        let mut inner = Meter::default().0.into_inner().expect("no panic");
        let mut now = 0;
        // Asked late, as on a busy machine: 100 answers of 1 kB every 400 ms.
        for _ in 0..10 {
            (0..100).for_each(|_| inner.ops[0].add(1_000, 1_000));
            now += 400_000;
            let live: BTreeMap<_, _> = inner.live(now).into_iter().collect();
            assert_eq!((live["ops_per_s"], live["bytes_per_s"]), (250.0, 250_000.0), "{live:?}");
        }
        let live: BTreeMap<_, _> = inner.live(now + 20_000_000).into_iter().collect();
        assert!(live["ops_per_s"] < 25.0, "nothing is answered any more: {live:?}");
    }

    #[test]
    fn who_waited_in_vain_is_among_the_latencies() {
        let meter = Meter::default();
        meter.record(Op::Put, 0, 60_000_000, Err(TargetError::Unreachable(TIMED_OUT)));
        meter.record(Op::Put, 0, 10, Err(TargetError::Refused("ServerBusy".into())));
        meter.give_up(Op::Get, 0, 10_000_000);
        let report = meter.report();
        assert!(report.ops[&Op::Put].p50_ms > 59_000.0 && report.ops[&Op::Get].p50_ms > 9_900.0, "{report:?}");
        assert_eq!((report.unanswered, report.errors.values().sum::<u64>()), (1, 2));
    }
}
