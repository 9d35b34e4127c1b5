//! What past runs tell of the talk on stage, and whether its speaker is ready.

use super::{Rehearsal, Reliability, Summary, summary};
use crate::preflight::Check;
use crate::version::Version;
use serde::{Deserialize, Serialize};

/// A run that showed less of the talk says nothing about its length.
const WHOLE: f64 = 0.9;
/// Off the plan by less than this share is on time.
const PACE_OFF_MAX: f64 = 0.05;
/// Who has not given a talk for longer has to give it again.
const DAYS_MAX: u64 = 7;
const DAY_MS: u64 = 24 * 3600 * 1000;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Oldest first.
    pub runs: Vec<RunLine>,
    pub summary: Summary,
    /// Steps of the demos that have run.
    pub steps: Vec<Reliability>,
    pub readiness: Vec<Check>,
}

/// A run as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunLine {
    pub id: String,
    pub at_unix_ms: u64,
    pub version: Version,
    pub seconds: f64,
    pub planned_seconds: f64,
    pub coverage: f64,
    pub demo_seconds: f64,
    pub waiting_seconds: f64,
}

/// Sums up runs, oldest first, with their names.
pub fn report(runs: &[(String, Rehearsal)], steps: Vec<Reliability>, now_unix_ms: u64) -> Report {
    let lines = runs.iter().map(|(id, run)| RunLine {
        id: id.clone(),
        at_unix_ms: run.at_unix_ms,
        version: run.version,
        seconds: run.seconds(),
        planned_seconds: run.planned_seconds(),
        coverage: run.coverage(),
        demo_seconds: run.demo_seconds,
        waiting_seconds: run.waiting_seconds,
    });
    let lines: Vec<RunLine> = lines.collect();
    let runs: Vec<Rehearsal> = runs.iter().map(|(_, run)| run.clone()).collect();
    let summary = summary(&runs);
    let readiness = [Some(coverage(&summary)), pace(&lines), reliability(&steps), freshness(&lines, now_unix_ms)];
    let readiness = readiness.into_iter().flatten().collect();
    Report { runs: lines, summary, steps, readiness }
}

/// Slides that no run has come to.
fn coverage(summary: &Summary) -> Check {
    if summary.slides.is_empty() {
        return Check::look("coverage", "never rehearsed", "press T to start the clock, and give the talk once, whole");
    }
    let missed: Vec<_> =
        summary.slides.iter().filter(|slide| slide.runs == 0).map(|slide| slide.title.as_str()).collect();
    match missed.first() {
        None => Check::go("coverage", format!("all {} slides rehearsed", summary.slides.len())),
        Some(first) => Check::look(
            "coverage",
            format!("{} of {} slides were never rehearsed, the first: {first}", missed.len(), summary.slides.len()),
            "go through them once with the clock running",
        ),
    }
}

/// The last whole run against its plan.
fn pace(runs: &[RunLine]) -> Option<Check> {
    let Some(last) = runs.iter().rev().find(|run| run.coverage >= WHOLE) else {
        return (!runs.is_empty()).then(|| Check::look("pace", "no run was whole", "give the talk once, whole"));
    };
    let off = last.seconds / last.planned_seconds.max(1.0) - 1.0;
    let found = format!("the last whole run took {} of {}", clock(last.seconds), clock(last.planned_seconds));
    Some(if off.abs() <= PACE_OFF_MAX {
        Check::go("pace", found)
    } else if off > 0.0 {
        Check::look("pace", found, "shorten the slides that run over, or choose a shorter version")
    } else {
        Check::look("pace", found, "slow down where you hurry, or say more")
    })
}

/// The step that fails most.
fn reliability(steps: &[Reliability]) -> Option<Check> {
    let share = |step: &Reliability| step.failed as f64 / step.runs.max(1) as f64;
    let worst = steps.iter().max_by(|a, b| share(a).total_cmp(&share(b)))?;
    let runs = steps.iter().map(|step| step.runs).max().unwrap_or(0);
    Some(if worst.failed == 0 {
        Check::go("reliability", format!("no step failed in up to {runs} runs"))
    } else {
        let found = format!("'{}' of {} failed {} of {} times", worst.text, worst.demo, worst.failed, worst.runs);
        Check::look("reliability", found, "look at its takes, and mend the demo")
    })
}

fn freshness(runs: &[RunLine], now_unix_ms: u64) -> Option<Check> {
    let days = now_unix_ms.saturating_sub(runs.last()?.at_unix_ms) / DAY_MS;
    let found = match days {
        0 => "last rehearsed today".to_string(),
        1 => "last rehearsed a day ago".to_string(),
        days => format!("last rehearsed {days} days ago"),
    };
    Some(if days > DAYS_MAX {
        Check::look("rehearsed", found, "rehearse once more")
    } else {
        Check::go("rehearsed", found)
    })
}

fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Verdict;
    use crate::rehearsal::SlideTime;

    fn run(at_unix_ms: u64, seconds: &[f64]) -> (String, Rehearsal) {
        let slides = seconds.iter().enumerate().map(|(index, seconds)| SlideTime {
            title: format!("slide {index}"),
            section: "all".into(),
            planned_seconds: 60.0,
            seconds: *seconds,
            words: 0,
        });
        (at_unix_ms.to_string(), Rehearsal { at_unix_ms, slides: slides.collect(), ..Rehearsal::default() })
    }

    fn step(failed: usize) -> Reliability {
        Reliability {
            demo: "copy".into(),
            step: 0,
            text: "up".into(),
            runs: 9,
            failed,
            p50_seconds: 1.0,
            p95_seconds: 1.0,
            timeout_ms: 1,
            late_ms: None,
        }
    }

    #[test]
    fn each_line_of_the_card_says_what_is_missing() {
        let good = vec![run(DAY_MS, &[60.0, 61.0])];
        let cases = [
            (good.clone(), 0, 2, vec![]),
            (vec![], 0, 2, vec![("coverage", "never rehearsed")]),
            (vec![run(DAY_MS, &[60.0, 0.0])], 0, 2, vec![("coverage", "1 of 2 slides"), ("pace", "no run was whole")]),
            (vec![run(DAY_MS, &[60.0, 90.0])], 0, 2, vec![("pace", "took 2:30 of 2:00")]),
            (vec![run(DAY_MS, &[60.0, 30.0])], 0, 2, vec![("pace", "took 1:30 of 2:00")]),
            (good.clone(), 3, 2, vec![("reliability", "'up' of copy failed 3 of 9 times")]),
            (good, 0, 9, vec![("rehearsed", "8 days ago")]),
        ];
        for (runs, failed, day, wanted) in cases {
            let report = report(&runs, vec![step(failed)], day * DAY_MS);
            let looks: Vec<_> = report.readiness.iter().filter(|check| check.verdict != Verdict::Go).collect();
            assert_eq!(
                looks.iter().map(|check| check.id.as_str()).collect::<Vec<_>>(),
                wanted.iter().map(|(id, _)| *id).collect::<Vec<_>>()
            );
            for (check, (_, words)) in looks.into_iter().zip(wanted) {
                assert!(check.found.contains(words) && !check.todo.is_empty(), "{check:?}");
            }
        }
    }
}
