//! How reliable the steps of the demos are, over all their takes.

use crate::demo::Demo;
use crate::order;
use serde::{Deserialize, Serialize};

/// Fewer runs tell nothing about the next one.
const RUNS_MIN: usize = 5;
/// A step that takes so many times longer than it ever should is not coming back.
const PATIENCE: f64 = 4.0;
/// What takes so many times as long as it usually does at most is late.
const LATE: f64 = 1.5;
/// And by so much.
const LATE_MIN_MS: f64 = 2_000.0;
/// No step is given up earlier: a machine may have something else to do for a moment.
const TIMEOUT_MIN_MS: u64 = 15_000;

/// One run of one step, that was not stopped by the speaker.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    pub demo: String,
    pub step: usize,
    pub seconds: f64,
    pub passed: bool,
}

/// A step over all its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    pub demo: String,
    pub step: usize,
    pub text: String,
    pub runs: usize,
    pub failed: usize,
    /// Of the runs that passed.
    pub p50_seconds: f64,
    pub p95_seconds: f64,
    /// After which the next run of it is given up.
    pub timeout_ms: u64,
    /// After which it is late, once enough runs tell.
    #[serde(default)]
    pub late_ms: Option<u64>,
}

/// Sums up the steps of `demos` that have run.
pub fn reliability<'a>(demos: impl IntoIterator<Item = &'a Demo>, trials: &[Trial]) -> Vec<Reliability> {
    let of = |demo: &'a Demo| {
        demo.steps.iter().enumerate().filter_map(|(index, step)| {
            let own = trials.iter().filter(|trial| trial.demo == demo.slug && trial.step == index);
            let (passed, failed): (Vec<_>, Vec<_>) = own.partition(|trial| trial.passed);
            let mut times: Vec<f64> = passed.iter().map(|trial| trial.seconds).collect();
            order::sort_by(&mut times, f64::total_cmp);
            (passed.len() + failed.len() > 0).then(|| Reliability {
                demo: demo.slug.clone(),
                step: index,
                text: step.text.clone(),
                runs: passed.len() + failed.len(),
                failed: failed.len(),
                p50_seconds: percentile(&times, 0.5),
                p95_seconds: percentile(&times, 0.95),
                timeout_ms: timeout_ms(&times, step.timeout_ms),
                late_ms: late_ms(&times),
            })
        })
    };
    demos.into_iter().flat_map(of).collect()
}

/// Once enough runs have passed, what they took decides; never longer than what is written.
fn timeout_ms(times: &[f64], written: u64) -> u64 {
    if times.len() < RUNS_MIN {
        return written;
    }
    let learned = (percentile(times, 0.95) * PATIENCE * 1e3) as u64;
    learned.max(TIMEOUT_MIN_MS).min(written)
}

/// A quick step is not called late for a hiccup that nobody sees.
fn late_ms(times: &[f64]) -> Option<u64> {
    let usual = percentile(times, 0.95) * 1e3;
    (times.len() >= RUNS_MIN).then_some((usual * LATE).max(usual + LATE_MIN_MS) as u64)
}

/// By the nearest rank.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Step;

    fn demo(timeout_ms: u64) -> Demo {
        let step = |text: &str| Step { text: text.into(), proves: None, timeout_ms, if_fails: None, line: 1 };
        Demo {
            slug: "copy".into(),
            title: String::new(),
            minutes: 1.0,
            tools: vec![],
            charts: vec![],
            comparisons: vec![],
            topology: None,
            groups: vec![],
            steps: vec![step("make"), step("up"), step("never")],
            hash: String::new(),
        }
    }

    fn trial(step: usize, seconds: f64, passed: bool) -> Trial {
        Trial { demo: "copy".into(), step, seconds, passed }
    }

    #[test]
    fn steps_are_summed_up_over_their_runs() {
        let mut trials: Vec<_> = (1..=20).map(|seconds| trial(0, f64::from(seconds), true)).collect();
        trials.extend([
            trial(1, 3.0, true),
            trial(1, 60.0, false),
            Trial { demo: "other".into(), ..trial(1, 9.0, true) },
        ]);
        let found: Vec<_> = reliability([&demo(300_000)], &trials)
            .into_iter()
            .map(|step| (step.text, step.runs, step.failed, step.p50_seconds, step.p95_seconds, step.timeout_ms))
            .collect();
        assert_eq!(found, [("make".into(), 20, 0, 10.0, 19.0, 76_000), ("up".into(), 2, 1, 3.0, 3.0, 300_000)]);
    }

    #[test]
    fn a_time_out_is_learned_from_enough_runs_and_stays_within_bounds() {
        for (runs, seconds, written, timeout) in [
            (4, 10.0, 120_000, 120_000),
            (5, 10.0, 120_000, 40_000),
            (5, 0.1, 120_000, TIMEOUT_MIN_MS),
            (5, 100.0, 120_000, 120_000),
            (5, 0.1, 5_000, 5_000),
        ] {
            assert_eq!(timeout_ms(&vec![seconds; runs], written), timeout, "{runs} runs of {seconds} s");
        }
    }
}
