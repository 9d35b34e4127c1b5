use super::*;
use crate::Event;
use proptest::prelude::*;

pub(crate) fn demo(steps: &[&str]) -> Demo {
    let step = |text: &&str| Step {
        text: text.to_string(),
        proves: text.starts_with("expect").then(|| "it holds".to_string()),
        timeout_ms: 1,
        if_fails: None,
        line: 1,
    };
    Demo {
        slug: "copy".into(),
        title: String::new(),
        minutes: 1.0,
        tools: vec![],
        charts: vec![],
        comparisons: vec![],
        topology: None,
        groups: vec![],
        steps: steps.iter().map(step).collect(),
        hash: String::new(),
    }
}

/// Steps that took so many seconds; a negative one failed.
fn run(seconds: &[f64], figures: &[(&str, f64)]) -> Run {
    let mut run = Run::new("copy", 0);
    let mut at = 0;
    for (step, seconds) in seconds.iter().enumerate() {
        run.apply(at, &Event::StepStarted { step, timeout_ms: 1 });
        at += (seconds.abs() * 1e6) as u64;
        let outcome = match *seconds < 0.0 {
            true => Outcome::Failed { why: "41, wanted 42".into() },
            false => Outcome::Passed { seen: "42".into() },
        };
        run.apply(at, &Event::StepEnded { step, outcome });
    }
    for (name, value) in figures {
        run.apply(at, &Event::Figure { name: name.to_string(), value: *value, unit: Unit::Milliseconds });
    }
    run
}

fn trials(step: usize, seconds: &[f64]) -> Vec<Trial> {
    seconds.iter().map(|seconds| Trial { demo: "copy".into(), step, seconds: *seconds, passed: true }).collect()
}

#[test]
fn steps_belong_together_by_their_words_and_else_by_their_place() {
    let texts = |words: &[&str]| -> Vec<(usize, String)> {
        words.iter().enumerate().map(|(index, text)| (index, text.to_string())).collect()
    };
    let pair = |a, b| (Some(a), Some(b));
    for (a, b, wanted) in [
        (vec!["x", "y"], vec!["x", "y"], vec![pair(0, 0), pair(1, 1)]),
        (vec!["x", "y"], vec!["new", "x", "y"], vec![(None, Some(0)), pair(0, 1), pair(1, 2)]),
        (vec!["x", "old", "y"], vec!["x", "new", "y"], vec![pair(0, 0), pair(1, 1), pair(2, 2)]),
        (vec!["x", "gone", "y"], vec!["x", "y"], vec![pair(0, 0), (Some(1), None), pair(2, 1)]),
        (vec!["x", "x"], vec!["x", "x", "x"], vec![pair(0, 0), pair(1, 1), (None, Some(2))]),
        (vec![], vec!["x"], vec![(None, Some(0))]),
    ] {
        let found = align(&texts(&a), &texts(&b));
        // What stands only in the first has its place before what followed it.
        assert_eq!(found.len(), wanted.len(), "{a:?} {b:?}");
        for pair in wanted {
            assert!(found.contains(&pair), "{a:?} {b:?}: {found:?}");
        }
    }
}

#[test]
fn a_check_that_came_to_something_else_is_told_with_what_was_seen() {
    let demo = demo(&["make", "expect photos == 42"]);
    let (good, bad) = (run(&[1.0, 1.0], &[]), run(&[1.0, -1.0], &[]));
    let side = |run| Side { demo: Some(&demo), run };
    let found = diff(side(&good), side(&bad), &Past::default());
    assert!(found.check_differs() && found.steps[1].check_differs() && !found.steps[0].check_differs());
    let seen = |came: &Option<Came>| came.as_ref().expect("ran").seen.clone();
    assert_eq!((seen(&found.steps[1].a), seen(&found.steps[1].b)), ("42".into(), "41, wanted 42".into()));
    assert!(!diff(side(&good), side(&good), &Past::default()).check_differs());
    let failed_step = run(&[-1.0, 1.0], &[]);
    assert!(!diff(side(&good), side(&failed_step), &Past::default()).check_differs(), "no check");
    let stopped = run(&[1.0], &[]);
    assert!(diff(side(&good), side(&stopped), &Past::default()).check_differs(), "never came to it");
}

#[test]
fn what_is_beyond_noise_is_known_from_enough_past_runs() {
    let demo = demo(&["make"]);
    let judged = |past: &[f64], b: f64| {
        let (first, second) = (run(&[10.0], &[]), run(&[b], &[]));
        let mut all = Past::default();
        all.hear_trials(&demo, &trials(0, past));
        let side = |run| Side { demo: Some(&demo), run };
        diff(side(&first), side(&second), &all).steps[0].seconds.expect("both ran").judged
    };
    let steady = [9.8, 10.0, 10.2, 9.9, 10.1, 10.0, 9.9, 10.1];
    assert_eq!(judged(&steady, 10.0), Judged::Same);
    assert_eq!(judged(&steady, 10.4), Judged::WithinNoise);
    assert_eq!(judged(&steady, 11.0), Judged::BeyondNoise);
    assert_eq!(judged(&[8.0, 10.0, 14.0, 7.0, 12.0], 11.0), Judged::WithinNoise);
    assert_eq!(judged(&[10.0, 10.1], 30.0), Judged::UnknownSpread { runs: 2 });
    assert_eq!(judged(&[], 30.0), Judged::UnknownSpread { runs: 0 });
    let many = vec![10.0; 500];
    assert_eq!(judged(&many, 10.1), Judged::BeyondNoise, "what never differed differs");
}

#[test]
fn figures_are_compared_where_both_measured_them() {
    let (a, b) = (run(&[], &[("p99_ms", 10.0), ("old", 1.0)]), run(&[], &[("p99_ms", 15.0), ("new", 2.0)]));
    let mut past = Past::default();
    for value in [9.0, 10.0, 11.0, 10.0] {
        past.hear_figures(&[("p99_ms".to_string(), value)].into());
    }
    let found = diff(Side { demo: None, run: &a }, Side { demo: None, run: &b }, &past).figures;
    let told: Vec<_> = found.iter().map(|figure| (figure.name.as_str(), figure.change.is_some())).collect();
    assert_eq!(told, [("new", false), ("old", false), ("p99_ms", true)]);
    let change = found[2].change.expect("both");
    assert_eq!((change.percent(), change.judged), (Some(50.0), Judged::WithinNoise));
}

proptest! {
    #[test]
    fn every_step_of_both_is_told_once(a in proptest::collection::vec("[xyz]", 0..8), b in proptest::collection::vec("[xyz]", 0..8)) {
        let texts = |words: &[String]| -> Vec<(usize, String)> { words.iter().cloned().enumerate().collect() };
        let pairs = align(&texts(&a), &texts(&b));
        let mut first: Vec<usize> = pairs.iter().filter_map(|pair| pair.0).collect();
        first.sort_unstable();
        prop_assert_eq!(first, (0..a.len()).collect::<Vec<_>>());
        let second: Vec<usize> = pairs.iter().filter_map(|pair| pair.1).collect();
        prop_assert_eq!(second, (0..b.len()).collect::<Vec<_>>());
    }
}
