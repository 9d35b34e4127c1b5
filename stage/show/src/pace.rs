//! How the talk stands against its plan: ahead or behind, when it will end, and what to leave out to end on time.

use crate::deck::Deck;
use crate::order;
use crate::version::slide_minutes;

/// Off by less than this is on time: nobody hurries for a minute.
pub const CALM_SECONDS: f64 = 60.0;

#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// By how many seconds the talk is behind the plan of its slide; negative where it is ahead of it.
    pub behind: f64,
    /// Seconds on the talk's clock at which it will end at this pace.
    pub finish: f64,
    /// Slides still to come, in order, that bring the talk back to its plan when they are left out; all that may be where that is not
    /// enough.
    pub skip: Vec<usize>,
}

/// Judges a talk that is on slide `slide` after `elapsed` seconds.
pub fn pace(deck: &Deck, slide: usize, elapsed: f64) -> Option<Pace> {
    let planned: Vec<f64> = slide_minutes(deck).iter().map(|minutes| minutes * 60.0).collect();
    let own = *planned.get(slide)?;
    let start: f64 = planned[..slide].iter().sum();
    let end = start + own;
    let total: f64 = planned.iter().sum();
    let behind = if elapsed > end {
        elapsed - end
    } else if elapsed < start {
        elapsed - start
    } else {
        0.0
    };
    // What is left of this slide, and all after it.
    let rest = (end - elapsed).clamp(0.0, own) + planned[slide + 1..].iter().sum::<f64>();
    let finish = elapsed + rest;
    let skip = if finish - total > CALM_SECONDS { skip(deck, &planned, slide, finish - total) } else { vec![] };
    Some(Pace { behind, finish, skip })
}

/// Slides after `slide` to leave out until `over` seconds are won: the least important first, and of those the nearest.
fn skip(deck: &Deck, planned: &[f64], slide: usize, over: f64) -> Vec<usize> {
    let mut open: Vec<usize> = (slide + 1..planned.len()).filter(|index| deck.slides[*index].priority > 1).collect();
    order::sort_by_key(&mut open, |index| (u8::MAX - deck.slides[*index].priority, *index));
    let mut won = 0.0;
    let mut skip = Vec::new();
    for index in open {
        if won >= over {
            break;
        }
        won += planned[index];
        skip.push(index);
    }
    order::sort_by(&mut skip, Ord::cmp);
    skip
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deck::{Level, Section, Slide, Theme};

    /// Ten slides of a minute each.
    fn deck(priorities: [u8; 10]) -> Deck {
        let slide = |priority| Slide { priority, ..Slide::blank() };
        Deck {
            slug: String::new(),
            title: String::new(),
            theme: Theme::Dark,
            audience: Level::Public,
            minutes: 10.0,
            cuts: vec![],
            fallback: crate::deck::Fallback::Ask,
            sections: vec![Section { title: String::new(), minutes: 10.0, first: 0 }],
            slides: priorities.map(slide).into(),
            hash: String::new(),
        }
    }

    #[test]
    fn pace_is_told_against_the_slide_that_is_shown() {
        let deck = deck([2; 10]);
        for (slide, elapsed, behind, finish) in [
            (0, 0.0, 0.0, 600.0),
            (0, 30.0, 0.0, 600.0),
            (2, 150.0, 0.0, 600.0),
            (2, 60.0, -60.0, 540.0),
            (2, 240.0, 60.0, 660.0),
            (9, 700.0, 100.0, 700.0),
        ] {
            let pace = pace(&deck, slide, elapsed).expect("a slide");
            assert_eq!((pace.behind, pace.finish), (behind, finish), "slide {slide} at {elapsed}");
        }
        assert_eq!(pace(&deck, 10, 0.0), None);
    }

    #[test]
    fn the_least_important_slides_are_left_out_and_only_as_many_as_it_takes() {
        let deck = deck([1, 1, 1, 2, 3, 2, 3, 1, 2, 1]);
        for (elapsed, skip) in [
            (180.0, vec![]),
            (240.0, vec![]),
            (300.0, vec![4, 6]),
            (310.0, vec![3, 4, 6]),
            (900.0, vec![3, 4, 5, 6, 8]),
        ] {
            assert_eq!(pace(&deck, 2, elapsed).expect("a slide").skip, skip, "at {elapsed}");
        }
    }
}
