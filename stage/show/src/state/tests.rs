use super::*;
use crate::deck::{Beat, Layout, Level, Section, Theme};
use crate::take::{TakeInfo, Verdict};
use crate::{Stamped, take::Machine};

/// Slides of one click each.
fn deck(slug: &str, titles: &[&str]) -> Deck {
    let slide = |title: &&str| Slide {
        layout: Layout::Bullets,
        title: title.to_string(),
        section: 0,
        minutes: None,
        priority: 1,
        level: Level::Public,
        alias: None,
        class: String::new(),
        body: vec![],
        cue: None,
        beats: vec![Beat::default(), Beat::default()],
        line: 1,
    };
    Deck {
        slug: slug.into(),
        title: String::new(),
        theme: Theme::Dark,
        audience: Level::Public,
        minutes: 10.0,
        cuts: vec![],
        sections: vec![Section { title: String::new(), minutes: 10.0, first: 0 }],
        slides: titles.iter().map(slide).collect(),
        hash: String::new(),
    }
}

fn opened(slug: &str, titles: &[&str]) -> Event {
    let deck = deck(slug, titles);
    Event::Opened(Box::new(Opened { deck, demos: BTreeMap::new(), version: Version::default(), held: BTreeSet::new() }))
}

/// Asks all that is asked of a position.
fn used(mut show: Show) {
    show.next_action();
    show.arrive(show.position.slide, show.position.reveal);
    (show.previous(), show.said(), show.pace(0), show.next_kept(0), show.next_zoom());
    show.apply(1, &opened("talk", &["edited"]));
    show.apply(2, &opened("other", &["a"]));
    assert_eq!(show.position, Position::default());
}

const BEYOND: [Position; 3] = [
    Position { slide: 3, reveal: 0 },
    Position { slide: usize::MAX, reveal: usize::MAX },
    Position { slide: 2, reveal: usize::MAX },
];

#[test]
fn a_position_beyond_the_deck_ends_on_its_last_slide() {
    for position in BEYOND {
        let mut show = Show::default();
        show.apply(0, &Event::Moved(position));
        show.apply(0, &Event::Frozen(Some(position)));
        used(show.clone());
        show.apply(0, &opened("talk", &["a", "b", "c"]));
        show.apply(0, &Event::Looped(Some(usize::MAX)));
        show.apply(1, &Event::Moved(position));
        show.apply(1, &Event::Frozen(Some(position)));
        for seen in [show.position, show.audience_position()] {
            assert!(seen.slide == 2 && seen.reveal <= 1, "{position:?} became {seen:?}");
        }
        used(show);
    }
}

#[test]
fn a_deck_that_lost_slides_keeps_no_position_beyond_it() {
    let mut show = Show::default();
    show.apply(0, &opened("talk", &["a", "b", "c"]));
    show.apply(1, &Event::Moved(Position { slide: 2, reveal: 1 }));
    show.apply(1, &Event::Frozen(Some(Position { slide: 2, reveal: 1 })));
    for titles in [&["x", "y"][..], &["x"], &[]] {
        show.apply(2, &opened("talk", titles));
        let last = titles.len().saturating_sub(1);
        assert!(show.position.slide <= last && show.audience_position().slide <= last, "{titles:?}");
    }
    used(show);
}

#[test]
fn the_take_of_a_talk_brings_no_position_beyond_its_deck() {
    for position in BEYOND {
        let mut recorded = Show::default();
        recorded.apply(0, &opened("talk", &["a", "b", "c"]));
        recorded.position = position;
        recorded.frozen = Some(position);
        let take = TakeInfo {
            id: "t".into(),
            demo: String::new(),
            at_unix_ms: 0,
            duration_ms: 0,
            machine: Machine::default(),
            verdict: Verdict::Passed,
            edition: crate::take::Edition::Todays,
        };
        let showed = Event::Showed { now: 5, show: Box::new(recorded) };
        let mut show = Show::default();
        show.apply(0, &Event::Replay(Replay::Opened(take)));
        show.apply(1, &Event::Replay(Replay::Events(vec![Stamped { at: 0, event: showed }])));
        assert!(show.replays_talk() && show.position.slide == 2 && show.audience_position().slide == 2);
        (show.next_action(), show.previous(), show.pace(9), show.next_kept(9));
    }
}
