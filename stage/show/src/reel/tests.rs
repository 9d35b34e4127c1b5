use super::*;
use crate::audience::Change;
use crate::deck::{Beat, Block, Cue, Deck, Inline, Layout, Pane, Section, Slide, Spoken, Theme};
use crate::demo::{Demo, Group, Step};
use crate::playback::Idle;
use crate::take::{Edition, Machine, TakeInfo, Verdict};
use crate::{Event, Opened, Outcome, Position, Show, Stamped};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn take(demo: &str) -> TakeInfo {
    TakeInfo {
        id: "t".into(),
        demo: demo.into(),
        at_unix_ms: 1_700_000_000_000,
        duration_ms: 0,
        machine: Machine { cpu: "CPU".into(), cores: 2, ..Machine::default() },
        verdict: Verdict::Passed,
        edition: Edition::Todays,
    }
}

fn slide(title: &str, level: Level, cue: Option<Cue>) -> Slide {
    let spoken = |text: &str, level| Spoken { text: text.into(), level };
    let spoken =
        vec![spoken(&format!("say {title}"), Level::Public), spoken(&format!("SECRET of {title}"), Level::Internal)];
    Slide {
        title: title.into(),
        level,
        layout: if cue.is_some() { Layout::Demo } else { Layout::Bullets },
        body: vec![Block::Paragraph(vec![Inline::Text(format!("body of {title}"))])],
        beats: vec![Beat { paragraphs: spoken }],
        cue,
        ..Slide::blank()
    }
}

fn deck() -> Deck {
    let cue = Cue { demo: "copy".into(), groups: vec![], panes: vec![Pane::Terminal, Pane::Checks], plays: None };
    Deck {
        slug: "deck".into(),
        title: "Deck".into(),
        theme: Theme::Dark,
        audience: Level::Internal,
        minutes: 1.0,
        cuts: vec![],
        fallback: crate::deck::Fallback::Ask,
        sections: vec![Section { title: "One".into(), minutes: 1.0, first: 0 }],
        slides: vec![
            slide("Opening", Level::Public, None),
            slide("SECRET plan", Level::Internal, None),
            slide("Copy", Level::Public, Some(cue)),
        ],
        hash: "h".into(),
    }
}

fn demo() -> Demo {
    let step = |text: &str, proves: Option<&str>| Step {
        text: text.into(),
        proves: proves.map(String::from),
        timeout_ms: 9,
        if_fails: None,
        line: 0,
    };
    Demo {
        slug: "copy".into(),
        title: "Copy".into(),
        minutes: 1.0,
        tools: vec![],
        charts: vec![],
        comparisons: vec![],
        topology: None,
        groups: vec![Group { name: "all".into(), about: String::new(), steps: 0..2, shot: None }],
        steps: vec![step("copy it", None), step("compare", Some("all is there"))],
        hash: "d".into(),
    }
}

fn demos() -> BTreeMap<String, Demo> {
    [("copy".to_string(), demo())].into()
}

fn shot(of: &TakeInfo, level: Level, events: &[Stamped]) -> (Camera, Vec<Line>) {
    let mut camera = Camera::new(of, level, Idle::Cut, 0);
    let lines = events.iter().flat_map(|stamped| camera.hear(stamped.clone())).collect();
    (camera, lines)
}

fn projector(camera: &Camera, lines: &[Line]) -> Projector {
    let head = Head {
        format: FORMAT.into(),
        version: VERSION,
        title: "t".into(),
        provenance: String::new(),
        level: Level::Public,
        kind: Kind::Film,
        timeline: camera.timeline(),
    };
    let line = |line: &Line| serde_json::to_string(line).expect("plain values") + "\n";
    let head = serde_json::to_string(&head).expect("plain values");
    Projector::open(&head, lines.iter().map(line).collect()).expect("a reel")
}

fn talk_begins() -> Stamped {
    let show = Show { deck: Some(deck()), demos: demos(), ..Show::default() };
    Stamped { at: 0, event: Event::Showed { now: 5_000, show: Box::new(show) } }
}

fn moved(at: Micros, slide: usize) -> Stamped {
    Stamped { at, event: Event::Moved(Position { slide, reveal: 0 }) }
}

#[test]
fn what_is_above_the_level_is_in_no_byte_and_takes_no_time() {
    let said = |at, text: &str| Stamped { at, event: Event::Captioned(Some(text.into())) };
    let events = [
        talk_begins(),
        said(0, "say Opening SECRET of Opening"),
        moved(10_000_000, 1),
        said(10_000_000, "say SECRET plan SECRET of SECRET plan"),
        moved(40_000_000, 2),
        said(40_000_000, "say Copy SECRET of Copy"),
        moved(45_000_000, 0),
    ];
    let texts = |level| {
        let (camera, lines) = shot(&take(""), level, &events);
        let text = serde_json::to_string(&(camera.timeline(), &lines)).expect("plain values");
        (text, lines, camera.timeline())
    };
    let (public, lines, timeline) = texts(Level::Public);
    assert!(!public.contains("SECRET"), "{public}");
    assert!(public.contains("say Copy") && public.contains("body of Opening"), "{public}");
    assert!(!public.contains("SECRET of Copy"));
    assert_eq!(timeline.length, 15_000_000);
    assert_eq!(lines.iter().map(|line| line.0).max(), Some(15_000_000));
    let slides: Vec<_> = timeline.slides.iter().map(|band| band.name.as_str()).collect();
    assert_eq!(slides, ["Opening", "Copy", "Opening"]);
    let (internal, _, timeline) = texts(Level::Internal);
    assert!(internal.contains("SECRET plan") && internal.contains("SECRET of Copy"));
    assert_eq!(timeline.length, 45_000_000);
}

#[test]
fn a_demo_of_a_slide_above_the_level_gives_nothing() {
    let opened = |level| {
        let mut deck = deck();
        deck.slides = vec![Slide { level, ..deck.slides[2].clone() }];
        let opened =
            Opened { deck, demos: demos(), version: Default::default(), held: Default::default(), faulty: false };
        Stamped { at: 0, event: Event::Opened(Box::new(opened)) }
    };
    let started = Stamped { at: 9, event: Event::StepStarted { step: 0, timeout_ms: 9 } };
    let printed = Stamped { at: 9, event: Event::Output("hello".into()) };
    for (level, drawn) in [(Level::Internal, false), (Level::Public, true)] {
        let (camera, lines) = shot(&take("copy"), Level::Public, &[opened(level), started.clone(), printed.clone()]);
        assert_eq!((camera.is_drawn(), lines.is_empty()), (drawn, !drawn), "{level:?}");
    }
}

#[test]
fn a_pane_says_of_what_take_it_is() {
    let mut deck = deck();
    deck.slides = vec![deck.slides[2].clone()];
    let opened = Opened { deck, demos: demos(), version: Default::default(), held: Default::default(), faulty: false };
    let events = [
        Stamped { at: 0, event: Event::Opened(Box::new(opened)) },
        Stamped { at: 0, event: Event::Begun { demo: "copy".into() } },
        Stamped { at: 1, event: Event::StepStarted { step: 0, timeout_ms: 9 } },
        Stamped { at: 9_000, event: Event::Output("hello".into()) },
    ];
    let (camera, lines) = shot(&take("copy"), Level::Public, &events);
    let (_, show) = projector(&camera, &lines).seek(9).expect("whole");
    assert!(matches!(show.source("copy"), crate::Source::Recorded(_)), "{:?}", show.source("copy"));
    // Where no chart is drawn no audience reads the words of a step.
    assert_eq!(camera.timeline().steps[0].name, "");
}

#[test]
fn a_reel_that_cannot_be_played_is_named_with_its_line() {
    let (camera, lines) = shot(&take(""), Level::Public, &[talk_begins(), moved(1_000, 2)]);
    let mut whole = projector(&camera, &lines);
    whole.lines.push_str("[12,");
    let error = whole.due(9_000).expect_err("torn");
    assert!(matches!(error, ReelError::Line { line, .. } if line == lines.len() + 1), "{error}");
    for head in ["", "{}", r#"{"format":"greenroom-reel","version":2}"#] {
        assert!(matches!(Projector::open(head, String::new()), Err(ReelError::Head(_))), "{head}");
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..2_usize).prop_map(|step| Event::StepStarted { step, timeout_ms: 9 }),
        (0..2_usize).prop_map(|step| Event::StepEnded { step, outcome: Outcome::Passed { seen: "1".into() } }),
        r"[a-z\x1b\[0-9m\r\n]{0,30}".prop_map(Event::Output),
        (0..3_usize).prop_map(|slide| Event::Moved(Position { slide, reveal: 0 })),
        any::<bool>().prop_map(|on| Event::Captioned(on.then(|| "x".to_string()))),
        Just(Event::Begun { demo: "copy".into() }),
    ]
}

proptest! {
    #[test]
    fn whoever_seeks_in_a_reel_sees_what_whoever_plays_it_sees(
        script in proptest::collection::vec((0..20_000_000_u64, event()), 1..80),
        level in prop_oneof![Just(Level::Public), Just(Level::Internal)],
    ) {
        let mut at = 0;
        let rest = script.into_iter().map(|(gap, event)| {
            at += gap;
            Stamped { at, event }
        });
        let events: Vec<_> = std::iter::once(talk_begins()).chain(rest).collect();
        let (camera, lines) = shot(&take(""), level, &events);
        let mut sought = projector(&camera, &lines);
        prop_assert!(!sought.look_on(usize::MAX).expect("whole"));
        let mut played = projector(&camera, &lines);
        let mut show = Show::default();
        for Line(due, ..) in &lines {
            let told = played.due(*due).expect("whole");
            told.told.into_iter().for_each(|told| show.hear(told));
            prop_assert_eq!(sought.seek(*due).expect("whole"), (told.now, show.clone()));
        }
        let (_, first) = sought.seek(0).expect("whole");
        let mut again = first;
        sought.due(Micros::MAX).expect("whole").told.into_iter().for_each(|told| again.hear(told));
        prop_assert_eq!(again, show);
        let whole = |line: &Line| matches!(line.2.change, Change::Stage(_));
        prop_assert!(lines.first().is_none_or(whole));
    }
}
