//! The audience's window as it is fed: what it is told holds nothing that is not on its stage, and draws what the presenter's does.

mod talk;

use greenroom_show::audience::{Audience, Change, Ran, Seen, Told};
use greenroom_show::deck::{Layout, Pane, Plays, Slide};
use greenroom_show::diff::Side;
use greenroom_show::marks::{Ink, Pointer, PointerKind};
use greenroom_show::planner::{Key, Settings};
use greenroom_show::take::{Edition, Machine, TakeInfo, Verdict};
use greenroom_show::unit::Unit;
use greenroom_show::{
    ClockAct, Curtain, Event, Ghost, Micros, Notice, Outcome, Position, Replay, Run, Series, Show, StackState, Stamped,
};
use proptest::prelude::*;
use talk::{LIVE, SPEAKER, TAKEN, opened};

/// A director's show, and the audience's window that follows it from the start.
#[derive(Default)]
struct Theatre {
    at: Micros,
    show: Show,
    audience: Audience,
    window: Show,
}

impl Theatre {
    fn open() -> Self {
        let mut theatre = Self::default();
        theatre.happens(opened(LIVE));
        theatre
    }

    /// Folds an event as the director does, sends what it brings over the wire, and checks both windows.
    fn happens(&mut self, event: Event) -> Vec<Told> {
        self.at += 40_000;
        self.show.apply(self.at, &event);
        let told = self.audience.after(&self.show, self.at, &event);
        self.holds_nothing_else(&serde_json::to_string(&told).expect("plain values"), &event);
        for told in &told {
            self.window.hear(over_the_wire(told));
        }
        self.draws_the_same(&self.window, &event);
        self.late_comers_see_the_same(&event);
        told
    }

    fn moves(&mut self, slide: usize) -> Vec<Told> {
        self.happens(Event::Moved(Position { slide, reveal: 0 }))
    }

    /// Whether something of the talk is to be seen.
    fn is_open(&self) -> bool {
        Seen::of(&self.show).scene.is_some()
    }

    fn holds_nothing_else(&self, sent: &str, after: &Event) {
        let holds = |word: &str| assert!(!sent.contains(word), "{word} after {after:?}: {sent}");
        holds(SPEAKER);
        let shown = if self.show.replays_talk() { TAKEN } else { LIVE };
        let position = self.show.audience_position().slide;
        let deck = self.show.deck.as_ref();
        let demo = deck.and_then(|deck| deck.slides.get(position)?.cue.as_ref()).map(|cue| cue.demo.as_str());
        for mark in [LIVE, TAKEN] {
            for slide in (0..talk::SLIDES).filter(|slide| !self.is_open() || mark != shown || *slide != position) {
                holds(&format!("{mark}-slide-{slide}."));
            }
            for section in ["Opening", "Showing", "Closing"] {
                let is_here =
                    deck.and_then(|deck| deck.section_of(position)).is_some_and(|here| here.title.ends_with(section));
                if !self.is_open() || mark != shown || !is_here {
                    holds(&format!("{mark}-{section}"));
                }
            }
        }
        for other in ["copying", "moving"].into_iter().filter(|other| !self.is_open() || demo != Some(*other)) {
            holds(other);
        }
        if !self.is_open() || position != talk::PLANNER {
            holds("1234.5");
        }
    }

    fn draws_the_same(&self, window: &Show, after: &Event) {
        let say = || format!("after {after:?}");
        assert_eq!(window.curtain, self.show.curtain, "{}", say());
        if !self.is_open() {
            return;
        }
        assert_eq!(Seen::of(window), Seen::of(&self.show), "{}", say());
        let position = self.show.audience_position();
        assert_eq!(window.audience_position(), position, "{}", say());
        let slide = |show: &Show| show.deck.clone().expect("a deck").slides[position.slide].clone();
        let (drawn, own) = (slide(window), slide(&self.show));
        assert_eq!((&drawn.title, &drawn.body, &drawn.cue), (&own.title, &own.body, &own.cue), "{}", say());
        let look = |slide: &Slide| (slide.layout, slide.class.clone(), slide.motif, slide.clicks());
        assert_eq!(look(&drawn), look(&own), "{}", say());
        let sizes =
            |show: &Show| show.deck.as_ref().map(|deck| (deck.slides.len(), deck.sections.len(), deck.title.clone()));
        assert_eq!(sizes(window), sizes(&self.show), "{}", say());
        assert_eq!(window.marks.strokes(position.slide), self.show.marks.strokes(position.slide), "{}", say());
        assert_eq!((window.marks.pointer, window.span), (self.show.marks.pointer, self.show.span), "{}", say());
        assert_eq!(window.caption, self.show.caption, "{}", say());
        let demo = own.cue.as_ref().map(|cue| cue.demo.as_str());
        for name in own.figures() {
            assert_eq!(window.bound(&name, demo), self.show.bound(&name, demo), "{name} {}", say());
        }
        if own.layout == Layout::Planner {
            assert_eq!(window.plan(), self.show.plan(), "{}", say());
        }
        if let Some(demo) = demo.filter(|demo| own.layout.needs_demo() && self.show.demos.contains_key(*demo)) {
            self.draws_the_same_run(window, demo, &say());
        }
    }

    fn draws_the_same_run(&self, window: &Show, slug: &str, say: &str) {
        let demo = self.show.demo(slug).expect("a demo");
        assert_eq!(window.source(slug), self.show.source(slug), "{say}");
        let names =
            |show: &Show| show.demo(slug).expect("a demo").steps.iter().map(|step| step.name()).collect::<Vec<_>>();
        assert_eq!(names(window), names(&self.show), "{say}");
        assert_eq!(window.demo(slug).expect("a demo").charts, demo.charts, "{say}");
        let under = |show: &Show| {
            let ghost = show.ghost(slug)?;
            let series: Vec<_> = demo.metrics().filter_map(|metric| ghost.series.get(metric).cloned()).collect();
            Some((ghost.badge.clone(), ghost.steps.clone(), series))
        };
        assert_eq!(under(window), under(&self.show), "{say}");
        assert_eq!(window.demo(slug).expect("a demo").topology, demo.topology, "{say}");
        let Some(run) = self.show.run(slug) else { return };
        let drawn = window.run(slug).expect("a run");
        assert_eq!((drawn.began, drawn.now, &drawn.tools), (run.began, run.now, &run.tools), "{say}");
        assert_eq!(drawn.terminal.text(), run.terminal.text(), "{say}");
        for metric in demo.metrics() {
            assert_eq!(drawn.series.get(metric), run.series.get(metric), "{metric} {say}");
        }
        for step in 0..demo.steps.len() {
            assert_eq!(drawn.state(step), run.state(step), "step {step} {say}");
        }
        let times =
            |run: &greenroom_show::Run| run.steps.values().map(|step| (step.started, step.ended)).collect::<Vec<_>>();
        assert_eq!(times(drawn), times(run), "{say}");
    }

    fn late_comers_see_the_same(&self, after: &Event) {
        let snapshot = Told { at: self.at, change: Change::Stage(Seen::of(&self.show)) };
        self.holds_nothing_else(&serde_json::to_string(&snapshot).expect("plain values"), after);
        let mut late = Show::default();
        late.hear(over_the_wire(&snapshot));
        self.draws_the_same(&late, after);
    }
}

/// As a page reads it: by way of a value.
fn over_the_wire(told: &Told) -> Told {
    let text = serde_json::to_string(told).expect("plain values");
    let value: serde_json::Value = serde_json::from_str(&text).expect("what was written");
    serde_json::from_value(value).expect("what was written")
}

fn take(demo: &str) -> TakeInfo {
    let machine = Machine { cpu: "A processor".into(), cores: 8, memory_bytes: 1, system: format!("{SPEAKER} system") };
    TakeInfo {
        id: format!("{SPEAKER}-take"),
        demo: demo.into(),
        at_unix_ms: 1_700_000_000_000,
        duration_ms: 5,
        machine,
        verdict: Verdict::Passed,
        edition: Edition::Earlier,
    }
}

fn begun(demo: &str) -> Event {
    Event::Begun { demo: demo.into() }
}

fn started(step: usize) -> Event {
    Event::StepStarted { step, timeout_ms: 5_000 }
}

fn ended(step: usize, outcome: Outcome) -> Event {
    Event::StepEnded { step, outcome }
}

fn passed() -> Outcome {
    Outcome::Passed { seen: "3 of 3".into() }
}

fn failed() -> Outcome {
    Outcome::Failed { why: format!("{SPEAKER} knows the tool's last lines") }
}

fn timed_out() -> Outcome {
    Outcome::TimedOut { why: format!("{SPEAKER} knows what was known last") }
}

fn sample(metric: &str, value: f64) -> Event {
    Event::Sample([(metric.to_string(), value), (format!("{SPEAKER}.hidden"), 1.0)].into())
}

fn figure(name: &str, value: f64) -> Event {
    Event::Figure { name: name.into(), value, unit: Unit::Seconds }
}

fn planned(value: f64) -> Event {
    let mut settings = Settings::default();
    settings.set(Key::Data, Some(value));
    Event::Planned(settings)
}

fn notice() -> Event {
    Event::Notice(Notice { text: format!("{SPEAKER} reads this") })
}

fn down() -> Event {
    Event::Stack(StackState::Down { reason: format!("{SPEAKER} reads the log") })
}

fn ready() -> Event {
    Event::Stack(StackState::Ready { version: format!("{SPEAKER} 1.0"), blob: format!("http://{SPEAKER}") })
}

fn laser() -> Event {
    Event::Pointed(Some(Pointer { kind: PointerKind::Laser, at: (4.0, 5.0) }))
}

/// One of all that can happen, by two numbers.
fn event(kind: u8, with: u8, depth: u8) -> Event {
    let slide = usize::from(with) % talk::SLIDES;
    let step = usize::from(with) % 3;
    let demo = if with.is_multiple_of(2) { "copying" } else { "moving" };
    match kind {
        0 | 1 => Event::Moved(Position { slide, reveal: usize::from(with) / 64 }),
        2 => Event::Curtain([Curtain::Open, Curtain::Black, Curtain::White][step]),
        3 => Event::Frozen((!with.is_multiple_of(3)).then_some(Position { slide, reveal: 0 })),
        4 => Event::Span(if with.is_multiple_of(2) {
            greenroom_show::Span::WholeRun
        } else {
            greenroom_show::Span::LastMinute
        }),
        5 => [notice(), down(), ready(), Event::Faults(vec![format!("{SPEAKER} mends this")])][usize::from(with) % 4]
            .clone(),
        6 => Event::Clock([ClockAct::Start, ClockAct::Pause, ClockAct::Set(7)][step]),
        7 => {
            if with.is_multiple_of(3) {
                Event::Pointed(None)
            } else {
                laser()
            }
        }
        8 => Event::Inked(
            [Ink::Down((1.0, 2.0)), Ink::Along(vec![(3.0, 4.0)]), Ink::Undo, Ink::Clear][usize::from(with) % 4].clone(),
        ),
        9 => planned(1234.5),
        10 => Event::Looped(with.is_multiple_of(2).then_some(step)),
        11 => Event::Captioned(with.is_multiple_of(2).then(|| "Said aloud.".to_string())),
        12 => Event::Zoomed(with.is_multiple_of(2).then_some(Pane::Charts)),
        13 => begun(demo),
        14 => started(step),
        15 => ended(step, [passed(), failed(), timed_out(), Outcome::Cancelled][usize::from(with) % 4].clone()),
        16 => Event::Output(format!("line {with}\r\n")),
        17 => sample(["copy.bytes_in_per_s", "flow.ops_per_s", "offload.reduction"][step], f64::from(with) + 0.5),
        18 => figure(["copy.seconds", "move.seconds"][usize::from(with) % 2], f64::from(with) + 0.25),
        19 => Event::Tool { name: "azcopy".into(), is: format!("10.{with}") },
        20 => opened(if depth == 0 { LIVE } else { TAKEN }),
        21 if depth == 0 => Event::Replay(Replay::Opened(take(["copying", "moving", ""][step]))),
        22 if depth == 0 => Event::Replay(
            [Replay::Played, Replay::Paused, Replay::Restarted, Replay::Ended, Replay::Closed][usize::from(with) % 5]
                .clone(),
        ),
        23 => Event::Ghosted((!with.is_multiple_of(3)).then(|| Box::new(ghost(demo)))),
        24 => Event::Chosen { demo: format!("{SPEAKER}-demo"), plays: Plays::Auto },
        _ => notice(),
    }
}

/// Of a take with more in it than charts draw.
fn ghost(demo: &str) -> Ghost {
    let Event::Opened(opened) = opened(LIVE) else { unreachable!("it opens a deck") };
    let mut run = Run::new(demo, 0);
    for (at, event) in
        [(1, started(0)), (2, sample("copy.bytes_in_per_s", 7.5)), (3, ended(0, passed())), (4, started(2))]
    {
        run.apply(at, &event);
    }
    let demo = &opened.demos[demo];
    let mut ghost =
        Ghost::of(format!("{SPEAKER}-take"), badge(demo.slug.as_str()), Side { demo: Some(demo), run: &run }, demo);
    // Whoever lays one may know more than is drawn.
    ghost.series.insert(format!("{SPEAKER}.hidden"), Series::default());
    ghost
}

fn badge(demo: &str) -> greenroom_show::Badge {
    greenroom_show::Badge::of(&take(demo), Some(&Machine::default()))
}

const KINDS: u8 = 26;

fn some_event() -> impl Strategy<Value = Event> {
    let inner = (0..KINDS, any::<u8>()).prop_map(|(kind, with)| event(kind, with, 1));
    let batch = prop::collection::vec(inner, 1..6).prop_map(|events| {
        let stamped = events.into_iter().enumerate();
        Event::Replay(Replay::Events(stamped.map(|(index, event)| Stamped { at: index as Micros, event }).collect()))
    });
    prop_oneof![6 => (0..KINDS, any::<u8>()).prop_map(|(kind, with)| event(kind, with, 0)), 1 => batch]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_audience_sees_its_stage_and_nothing_else(events in prop::collection::vec(some_event(), 1..60)) {
        let mut theatre = Theatre::open();
        for event in events {
            // A recorded talk brings its own deck first.
            if let Event::Replay(Replay::Opened(take)) = &event && take.is_of_talk() {
                theatre.happens(event);
                let first = Stamped { at: 0, event: opened(TAKEN) };
                theatre.happens(Event::Replay(Replay::Events(vec![first])));
            } else {
                theatre.happens(event);
            }
        }
    }
}

#[test]
fn what_lies_under_the_charts_is_seen_on_its_slide_and_named() {
    let mut theatre = Theatre::open();
    theatre.moves(1);
    theatre.happens(Event::Ghosted(Some(Box::new(ghost("copying")))));
    let under = theatre.window.ghost("copying").expect("on its slide");
    assert_eq!(under.take, "", "the id is the speaker's");
    assert_eq!((under.badge.on, under.steps.len(), under.series.len()), (greenroom_show::On::Another, 2, 1));
    theatre.moves(2);
    assert!(theatre.window.ghost.is_none());
    theatre.moves(1);
    assert!(theatre.window.ghost("copying").is_some());
    theatre.happens(Event::Ghosted(None));
    assert!(theatre.window.ghost.is_none());
}

#[test]
fn a_whole_talk_with_its_demos_says_nothing_of_the_speakers() {
    let mut theatre = Theatre::open();
    let talk = [
        ready(),
        Event::Clock(ClockAct::Start),
        notice(),
        Event::Faults(vec![format!("{SPEAKER} mends this")]),
        planned(1234.5),
        Event::Captioned(Some("Said aloud.".into())),
        Event::Moved(Position { slide: 0, reveal: 1 }),
        laser(),
        Event::Moved(Position { slide: 1, reveal: 0 }),
        begun("copying"),
        Event::Tool { name: "azcopy".into(), is: "10.30.1".into() },
        started(0),
        Event::Output("$ azcopy copy\r\n".into()),
        sample("copy.bytes_in_per_s", 7e6),
        figure("copy.seconds", 4.0),
        ended(0, passed()),
        started(1),
        ended(1, failed()),
        down(),
        Event::Moved(Position { slide: 2, reveal: 0 }),
        begun("moving"),
        started(0),
        sample("offload.reduction", 2.5),
        Event::Curtain(Curtain::Black),
        Event::Moved(Position { slide: 3, reveal: 0 }),
        Event::Output("behind the curtain\r\n".into()),
        Event::Curtain(Curtain::Open),
        Event::Moved(Position { slide: 0, reveal: 0 }),
        Event::Frozen(Some(Position { slide: 0, reveal: 0 })),
        Event::Moved(Position { slide: 4, reveal: 0 }),
        Event::Frozen(None),
        Event::Moved(Position { slide: 1, reveal: 0 }),
        Event::Replay(Replay::Opened(take("copying"))),
        Event::Replay(Replay::Events(vec![
            Stamped { at: 0, event: begun("copying") },
            Stamped { at: 5, event: started(0) },
            Stamped { at: 9, event: notice() },
            Stamped { at: 9, event: ended(0, failed()) },
        ])),
        Event::Replay(Replay::Ended),
        Event::Replay(Replay::Opened(take(""))),
        Event::Output("of the live show\r\n".into()),
        Event::Replay(Replay::Events(vec![
            Stamped { at: 0, event: opened(TAKEN) },
            Stamped { at: 0, event: notice() },
            Stamped { at: 0, event: Event::Moved(Position { slide: 2, reveal: 0 }) },
        ])),
        Event::Moved(Position { slide: 0, reveal: 0 }),
        Event::Replay(Replay::Closed),
    ];
    talk.into_iter().for_each(|event| {
        theatre.happens(event);
    });
}

#[test]
fn of_what_is_not_on_stage_nothing_is_told() {
    let mut theatre = Theatre::open();
    for event in [notice(), ready(), down(), Event::Clock(ClockAct::Start), Event::Looped(Some(1)), planned(1234.5)] {
        assert_eq!(theatre.happens(event), [], "the speaker's");
    }
    for event in [begun("copying"), started(0), Event::Output("hi".into()), sample("copy.bytes_in_per_s", 1.0)] {
        assert_eq!(theatre.happens(event), [], "a demo that is on another slide");
    }
    theatre.happens(Event::Frozen(Some(Position { slide: 0, reveal: 0 })));
    assert_eq!(theatre.moves(1), [], "the speaker browses");
    theatre.happens(Event::Frozen(None));
    theatre.happens(Event::Curtain(Curtain::White));
    for event in [Event::Output("hi".into()), laser(), Event::Inked(Ink::Down((1.0, 1.0))), begun("copying")] {
        assert_eq!(theatre.happens(event), [], "behind the curtain");
    }
    assert_eq!(theatre.moves(2), [], "behind the curtain");
    theatre.happens(Event::Curtain(Curtain::Open));
    theatre.happens(Event::Replay(Replay::Opened(take(""))));
    for event in [Event::Moved(Position { slide: 3, reveal: 0 }), begun("copying"), Event::Curtain(Curtain::Black)] {
        assert_eq!(theatre.happens(event), [], "live, while a recorded talk is drawn");
    }
}

#[test]
fn what_happens_often_is_told_in_few_words() {
    let mut theatre = Theatre::open();
    theatre.moves(1);
    theatre.happens(begun("copying"));
    // Where the run comes from is said anew as steps start and end.
    let mut only = |event: Event| {
        let told = theatre.happens(event);
        assert!(told.iter().skip(1).all(|told| matches!(told.change, Change::Look(_))), "{told:?}");
        told[0].change.clone()
    };
    assert_eq!(only(started(0)), Change::Ran(Ran::StepStarted { step: 0 }));
    assert_eq!(only(Event::Output("hi\r\n".into())), Change::Ran(Ran::Output("hi\r\n".into())));
    let drawn = [("copy.bytes_in_per_s".to_string(), 5.0)].into();
    assert_eq!(only(sample("copy.bytes_in_per_s", 5.0)), Change::Ran(Ran::Sample(drawn)));
    let ended_without_words =
        Change::Ran(Ran::StepEnded { step: 0, outcome: greenroom_show::audience::Outcome::Failed });
    assert_eq!(only(ended(0, failed())), ended_without_words);
    assert!(matches!(only(laser()), Change::Pointed(Some(_))));
    assert!(matches!(only(Event::Moved(Position { slide: 1, reveal: 1 })), Change::Look(_)));
}

#[test]
fn a_slide_that_fades_keeps_its_panes_and_a_fallen_curtain_hides_nothing() {
    let mut theatre = Theatre::open();
    theatre.moves(1);
    theatre.happens(begun("copying"));
    theatre.happens(Event::Output("hi\r\n".into()));
    theatre.moves(2);
    assert_eq!(theatre.window.run("copying").expect("its run").terminal.text(), "hi");
    theatre.happens(Event::Curtain(Curtain::Black));
    assert!(theatre.window.deck.is_some(), "what the curtain falls before");
    theatre.window.forget_what_is_covered();
    assert_eq!(theatre.window, Show { curtain: Curtain::Black, ..Show::default() });
    theatre.happens(Event::Curtain(Curtain::Open));
    theatre.window.forget_what_is_covered();
    assert!(theatre.window.deck.is_some(), "nothing is covered");
}

#[test]
fn a_slide_shows_only_the_panes_that_it_has() {
    let Event::Opened(mut talk) = opened(LIVE) else { unreachable!("it opens") };
    if let Some(cue) = &mut talk.deck.slides[1].cue {
        cue.panes = vec![Pane::Checks];
    }
    let mut show = Show::default();
    let ran = [begun("copying"), started(0), Event::Output("SCREEN\r\n".into()), sample("copy.bytes_in_per_s", 1.0)];
    for event in [Event::Opened(talk), Event::Moved(Position { slide: 1, reveal: 0 })].into_iter().chain(ran) {
        show.apply(1, &event);
    }
    let seen = serde_json::to_string(&Seen::of(&show)).expect("plain values");
    for word in ["SCREEN", "copy.bytes_in_per_s", "Throughput", "azcopy", "Cloud"] {
        assert!(!seen.contains(word), "{word}: {seen}");
    }
    assert!(seen.contains("The copy is whole"), "its check: {seen}");
}
