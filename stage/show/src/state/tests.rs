use super::*;
use crate::deck::{Level, Section, Theme};
use crate::{Replay, Stamped, take::TakeInfo};

fn deck(slides: usize) -> Deck {
    let slide =
        |index: usize| Slide { title: format!("Slide {}", index + 1), priority: 1, line: index + 1, ..Slide::blank() };
    Deck {
        slug: "talk".into(),
        hash: String::new(),
        title: String::new(),
        minutes: 1.0,
        theme: Theme::default(),
        audience: Level::Public,
        cuts: vec![],
        fallback: crate::deck::Fallback::Ask,
        sections: vec![Section { title: String::new(), minutes: 1.0, first: 0 }],
        slides: (0..slides).map(slide).collect(),
    }
}

pub(crate) fn opened(slides: usize) -> Event {
    Event::Opened(Box::new(Opened {
        deck: deck(slides),
        demos: BTreeMap::new(),
        version: Version::default(),
        held: BTreeSet::new(),
        faulty: false,
    }))
}

fn show(slides: usize) -> Show {
    let mut show = Show::default();
    show.apply(0, &opened(slides));
    show
}

/// All that a window or a key asks of a show.
fn ask(show: &Show) {
    show.slide();
    show.next_action();
    show.next_zoom();
    show.previous();
    show.said();
    show.pace(7);
    show.next_kept(7);
    show.plan();
    show.arrive(usize::MAX, usize::MAX);
    crate::audience::Seen::of(show);
}

#[test]
fn a_position_beyond_the_deck_is_its_last_slide() {
    for beyond in [3, 4, usize::MAX] {
        let mut show = show(3);
        let position = Position { slide: beyond, reveal: usize::MAX };
        show.apply(1, &Event::Moved(position));
        assert_eq!(show.position, Position { slide: 2, reveal: 0 });
        show.apply(2, &Event::Frozen(Some(position)));
        assert_eq!(show.audience_position().slide, 2);
        ask(&show);
        assert_eq!(show.previous().slide, 1);
        assert_eq!(show.next_action(), NextAction::End);
    }
}

#[test]
fn a_show_whose_position_is_wrong_already_answers_all_the_same() {
    let wrong = Position { slide: usize::MAX, reveal: usize::MAX };
    for slides in [0, 1, 3] {
        let mut show = Show { position: wrong, frozen: Some(wrong), looped: Some(9), ..show(slides) };
        ask(&show);
        assert!(show.previous().slide <= slides);
        show.apply(1, &opened(slides));
        assert!(show.position.slide <= slides.saturating_sub(1));
        ask(&show);
    }
}

#[test]
fn a_recorded_talk_of_a_longer_deck_stays_within_the_one_that_it_brings() {
    let mut live = show(3);
    let take = TakeInfo {
        id: "a".into(),
        demo: String::new(),
        at_unix_ms: 0,
        duration_ms: 1,
        machine: crate::take::Machine::default(),
        verdict: crate::take::Verdict::Passed,
        edition: crate::take::Edition::Earlier,
    };
    live.apply(1, &Event::Replay(Replay::Opened(take)));
    let moved = Event::Moved(Position { slide: 70, reveal: 2 });
    let events = [opened(2), moved, Event::Clock(ClockAct::Set(Micros::MAX)), Event::Clock(ClockAct::Start)];
    let events = events.map(|event| Stamped { at: Micros::MAX - 1, event }).to_vec();
    live.apply(2, &Event::Replay(Replay::Events(events)));
    assert!(live.replays_talk());
    assert_eq!(live.position.slide, 1);
    ask(&live);
    live.clock.elapsed(Micros::MAX);
}

#[test]
fn the_last_good_version_is_on_stage_only_where_what_is_wrong_is_not() {
    let fault = Event::Faults(vec!["slides/talk/deck.md:3: unknown layout".into()]);
    let mut show = show(3);
    assert!(!show.keeps_last_good());
    show.apply(1, &fault);
    assert!(show.keeps_last_good(), "an edit that is not shown");
    let Event::Opened(whole) = opened(3) else { unreachable!("it opens a deck") };
    show.apply(2, &Event::Opened(Box::new(Opened { faulty: true, ..*whole })));
    assert!(!show.keeps_last_good(), "what the faults leave is shown");
    show.apply(3, &opened(3));
    show.apply(4, &Event::Faults(vec![]));
    assert!(!show.keeps_last_good());
}
